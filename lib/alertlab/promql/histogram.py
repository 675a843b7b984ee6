"""Quantiles and fractions of classic histograms (promql/quantile.go)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from alertlab.go_text import parse_float
from alertlab.promql.context import Context
from alertlab.promql.values import LazyRows, Row, Vector, without_labels

_BOUND = "le"
_SAME_COUNT = 1e-12


def histogram_quantile(context: Context, q: np.ndarray, vector: Vector) -> Vector:
    """Return quantile q of every histogram: its buckets are the series that differ in ``le``.

    promql/functions.go, funcHistogramQuantile.

    q : float64, one per step
    """

    def of_buckets(bounds: np.ndarray, counts: np.ndarray, steps: np.ndarray) -> np.ndarray:
        return bucket_quantile(q[steps], bounds, counts, context.semantics)

    return _per_histogram(context, vector, of_buckets)


def histogram_fraction(
    context: Context, lower: np.ndarray, upper: np.ndarray, vector: Vector
) -> Vector:
    """Return the share of observations between two values; classic buckets count from 3.4.

    promql/functions.go, funcHistogramFraction.
    """
    if context.semantics < 3:
        return Vector((), [])

    def of_buckets(bounds: np.ndarray, counts: np.ndarray, steps: np.ndarray) -> np.ndarray:
        return bucket_fraction(lower[steps], upper[steps], bounds, counts)

    return _per_histogram(context, vector, of_buckets)


def bucket_quantile(
    q: np.ndarray, bounds: np.ndarray, counts: np.ndarray, semantics: int
) -> np.ndarray:
    """Return the quantile by linear interpolation inside the bucket that holds its rank.

    promql/quantile.go, BucketQuantile.

    q : shape (n_steps,)
    bounds : upper bounds, ascending, equal ones allowed, shape (n_buckets,)
    counts : cumulative counts, shape (n_buckets, n_steps)
    """
    answer = _quantile_inside(q, *clean_buckets(bounds, counts, semantics))
    answer = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, answer))
    return np.where(np.isnan(q), np.nan, answer)


def _quantile_inside(q: np.ndarray, bounds: np.ndarray, counts: np.ndarray) -> np.ndarray:
    if len(bounds) < 2 or not np.isposinf(bounds[-1]):
        return np.full(len(q), np.nan)
    observations = counts[-1]
    rank = q * observations
    last = len(bounds) - 1
    steps = np.arange(len(q))
    bucket = _searched(counts[:-1] >= rank)
    before = np.maximum(bucket - 1, 0)
    inner = bucket > 0
    below = np.where(inner, counts[before, steps], 0.0)
    start = np.where(inner, bounds[before], 0.0)
    inside = np.where(inner, counts[bucket, steps] - below, counts[bucket, steps])
    end = bounds[bucket]
    answer = start + (end - start) * (np.where(inner, rank - below, rank) / inside)
    answer = np.where((bucket == 0) & (bounds[0] <= 0), bounds[0], answer)
    answer = np.where(bucket == last, bounds[-2], answer)
    return np.where(observations == 0, np.nan, answer)


def _searched(reached: np.ndarray) -> np.ndarray:
    """Return the first bucket that is reached, per step, or their number if none is.

    By bisection as Go's sort.Search: a NaN count is never reached, and then its path decides.
    """
    low = np.zeros(reached.shape[1], dtype=np.intp)
    high = np.full(reached.shape[1], len(reached))
    while len(steps := np.flatnonzero(low < high)):
        middle = (low[steps] + high[steps]) // 2
        hit = reached[middle, steps]
        high[steps] = np.where(hit, middle, high[steps])
        low[steps] = np.where(hit, low[steps], middle + 1)
    return low


def bucket_fraction(
    lower: np.ndarray, upper: np.ndarray, bounds: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Return the share of observations in ``lower..upper`` by interpolation inside buckets.

    promql/quantile.go, BucketFraction.

    Shapes as in ``bucket_quantile``.  A bucket of infinite width gives no share to a finite value.
    """
    bounds, counts = _merged_bounds(bounds, counts)
    if not np.isposinf(bounds[-1]):
        return np.full(len(lower), np.nan)
    observations = counts[-1]
    share = (_rank(upper, bounds, counts) - _rank(lower, bounds, counts)) / observations
    share = np.where(lower >= upper, 0.0, share)
    return np.where((observations == 0) | np.isnan(lower) | np.isnan(upper), np.nan, share)


