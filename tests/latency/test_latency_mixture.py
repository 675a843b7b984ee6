"""Two kinds of calls: found where they are, named where the counts show them, and only there."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtr

from alertlab.latency.buckets import Histogram, make_histogram
from alertlab.latency.fitting import cell_shares, fit_many
from alertlab.latency.mixture import MIXTURE, Component, Separation, separate, stable_components
from alertlab.latency.models import FAMILIES, fit_models

GO = np.array([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, np.inf])
FINE = np.array([0.0025, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 1, 2.5, 5, np.inf])


def _drawn(samples: np.ndarray, bounds: np.ndarray = FINE) -> Histogram:
    counts = np.bincount(np.searchsorted(bounds, samples, "left"), minlength=len(bounds))
    return make_histogram(bounds, np.cumsum(counts), samples.sum())


def _token_or_hash(
    rng: np.random.Generator, n: int, weight: float, hash_seconds: float
) -> np.ndarray:
    """Draw latencies of which so many are checks of tokens, the others hashes of passwords."""
    token = rng.lognormal(np.log(0.005), 0.4, n)
    return np.where(rng.random(n) < weight, token, rng.lognormal(np.log(hash_seconds), 0.3, n))


def test_two_kinds_of_calls_are_found() -> None:
    """Weights, medians and spreads as drawn, and a sentence that says what the counts show."""
    samples = _token_or_hash(np.random.default_rng(3), 40_000, 0.7, 0.25)
    found = fit_models(_drawn(samples)).separation
    assert found.separated, found.reason
    assert "falls to" in found.reason
    assert found.fast.weight_ratio == pytest.approx(0.7, abs=0.01)
    assert found.slow.weight_ratio == pytest.approx(0.3, abs=0.01)
    assert found.slow.median_seconds == pytest.approx(0.25, rel=0.02)
    assert found.slow.sigma == pytest.approx(0.3, rel=0.05)
    assert found.valley_ratio < 0.1


def test_the_fast_component_is_the_one_with_the_lower_median() -> None:
    """However the search went; in some of these fits it swaps them."""
    rng = np.random.default_rng(1)
    counts = [_drawn(rng.lognormal(-2, rng.uniform(0.3, 1), 5_000)).counts for _ in range(40)]
    found = fit_many(FINE, np.array(counts), MIXTURE)
    assert found.converged.sum() > 20
    fast, slow = MIXTURE.natural(found.theta[found.converged])[:, [0, 2]].T
    assert (fast <= slow).all()


ONE_KIND = {
    "gamma": lambda rng, n: rng.gamma(rng.uniform(0.7, 4), 0.1, n),
    "lognormal": lambda rng, n: rng.lognormal(-2.5, rng.uniform(0.5, 1.2), n),
    "Weibull": lambda rng, n: 0.2 * rng.weibull(rng.uniform(0.5, 2), n),
    "exponential wait": lambda rng, n: rng.uniform(0.01, 0.1) + rng.exponential(0.2, n),
}


def _separated(draw: Callable[[np.random.Generator, int], np.ndarray], n: int) -> int:
    """Return how many of 20 draws are separated."""
    rng = np.random.default_rng(5)
    histograms = [_drawn(draw(rng, n)) for _ in range(20)]
    counts = np.array([one.counts for one in histograms])
    fits = [fit_many(FINE, counts, family) for family in FAMILIES]
    aic = np.array([np.where(one.converged, one.aic, np.inf) for one in fits])
    wins = aic.argmin(axis=0) == FAMILIES.index(MIXTURE)
    mixture = fits[FAMILIES.index(MIXTURE)]
    found = [
        separate(one, mixture.theta[i] if mixture.converged[i] else None, wins=bool(wins[i]))
        for i, one in enumerate(histograms)
    ]
    return sum(one.separated for one in found)


@pytest.mark.parametrize("n", [300, 10_000])
@pytest.mark.parametrize("draw", ONE_KIND.values(), ids=ONE_KIND)
def test_one_kind_of_calls_is_never_named_two(draw: Callable, n: int) -> None:
    """AIC takes a mixture for many a simple law; the valley does not, with few calls neither."""
    assert _separated(draw, n) == 0


def test_two_kinds_of_calls_are_named_nearly_always() -> None:
    """With ten thousand calls; some draws have too few buckets for a mixture."""
    assert (
        _separated(lambda rng, n: _token_or_hash(rng, n, 0.6, rng.uniform(0.15, 0.3)), 10_000) > 18
    )


def _valley(counts: list[float]) -> Separation:
    bounds = [0.01, 0.05, 0.25, 1.25, 6.25, np.inf]  # as wide as the first one is taken to be
    histogram = make_histogram(bounds, np.cumsum(counts))
    return separate(histogram, np.array([-4.0, -1.0, -0.5, -1.0, 0.0]), wins=True)


@pytest.mark.parametrize(
    ("counts", "ratio"),
    [
        ([1000, 100, 400, 300, 0, 0], 100 / 400),
        ([300, 400, 150, 900, 0, 9999], 150 / 400),
        ([500, 400, 300, 200, 10, 0], np.inf),
        ([10, 200, 300, 500, 600, 0], np.inf),
        ([1000, 0, 300, 20, 200, 0], 0),
        ([1000, 2, 5, 1, 0, 0], np.inf),  # by chance
    ],
)
def test_a_valley_is_measured_by_the_lower_peak(counts: list[float], ratio: float) -> None:
    """Buckets as wide as each other; the +Inf bucket has no density."""
    found = _valley(counts)
    assert found.valley_ratio == pytest.approx(ratio)
    assert found.separated == (ratio < 0.5)


def test_density_is_per_factor_not_per_second() -> None:
    """Twice as many in a bucket that is three times as wide in logarithms: a valley."""
    bounds = [0.01, 0.02, 0.16, 0.32, np.inf]
    theta = np.array([-4.0, -1.0, -0.5, -1.0, 0.0])
    histogram = make_histogram(bounds, np.cumsum([3000, 1000, 2000, 1000, 0]))
    found = separate(histogram, theta, wins=True)
    assert found.valley_ratio == pytest.approx((2000 / 3) / 1000)
    assert not found.separated
    assert "not below" in found.reason


def test_why_components_have_no_names() -> None:
    """Each of the conditions has its sentence."""
    theta = np.array([-4.0, -1.0, -0.5, -1.0, 0.0])
    histogram = make_histogram([0.01, 0.05, 0.25, 1, np.inf], np.cumsum([900, 20, 50, 700, 0]))
    assert separate(histogram, theta, wins=True).separated
    lost = separate(histogram, theta, wins=False)
    assert not lost.separated
    assert "Another model" in lost.reason
    missing = separate(histogram, None, wins=False)
    assert (missing.separated, missing.fast) == (False, None)
    assert "could not be fitted" in missing.reason
    assert "one peak" in _valley([500, 400, 300, 200, 10, 0]).reason
    flat = make_histogram([0.01, 0.05, np.inf], np.cumsum([900, 20, 50]))
    assert separate(flat, theta, wins=True).valley_ratio == np.inf


def test_a_component_inside_one_bucket_has_no_median() -> None:
    """Only its weight and its bucket are known; of the other one all is."""
    theta = np.array([np.log(0.07), np.log(0.05), np.log(0.4), np.log(0.3), np.log(3.0)])
    share = 0.75 * ndtr((np.log(FINE[:-1]) - theta[0]) / 0.05)
    share += 0.25 * ndtr((np.log(FINE[:-1]) - theta[2]) / 0.3)
    found = fit_models(make_histogram(FINE, 1e5 * np.append(share, 1.0))).separation
    assert found.separated
    assert found.fast.weight_ratio == pytest.approx(0.75, abs=0.01)
    assert (found.fast.low, found.fast.high) == (0.05, 0.1)
    assert np.isnan([found.fast.median_seconds, found.fast.sigma]).all()
    assert (found.slow.low, found.slow.high) == (0.1, 1.0)
    assert found.slow.median_seconds == pytest.approx(0.4, rel=0.01)


def _week(weight: float, fast: float, slow: float, *, separated: bool = True) -> Separation:
    parts = Component(weight, 0, 1, fast, 0.3), Component(1 - weight, 0, 1, slow, 0.3)
    return Separation(separated, "", 0.1, *parts)


@pytest.mark.parametrize(
    ("weeks", "stable", "said"),
    [
        ([_week(0.7, 0.005, 0.2), _week(0.65, 0.0055, 0.22)], True, "stay over 2"),
        ([_week(0.7, np.nan, 0.2), _week(0.65, 0.0055, 0.22)], True, "stay"),
        ([_week(0.7, np.nan, np.nan)] * 3, True, "stay over 3"),
        ([_week(0.7, 0.005, 0.2)], False, "One stretch"),
        ([], False, "One stretch"),
        ([_week(0.7, 0.005, 0.2), _week(0.7, 0.005, 0.2, separated=False)], False, "1 of 2"),
        ([_week(0.9, 0.005, 0.2), _week(0.8, 0.005, 0.2)], False, "share .* factor of 2"),
        ([_week(0.7, 0.005, 0.2), _week(0.7, 0.005, 0.4)], False, "median .* factor of 2"),
        ([_week(0.7, 0.005, 0.2), _week(0.7, 0.01, 0.2)], False, "median .* factor of 2"),
    ],
)
def test_components_are_stable_if_weights_and_medians_stay(
    weeks: list[Separation], stable: bool, said: str
) -> None:
    """The lighter component decides: from 10 % to 20 % is twice as much."""
    found = stable_components(weeks)
    assert found.stable == stable
    assert re.search(said, found.reason), found.reason
    assert found.weights.shape == (len(weeks), 2)


@pytest.mark.parametrize("q", [1e-12, 0.4, 1 - 1e-12])
def test_every_mixture_has_its_quantiles(q: float) -> None:
    """Whatever the components are, far out as well, where shares next to 1 have few digits."""
    rng = np.random.default_rng(0)
    theta = rng.normal([-3, -1, -2, -1, 0], [2, 0.7, 2, 0.7, 4], (5_000, 5))
    found = MIXTURE.shares(MIXTURE.quantile(q, theta)[:, None], theta)
    side, share = (found.below, q) if q < 0.5 else (found.above, 1 - q)
    np.testing.assert_allclose(side[:, 0], share, rtol=1e-9)


def test_the_truth_is_never_a_better_fit() -> None:
    """Of two lognormals far apart or near, heavy or light: no local maximum is taken for it."""
    rng = np.random.default_rng(2)
    truths = np.column_stack(
        [
            rng.uniform(-5, -3, 150),
            rng.uniform(-1.5, -0.5, 150),
            rng.uniform(-2.5, -0.5, 150),
            rng.uniform(-2.0, -0.5, 150),
            rng.uniform(-2.5, 2.5, 150),
        ]
    )
    inside, _ = cell_shares(MIXTURE, FINE[:-1], truths)
    counts = rng.multinomial(20_000, inside)
    found = fit_many(FINE, counts, MIXTURE)
    sought = found.dof >= 1
    assert sought.sum() > 100
    true_nll = -(counts * np.log(inside)).sum(axis=1)
    assert (found.nll[sought] <= true_nll[sought] + 0.01).all()


def test_few_starts_find_what_many_do() -> None:
    """A naive search from eight random starts is not better by a likelihood that matters."""
    rng = np.random.default_rng(7)
    laws = [
        lambda n: 0.1 * np.exp(rng.logistic(0, 0.4, n)),
        lambda n: rng.gamma(2, 0.1, n),
        lambda n: _token_or_hash(rng, n, 0.3, 0.2),
        lambda n: np.where(rng.random(n) < 0.03, 0.2 / rng.random(n), rng.lognormal(-3.5, 0.5, n)),
    ]
    histograms = [_drawn(draw(10_000), GO) for draw in laws]
    found = fit_many(GO, np.array([one.counts for one in histograms]), MIXTURE)
    logs = np.log(GO[:-1])
    for histogram, nll in zip(histograms, found.nll, strict=True):

        def twin(p: np.ndarray, counts: np.ndarray = histogram.counts) -> float:
            weight = 1 / (1 + np.exp(-p[4]))
            at = weight * ndtr((logs - p[0]) / np.exp(p[1]))
            at += (1 - weight) * ndtr((logs - p[2]) / np.exp(p[3]))
            return -counts @ np.log(np.maximum(np.diff([0, *at, 1]), 1e-300))

        starts = rng.normal([-3, -0.5, -1.5, -0.5, 0], [1, 0.5, 1, 0.5, 1], (8, 5))
        best = min(minimize(twin, start, method="BFGS").fun for start in starts)
        assert nll <= best + 0.1
