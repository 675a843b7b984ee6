"""A recording as OpenMetrics text, for ``promtool tsdb create-blocks-from openmetrics``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertlab.errors import BadInput
from alertlab.files import replacing
from alertlab.frame import Series, is_stale
from alertlab.number_text import concatenated, format_seconds, format_values
from alertlab.promql import Matcher
from alertlab.sources.recording import Recording
from alertlab.units import SECOND_MS, LabelSet, escape_label

_METRIC_NAME = re.compile(r"[a-zA-Z_:][\w:]*", re.ASCII)
_LABEL_NAME = re.compile(r"[a-zA-Z_]\w*", re.ASCII)
_SAMPLES_AT_ONCE = 1 << 20


class Exported(NamedTuple):
    """What an export wrote, and how many stale markers the format could not take."""

    samples: int
    series: int
    stale_markers: int
    bytes: int


def export_openmetrics(
    recording: Recording,
    out: str | Path,
    *,
    advance: Callable[[int], object] = lambda samples: None,
) -> Exported:
    """Write all samples to ``out``, metric by metric, each series in time order.

    Stale markers are left out, because text has one NaN only: after the way through a text file
    a series that ended stays visible for the lookback (5 minutes).

    advance : called with the number of samples handled since the last call
    """
    target = Path(out)
    try:
        with replacing(target) as fresh, fresh.open("wb") as file:
            return _write(recording, file, advance)
    except OSError as error:
        raise BadInput(f"cannot write {target}: {error.strerror}") from None


def _write(recording: Recording, file: BinaryIO, advance: Callable[[int], object]) -> Exported:
    samples, series, stale_markers = 0, 0, 0
    span = recording.start_ms, recording.end_ms
    names = {dict(labels).get("__name__", "") for labels in recording.label_sets((), *span)}
    if "" in names:
        raise BadInput(f"{recording.path} has series without a name, which the format cannot hold")
    for metric in sorted(names):
        file.write(f"# TYPE {_metric_text(metric)} unknown\n".encode())
        for one in recording.select([Matcher("__name__", "=", metric)], *span):
            stale = is_stale(one.values)
            for part in _portions(Series(one.labels, one.times[~stale], one.values[~stale])):
                file.write(_lines(part))
            samples += len(one.times) - int(stale.sum())
            series += 1
            stale_markers += int(stale.sum())
            advance(len(one.times))
    file.write(b"# EOF\n")
    return Exported(samples, series, stale_markers, file.tell())


def series_text(labels: LabelSet) -> str:
    """Write a label set as the format does: ``name{a="b"}``, or ``{"na.me","l.b"="v"}``."""
    name = dict(labels).get("__name__", "")
    rest = ",".join(
        f'{_label_text(key)}="{escape_label(value)}"' for key, value in labels if key != "__name__"
    )
    if _METRIC_NAME.fullmatch(name):
        return f"{name}{{{rest}}}" if rest else name
    return f"{{{_metric_text(name)},{rest}}}" if rest else f"{{{_metric_text(name)}}}"


def _metric_text(name: str) -> str:
    return name if _METRIC_NAME.fullmatch(name) else f'"{escape_label(name)}"'


def _label_text(name: str) -> str:
    return name if _LABEL_NAME.fullmatch(name) else f'"{escape_label(name)}"'


def _portions(series: Series) -> Iterator[Series]:
    for start in range(0, len(series.times), _SAMPLES_AT_ONCE):
        part = slice(start, start + _SAMPLES_AT_ONCE)
        yield Series(series.labels, series.times[part], series.values[part])


def _lines(series: Series) -> memoryview:
    """Return the lines of a series' samples as one text."""
    begin = series_text(series.labels) + " "
    ends = pc.binary_join_element_wise(_times(series.times), "", "\n")
    lines = pc.binary_join_element_wise(begin, format_values(series.values), "")
    return concatenated(pc.binary_join_element_wise(lines, ends, " "))


def _times(times_ms: np.ndarray) -> pa.Array:
    """Write times [ms] in seconds, so that whoever cuts off after milliseconds keeps them.

    Prometheus reads ``int64(seconds * 1000)``, which makes 1000 ms of ``1.001``: a tenth of a
    millisecond is added where that happens (never between late 2004 and 2038).
    """
    texts = format_seconds(times_ms)
    read = np.trunc(texts.cast(pa.float64()).to_numpy() * SECOND_MS)
    short = pa.array(read < times_ms)
    return pc.if_else(short, pc.binary_join_element_wise(texts, "1", ""), texts)
