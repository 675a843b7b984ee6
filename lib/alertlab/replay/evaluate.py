"""Evaluate a rule's expression at the rule's own times, one row per alert identity."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import Frame
from alertlab.replay.identities import (
    alert_identity,
    check_labels,
    expand_rows,
    labels_vary,
    merge_rows,
)
from alertlab.replay.levels import firing_levels, signed_threshold, signed_values
from alertlab.replay.queries import query_slots
from alertlab.replay.recording_rules import record_for
from alertlab.replay.slots import STATED, Coverage, Slots, find_slots, slot_numbers
from alertlab.rules import AlertRule, Threshold, find_threshold
from alertlab.sources import Source
from alertlab.units import DAY_MS, HOUR_MS, LabelSet, format_time

_LOG = logging.getLogger(__name__)
_LONGEST_WARM_UP_MS = 7 * DAY_MS


@dataclass(frozen=True)
class EvaluatedRule:
    """A rule and what its expression returned, at ``frame.times``.

    frame : the compared values (left of the threshold) if the rule has a numeric threshold, else
        the expression's own result; its labels are alert identities, its rows sorted by them
    threshold : None where every value of the frame alerts
    start_ms : evaluations before it are warm-up: they set the state and are not reported
    slots : the group's slots, of which ``frame.times`` are those with an evaluation; None: all
    rival : on the scale of signed values, shape (n_times,): an evaluation fails where the
        threshold is below it, because two results would be one alert; None: nowhere
    """

    rule: AlertRule
    threshold: Threshold | None
    frame: Frame
    start_ms: int
    slots: Slots | None = None
    rival: np.ndarray | None = None

    @property
    def reported(self) -> np.ndarray:
        """Which evaluations are reported rather than warm-up; bool, shape (n_times,)."""
        return self.frame.times >= self.start_ms

    @property
    def failed(self) -> np.ndarray:
        """Which evaluations fail at the rule's own threshold; bool, shape (n_times,)."""
        if self.rival is None:
            return np.zeros(len(self.frame.times), bool)
        return self.above(self.rival)

    @property
    def data_ratio(self) -> float | None:
        """Share of evaluations at which anything was there to compare.

        None where the frame does not tell: what other series let through is not all there was.
        """
        if self.threshold is None or not self.threshold.is_plain:
            return None
        return float(np.any(self.frame.present, axis=0)[self.reported].mean())

    @property
    def coverage(self) -> Coverage:
        """How much of the reported time the evaluations cover."""
        missed, failed, unplaced, origin = 0, 0, 0, STATED
        if self.slots is not None:
            missed, failed = (
                int(np.count_nonzero(one >= self.start_ms))
                for one in (self.slots.missed, self.slots.failed)
            )
            unplaced, origin = self.slots.unplaced, self.slots.origin
        good = int(np.count_nonzero(self.reported & ~self.failed))
        return Coverage(
            evaluated=good,
            missed=missed,
            failed=failed + int(np.count_nonzero(self.reported & self.failed)),
            unplaced=unplaced,
            slots_from=origin,
            warm_up_ms=max(0, self.start_ms - int(self.frame.times[0])),
        )

    def alerts(
        self, hold_duration_ms: int, keep_firing_for_ms: int, columns: slice = slice(None)
    ) -> Iterator[tuple[LabelSet, slice, np.ndarray, np.ndarray]]:
        """Yield each alert's labels, the evaluations at which it can be active, its values there
        (signed, see replay.levels; -inf where nothing can alert) and its firing levels.

        Pods come and go, so most alerts can be active in a small part of the time only.  With
        ``columns`` the rule remembers nothing of before them, and slices count from their start.
        Where an evaluation failed, values and levels are those of the one before.
        """
        durations = [(hold_duration_ms, keep_firing_for_ms)]
        for labels, part, signed, levels in self.levels(durations, columns):
            yield labels, part, signed, levels[0]

    def levels(
        self, durations_ms: Sequence[tuple[int, int]], columns: slice = slice(None)
    ) -> Iterator[tuple[LabelSet, slice, np.ndarray, np.ndarray]]:
        """Yield as ``alerts``, with the levels of each pair of ``for`` and ``keep_firing_for``.

        They have the shape (n_durations, n_evaluations).
        """
        numbers = slot_numbers(self.frame.times[columns], self.rule.interval_ms)
        good = ~self.failed[columns]
        kept = math.ceil(max(keep for _, keep in durations_ms) / self.rule.interval_ms)
        for i, labels in enumerate(self.frame.labels):
            present = self.frame.present[i, columns]
            if not present.any():
                continue
            first, last = int(np.argmax(present)), len(present) - int(np.argmax(present[::-1]))
            part = slice(first, last + kept)
            signed = signed_values(
                self.frame.values[i, columns][part], present[part], self.threshold
            )
            well = good[part]
            levels = firing_levels(
                signed[None, well],
                interval_ms=self.rule.interval_ms,
                durations_ms=durations_ms,
                number=numbers[part][well],
            )[0]
            yield labels, part, _held(signed[well], well), _held(levels, well)

    def above_share(self) -> float:
        """Return the share of reported evaluations at which any value alone would alert."""
        beyond = np.zeros(len(self.frame.times), bool)
        for values, present in zip(self.frame.values, self.frame.present, strict=True):
            beyond |= self.above(signed_values(values, present, self.threshold))
        return float(beyond[self.reported].mean())

    def above(self, signed: np.ndarray) -> np.ndarray:
        """Tell where values or levels exceed the rule's own threshold, as its operator says."""
        if self.threshold is None:
            return signed > 0
        limit = signed_threshold(self.threshold.value, self.threshold)
        return signed > limit if self.threshold.strict else signed >= limit


