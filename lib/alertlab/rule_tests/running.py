"""A unit-test file run from end to end, with promtool's verdict (cmd/promtool/unittest.go)."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from alertlab.errors import BadInput
from alertlab.rule_tests.comparing import alert_difference, expected_samples, sample_difference
from alertlab.rule_tests.evaluation import NOT_EVALUATED, Evaluation
from alertlab.rule_tests.reading import (
    AlertCheck,
    ExprCheck,
    UnitTest,
    UnitTestFile,
    read_test_file,
)
from alertlab.rule_tests.store import read_input
from alertlab.rules import AlertRule, RuleGroup, load_groups
from alertlab.units import format_duration

Verdict = Literal["success", "failed", "not judged"]


@dataclass
class FileResult:
    """What became of a file: ``failures`` as promtool would have, what was ``not_judged``, and
    ``warnings`` that change no verdict.  Each is one text of one or several lines."""

    path: Path
    failures: list[str] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The file's verdict; it is a success only if everything in it was judged."""
        if self.failures:
            return "failed"
        return "not judged" if self.not_judged else "success"


def run_test_file(path: Path, *, semantics: int = 3, at_once: bool = True) -> FileResult:
    """Run a unit-test file for rules.

    ``semantics`` is Prometheus' major version, 3 or 2 (2.42); ``at_once`` evaluates at all slots
    at once what can be, to the same result.  Nothing is raised for a bad file: the result says it.
    """
    result = FileResult(path)
    try:
        file = read_test_file(path)
        groups = load_ordered_groups(file, result.warnings) if file.tests else []
    except NOT_EVALUATED as error:
        result.not_judged.append(str(error))
        return result
    except BadInput as error:
        result.failures.append(str(error))
        return result
    except OSError as error:
        result.failures.append(f"{error.filename}: {error.strerror}")
        return result
    for number, test in enumerate(file.tests):
        _Run(file, number, test, groups, result, semantics, at_once).run()
    return result


def load_ordered_groups(file: UnitTestFile, warnings: list[str]) -> list[RuleGroup]:
    """Load a test file's groups in the order of their evaluation; add to the warnings.

    As in promtool, groups that ``group_eval_order`` does not name come with its first one.
    """
    paths: dict[str, None] = {}
    for pattern in file.rule_patterns:
        # Path.glob takes no pattern that starts at the root.
        found = sorted(glob.glob(pattern.replace("[^", "[!"), include_hidden=True))  # noqa: PTH207
        if not found:
            warnings.append(f"no file matches {pattern}")
        paths.update(dict.fromkeys(found))
    order = {name: place for place, name in enumerate(file.group_order)}
    return sorted(load_groups(list(paths)), key=lambda group: order.get(group.name, 0))


class _Run:
    """One test of a file."""

    def __init__(
        self,
        file: UnitTestFile,
        number: int,
        test: UnitTest,
        groups: Sequence[RuleGroup],
        result: FileResult,
        semantics: int,
        at_once: bool,
    ) -> None:
        self.file, self.test, self.groups, self.result = file, test, groups, result
        self.semantics, self.at_once = semantics, at_once
        name = f"name: {test.name}" if test.name else f"test {number + 1}"
        self.where = f"{name} ({file.path}:{test.line})"

    def run(self) -> None:
        """Evaluate and compare; what fails or cannot be judged is noted in the result."""
        try:
            self._run()
        except NOT_EVALUATED as error:
            self.result.not_judged.append(f"{self.where}: {error}")
        except BadInput as error:
            self.result.failures.append(f"{self.where}: {error}")

    def _run(self) -> None:
        test = self.test
        end_ms = test.start_ms + test.span_ms
        inputs, unread = read_input(test.input_series, test.interval_ms, test.start_ms, end_ms)
        if unread:
            self._warn(
                "promtool reads no input_series behind a blank line or a comment "
                f"(lines unread: {unread}); remove the newline before them"
            )
        self._check_names()
        evaluation = Evaluation(
            self.groups,
            test,
            inputs,
            interval_ms=self.file.evaluation_interval_ms,
            semantics=self.semantics,
            at_once=self.at_once,
        )
        if self._check_alerts(evaluation):
            for check in test.expr_checks:
                self._check_expr(check, evaluation)

    def _check_names(self) -> None:
        known = {
            rule.name
            for group in self.groups
            for rule in group.rules
            if isinstance(rule, AlertRule)
        }
        for check in self.test.alert_checks:
            if not check.alertname:
                raise BadInput(
                    f"line {check.line}: an item under alert_rule_test has no alertname; add it"
                )
            if check.alertname not in known:
                self._warn(f"line {check.line}: there is no alert {check.alertname!r} to fire")

    def _check_alerts(self, evaluation: Evaluation) -> bool:
        """Evaluate all slots and compare alerts at theirs; False if an evaluation failed."""
        waiting = sorted(self.test.alert_checks, key=lambda check: check.eval_time_ms)
        for slot_ms, errors in evaluation.run():
            for error in errors:
                self._fail(
                    f"rule: {error.rule}, time: {format_duration(error.after_ms)}, "
                    f"err: {error.reason}"
                )
            if errors:
                return False
            end_ms = slot_ms + self.file.evaluation_interval_ms
            for check in _until(waiting, end_ms):
                self._check_alert(check, evaluation)
        return True

    def _check_alert(self, check: AlertCheck, evaluation: Evaluation) -> None:
        lines = alert_difference(
            [(one.labels, one.annotations) for one in check.expected],
            [(dict(one.labels), one.annotations) for one in evaluation.firing(check.alertname)],
        )
        if lines:
            self._fail(f"alertname: {check.alertname}, {self._at(check)}", lines)

    def _check_expr(self, check: ExprCheck, evaluation: Evaluation) -> None:
        head = f"expr: {check.expr!r}, {self._at(check)}"
        try:
            got = evaluation.queries.at(check.expr, self.test.start_ms + check.eval_time_ms)
            lines = sample_difference(expected_samples(check), got, fuzzy=self.file.fuzzy)
        except NOT_EVALUATED as error:
            self.result.not_judged.append(f"{self.where}\n    {head}: {error}")
        except BadInput as error:
            self._fail(f"{head}, err: {error}")
        else:
            if lines:
                self._fail(head, lines)

    def _at(self, check: AlertCheck | ExprCheck) -> str:
        return f"time: {format_duration(check.eval_time_ms)} (line {check.line})"

    def _fail(self, head: str, lines: Sequence[str] = ()) -> None:
        self.result.failures.append("\n".join([self.where, f"    {head}", *lines]))

    def _warn(self, text: str) -> None:
        self.result.warnings.append(f"{self.where}: {text}")


def _until(waiting: list[AlertCheck], end_ms: int) -> Iterator[AlertCheck]:
    """Take the checks before ``end_ms`` from the front of the list."""
    while waiting and waiting[0].eval_time_ms < end_ms:
        yield waiting.pop(0)
