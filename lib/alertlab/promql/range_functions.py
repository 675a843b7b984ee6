"""Functions of a window's samples: ``*_over_time``, deriv, predict_linear, smoothing.

Each takes a window and the values of one series and returns a row (promql/functions.go).
Further arguments are scalars with one value per step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from pandas.api.indexers import BaseIndexer

from alertlab.errors import BadInput
from alertlab.promql.folds import (
    EXACT,
    Fold,
    IncrementalMean,
    Mean,
    Sum,
    Variance,
    chosen,
    interpolated,
    is_exactly_summable,
    is_plain,
    larger,
    neumaier,
    smaller,
    sorted_nan_first,
)
from alertlab.promql.values import Row
from alertlab.promql.windows import Window

_LANES = 16_384
_CELLS = 1_000_000


def count_over_time(window: Window, values: np.ndarray) -> Row:
    """Number of samples (promql/functions.go, funcCountOverTime)."""
    return Row(window.count.astype(float), window.some)


def present_over_time(window: Window, values: np.ndarray) -> Row:
    """1 where there is a sample (promql/functions.go, funcPresentOverTime)."""
    return Row(np.ones(len(window.steps)), window.some)


def last_over_time(window: Window, values: np.ndarray) -> Row:
    """Newest sample (promql/functions.go, funcLastOverTime)."""
    return Row(values[window.last], window.some)


def first_over_time(window: Window, values: np.ndarray) -> Row:
    """Oldest sample (promql/functions.go, funcFirstOverTime)."""
    return Row(values[window.first], window.some)


def ts_of_first_over_time(window: Window, values: np.ndarray) -> Row:
    """Time [s] of the oldest sample (promql/functions.go, funcTsOfFirstOverTime)."""
    return Row(window.times[window.first] / 1000, window.some)


def ts_of_last_over_time(window: Window, values: np.ndarray) -> Row:
    """Time [s] of the newest sample (promql/functions.go, funcTsOfLastOverTime)."""
    return Row(window.times[window.last] / 1000, window.some)


def min_over_time(window: Window, values: np.ndarray) -> Row:
    """Smallest sample; NaN only if all are (promql/functions.go, funcMinOverTime)."""
    return Row(_extreme(window, values, smaller), window.some)


def max_over_time(window: Window, values: np.ndarray) -> Row:
    """Largest sample; NaN only if all are (promql/functions.go, funcMaxOverTime)."""
    return Row(_extreme(window, values, larger), window.some)


def sum_over_time(window: Window, values: np.ndarray) -> Row:
    """Compensated sum (promql/functions.go, funcSumOverTime)."""
    exact = _integer_sums(window, values)
    if exact is not None:
        return Row(exact, window.some)
    return Row(_folded(window, values, lambda n: Sum(n, window.semantics)), window.some)


def avg_over_time(window: Window, values: np.ndarray) -> Row:
    """Mean; the way it is summed differs between the versions.

    promql/functions.go, funcAvgOverTime.
    """
    if window.semantics < 3:
        return Row(_folded(window, values, lambda n: IncrementalMean(n, True)), window.some)
    exact = _integer_sums(window, values)
    if exact is not None:
        return Row(exact / window.count, window.some)
    return Row(_folded(window, values, lambda n: Mean(n, 3)), window.some)


def stdvar_over_time(window: Window, values: np.ndarray) -> Row:
    """Population variance (promql/functions.go, funcStdvarOverTime)."""
    return Row(_folded(window, values, lambda n: Variance(n, window.semantics)), window.some)


def stddev_over_time(window: Window, values: np.ndarray) -> Row:
    """Population standard deviation (promql/functions.go, funcStddevOverTime)."""
    return Row(np.sqrt(stdvar_over_time(window, values).values), window.some)


def quantile_over_time(window: Window, values: np.ndarray, q: np.ndarray) -> Row:
    """Quantile q of the samples, interpolated between neighbours.

    promql/functions.go, funcQuantileOverTime.
    """
    if is_plain(values) and (q == q[:1]).all() and 0 <= q[0] <= 1:
        return Row(_sliding_quantile(window, values, float(q[0])), window.some)
    result = np.zeros(len(window.steps))
    for lanes, cells, inside in _blocks(window):
        ordered = sorted_nan_first(values[cells], inside)
        rows, count = np.arange(len(lanes)), window.count[lanes]
        result[lanes] = interpolated(ordered, count, q[lanes], rows, window.semantics)
    return Row(result, window.some)


def mad_over_time(window: Window, values: np.ndarray) -> Row:
    """Median distance from the median; NaN if any sample is (3.14).

    promql/functions.go, funcMadOverTime.
    """
    result = np.zeros(len(window.steps))
    for lanes, cells, inside in _blocks(window):
        block, rows = values[cells], np.arange(len(lanes))
        count, half = window.count[lanes], np.full(len(lanes), 0.5)
        median = interpolated(sorted_nan_first(block, inside), count, half, rows, 3)
        distance = np.abs(block - median[:, None])
        middle = interpolated(sorted_nan_first(distance, inside), count, half, rows, 3)
        has_nan = (np.isnan(block) & inside).any(axis=1)
        result[lanes] = np.where(has_nan, np.nan, middle)
    return Row(result, window.some)


def deriv(window: Window, values: np.ndarray) -> Row:
    """Slope per second of a straight line through the samples (promql/functions.go, funcDeriv)."""
    slope, _ = _regression(window, values, window.times[window.first])
    return Row(slope, window.enough)


def predict_linear(window: Window, values: np.ndarray, ahead_seconds: np.ndarray) -> Row:
    """Value of a straight line through the samples so far after the step's time.

    promql/functions.go, funcPredictLinear.
    """
    slope, intercept = _regression(window, values, window.steps)
    return Row(slope * ahead_seconds + intercept, window.enough)


def double_exponential_smoothing(
    window: Window, values: np.ndarray, smoothing: np.ndarray, trend: np.ndarray
) -> Row:
    """Smoothed last level; ``holt_winters`` before 3.0.  Both factors lie within (0, 1).

    promql/functions.go, funcDoubleExponentialSmoothing.
    """
    for name, factor in (("smoothing", smoothing), ("trend", trend)):
        bad = factor[window.some & ~((factor > 0) & (factor < 1))]
        if len(bad):
            raise BadInput(f"invalid {name} factor. Expected: 0 < sf < 1, got: {bad[0]:g}")
    result = np.zeros(len(window.steps))
    for lanes in _lanes(window):
        sf, tf = smoothing[lanes], trend[lanes]
        columns = _columns(window, values, lanes)
        level, _ = next(columns, (np.zeros(len(lanes)), None))
        slope = previous = np.zeros(len(lanes))
        for number, (x, active) in enumerate(columns, start=1):
            if number == 1:
                slope = x - level
            else:
                updated = tf * (level - previous) + (1 - tf) * slope
                slope = chosen(active, updated, slope)
            smoothed = sf * x + (1 - sf) * (level + slope)
            previous = chosen(active, level, previous)
            level = chosen(active, smoothed, level)
        result[lanes] = level
    return Row(result, window.enough)


def _lanes(window: Window) -> Iterator[np.ndarray]:
    """Cut the steps with samples into pieces that fit a core's cache."""
    steps = np.flatnonzero(window.some)
    for start in range(0, len(steps), _LANES):
        yield steps[start : start + _LANES]