def evaluate_rule(
    rule: AlertRule,
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    slot_offset_ms: int = 0,
    whole: bool = False,
) -> EvaluatedRule:
    """Evaluate a rule from ``start`` to ``end`` on its slots, with warm-up before.

    slot_offset_ms : where the source does not tell the slots, they are
        ``start + slot_offset + k * interval``
    whole : take the expression as it stands, without looking for its threshold

    What recording rules loaded with the rule would have written is there for it to read.  State
    is warmed up on as much data as the rule can remember (at least an hour) and further back
    while an alert may have been active all the time, up to a week, where the source reaches so
    far.
    """
    if start_ms >= end_ms:
        raise BadInput(
            f"the start {format_time(start_ms)} is not before the end {format_time(end_ms)}"
        )
    check_labels(rule)
    stated_ms = start_ms + slot_offset_ms
    data = record_for(rule, source, stated_ms=stated_ms, end_ms=end_ms)
    threshold = None if whole or labels_vary(rule) else _monotone_threshold(rule.expr)

    def between(first_ms: int, last_ms: int) -> EvaluatedRule:
        slots = find_slots(rule, rule.recorded, source, first_ms, last_ms, stated_ms=stated_ms)
        expr = rule.expr if threshold is None else threshold.lhs
        frame, slots = query_slots(data, expr, slots, query_offset_ms=rule.query_offset_ms)
        if labels_vary(rule):
            alerts, rival = expand_rows(frame, rule, data)
        else:
            identities = [alert_identity(rule, labels) for labels in frame.labels]
            alerts, rival = merge_rows(frame, identities, threshold)
        return EvaluatedRule(rule, threshold, alerts, start_ms, slots, rival)

    memory_ms = max(HOUR_MS, 2 * (rule.hold_duration_ms + rule.keep_firing_for_ms))
    earliest_ms = max(source.start_ms, start_ms - max(memory_ms, _LONGEST_WARM_UP_MS))
    begin_ms = start_ms - memory_ms
    while begin_ms > earliest_ms and _unsettled(between(begin_ms, start_ms)):
        begin_ms -= start_ms - begin_ms
    return between(min(max(begin_ms, earliest_ms), start_ms), end_ms)


def evaluate_rules(
    rules: Iterable[AlertRule],
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    slot_offset_ms: int = 0,
) -> Iterator[EvaluatedRule]:
    """Evaluate rules one after the other, as ``evaluate_rule``, and warn of what is odd.

    A rule whose expression finds nothing at all is warned of: that is not the same as silence.
    """
    for rule in rules:
        evaluated = evaluate_rule(rule, source, start_ms, end_ms, slot_offset_ms=slot_offset_ms)
        if evaluated.data_ratio == 0:
            _LOG.warning("%s: its expression finds no data; its silence says nothing", rule.where)
        if evaluated.coverage.failed:
            _LOG.warning(
                "%s: %d of its evaluations fail; at those Prometheus leaves its alerts as they are",
                rule.where,
                evaluated.coverage.failed,
            )
        yield evaluated


def _monotone_threshold(expr: str) -> Threshold | None:
    try:
        threshold = find_threshold(expr)
    except BadInput:
        return None
    return threshold if threshold.monotone else None


def _unsettled(evaluated: EvaluatedRule) -> bool:
    """Tell whether an alert may have been active since before the first evaluation."""
    rule = evaluated.rule
    kept = math.ceil(rule.keep_firing_for_ms / rule.interval_ms)
    for _, part, signed, _ in evaluated.alerts(rule.hold_duration_ms, rule.keep_firing_for_ms):
        above = part.start + np.flatnonzero(evaluated.above(signed))
        silences = np.diff(np.concatenate([[-1], above, [len(evaluated.frame.times)]])) - 1
        if silences.max() <= kept:
            return True
    return False


def _held(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Spread the last axis over all evaluations; where not ``kept``, the one before holds."""
    if kept.all():
        return values
    before = np.cumsum(kept) - 1
    spread = values[..., np.maximum(before, 0)] if kept.any() else -np.inf
    return np.where(before < 0, -np.inf, spread)
