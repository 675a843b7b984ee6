"""Spans of time in which something holds."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable


class Spans:
    """Half-open spans [start, end) in ms, joined where they touch; an end may be infinite."""

    def __init__(self, spans: Iterable[tuple[float, float]]) -> None:
        self._edges: list[float] = []  # start, end, start, end, …, rising
        for start, end in sorted(spans):
            if end <= start:
                continue
            if self._edges and start <= self._edges[-1]:
                self._edges[-1] = max(end, self._edges[-1])
            else:
                self._edges += [start, end]

    def __bool__(self) -> bool:
        return bool(self._edges)

    def holds(self, at: float) -> bool:
        """Tell whether a time lies in one of the spans."""
        return bisect_right(self._edges, at) % 2 == 1

    def next_edge(self, after: float) -> float:
        """Return the first time after ``after`` at which a span starts or ends, or inf."""
        position = bisect_right(self._edges, after)
        return self._edges[position] if position < len(self._edges) else math.inf
