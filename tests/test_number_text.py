"""Numbers as Prometheus writes them: the forms, and whole arrays as one by one.

What a real server writes is compared in tests/serve/test_against_prometheus.py.
"""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alertlab.frame import STALE_NAN
from alertlab.number_text import (
    concatenated,
    format_positional,
    format_seconds,
    format_value,
    format_values,
)

FORMS = [
    (0.0, "0"),
    (-0.0, "-0"),
    (1.0, "1"),
    (-2.5, "-2.5"),
    (0.1 + 0.2, "0.30000000000000004"),
    (1e-6, "0.000001"),
    (9.99e-7, "9.99e-07"),
    (-1e-7, "-1e-07"),
    (5e-324, "5e-324"),
    (1e10, "10000000000"),
    (15000000000.5, "15000000000.5"),
    (1e15, "1000000000000000"),
    (2.0**53, "9007199254740992"),
    (2.0**60, "1152921504606847000"),
    (123456789012345680.0, "123456789012345680"),
    (9.999999999999999e20, "999999999999999900000"),
    (1e21, "1e+21"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (math.inf, "+Inf"),
    (-math.inf, "-Inf"),
    (math.nan, "NaN"),
    (STALE_NAN, "NaN"),
]


@pytest.mark.parametrize(("value", "text"), FORMS)
def test_forms_of_values(value, text):
    """The shortest decimal, an exponent only below 1e-6 and from 1e21, names of what is none."""
    assert format_value(value) == text


def test_no_exponent_in_a_scalar():
    """Where Prometheus writes no exponent, there are as many zeros as it takes."""
    assert format_positional(1e-9) == "0.000000001"
    assert format_positional(-1e22) == "-10000000000000000000000"
    assert [format_positional(one) for one in (math.nan, math.inf)] == ["NaN", "+Inf"]


floats = st.one_of(
    st.floats(),
    st.integers(-(2**60), 2**60).map(float),
    st.decimals(-1000, 1000, places=3).map(float),
    st.floats(1e-8, 1e-5),
    st.floats(1e9, 1e11),
)


@example([-0.0, 1.0])
@example([value for value, _ in FORMS])
@given(st.lists(floats))
def test_arrays_are_written_as_single_values(values):
    """Each text is the one that the slow way gives, and reads back to the same bits."""
    texts = format_values(np.array(values, np.float64)).to_pylist()
    assert texts == [_slow(one) for one in values]
    assert texts == [format_value(one) for one in values]
    for one, text in zip(values, texts, strict=True):
        assert math.isnan(one) or np.float64(text).tobytes() == np.float64(one).tobytes()


def _slow(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value and not 1e-6 <= abs(value) < 1e21:
        return repr(value)
    return f"{Decimal(repr(value).removesuffix('.0')):f}"


@given(st.lists(st.integers(-(2**53), 2**53)))
def test_times_in_seconds(times_ms):
    """Three decimals or none."""
    texts = format_seconds(np.array(times_ms, np.int64)).to_pylist()
    for time_ms, text in zip(times_ms, texts, strict=True):
        assert Decimal(text) * 1000 == time_ms
        assert len(text.partition(".")[2]) == (3 if time_ms % 1000 else 0)


def test_texts_as_one():
    """Also of a part of an array, and of nothing."""
    texts = format_values(np.array([1.0, 2.5, 3.0]))
    assert bytes(concatenated(texts)) == b"12.53"
    assert bytes(concatenated(texts[1:])) == b"2.53"
    assert bytes(concatenated(texts[3:])) == bytes(concatenated(format_values(np.empty(0)))) == b""
