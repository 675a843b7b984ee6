"""What is known of a quantile: Prometheus' number, the bracket, the estimate, the interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, lognorm

from alertlab.errors import BadInput
from alertlab.latency import BEYOND, FEW, GOOD, WIDE, make_histogram, merge, quantile

FIVE = [0.1, 0.25, 0.5, 1, math.inf]
GO = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, math.inf]
GOLDEN = np.cumsum([120, 480, 1900, 2600, 2300, 1900, 500, 150, 40, 8, 2, 0])


@pytest.mark.parametrize(
    ("bounds", "counts", "q", "expected"),
    [
        (FIVE, [50, 80, 95, 99, 100], 0.9, 0.4166667),
        (FIVE, [50, 80, 95, 99, 100], 0.5, 0.1),
        (FIVE, [50, 80, 95, 99, 100], 0.995, 1.0),
        (FIVE, [50, 80, 78, 99, 100], 0.75, 0.225),
        (FIVE, [50, 80, 78, 99, 100], 0.82, 0.5526316),
        (FIVE, [50, 80, 78, 99, 100], 0.9, 0.7631579),
        ([0.1, 0.25, math.inf], [0, 80, 100], 0, math.nan),
        ([0.1, math.inf], [0, 0], 0.5, math.nan),
        ([math.inf], [10], 0.5, math.nan),
        ([0.1, 0.2], [5, 10], 0.5, math.nan),
        ([-1, 1, math.inf], [30, 60, 60], 0.2, -1.0),
        (FIVE, [50, 80, 95, 99, 100], -0.1, -math.inf),
        (FIVE, [50, 80, 95, 99, 100], 1.1, math.inf),
    ],
)
def test_the_number_of_prometheus(bounds, counts, q, expected):
    """Repairs, truncation at the last bound and NaN are those of promql/quantile.go."""
    assert quantile(bounds, counts, q).prometheus == pytest.approx(expected, rel=1e-6, nan_ok=True)


@pytest.mark.parametrize(
    ("q", "low", "high", "linear", "estimate"),
    [
        (0.01, 0, 0.005, 0.004167, 0.004670),
        (0.5, 0.025, 0.05, 0.049038, 0.048703),
        (0.9, 0.1, 0.25, 0.226316, 0.200798),
        (0.95, 0.25, 0.5, 0.350000, 0.304281),
        (0.99, 0.5, 1, 0.833333, 0.705696),
        (0.999, 1, 2.5, 2.5, 2.5),
    ],
)
def test_bracket_and_estimate_of_worked_figures(q, low, high, linear, estimate):
    """Figures worked out apart from this code."""
    found = quantile(GO, GOLDEN, q)
    assert (found.low, found.high) == (low, high)
    assert found.prometheus == pytest.approx(linear, abs=5e-7)
    assert found.estimate == pytest.approx(estimate, abs=5e-7)


def test_a_quantile_beyond_the_last_bound_has_no_number():
    """Prometheus says 1 s; what is known is "more than 1 s"."""
    found = quantile(FIVE, [50, 80, 95, 99, 100], 0.995)
    assert (found.low, found.high, found.verdict) == (1.0, math.inf, BEYOND)
    assert math.isnan(found.estimate)
    assert found.ci_high == math.inf


def test_verdicts_blame_the_bucket_or_the_number_of_observations():
    """The same bounds with more observations, the same observations with closer bounds."""
    close = [0.1, 0.11, 0.12, 0.13, 0.14, math.inf]
    shares = np.array([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert quantile(close, 1_000 * shares, 0.7).verdict == GOOD
    assert quantile(close, 5 * shares, 0.99).verdict == FEW
    assert quantile([0.1, 0.2, math.inf], [0, 1_000, 1_000], 0.7).verdict == WIDE
    # Few observations and many near bounds: the interval is wide although the bucket is not.
    assert quantile(np.append(np.arange(1, 60) / 10, math.inf), np.arange(60), 0.5).verdict == FEW


def test_confidence_widens_the_interval():
    """The interval's ends are the buckets of two order statistics."""
    bounds = np.append(np.linspace(0.1, 10, 100), math.inf)
    counts = np.append(np.arange(1, 101), 100.0)
    usual, sure = (quantile(bounds, counts, 0.5, confidence=c) for c in (0.95, 0.999))
    ranks = binom.ppf(0.025, 100, 0.5), binom.ppf(0.975, 100, 0.5) + 1
    assert usual.ci_low == pytest.approx((ranks[0] - 1) / 10)
    assert usual.ci_high == pytest.approx(ranks[1] / 10)
    assert sure.ci_low < usual.ci_low < usual.ci_high < sure.ci_high


