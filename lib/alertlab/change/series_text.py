"""Series in promtool's notation for unit tests, short and exact (promql/notation.py reads it)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import is_stale
from alertlab.promql.notation import read_series
from alertlab.units import LabelSet, format_labels

_EXACT = 2.0**53  # up to here whole numbers, and so their sums, are exact
_SHORTEST_RUN = 3


def series_line(labels: LabelSet) -> str:
    """Return a label set as promtool reads it; BadInput for names that promtool 2 cannot read."""
    text = format_labels(labels)
    if read_series(text) != (labels, ""):
        raise BadInput(f"promtool reads no series like {text}")
    return text


def values_line(values: Sequence[float | None]) -> str:
    """Return values as one line, None as ``_``; runs of equal steps of whole numbers are short.

    Reading the line gives the same values to the bit.
    """
    return " ".join(_words(list(values)))


def _words(values: list[float | None]) -> Iterator[str]:
    at = 0
    while at < len(values):
        value = values[at]
        length = _run(values, at)
        more = length - 1
        if value is None:
            yield f"_x{length}" if length > 1 else "_"
        elif length >= _SHORTEST_RUN:
            step = values[at + 1] - value
            yield f"{_number(value)}{f'{step:+.0f}' if step else ''}x{more}"
        else:
            length = 1
            yield _number(value)
        at += length


def _run(values: list[float | None], at: int) -> int:
    """Return how many values from ``at`` are missing, or stand in one run that can be written."""
    end = at + 1
    if values[at] is None:
        while end < len(values) and values[end] is None:
            end += 1
        return end - at
    if not _is_whole(values[at]) or end == len(values) or not _is_whole(values[end]):
        return 1
    step = values[end] - values[at]
    while end < len(values) and _is_whole(values[end]) and values[end] - values[end - 1] == step:
        end += 1
    return end - at


def _is_whole(value: float | None) -> bool:
    """Tell whether a value may stand in a run; minus zero may not, a sum never gives it."""
    if value is None or not math.isfinite(value) or abs(value) >= _EXACT:
        return False
    return value.is_integer() and not (value == 0 and math.copysign(1, value) < 0)


def _number(value: float) -> str:
    if is_stale(np.array([value]))[0]:
        return "stale"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if _is_whole(value) else repr(value)
