"""The rate family: rate, increase, delta, irate, idelta, changes, resets.

promql/functions.go, ``extrapolatedRate`` and ``instantValue``, in their order of operations.
"""

from __future__ import annotations

import numpy as np

from alertlab.promql.folds import EXACT, is_exactly_summable
from alertlab.promql.values import Row
from alertlab.promql.windows import Window

_LANES = 16_384


def rate(window: Window, values: np.ndarray) -> Row:
    """Per-second increase of a counter, extrapolated to the window's edges.

    promql/functions.go, funcRate.
    """
    return _extrapolated(window, values, is_counter=True, per_second=True)


def increase(window: Window, values: np.ndarray) -> Row:
    """Increase of a counter over the window, extrapolated to its edges.

    promql/functions.go, funcIncrease.
    """
    return _extrapolated(window, values, is_counter=True, per_second=False)


def delta(window: Window, values: np.ndarray) -> Row:
    """Difference of a gauge over the window, extrapolated to its edges.

    promql/functions.go, funcDelta.
    """
    return _extrapolated(window, values, is_counter=False, per_second=False)


def irate(window: Window, values: np.ndarray) -> Row:
    """Per-second increase between the window's last two samples.

    promql/functions.go, funcIrate.
    """
    last, before = window.last, np.maximum(window.last - 1, 0)
    newest, older = values[last], values[before]
    step = np.where(newest < older, newest, newest - older)
    seconds = (window.times[last] - window.times[before]) / 1000
    return Row(step / seconds, window.enough)


def idelta(window: Window, values: np.ndarray) -> Row:
    """Difference between the window's last two samples (promql/functions.go, funcIdelta)."""
    last, before = window.last, np.maximum(window.last - 1, 0)
    return Row(values[last] - values[before], window.enough)


def changes(window: Window, values: np.ndarray) -> Row:
    """How often the value changed within the window; NaN after NaN is no change.

    promql/functions.go, funcChanges.
    """
    left, right = values[:-1], values[1:]
    return _counted(window, (left != right) & ~(np.isnan(left) & np.isnan(right)))


def resets(window: Window, values: np.ndarray) -> Row:
    """How often the value fell within the window (promql/functions.go, funcResets)."""
    return _counted(window, values[1:] < values[:-1])


def _counted(window: Window, happened: np.ndarray) -> Row:
    before = np.concatenate([[0], np.cumsum(happened)])
    return Row((before[window.last] - before[window.first]).astype(float), window.some)


def _extrapolated(window: Window, values: np.ndarray, *, is_counter: bool, per_second: bool) -> Row:
    result = values[window.last]
    first = values[window.first]
    result -= first
    if is_counter:
        _add_resets(window, values, result)
    edges = window.extrapolation
    for start in range(0, len(result), _LANES):
        lanes = slice(start, start + _LANES)
        difference, between = result[lanes], edges.between[lanes]
        to_start = edges.to_start[lanes]
        if is_counter:
            # A counter is extrapolated at most to where it would have been zero.
            to_zero = between * (first[lanes] / difference)
            clamped = (difference > 0) & (first[lanes] >= 0) & (to_zero < edges.gap[lanes])
            if window.semantics < 3:
                to_zero = window.cut(to_zero, between, window.count[lanes])
            to_start = np.where(clamped, to_zero, to_start)
        factor = (between + to_start + edges.to_end[lanes]) / between
        if per_second:
            factor /= _range_seconds(window.range_ms)
        difference *= factor
    return Row(result, window.enough)


def _range_seconds(range_ms: int) -> float:
    """Seconds as Go's Duration.Seconds adds them up."""
    whole, rest_ms = divmod(range_ms, 1000)
    return whole + rest_ms * 1e6 / 1e9


def _add_resets(window: Window, values: np.ndarray, difference: np.ndarray) -> None:
    """Add, at every reset inside the window, the value before it, from left to right."""
    lost = np.flatnonzero(values[1:] < values[:-1])
    if len(lost) == 0:
        return
    # A reset after sample r counts in the steps with first <= r < last: both grow with the steps.
    opened = np.searchsorted(window.last, lost, "right")
    closed = np.searchsorted(window.first, lost, "right")
    spans = closed > opened
    steps = len(window.steps) + 1
    depth = np.bincount(opened[spans], minlength=steps) - np.bincount(
        closed[spans], minlength=steps
    )
    hit = np.flatnonzero(np.cumsum(depth[:-1]))
    before_reset = values[lost]
    start = np.searchsorted(lost, window.first[hit], "left")
    stop = np.searchsorted(lost, window.last[hit], "left")
    largest = 2 * np.abs(values).max() + np.abs(before_reset).sum()
    if largest < EXACT and is_exactly_summable(values):
        summed = np.concatenate([[0.0], np.cumsum(before_reset)])
        difference[hit] += summed[stop] - summed[start]
        return
    while len(hit):
        difference[hit] += before_reset[start]
        start = start + 1
        more = start < stop
        hit, start, stop = hit[more], start[more], stop[more]
