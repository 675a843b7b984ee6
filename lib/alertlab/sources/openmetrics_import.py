"""OpenMetrics text, or Prometheus' text format, with timestamps into a recording.

prometheus-client's parser takes 30 µs a line and keeps every sample as an object; here a block of
lines is split by NumPy and read by pyarrow (below 1 µs a line), and only a block that this cannot
read is read again line by line, by the rules, to find out what is wrong with which line.

The two formats are told apart by ``# EOF``, with which OpenMetrics must end: there, times are
seconds, else integer milliseconds (model/textparse/openmetricsparse.go, promparse.go).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa

from alertlab.errors import BadInput, require_file
from alertlab.sources.gathered import Gathered, Imported, Samples, SeriesIds
from alertlab.units import SECOND_MS, LabelSet, label_set

_BLOCK_BYTES = 16 << 20
_NEWLINE, _SPACE, _HASH = b"\n #"
_EOF = b"# EOF"
# As seconds, times from here on lie beyond the year 5000: somebody wrote milliseconds.
_NO_SECONDS = 1e11
# As milliseconds these lie in early 1970, as seconds between 2001 and 2286.
_NO_MILLISECONDS = 1e9, 1e10

_STRING = r'"((?:[^"\\]|\\.)*)"'
_SERIES = rf'([a-zA-Z_:][\w:]*)?[ \t]*(?:\{{((?:[^"}}]|{_STRING})*)\}})?'
_LINE = re.compile(rf"({_SERIES})[ \t]+([^ \t#]+)(?:[ \t]+([^ \t#]+))?(?:[ \t]+#.*)?", re.ASCII)
_LABEL = re.compile(
    rf"[ \t]*(?:([a-zA-Z_]\w*)|{_STRING})[ \t]*(?:=[ \t]*{_STRING}[ \t]*)?(?:,|$)", re.ASCII
)
_ESCAPED = re.compile(r"\\(.)")


def import_openmetrics(
    path: str | Path, out: str | Path, *, advance: Callable[[int], object] = lambda size: None
) -> Imported:
    """Write the samples of a text file to the recording ``out``.

    advance : called with the bytes read since the last call

    Raises BadInput, with file and line, for what is not in the format, a sample without a
    timestamp, or timestamps in the other format's unit.
    """
    file = require_file(path, "the OpenMetrics file")
    reader = _Reader(file)
    gathered = Gathered(file)
    with file.open("rb") as opened:
        for block, first_line in _blocks(opened):
            gathered.add(reader.read(block, first_line))
            advance(len(block))
    kind = "OpenMetrics" if reader.in_seconds else "Prometheus text"
    return gathered.write(out, reader.series.labels(), origin=f"{kind} imported from {file.name}")


def read_series_text(text: str) -> LabelSet:
    """Return the labels of ``name{a="b"}`` or ``{"name",a="b"}`` as the formats write them.

    Raises ValueError if it is not that.
    """
    match = re.fullmatch(_SERIES, text.strip(" \t"), re.ASCII)
    if match is None or not match[0]:
        raise ValueError(f"{text!r} is not a series")
    labels = {"__name__": match[1]} if match[1] else {}
    at, inside = 0, (match[2] or "").strip(" \t")
    while at < len(inside):
        label = _LABEL.match(inside, at)
        if label is None:
            raise ValueError(f"{{{inside}}} is not a list of labels")
        bare, quoted, value = label.groups()
        name = _unescaped(quoted) if bare is None else bare
        if value is None and bare is None:  # a metric name that needs quotes stands among them
            name, value = "__name__", quoted
        if value is None or name in labels:
            raise ValueError(f"label {name} has no value or stands twice")
        labels[name] = _unescaped(value)
        at = label.end()
    if not labels.get("__name__"):
        raise ValueError(f"{text!r} has no metric name")
    return label_set(labels)


class _Split(NamedTuple):
    """Texts of samples: pyarrow strings of shape (n_samples,), and the line of each."""

    series: pa.Array
    values: pa.Array
    times: pa.Array
    lines: np.ndarray


class _Reader:
    """Reads blocks of whole lines into samples; numbers the series it meets."""

    def __init__(self, file: Path) -> None:
        self.series = SeriesIds()
        self._file = file
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - 64))
            self.in_seconds = opened.read().rstrip().endswith(_EOF)
        self._known: dict[str, int] = {}

    def read(self, block: bytes, first_line: int) -> Samples:
        """Return a block's samples in file order."""
        try:
            return self._samples(_split(block, first_line))
        except ValueError:  # pyarrow's own among them
            return self._samples(self._split_carefully(block, first_line))

    def _samples(self, split: _Split) -> Samples:
        series = split.series.dictionary_encode()
        ids = np.array([self._id(text) for text in series.dictionary.to_pylist()], np.int32)
        times = split.times.cast(pa.float64()).to_numpy()
        self._check_unit(times, split.lines)
        # Cut off, not rounded, as openmetricsparse.go does.
        times_ms = np.trunc(times * (SECOND_MS if self.in_seconds else 1)).astype(np.int64)
        values = split.values.cast(pa.float64()).to_numpy()
        return Samples(ids[series.indices.to_numpy()], times_ms, values, split.lines)

    def _id(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = self.series.of(read_series_text(text))
        return self._known[text]

    def _check_unit(self, times: np.ndarray, lines: np.ndarray) -> None:
        if self.in_seconds:
            wrong = ~(np.abs(times) < _NO_SECONDS)
            why = "the file ends with # EOF, so it is OpenMetrics, whose timestamps are seconds"
        else:
            wrong = (np.abs(times) >= _NO_MILLISECONDS[0]) & (np.abs(times) < _NO_MILLISECONDS[1])
            wrong |= ~(np.abs(times) < _NO_SECONDS * SECOND_MS) | (np.trunc(times) != times)
            why = (
                "without # EOF at the file's end its timestamps are whole milliseconds; if they "
                "are seconds, the file is OpenMetrics and its end is missing"
            )
        if wrong.any():
            at = int(np.argmax(wrong))
            raise BadInput(f"{self._file}:{lines[at]}: {times[at]:.16g} is no timestamp: {why}")

    def _split_carefully(self, block: bytes, first_line: int) -> _Split:
        """Split line by line, by the formats' rules; BadInput says what is wrong with a line."""
        found, lines = [], []
        for number, raw in enumerate(block.split(b"\n"), first_line):
            try:
                fields = self._fields(raw)
            except ValueError as error:  # bytes that are not UTF-8 among them
                raise BadInput(f"{self._file}:{number}: {error}") from None
            if fields is not None:
                found.append(fields)
                lines.append(number)
        columns = zip(*found, strict=True) if found else ((), (), ())
        texts = (pa.array(column, pa.string()) for column in columns)
        return _Split(*texts, np.array(lines, np.int32))

    def _fields(self, raw: bytes) -> tuple[str, str, str] | None:
        """Return a line's series, value and time; None for a comment."""
        text = raw.removesuffix(b"\r").decode().strip(" \t")
        if not text or text.startswith("#"):
            return None
        match = _LINE.fullmatch(text)
        if match is None:
            raise ValueError(f'{text[:80]!r} is not a sample such as name{{label="x"}} 1.5 time')
        self._id(match[1])
        if match[6] is None:
            raise ValueError("the sample has no timestamp, and a recording needs one for each")
        for number in match[5], match[6]:
            if not _is_number(number):
                raise ValueError(f"{number!r} is not a number")
        return match[1], match[5], match[6]


def _is_number(text: str) -> bool:
    try:
        pa.scalar(text).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _split(block: bytes, first_line: int) -> _Split:
    """Split lines at their last two spaces; ValueError where there are none.

    What is wrongly split so (an exemplar, a missing timestamp) leaves texts that are no series or
    no numbers: a closing quote cannot stand behind a number's space.
    """
    letters = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(letters == _NEWLINE)
    starts = np.append(0, ends[:-1] + 1)
    sample = (starts < ends) & (letters[starts] != _HASH)
    starts, ends = starts[sample], ends[sample]
    spaces = np.append([-1, -1], np.flatnonzero(letters == _SPACE))
    last = np.searchsorted(spaces, ends) - 1
    before_time, before_value = spaces[last], spaces[last - 1]
    if (before_value < starts).any():
        raise ValueError("a line without two spaces")
    edges = [starts, before_value, before_value + 1, before_time, before_time + 1, ends]
    offsets = np.stack(edges, axis=1).astype(np.int32).ravel()
    pieces = pa.StringArray.from_buffers(
        max(len(offsets) - 1, 0), pa.py_buffer(offsets), pa.py_buffer(block)
    )
    series, values, times = (
        pieces.take(pa.array(np.arange(first, len(offsets) - 1, 6))) for first in (0, 2, 4)
    )
    return _Split(series, values, times, (first_line + np.flatnonzero(sample)).astype(np.int32))


def _blocks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield whole lines, some megabytes at a time, and the number of the first."""
    line, rest = 1, b""
    while read := file.read(_BLOCK_BYTES):
        whole, newline, rest = (rest + read).rpartition(b"\n")
        if newline:
            yield whole + newline, line
            line += whole.count(b"\n") + 1
    if rest:
        yield rest + b"\n", line


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], text)
