"""What the columns of a CSV table mean: a sample a row, or a series a column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.promql import parse_selector
from alertlab.sources.cells import BadCell, TimeReader, read_numbers, texts_of
from alertlab.sources.gathered import Samples, SeriesIds
from alertlab.units import LabelSet, format_labels, label_set

_TIME, _VALUE, _NAME = "timestamp", "value", "__name__"
_COLUMN = "column"  # the label with a column's header, where --metric names all columns
_METRIC_NAME = re.compile(r"[a-zA-Z_:][\w:]*", re.ASCII)


class Layout:
    """Turns rows of cells into samples.

    series : the label sets met so far; missing : how many cells had no value; notices : sentences
    """

    def __init__(self, file: Path, metric: str) -> None:
        if metric and not _METRIC_NAME.fullmatch(metric):
            raise BadInput(f"--metric: {metric!r} is not a metric name; write one like cpu_ratio")
        self.series = SeriesIds()
        self.missing = 0
        self.notices: list[str] = []
        self._file, self._metric = file, metric

    def samples(self, rows: pd.DataFrame, lines: np.ndarray, times: TimeReader) -> Samples:
        """Return the samples of some rows, whose numbers in the file are ``lines``."""
        raise NotImplementedError

    def _label_name(self, text: str, where: str) -> str:
        """Return a header as a label name, which has letters, digits and underscores only."""
        name = re.sub(r"[^a-zA-Z0-9_]", "_", text)
        name = f"_{name}" if name[:1].isdigit() else name
        if not name:
            raise BadInput(f"{self._file}: {where} has no name; give it one, it becomes a label")
        if name != text:
            self.notices.append(f"{self._file}: {where} {text!r} becomes the label {name}")
        return name

    def _numbers(
        self, column: pd.Series, lines: np.ndarray, header: str
    ) -> tuple[np.ndarray, np.ndarray]:
        try:
            values, present = read_numbers(texts_of(column))
        except BadCell as bad:
            where = f"{self._file}:{lines[bad.index]}: column {header}"
            raise BadInput(f"{where}: {bad}") from None
        self.missing += len(present) - int(present.sum())
        return values, present

    def _times(
        self, column: pd.Series, lines: np.ndarray, ids: np.ndarray, times: TimeReader
    ) -> np.ndarray:
        try:
            return times.read(texts_of(column), ids)
        except BadCell as bad:
            raise BadInput(f"{self._file}:{lines[bad.index]}: {bad}") from None


class Long(Layout):
    """``timestamp``, ``value`` and labels: one sample a row."""

    def __init__(self, file: Path, header: Sequence[str], metric: str) -> None:
        super().__init__(file, metric)
        for name in (_TIME, _VALUE):
            if header.count(name) != 1:
                raise BadInput(
                    f"{file}:1: the header needs one column {name} and has: {', '.join(header)}; "
                    "tables with one column a series are read with --wide"
                )
        labels = [i for i, name in enumerate(header) if name not in (_TIME, _VALUE)]
        names = [self._label_name(header[i], f"column {i + 1}") for i in labels]
        if len(set(names)) < len(names):
            raise BadInput(f"{file}:1: two columns have the same name: {', '.join(header)}")
        if bool(metric) == (_NAME in names):
            raise BadInput(
                f"{file}: name the metric, either with --metric NAME or in a column {_NAME}"
            )
        self._time, self._value = header.index(_TIME), header.index(_VALUE)
        self._labels = dict(zip(labels, names, strict=True))

    def samples(self, rows: pd.DataFrame, lines: np.ndarray, times: TimeReader) -> Samples:
        """See Layout."""
        values, present = self._numbers(rows[self._value], lines, _VALUE)
        rows, lines = rows[present], lines[present]
        ids = self._ids(rows)
        when = self._times(rows[self._time], lines, ids, times)
        return Samples(ids, when, values[present], lines)

    def _ids(self, rows: pd.DataFrame) -> np.ndarray:
        if not self._labels:
            return np.full(len(rows), self.series.of(((_NAME, self._metric),)), np.int32)
        codes, distinct = pd.MultiIndex.from_frame(rows[list(self._labels)]).factorize()
        known = [self.series.of(self._label_set(one)) for one in distinct]
        return np.array(known, np.int32)[codes]

    def _label_set(self, cells: Sequence[str]) -> LabelSet:
        named = dict(zip(self._labels.values(), (cell.strip() for cell in cells), strict=True))
        name = named.get(_NAME, "") or self._metric
        if not _METRIC_NAME.fullmatch(name):
            raise BadInput(f"{self._file}: {name!r} in column {_NAME} is not a metric name")
        return label_set(named | {_NAME: name})


class Wide(Layout):
    """A time, then one column a series."""

    def __init__(self, file: Path, header: Sequence[Sequence[str]], metric: str) -> None:
        super().__init__(file, metric)
        if len(header) > 1 and not any(header[-1][1:]):
            header = header[:-1]  # where pandas writes the name of the index
        read = self._by_header if len(header) == 1 else self._by_levels
        self._columns = read(header)
        for number, labels in enumerate(self._columns):
            if self.series.of(labels) != number:
                raise BadInput(f"{file}: two columns are {format_labels(labels)}")

    def samples(self, rows: pd.DataFrame, lines: np.ndarray, times: TimeReader) -> Samples:
        """See Layout."""
        when = self._times(rows[0], lines, np.zeros(len(rows), np.int32), times)
        found = []
        for number, labels in enumerate(self._columns):
            values, present = self._numbers(rows[number + 1], lines, format_labels(labels))
            ids = np.full(int(present.sum()), number, np.int32)
            found.append(Samples(ids, when[present], values[present], lines[present]))
        return Samples(*map(np.concatenate, zip(*found, strict=True)))

    def _by_header(self, header: Sequence[Sequence[str]]) -> list[LabelSet]:
        """Read ``up{job="a"}``; where --metric gives the name, any text is a label's value."""
        if self._metric:
            return [
                label_set({_NAME: self._metric, _COLUMN: self._filled(text, number)})
                for number, text in enumerate(header[0][1:], 2)
            ]
        return [self._series_named(text, number) for number, text in enumerate(header[0][1:], 2)]

    def _by_levels(self, header: Sequence[Sequence[str]]) -> list[LabelSet]:
        """Read several header rows, as pandas writes them: labels named by their first cells."""
        names = [
            self._label_name(level[0], f"header row {number}")
            for number, level in enumerate(header, 1)
        ]
        if bool(self._metric) == (_NAME in names):
            raise BadInput(
                f"{self._file}: name the metric, either with --metric NAME or in a header row "
                f"{_NAME}"
            )
        columns = zip(*(level[1:] for level in header), strict=True)
        named = {_NAME: self._metric} if self._metric else {}
        return [label_set(named | dict(zip(names, one, strict=True))) for one in columns]

    def _filled(self, text: str, number: int) -> str:
        if not text:
            raise BadInput(f"{self._file}:1: column {number} has no header")
        return text

    def _series_named(self, text: str, number: int) -> LabelSet:
        try:
            matchers = parse_selector(self._filled(text, number))
        except BadInput:
            matchers = ()
        labels = label_set({one.name: one.value for one in matchers if one.op == "="})
        if len(labels) != len(matchers) or not dict(labels).get(_NAME):
            raise BadInput(
                f"{self._file}:1: column {number}, {text!r}, is not a series such as "
                'up{job="api"}; to keep such headers as a label, name the metric with --metric'
            )
        return labels
