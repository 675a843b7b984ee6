"""Evaluate a rule's expression at the rule's own times, one row per alert identity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import Frame
from alertlab.replay.levels import firing_level, signed_threshold, signed_values
from alertlab.rules import AlertRule, Threshold, find_threshold
from alertlab.sources import Source
from alertlab.units import HOUR_MS, LabelSet, format_labels, format_time


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
    def signed(self) -> np.ndarray:
        """Values that alert when large, -inf where nothing can alert (see replay.levels)."""
        if self.threshold is None:
            return np.where(self.frame.present, 1.0, -np.inf)
        return signed_values(self.frame.values, self.frame.present, self.threshold)

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

    def levels(self) -> np.ndarray:
        """Return the firing level for the rule's own ``for`` and ``keep_firing_for``."""
        return firing_level(
            self.signed,
            interval_ms=self.rule.interval_ms,
            hold_duration_ms=self.rule.hold_duration_ms,
            keep_firing_for_ms=self.rule.keep_firing_for_ms,
        )

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
    return tuple(sorted(merged.items()))


def _by_identity(frame: Frame, rule: AlertRule) -> Frame:
    """Merge rows that become one alert; two at the same time make Prometheus fail, so refuse."""
    rows: dict[LabelSet, list[int]] = {}
    for i, labels in enumerate(frame.labels):
        rows.setdefault(alert_identity(rule, labels), []).append(i)
    identities = tuple(sorted(rows))
    if not identities:
        return frame
    values = np.empty((len(identities), len(frame.times)))
    present = np.empty(values.shape, bool)
    for k, identity in enumerate(identities):
        members = rows[identity]
        together = frame.present[members].sum(axis=0)
        if np.any(together > 1):
            at = format_time(int(frame.times[np.argmax(together > 1)]))
            raise BadInput(
                f"{rule.where}: at {at} two results have the same labels "
                f"{format_labels(identity)}, on which Prometheus fails the evaluation; "
                "keep a label that tells them apart"
            )
        present[k] = together == 1
        values[k] = np.where(frame.present[members], frame.values[members], 0).sum(axis=0)
    return Frame(frame.times, values, present, identities)
