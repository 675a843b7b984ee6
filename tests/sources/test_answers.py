"""Answers of the HTTP API: decoded as plain JSON reading says, whatever their labels hold."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertlab.errors import BadInput
from alertlab.sources.answers import decode
from alertlab.units import label_set

TEXTS = ["0", "-0", "1.5", "1e-07", "1e+21", "NaN", "+Inf", "-Inf", "5e-324", "0.1"]
AWKWARD = st.text(alphabet='[]{}",:\\ \nx한é', max_size=8)
SAMPLES = st.lists(
    st.tuples(st.integers(0, 4_102_444_800_000), st.sampled_from(TEXTS)), min_size=1, max_size=5
)


def answer(series: list[tuple[dict[str, str], list[tuple[int, str]]]]) -> dict:
    result = [
        {"metric": labels, "values": [[time_ms / 1000, text] for time_ms, text in samples]}
        for labels, samples in series
    ]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


@given(
    st.lists(st.tuples(st.dictionaries(AWKWARD, AWKWARD, max_size=3), SAMPLES), max_size=3),
    st.lists(AWKWARD, max_size=2),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : ")]),
    st.booleans(),
)
def test_the_same_as_plain_json(series, warnings, separators, ascii_only):
    """Brackets and quotes in labels, any spacing, escaped or not: every sample comes back."""
    document = answer(series) | {"warnings": warnings}
    text = json.dumps(document, separators=separators, ensure_ascii=ascii_only)
    envelope, found = decode(text.encode(), "x")
    assert envelope["warnings"] == warnings
    assert [one.labels for one in found] == [label_set(labels) for labels, _ in series]
    for one, (_, samples) in zip(found, series, strict=True):
        assert one.times.tolist() == [time_ms for time_ms, _ in samples]
        expected = np.array([float(text) for _, text in samples])
        np.testing.assert_array_equal(one.values, expected)
        np.testing.assert_array_equal(np.signbit(one.values), np.signbit(expected))


def test_native_histograms_are_refused():
    """Their lists hold objects; the sentence names the query."""
    histogram = {"count": "1", "sum": "2", "buckets": [[0, "1", "2", "1"]]}
    document = answer([])
    document["data"]["result"] = [{"metric": {}, "histograms": [[1, histogram]]}]
    with pytest.raises(BadInput, match="'x' returned native histograms"):
        decode(json.dumps(document).encode(), "x")


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:-20],
        lambda body: body.replace(b'"1.5"', b'"one"'),
        lambda body: body.replace(b'"1.5"]', b'"1.5",3]'),
        lambda body: body.replace(b"values", b"value"),
    ],
    ids=["cut off", "no number", "three", "no values"],
)
def test_damage_is_an_error(damage):
    """Nothing is made of an answer that is not as Prometheus writes it."""
    body = json.dumps(answer([({"a": "b"}, [(1_000, "1.5"), (2_000, "2")])])).encode()
    assert len(decode(body, "x")[1]) == 1
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode(damage(body), "x")
