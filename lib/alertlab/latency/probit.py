"""What lies between two bounds: a smooth curve through the shares at all of them.

The curve joins the points (probit of the share at or below a bound, logarithm of the bound) by
monotone cubics (Fritsch and Carlson 1980); a lognormal is a straight line there.  Where buckets
between two modes are empty, the curve ends and a new one begins.  Where all calls lie in one or two
buckets, straight lines join the edges at which the least and the largest of them may stand.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtr, ndtri

from alertlab.latency.buckets import Histogram
from alertlab.units import Interval

_EDGE_RATIO = 1e-9  # shares nearer to 0 or 1 have no probit worth the name
_EMPTY_RATIO = 1e-12  # a bucket with less of the observations counts as empty


def estimate_quantiles(histogram: Histogram, q: np.ndarray) -> np.ndarray:
    """Estimate quantiles from all buckets, each within the bucket that holds it; same shape as q.

    NaN where the quantile falls into the +Inf bucket or there is no observation.
    """
    bounds, lower = histogram.upper_bounds, histogram.lower_bounds
    answer = np.full(np.shape(q), np.nan)
    if not histogram.count:
        return answer
    holding = holding_bucket(histogram, q)
    for bucket in np.unique(holding):
        if np.isinf(bounds[bucket]) or np.isinf(lower[bucket]):
            continue
        here = holding == bucket
        inside = _quantile_inside(histogram, int(bucket), q[here])
        answer[here] = np.clip(inside, lower[bucket], bounds[bucket])
    return answer


def holding_bucket(histogram: Histogram, q: np.ndarray) -> np.ndarray:
    """Return the index of the bucket that holds each quantile: the first to reach its rank.

    The rank of q is q times the count; rank 0 is held by the first bucket that is not empty.
    """
    rank = np.asarray(q) * histogram.count
    found = np.where(
        rank > 0,
        np.searchsorted(histogram.cumulative, rank, "left"),
        np.searchsorted(histogram.cumulative, 0.0, "right"),
    )
    return np.minimum(found, len(histogram.upper_bounds) - 1)


def share_below(histogram: Histogram, threshold_seconds: float) -> Interval | None:
    """Which share of the observations took at most so long?  None of no observations.

    ``low`` and ``high`` are the shares at the bounds beside the threshold, whatever the shape;
    where the threshold is a bound, all three are that exact share.
    """
    bounds, count = histogram.upper_bounds, histogram.count
    if not count:
        return None
    shares = np.append(0.0, histogram.cumulative / count)
    at = int(np.searchsorted(bounds, threshold_seconds, "left"))
    if at == len(bounds):
        return Interval(1.0, 1.0, 1.0, 1.0)
    low, high = float(shares[at]), float(shares[at + 1])
    if bounds[at] == threshold_seconds:
        return Interval(high, high, high, 1.0)
    inside = np.nan
    if np.isfinite(bounds[at]):
        inside = float(np.clip(_share_inside(histogram, at, threshold_seconds), low, high))
    return Interval(low, inside, high, 1.0)


def _knots(histogram: Histogram, bucket: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve over a bucket: probits and log bounds, fewer than two if there is none."""
    bounds, shares = histogram.upper_bounds, histogram.cumulative / histogram.count
    usable = np.flatnonzero(
        (bounds > 0) & np.isfinite(bounds) & (shares > _EDGE_RATIO) & (shares < 1 - _EDGE_RATIO)
    )
    empty = np.flatnonzero(np.diff(shares[usable]) <= _EMPTY_RATIO)
    pieces = np.split(usable, empty + 1)
    piece = next((one for one in pieces if bucket in one or bucket - 1 in one), usable[:0])
    return ndtri(shares[piece]), np.log(bounds[piece])


def _quantile_inside(histogram: Histogram, bucket: int, q: np.ndarray) -> np.ndarray:
    probits, logs = _knots(histogram, bucket)
    if len(probits) < 2:
        return _straight_quantile(histogram, bucket, q)
    at = ndtri(q)
    inner = np.clip(at, probits[0], probits[-1])
    first, last = _end_slopes(histogram, probits, logs)
    beyond = (at - inner) * np.where(at < inner, first, last)
    return np.exp(PchipInterpolator(probits, logs)(inner) + beyond)


