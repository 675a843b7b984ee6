"""Every threshold at once: what each candidate would have fired, from one pass per window.

Counts here are those of the alert group (the largest firing level of all series): a *rise* is a
time at which the group starts firing, the first page that Alertmanager would send for it.
Pages themselves come from simulating the few candidates worth it (tuning.score).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from alertlab.incidents import Margins, bounds_ms, epoch_ms, match_times, owed
from alertlab.replay import EvaluatedRule, firing_level, signed_threshold
from alertlab.units import HOUR_MS, WEEK_MS


@dataclass(frozen=True)
class Span:
    """A stretch of the evaluations, [start, end) in ms, on which candidates are counted."""

    start_ms: int
    end_ms: int

    @property
    def weeks(self) -> float:
        """Length in weeks."""
        return (self.end_ms - self.start_ms) / WEEK_MS


def group_level(
    evaluated: EvaluatedRule, hold_duration_ms: int, keep_firing_for_ms: int
) -> np.ndarray:
    """Return the level below which any series of a rule fires, shape (n_times,)."""
    if not evaluated.frame.labels:
        return np.full(len(evaluated.frame.times), -np.inf)
    levels = firing_level(
        evaluated.signed,
        interval_ms=evaluated.rule.interval_ms,
        hold_duration_ms=hold_duration_ms,
        keep_firing_for_ms=keep_firing_for_ms,
    )
    return levels.max(axis=0)


def sweep_thresholds(
    evaluated: EvaluatedRule,
    level: np.ndarray,
    thresholds: np.ndarray,
    incidents: pd.DataFrame,
    margins: Margins,
    span: Span,
) -> pd.DataFrame:
    """Count, for each threshold, what the group would have done within ``span``.

    level : of the group, from ``group_level``
    incidents : all of them: a rise during any is true; only those the rule owes are detected

    Columns: ``threshold``; ``rises``; ``false_rises`` (outside every incident); ``firing_hours``;
    ``false_firing_ratio`` (share of the time outside incidents at which it fires); ``detected``
    and ``critical_detected`` (numbers of owed incidents); ``delay_p50_seconds``,
    ``delay_p90_seconds`` (over the detected, NaN of none).
    """
    signed = _exact(signed_threshold(thresholds, evaluated.threshold), evaluated)
    times = evaluated.frame.times
    inside = (times >= span.start_ms) & (times < span.end_ms)
    before = np.concatenate([[-np.inf], level[:-1]])
    rising = inside & (level > before)
    is_false = match_times(times, incidents, margins) < 0
    owes = owed(incidents, evaluated.rule.name)
    delays = detection_delays(level, times, signed, owes, margins, span)
    found = np.isfinite(delays)
    critical = (owes["severity"] == "critical").to_numpy()
    interval_hours = evaluated.rule.interval_ms / HOUR_MS
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "rises": _count_rises(before, level, rising, signed),
            "false_rises": _count_rises(before, level, rising & is_false, signed),
            "firing_hours": _count_above(level[inside], signed) * interval_hours,
            "false_firing_ratio": _count_above(level[inside & is_false], signed)
            / max(1, np.count_nonzero(inside & is_false)),
            "detected": found.sum(axis=1),
            "critical_detected": found[:, critical].sum(axis=1),
            "delay_p50_seconds": _quantile_of_found(delays, 0.5),
            "delay_p90_seconds": _quantile_of_found(delays, 0.9),
        }
    )


def detection_delays(
    level: np.ndarray,
    times: np.ndarray,
    signed_thresholds: np.ndarray,
    incidents: pd.DataFrame,
    margins: Margins,
    span: Span,
) -> np.ndarray:
    """Return seconds from each incident's start to the first firing evaluation that belongs to it.

    Shape (n_thresholds, n_incidents); 0 if it fired already at the start, NaN if never or if the
    incident starts outside ``span``.
    """
    delays = np.full((len(signed_thresholds), len(incidents)), np.nan)
    windows = bounds_ms(incidents, margins)
    for i, start in enumerate(epoch_ms(incidents["start"])):
        if not span.start_ms <= start < span.end_ms:
            continue
        first, last = np.searchsorted(times, windows[i])
        highest = np.maximum.accumulate(level[first:last])
        # The first evaluation whose running maximum exceeds the threshold.
        at = first + np.searchsorted(highest, signed_thresholds, side="right")
        seen = at < last
        delays[seen, i] = np.maximum(0, times[at[seen]] - start) / 1000
    return delays


def _quantile_of_found(delays: np.ndarray, q: float) -> np.ndarray:
    """Return each row's quantile over its finite values, NaN for a row without any."""
    quantiles = np.full(len(delays), np.nan)
    some = np.isfinite(delays).any(axis=1)
    quantiles[some] = np.nanquantile(delays[some], q, axis=1)
    return quantiles


def _exact(signed: np.ndarray, evaluated: EvaluatedRule) -> np.ndarray:
    """Return thresholds for a strict comparison: ``level >= T`` is ``level > just below T``."""
    return signed if evaluated.threshold.strict else np.nextafter(signed, -np.inf)


def _count_rises(
    before: np.ndarray, level: np.ndarray, chosen: np.ndarray, thresholds: np.ndarray
) -> np.ndarray:
    """Count, per threshold, the times t with ``before[t] <= threshold < level[t]``."""
    lows, highs = np.sort(before[chosen]), np.sort(level[chosen])
    started = np.searchsorted(lows, thresholds, side="right")
    return started - np.searchsorted(highs, thresholds, side="right")


def _count_above(level: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Count, per threshold, the evaluations whose level exceeds it."""
    return len(level) - np.searchsorted(np.sort(level), thresholds, side="right")