def _columns(
    window: Window, values: np.ndarray, lanes: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Give the first sample of every window, then the second, and whether each exists."""
    count, low = window.count[lanes], window.low[lanes]
    shortest, last = count.min(), len(values) - 1
    for number in range(count.max()):
        active = None if number < shortest else number < count
        yield values[np.minimum(low + number, last)], active


def _folded(window: Window, values: np.ndarray, make: Callable[[int], Fold]) -> np.ndarray:
    result = np.zeros(len(window.steps))
    for lanes in _lanes(window):
        fold = make(len(lanes))
        for x, active in _columns(window, values, lanes):
            fold.add(x, active)
        result[lanes] = fold.result()
    return result


def _integer_sums(window: Window, values: np.ndarray) -> np.ndarray | None:
    """Sums by prefix where they are exact: integers whose sums stay below 2**53."""
    if not np.abs(values).sum() < EXACT or not is_exactly_summable(values):
        return None
    before = np.cumsum(np.concatenate([[0.0], values]))
    return before[window.high] - before[window.low]


def _extreme(
    window: Window,
    values: np.ndarray,
    replaces: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Range extremes by doubling: two overlapping spans of a power of two cover a window."""
    result = values[window.first]
    level = np.frexp(np.maximum(window.count, 1))[1] - 1
    table = values
    for power in range(int(level.max()) + 1):
        if power:
            half = 1 << (power - 1)
            left, right = table[:-half], table[half:]
            table = np.where(replaces(right, left), right, left)
        here = np.flatnonzero((level == power) & window.some)
        left = table[window.low[here]]
        right = table[window.high[here] - (1 << power)]
        result[here] = np.where(replaces(right, left), right, left)
    return result


def _sliding_quantile(window: Window, values: np.ndarray, q: float) -> np.ndarray:
    """One quantile of all windows in one pass: a skip list follows the window's edges."""
    # pandas wants as many windows as values: empty windows or NaN fill up the shorter side.
    size = max(len(values), len(window.steps))
    low, high = (
        np.concatenate([edge, np.full(size - len(edge), edge[-1])]).astype(np.int64)
        for edge in (window.low, window.high)
    )
    low[len(window.steps) :] = high[-1]
    filled = pd.Series(np.concatenate([values, np.full(size - len(values), np.nan)]))
    rolling = filled.rolling(_Edges(low, high), min_periods=1)
    below, above = (
        rolling.quantile(q, interpolation=side).to_numpy()[: len(window.steps)]
        for side in ("lower", "higher")
    )
    rank = q * (window.count - 1)
    weight = rank - np.floor(rank)
    return below * (1 - weight) + above * weight


class _Edges(BaseIndexer):
    """The windows' own edges, as pandas asks for them: with this very signature."""

    def __init__(self, low: np.ndarray, high: np.ndarray) -> None:
        super().__init__()
        self._edges = low, high

    def get_window_bounds(
        self, num_values=0, min_periods=None, center=None, closed=None, step=None
    ) -> tuple[np.ndarray, np.ndarray]:
        return self._edges


def _blocks(window: Window) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give steps, the indices of their samples (n_steps, width) and which of these are inside."""
    steps = np.flatnonzero(window.some)
    if len(steps) == 0:
        return
    width = int(window.count[steps].max())
    size = max(_CELLS // width, 1)
    offsets = np.arange(width)
    for start in range(0, len(steps), size):
        lanes = steps[start : start + size]
        inside = offsets < window.count[lanes, None]
        cells = np.minimum(window.low[lanes, None] + offsets, len(window.times) - 1)
        yield lanes, cells, inside


def _regression(
    window: Window, values: np.ndarray, zero_ms: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with compensated sums; x is seconds from ``zero_ms`` (linearRegression)."""
    slope, intercept = np.zeros(len(window.steps)), np.zeros(len(window.steps))
    for lanes in _lanes(window):
        size = len(lanes)
        # Rows: sums of x, y, x*y and x*x with what each has lost.
        total, lost = np.zeros((4, size)), np.zeros((4, size))
        constant, first = np.ones(size, dtype=bool), values[window.first[lanes]]
        zero = zero_ms[lanes]
        stamps = _columns(window, window.times, lanes)
        for (y, active), (t, _) in zip(_columns(window, values, lanes), stamps, strict=True):
            x = (t - zero) / 1000
            constant &= (y == first) if active is None else (y == first) | ~active
            new, new_lost = neumaier(np.stack([x, y, x * y, x * x]), total, lost, window.semantics)
            total, lost = chosen(active, new, total), chosen(active, new_lost, lost)
        x, y, xy, xx = total + lost
        n = window.count[lanes]
        covariance, variance = xy - x * y / n, xx - x * x / n
        slope[lanes] = covariance / variance
        intercept[lanes] = y / n - slope[lanes] * x / n
        endless = np.isinf(first)
        slope[lanes] = np.where(constant, np.where(endless, np.nan, 0.0), slope[lanes])
        # Not ``first + 0``: a -0.0 stays what it is.
        level = np.where(endless, np.nan, first)
        intercept[lanes] = np.where(constant, level, intercept[lanes])
    return slope, intercept
