"""Counted events: the steps of raw counters in time, and what they add up to within spans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from alertlab.frame import Series
from alertlab.sources import Source
from alertlab.sources.prometheus import typical_gap_ms
from alertlab.units import DAY_MS

RAW, EVALUATED = "raw", "evaluated"
"""How events were counted: increments of counters, or ``increase()`` of every hour."""

REACH_MS = DAY_MS
"""Steps between samples further apart are not counted, from wherever the reading starts."""

_GAP_FACTOR = 2.5  # one missed scrape is no gap in what is known


class Spans(NamedTuple):
    """Counts per span, float64 of shape (n_spans,); NaN where nothing was seen.

    bad counts what was not surely good; ``bad_at_least`` is less where a threshold lies between
    two bucket bounds.  coverage : the ratio of the span between samples that are not far apart.
    """

    total: np.ndarray
    bad: np.ndarray
    bad_at_least: np.ndarray
    excluded: np.ndarray
    coverage: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """What was surely good."""
        return self.total - self.bad

    @property
    def good_at_most(self) -> np.ndarray:
        """What may have been good."""
        return self.total - self.bad_at_least


@dataclass(frozen=True)
class Counts:
    """Events of one objective as they came, one entry for each step of a counter.

    times_ms : int64 (n,), not falling: the later sample of each step
    total, bad, bad_at_least, excluded : float64 (n,), events since the sample before
    seen_ms : int64 (m, 2), stretches without a gap between samples
    settled_ms : nothing more can come up to this time
    counting : RAW or EVALUATED
    """

    times_ms: np.ndarray
    total: np.ndarray
    bad: np.ndarray
    bad_at_least: np.ndarray
    excluded: np.ndarray
    seen_ms: np.ndarray
    settled_ms: int
    counting: str
    notes: tuple[str, ...] = ()

    def within(self, edges_ms: np.ndarray) -> Spans:
        """Return what happened in ``(edges[k], edges[k + 1]]``; edges int64 [ms], increasing."""
        at = np.searchsorted(self.times_ms, edges_ms, side="right")
        columns = (self.total, self.bad, self.bad_at_least, self.excluded)
        # Each span is added up by itself: fractions would depend on what came before.
        counted = np.array([[one[i:j].sum() for i, j in pairwise(at)] for one in columns])
        seen = np.diff(self._seen_until(edges_ms))
        unknown = (seen == 0) & (np.diff(at) == 0)
        counted[:, unknown] = np.nan
        return Spans(*counted, seen / np.diff(edges_ms))

    def _seen_until(self, times_ms: np.ndarray) -> np.ndarray:
        """Return how long samples were seen before each time [ms]."""
        starts, ends = self.seen_ms[:, 0], self.seen_ms[:, 1]
        before = np.append(0, np.cumsum(ends - starts))
        begun = np.searchsorted(starts, times_ms, side="right")
        last_end = np.append(0, ends)[begun]
        return before[begun] - np.maximum(last_end - times_ms, 0) * (begun > 0)


class Samples:
    """Raw samples of one span of a source; what was asked for just before is not asked again."""

    def __init__(self, source: Source, start_ms: int, end_ms: int) -> None:
        self.source, self.start_ms = source, start_ms
        self.end_ms = min(end_ms, source.end_ms)
        self.of = lru_cache(maxsize=4)(self._read)

    def _read(self, selector: str) -> list[Series]:
        """Return the samples of a selector, with those before the span that a step begins at."""
        found = self.source.series(
            selector, self.start_ms - REACH_MS, self.end_ms, stale_markers=False
        )
        known = (~np.isnan(one.values) for one in found)
        return [
            Series(one.labels, one.times[kept], one.values[kept])
            for one, kept in zip(found, known, strict=True)
            if kept.any()
        ]


def increments(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the times [ms] of a counter's later samples, and the events since those before.

    A fall is a reset, after which everything counts.  Steps over more than REACH_MS are left out.
    """
    steps = np.diff(series.values)
    steps = np.where(steps < 0, series.values[1:], steps)
    near = np.diff(series.times) <= REACH_MS
    return series.times[1:][near], steps[near]


def counts_in_order(
    samples: Samples,
    counting: Sequence[Series],
    times: np.ndarray,
    columns: Iterable[np.ndarray],
    notes: tuple[str, ...],
) -> Counts:
    """Return the counts of steps that came series by series.

    counting : the series of the total, by which is told what was seen
    times, columns : of each step, shape (n,): total, bad, bad_at_least, excluded
    """
    if not counting:
        notes = (*notes, "no series in this span; check the metric's name and labels")
        empty, unseen = np.empty(0), np.empty((0, 2), np.int64)
        return Counts(times[:0], *[empty] * 4, unseen, samples.end_ms, RAW, notes)
    order = np.argsort(times, kind="stable")
    scraped = _distinct_times(counting)
    gap_ms = typical_gap_ms(scraped)
    due = [int(one.times[-1]) + gap_ms for one in scraped]
    settled = min((one for one in due if one > samples.end_ms), default=samples.end_ms)
    columns = (one[order] for one in columns)
    seen = _stretches(scraped, gap_ms)
    return Counts(times[order], *columns, seen, settled, RAW, notes)


def _distinct_times(counting: Sequence[Series]) -> list[Series]:
    """Return one series for each array of times: those of one target were scraped together."""
    known: dict[tuple[int, int, int], list[Series]] = {}
    for one in counting:
        alike = known.setdefault((len(one.times), one.times[0], one.times[-1]), [])
        if not any(np.array_equal(one.times, other.times) for other in alike):
            alike.append(one)
    return [one for alike in known.values() for one in alike]


def _stretches(scraped: Sequence[Series], gap_ms: int) -> np.ndarray:
    """Return [first, last] of runs of samples that are not far apart, of all series together."""
    times = np.sort(np.concatenate([one.times for one in scraped]), kind="stable")
    breaks = np.flatnonzero(np.diff(times) > _GAP_FACTOR * gap_ms)
    return np.stack([times[np.append(0, breaks + 1)], times[np.append(breaks, -1)]], axis=1)
