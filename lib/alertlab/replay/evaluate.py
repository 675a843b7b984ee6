"""Evaluate a rule's expression at the rule's own times, one row per alert identity."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import Frame
from alertlab.replay.levels import firing_level, signed_threshold, signed_values
from alertlab.rules import AlertRule, Threshold, find_threshold
from alertlab.sources import Source
from alertlab.units import HOUR_MS, LabelSet, format_labels, format_time, label_set


@dataclass(frozen=True)
class EvaluatedRule:
    """A rule and what its expression returned, at ``frame.times``.

    frame : the compared values (left of the threshold) if the rule has a numeric threshold, else
        the expression's own result; its labels are alert identities, its rows sorted by them
    threshold : None where the rule is not a comparison with a number
    start_ms : evaluations before it are warm-up: they set the state and are not reported
    """

    rule: AlertRule
    threshold: Threshold | None
    frame: Frame
    start_ms: int

    @property
    def reported(self) -> np.ndarray:
        """Which evaluations are reported rather than warm-up; bool, shape (n_times,)."""
        return self.frame.times >= self.start_ms

    @property
    def data_ratio(self) -> float | None:
        """Share of evaluations at which anything was there to compare; None if unknowable."""
        if self.threshold is None:
            return None
        return float(np.any(self.frame.present, axis=0)[self.reported].mean())

    def alerts(
        self, hold_duration_ms: int, keep_firing_for_ms: int
    ) -> Iterator[tuple[LabelSet, slice, np.ndarray, np.ndarray]]:
        """Yield each alert's labels, the evaluations at which it can be active, its values there
        (signed, see replay.levels; -inf where nothing can alert) and its firing levels.

        Pods come and go, so most alerts can be active in a small part of the time only.
        """
        after = 1 + math.ceil(keep_firing_for_ms / self.rule.interval_ms)
        for i, labels in enumerate(self.frame.labels):
            there = np.flatnonzero(self.frame.present[i])
            if not len(there):
                continue
            part = slice(int(there[0]), int(there[-1]) + 1 + after)
            signed = self._signed(i, part)
            level = firing_level(
                signed[None],
                interval_ms=self.rule.interval_ms,
                hold_duration_ms=hold_duration_ms,
                keep_firing_for_ms=keep_firing_for_ms,
            )
            yield labels, part, signed, level[0]

    def above_share(self) -> float:
        """Return the share of reported evaluations at which any value alone would alert."""
        beyond = np.zeros(len(self.frame.times), bool)
        for i in range(len(self.frame.labels)):
            beyond |= self.above(self._signed(i, slice(None)))
        return float(beyond[self.reported].mean())

    def _signed(self, i: int, part: slice) -> np.ndarray:
        present = self.frame.present[i, part]
        if self.threshold is None:
            return np.where(present, 1.0, -np.inf)
        return signed_values(self.frame.values[i, part], present, self.threshold)

    def above(self, signed: np.ndarray) -> np.ndarray:
        """Tell where values or levels exceed the rule's own threshold, as its operator says."""
        if self.threshold is None:
            return signed > 0
        limit = signed_threshold(self.threshold.value, self.threshold)
        return signed > limit if self.threshold.strict else signed >= limit


def evaluate_rule(
    rule: AlertRule, source: Source, start_ms: int, end_ms: int, *, slot_offset_ms: int = 0
) -> EvaluatedRule:
    """Evaluate a rule from ``start`` to ``end`` on its slots, with warm-up before.

    Slots are ``start + slot_offset + k * interval``.  State is warmed up on as much data as the
    rule can remember (at least an hour) where the source reaches back that far.
    """
    if start_ms >= end_ms:
        raise BadInput(
            f"the start {format_time(start_ms)} is not before the end {format_time(end_ms)}"
        )
    interval_ms = rule.interval_ms
    first = start_ms + slot_offset_ms % interval_ms
    memory_ms = max(HOUR_MS, 2 * (rule.hold_duration_ms + rule.keep_firing_for_ms))
    warm_up_ms = max(0, min(memory_ms, first - source.start_ms)) // interval_ms * interval_ms
    try:
        threshold = find_threshold(rule.expr)
    except BadInput:
        threshold = None
    expr = rule.expr if threshold is None else threshold.lhs
    offset_ms = rule.query_offset_ms
    frame = source.range_query(
        expr, first - warm_up_ms - offset_ms, end_ms - offset_ms, interval_ms
    )
    frame = replace(frame, times=frame.times + offset_ms)
    return EvaluatedRule(rule, threshold, _by_identity(frame, rule), first)


def alert_identity(rule: AlertRule, labels: LabelSet) -> LabelSet:
    """Return the labels of the alert that a result element makes (rules/alerting.go, Eval)."""
    merged = {name: value for name, value in labels if name != "__name__"}
    merged |= dict(rule.labels) | {"alertname": rule.name}
    return label_set(merged)


def _by_identity(frame: Frame, rule: AlertRule) -> Frame:
    """Merge rows that become one alert; two at the same time make Prometheus fail, so refuse."""
    rows: dict[LabelSet, list[int]] = {}
    for i, labels in enumerate(frame.labels):
        rows.setdefault(alert_identity(rule, labels), []).append(i)
    identities = tuple(sorted(rows))
    if len(identities) == len(frame.labels):
        order = [rows[identity][0] for identity in identities]
        if order == sorted(order):
            return replace(frame, labels=identities)
        return Frame(frame.times, frame.values[order], frame.present[order], identities)
    values = np.empty((len(identities), len(frame.times)))
    present = np.empty(values.shape, bool)
    for k, identity in enumerate(identities):
        first, *others = rows[identity]
        values[k], present[k] = frame.values[first], frame.present[first]
        for other in others:
            together = present[k] & frame.present[other]
            if together.any():
                at = format_time(int(frame.times[np.argmax(together)]))
                raise BadInput(
                    f"{rule.where}: at {at} two results have the same labels "
                    f"{format_labels(identity)}, on which Prometheus fails the evaluation; "
                    "keep a label that tells them apart"
                )
            np.copyto(values[k], frame.values[other], where=frame.present[other])
            present[k] |= frame.present[other]
    return Frame(frame.times, values, present, identities)
