"""Frames and raw series: what is checked, what a stale marker is, how counters are counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertlab.frame import STALE_NAN, Frame, FrameBuilder, Series, counted, is_stale
from alertlab.units import label_set

TIMES = np.array([0, 60_000, 120_000], np.int64)
LABELS = (label_set({"__name__": "m", "pod": "a"}), label_set({"pod": "b"}))


def frame_of(**parts: object) -> Frame:
    good = {
        "times": TIMES,
        "values": np.arange(6.0).reshape(2, 3),
        "present": np.ones((2, 3), bool),
        "labels": LABELS,
    }
    return Frame(**(good | parts))


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"times": TIMES.astype(float)}, "int64"),
        ({"times": TIMES[::-1].copy()}, "strictly increasing"),
        ({"times": np.array([0, 0, 1], np.int64)}, "strictly increasing"),
        ({"values": np.zeros((3, 2))}, "values must be float64 of shape"),
        ({"values": np.zeros((2, 3), np.float32)}, "values must be float64"),
        ({"present": np.ones((2, 3))}, "present must be bool"),
        ({"present": np.ones((1, 3), bool)}, "present must be bool of shape"),
        ({"labels": LABELS[:1]}, "shape"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict, reason: str) -> None:
    """A frame that exists is a frame that can be trusted."""
    frame_of()
    with pytest.raises(ValueError, match=reason):
        frame_of(**parts)


def test_a_frame_as_pandas() -> None:
    """Columns are named as PromQL writes series; absent is NaN; times are UTC."""
    present = np.array([[True, False, True], [True, True, True]])
    table = frame_of(present=present).to_pandas()
    assert list(table.columns) == ['m{pod="a"}', '{pod="b"}']
    assert table.index[1] == pd.Timestamp("1970-01-01T00:01:00Z")
    assert table['m{pod="a"}'].isna().tolist() == [False, True, False]
    assert table['{pod="b"}'].tolist() == [3.0, 4.0, 5.0]


def test_an_empty_frame_keeps_its_times() -> None:
    """No series is not no time."""
    assert Frame.empty(TIMES).to_pandas().shape == (3, 0)


def test_only_the_marker_is_stale() -> None:
    """An ordinary NaN is a sample."""
    values = np.array([STALE_NAN, np.nan, 0.0, np.inf])
    assert is_stale(values).tolist() == [True, False, False, False]
    assert is_stale(np.repeat(values, 2)[::2]).tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("values", "events"),
    [
        ([], 0),
        ([7], 0),
        ([1, 4, 4, 9], 8),
        ([8, 10, 3, 5], 2 + 3 + 2),
        ([5, 0, 2], 2),
        ([1, STALE_NAN, 3, np.nan, 2], 2 + 2),
    ],
)
def test_counted_events(values: list[float], events: float) -> None:
    """A reset starts from zero; markers and NaN are passed over."""
    times = np.arange(len(values), dtype=np.int64)
    assert counted(Series((), times, np.array(values, float))) == events


@given(
    st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 9), st.floats(0, 9)), max_size=40)
)
def test_a_frame_is_built_piece_by_piece(pieces: list[tuple[str, int, float]]) -> None:
    """Rows come in any order and again; the frame is sorted and holds the last value of each."""
    built = FrameBuilder(np.arange(10, dtype=np.int64))
    expected: dict[str, dict[int, float]] = {}
    for name, step, value in pieces:
        values, present = built.row((("name", name),))
        values[step], present[step] = value, True
        expected.setdefault(name, {})[step] = value
    assert len(built) == len(expected)
    frame = built.frame()
    assert [dict(labels)["name"] for labels in frame.labels] == sorted(expected)
    for values, present, name in zip(frame.values, frame.present, sorted(expected), strict=True):
        assert dict(zip(np.flatnonzero(present), values[present], strict=True)) == expected[name]


def test_many_columns_are_sorted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows stay whole when the order is made a few times at a time."""
    monkeypatch.setattr("alertlab.frame._COLUMNS", 3)
    built = FrameBuilder(np.arange(10, dtype=np.int64))
    for name in "cab":
        values, present = built.row((("name", name),))
        values[:], present[:] = ord(name), True
    assert built.frame().values.tolist() == [[ord(name)] * 10 for name in "abc"]
