"""Recordings: raw samples in a folder, written once, checked when opened.

A recording is ``meta.json``, ``series.parquet`` (id -> labels) and one Parquet file per UTC
day, sorted by series and time.  A sample's value stands in the column ``integer`` where it is a
whole number (delta coding makes counters small) and else in ``float``; both together are
``coalesce(integer, float)``.  Stale markers are floats with Prometheus' own NaN bits.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alertlab.errors import BadInput
from alertlab.frame import Frame, Series
from alertlab.promql import Matcher, evaluate, matches_all, parse_selector
from alertlab.sources.grid import step_times
from alertlab.units import DAY_MS, LabelSet, format_time, label_set

FORMAT_VERSION = 1
_META, _INDEX = "meta.json", "series.parquet"
_CACHE_BYTES = 1 << 30  # decoded samples kept between queries; 28 days of the service fit
_DECODED_AT_ONCE = 512  # series; while being joined they are held twice
_EXACT_INTEGER = 2.0**53  # beyond it a float64 no longer holds every integer

_DAY_SCHEMA = pa.schema(
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


class RecordingWriter:
    """Writes a recording day by day into a temporary folder and renames it at the end.

    ``path`` must not hold anything but an older recording, which is replaced; after an
    exception nothing is left.  ``origin`` says in one sentence where the samples come from.
    """

    def __init__(
        self, path: str | Path, *, origin: str, scrape_interval_ms: int, synthetic: bool
    ) -> None:
        self._path = Path(path).resolve()
        if self._path.exists() and not (self._path / _META).is_file():
            raise BadInput(f"{path} exists and is not a recording; name another folder")
        self._meta: dict[str, Any] = {
            "format": FORMAT_VERSION,
            "origin": origin,
            "synthetic": synthetic,
            "scrape_interval_ms": scrape_interval_ms,
        }
        self._ids: dict[LabelSet, int] = {}
        self._samples, self._start_ms, self._end_ms = 0, None, None
        self._days: set[int] = set()

    def __enter__(self) -> RecordingWriter:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            folder = tempfile.mkdtemp(prefix=f".{self._path.name}-", dir=self._path.parent)
        except OSError as error:
            raise BadInput(f"cannot write a recording to {self._path}: {error.strerror}") from None
        self._folder = Path(folder)
        return self

    def add_day(self, series: Iterable[Series]) -> None:
        """Add all samples of one UTC day; each series at most once, times increasing."""
        known = [one for one in series if len(one.times)]
        if not known:
            return
        first = min(int(one.times[0]) for one in known)
        last = max(int(one.times[-1]) for one in known)
        day = first // DAY_MS
        if last // DAY_MS != day:
            raise ValueError(f"samples from {format_time(first)} to {format_time(last)}: two days")
        if day in self._days:
            raise ValueError(f"the day of {format_time(first)} was written already")
        ids = [self._ids.setdefault(one.labels, len(self._ids)) for one in known]
        order = np.argsort(ids)
        table = _encode([known[i] for i in order], np.asarray(ids, np.int32)[order])
        pq.write_table(table, self._folder / f"{format_time(first)[:10]}.parquet", **_ENCODING)
        self._days.add(day)
        self._samples += table.num_rows
        self._start_ms = first if self._start_ms is None else min(self._start_ms, first)
        self._end_ms = last if self._end_ms is None else max(self._end_ms, last)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _finish(self) -> None:
        if not self._samples:
            raise BadInput(f"there is no sample to record into {self._path}")
        labels = [list(one) for one in self._ids]
        index = pa.table(
            {
                "series": pa.array(range(len(labels)), pa.int32()),
                "labels": pa.array(labels, pa.map_(pa.string(), pa.string())),
            }
        )
        pq.write_table(index, self._folder / _INDEX, compression="zstd")
        files = {p.name: _sha256(p) for p in sorted(self._folder.glob("*.parquet"))}
        meta = self._meta | {
            "start_ms": self._start_ms,
            "end_ms": self._end_ms,
            "samples": self._samples,
            "series": len(labels),
            "bytes": sum((self._folder / name).stat().st_size for name in files),
            "files": files,
        }
        (self._folder / _META).write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
        self._folder.chmod(0o755)
        older = self._folder.with_name(f"{self._folder.name}-older")
        if self._path.exists():
            self._path.rename(older)
        self._folder.rename(self._path)
        shutil.rmtree(older, ignore_errors=True)


class Recording:
    """A recording as a source: PromQL is evaluated here, over its raw samples."""

    def __init__(
        self, path: Path, meta: dict[str, Any], labels: list[LabelSet], semantics: int
    ) -> None:
        self.path = path
        self.meta = meta
        self.semantics = semantics
        self.start_ms: int = meta["start_ms"]
        self.end_ms: int = meta["end_ms"]
        self._labels = labels
        self._decoded: OrderedDict[int, Series] = OrderedDict()
        self._queries: list[dict[str, Any]] = []

    @classmethod
    def open(cls, path: str | Path, *, semantics: int = 3) -> Recording:
        """Open a recording and check it; BadInput names the file that is missing or damaged."""
        folder = Path(path)
        try:
            meta = json.loads((folder / _META).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BadInput(
                f"{path} is not a recording: it has no {_META}; "
                "give an http(s) URL or a recording's folder"
            ) from None
        except (OSError, ValueError) as error:
            raise BadInput(f"the recording's {folder / _META} cannot be read: {error}") from None
        if not _is_as_written(meta):
            raise BadInput(f"the recording's {folder / _META} is not as written; record it again")
        try:
            if meta["format"] != FORMAT_VERSION:
                raise BadInput(
                    f"{folder / _META} has format {meta['format']}; "
                    f"this version reads format {FORMAT_VERSION}"
                )
            for name, digest in meta["files"].items():
                _check_file(folder / name, digest)
            index = pq.read_table(folder / _INDEX)
            needed = ("start_ms", "end_ms", "scrape_interval_ms", "origin", "synthetic")
            meta = meta | {name: meta[name] for name in needed}
        except KeyError as error:
            raise BadInput(f"the recording's {folder / _META} lacks the key {error}") from None
        labels = [label_set(dict(pairs)) for pairs in index["labels"].to_pylist()]
        return cls(folder, meta, labels, semantics)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Series]:
        """Return the samples in ``[start_ms, end_ms]`` of the series that match, by labels."""
        found = [i for i, labels in enumerate(self._labels) if matches_all(matchers, labels)]
        missing = [i for i in found if i not in self._decoded]
        for first in range(0, len(missing), _DECODED_AT_ONCE):
            self._decode(missing[first : first + _DECODED_AT_ONCE])
        shared: dict[int, tuple[np.ndarray, slice]] = {}
        selected = []
        for i in sorted(found, key=lambda i: self._labels[i]):
            one = self._decoded[i]
            self._decoded.move_to_end(i)
            if id(one.times) not in shared:
                part = slice(*np.searchsorted(one.times, [start_ms, end_ms + 1]))
                shared[id(one.times)] = one.times[part], part
            times, part = shared[id(one.times)]
            if len(times):
                selected.append(Series(one.labels, times, one.values[part]))
        self._forget()
        return selected

    def series(self, selector: str, start_ms: int, end_ms: int) -> list[Series]:
        """Return the raw samples of a PromQL selector in ``[start_ms, end_ms]``."""
        return self.select(parse_selector(selector), start_ms, end_ms)

    def range_query(self, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Frame:
        """Evaluate ``expr`` at ``start, start + step, … <= end`` as Prometheus would."""
        times = step_times(start_ms, end_ms, step_ms)
        frame = evaluate(expr, self.select, times, semantics=self.semantics, end_ms=end_ms)
        self._queries.append(
            {"expr": expr, "steps": len(times), "series": len(frame.labels), "requests": 0}
        )
        return frame

    def provenance(self) -> dict[str, Any]:
        """Say where the numbers come from, for manifests and reports."""
        files = json.dumps(self.meta["files"], sort_keys=True).encode()
        return {
            "kind": "recording",
            "location": self.path.name,
            "origin": self.meta["origin"],
            "synthetic": self.meta["synthetic"],
            "digest": hashlib.sha256(files).hexdigest(),
            "start": format_time(self.start_ms),
            "end": format_time(self.end_ms),
            "semantics": self.semantics,
            "queries": list(self._queries),
            "warnings": [],
        }

    def _decode(self, ids: list[int]) -> None:
        parts: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {i: [] for i in ids}
        for name in sorted(self.meta["files"]):
            if name == _INDEX:
                continue
            table = pq.read_table(self.path / name, filters=pc.field("series").isin(ids))
            for i, times, values in _split(table):
                parts[i].append((times, values))
        previous = np.empty(0, np.int64)
        for i in ids:
            pieces = parts[i]
            times = np.concatenate([t for t, _ in pieces])
            # Series of one target share their timestamps: keep one array for all of them.
            previous = times = previous if np.array_equal(times, previous) else times
            values = np.concatenate([v for _, v in pieces])
            self._decoded[i] = Series(self._labels[i], times, values)

    def _forget(self) -> None:
        kept = sum(one.values.nbytes for one in self._decoded.values())
        while kept > _CACHE_BYTES and len(self._decoded) > 1:
            kept -= self._decoded.popitem(last=False)[1].values.nbytes


def _is_as_written(meta: Any) -> bool:
    """Tell whether what stands in a recording's meta data has the types that were written."""
    if not isinstance(meta, dict):
        return False
    numbers = (meta.get(name, 0) for name in ("start_ms", "end_ms", "scrape_interval_ms"))
    files = meta.get("files", {_INDEX: ""})
    return isinstance(files, dict) and _INDEX in files and all(type(n) is int for n in numbers)


def _encode(series: list[Series], ids: np.ndarray) -> pa.Table:
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
            pa.array(np.concatenate([one.times for one in series])).cast(_DAY_SCHEMA.types[1]),
            pa.array(integers, mask=~whole),
            pa.array(values, mask=whole),
        ],
        schema=_DAY_SCHEMA,
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


def _check_file(path: Path, digest: str) -> None:
    if not path.is_file():
        raise BadInput(f"the recording's file {path} is missing; record or generate it again")
    if _sha256(path) != digest:
        raise BadInput(
            f"the recording's file {path} is damaged (its checksum differs from {_META}); "
            "record or generate it again"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
