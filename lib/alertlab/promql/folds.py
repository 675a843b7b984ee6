"""Running sums, means and variances in Prometheus' order of operations.

Each fold takes one value per lane at a time: a lane is a step of the query.  ``add(x, active)``
adds ``x`` where ``active``; None means everywhere.  Aggregations feed it one series after the
other, range functions the samples of all windows from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Protocol

import numpy as np

EXACT = 2.0**53
"""Integers below this have exact float64 sums, in any order."""


class Fold(Protocol):
    """What takes one value per lane after the other and then has a result per lane."""

    def add(self, x: np.ndarray, active: np.ndarray | None) -> None: ...

    def result(self) -> np.ndarray: ...


@contextmanager
def within(fold: Fold, part: slice) -> Iterator[Fold]:
    """Give a fold of the lanes ``part`` alone; what it takes is taken by ``fold``."""
    arrays = {name: one for name, one in vars(fold).items() if isinstance(one, np.ndarray)}
    inner = copy(fold)
    vars(inner).update({name: one[part] for name, one in arrays.items()})
    yield inner
    for name, one in arrays.items():
        one[part] = getattr(inner, name)


def chosen(active: np.ndarray | None, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Return ``new`` where active and ``old`` elsewhere."""
    return new if active is None else np.where(active, new, old)


def neumaier(
    x: np.ndarray, total: np.ndarray, lost: np.ndarray, semantics: int
) -> tuple[np.ndarray, np.ndarray]:
    """Add x to a compensated sum (promql/functions.go, kahanSumInc); return total and lost part."""
    new = total + x
    larger = np.abs(total) >= np.abs(x)
    lost = lost + np.where(larger, (total - new) + x, (x - new) + total)
    if semantics >= 3:
        infinite = np.isinf(new)
        if infinite.any():
            lost = np.where(infinite, 0.0, lost)
    return new, lost


def is_exactly_summable(values: np.ndarray) -> bool:
    """Tell whether all values are integers: sums below ``EXACT`` then are the same in any order."""
    return bool(np.array_equal(values, np.trunc(values)))


def is_plain(values: np.ndarray) -> bool:
    """Tell whether values are finite and none is -0.0: then ``x + 0 * y`` is x, to the bit."""
    return bool(np.isfinite(values).all() and not ((values == 0) & np.signbit(values)).any())


class PlainSum:
    """Left-to-right sum (``sum`` before 2.54) (promql/engine.go, aggregation)."""

    def __init__(self, lanes: int) -> None:
        # The first value stands as it is, be it -0.
        self.total = np.full(lanes, -0.0)

    def add(self, x: np.ndarray, active: np.ndarray | None) -> None:
        self.total = chosen(active, self.total + x, self.total)

    def result(self) -> np.ndarray:
        return self.total


class Sum:
    """Neumaier's compensated sum; an infinite total stands without its compensation.

    promql/functions.go, funcSumOverTime.
    """

    def __init__(self, lanes: int, semantics: int) -> None:
        self.semantics = semantics
        self.total = np.zeros(lanes)
        self.lost = np.zeros(lanes)

    def add(self, x: np.ndarray, active: np.ndarray | None) -> None:
        total, lost = neumaier(x, self.total, self.lost, self.semantics)
        self.total = chosen(active, total, self.total)
        self.lost = chosen(active, lost, self.lost)

    def result(self) -> np.ndarray:
        return np.where(np.isinf(self.total), self.total, self.total + self.lost)


