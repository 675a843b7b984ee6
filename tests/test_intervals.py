"""Intervals against closed forms and published tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import poisson

from alertlab.intervals import (
    clustered_share,
    quantile_interval,
    share_interval,
    weekly_amount,
    weekly_rate,
)


def test_no_trials_have_no_share() -> None:
    """Nothing of nothing is unknown, neither 0 nor 1."""
    assert share_interval(0, 0) is None


@pytest.mark.parametrize(("successes", "trials"), [(1, 10), (5, 10), (9, 10), (37, 400)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_a_share_leaves_half_the_doubt_on_each_side(
    successes: int, trials: int, confidence: float
) -> None:
    """The Jeffreys posterior (Beta with half an event more) has the stated mass inside."""
    found = share_interval(successes, trials, confidence)
    a, b = successes + 0.5, trials - successes + 0.5
    assert betainc(a, b, found.low) == pytest.approx((1 - confidence) / 2)
    assert betainc(a, b, found.high) == pytest.approx((1 + confidence) / 2)
    assert found.mid == successes / trials
    assert found.confidence == confidence


def test_shares_at_the_ends_are_exact_there() -> None:
    """None of ten could be none; ten of ten could be all."""
    none, every = share_interval(0, 10), share_interval(10, 10)
    assert none.low == 0.0
    assert every.high == 1.0
    assert none.high == pytest.approx(1 - every.low)
    assert 0.15 < none.high < 0.31  # between Wilson's and Clopper-Pearson's published ends


@pytest.mark.parametrize(
    ("events", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (2, 0.2422, 7.225), (3, 0.6187, 8.767), (4, 1.09, 10.24)],
)
def test_few_events_have_the_exact_poisson_interval(events: int, low: float, high: float) -> None:
    """Garwood's table, 95 %; over two weeks each end is halved."""
    counts = np.zeros(14, int)
    counts[:events] = 1
    found = weekly_rate(counts, 2.0)
    assert found.low == pytest.approx(low / 2, rel=1e-3)
    assert found.mid == events / 2
    assert found.high == pytest.approx(high / 2, rel=1e-3)


def test_the_time_counted_sets_the_rate() -> None:
    """Three pages in an hour are 504 a week, although the hour lies in one day."""
    assert weekly_rate(np.array([3]), 1 / 168).mid == pytest.approx(504)
    assert weekly_rate(np.array([3]), 1.0).mid == pytest.approx(3)


def test_many_independent_events_agree_with_poisson() -> None:
    """For events without clusters the bootstrap over days is about as wide as Poisson's."""
    counts = np.random.default_rng(1).poisson(3, 280)
    found = weekly_rate(counts, 40.0)
    low, high = poisson.interval(0.95, counts.sum())
    assert found.low == pytest.approx(low / 40, rel=0.03)
    assert found.high == pytest.approx(high / 40, rel=0.03)


def test_clustered_events_are_more_doubtful() -> None:
    """Twenty pages on one day say less about a week than one on each of twenty days."""
    bursts, spread = np.zeros(28, int), np.zeros(28, int)
    bursts[3], spread[:20] = 20, 1
    wide, narrow = weekly_rate(bursts, 4.0), weekly_rate(spread, 4.0)
    assert wide.mid == narrow.mid == 5.0
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.sampled_from([0.5, 0.95]))
def test_the_number_lies_inside_its_interval(counts: list[int], confidence: float) -> None:
    """Whatever the counts, low <= mid <= high, and the same again on another day."""
    found = weekly_rate(np.array(counts), len(counts) / 7, confidence)
    assert 0 <= found.low <= found.mid <= found.high
    assert found == weekly_rate(np.array(counts), len(counts) / 7, confidence)


def test_a_share_of_clusters_is_as_doubtful_as_they_are_few() -> None:
    """Forty pages of four incidents say less than forty of forty."""
    few = clustered_share(np.array([10, 10, 0, 0]), np.array([10, 10, 10, 10]))
    many = clustered_share(np.repeat([1, 0], 20), np.ones(40, int))
    assert few.mid == many.mid == 0.5
    assert few.high - few.low > 2 * (many.high - many.low)
    independent = share_interval(20, 40)
    assert many.low == pytest.approx(independent.low, abs=0.03)
    assert many.high == pytest.approx(independent.high, abs=0.03)


def test_a_share_of_unanimous_clusters_is_not_certain() -> None:
    """All pages of three incidents are true: three of three by Jeffreys, not thirty of thirty."""
    found = clustered_share(np.array([10, 10, 10]), np.array([10, 10, 10]))
    assert found == share_interval(3, 3)
    none = clustered_share(np.array([0, 0, 0]), np.array([5, 0, 2]))  # one cluster holds nothing
    assert none == share_interval(0, 2)
    assert clustered_share(np.array([0]), np.array([0])) is None
    assert clustered_share(np.array([], int), np.array([], int)) is None


def test_an_amount_is_no_count() -> None:
    """Hours are resampled by day, however few; nothing at all has no doubt to show."""
    found = weekly_amount(np.array([0.5, 0.0, 1.5, 0.0, 0.0, 0.0, 0.0] * 4), 4.0)
    assert found.mid == pytest.approx(2.0)
    assert 0 < found.low < 2 < found.high < 5
    assert weekly_amount(np.zeros(28), 4.0)[:3] == (0, 0, 0)
    wide, narrow = (
        weekly_amount(np.array([0.5, 0.0, 1.5, 0.0] * 7), 4.0, confidence)
        for confidence in (0.95, 0.5)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(
    ("n", "quantile", "low", "high"),
    [
        # Conover's method: of six values the ends cover the median with 1 - 2 / 64.
        (6, 0.5, 1, 6),
        (5, 0.5, 0, np.inf),  # 1 - 2 / 32 is not 95 %
        (9, 0.5, 2, 8),
        (20, 0.5, 6, 15),
        (10, 0.9, 7, np.inf),
        (1, 0.5, 0, np.inf),
    ],
)
def test_a_quantile_lies_between_order_statistics(
    n: int, quantile: float, low: float, high: float
) -> None:
    """Of the values 1 to n, the ranks that tables of the binomial give."""
    values = np.arange(n, 0, -1.0)
    found = quantile_interval(values, quantile)
    assert found[:3] == (low, np.quantile(values, quantile), high)
    assert found.confidence == 0.95


def test_a_quantile_of_nothing_is_unknown() -> None:
    """No incident was caught: there is no delay."""
    assert quantile_interval(np.array([]), 0.5) is None


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_a_quantiles_interval_covers_it(quantile: float) -> None:
    """At least nineteen of twenty times, whatever the distribution."""
    rng = np.random.default_rng(7)
    truth = -np.log(1 - quantile)  # of the exponential distribution
    inside = 0
    for _ in range(2_000):
        found = quantile_interval(rng.exponential(size=30), quantile)
        inside += found.low <= truth <= found.high
    assert inside >= 0.945 * 2_000
