"""Answers as JSON: what stands in them, byte for byte, and large ones as small ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlab.frame import Frame, Series
from alertlab.number_text import format_value
from alertlab.promql import InstantAnswer
from alertlab.serve import encode
from alertlab.units import label_set

A = label_set({"__name__": "a", "x": 'q"\\\n<é'})


def series(labels, times, values) -> Series:
    """Build a series of lists."""
    return Series(labels, np.array(times, np.int64), np.array(values, np.float64))


ANSWERS = [
    (
        InstantAnswer("vector", 1_500, (series(A, [1_500], [1e-7]), series((), [1_500], [2]))),
        '{"resultType":"vector","result":[{"metric":{"__name__":"a","x":"q\\"\\\\\\n<é"},'
        '"value":[1.500,"1e-07"]},{"metric":{},"value":[1.500,"2"]}]}',
    ),
    (InstantAnswer("vector", 0), '{"resultType":"vector","result":[]}'),
    (
        InstantAnswer("matrix", 0, (series((), [1, 1_000], [1, np.nan]), series(A[:1], [2], [3]))),
        '{"resultType":"matrix","result":[{"metric":{},"values":[[0.001,"1"],[1,"NaN"]]},'
        '{"metric":{"__name__":"a"},"values":[[0.002,"3"]]}]}',
    ),
    (InstantAnswer("matrix", 0), '{"resultType":"matrix","result":[]}'),
    (
        InstantAnswer("scalar", 7_000, (series((), [7_000], [1e-7]),)),
        '{"resultType":"scalar","result":[7,"0.0000001"]}',
    ),
    (InstantAnswer("string", -500, text='"é'), '{"resultType":"string","result":[-0.500,"\\"é"]}'),
]


@pytest.mark.parametrize(("answer", "text"), ANSWERS, ids=lambda one: getattr(one, "kind", ""))
def test_instant_answers(answer, text):
    """Times with three decimals or none, values as texts, names in order."""
    assert encode.instant(answer).decode() == text
    json.loads(text)


def test_the_envelope():
    """Data, warnings if there are any, errors."""
    assert encode.success(b"[]") == b'{"status":"success","data":[]}'
    warned = encode.success(b"1", ["a"])
    assert warned == b'{"status":"success","data":1,"warnings":["a"]}'
    assert encode.failure("execution", 'a "b"') == (
        b'{"status":"error","errorType":"execution","error":"a \\"b\\""}'
    )


def test_what_is_no_text():
    """Is replaced rather than refused: it stands in an error's words only."""
    assert encode.encoded(["a\udcff", "é"]) == '["a?","é"]'.encode()


frames = st.tuples(st.integers(0, 4), st.integers(1, 9)).flatmap(
    lambda shape: st.tuples(
        st.lists(
            st.lists(st.none() | st.floats(), min_size=shape[1], max_size=shape[1]),
            min_size=shape[0],
            max_size=shape[0],
        ),
        st.integers(-(2**40), 2**40),
        st.integers(1, 10**6),
    )
)


@settings(deadline=None)
@given(frames, st.sampled_from([1, 5, 1 << 18]))
def test_frames(given_frame, at_once):
    """As a loop over all samples would write them, however many are written at once."""
    rows, start, step = given_frame
    width = len(rows[0]) if rows else 1
    values = np.array([[0.0 if v is None else v for v in row] for row in rows]).reshape(-1, width)
    present = np.array([[v is not None for v in row] for row in rows], bool).reshape(-1, width)
    times = start + step * np.arange(width, dtype=np.int64)
    labels = tuple(label_set({"n": str(i)}) for i in range(len(rows)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "_SAMPLES_AT_ONCE", at_once)
        text = encode.matrix(Frame(times, values, present, labels))
    expected = []
    for one, row in zip(labels, rows, strict=True):
        samples = [
            [time / 1000, format_value(v)]
            for time, v in zip(times.tolist(), row, strict=True)
            if v is not None
        ]
        if samples:
            expected.append({"metric": dict(one), "values": samples})
    assert json.loads(text) == {"resultType": "matrix", "result": expected}
