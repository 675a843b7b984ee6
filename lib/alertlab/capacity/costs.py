"""What one request of each method costs in a resource, learned from how use follows the traffic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from alertlab.capacity.load import LoadHistory
from alertlab.errors import BadInput
from alertlab.latency.resampling import resampled
from alertlab.units import DAY_MS, Interval

MIN_DAYS = 7  # fewer say too little of how days differ


@dataclass(frozen=True)
class Costs:
    """What requests cost; in units of the resource times seconds, such as CPU seconds.

    per_request : by method; methods whose traffic moves together share their cost in any way, and
        their intervals are as wide as that
    idle : what a pod uses without any request
    explained_ratio : share of the variance that this explains (R^2)
    n_days : days learned from
    """

    per_request: dict[str, Interval]
    idle: Interval
    explained_ratio: float
    n_days: int

    def of(self, requests_per_second: dict[str, float], pods: float) -> float:
        """Return what so many requests/s cost on so many pods, in units of the resource."""
        asked = sum(self.per_request[one].mid * rate for one, rate in requests_per_second.items())
        return asked + self.idle.mid * pods


def request_costs(load: LoadHistory, used: np.ndarray, *, confidence: float = 0.95) -> Costs:
    """What does one request of each method cost in a resource?

    used : use of the resource by pod and span, float64, shape (n_pods, n_spans), NaN where unknown

    Least squares with costs that are not negative; whole days are drawn again for the intervals,
    as what happens on one day hangs together.  BadInput for fewer than seven days.
    """
    rates = np.concatenate([load.requests_per_second, np.ones((1, *used.shape))])
    known = np.isfinite(used) & np.isfinite(rates).all(axis=0)
    day = np.broadcast_to((load.ends_ms - 1) // DAY_MS, used.shape)[known]
    _, day = np.unique(day, return_inverse=True)
    n_days, size = int(day.max(initial=-1)) + 1, len(rates)
    if n_days < MIN_DAYS:
        raise BadInput(
            f"costs per request need use and requests of {MIN_DAYS} days; there are {n_days}; "
            "ask for a longer time"
        )
    # Least squares needs sums of products only, so a day is one row of them.
    columns = np.stack([*rates[:, known], used[known]])
    products = np.zeros((n_days, size + 1, size + 1))
    for one in range(size + 1):
        for other in range(one, size + 1):
            products[:, one, other] = products[:, other, one] = np.bincount(
                day, columns[one] * columns[other], n_days
            )
    mid = _solve(products.sum(axis=0))
    drawn = resampled(products.reshape(n_days, -1)).reshape(-1, size + 1, size + 1)
    solved = np.stack([_solve(one) for one in drawn])
    low, high = np.quantile(solved, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    intervals = [
        Interval(min(a, m), m, max(b, m), confidence)
        for a, m, b in zip(low.tolist(), mid.tolist(), high.tolist(), strict=True)
    ]
    left = columns[-1] - mid @ columns[:-1]
    return Costs(
        dict(zip(load.methods, intervals[:-1], strict=True)),
        intervals[-1],
        1 - float(left.var() / columns[-1].var()) if columns[-1].var() else 0.0,
        n_days,
    )


def _solve(products: np.ndarray) -> np.ndarray:
    """Return the costs from the sums of products; the last row and column are the use's."""
    inner, outer = products[:-1, :-1], products[:-1, -1]
    scale = np.sqrt(np.diag(inner))
    scale[scale == 0] = 1.0  # a method that was never called costs nothing
    values, vectors = np.linalg.eigh(inner / np.outer(scale, scale))
    kept = values > values.max() * 1e-12
    roots = np.sqrt(values[kept])
    half = vectors[:, kept].T * roots[:, None]
    target = (vectors[:, kept].T @ (outer / scale)) / roots
    return nnls(half, target)[0] / scale
