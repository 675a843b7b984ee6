"""Closed-form values of functions over windows, in both semantics."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promql_helpers import ask, load, steps

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.frame import Series
from alertlab.promql import evaluate

NAN, INF = math.nan, math.inf


def at(expr: str, values: str, time: str = "5m", semantics: int = 3, step: str = "1m"):
    """Value of an expression over one series ``x`` with the given values."""
    result = ask(expr, load(step, f"x{{}} {values}"), steps(time), semantics=semantics)
    rows = list(result.values())
    return rows[0][0] if rows else None


# Samples at 0..5m, evaluated at 5m over [5m]: closed windows hold six, left-open ones five.
@pytest.mark.parametrize(
    ("function", "values", "closed", "left_open"),
    [
        ("count_over_time", "1 2 3 4 5 6", 6, 5),
        ("sum_over_time", "1 2 3 4 5 6", 21, 20),
        ("avg_over_time", "1 2 3 4 5 6", 3.5, 4),
        ("min_over_time", "1 2 3 4 5 6", 1, 2),
        ("max_over_time", "9 2 3 4 5 6", 9, 6),
        ("last_over_time", "1 2 3 4 5 6", 6, 6),
        ("present_over_time", "1 2 3 4 5 6", 1, 1),
        ("changes", "1 2 2 3 NaN NaN", 3, 2),
        ("resets", "5 2 3 1 NaN 0", 2, 1),
        ("stdvar_over_time", "0 2 4 2 4 6", 11 / 3, 56 / 25),
        ("stddev_over_time", "0 2 4 2 4 6", math.sqrt(11 / 3), math.sqrt(56 / 25)),
        ("increase", "0 60 120 180 240 300", 300, 300),
        ("rate", "0 60 120 180 240 300", 1, 1),
        ("delta", "300 240 180 120 60 0", -300, -300),
        ("irate", "0 1 2 3 4 64", 1, 1),
        ("irate", "0 1 2 3 60 30", 0.5, 0.5),  # after a reset: from zero
        ("idelta", "0 1 2 3 60 30", -30, -30),
        ("deriv", "0 60 120 180 240 300", 1, 1),
        ("deriv", "7 7 7 7 7 7", 0, 0),
        # no data and single samples
        ("count_over_time", "_ _ _ _ _ _", None, None),
        ("rate", "_ _ _ _ _ 7", None, None),
        ("rate", "1 _ _ _ _ 7", 0.02, None),
        ("deriv", "_ _ _ _ _ 7", None, None),
        ("changes", "_ _ _ _ _ 7", 0, 0),
        # stale markers are no samples
        ("count_over_time", "1 2 stale 4 5 stale", 4, 3),
        ("sum_over_time", "1 2 stale 4 5 stale", 12, 11),
        ("last_over_time", "1 2 stale 4 5 stale", 5, 5),
        # NaN is a sample, but never the smallest or largest unless alone
        ("count_over_time", "1 NaN 3 4 5 6", 6, 5),
        ("max_over_time", "_ NaN 3 NaN 5 NaN", 5, 5),
        ("min_over_time", "_ NaN 3 NaN 5 NaN", 3, 3),
        ("max_over_time", "_ NaN NaN _ _ _", NAN, NAN),
        ("sum_over_time", "_ NaN 3 4 5 6", NAN, NAN),
        # infinities
        ("sum_over_time", "_ Inf 3 4 5 6", INF, INF),
        ("sum_over_time", "_ Inf -Inf 4 5 6", NAN, NAN),
        ("avg_over_time", "_ Inf 3 4 5 6", INF, INF),
        ("avg_over_time", "_ -Inf 3 4 5 Inf", NAN, NAN),
        ("avg_over_time", "_ 1e308 1e308 1e308 _ _", 1e308, 1e308),  # the sum overflows
        ("sum_over_time", "_ 1 1e100 1 -1e100 _", 2, 2),  # compensated
        ("deriv", "_ Inf Inf Inf _ _", NAN, NAN),
    ],
)
def test_over_five_minutes(function: str, values: str, closed: float, left_open: float):
    """Both semantics give the values that the definition gives for their windows."""
    for semantics, expected in ((2, closed), (3, left_open)):
        got = at(f"{function}(x[5m])", values, semantics=semantics)
        if expected is None:
            assert got is None
        else:
            np.testing.assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("values", "semantics", "expected"),
    [
        # 30 s spacing, window (1m30s, 5m], first sample at 2m: 30 s < 33 s, to the edge.
        ("_ _ _ _ 10 20 30 40 50 60 70", 3, 60 * 210 / 180),
        # first sample at 3m: the gap of 90 s is cut to half a spacing
        ("_ _ _ _ _ _ 100 110 120 130 140", 3, 40 * 135 / 120),
        # counter at 5 would have been zero 15 s before: no further
        ("_ _ _ _ 5 15 25 35 45 55 65", 3, 60 * 195 / 180),
        # the two formulas differ when the zero lies between half a spacing and the gap:
        # gap 90 s, zero 20 s before.  2.42 clamps to 20 s, later versions to 15 s.
        ("_ _ _ _ _ _ 10 25 40 55 70", 2, 60 * 140 / 120),
        ("_ _ _ _ _ _ 10 25 40 55 70", 3, 60 * 135 / 120),
        # a reset counts what was there before it
        ("_ _ _ _ 100 110 5 15 25 35 45", 3, 55 * 210 / 180),
    ],
)
def test_extrapolation(values: str, semantics: int, expected: float):
    """increase() reaches to the window's edges, half a spacing, or the counter's zero."""
    got = at("increase(x[3m30s])", values, semantics=semantics, step="30s")
    np.testing.assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize(("range_seconds", "reach_seconds"), [(245, 245), (247, 210)])
def test_gap_of_eleven_tenths(range_seconds: int, reach_seconds: int):
    """A gap below 1.1 spacings (66 s) is bridged, a wider one cut to half a spacing."""
    for semantics in (2, 3):
        got = at(f"delta(x[{range_seconds}s])", "_ _ 100 110 120 130", semantics=semantics)
        np.testing.assert_allclose(got, 30 * reach_seconds / 180, rtol=1e-14)


def test_resets_of_huge_integers_are_summed_in_order():
    """Where sums of integers are no longer exact, they are rounded one after the other."""
    numbers = [2.0**53, 1, 2.0**53 - 1, 3, 2.0**53 - 5, 0, 1, 0]
    values = " ".join(f"{v:.0f}" for v in numbers)
    difference = numbers[-1] - numbers[0]
    exact = int(difference)
    for before, after in itertools.pairwise(numbers):
        if after < before:
            difference += before
            exact += int(before)
    assert difference != exact
    got = at("increase(x[7m1s])", values, time="7m")
    to_zero = 420 * (numbers[0] / difference)
    assert got == difference * ((420 + min(1, to_zero)) / 420)


def test_reset_of_floats_is_summed_in_order():
    """Resets of a float counter are added from left to right, not by prefix sums."""
    values = "0.1 0.3 0.2 0.7 0.1 0.5 0.3 0.9 0.2"
    numbers = [float(v) for v in values.split()]
    difference = numbers[-1] - numbers[0]
    for before, after in itertools.pairwise(numbers):
        if after < before:
            difference += before
    # Window (0, 9m] - first and last sample 8 m apart, 1 m before the left edge is cut by zero.
    got = at("delta(x[8m1s])", values, time="8m")
    assert got == (numbers[-1] - numbers[0]) * ((480 + 1) / 480)
    zero = 480 * (numbers[0] / difference)
    assert zero > 1
    assert at("increase(x[8m1s])", values, time="8m") == difference * ((480 + 1) / 480)


@pytest.mark.parametrize(
    ("q", "values", "expected"),
    [
        ("0.5", "1 2 3 4", 2.5),
        ("0.25", "4 1 3 2", 1.75),
        ("0", "1 2 3 4", 1),
        ("1", "1 2 3 4", 4),
        ("-0.1", "1 2 3 4", -INF),
        ("1.1", "1 2 3 4", INF),
        ("NaN", "1 2 3 4", NAN),
        ("0.5", "NaN 1 2", 1),  # NaN is below everything
        ("0", "NaN 1 2", NAN),
        ("1", "NaN 1 2", 2),
        ("0.9", "7", 7),
    ],
)
def test_quantile_over_time(q: str, values: str, expected: float):
    """The interpolated quantile, with its edges outside 0..1 and NaN first."""
    got = at(f"quantile_over_time({q}, x[1h])", values, time="10m")
    np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_a_sum_of_negative_zeros():
    """A sum over time starts from 0, and 0 + -0 is 0."""
    for semantics in (2, 3):
        assert at("1 / sum_over_time(x[2m])", "-0 -0 -0", time="2m", semantics=semantics) == INF


def test_a_quantile_beside_an_infinite_value():
    """2.42 forms both products, and 0 * Inf is NaN; 3.16 takes the value that is hit."""
    expr = "quantile_over_time(0, x[1h])"
    assert math.isnan(at(expr, "1 Inf", time="10m", semantics=2))
    assert at(expr, "1 Inf", time="10m", semantics=3) == 1
    assert at("quantile_over_time(0.5, x[1h])", "1 Inf", time="10m", semantics=3) == INF


@pytest.mark.parametrize(
    ("values", "expected"), [("4 6 2 1 999 1 2", 1), ("5 5 5", 0), ("1 NaN 3", NAN)]
)
def test_mad_over_time(values: str, expected: float):
    """The median distance from the median."""
    np.testing.assert_equal(at("mad_over_time(x[1h])", values, time="10m"), expected)


def test_predict_linear_counts_from_the_step():
    """The line is extended from the step's time, also with an offset or @."""
    values = "0 60 120 180 240 300"
    assert at("predict_linear(x[10m], 60)", values) == pytest.approx(360)
    assert at("predict_linear(x[10m] offset 2m, 60)", values) == pytest.approx(360)
    assert at("predict_linear(x[10m] @ 120, 60)", values) == pytest.approx(360)
    assert at("predict_linear(x[10m], -60)", values) == pytest.approx(240)


