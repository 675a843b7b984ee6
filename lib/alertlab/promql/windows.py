"""Windows of range selectors and subqueries over one array of timestamps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from alertlab.promql.values import LazyRows, Row, Vector
from alertlab.units import LabelSet

_KEPT_BYTES = 48_000_000
_WINDOW_BYTES_PER_STEP = 54
"""All that a window may come to hold: bounds, sample indices, extrapolation."""

Kept = TypeVar("Kept")


class ByTimes(Generic[Kept]):
    """What is computed from an array of timestamps, kept for the series that share the array.

    When the room is used up further results are not kept: series are visited round and round, so
    that throwing out an old one would help nobody.
    """

    def __init__(
        self, compute: Callable[[np.ndarray], Kept], bytes_of: Callable[[Kept], int]
    ) -> None:
        self._compute = compute
        self._bytes_of = bytes_of
        self._room = _KEPT_BYTES
        # The arrays stay alive beside their results, so that an id stays its own.
        self._kept: dict[int, tuple[np.ndarray, Kept]] = {}

    def __call__(self, times: np.ndarray) -> Kept:
        if id(times) in self._kept:
            return self._kept[id(times)][1]
        result = self._compute(times)
        size = self._bytes_of(result)
        if size <= self._room:
            self._room -= size
            self._kept[id(times)] = (times, result)
        return result


class Extrapolation(NamedTuple):
    """Per step, in seconds: what lies between the samples, and what is added at the edges.

    between : from the first to the last sample
    gap : what the way to a counter's zero is compared with
    to_start, to_end : how far to extrapolate to the left and to the right
    """

    between: np.ndarray
    gap: np.ndarray
    to_start: np.ndarray
    to_end: np.ndarray


class Window:
    """Where the windows of all steps begin and end in one array of timestamps.

    promql/engine.go, matrixIterSlice.

    times : int64 [ms], the samples' timestamps, shape (n_samples,)
    steps, refs : int64 [ms], evaluation times and right edges of the windows, shape (n_steps,)
    low, high : window k holds the samples ``low[k]:high[k]``
    part : which of the query's steps these are

    The left edge is open in semantics 3 and closed in 2.
    """

    def __init__(
        self,
        times: np.ndarray,
        steps: np.ndarray,
        refs: np.ndarray,
        range_ms: int,
        semantics: int,
        part: slice,
    ) -> None:
        self.times = times
        self.part = part
        self.steps = steps
        self.refs = refs
        self.range_ms = range_ms
        self.semantics = semantics
        side = "left" if semantics < 3 else "right"
        # Many windows are kept at a time: half-size indices are worth it.
        self.low = np.searchsorted(times, refs - range_ms, side).astype(np.int32)
        self.high = np.searchsorted(times, refs, "right").astype(np.int32)

    @cached_property
    def count(self) -> np.ndarray:
        """Number of samples in each window."""
        return self.high - self.low

    @cached_property
    def some(self) -> np.ndarray:
        """Tell for each window whether it holds a sample."""
        return self.count > 0

    @cached_property
    def enough(self) -> np.ndarray:
        """Tell for each window whether it holds two samples or more."""
        return self.count > 1

    @cached_property
    def first(self) -> np.ndarray:
        """Index of each window's first sample; a valid index even if the window is empty."""
        return np.minimum(self.low, max(len(self.times) - 1, 0))

    @cached_property
    def last(self) -> np.ndarray:
        """Index of each window's last sample; a valid index even if the window is empty."""
        return np.maximum(self.high - 1, 0)

    @cached_property
    def extrapolation(self) -> Extrapolation:
        """How far rate and its like reach beyond the samples, as far as times alone decide.

        promql/functions.go, extrapolatedRate.
        """
        first, last = self.times[self.first], self.times[self.last]
        between = (last - first) / 1000
        gap = (first - (self.refs - self.range_ms)) / 1000
        to_start = self.cut(gap, between, self.count)
        to_end = self.cut((self.refs - last) / 1000, between, self.count)
        # 2.51 and later cut a wide gap before they look for the zero, 2.42 does so after.
        return Extrapolation(between, gap if self.semantics < 3 else to_start, to_start, to_end)

    @staticmethod
    def cut(gap: np.ndarray, between: np.ndarray, count: np.ndarray) -> np.ndarray:
        """Cut gaps [s] of 1.1 average spacings or more to half a spacing.

        promql/functions.go, extrapolatedRate.
        """
        average = between / (count - 1)
        return np.where(gap < average * 1.1, gap, average / 2)


@dataclass(frozen=True)
class RangeVector:
    """The series of a range selector or subquery, with a window per step (promql/value.go, Matrix).

    ``samples(i)`` gives timestamps and values of series i without stale markers.
    """

    labels: tuple[LabelSet, ...]
    samples: Callable[[int], tuple[np.ndarray, np.ndarray]]
    steps: np.ndarray
    refs: np.ndarray
    range_ms: int
    semantics: int
    nameless: tuple[bool, ...] = ()

    @cached_property
    def _window(self) -> ByTimes[Window]:
        # No method of ours: it would hold this object in a circle, and its samples with it.
        steps, refs, range_ms, semantics = self.steps, self.refs, self.range_ms, self.semantics

        def window_of(times: np.ndarray) -> Window:
            # Steps that cannot see a sample are left out.
            first = int(np.searchsorted(refs, times[0], "left"))
            last = int(np.searchsorted(refs, times[-1] + range_ms, "right"))
            part = slice(first, last)
            return Window(times, steps[part], refs[part], range_ms, semantics, part)

        return ByTimes(window_of, lambda window: _WINDOW_BYTES_PER_STEP * len(window.steps))

    def mapped(self, function: Callable[[Window, np.ndarray], Row]) -> Vector:
        """Return the vector of ``function(window, values)`` for every series."""

        def row(index: int) -> Row:
            times, values = self.samples(index)
            found = np.zeros(len(self.steps))
            present = np.zeros(len(self.steps), dtype=bool)
            window = self._window(times) if len(times) else None
            if window is None or len(window.steps) == 0:
                return Row(found, present, slice(0, 0))
            found[window.part], present[window.part], _ = function(window, values)
            return Row(found, present, window.part)

        return Vector(self.labels, LazyRows(len(self.labels), row), self.nameless)
