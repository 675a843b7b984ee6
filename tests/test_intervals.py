"""Intervals against closed forms and published tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import poisson

from alertlab.intervals import share_interval, weekly_rate


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