def test_smoothing():
    """Double exponential smoothing follows a straight line and bears one name per version."""
    values = "1+1x9"
    arguments = "(x[20m], 0.5, 0.1)"
    assert at(f"holt_winters{arguments}", values, "9m", 2) == pytest.approx(10)
    assert at(f"double_exponential_smoothing{arguments}", values, "9m") == pytest.approx(10)
    uneven = at("double_exponential_smoothing(x[20m], 0.5, 0.1)", "0 10 0", "2m")
    # s = 0, b = 10; s = 5 + (0 + 10) / 2 = 10; b = 0.1 * 10 + 0.9 * 10 = 10; s = 0 + 20 / 2
    assert uneven == pytest.approx(10)
    with pytest.raises(UnsupportedPromQL, match=r"holt_winters\(\) does not exist"):
        at(f"holt_winters{arguments}", values)
    with pytest.raises(UnsupportedPromQL, match="does not exist in Prometheus 2"):
        at(f"double_exponential_smoothing{arguments}", values, semantics=2)


@pytest.mark.parametrize("factors", ["0, 0.5", "1, 0.5", "0.5, 0", "0.5, 1.5"])
def test_smoothing_factors(factors: str):
    """Factors on or outside the bounds of (0, 1) are refused."""
    with pytest.raises(BadInput, match="factor"):
        at(f"double_exponential_smoothing(x[20m], {factors})", "1 2 3")


