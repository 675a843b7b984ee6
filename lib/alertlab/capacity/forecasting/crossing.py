"""When a limit is reached, as a distribution; and what Prometheus would say."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from alertlab.capacity.forecasting.forecast import Forecast
from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.promql import evaluate
from alertlab.units import DAY_MS, SECOND_MS, format_time

EARLY_RATIO = 0.05  # of the paths: the earliest day that is plausible


@dataclass(frozen=True)
class Crossing:
    """Days until a limit is first reached, over the paths of a forecast.

    Infinite: not within ``horizon_days``.  All are NaN where the forecast is refused.
    earliest_days, latest_days : by then 5 % and 95 % of the paths have reached it
    share_crossing_ratio : of the paths, within the horizon
    """

    median_days: float
    earliest_days: float
    latest_days: float
    share_crossing_ratio: float
    horizon_days: float


def crossing(forecast: Forecast, limit: float, from_ms: int, *, falling: bool = False) -> Crossing:
    """How many days after a time is a limit first reached?

    falling : it is reached from above, as by free space; else from below
    Each path has its own day; bands at single steps would say something else.
    BadInput for a limit that is no number, or a time at which the forecast is over.
    """
    if math.isnan(limit):
        raise BadInput("the limit is not a number; a date needs one")
    counted = forecast.times_ms >= from_ms
    if not counted.any():
        raise BadInput(
            f"at {format_time(int(from_ms))} the forecast is over; its last time is "
            f"{format_time(int(forecast.times_ms[-1]))}"
        )
    days = (forecast.times_ms[counted] - from_ms) / DAY_MS
    if forecast.refusal:
        return Crossing(math.nan, math.nan, math.nan, math.nan, float(days[-1]))
    paths = forecast.paths[:, counted]
    reached = paths <= limit if falling else paths >= limit
    first = np.where(reached.any(axis=1), days[reached.argmax(axis=1)], np.inf)
    # Between a day and never there is nothing to interpolate: order statistics.
    early, median, late = np.quantile(
        first, [EARLY_RATIO, 0.5, 1 - EARLY_RATIO], method="inverted_cdf"
    )
    return Crossing(
        float(median), float(early), float(late), float(np.isfinite(first).mean()), float(days[-1])
    )


def predict_linear(times_ms: np.ndarray, values: np.ndarray, ahead_ms: int) -> float:
    """What would PromQL's ``predict_linear`` say at the last time, over the whole series?

    times_ms : int64, increasing; values : float64, NaN where nothing was measured
    NaN of fewer than two values.  promql/functions.go, funcPredictLinear.
    """
    times, given = np.asarray(times_ms, dtype=np.int64), np.asarray(values, dtype=float)
    if times.shape != given.shape or not times.size:
        raise BadInput(f"{times.size} times and {given.size} values do not belong together")
    known = ~np.isnan(given)
    series = Series((), times[known], given[known])
    range_ms = int(times[-1] - times[0]) + 1
    found = evaluate(
        f"predict_linear(x[{range_ms}ms], {ahead_ms / SECOND_MS!r})",
        lambda *_: [series],
        times[-1:],
    )
    return float(found.values[0, 0]) if found.present.any() else math.nan
