"""The samples of one unit test: its input series, and what the rules write.

Follows promql/promqltest/test.go (LazyLoader) and what the head of Prometheus' storage takes in
(tsdb/head_append.go, memSeries.appendable).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

import numpy as np

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.frame import Series
from alertlab.promql import Matcher
from alertlab.promql.matchers import matching
from alertlab.promql.notation import read_series, read_values
from alertlab.units import LabelSet

Inputs = dict[LabelSet, Series]
"""Input series by label set."""

_BEFORE_ALL_MS = -(2**62)


class SampleRefused(Exception):
    """A sample that Prometheus' storage would not take from a rule."""


def read_input(
    lines: Iterable[tuple[str, str]], interval_ms: int, start_ms: int, end_ms: int
) -> tuple[Inputs, int]:
    """Return the input series of a test up to its end, and how many lines promtool leaves unread.

    promtool puts all series into one text, a line each, and stops at a line that is blank or a
    comment: a newline at the end of ``values`` hides all series behind it.  Of a series that
    stands twice the last one counts.
    """
    text = "\n".join(f"{series} {values}" for series, values in lines)
    found: Inputs = {}
    every = [line.strip() for line in text.split("\n")] if text else []
    read = next((i for i, line in enumerate(every) if not line or line[0] == "#"), len(every))
    for line in every[:read]:
        if line.split(maxsplit=1)[0].endswith("@st"):
            raise UnsupportedPromQL(f"start timestamps ({line!r}) are not evaluated here")
        labels, rest = read_series(line)
        values = read_values(rest, (end_ms - start_ms) // interval_ms + 1)
        kept = [i for i, value in enumerate(values) if value is not None]
        if kept and not labels:
            raise BadInput(f"{line!r} has no label at all; give it a name")
        times = start_ms + interval_ms * np.array(kept, dtype=np.int64)
        # From an array of numbers, stale markers keep their bits.
        found[labels] = Series(labels, times, np.array([values[i] for i in kept], dtype=float))
    return found, sum(1 for line in every[read:] if line)


class SampleStore:
    """Input series as far as they are loaded, and samples that rules have appended."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._written: dict[LabelSet, _Written] = {}
        self._found: dict[tuple[Matcher, ...], list[LabelSet]] = {}
        self._loaded_until_ms = _BEFORE_ALL_MS

    def load_until(self, time_ms: int) -> None:
        """Let the input's samples up to this time be seen; promtool loads slot by slot."""
        self._loaded_until_ms = time_ms

    def append(self, labels: LabelSet, time_ms: int, value: float) -> None:
        """Append a rule's sample; SampleRefused if the series is further on already."""
        written = self._written.get(labels)
        if written is None:
            if labels not in self._inputs:
                self._found.clear()
            written = self._written[labels] = _Written()
        last_ms, last = written.last()
        loaded = self._loaded(labels)
        if loaded is not None and len(loaded.times) and loaded.times[-1] >= last_ms:
            last_ms, last = int(loaded.times[-1]), float(loaded.values[-1])
        if time_ms > last_ms:
            written.append(time_ms, value)
        elif time_ms < last_ms:
            raise SampleRefused("out of order sample")
        elif np.float64(last).tobytes() != np.float64(value).tobytes():
            raise SampleRefused("duplicate sample for timestamp")

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Series]:
        """Return the series that match, cut to [start, end] and to what is loaded."""
        key = tuple(matchers)
        if key not in self._found:
            known = [*self._inputs, *(self._written.keys() - self._inputs.keys())]
            self._found[key] = [known[i] for i in matching(key, known)]
        return [self._between(labels, start_ms, end_ms) for labels in self._found[key]]

    def _loaded(self, labels: LabelSet) -> Series | None:
        found = self._inputs.get(labels)
        return None if found is None else _cut(found, _BEFORE_ALL_MS, self._loaded_until_ms)

    def _between(self, labels: LabelSet, start_ms: int, end_ms: int) -> Series:
        loaded, written = self._loaded(labels), self._written.get(labels)
        if written is None or not written.times:
            return _cut(loaded, start_ms, end_ms)
        own = written.between(labels, start_ms, end_ms)
        if loaded is None:
            return own
        return _merged(_cut(loaded, start_ms, end_ms), own)


class _Written:
    """Samples of one series, growing at the end."""

    def __init__(self) -> None:
        self.times = array("q")
        self.values = array("d")

    def append(self, time_ms: int, value: float) -> None:
        self.times.append(time_ms)
        self.values.append(value)

    def last(self) -> tuple[int, float]:
        return (self.times[-1], self.values[-1]) if self.times else (_BEFORE_ALL_MS, 0.0)

    def between(self, labels: LabelSet, start_ms: int, end_ms: int) -> Series:
        low, high = bisect_left(self.times, start_ms), bisect_right(self.times, end_ms)
        return Series(
            labels,
            np.frombuffer(self.times[low:high].tobytes(), np.int64),
            np.frombuffer(self.values[low:high].tobytes(), np.float64),
        )


def _cut(series: Series, start_ms: int, end_ms: int) -> Series:
    low, high = np.searchsorted(series.times, [start_ms, end_ms + 1])
    return Series(series.labels, series.times[low:high], series.values[low:high])


def _merged(one: Series, other: Series) -> Series:
    times = np.concatenate([one.times, other.times])
    order = np.argsort(times, kind="stable")
    return Series(one.labels, times[order], np.concatenate([one.values, other.values])[order])
