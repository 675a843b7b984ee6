"""Numbers as Prometheus writes them: sample values and times, one by one or whole arrays.

util/jsonutil/marshal.go, MarshalFloat and MarshalTimestamp: the shortest decimal that reads back
equal, with an exponent below 1e-6 and from 1e21 on; times in seconds with three decimals or none.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_EXPONENT_BELOW, _EXPONENT_FROM = 1e-6, 1e21
# Between these pyarrow writes every float64 in the wanted form, and every whole number so.
_ARROW_BELOW, _EXACT_INTEGER = 1e10, 2.0**53


def format_value(value: float) -> str:
    """Return the text of one sample value, such as ``0.25``, ``1e-07``, ``-0`` or ``+Inf``."""
    if np.isfinite(value) and value and not _EXPONENT_BELOW <= abs(value) < _EXPONENT_FROM:
        return repr(float(value))
    return format_positional(value)


def format_positional(value: float) -> str:
    """Return the shortest decimal without exponent (Go's ``FormatFloat(v, 'f', -1, 64)``)."""
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return np.format_float_positional(value, trim="-")


def format_values(values: np.ndarray) -> pa.Array:
    """Return the texts of float64 values, shape (n,), as ``format_value`` writes each."""
    size = np.abs(values)
    with np.errstate(invalid="ignore"):
        whole = (size < _EXACT_INTEGER) & (np.trunc(values) == values)
        small = (size >= _EXPONENT_BELOW) & (size < _ARROW_BELOW)
    whole &= ~((values == 0) & np.signbit(values))
    if whole.all():
        return _integers(values)
    texts = pa.array(values).cast(pa.string())
    if small.all():
        return texts
    large, rest = whole & ~small, ~(whole | small)
    texts = pc.replace_with_mask(texts, pa.array(large), _integers(values[large]))
    distinct, index = np.unique(values[rest].view(np.uint64), return_inverse=True)
    written = pa.array([format_value(one) for one in distinct.view(np.float64)], pa.string())
    return pc.replace_with_mask(texts, pa.array(rest), written.take(pa.array(index)))


def format_seconds(times_ms: np.ndarray) -> pa.Array:
    """Return the texts of times [ms] in seconds: ``1700000000``, ``1700000000.137``."""
    seconds, fraction = np.divmod(np.abs(times_ms), 1000)
    texts = pa.array(seconds).cast(pa.string())
    if fraction.any():
        decimals = pc.utf8_lpad(pa.array(fraction).cast(pa.string()), 3, "0")
        exact = pc.binary_join_element_wise(texts, decimals, ".")
        texts = pc.if_else(pa.array(fraction != 0), exact, texts)
    if (times_ms < 0).any():
        signs = pc.if_else(pa.array(times_ms < 0), "-", "")
        texts = pc.binary_join_element_wise(signs, texts, "")
    return texts


def concatenated(texts: pa.Array) -> memoryview:
    """Return the bytes of texts without nulls, one behind the other; nothing is copied."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(data or b"")[ends[0] : ends[-1]]


def _integers(values: np.ndarray) -> pa.Array:
    return pa.array(values.astype(np.int64)).cast(pa.string())