def _rank(at: np.ndarray, bounds: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return how many observations lie below a value, per step; at most all of them."""
    steps = np.arange(counts.shape[1])
    lowest = 0.0 if bounds[0] > 0 else -np.inf
    bucket = np.searchsorted(bounds, at, "right")
    inside = np.minimum(bucket, len(bounds) - 1)
    before = np.maximum(inside - 1, 0)
    start = np.where(inside > 0, bounds[before], lowest)
    below = np.where(inside > 0, counts[before, steps], 0.0)
    count = counts[inside, steps]
    rank = below + (count - below) * (at - start) / (bounds[inside] - start)
    rank = np.where(np.isneginf(start), count, rank)
    rank = np.where(at <= start, below, rank)
    rank = np.where(bucket == len(bounds), counts[-1], rank)
    return np.where(rank > counts[-1], counts[-1], rank)


def clean_buckets(
    bounds: np.ndarray, counts: np.ndarray, semantics: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Merge equal bounds and make the counts grow with them; shapes as in ``bucket_quantile``."""
    bounds, counts = _merged_bounds(bounds, counts)
    return bounds, (_monotonic if semantics >= 3 else _running_maximum)(counts)


def _merged_bounds(bounds: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    unique, first = np.unique(bounds, return_index=True)
    if len(unique) == len(bounds):
        return bounds, counts
    return unique, np.add.reduceat(counts, first, axis=0)


def _running_maximum(counts: np.ndarray) -> np.ndarray:
    """Repair of 2.42: a count below the largest so far becomes that."""
    repaired = counts.copy()
    largest = repaired[0]
    for count in repaired[1:]:
        largest = np.where(count > largest, count, largest)
        np.copyto(count, largest, where=count < largest)
    return repaired


def _monotonic(counts: np.ndarray) -> np.ndarray:
    """Repair of 2.49 and later: counts that are lower or almost equal become the previous one."""
    repaired = counts.copy()
    previous = repaired[0]
    for count in repaired[1:]:
        np.copyto(count, previous, where=_almost_equal(previous, count) | (count < previous))
        previous = count
    return repaired


def _almost_equal(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Compare relative to the size, absolutely next to zero (util/almost, Equal)."""
    numbers = np.finfo(float)
    difference, size = np.abs(left - right), np.abs(left) + np.abs(right)
    tiny = (left == 0) | (right == 0) | (size < numbers.tiny)
    return difference / np.where(tiny, numbers.tiny, np.minimum(size, numbers.max)) < _SAME_COUNT


def _per_histogram(
    context: Context,
    vector: Vector,
    of_buckets: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> Vector:
    groups = _histograms(vector)
    names = list(groups)

    def row(index: int) -> Row:
        return _one_histogram(
            [vector.rows[i] for _, i in groups[names[index]]],
            np.array([bound for bound, _ in groups[names[index]]]),
            of_buckets,
        )

    return context.nameless(Vector(tuple(names), LazyRows(len(names), row)))


def _histograms(vector: Vector) -> dict[tuple[tuple[str, str], ...], list[tuple[float, int]]]:
    """Group buckets by their labels without ``le``; (bound, position), ascending."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, int]]] = {}
    for index, labels in enumerate(vector.labels):
        try:
            bound = parse_float(dict(labels).get(_BOUND, ""))
        except ValueError:
            continue  # what is no bucket is no part of a histogram
        if not math.isnan(bound):
            rest = without_labels(labels, frozenset([_BOUND]))
            groups.setdefault(rest, []).append((bound, index))
    return {rest: sorted(buckets) for rest, buckets in groups.items()}


def _one_histogram(
    rows: list[Row],
    bounds: np.ndarray,
    of_buckets: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> Row:
    counts = np.stack([row.values for row in rows])
    present = np.stack([row.present for row in rows])
    answer = np.zeros(counts.shape[1])
    if present.all():  # the usual case needs no copies
        return Row(of_buckets(bounds, counts, np.arange(len(answer))), present[0])
    for buckets, steps in _presence_patterns(present):
        answer[steps] = of_buckets(bounds[buckets], counts[np.ix_(buckets, steps)], steps)
    return Row(answer, present.any(axis=0))


def _presence_patterns(present: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the steps that have the same buckets, with these buckets; few patterns exist."""
    complete = present.all(axis=0)
    if complete.any():
        yield np.arange(len(present)), np.flatnonzero(complete)
    others = np.flatnonzero(present.any(axis=0) & ~complete)
    packed = np.packbits(present[:, others], axis=0)
    patterns, which = np.unique(packed, axis=1, return_inverse=True)
    for number in range(patterns.shape[1]):
        steps = others[which.ravel() == number]
        yield np.flatnonzero(present[:, steps[0]]), steps
