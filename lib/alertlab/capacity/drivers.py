"""What drives the load: each method's weekly peaks, and how fast they grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import linregress
from scipy.stats import t as student

from alertlab.capacity.forecasting import peak
from alertlab.capacity.load import LoadHistory
from alertlab.units import HOUR_MS, WEEK_MS, Interval

_MIN_WEEKS = 4
_KNOWN_RATIO = 0.5  # of a week's hours, for it to count


@dataclass(frozen=True)
class Driver:
    """One method's demand.

    peaks_per_second : of the weeks, the oldest first; weeks end when the history does; NaN where
        too little is known; float64, shape (n_weeks,)
    growth_per_week : as a ratio, 0.03 for 3 %; None of fewer than four weeks
    """

    method: str
    peaks_per_second: np.ndarray
    growth_per_week: Interval | None


def find_drivers(load: LoadHistory, *, confidence: float = 0.95) -> list[Driver]:
    """How high are the weekly peaks of each method, and how fast do they grow?

    Growth is a straight line through the logarithms of the peaks.
    """
    asked = np.where(
        np.isfinite(load.requests_per_second).any(axis=1),
        np.nansum(load.requests_per_second, axis=1),
        np.nan,
    )
    return [
        Driver(method, peaks, _growth(peaks, confidence))
        for method, values in zip(load.methods, asked, strict=True)
        for peaks in [_weekly_peaks(values, load.step_ms)]
    ]


def _weekly_peaks(values: np.ndarray, step_ms: int) -> np.ndarray:
    """Return the peak of each whole week, over means of hours; values (n_spans,) -> (n_weeks,)."""
    together = max(HOUR_MS // step_ms, 1)
    of_week = WEEK_MS // (step_ms * together)
    whole = len(values) // (of_week * together) * of_week * together
    weeks = values[len(values) - whole :].reshape(-1, of_week, together).mean(axis=2)
    known = np.isfinite(weeks).mean(axis=1) >= _KNOWN_RATIO
    return np.array([peak(week) for week in np.where(known[:, None], weeks, np.nan)])


def _growth(peaks: np.ndarray, confidence: float) -> Interval | None:
    week = np.flatnonzero(peaks > 0)
    if len(week) < _MIN_WEEKS:
        return None
    line = linregress(week, np.log(peaks[week]))
    half = float(student.ppf((1 + confidence) / 2, len(week) - 2)) * line.stderr
    ends = np.expm1([line.slope - half, line.slope, line.slope + half])
    return Interval(*(float(one) for one in ends), confidence)
