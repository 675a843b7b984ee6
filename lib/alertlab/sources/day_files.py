"""The day files of a recording: Parquet, one per UTC day, sorted by series and time.

A sample's value stands in the column ``integer`` where it is a whole number (delta coding makes
counters small) and else in ``float``; both together are ``coalesce(integer, float)``.  Stale
markers are floats with Prometheus' own NaN bits.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alertlab.frame import Series
from alertlab.units import DAY_MS, SECOND_MS, format_time

_CACHE_BYTES = 320 << 20  # decoded samples kept between blocks of steps and between queries
_EXACT_INTEGER = 2.0**53  # beyond it a float64 no longer holds every integer

_SCHEMA = pa.schema(
    [
        ("series", pa.int32()),
        ("time", pa.timestamp("ms", tz="UTC")),
        ("integer", pa.int64()),
        ("float", pa.float64()),
    ]
)
_ENCODING = {
    "compression": "zstd",
    "compression_level": 6,
    "use_dictionary": ["series"],
    "column_encoding": {
        "time": "DELTA_BINARY_PACKED",
        "integer": "DELTA_BINARY_PACKED",
        "float": "BYTE_STREAM_SPLIT",
    },
    "row_group_size": 1 << 17,  # about 20 series a group, so that a query reads few others
}


class Samples(NamedTuple):
    """Timestamps (int64 [ms]) and values (float64) of one series."""

    times: np.ndarray
    values: np.ndarray


def write_day(folder: Path, day: int, series: Sequence[Series], ids: Sequence[int]) -> int:
    """Write the samples of one day (counted from 1970), each with its id; return their number."""
    order = np.argsort(ids)
    table = _encode([series[i] for i in order], np.asarray(ids, np.int32)[order])
    name = f"{format_time(day * DAY_MS)[:10]}.parquet"
    pq.write_table(table, folder / name, **_ENCODING)
    return table.num_rows


class DayFiles:
    """Reads a recording's day files, and keeps what was decoded as far as memory allows."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._folder = folder
        self._starts = {name: _start_ms(name) for name in sorted(names)}
        self._decoded: OrderedDict[str, dict[int, Samples | None]] = OrderedDict()
        self._bytes = 0

    def samples(self, ids: Sequence[int], start_ms: int, end_ms: int) -> dict[int, Samples]:
        """Return the samples of some series in ``[start_ms, end_ms]``; not of those without any."""
        parts: dict[int, list[Samples]] = {}
        for name, first_ms in self._starts.items():
            if first_ms <= end_ms and start_ms < first_ms + DAY_MS:
                day = self._day(name, ids)
                for i in ids:
                    if (samples := day[i]) is not None:
                        parts.setdefault(i, []).append(samples)
        join = _Join(start_ms, end_ms)
        joined = {i: join.of(days) for i, days in parts.items()}
        return {i: samples for i, samples in joined.items() if len(samples.times)}

    def series_between(self, start_ms: int, end_ms: int) -> set[int]:
        """Return the ids of all series with a sample in ``[start_ms, end_ms]``."""
        found: set[int] = set()
        for name, first_ms in self._starts.items():
            if first_ms <= end_ms and start_ms < first_ms + DAY_MS:
                whole = start_ms <= first_ms and first_ms + DAY_MS - 1 <= end_ms
                span = None if whole else _between(start_ms, end_ms)
                days = pq.read_table(self._folder / name, columns=["series"], filters=span)
                found.update(pc.unique(days["series"]).to_pylist())
        return found

    def _day(self, name: str, ids: Sequence[int]) -> dict[int, Samples | None]:
        day = self._decoded.setdefault(name, {})
        self._decoded.move_to_end(name)
        missing = [i for i in ids if i not in day]
        if missing:
            day.update(dict.fromkeys(missing))
            table = _read_rows(self._folder / name, missing)
            previous = np.empty(0, np.int64)
            for i, times, values in _split(table):
                # Series of one target share their timestamps: keep one array for all of them.
                previous = previous if np.array_equal(times, previous) else times
                # Copies: a view would keep the whole table.
                day[i] = Samples(previous, values.copy())
                self._bytes += values.nbytes + (times.nbytes if previous is times else 0)
            self._forget()
        return day

    def _forget(self) -> None:
        while self._bytes > _CACHE_BYTES and len(self._decoded) > 1:
            _, day = self._decoded.popitem(last=False)
            held = [samples for samples in day.values() if samples is not None]
            shared = {id(samples.times): samples.times.nbytes for samples in held}
            self._bytes -= sum(shared.values()) + sum(one.values.nbytes for one in held)