def test_first_and_time_of_samples():
    """first_over_time keeps the name; the ts_of functions give seconds."""
    series = load("1m", "x{a='b'} 5 6 7 8")
    assert ask("first_over_time(x[2m])", series, steps("3m")) == {'x{a="b"}': [7.0]}
    assert ask("last_over_time(x[2m])", series, steps("3m")) == {'x{a="b"}': [8.0]}
    assert ask("ts_of_first_over_time(x[2m])", series, steps("3m")) == {'{a="b"}': [120.0]}
    assert ask("ts_of_last_over_time(x[2m])", series, steps("4m")) == {'{a="b"}': [180.0]}


def test_many_windows_of_all_lengths():
    """min and max over windows of 1 to 40 samples are those of the samples themselves."""
    random = np.random.default_rng(3)
    numbers = random.integers(0, 1000, 60)
    series = load("1m", "x{} " + " ".join(map(str, numbers)))
    times = np.arange(60, dtype=np.int64) * 60_000
    for width in range(1, 41):
        for name, function in (("min", min), ("max", max)):
            expected = [float(function(numbers[max(i - width + 1, 0) : i + 1])) for i in range(60)]
            assert ask(f"{name}_over_time(x[{width}m])", series, times)["{}"] == expected


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 90_000), min_size=1, max_size=60),
    st.floats(0, 1),
    st.sampled_from([1_000, 60_000, 300_000]),
    st.sampled_from([7_000, 60_000]),
    st.randoms(use_true_random=False),
)
def test_sliding_quantiles_are_those_of_each_window(gaps_ms, q, range_ms, step_ms, random):
    """One pass over all windows gives, to the bit, what sorting each window gives."""
    times = np.cumsum(gaps_ms)
    values = np.array(
        [random.choice([random.random(), float(random.randint(-3, 3))]) for _ in times]
    )
    series = Series((("__name__", "x"),), times, values + 0.0)
    grid = np.arange(0, int(times[-1]) + range_ms, step_ms, dtype=np.int64)
    frame = evaluate(f"quantile_over_time({q!r}, x[{range_ms}ms])", lambda *_: [series], grid)
    found = dict(zip(grid[frame.present.any(0)].tolist(), frame.values[frame.present], strict=True))
    for t in grid.tolist():
        window = np.sort(series.values[(times > t - range_ms) & (times <= t)])
        assert (t in found) == bool(len(window))
        if len(window):
            rank = q * (len(window) - 1)
            low = int(np.floor(rank))
            high, weight = min(low + 1, len(window) - 1), rank - low
            assert found[t] == window[low] * (1 - weight) + window[high] * weight


def test_a_line_through_minus_zero_stays_there():
    """The level of a constant series is its value, sign and all."""
    assert math.copysign(1, at("predict_linear(x[5m], -60)", "-0 -0 -0 -0")) == -1
    assert math.copysign(1, at("predict_linear(x[5m], -60)", "0 0 0 0")) == 1