class Mean:
    """Mean as 3.5 and later: compensated sum, incremental from where it would overflow.

    promql/functions.go, funcAvgOverTime.
    """

    def __init__(self, lanes: int, semantics: int) -> None:
        self.semantics = semantics
        self.count = np.zeros(lanes)
        self.total = np.zeros(lanes)
        self.lost = np.zeros(lanes)
        self.incremental = np.zeros(lanes, dtype=bool)

    def add(self, x: np.ndarray, active: np.ndarray | None) -> None:
        count = chosen(active, self.count + 1, self.count)
        total, lost = neumaier(x, self.total, self.lost, self.semantics)
        overflow = np.isinf(total) & (count > 1)
        if active is not None:
            overflow &= active
        turning = overflow & ~self.incremental
        if turning.any():
            self.total = np.where(turning, self.total / self.count, self.total)
            self.lost = np.where(turning, self.lost / self.count, self.lost)
            self.incremental |= turning
        if self.incremental.any():
            shrink = (count - 1) / count
            mean, mean_lost = neumaier(
                x / count, shrink * self.total, shrink * self.lost, self.semantics
            )
            total = np.where(self.incremental, mean, total)
            lost = np.where(self.incremental, mean_lost, lost)
        self.total = chosen(active, total, self.total)
        self.lost = chosen(active, lost, self.lost)
        self.count = count

    def result(self) -> np.ndarray:
        count = np.where(self.incremental, 1.0, self.count)
        return self.total / count + self.lost / count


class IncrementalMean:
    """Mean as 2.42: ``mean += x/n - mean/n``; compensated over time, plain across series.

    promql/functions.go, funcAvgOverTime.
    """

    def __init__(self, lanes: int, compensated: bool) -> None:
        self.compensated = compensated
        self.count = np.zeros(lanes)
        self.mean = np.zeros(lanes)
        self.lost = np.zeros(lanes)

    def add(self, x: np.ndarray, active: np.ndarray | None) -> None:
        self.count = chosen(active, self.count + 1, self.count)
        infinite = np.isinf(self.mean)
        if infinite.any():
            same = np.isinf(x) & ((self.mean > 0) == (x > 0))
            skipped = infinite & (same | np.isfinite(x))
            active = ~skipped if active is None else active & ~skipped
        step = x / self.count - self.mean / self.count
        if self.compensated:
            mean, lost = neumaier(step, self.mean, self.lost, semantics=2)
            self.lost = chosen(active, lost, self.lost)
        else:
            # The first value stands as it is, be it -0.
            mean = np.where(self.count == 1, x, self.mean + step)
        self.mean = chosen(active, mean, self.mean)

    def result(self) -> np.ndarray:
        if not self.compensated:
            return self.mean
        return np.where(np.isinf(self.mean), self.mean, self.mean + self.lost)


class Variance:
    """Population variance by Welford's updates, with Neumaier compensation over time.

    promql/functions.go, varianceOverTime.
    """

    def __init__(self, lanes: int, semantics: int) -> None:
        self.semantics = semantics
        self.count = np.zeros(lanes)
        self.mean, self.mean_lost = np.zeros(lanes), np.zeros(lanes)
        self.squares, self.squares_lost = np.zeros(lanes), np.zeros(lanes)

    def add(self, x: np.ndarray, active: np.ndarray | None) -> None:
        self.count = chosen(active, self.count + 1, self.count)
        delta = x - (self.mean + self.mean_lost)
        mean, mean_lost = neumaier(delta / self.count, self.mean, self.mean_lost, self.semantics)
        squares, squares_lost = neumaier(
            delta * (x - (mean + mean_lost)), self.squares, self.squares_lost, self.semantics
        )
        self.mean = chosen(active, mean, self.mean)
        self.mean_lost = chosen(active, mean_lost, self.mean_lost)
        self.squares = chosen(active, squares, self.squares)
        self.squares_lost = chosen(active, squares_lost, self.squares_lost)

    def result(self) -> np.ndarray:
        return (self.squares + self.squares_lost) / self.count