class _Join:
    """Joins day parts within a span; series of one target go on sharing their timestamps."""

    def __init__(self, start_ms: int, end_ms: int) -> None:
        self._span = start_ms, end_ms + 1
        self._shared: dict[tuple[int, ...], tuple[np.ndarray, list[slice]]] = {}

    def of(self, days: Sequence[Samples]) -> Samples:
        key = tuple(id(day.times) for day in days)
        if key not in self._shared:
            cuts = [slice(*np.searchsorted(day.times, self._span)) for day in days]
            times = [day.times[cut] for day, cut in zip(days, cuts, strict=True)]
            self._shared[key] = _concatenated(times), cuts
        times, cuts = self._shared[key]
        values = [day.values[cut] for day, cut in zip(days, cuts, strict=True)]
        return Samples(times, _concatenated(values))


def _concatenated(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _start_ms(name: str) -> int:
    day = datetime.fromisoformat(f"{name.removesuffix('.parquet')}T00:00:00+00:00")
    return int(day.timestamp()) * SECOND_MS


def _read_rows(path: Path, ids: Sequence[int]) -> pa.Table:
    """Read the rows of some series of a day file, which is sorted by series.

    Whole row groups are read and then cut: filtering while reading takes several times as long.
    """
    wanted, column = np.sort(ids), _SCHEMA.get_field_index("series")
    with pq.ParquetFile(path) as file:
        found = []
        for group in range(file.num_row_groups):
            span = file.metadata.row_group(group).column(column).statistics
            first, last = np.searchsorted(wanted, [span.min, span.max + 1])
            if first < last:
                found.append(group)
        table = file.read_row_groups(found)
    series = table["series"].to_numpy()
    starts, stops = (np.searchsorted(series, wanted, side=side) for side in ("left", "right"))
    apart = starts[1:] != stops[:-1]
    runs = zip(starts[np.r_[True, apart]], stops[np.r_[apart, True]], strict=True)
    return pa.concat_tables([table.slice(start, stop - start) for start, stop in runs])


def _between(start_ms: int, end_ms: int) -> pc.Expression:
    low, high = (pa.scalar(ms, _SCHEMA.field("time").type) for ms in (start_ms, end_ms))
    return (pc.field("time") >= low) & (pc.field("time") <= high)


def _encode(series: Sequence[Series], ids: np.ndarray) -> pa.Table:
    values = np.concatenate([one.values for one in series])
    # NaN, stale markers, infinities and -0.0 must keep their bits and stay floats.
    with np.errstate(invalid="ignore"):
        whole = (np.abs(values) < _EXACT_INTEGER) & (np.trunc(values) == values)
    whole &= ~((values == 0) & np.signbit(values))
    integers = np.zeros(len(values), np.int64)
    integers[whole] = values[whole].astype(np.int64)
    return pa.table(
        [
            pa.array(np.repeat(ids, [len(one.times) for one in series])),
            pa.array(np.concatenate([one.times for one in series])).cast(_SCHEMA.types[1]),
            pa.array(integers, mask=~whole),
            pa.array(values, mask=whole),
        ],
        schema=_SCHEMA,
    )


def _split(table: pa.Table) -> Iterable[tuple[int, np.ndarray, np.ndarray]]:
    """Yield (series id, times, values) of a day's table, which is sorted by series."""
    ids = table["series"].to_numpy()
    times = table["time"].cast(pa.int64()).to_numpy()
    integers = table["integer"]
    whole = integers.is_valid().to_numpy()
    values = np.where(
        whole, integers.fill_null(0).to_numpy().astype(np.float64), _float_bits(table["float"])
    )
    for start, stop in pairwise(np.flatnonzero(np.diff(ids, prepend=-1, append=-1))):
        yield int(ids[start]), times[start:stop], values[start:stop]


def _float_bits(column: pa.ChunkedArray) -> np.ndarray:
    """Return the column's raw float64s; nulls hold arbitrary values, NaN bits survive."""
    chunks = [
        np.frombuffer(chunk.buffers()[1], np.float64, len(chunk), chunk.offset * 8)
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(chunks) if chunks else np.empty(0)
