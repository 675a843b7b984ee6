"""Rule groups evaluated slot by slot over a test's samples (rules/group.go, Group.Eval)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from alertlab.errors import BadInput, UnsupportedPromQL, UnsupportedTemplate
from alertlab.frame import STALE_NAN
from alertlab.rule_tests.queries import GridAnswers, Queries, Samples, is_independent
from alertlab.rule_tests.reading import UnitTest
from alertlab.rule_tests.states import ActiveAlert, AlertState, RecordingState, RuleFailed
from alertlab.rule_tests.store import Inputs, SampleRefused, SampleStore
from alertlab.rules import AlertRule, RuleGroup
from alertlab.units import LabelSet

NOT_EVALUATED = (UnsupportedPromQL, UnsupportedTemplate)
"""What says that a test cannot be judged here, whatever its outcome elsewhere."""


@dataclass(frozen=True)
class RuleError:
    """A rule whose evaluation failed, ``after_ms`` after the start of the test."""

    rule: str
    after_ms: int
    reason: str


@dataclass
class _Rule:
    """A rule in its group, with what it has written at the slot before."""

    state: AlertState | RecordingState
    group: RuleGroup
    grid: GridAnswers | None = None
    written: set[LabelSet] = field(default_factory=set)


class Evaluation:
    """The groups of a test, evaluated at every interval from its start to its last check.

    With ``at_once``, expressions that read nothing but input and what rules before them record
    are evaluated at all slots before the first one; the result is the same.
    """

    def __init__(
        self,
        groups: Sequence[RuleGroup],
        test: UnitTest,
        inputs: Inputs,
        *,
        interval_ms: int,
        semantics: int,
        at_once: bool = True,
    ) -> None:
        self.store, self.start_ms = SampleStore(inputs), test.start_ms
        self.queries = Queries(self.store, semantics, subquery_step_ms=interval_ms)
        self.slots_ms = test.start_ms + np.arange(0, test.span_ms + 1, interval_ms, dtype=np.int64)
        self._rules = [
            _Rule(self._state(rule, group, test), group) for group in groups for rule in group.rules
        ]
        if at_once:
            self._evaluate_grids(SampleStore(inputs))

    def run(self) -> Iterator[tuple[int, list[RuleError]]]:
        """Evaluate slot by slot; give each slot's end [ms after the start] and its errors."""
        for slot, at_ms in enumerate(self.slots_ms.tolist()):
            self.store.load_until(at_ms)
            errors = [self._evaluate(rule, slot, at_ms) for rule in self._rules]
            yield at_ms - self.start_ms, [error for error in errors if error is not None]

    def firing(self, alertname: str) -> list[ActiveAlert]:
        """Return the alerts of this name that fire now, in whatever group."""
        return [
            alert
            for rule in self._rules
            if isinstance(rule.state, AlertState) and rule.state.rule.name == alertname
            for alert in rule.state.active.values()
            if alert.is_firing
        ]

    def _state(self, rule, group: RuleGroup, test: UnitTest) -> AlertState | RecordingState:
        if isinstance(rule, AlertRule):
            return AlertState(
                rule, group.limit, self.queries, test.external_labels, test.external_url
            )
        return RecordingState(rule, group.limit)

    def _evaluate_grids(self, ahead: SampleStore) -> None:
        """Evaluate at all slots at once what does not depend on the order of slots.

        ``ahead`` is a store of its own, in which recording rules are slots ahead of the others.
        A rule may read there what rules before it write: its own evaluation at a slot looks at
        nothing behind that slot.
        """
        ahead.load_until(int(self.slots_ms[-1]))
        queries = replace(self.queries, store=ahead)
        behind = Counter(
            rule.state.name for rule in self._rules if isinstance(rule.state, RecordingState)
        )
        for rule in self._rules:
            names = {*behind, "ALERTS", "ALERTS_FOR_STATE"}
            if is_independent(rule.state.rule.expr, names):
                rule.grid = self._grid(rule, queries)
            if rule.grid is not None and self._records_ahead(rule, ahead):
                behind[rule.state.name] -= 1
                behind += Counter()  # names whose rules are all ahead go

    def _grid(self, rule: _Rule, queries: Queries) -> GridAnswers | None:
        times = self.slots_ms - rule.group.query_offset_ms
        try:
            return GridAnswers(queries.over(rule.state.rule.expr, times))
        except NOT_EVALUATED:
            raise
        except BadInput:  # slot by slot it will be known when it fails, if it does
            return None

    def _records_ahead(self, rule: _Rule, ahead: SampleStore) -> bool:
        """Write a recording rule's samples of all slots; False if not, or if one is refused."""
        if isinstance(rule.state, AlertState) or rule.group.query_offset_ms:
            return False
        writing = replace(rule, written=set())
        return not any(
            self._refusal(writing, ahead, slot, at_ms)
            for slot, at_ms in enumerate(self.slots_ms.tolist())
        )

    def _samples(self, rule: _Rule, slot: int, at_ms: int) -> Samples:
        if rule.grid is not None:
            return rule.grid.at(slot)
        return self.queries.at(rule.state.rule.expr, at_ms - rule.group.query_offset_ms)

    def _evaluate(self, rule: _Rule, slot: int, at_ms: int) -> RuleError | None:
        refusal = self._refusal(rule, self.store, slot, at_ms)
        return RuleError(rule.state.name, at_ms - self.start_ms, refusal) if refusal else None

    def _refusal(self, rule: _Rule, store: SampleStore, slot: int, at_ms: int) -> str:
        """Evaluate a rule and write its samples; say what failed, if anything did."""
        try:
            samples = rule.state.evaluate(self._samples(rule, slot, at_ms), at_ms)
        except NOT_EVALUATED:
            raise
        except (BadInput, RuleFailed) as error:
            return str(error)
        return _write(rule, store, samples, at_ms - rule.group.query_offset_ms)


def _write(rule: _Rule, store: SampleStore, samples: Samples, at_ms: int) -> str:
    """Append a rule's samples, and stale markers where series have gone; say what failed."""
    refusal, written = "", set()
    for labels, value in samples:
        try:
            store.append(labels, at_ms, value)
            written.add(labels)
        except SampleRefused as error:
            refusal = str(error)
    for labels in rule.written - written:
        with suppress(SampleRefused):  # as in Prometheus: another rule writes the series
            store.append(labels, at_ms, STALE_NAN)
    rule.written = written
    return refusal
