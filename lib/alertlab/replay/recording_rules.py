"""What recording rules would have written, in place of what the source holds of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import STALE_NAN, Frame, Series
from alertlab.promql import (
    Matcher,
    evaluate,
    matches_all,
    names_read,
    selector_text,
)
from alertlab.replay.queries import query_slots
from alertlab.replay.slots import find_slots
from alertlab.rules import AlertRule, RecordingRule
from alertlab.sources import Source
from alertlab.sources.grid import step_times
from alertlab.units import NAME, LabelSet, label_set


def record_for(rule: AlertRule, source: Source, *, stated_ms: int, end_ms: int) -> Source:
    """Return a source in which a rule finds what the recording rules loaded with it record.

    stated_ms, end_ms : a slot to count from where the source tells none, and the last one

    Rules that were loaded together share what is recorded.  Raises BadInput for a rule that reads
    what its own group records after it.
    """
    if not rule.recorded:
        return source
    data = _recorded_source(rule.recorded, source, stated_ms, end_ms)
    data.check_order(rule)
    return data


@lru_cache(maxsize=4)
def _recorded_source(
    rules: tuple[RecordingRule, ...], source: Source, stated_ms: int, end_ms: int
) -> RecordedSource:
    return RecordedSource(source, rules, stated_ms=stated_ms, end_ms=end_ms)


class RecordedSource:
    """A source in which recording rules have run, each when something reads what it records.

    Expressions that read no recorded name are left to the source.  Where a rule's own
    expression finds no data at all, what the source holds under its name is used.
    """

    def __init__(
        self, source: Source, rules: Sequence[RecordingRule], *, stated_ms: int, end_ms: int
    ) -> None:
        """Let ``rules`` record up to ``end_ms``; ``stated_ms`` as for ``find_slots``."""
        self.source, self._rules = source, tuple(rules)
        self._stated_ms, self._until_ms = stated_ms, end_ms
        self._names = {rule.name for rule in rules}
        self._written: dict[RecordingRule, tuple[int, list[Series]]] = {}
        self._running: list[RecordingRule] = []
        self.start_ms, self.end_ms = source.start_ms, source.end_ms
        self.semantics, self.max_samples = source.semantics, source.max_samples

    def range_query(self, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Frame:
        """Evaluate ``expr`` at ``start, start + step, … <= end``, as the source does."""
        if not names_read(expr, self._names):
            return self.source.range_query(expr, start_ms, end_ms, step_ms)
        return evaluate(
            expr,
            self._select,
            step_times(start_ms, end_ms, step_ms),
            semantics=self.semantics,
            end_ms=end_ms,
            max_samples=self.max_samples,
        )

    def series(
        self, selector: str, start_ms: int, end_ms: int, *, stale_markers: bool = True
    ) -> list[Series]:
        """Return raw samples of the source, not of the rules."""
        return self.source.series(selector, start_ms, end_ms, stale_markers=stale_markers)

    def provenance(self) -> dict[str, Any]:
        """Say where the numbers come from."""
        return self.source.provenance()

    def check_order(self, rule: AlertRule | RecordingRule) -> None:
        """Raise BadInput if a rule reads what is recorded after it, or at the same evaluation."""
        read = names_read(rule.expr, self._names)
        for one in self._rules:
            same_group = (one.file, one.group) == (rule.file, rule.group)
            if one.name in read and same_group and one.index >= rule.index:
                raise BadInput(
                    f"{rule.where}: reads {one.name}, which its own group records only after it; "
                    "that it sees the evaluation before is not replayed here: move the rule down"
                )

    def _select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Series]:
        on_name = [one for one in matchers if one.name == NAME]
        recorded = [
            one
            for rule in self._rules
            if all(matcher.matches(rule.name) for matcher in on_name)
            for one in self._recorded(rule, start_ms)
        ]
        names = {dict(one.labels)[NAME] for one in recorded}
        found = [
            one
            for one in self.source.series(selector_text(matchers), start_ms, end_ms)
            if dict(one.labels).get(NAME) not in names
        ]
        found += [
            _cut(one, start_ms, end_ms) for one in recorded if matches_all(matchers, one.labels)
        ]
        # Sums are taken in this order.
        return sorted((one for one in found if len(one.times)), key=lambda one: one.labels)

    def _recorded(self, rule: RecordingRule, start_ms: int) -> list[Series]:
        """Return what a rule writes from ``start_ms`` or before to the end."""
        known = self._written.get(rule)
        if known is not None and known[0] <= start_ms:
            return known[1]
        if rule in self._running:
            names = " and ".join(one.name for one in self._running)
            raise BadInput(f"{rule.where}: reads, through {names}, what it records itself")
        self._running.append(rule)
        try:
            self.check_order(rule)
            slots = find_slots(
                rule, self._rules, self.source, start_ms, self._until_ms, stated_ms=self._stated_ms
            )
            frame, _ = query_slots(self, rule.expr, slots, query_offset_ms=rule.query_offset_ms)
        finally:
            self._running.pop()
        self._written[rule] = start_ms, recorded_series(rule, frame)
        return self._written[rule][1]


def recorded_series(rule: RecordingRule, frame: Frame) -> list[Series]:
    """Return what a recording rule writes, given its expression's values at its slots.

    Evaluations with two results of the same labels, or with more than the limit, fail and write
    nothing.  A series that is missing gets a stale marker (rules/recording.go, Eval;
    rules/group.go, Eval).
    """
    rows: dict[LabelSet, list[int]] = {}
    for i, labels in enumerate(frame.labels):
        named = {**dict(labels), NAME: rule.name, **dict(rule.labels)}
        rows.setdefault(label_set(named), []).append(i)
    counts = {labels: frame.present[these].sum(axis=0) for labels, these in rows.items()}
    failed = np.zeros(len(frame.times), bool)
    for count in counts.values():
        failed |= count > 1
    if rule.limit > 0:
        failed |= sum(counts.values(), np.zeros(len(frame.times), np.int64)) > rule.limit
    good = ~failed
    times = frame.times[good] - rule.query_offset_ms
    written = []
    for labels, these in rows.items():
        present = frame.present[these][:, good]
        source = np.argmax(present, axis=0)
        values = frame.values[these][:, good][source, np.arange(len(times))]
        there = present.any(axis=0)
        ended = np.zeros_like(there)
        ended[1:] = there[:-1] & ~there[1:]
        values[ended] = STALE_NAN
        kept = there | ended
        written.append(Series(labels, times[kept], values[kept]))
    return [one for one in written if len(one.times)]


def _cut(series: Series, start_ms: int, end_ms: int) -> Series:
    first, last = np.searchsorted(series.times, [start_ms, end_ms + 1])
    return Series(series.labels, series.times[first:last], series.values[first:last])