def _share_inside(histogram: Histogram, bucket: int, threshold_seconds: float) -> float:
    """Invert the curve at a threshold inside a finite bucket."""
    probits, logs = _knots(histogram, bucket)
    if len(probits) < 2:
        return _straight_share(histogram, bucket, threshold_seconds)
    at = float(np.log(threshold_seconds)) if threshold_seconds > 0 else -np.inf
    first, last = _end_slopes(histogram, probits, logs)
    if at < logs[0]:
        return float(ndtr(probits[0] + (at - logs[0]) / first))
    if at > logs[-1]:
        return float(ndtr(probits[-1] + (at - logs[-1]) / last))
    return float(ndtr(PchipInterpolator(probits, logs).solve(at, extrapolate=False)[0]))


def _end_slopes(histogram: Histogram, probits: np.ndarray, logs: np.ndarray) -> tuple[float, float]:
    """Return by which slopes the curve is prolonged: the end chords', if no call contradicts.

    The curve must not pass the edges of the occupied buckets at the ranks of the extreme calls.
    """
    slopes = np.diff(logs) / np.diff(probits)
    first, last = float(slopes[0]), float(slopes[-1])
    (least, low), (most, high) = _extremes(histogram)
    if least < probits[0] and low < logs[0]:
        first = min(first, (logs[0] - low) / (probits[0] - least))
    if most > probits[-1] and high > logs[-1]:
        last = min(last, (high - logs[-1]) / (most - probits[-1]))
    return first, last


def _extremes(histogram: Histogram) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return (probit, log of the edge) of the least and of the largest call; +-infinite logs: none.

    The least of n calls stands for the share 1/(2n) (Hazen 1914), the largest for 1 - 1/(2n).
    """
    half = min(0.5, histogram.count / 2)  # counts may be fractional
    first, last = np.searchsorted(histogram.cumulative, [half, histogram.count - half], "left")
    tail = ndtri(half / histogram.count)
    low, high = histogram.lower_bounds[first], histogram.upper_bounds[last]
    with np.errstate(divide="ignore", invalid="ignore"):
        return (tail, float(np.log(low))), (-tail, float(np.log(high)))


def _ends(histogram: Histogram, bucket: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of straight lines where the calls lie in one or two buckets alone.

    None if the bucket lies below all of them, or if there is one alone.
    """
    probits, logs = _knots(histogram, bucket)
    points = sorted([*zip(probits, logs, strict=True), *_extremes(histogram)])
    at, values = (np.array(one) for one in zip(*points, strict=True))
    kept = np.isfinite(values) & (np.diff(at, prepend=-np.inf) > 0)
    at, values = at[kept], values[kept]
    if len(at) < 2 or np.log(histogram.upper_bounds[bucket]) <= values[0]:
        return at[:0], values[:0]
    return at, values


def _straight_quantile(histogram: Histogram, bucket: int, q: np.ndarray) -> np.ndarray:
    probits, logs = _ends(histogram, bucket)
    if not len(probits):
        share = (q * histogram.count - _before(histogram, bucket)) / histogram.counts[bucket]
        low, high = histogram.lower_bounds[bucket], histogram.upper_bounds[bucket]
        return low + (high - low) * share
    return np.exp(np.interp(ndtri(q), probits, logs))


def _straight_share(histogram: Histogram, bucket: int, threshold_seconds: float) -> float:
    probits, logs = _ends(histogram, bucket)
    if not len(probits):
        low, high = histogram.lower_bounds[bucket], histogram.upper_bounds[bucket]
        part = (threshold_seconds - low) / (high - low)
        return (_before(histogram, bucket) + part * histogram.counts[bucket]) / histogram.count
    return float(ndtr(np.interp(np.log(threshold_seconds), logs, probits)))


def _before(histogram: Histogram, bucket: int) -> float:
    return float(histogram.cumulative[bucket - 1]) if bucket else 0.0
