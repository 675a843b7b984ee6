"""A measured series as whole days on an even grid, and why it may not bear a forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alertlab.errors import BadInput
from alertlab.units import DAY_MS, format_duration, format_time

DAYS_OF_WEEK = 7
MIN_DAYS = 30
MIN_WEEKS = 2  # of every time of the week
MAX_GAP_RATIO = 0.1
MAX_HORIZON_RATIO = 0.5  # of the history

PEAK_QUANTILE = 0.95
"""The peak of a span is this quantile of its steps: one odd hour does not make it."""


@dataclass(frozen=True)
class History:
    """What is known of a series, in days that end when the series does.

    values : float64, shape (n_days, per_day); NaN where nothing was measured or it is excluded.
        Day d is the weekday ``(d - n_days) % 7``, so that the first day ahead is weekday 0.
    end_ms : time of the last value
    missing_ratio : share of what is not excluded that was not measured
    in_logs : growth and noise go with the level, so that models work on logarithms
    """

    values: np.ndarray
    end_ms: int
    step_ms: int
    missing_ratio: float
    in_logs: bool

    @property
    def n_days(self) -> int:
        """Return the number of whole days."""
        return len(self.values)

    @property
    def scaled(self) -> np.ndarray:
        """Return the values as models see them; shape (n_days, per_day)."""
        return np.log(self.values) if self.in_logs else self.values

    def unscaled(self, scaled: np.ndarray) -> np.ndarray:
        """Return values of what a model says, never below 0; any shape."""
        return np.exp(scaled) if self.in_logs else np.maximum(scaled, 0.0)

    def times_ahead(self, n_steps: int) -> np.ndarray:
        """Return the times of the steps after the last; int64 ms, shape (n_steps,)."""
        return self.end_ms + self.step_ms * np.arange(1, n_steps + 1, dtype=np.int64)


def read_history(
    times_ms: np.ndarray, values: np.ndarray, excluded: np.ndarray | None = None
) -> History:
    """Return a series as whole days, without what was before its first value that counts.

    times_ms : int64, shape (n_times,), evenly spaced; the step divides a day
    values : float64, same shape; NaN where nothing was measured, else 0 or more
    excluded : bool, same shape; True where a holiday or an incident is not to count

    BadInput for anything else.
    """
    times, given = np.asarray(times_ms), np.asarray(values, dtype=float)
    left_out = np.zeros(given.shape, bool) if excluded is None else np.asarray(excluded, bool)
    step_ms = _checked_step(times, given, left_out)
    _check_values(times, given)
    counting = np.flatnonzero(~np.isnan(given) & ~left_out)
    first = counting[0] if len(counting) else len(given)
    given, left_out = given[first:], left_out[first:]
    counted = ~left_out
    missing = np.isnan(given) & counted
    missing_ratio = float(missing.sum() / counted.sum()) if counted.any() else 1.0
    per_day = DAY_MS // step_ms
    whole = len(given) // per_day * per_day
    days = np.where(left_out, np.nan, given)[len(given) - whole :].reshape(-1, per_day)
    return History(days, int(times[-1]), step_ms, missing_ratio, _better_in_logs(days))


def why_not(history: History, horizon_ms: int) -> str:
    """Why does a series bear no forecast over a horizon?  An empty text if it does."""
    known = history.values[~np.isnan(history.values)]
    if not len(known):
        return "there is no value that counts: nothing is known"
    if not known.any():
        return "every value is 0: the counter never moved, or its query finds nothing"
    if np.ptp(known) == 0:
        return f"every value is {known[0]:g}: a constant series has no rhythm and no trend"
    if history.n_days < MIN_DAYS:
        return (
            f"there are {history.n_days} days of history; "
            f"a forecast needs {MIN_DAYS} days and two full weeks"
        )
    if history.missing_ratio > MAX_GAP_RATIO:
        return (
            f"{history.missing_ratio:.0%} of the history is missing; "
            f"a forecast needs gaps of at most {MAX_GAP_RATIO:.0%}"
        )
    longest_ms = history.n_days * DAY_MS * MAX_HORIZON_RATIO
    if horizon_ms > longest_ms:
        return (
            f"the horizon of {_days(horizon_ms)} days is longer than half of the "
            f"{history.n_days} days of history"
        )
    return ""


def peak(values: np.ndarray, quantile: float = PEAK_QUANTILE) -> float:
    """Return a quantile of the known values, one that was measured; NaN of none."""
    known = values[~np.isnan(values)]
    return float(np.quantile(known, quantile, method="higher")) if len(known) else np.nan


def weekdays(n_days: int) -> np.ndarray:
    """Return the weekday of each day, 0 to 6, so that the first day ahead is 0."""
    return (np.arange(n_days) - n_days) % DAYS_OF_WEEK


def fewest_weeks(days: np.ndarray) -> int:
    """Return how often the least known time of the week is known; ``days`` (n_days, per_day)."""
    known = ~np.isnan(days)
    weekday = weekdays(len(days))
    return int(min(known[weekday == one].sum(axis=0).min() for one in range(DAYS_OF_WEEK)))


def _days(duration_ms: int) -> str:
    return f"{duration_ms / DAY_MS:.3g}"


def _checked_step(times: np.ndarray, values: np.ndarray, excluded: np.ndarray) -> int:
    if not times.shape == values.shape == excluded.shape or times.ndim != 1:
        raise BadInput(
            f"{times.size} times, {values.size} values and {excluded.size} marks of exclusion do "
            "not belong together; give one of each, in one row"
        )
    if len(times) < 2:
        raise BadInput(f"a series of {len(times)} values has no step; give two values or more")
    steps = np.diff(times)
    uneven = np.flatnonzero(steps != steps[0])
    if len(uneven):
        raise BadInput(
            f"the times are not even: {format_time(int(times[uneven[0] + 1]))} is not "
            f"{format_duration(int(steps[0]))} after the one before; put NaN where nothing is known"
        )
    step_ms = int(steps[0])
    if step_ms <= 0 or DAY_MS % step_ms:
        raise BadInput(f"a step of {step_ms / 1000:g} s does not divide a day; ask for 1h steps")
    return step_ms


def _check_values(times: np.ndarray, values: np.ndarray) -> None:
    bad = np.flatnonzero(np.isinf(values) | (values < 0))
    if len(bad):
        raise BadInput(
            f"the value {values[bad[0]]:g} at {format_time(int(times[bad[0]]))} is no use of a "
            "resource; give finite values of 0 or more, and NaN where nothing is known"
        )


def _better_in_logs(days: np.ndarray) -> bool:
    """Tell whether a weekly rhythm and a trend fit the logarithms better (Box and Cox 1964)."""
    if fewest_weeks(days) < MIN_WEEKS or not np.nanmin(days) > 0:
        return False
    logs = np.log(days)
    return bool(_left_over(logs) * np.exp(np.nanmean(logs)) < _left_over(days))


def _left_over(days: np.ndarray) -> float:
    """Return the standard deviation about each time of the week and one straight line."""
    weekday, rest = weekdays(len(days)), days.copy()
    for one in range(DAYS_OF_WEEK):
        rest[weekday == one] -= np.nanmean(rest[weekday == one], axis=0)
    day = np.broadcast_to(np.arange(len(days))[:, None], days.shape)
    known = ~np.isnan(rest)
    slope, level = np.polyfit(day[known], rest[known], 1)
    return float(np.std(rest[known] - slope * day[known] - level))
