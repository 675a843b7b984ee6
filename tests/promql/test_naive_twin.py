"""The vectorised functions against their step-by-step twins, bit for bit, on random series."""

from __future__ import annotations

import math

import naive_twin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promql_helpers import select_from

from alertlab.frame import STALE_NAN, Series
from alertlab.promql import evaluate
from alertlab.units import format_duration

LABELS = (("__name__", "x"),)
PLAIN = {
    "counts": st.integers(0, 50).map(float),
    "large counts": st.integers(0, 2**53).map(float),
    "floats": st.floats(-1e3, 1e3, allow_nan=False),
    "tenths": st.integers(0, 30).map(lambda n: n / 10),
}
SPECIAL = st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 0.0, STALE_NAN])


@st.composite
def random_series(draw) -> Series:
    """Jittered, gappy samples; some series hold stale markers, NaN and infinities."""
    gaps = draw(st.lists(st.integers(1, 40_000), min_size=1, max_size=40))
    times = np.cumsum(np.array(gaps, dtype=np.int64))
    plain = PLAIN[draw(st.sampled_from(sorted(PLAIN)))]
    kind = draw(st.sampled_from(["plain", "growing", "stale", "wild"]))
    values = draw(st.lists(plain, min_size=len(times), max_size=len(times)))
    if kind == "growing":
        values = np.cumsum(values)
    values = np.array(values, dtype=float)
    if kind in ("stale", "wild"):
        special = SPECIAL if kind == "wild" else st.just(STALE_NAN)
        places = draw(st.lists(st.integers(0, len(times) - 1), max_size=6))
        for place in places:
            values[place] = draw(special)
    return Series(LABELS, times, values)


times_of_steps = st.lists(st.integers(0, 900_000), min_size=1, max_size=12, unique=True).map(
    lambda steps: np.array(sorted(steps), dtype=np.int64)
)
semantics_of = st.sampled_from([2, 3])


def assert_same(frame, expected: list, what: str) -> None:
    """Presence is identical, values are bit-equal (any NaN equals any NaN)."""
    present = frame.present[0] if len(frame.labels) else np.zeros(len(frame.times), dtype=bool)
    assert present.tolist() == [v is not None for v in expected], what
    if present.any():
        wanted = np.array([v for v in expected if v is not None], dtype=float)
        np.testing.assert_array_equal(frame.values[0][present], wanted, err_msg=what)


@pytest.mark.parametrize("name", sorted(naive_twin.FUNCTIONS))
@settings(max_examples=60, deadline=None)
@given(
    series=random_series(),
    steps=times_of_steps,
    range_ms=st.sampled_from([1, 999, 30_000, 60_001, 300_000]),
    semantics=semantics_of,
)
def test_range_function(
    name: str, series: Series, steps: np.ndarray, range_ms: int, semantics: int
):
    """Every step has the value that its window alone gives."""
    expr = naive_twin.FUNCTIONS[name].format(range=format_duration(range_ms))
    frame = evaluate(expr, select_from([series]), steps, semantics=semantics)
    with np.errstate(all="ignore"):
        expected = [
            naive_twin.over_window(name, series, int(t), range_ms, semantics) for t in steps
        ]
    assert_same(frame, expected, expr)


@settings(max_examples=100, deadline=None)
@given(
    series=random_series(),
    steps=times_of_steps,
    lookback_ms=st.sampled_from([1, 20_000, 300_000]),
    offset_ms=st.sampled_from([0, 1, 45_000, -30_000]),
    semantics=semantics_of,
)
def test_instant_selector(
    series: Series, steps: np.ndarray, lookback_ms: int, offset_ms: int, semantics: int
):
    """Every step sees the newest sample, unless it is old or a stale marker."""
    expr = f"x offset {format_duration(offset_ms)}" if offset_ms else "x"
    frame = evaluate(
        expr, select_from([series]), steps, semantics=semantics, lookback_ms=lookback_ms
    )
    expected = [
        naive_twin.instant(series, int(t) - offset_ms, lookback_ms, semantics) for t in steps
    ]
    assert_same(frame, expected, expr)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.one_of(PLAIN["floats"], SPECIAL.filter(lambda v: v is not STALE_NAN)),
        min_size=1,
        max_size=12,
    ),
    semantics=semantics_of,
)
def test_aggregations(values: list, semantics: int):
    """Across series sums, means, extremes and quantiles are those of the twin, in label order."""
    series = [
        Series((("__name__", "x"), ("n", f"{i:02}")), np.zeros(1, np.int64), np.array([v]))
        for i, v in enumerate(values)
    ]
    numbers = [np.float64(v) for v in values]
    with np.errstate(all="ignore"):
        plain = numbers[0]
        for v in numbers[1:]:
            plain = plain + v
        expected = {
            "sum": plain if semantics == 2 else naive_twin.sum_over(numbers, 3),
            "min": naive_twin.extreme(numbers, lambda a, b: a < b),
            "max": naive_twin.extreme(numbers, lambda a, b: a > b),
            "quantile": naive_twin.quantile(0.3, numbers, semantics),
        }
        if semantics == 3:
            expected["avg"] = naive_twin.avg_over(numbers, 3)
    for op, want in expected.items():
        expr = f"{op}({'0.3, ' if op == 'quantile' else ''}x)"
        frame = evaluate(expr, select_from(series), np.zeros(1, np.int64), semantics=semantics)
        assert_same(frame, [want], f"{expr} {values}")
