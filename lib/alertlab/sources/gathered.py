"""Samples of a foreign file, kept per UTC day until they are written as a recording.

A foreign file may go series by series or time by time, so all of it is read before the first day
is written: 24 bytes a sample in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.number_text import format_value
from alertlab.sources.prometheus import LOOKBACK_MS, typical_gap_ms
from alertlab.sources.recording import Recording, RecordingWriter
from alertlab.units import DAY_MS, LabelSet, format_duration, format_labels, format_time


class Imported(NamedTuple):
    """What an import wrote (the recording's meta data), and sentences on what it met."""

    meta: dict[str, Any]
    notices: tuple[str, ...]


class Samples(NamedTuple):
    """Samples in file order, each array of shape (n_samples,).

    ids : int32, numbers of series; times : int64 [ms]; values : float64; lines : int32, where in
    the file each stands
    """

    ids: np.ndarray
    times: np.ndarray
    values: np.ndarray
    lines: np.ndarray

    def taken(self, index: np.ndarray) -> Samples:
        """Return some of the samples, or the same in another order."""
        return Samples(*(part[index] for part in self))


class SeriesIds:
    """Numbers label sets in the order in which they turn up."""

    def __init__(self) -> None:
        self._ids: dict[LabelSet, int] = {}

    def of(self, labels: LabelSet) -> int:
        """Return the number of a label set."""
        return self._ids.setdefault(labels, len(self._ids))

    def labels(self) -> list[LabelSet]:
        """Return all label sets, by number."""
        return list(self._ids)


class Gathered:
    """Collects samples in any order; ``write`` sorts them and says what stood where.

    Samples out of time order are sorted: each has its own time, so nothing changes by it.  Of
    several samples of one series and time the first is kept, as Prometheus does
    (storage.ErrDuplicateSampleForTimestamp).
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._days: defaultdict[int, list[Samples]] = defaultdict(list)
        self._latest = _Latest()
        self._disorder = _Remark()
        self._repeated = _Remark()
        self._contradicting = _Remark()
        self._contradiction = ""

    def add(self, samples: Samples) -> None:
        """Take over samples in file order."""
        if not len(samples.ids):
            return
        self._disorder.add(samples.lines[self._latest.steps_back(samples)])
        days = samples.times // DAY_MS
        order = np.argsort(days, kind="stable")
        edges = np.flatnonzero(np.diff(days[order], prepend=np.iinfo(np.int64).min))
        for start, stop in pairwise([*edges.tolist(), len(days)]):
            part = samples.taken(order[start:stop])
            self._days[int(part.times[0] // DAY_MS)].append(part)

    def write(self, out: str | Path, labels: Sequence[LabelSet], *, origin: str) -> Imported:
        """Write the recording ``out``; ``labels`` by number.  Raises BadInput without samples."""
        days = self._series_by_day(labels)
        first = next(days, None)
        if first is None:
            raise BadInput(f"there is no sample in {self._file}")
        with RecordingWriter(
            out, origin=origin, scrape_interval_ms=typical_gap_ms(first), synthetic=False
        ) as writer:
            writer.add_day(first)
            for day in days:
                writer.add_day(day)
        meta = Recording.open(out).meta
        return Imported(meta, (*self._notices(), *_too_sparse(meta["scrape_interval_ms"])))

    def _series_by_day(self, labels: Sequence[LabelSet]) -> Iterator[list[Series]]:
        for day in sorted(self._days):
            parts = self._days.pop(day)
            kept = self._sorted(Samples(*map(np.concatenate, zip(*parts, strict=True))), labels)
            edges = np.flatnonzero(np.diff(kept.ids, prepend=-1, append=-1)).tolist()
            yield [
                Series(labels[kept.ids[i]], kept.times[i:j], kept.values[i:j])
                for i, j in pairwise(edges)
            ]

    def _sorted(self, day: Samples, labels: Sequence[LabelSet]) -> Samples:
        """Return one day by series and time, each time once; notes what was not so before."""
        order = np.lexsort((day.times, day.ids))
        ordered = day.taken(order)
        ids, times = ordered.ids, ordered.times
        first = np.append(True, (ids[1:] != ids[:-1]) | (times[1:] != times[:-1]))
        if first.all():
            return ordered
        kept = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
        bits = ordered.values.view(np.uint64)
        other = ~first & (bits != bits[kept])
        self._repeated.add(ordered.lines[~first & ~other])
        if other.any():
            at = np.flatnonzero(other)[np.argmin(ordered.lines[other])]
            if self._contradicting.add(ordered.lines[other]):
                self._contradiction = (
                    f"{format_labels(labels[ids[at]])} at "
                    f"{format_time(int(times[at]))} is {format_value(ordered.values[at])} "
                    f"after {format_value(ordered.values[kept[at]])}"
                )
        return ordered.taken(first)

    def _notices(self) -> tuple[str, ...]:
        told = [
            (self._disorder, "out of time order; sorted by time, which changes no sample"),
            (self._repeated, "said twice with the same time and value; kept once"),
            (
                self._contradicting,
                f"of a time that already has another value, here {self._contradiction}; the first "
                "value is kept, as Prometheus does",
            ),
        ]
        return tuple(
            f"{self._file}:{remark.first_line}: {remark.counted()} {text}"
            for remark, text in told
            if remark.count
        )


def _too_sparse(interval_ms: int) -> Iterator[str]:
    if interval_ms > LOOKBACK_MS:
        apart = format_duration(interval_ms)
        yield (
            f"samples are {apart} apart, and a selector looks back {format_duration(LOOKBACK_MS)} "
            f"only; ask for last_over_time(...[{apart}])"
        )


class _Latest:
    """The latest time of each series so far."""

    def __init__(self) -> None:
        self._times = np.empty(0, np.int64)

    def steps_back(self, samples: Samples) -> np.ndarray:
        """Tell which samples are earlier than one of their series before them in the file."""
        more = int(samples.ids.max()) + 1 - len(self._times)
        if more > 0:
            self._times = np.append(self._times, np.full(more, np.iinfo(np.int64).min))
        by_series = np.argsort(samples.ids, kind="stable")
        ids, times = samples.ids[by_series], samples.times[by_series]
        # Series one above the other, so that one running maximum serves all.
        height = int(times.max() - times.min()) + 1
        stacked = np.cumsum(np.diff(ids, prepend=ids[0]) != 0) * height + (times - times.min())
        back = stacked < np.maximum.accumulate(stacked)
        back |= times < self._times[ids]
        np.maximum.at(self._times, ids, times)
        told = np.empty(len(back), bool)
        told[by_series] = back
        return told


class _Remark:
    """How often something was met, and on which line first."""

    def __init__(self) -> None:
        self.count, self.first_line = 0, 0

    def add(self, lines: np.ndarray) -> bool:
        """Note the lines; tells whether one stands before all that were noted earlier."""
        if not len(lines):
            return False
        earlier = not self.count or int(lines.min()) < self.first_line
        self.count += len(lines)
        if earlier:
            self.first_line = int(lines.min())
        return earlier

    def counted(self) -> str:
        return "1 sample is" if self.count == 1 else f"from here on {self.count} samples are"
