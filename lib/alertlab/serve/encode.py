"""Answers as the JSON of Prometheus' API, without a Python object per sample.

web/api/v1/json_codec.go and util/jsonutil/marshal.go: values are the texts that Prometheus
writes; times have three decimals or none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertlab.frame import Frame, Series
from alertlab.number_text import (
    concatenated,
    format_positional,
    format_seconds,
    format_value,
    format_values,
)
from alertlab.promql import InstantAnswer
from alertlab.units import LabelSet

_SAMPLES_AT_ONCE = 1 << 18


def success(data: bytes, warnings: Sequence[str] = ()) -> bytes:
    """Return the whole answer round its ``data``."""
    notices = b',"warnings":' + encoded(list(warnings)) if warnings else b""
    return b'{"status":"success","data":' + data + notices + b"}"


def failure(kind: str, text: str) -> bytes:
    """Return the answer of a request that failed; ``kind`` is Prometheus' errorType."""
    return encoded({"status": "error", "errorType": kind, "error": text})


def encoded(document: Any) -> bytes:
    """Return plain JSON; bytes that were no text become question marks."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace")


def matrix(frame: Frame) -> bytes:
    """Return a frame as the ``data`` of a range query."""
    rows = (
        Series(labels, frame.times[there], values[there])
        for labels, values, there in zip(frame.labels, frame.values, frame.present, strict=True)
    )
    return _result("matrix", _rows(rows, frame.times))


def instant(answer: InstantAnswer) -> bytes:
    """Return the ``data`` of an instant query."""
    at = concatenated(format_seconds(np.array([answer.at_ms])))
    if answer.kind == "string":
        return _result("string", [at, encoded(answer.text)])
    if answer.kind == "scalar":
        # Unlike all other values a scalar has no exponent (promql/value.go, Scalar.MarshalJSON).
        return _result("scalar", [at, _text(format_positional(answer.series[0].values[0]))])
    if answer.kind == "matrix":
        times = [one.times for one in answer.series] or [np.empty(0, np.int64)]
        return _result("matrix", _rows(answer.series, np.unique(np.concatenate(times))))
    return _result(
        "vector",
        (
            b'{"metric":%b,"value":[%b,%b]}'
            % (_metric(one.labels), at, _text(format_value(one.values[0])))
            for one in answer.series
        ),
    )


def _rows(series: Iterable[Series], grid: np.ndarray) -> Iterator[bytes]:
    """Yield each series with its samples; ``grid``: all their times [ms], increasing."""
    begins = pc.binary_join_element_wise('"],[', format_seconds(grid), ',"', "")
    for some in _portions(series):
        times = np.concatenate([one.times for one in some])
        values = np.concatenate([one.values for one in some])
        begun = begins.take(pa.array(np.searchsorted(grid, times)))
        texts = pc.binary_join_element_wise(begun, format_values(values), "")
        ends = np.cumsum([len(one.times) for one in some]).tolist()
        for one, start, end in zip(some, [0, *ends], ends, strict=False):
            samples = concatenated(texts[start:end])[len('"],') :]
            yield b'{"metric":%b,"values":[%b"]]}' % (_metric(one.labels), samples)


def _portions(series: Iterable[Series]) -> Iterator[list[Series]]:
    """Yield series with some samples, so many at a time that their texts take little memory."""
    some, count = [], 0
    for one in series:
        if len(one.times):
            some.append(one)
            count += len(one.times)
        if count >= _SAMPLES_AT_ONCE:
            yield some
            some, count = [], 0
    if some:
        yield some


def _result(kind: str, parts: Iterable[bytes | memoryview]) -> bytes:
    return b'{"resultType":"%b","result":[%b]}' % (kind.encode(), b",".join(parts))


def _metric(labels: LabelSet) -> bytes:
    return encoded(dict(labels))


def _text(number: str) -> bytes:
    return b'"%b"' % number.encode()
