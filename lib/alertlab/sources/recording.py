"""Recordings: raw samples in a folder, written once, checked when opened.

A recording is ``meta.json``, ``series.parquet`` (id -> labels) and one file of samples per UTC
day (day_files.py).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alertlab.errors import BadInput
from alertlab.frame import Frame, Series
from alertlab.promql import MAX_SAMPLES, Matcher, evaluate, matching, parse_selector
from alertlab.sources.day_files import DayFiles, write_day
from alertlab.sources.grid import step_times
from alertlab.units import DAY_MS, LabelSet, format_time, label_set

FORMAT_VERSION = 1
_META, _INDEX = "meta.json", "series.parquet"


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
        self._samples += write_day(self._folder, day, known, ids)
        self._days.add(day)
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
        self,
        path: Path,
        meta: dict[str, Any],
        labels: list[LabelSet],
        semantics: int,
        max_samples: int,
    ) -> None:
        self.path = path
        self.meta = meta
        self.semantics = semantics
        self.max_samples = max_samples
        self.start_ms: int = meta["start_ms"]
        self.end_ms: int = meta["end_ms"]
        self._labels = labels
        self._days = DayFiles(path, (name for name in meta["files"] if name != _INDEX))
        self._matched: dict[tuple[Matcher, ...], list[int]] = {}
        self._queries: list[dict[str, Any]] = []

    @classmethod
    def open(
        cls, path: str | Path, *, semantics: int = 3, max_samples: int = MAX_SAMPLES
    ) -> Recording:
        """Open a recording and check it; BadInput names the file that is missing or damaged.

        ``max_samples`` is what one query may hold at once.
        """
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
        return cls(folder, meta, labels, semantics, max_samples)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Series]:
        """Return the samples in ``[start_ms, end_ms]`` of the series that match, by labels."""
        ids = self._matching(tuple(matchers))
        found = self._days.samples(ids, start_ms, end_ms)
        return [Series(self._labels[i], *found[i]) for i in ids if i in found]

    def label_sets(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[LabelSet]:
        """Return the series that match and have a sample in ``[start_ms, end_ms]``, sorted."""
        ids = self._matching(tuple(matchers))
        if start_ms > self.start_ms or end_ms < self.end_ms:
            there = self._days.series_between(start_ms, end_ms)
            ids = [i for i in ids if i in there]
        return [self._labels[i] for i in ids]

    def _matching(self, matchers: tuple[Matcher, ...]) -> list[int]:
        """Return the series that match, in label order."""
        if matchers not in self._matched:
            found = matching(matchers, self._labels)
            self._matched[matchers] = sorted(found, key=self._labels.__getitem__)
        return self._matched[matchers]

    def series(
        self, selector: str, start_ms: int, end_ms: int, *, stale_markers: bool = True
    ) -> list[Series]:
        """Return the raw samples of a PromQL selector in ``[start_ms, end_ms]``.

        Stale markers are samples here; they come whether asked for or not.
        """
        return self.select(parse_selector(selector), start_ms, end_ms)

    def range_query(self, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Frame:
        """Evaluate ``expr`` at ``start, start + step, … <= end`` as Prometheus would."""
        times = step_times(start_ms, end_ms, step_ms)
        frame = evaluate(
            expr,
            self.select,
            times,
            semantics=self.semantics,
            end_ms=end_ms,
            max_samples=self.max_samples,
        )
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


def _is_as_written(meta: Any) -> bool:
    """Tell whether what stands in a recording's meta data has the types that were written."""
    if not isinstance(meta, dict):
        return False
    numbers = (meta.get(name, 0) for name in ("start_ms", "end_ms", "scrape_interval_ms"))
    files = meta.get("files", {_INDEX: ""})
    return isinstance(files, dict) and _INDEX in files and all(type(n) is int for n in numbers)


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
