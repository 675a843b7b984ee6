"""promtool's unit-test files for rules, read as promtool reads them (cmd/promtool/unittest.go).

Every file that promtool refuses is refused with its line; what it takes for granted (an absent
``interval`` is the evaluation interval) is filled in here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import ScalarString

from alertlab.errors import BadInput
from alertlab.rules import read_yaml
from alertlab.units import MINUTE_MS, SECOND_MS, parse_duration, parse_time

_TRUE = {"y", "yes", "on", "true"}
_FALSE = {"n", "no", "off", "false"}
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[-+]\d\d:\d\d)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?(?:0x[0-9a-f]+|0b[01]+|0o?[0-7]*|[1-9][0-9]*)", re.IGNORECASE)
_SPECIAL = re.compile(r"(?P<sign>[-+]?)\.(?P<what>inf|Inf|INF|nan|NaN|NAN)")


@dataclass(frozen=True)
class ExpectedAlert:
    """One of ``exp_alerts``, its ``alertname`` among the labels."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class AlertCheck:
    """One of ``alert_rule_test``: exactly these alerts fire at ``eval_time_ms``."""

    line: int
    alertname: str
    eval_time_ms: int
    expected: tuple[ExpectedAlert, ...]


@dataclass(frozen=True)
class ExpectedSample:
    """One of ``exp_samples``: its label set as written, and its value or native histogram."""

    labels: str
    value: float
    histogram: str


@dataclass(frozen=True)
class ExprCheck:
    """One of ``promql_expr_test``: the expression has exactly these samples."""

    line: int
    expr: str
    eval_time_ms: int
    expected: tuple[ExpectedSample, ...]


@dataclass(frozen=True)
class UnitTest:
    """One of ``tests``: input series, and what is to become of them."""

    line: int
    name: str
    interval_ms: int
    start_ms: int
    input_series: tuple[tuple[str, str], ...]
    alert_checks: tuple[AlertCheck, ...]
    expr_checks: tuple[ExprCheck, ...]
    external_labels: Mapping[str, str]
    external_url: str

    @property
    def span_ms(self) -> int:
        """How long rules are evaluated: up to the last check."""
        checks = (*self.alert_checks, *self.expr_checks)
        return max((check.eval_time_ms for check in checks), default=0)


@dataclass(frozen=True)
class UnitTestFile:
    """A unit-test file; ``rule_patterns`` are paths, made relative to the file, or globs."""

    path: Path
    rule_patterns: tuple[str, ...]
    evaluation_interval_ms: int
    group_order: tuple[str, ...]
    fuzzy: bool
    tests: tuple[UnitTest, ...]


def read_test_file(path: Path) -> UnitTestFile:
    """Read a unit-test file; raises BadInput for one that promtool would refuse."""
    if not path.is_file():
        raise BadInput(f"{path} does not exist or is not a file")
    top = _Node(read_yaml(path, keep_quotes=True), f"{path}")
    top.allow("rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare")
    interval_ms = top.duration("evaluation_interval") or MINUTE_MS
    order = tuple(top.text_list("group_eval_order"))
    for name in order:
        if order.count(name) > 1:
            raise BadInput(f"{path}: group_eval_order names {name!r} twice; remove one")
    return UnitTestFile(
        path=path,
        rule_patterns=tuple(
            str(path.parent / pattern) if pattern else "" for pattern in top.text_list("rule_files")
        ),
        evaluation_interval_ms=interval_ms,
        group_order=order,
        fuzzy=top.boolean("fuzzy_compare"),
        tests=tuple(
            _unit_test(node, number, interval_ms) for number, node in enumerate(top.nodes("tests"))
        ),
    )


def _unit_test(node: _Node, number: int, evaluation_interval_ms: int) -> UnitTest:
    node.allow(
        "interval", "input_series", "alert_rule_test", "promql_expr_test", "external_labels",
        "external_url", "name", "start_timestamp",
    )  # fmt: skip
    series = []
    for one in node.nodes("input_series"):
        one.allow("series", "values")
        series.append((one.text("series"), one.text("values")))
    return UnitTest(
        line=node.line,
        name=node.text("name"),
        interval_ms=node.duration("interval") or evaluation_interval_ms,
        start_ms=node.time("start_timestamp"),
        input_series=tuple(series),
        alert_checks=tuple(_alert_check(one) for one in node.nodes("alert_rule_test")),
        expr_checks=tuple(_expr_check(one) for one in node.nodes("promql_expr_test")),
        external_labels=node.texts("external_labels"),
        external_url=node.text("external_url"),
    )


