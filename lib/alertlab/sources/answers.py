"""Prometheus' JSON answers, decoded without a Python object per sample.

The lists of samples are most of an answer: they are cut out of its text and read as CSV; what is
left is small and ordinary JSON (web/api/v1/api.go, Response; util/jsonutil).
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.units import SECOND_MS, LabelSet, label_set

# A string is passed over as a whole: a label's value may hold brackets.
_STRING_OR_LIST = re.compile(rb'"(?:[^"\\]|\\.)*"|\[\s*\[', re.DOTALL)
_END_OF_LIST = re.compile(rb"\]\s*\]")
_COLUMNS = csv.ReadOptions(column_names=["seconds", "value"], use_threads=False)
_FLOATS = csv.ConvertOptions(
    column_types={"seconds": pa.float64(), "value": pa.float64()},
    null_values=[],  # NaN is a value
)


def decode(body: bytes, expr: str) -> tuple[dict[str, Any], list[Series]]:
    """Return the envelope of an answer (its ``warnings`` and ``infos``) and its series.

    Raises ValueError, KeyError or TypeError for what is no matrix of Prometheus, and BadInput
    for native histograms, naming ``expr``.
    """
    lists: list[bytes] = []
    text: list[bytes] = []
    done = 0
    while found := _STRING_OR_LIST.search(body, done):
        if found[0].startswith(b"["):
            end = _END_OF_LIST.search(body, found.end())
            if end is None:
                raise ValueError("the answer ends within a list")
            samples = body[found.end() : end.start()]
            if b"{" in samples:
                raise BadInput(
                    f"{expr!r} returned native histograms, which are not read here; "
                    "query classic buckets or apply histogram_quantile() in the expression"
                )
            text += [body[done : found.start()], str(len(lists)).encode()]
            lists.append(samples)
            done = end.end()
        else:
            text.append(body[done : found.end()])
            done = found.end()
    envelope = json.loads(b"".join([*text, body[done:]]))
    series = [
        Series(label_set(item["metric"]), *_samples(lists[item["values"]]))
        for item in envelope["data"]["result"]
    ]
    return envelope, series


def decode_native(
    body: bytes, expr: str, kind: str = "vector"
) -> tuple[dict[str, Any], list[tuple[LabelSet, list[tuple[int, dict[str, Any]]]]]]:
    """Return an answer's envelope and the native histograms of its series, each with its time [ms].

    Each is as the answer writes it: ``count``, ``sum``, ``buckets`` (util/jsonutil,
    MarshalHistogram).  Floats are left out.  Raises as ``decode``, and BadInput for what is not of
    the ``kind`` asked for: ``vector`` or ``matrix``.
    """
    envelope = json.loads(body)
    given = envelope["data"]["resultType"]
    if given != kind:
        raise BadInput(f"{expr!r} gives a {given}; histograms are read of a {kind}")
    found = []
    for item in envelope["data"]["result"]:
        written = [item["histogram"]] if "histogram" in item else item.get("histograms", ())
        timed = [(round(float(seconds) * SECOND_MS), one) for seconds, one in written]
        if timed:
            found.append((label_set(item["metric"]), timed))
    return envelope, found


def _samples(pairs: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Read ``1.5,"2"],[3,"4"``: times [ms], values."""
    rows = pairs.translate(None, b" \t\r\n[").replace(b"],", b"\n")
    table = csv.read_csv(pa.BufferReader(rows), read_options=_COLUMNS, convert_options=_FLOATS)
    seconds, values = (column.to_numpy() for column in table.columns)
    return np.rint(seconds * SECOND_MS).astype(np.int64), values
