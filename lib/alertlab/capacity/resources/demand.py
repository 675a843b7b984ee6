"""How much demand a resource bears: its use, as it follows the demand."""

from __future__ import annotations

import numpy as np

from alertlab.capacity.resources.measuring import Measured
from alertlab.capacity.resources.resource import PODS
from alertlab.errors import BadInput
from alertlab.latency.resampling import resampled
from alertlab.units import DAY_MS, Interval

MIN_DAYS = 7
MIN_EXPLAINED_RATIO = 0.5
"""Of the use's variance: of what follows the demand less closely, demand says too little."""


def most_demand(
    measured: Measured, *, lost_replicas: int = 1, confidence: float = 0.95
) -> Interval:
    """At how much demand does a resource reach its own threshold, as many replicas being gone?

    A straight line of use by limit over demand; of what pods share, each takes its part of the
    demand, and more of it with fewer pods.  Whole days are drawn again for the interval; an end is
    infinite where the use need not grow with the demand.

    BadInput where the use does not follow the demand, or fewer than seven days are known.
    """
    name, threshold = measured.resource.name, measured.resource.threshold_ratio
    if measured.refusal or measured.resource.demand is None:
        raise BadInput(measured.refusal or f"nothing is named that drives {name}")
    shared = measured.resource.kind == PODS
    replicas = measured.replicas if shared else np.ones(len(measured.times_ms))
    with np.errstate(divide="ignore", invalid="ignore"):
        demand, use = measured.demand / replicas, measured.use_ratio
    known = np.isfinite(demand) & np.isfinite(use)
    _, day = np.unique((measured.times_ms[known] - 1) // DAY_MS, return_inverse=True)
    n_days = int(day.max(initial=-1)) + 1
    if n_days < MIN_DAYS:
        raise BadInput(
            f"{name} and its demand are known together on {n_days} days; it takes {MIN_DAYS}"
        )
    x, y = demand[known], use[known]
    sums = np.stack(
        [np.bincount(day, one, n_days) for one in (np.ones_like(x), x, y, x * x, x * y)], axis=1
    )
    slope, idle = _line(sums.sum(axis=0))
    explained = 1 - float(np.var(y - idle - slope * x) / np.var(y)) if np.var(y) else 0.0
    if not (slope > 0 and explained >= MIN_EXPLAINED_RATIO):
        raise BadInput(
            f"{name} does not follow the demand: that explains {max(explained, 0):.0%} of how its "
            f"use varies, and {MIN_EXPLAINED_RATIO:.0%} is asked for"
        )
    left = max(float(replicas[known][-1]) - lost_replicas, 0.0) if shared else 1.0
    slopes, idles = _line(resampled(sums).T)
    room = np.maximum(threshold - idles, 0)  # idle pods may be beyond the threshold already
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.where(slopes > 0, room / slopes * left, np.inf)
    mid = max(threshold - idle, 0) / slope * left
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(drawn, tails, method="inverted_cdf")
    return Interval(min(float(low), mid), float(mid), max(float(high), mid), confidence)


def _line(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slope and level of least squares from sums of 1, x, y, x^2 and x y."""
    n, x, y, xx, xy = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (n * xy - x * y) / (n * xx - x * x)
    return slope, (y - slope * x) / n