def _alert_check(node: _Node) -> AlertCheck:
    node.allow("eval_time", "alertname", "exp_alerts")
    alertname = node.text("alertname")
    expected = []
    for one in node.nodes("exp_alerts"):
        one.allow("exp_labels", "exp_annotations")
        # As in promtool, people give the rule's labels, without the name.
        labels = {**one.texts("exp_labels"), "alertname": alertname}
        expected.append(ExpectedAlert(labels, one.texts("exp_annotations")))
    return AlertCheck(node.line, alertname, node.duration("eval_time"), tuple(expected))


def _expr_check(node: _Node) -> ExprCheck:
    node.allow("expr", "eval_time", "exp_samples")
    expected = []
    for one in node.nodes("exp_samples"):
        one.allow("labels", "value", "histogram")
        expected.append(
            ExpectedSample(one.text("labels"), one.number("value"), one.text("histogram"))
        )
    return ExprCheck(node.line, node.text("expr"), node.duration("eval_time"), tuple(expected))


class _Node:
    """A YAML mapping whose values are read as the Go types that promtool expects."""

    def __init__(self, value: Any, path: str) -> None:
        if value is not None and not isinstance(value, CommentedMap):
            raise BadInput(f"{path}: expected a mapping of names to values, found {value!r}")
        self.values: Mapping[str, Any] = {} if value is None else value
        self.path = path
        self.line = value.lc.line + 1 if isinstance(value, CommentedMap) else 0

    def allow(self, *keys: str) -> None:
        for key in self.values:
            if key not in keys:
                line = self.values.lc.key(key)[0] + 1
                raise BadInput(
                    f"{self.path}:{line}: unknown key {key!r}; known: {', '.join(sorted(keys))}"
                )

    def _wrong(self, key: str, expected: str) -> BadInput:
        line = self.values.lc.key(key)[0] + 1
        return BadInput(f"{self.path}:{line}: {key} is not {expected}: {self.values[key]!r}")

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._wrong(key, "a text")
        return str(value)

    def _entries(self, key: str) -> list[Any]:
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, CommentedSeq):
            raise self._wrong(key, "a list")
        return list(value)

    def nodes(self, key: str) -> Iterator[_Node]:
        return (_Node(one, self.path) for one in self._entries(key))

    def text_list(self, key: str) -> list[str]:
        entries = ["" if one is None else one for one in self._entries(key)]
        if not all(isinstance(one, str) for one in entries):
            raise self._wrong(key, "a list of texts")
        return [str(one) for one in entries]

    def texts(self, key: str) -> dict[str, str]:
        mapping = self.values.get(key)
        if mapping is None:
            return {}
        if not isinstance(mapping, CommentedMap):
            raise self._wrong(key, "a mapping of names to texts")
        texts = {str(name): "" if one is None else one for name, one in mapping.items()}
        if not all(isinstance(one, str) for one in texts.values()):
            raise self._wrong(key, "a mapping of names to texts")
        return {name: str(one) for name, one in texts.items()}

    def duration(self, key: str) -> int:
        value = self.values.get(key)
        if value is None:
            return 0
        if not isinstance(value, str) or value != value.strip():
            raise self._wrong(key, "a duration")
        try:
            return parse_duration(value)
        except BadInput as error:
            raise self._wrong(key, f"a duration ({error})") from None

    def time(self, key: str) -> int:
        """Read RFC 3339 or unix seconds; none is the epoch."""
        value = self.values.get(key)
        if value is None:
            return 0
        if not isinstance(value, str) or not (
            _RFC_3339.fullmatch(value) or _FLOAT.fullmatch(value)
        ):
            raise self._wrong(key, "a time in RFC 3339 or unix seconds")
        # Go cuts the fraction of unix seconds, parse_time rounds it.
        if _FLOAT.fullmatch(value):
            return int(float(value) * SECOND_MS)
        return parse_time(value)

    def boolean(self, key: str) -> bool:
        value = self.values.get(key)
        if value is None:
            return False
        text = "" if isinstance(value, ScalarString) else str(value).lower()
        if text not in _TRUE | _FALSE:
            raise self._wrong(key, "true or false")
        return text in _TRUE

    def number(self, key: str) -> float:
        """Read a float64; a quoted one is a text and none, as in promtool."""
        value = self.values.get(key)
        if value is None:
            return 0.0
        text = "" if isinstance(value, ScalarString) else str(value).replace("_", "")
        if special := _SPECIAL.fullmatch(text):
            number = float(special["what"])
            return -number if special["sign"] == "-" else number
        if _INTEGER.fullmatch(text):
            digits = text.lstrip("+-")
            octal = re.fullmatch(r"0[0-7]+", digits)
            number = float(int(digits, 8) if octal else int(digits, 0))
            return -number if text.startswith("-") else number
        if not _FLOAT.fullmatch(text):
            raise self._wrong(key, "a number")
        return float(text)
