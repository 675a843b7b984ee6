"""Latency distributions cut at bucket edges, against scipy's own and the laws of histograms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import lognorm

from auth_service.scenario.latency import observed_sum, spread
from auth_service.scenario.parts import Lognormal

EDGES = (0.01, 0.1, 0.5, 1.0, 2.5)
FAST = Lognormal(share=0.9, median_ms=20, sigma=0.3)
SLOW = Lognormal(share=0.1, median_ms=400, sigma=0.5)


def cut(base, load=1.0, share=0.0, wait_ms=0.0, wait_sigma=0.4):
    """Return probabilities and means of one step."""
    one = spread(
        EDGES,
        base,
        load_factor=np.array([load]),
        waiting_share=np.array([share]),
        wait_ms=np.array([wait_ms]),
        wait_sigma=wait_sigma,
    )
    return one.probability[0], one.mean_seconds[0]


def test_mixture_against_scipy():
    """Cumulative probabilities and the mean are those of scipy's lognormals."""
    probability, mean = cut([FAST, SLOW])
    fast, slow = lognorm(0.3, scale=0.020), lognorm(0.5, scale=0.400)
    expected = [0.9 * fast.cdf(u) + 0.1 * slow.cdf(u) for u in (*EDGES, np.inf)]
    assert np.cumsum(probability) == pytest.approx(expected)
    assert probability @ mean == pytest.approx(0.9 * fast.mean() + 0.1 * slow.mean())


def test_load_stretches_all_calls():
    """Twice the time for every call is the distribution of twice the medians."""
    twice = [one.model_copy(update={"median_ms": 2 * one.median_ms}) for one in (FAST, SLOW)]
    assert cut([FAST, SLOW], load=2.0)[0] == pytest.approx(cut(twice)[0])


def test_waiting_moves_its_share():
    """Waiting calls take the wait longer, with the wait's own spread."""
    only = Lognormal(share=1.0, median_ms=20, sigma=0.3)
    probability, _ = cut([only], share=0.25, wait_ms=480, wait_sigma=0.4)
    waiting, usual = lognorm(0.4, scale=0.5), lognorm(0.3, scale=0.020)
    expected = [0.75 * usual.cdf(u) + 0.25 * waiting.cdf(u) for u in (*EDGES, np.inf)]
    assert np.cumsum(probability) == pytest.approx(expected)
    assert cut([only], share=0.25, wait_ms=480, wait_sigma=0.1)[0] != pytest.approx(probability)


@given(st.lists(st.integers(0, 50), min_size=6, max_size=6), st.integers(0, 2**32))
def test_sum_is_possible(counts, seed):
    """A sum of latencies lies between what its buckets allow at least and at most."""
    _, mean = cut([FAST, SLOW])
    calls = np.array([counts])
    total = observed_sum(np.random.default_rng(seed), calls, EDGES, mean[None, :])[0]
    assert total >= calls[0] @ np.array([0, *EDGES]) * (1 - 1e-12)
    if counts[-1] == 0:
        assert total <= calls[0, :-1] @ np.array(EDGES) * (1 + 1e-12)


def test_sum_varies_around_the_mean():
    """Sums of equal counts differ, and their mean is that of the buckets."""
    _, mean = cut([FAST, SLOW])
    counts = np.tile([10, 200, 20, 5, 2, 0], (4000, 1))
    sums = observed_sum(np.random.default_rng(1), counts, EDGES, np.tile(mean, (4000, 1)))
    assert np.std(sums) > 0.1
    assert np.mean(sums) == pytest.approx((counts * mean).sum(axis=1).mean(), rel=0.01)


# Method, mean in ms, {bucket edge in s: share at or below}, of the run that the scenario cites.
MEASURED = [
    ("CreateUser", 103, {0.1: 0.20, 0.2: 1.00}),
    ("Login", 131, {0.1: 0.02, 0.2: 0.94, 0.3: 1.00}),
    ("ValidateToken", 1.64, {0.0025: 0.92, 0.01: 0.99}),
    ("RefreshToken", 2.20, {0.0025: 0.83, 0.01: 1.00}),
    ("RevokeToken", 1.97, {0.0025: 0.87, 0.01: 1.00}),
    ("validation", 0.95, {0.001: 0.83, 0.002: 0.99}),
]


@pytest.mark.parametrize(("method", "mean_ms", "shares"), MEASURED, ids=[m[0] for m in MEASURED])
def test_calibration(tiny, method, mean_ms, shares):
    """The undisturbed distributions give back what was measured on the real service."""
    latency = tiny.latency
    mixture = latency.validation if method == "validation" else latency.methods[method]
    edges = tuple(shares)
    zero = np.zeros(1)
    one = spread(
        edges, mixture, load_factor=np.ones(1), waiting_share=zero, wait_ms=zero, wait_sigma=1.0
    )
    assert (one.probability @ one.mean_seconds.T).item() * 1_000 == pytest.approx(mean_ms, rel=0.07)
    assert np.cumsum(one.probability[0])[:-1] == pytest.approx(list(shares.values()), abs=0.04)