@pytest.mark.parametrize(("count", "known"), [(367, False), (368, True)])
def test_an_upper_limit_of_p99_needs_368_observations(count, known):
    """The largest of n exceeds the quantile of the process with probability 1 - 0.99^n."""
    found = quantile([0.1, math.inf], [count, count], 0.99)
    assert math.isfinite(found.ci_high) is known
    assert found.verdict == (WIDE if known else FEW)


@given(
    st.lists(st.floats(1e-4, 20), min_size=1, max_size=60),
    st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0]),
    st.sampled_from([GO, FIVE, [1e-3, 0.02, 0.4, 8, math.inf]]),
)
def test_the_bracket_holds_the_sample_quantile(values, q, bounds):
    """Whatever the shape: the smallest observation that q of them do not exceed."""
    ordered = np.sort(values)
    counts = np.searchsorted(ordered, bounds, "right").astype(float)
    truth = ordered[max(math.ceil(q * len(ordered)), 1) - 1]
    found = quantile(bounds, counts, q)
    assert found.low <= truth <= found.high
    assert found.ci_low <= found.low <= found.high <= found.ci_high
    if math.isfinite(found.high):
        assert found.low <= found.estimate <= found.high


@given(st.lists(st.floats(0, 100), min_size=6, max_size=6), st.floats(0.001, 0.999))
def test_scale_of_time_and_of_counts(parts, q):
    """Seconds or milliseconds scale all of it; one day or a hundred leave the bracket alone."""
    bounds = np.array([0.01, 0.05, 0.1, 0.5, 1, math.inf])
    counts = np.cumsum(parts)
    if counts[-1] < 1e-3:
        return
    found, slower = quantile(bounds, counts, q), quantile(bounds * 8, counts, q)
    more = quantile(bounds, counts * 1_024, q)
    assert slower.prometheus == pytest.approx(8 * found.prometheus, nan_ok=True)
    assert slower.estimate == pytest.approx(8 * found.estimate, nan_ok=True, rel=1e-9)
    assert (slower.low, slower.high) == (8 * found.low, 8 * found.high)
    assert (more.low, more.high) == (found.low, found.high)
    assert more.prometheus == pytest.approx(found.prometheus, nan_ok=True)


def test_calls_in_one_bucket_stand_in_its_middle():
    """By ratio; with more calls its edges stand for rarer ones, so quantiles draw together."""
    few, many = (
        [quantile([0.1, 0.4, math.inf], [0, n, n], q).estimate for q in (0.05, 0.5, 0.95)]
        for n in (50, 50_000)
    )
    assert few[1] == pytest.approx(0.2)
    assert many[1] == pytest.approx(0.2)
    assert 0.1 < few[0] < many[0] < 0.2 < many[2] < few[2] < 0.4


def test_the_curve_does_not_run_past_the_slowest_call():
    """The last bucket with calls ends where the largest of them may stand."""
    bounds = [0.1, 0.2, 0.3, 3, 30, math.inf]
    sparse = quantile(bounds, [500, 900, 990, 1_000, 1_000, 1_000], 0.9999)
    assert (sparse.low, sparse.high) == (0.3, 3)
    longer = quantile([*bounds[:3], 0.4, *bounds[4:]], [500, 900, 990, 1_000, 1_000, 1_000], 0.999)
    assert longer.estimate < 0.4


def test_a_lognormal_is_estimated_exactly():
    """A lognormal is a straight line in the estimate's scales, also beyond the known shares."""
    law = lognorm(s=0.8, scale=0.06)
    counts = 1e6 * law.cdf(GO)
    for q in (0.01, 0.5, 0.9, 0.99, 0.9999):
        assert quantile(GO, counts, q).estimate == pytest.approx(law.ppf(q), rel=1e-6)


def test_an_empty_bucket_between_two_modes_parts_the_curve():
    """What lies above the gap is not drawn towards what lies below it."""
    bounds = [0.001, 0.002, 0.004, 0.1, 0.2, 0.4, 0.8, math.inf]
    slow = quantile(bounds, [0, 300, 600, 600, 800, 950, 1_000, 1_000], 0.7)
    shifted = quantile([0.05, *bounds[3:]], [600, 600, 800, 950, 1_000, 1_000], 0.7)
    assert 0.1 < slow.estimate < 0.2
    assert slow.estimate == pytest.approx(shifted.estimate)


