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
from alertlab.replay import EvaluatedRule, signed_threshold
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
    highest = np.full(len(evaluated.frame.times), -np.inf)
    for _, part, _, level in evaluated.alerts(hold_duration_ms, keep_firing_for_ms):
        np.maximum(highest[part], level, out=highest[part])
    return highest


@dataclass(frozen=True)
class Truth:
    """The incidents laid over one rule's evaluations.

    times : of the evaluations [ms], shape (n_times,)
    outside : which of them lie outside every incident, so that a rise there is false
    starts, windows : of the incidents that the rule owes: labelled start [ms], shape (n_owed,),
        and the first and last-plus-one evaluation that belongs to each, shape (n_owed, 2)
    critical : which of the owed ones are critical
    """

    times: np.ndarray
    outside: np.ndarray
    starts: np.ndarray
    windows: np.ndarray
    critical: np.ndarray

    @classmethod
    def lay(cls, evaluated: EvaluatedRule, incidents: pd.DataFrame, margins: Margins) -> Truth:
        """Find which evaluations belong to which incident."""
        times, owes = evaluated.frame.times, owed(incidents, evaluated.rule.name)
        return cls(
            times=times,
            outside=match_times(times, incidents, margins) < 0,
            starts=epoch_ms(owes["start"]),
            windows=np.searchsorted(times, bounds_ms(owes, margins)),
            critical=(owes["severity"] == "critical").to_numpy(),
        )


def sweep_thresholds(
    evaluated: EvaluatedRule, level: np.ndarray, thresholds: np.ndarray, truth: Truth, span: Span
) -> pd.DataFrame:
    """Count, for each threshold, what the group would have done within ``span``.

    level : of the group, from ``group_level``
    thresholds : of a rule evaluated as a whole, the one that it was evaluated with
    truth : of the same evaluations

    Columns: ``threshold``; ``rises``; ``false_rises`` (outside every incident); ``firing_hours``;
    ``false_firing_ratio`` (share of the time outside incidents at which it fires); ``detected``
    and ``critical_detected`` (numbers of owed incidents); ``delay_p50_seconds``,
    ``delay_p90_seconds`` (over the detected, NaN of none).
    """
    signed = _exact(thresholds, evaluated)
    inside = (truth.times >= span.start_ms) & (truth.times < span.end_ms)
    before = np.concatenate([[-np.inf], level[:-1]])
    rising = inside & (level > before)
    delays = group_delays(level, signed, truth, span)
    found = np.isfinite(delays)
    quiet = inside & truth.outside
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "rises": _count_rises(before, level, rising, signed),
            "false_rises": _count_rises(before, level, rising & truth.outside, signed),
            "firing_hours": _count_above(level[inside], signed)
            * (evaluated.rule.interval_ms / HOUR_MS),
            "false_firing_ratio": _count_above(level[quiet], signed)
            / max(1, np.count_nonzero(quiet)),
            "detected": found.sum(axis=1),
            "critical_detected": found[:, truth.critical].sum(axis=1),
            "delay_p50_seconds": _quantile_of_found(delays, 0.5),
            "delay_p90_seconds": _quantile_of_found(delays, 0.9),
        }
    )


def group_delays(
    level: np.ndarray, signed_thresholds: np.ndarray, truth: Truth, span: Span
) -> np.ndarray:
    """Return seconds from each owed incident's start to the group's first firing within it.

    Shape (n_thresholds, n_owed); 0 if it fired already at the start, NaN if never or if the
    incident starts outside ``span``.
    """
    delays = np.full((len(signed_thresholds), len(truth.starts)), np.nan)
    for i, (start, (first, last)) in enumerate(zip(truth.starts, truth.windows, strict=True)):
        if not span.start_ms <= start < span.end_ms:
            continue
        highest = np.maximum.accumulate(level[first:last])
        # The first evaluation whose running maximum exceeds the threshold.
        at = first + np.searchsorted(highest, signed_thresholds, side="right")
        seen = at < last
        delays[seen, i] = np.maximum(0, truth.times[at[seen]] - start) / 1000
    return delays


def _quantile_of_found(delays: np.ndarray, q: float) -> np.ndarray:
    """Return each row's quantile over its finite values, NaN for a row without any."""
    if not delays.shape[1]:
        return np.full(len(delays), np.nan)
    ordered = np.sort(delays, axis=1)  # NaN comes last
    rank = q * (np.isfinite(delays).sum(axis=1) - 1)
    low = np.floor(np.maximum(rank, 0)).astype(int)
    high = np.ceil(np.maximum(rank, 0)).astype(int)
    rows = np.arange(len(delays))
    below, above = ordered[rows, low], ordered[rows, high]
    return below + (above - below) * (rank - low)


def _exact(thresholds: np.ndarray, evaluated: EvaluatedRule) -> np.ndarray:
    """Return what levels are to exceed, on their scale; ``>= T`` is ``> just below T``.

    Without a threshold the expression has decided already: what alerts is at 1.
    """
    if evaluated.threshold is None:
        return np.zeros(len(thresholds))
    signed = signed_threshold(thresholds, evaluated.threshold)
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
