"""The firing level against a naive state machine that takes one threshold at a time."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlab.replay import firing_level, levels, signed_threshold, signed_values
from alertlab.rules import find_threshold

ABSENT = None
COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
INF = math.inf
# The worked table: interval 1m, for 2m, keep_firing_for 1m.
TABLE = [3, 6, 7, 8, 2, ABSENT, 9, 9, 9, 4]
TABLE_LEVEL = [-INF, -INF, 3, 6, 6, 2, 2, 2, 9, 9]


def level_of(values: list, op: str, hold_s: int, keep_s: int, interval_s: int = 60) -> np.ndarray:
    """The level of one series whose absent samples are None."""
    threshold = find_threshold(f"x {op} 0")
    present = np.array([[value is not ABSENT for value in values]], bool)
    numbers = np.array([[0.0 if value is ABSENT else value for value in values]], float)
    signed = signed_values(numbers, present, threshold)
    return firing_level(
        signed,
        interval_ms=interval_s * 1000,
        hold_duration_ms=hold_s * 1000,
        keep_firing_for_ms=keep_s * 1000,
    )[0]


def naive_firing(
    values: list, op: str, limit: float, hold: int, keep: int, *, times: Iterable[int]
) -> list[bool]:
    """rules/alerting.go, Eval, for one series: time stamps, not counts."""
    active_at = kept_since = None
    firing, told = False, []
    for now, value in zip(times, values, strict=True):
        if value is not ABSENT and COMPARE[op](value, limit):
            active_at = now if active_at is None else active_at
            kept_since = None
            firing = firing or now - active_at >= hold
        elif firing and keep > 0:
            kept_since = now if kept_since is None else kept_since
            if now - kept_since >= keep:
                active_at, firing, kept_since = None, False, None
        else:
            active_at, firing = None, False
        told.append(firing)
    return told


def test_the_worked_table() -> None:
    """Ten evaluations by hand, with the levels before the last step of the formula too."""
    assert level_of(TABLE, ">", 120, 60).tolist() == TABLE_LEVEL


@pytest.mark.parametrize(
    ("limit", "firing"),
    [(5, [3, 4, 8, 9]), (1, list(range(2, 10))), (6, [8, 9]), (8, [8, 9]), (9, []), (20, [])],
)
def test_the_worked_table_at_some_thresholds(limit: float, firing: list[int]) -> None:
    """Where the table's text says the alert fires; its rises are the episodes."""
    level = level_of(TABLE, ">", 120, 60)
    assert np.flatnonzero(level > limit).tolist() == firing


SAMPLE = st.one_of(
    st.just(ABSENT), st.integers(-4, 4).map(float), st.sampled_from([np.nan, INF, -INF])
)
DURATION = st.integers(0, 16).map(lambda n: n * 30)


@settings(deadline=None, max_examples=300)
@given(st.lists(SAMPLE, max_size=40), st.sampled_from([*COMPARE]), DURATION, DURATION)
def test_one_level_answers_for_every_threshold(
    values: list, op: str, hold_s: int, keep_s: int
) -> None:
    """The level compared with each threshold is the state machine run for that threshold."""
    level = level_of(values, op, hold_s, keep_s)
    threshold = find_threshold(f"x {op} 0")
    for limit in np.arange(-5, 5.5, 0.5):
        signed = signed_threshold(limit, threshold)
        fires = level > signed if threshold.strict else level >= signed
        times = range(0, 60 * len(values), 60)
        naive = naive_firing(values, op, limit, hold_s, keep_s, times=times)
        assert fires.tolist() == naive, limit


@settings(deadline=None, max_examples=100)
@given(
    st.integers(1, 3),
    st.integers(0, 130),
    st.integers(0, 200),
    st.integers(0, 200),
    st.integers(0, 2**32 - 1),
)
def test_blocks_agree_with_the_recursion(
    series: int, n: int, hold: int, keep: int, seed: int
) -> None:
    """Cutting a row into blocks changes nothing, also for windows longer than the row."""
    rng = np.random.default_rng(seed)
    x = np.where(
        rng.random((series, n)) < 0.2, -INF, rng.integers(-5, 6, (series, n)).astype(float)
    )
    found = firing_level(x, interval_ms=1, hold_duration_ms=hold, keep_firing_for_ms=keep)
    assert found.shape == x.shape
    for row, level in zip(x, found, strict=True):
        last = -INF
        for t in range(n):
            held = min(row[t - hold : t + 1]) if t >= hold else -INF
            last = max(held, min(last, max(row[max(0, t - keep) : t + 1]))) if keep else held
            assert level[t] == last


def test_without_keep_firing_for_the_level_is_the_held_minimum() -> None:
    """for 0 and keep_firing_for 0: the value itself; absent and NaN never fire."""
    assert level_of([1, ABSENT, np.nan, -2], ">", 0, 0).tolist() == [1, -INF, -INF, -2]
    assert level_of([1, 3, 2], ">", 60, 0).tolist() == [-INF, 1, 2]


@pytest.mark.parametrize(("hold_s", "slots"), [(0, 0), (1, 1), (60, 1), (61, 2), (120, 2)])
def test_durations_are_rounded_up_to_evaluations(hold_s: int, slots: int) -> None:
    """A ``for`` between two evaluations is over at the later one; so is keep_firing_for."""
    assert np.flatnonzero(level_of([1] * 5, ">", hold_s, 0) > 0)[0] == slots
    kept = level_of([1, ABSENT, ABSENT, ABSENT, ABSENT], ">", 0, hold_s)
    assert np.count_nonzero(kept > 0) == 1 + slots


def test_the_interval_matters() -> None:
    """The same ``for`` is more evaluations at a shorter interval."""
    assert np.flatnonzero(level_of([1] * 9, ">", 60, 0, interval_s=15) > 0)[0] == 4


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(-3, 3)), min_size=1, max_size=60),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_missed_evaluations_are_time_that_passes(
    slots: list[tuple[int, int]], hold: int, keep: int
) -> None:
    """Where slots are missing, the level is the state machine that goes by its clock."""
    number = np.cumsum([step for step, _ in slots])
    values = [ABSENT if value == -3 else float(value) for _, value in slots]
    level = firing_level(
        np.array([[-INF if value is ABSENT else value for value in values]]),
        interval_ms=1,
        hold_duration_ms=hold,
        keep_firing_for_ms=keep,
        number=number,
    )[0]
    for limit in np.arange(-3.5, 4):
        found = (level > limit).tolist()
        naive = naive_firing(values, ">", limit, hold, keep, times=number.tolist())
        assert found == naive, limit


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 3), st.integers(1, 700), st.integers(0, 40), st.integers(0, 40), st.integers()
)
def test_pieces_and_strides_change_nothing(
    series: int, n: int, hold: int, keep: int, seed: int
) -> None:
    """Rows are cut into pieces, and a piece into strides; neither is seen in the answer."""
    rng = np.random.default_rng(abs(seed))
    x = np.where(rng.random((series, n)) < 0.2, -INF, rng.integers(-5, 6, (series, n)) * 1.0)
    number = np.cumsum(rng.choice([1, 1, 1, 4], n))
    for numbers in (None, number):
        ask = {"interval_ms": 1, "hold_duration_ms": hold, "keep_firing_for_ms": keep}
        whole = firing_level(x, number=numbers, **ask)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(levels, "_PIECE", 50)
            patch.setattr(levels, "_STRIDE", 8)
            np.testing.assert_array_equal(firing_level(x, number=numbers, **ask), whole)
