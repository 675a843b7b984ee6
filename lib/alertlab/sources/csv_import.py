"""CSV tables into a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa

from alertlab.errors import BadInput, require_file
from alertlab.sources.cells import BadCell, TimeReader
from alertlab.sources.csv_layouts import Long, Wide
from alertlab.sources.gathered import Gathered, Imported

_CELLS_AT_ONCE = 1_000_000
_HEADER_ROWS = 16  # more levels of columns than anybody has


def import_csv(
    path: str | Path,
    out: str | Path,
    *,
    metric: str = "",
    wide: bool = False,
    zone: str = "",
    advance: Callable[[int], object] = lambda size: None,
) -> Imported:
    """Write the samples of a CSV file to the recording ``out``.

    Long: a header with ``timestamp`` and ``value``; every other column is a label (``__name__``
    may stand for ``metric``).  Wide: the first column is the time, every other a series.  A
    series' header is its name and labels as in PromQL (``up{job="a"}``); with ``metric`` it is
    the value of the label ``column``; several header rows, as pandas writes them, are labels
    named by the first cell of each.

    metric : the name of all series
    zone : the time zone of times that state none
    advance : called with the bytes read since the last call

    An empty cell (or NA, null, None, -) is a missing sample, ``NaN`` is a sample.  Raises BadInput
    with file and line.
    """
    file = require_file(path, "the CSV file")
    header = _header(file, wide)
    layout = Wide(file, header, metric) if wide else Long(file, header[0], metric)
    times = TimeReader(zone)
    gathered = Gathered(file)
    for rows, size in _chunks(file, len(header), len(header[0])):
        gathered.add(layout.samples(rows, rows.index.to_numpy() + 1, times))
        advance(size)
    written = gathered.write(out, layout.series.labels(), origin=f"CSV imported from {file.name}")
    notices = [*layout.notices, *_left_open(file, layout.missing, times, zone), *written.notices]
    return written._replace(notices=tuple(notices))


def _left_open(file: Path, missing: int, times: TimeReader, zone: str) -> Iterator[str]:
    if missing:
        yield f"{file}: cells without a value, left out: {missing:,}"
    if times.ambiguous:
        yield (
            f"{file}: {times.ambiguous} times come twice in {zone}, where clocks are set back; "
            "the later hour is meant from where a series steps back"
        )


def _header(file: Path, wide: bool) -> list[list[str]]:
    """Return the header's rows; of a wide table all before the first that begins with a time."""
    with _sentences(file):
        top = next(_read(file, _HEADER_ROWS))
    rows = [[str(cell).strip() for cell in row] for row in top.to_numpy()]
    if not wide:
        return rows[:1]
    header = list(takewhile(lambda row: not _is_time(row[0]), rows))
    if not header or len(header) == len(rows) == _HEADER_ROWS:
        raise BadInput(
            f"{file}: a wide table has a header and rows that begin with a time; this begins with "
            f"{rows[0][0]!r}"
        )
    if len(header[0]) < 2:
        raise BadInput(f"{file}:1: the header has one column; are the columns split by commas?")
    return header


def _is_time(cell: str) -> bool:
    try:
        TimeReader("UTC").read(pa.array([cell]), np.zeros(1, np.int32))
    except BadCell:
        return False
    return True


def _chunks(file: Path, header: int, columns: int) -> Iterator[tuple[pd.DataFrame, int]]:
    """Yield rows of texts, indexed from the file's first line, and the bytes they took."""
    with file.open("rb") as opened, _sentences(file):
        done = 0
        for chunk in _read(opened, max(1, _CELLS_AT_ONCE // columns)):
            rows = chunk[chunk.index >= header]
            blank = rows[0] == ""
            if blank.any():
                blank &= (rows == "").all(axis=1)
            yield rows[~blank], opened.tell() - done
            done = opened.tell()


def _read(source: Path | BinaryIO, rows: int) -> Iterator[pd.DataFrame]:
    return pd.read_csv(
        source,
        header=None,
        dtype=str,
        na_filter=False,
        skip_blank_lines=False,  # or lines could not be counted
        skipinitialspace=True,
        encoding="utf-8-sig",
        chunksize=rows,
    )


@contextmanager
def _sentences(file: Path) -> Iterator[None]:
    """Turn what pandas raises into one sentence."""
    try:
        yield
    except pd.errors.EmptyDataError:
        raise BadInput(f"{file} is empty") from None
    except pd.errors.ParserError as error:
        reason = str(error).rpartition("C error: ")[2].strip()
        raise BadInput(f"{file} is not a CSV table: {reason}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} is not UTF-8: {error.reason}") from None