class PlainVariance:
    """Population variance by Welford's updates, as ``stdvar`` across series.

    promql/engine.go, aggregation.
    """

    def __init__(self, lanes: int, semantics: int) -> None:
        self.semantics = semantics
        self.count = np.zeros(lanes)
        self.mean = np.zeros(lanes)
        self.squares = np.zeros(lanes)

    def add(self, x: np.ndarray, active: np.ndarray | None) -> None:
        starting = self.count == 0
        self.count = chosen(active, self.count + 1, self.count)
        delta = x - self.mean
        mean = self.mean + delta / self.count
        squares = self.squares + delta * (x - mean)
        if starting.any():
            first = np.where(np.isfinite(x) | (self.semantics < 3), 0.0, np.nan)
            mean = np.where(starting, x, mean)
            squares = np.where(starting, first, squares)
        self.mean = chosen(active, mean, self.mean)
        self.squares = chosen(active, squares, self.squares)

    def result(self) -> np.ndarray:
        return self.squares / self.count


def larger(x: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Tell where x replaces best as the maximum: strictly larger, or best is NaN.

    promql/functions.go, funcMaxOverTime.
    """
    return (x > best) | np.isnan(best)


def smaller(x: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Tell where x replaces best as the minimum: strictly smaller, or best is NaN.

    promql/functions.go, funcMinOverTime.
    """
    return (x < best) | np.isnan(best)


class Extreme:
    """Minimum or maximum; NaN only if all values are (promql/engine.go, aggregation)."""

    def __init__(
        self, lanes: int, replaces: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> None:
        self.replaces = replaces
        self.best = np.full(lanes, np.nan)

    def add(self, x: np.ndarray, active: np.ndarray | None) -> None:
        better = self.replaces(x, self.best)
        self.best = np.where(better if active is None else better & active, x, self.best)

    def result(self) -> np.ndarray:
        return self.best


class Count:
    """Number of values (promql/engine.go, aggregation)."""

    def __init__(self, lanes: int) -> None:
        self.count = np.zeros(lanes)

    def add(self, x: np.ndarray, active: np.ndarray | None) -> None:
        self.count += 1 if active is None else active

    def result(self) -> np.ndarray:
        return self.count


class One:
    """1, whatever the values (``group``) (promql/engine.go, aggregation)."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes

    def add(self, x: np.ndarray, active: np.ndarray | None) -> None:
        pass

    def result(self) -> np.ndarray:
        return np.ones(self.lanes)


def interpolated(
    ordered: np.ndarray, count: np.ndarray, q: np.ndarray, rows: np.ndarray, semantics: int
) -> np.ndarray:
    """Return quantile q of each row of ``ordered`` (promql/quantile.go, quantile).

    ordered : shape (n_rows, width), ascending with NaN first, padding behind ``count``
    count, q, rows : shape (n_rows,); how many values, which quantile, ``arange(n_rows)``
    semantics : from 3.16 a quantile that is one of the values is not mixed with infinite others
    """
    q_safe = np.where((q >= 0) & (q <= 1), q, 0.0)
    rank = q_safe * (count - 1)
    below = np.floor(rank)
    low = np.maximum(0, below).astype(np.intp)
    high = np.minimum(count - 1, low + 1)
    weight = rank - below
    result = ordered[rows, low] * (1 - weight) + ordered[rows, high] * weight
    if semantics >= 3:
        result = np.where(weight == 0, ordered[rows, low], result)
    result = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, result))
    return np.where(np.isnan(q), np.nan, result)


def sorted_nan_first(block: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Sort each row ascending with NaN first; cells that are not present go behind all others.

    promql/functions.go, vectorByValueHeap.
    """
    if np.isnan(block[present]).any():
        # Rank NaN below -Inf by sorting twice: stable on the values, then NaN to the front.
        keys = np.where(present, block, np.inf)
        order = np.argsort(keys, axis=1, kind="stable")
        block = np.take_along_axis(block, order, axis=1)
        present = np.take_along_axis(present, order, axis=1)
        place = np.where(~present, 2, np.where(np.isnan(block), 0, 1))
        order = np.argsort(place, axis=1, kind="stable")
        return np.take_along_axis(block, order, axis=1)
    return np.sort(np.where(present, block, np.inf), axis=1)