def test_counts_that_fall_are_raised_and_named():
    """The repair is Prometheus', and is said with its place and size."""
    found = quantile(FIVE, [50, 80, 78, 70, 100], 0.9)
    assert found.notes == (
        "Counts fall at le=0.5 to le=1 by up to 10 and were raised as Prometheus does: "
        "bucket layouts or times of the summed series differ.",
    )
    assert quantile(FIVE, [50, 80, 80 * (1 - 1e-15), 80, 100], 0.9).notes == ()


def test_missing_buckets_are_named():
    """Without +Inf there is no number of Prometheus; with nothing else there is none at all."""
    assert "+Inf bucket is missing" in quantile([0.1, 0.2], [5, 10], 0.5).notes[0]
    assert "no bucket but +Inf" in quantile([math.inf], [10], 0.5).notes[0]
    assert "no observations" in quantile([0.1, math.inf], [0, 0], 0.5).notes[0]


@pytest.mark.parametrize(
    ("bounds", "counts", "message"),
    [
        ([0.1, math.inf], [1, math.nan], "count at le=inf is nan"),
        ([0.1, math.inf], [-1, 5], "count at le=0.1 is -1"),
        ([0.1, math.nan], [1, 5], "not a number"),
        ([0.1, math.inf], [1, 2, 3], "2 bounds and 3 counts"),
        ([], [], "at least one"),
        ([0.1, math.inf], [1, 1e300], "count at le=inf is 1e"),
        (["a", math.inf], [1, 2], "lists of numbers"),
    ],
)
def test_what_is_no_histogram_is_refused(bounds, counts, message):
    """A sentence says which count or bound it was."""
    with pytest.raises(BadInput, match=message):
        quantile(bounds, counts, 0.5)


@pytest.mark.parametrize(
    ("q", "confidence", "message"),
    [("0.5", 0.95, "not '0.5'"), (None, 0.95, "not None"), (0.5, 95, "not 95"), (0.5, 1, "not 1")],
)
def test_what_is_no_quantile_is_refused(q, confidence, message):
    """Numbers of the wrong kind get a sentence."""
    with pytest.raises(BadInput, match=message):
        quantile(FIVE, [50, 80, 95, 99, 100], q, confidence=confidence)


def test_a_value_that_is_known_exactly_is_good():
    """All calls took nothing at all: no bucket is too wide for that."""
    found = quantile([0, 0.1, math.inf], [600, 600, 600], 0.5)
    assert (found.low, found.high, found.verdict) == (0, 0, GOOD)


@pytest.mark.parametrize("count", [1e11, 1e13, 1e18, 1e60])
def test_huge_counts_are_told_apart(count):
    """Beyond what a binomial is computed for: a normal distribution has the same ranks."""
    found = quantile([0.1, 0.2, math.inf], [count / 2 * (1 - 1e-5), count, count], 0.5)
    assert (found.ci_low, found.ci_high) == (0.1, 0.2)
    near = quantile([0.1, 0.2, math.inf], [count / 2 * (1 + 1e-9), count, count], 0.5)
    assert near.ci_high == (0.1 if count * 1e-18 > 4 else 0.2)


def test_order_and_equal_bounds_do_not_matter():
    """``le="1"`` and ``le="1.0"`` are one bound: their counts are added up."""
    found = quantile([math.inf, 1, 0.5, 1], [30, 10, 8, 15], 0.8)
    assert found == quantile([0.5, 1, math.inf], [8, 25, 30], 0.8)


def test_merging_adds_counts_over_common_bounds():
    """Pods with different layouts share some bounds; the others are named."""
    one = make_histogram([0.1, 0.5, math.inf], [1, 2, 3], 1.5)
    other = make_histogram([0.1, 0.25, math.inf], [10, 20, 30], 4.0)
    both = merge([one, other])
    assert both.upper_bounds.tolist() == [0.1, math.inf]
    assert both.cumulative.tolist() == [11, 33]
    assert both.mean_seconds == pytest.approx(5.5 / 33)
    assert "without le 0.25, 0.5" in both.notes[0]
    with pytest.raises(BadInput, match="no bound in common"):
        merge([make_histogram([1.0], [1]), make_histogram([2.0], [1])])
    with pytest.raises(BadInput, match="no histogram"):
        merge([])
