"""Fits to bucket counts: against fits to the raw samples, naive twins, and known truths."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize

from alertlab.errors import BadInput
from alertlab.latency import fitting
from alertlab.latency.families import (
    GAMMA,
    LOG_LOGISTIC,
    LOGNORMAL,
    SHIFTED_LOGNORMAL,
    SHIFTED_WEIBULL,
    WEIBULL,
    Family,
)
from alertlab.latency.fitting import Fits, fit_many
from alertlab.latency.mixture import MIXTURE

GO = np.array([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, np.inf])


def _mixed(p: np.ndarray, x: float) -> float:
    weight = 1 / (1 + math.exp(-p[4]))
    fast, slow = (stats.norm.cdf((math.log(x) - p[i]) / math.exp(p[i + 1])) for i in (0, 2))
    return weight * fast + (1 - weight) * slow


# The share at or below one time by scipy, with the parameters as the families have them.
NAIVE: dict[str, Callable[[np.ndarray, float], float]] = {
    "lognormal": lambda p, x: stats.lognorm.cdf(x, math.exp(p[1]), scale=math.exp(p[0])),
    "Weibull": lambda p, x: stats.weibull_min.cdf(x, math.exp(-p[1]), scale=math.exp(p[0])),
    "gamma": lambda p, x: stats.gamma.cdf(x, math.exp(p[1]), scale=math.exp(p[0])),
    "log-logistic": lambda p, x: stats.fisk.cdf(x, math.exp(-p[1]), scale=math.exp(p[0])),
    "shifted lognormal": lambda p, x: stats.lognorm.cdf(
        x, math.exp(p[1]), scale=math.exp(p[0]), loc=math.exp(p[2])
    ),
    "shifted Weibull": lambda p, x: stats.weibull_min.cdf(
        x, math.exp(-p[1]), scale=math.exp(p[0]), loc=math.exp(p[2])
    ),
    "two lognormals": _mixed,
}

TRUTHS = [
    (LOGNORMAL, [-2.1, -0.2]),
    (WEIBULL, [-2.5, 0.36]),
    (GAMMA, [-3.0, 0.7]),
    (LOG_LOGISTIC, [-2.2, -0.8]),
    (SHIFTED_LOGNORMAL, [-2.4, 0.0, -3.5]),
    (SHIFTED_WEIBULL, [-2.0, 0.1, -3.8]),
    (MIXTURE, [-4.9, -0.7, -1.7, -0.7, 1.1]),
]
every_family = pytest.mark.parametrize(
    ("family", "theta"),
    [(family, np.array(theta)) for family, theta in TRUTHS],
    ids=[family.name for family, _ in TRUTHS],
)


def _naive_nll(family: Family, p: np.ndarray, counts: np.ndarray) -> float:
    """Return the negative log likelihood of one histogram, bucket by bucket."""
    total, before = 0.0, 0.0
    for bound, count in zip(GO, counts, strict=True):
        at = 1.0 if math.isinf(bound) else float(NAIVE[family.name](p, bound))
        if count:
            total -= count * math.log(max(at - before, 1e-300))
        before = at
    return total


def _expected(family: Family, theta: np.ndarray, count: float) -> np.ndarray:
    """Return the counts that a law leads one to expect, of one histogram."""
    at = [float(NAIVE[family.name](theta, bound)) for bound in GO[:-1]]
    return count * np.diff([0.0, *at, 1.0])


def _drawn(family: Family, theta: np.ndarray, count: int, seed: int, n: int = 1) -> np.ndarray:
    """Return histograms drawn from a law, shape (n, n_buckets)."""
    shares = _expected(family, theta, 1.0)
    return np.random.default_rng(seed).multinomial(count, shares, n).astype(float)


@every_family
def test_expected_counts_give_their_parameters_back(family: Family, theta: np.ndarray) -> None:
    """Without chance in the counts the maximum is the truth, and the misfit nothing."""
    found = fit_many(GO, _expected(family, theta, 1e6)[None], family)
    assert found.converged.all()
    np.testing.assert_allclose(found.theta[0], theta, atol=2e-4)
    assert found.g2[0] == pytest.approx(0, abs=1e-3)


@every_family
def test_a_naive_twin_finds_no_better_fit(family: Family, theta: np.ndarray) -> None:
    """scipy's simplex on the likelihood written bucket by bucket, from the truth."""
    counts = _drawn(family, theta, 3_000, seed=4)
    found = fit_many(GO, counts, family)
    assert found.converged.all()
    here = _naive_nll(family, found.theta[0], counts[0])
    assert found.nll[0] == pytest.approx(here, rel=1e-12)
    options = {"xatol": 1e-7, "fatol": 1e-9, "maxfev": 1_500}
    twin = minimize(
        lambda p: _naive_nll(family, p, counts[0]), theta, method="Nelder-Mead", options=options
    )
    assert found.nll[0] <= twin.fun * (1 + 1e-6)
    if twin.success:
        assert twin.fun == pytest.approx(found.nll[0], rel=1e-6)


@pytest.mark.parametrize(
    ("family", "law", "fit"),
    [
        (LOGNORMAL, stats.lognorm(0.8, scale=0.06), stats.lognorm.fit),
        (WEIBULL, stats.weibull_min(0.7, scale=0.08), stats.weibull_min.fit),
        (GAMMA, stats.gamma(2.2, scale=0.05), stats.gamma.fit),
        (LOG_LOGISTIC, stats.fisk(3.0, scale=0.1), stats.fisk.fit),
    ],
    ids=["lognormal", "Weibull", "gamma", "log-logistic"],
)
def test_buckets_say_what_the_samples_say(family: Family, law: object, fit: Callable) -> None:
    """scipy's fit of the raw samples lies within three standard errors of the binned one."""
    samples = law.rvs(size=20_000, random_state=11)
    counts = np.bincount(np.searchsorted(GO, samples, "left"), minlength=len(GO))
    found = fit_many(GO, counts[None].astype(float), family)
    shape, _, scale = fit(samples, floc=0)
    apart = np.log(family.natural(found.theta)[0] / [scale, shape])
    errors = np.sqrt(np.diag(found.covariance[0]))
    np.testing.assert_array_less(np.abs(apart), 3 * errors)
    assert (errors < 0.03).all()


def test_histograms_of_a_batch_do_not_meet() -> None:
    """Each is fitted as if alone, whatever the others are, also where it cannot be fitted."""
    rows = [_drawn(family, theta, 2_000, seed=i)[0] for i, (family, theta) in enumerate(TRUTHS[:4])]
    rows += [np.zeros(len(GO)), np.eye(len(GO))[3] * 50]
    for family, _ in TRUTHS:
        together = fit_many(GO, np.array(rows), family)
        assert together.converged.tolist()[-2:] == [False, False]
        for i, row in enumerate(rows):
            alone = fit_many(GO, row[None], family)
            assert alone.converged[0] == together.converged[i]
            np.testing.assert_allclose(alone.nll[0], together.nll[i], rtol=1e-9)
            if alone.converged[0]:
                both = alone.quantile(0.9)[0], together.quantile(0.9)[i]
                assert both[0] == pytest.approx(both[1], rel=1e-4)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-3, 1e3), st.floats(1, 1e4), st.sampled_from(TRUTHS))
def test_units_and_amounts_do_not_matter(
    seed: int, unit: float, times: float, truth: tuple[Family, list[float]]
) -> None:
    """Other units of time multiply the quantiles, as many more calls leave them."""
    family, theta = truth[0], np.array(truth[1])
    counts = _drawn(family, theta, 5_000, seed)
    plain = fit_many(GO, counts, family)
    moved = fit_many(unit * GO, times * counts, family)
    assert moved.converged[0] == plain.converged[0]
    if plain.converged[0]:
        assert moved.nll[0] / times == pytest.approx(plain.nll[0], rel=1e-7)
        if family is not MIXTURE:  # whose far tail may hang on a few calls
            assert moved.quantile(0.9)[0] == pytest.approx(unit * plain.quantile(0.9)[0], rel=1e-4)


def test_numbers_of_a_fit_by_hand() -> None:
    """AIC, degrees of freedom and G² from their definitions."""
    counts = np.array([[0, 3, 40, 200.5, 400, 300, 60.25, 10, 0, 1, 0, 0]])
    found = fit_many(GO, counts, LOG_LOGISTIC)
    p = found.theta[0]
    nll = _naive_nll(LOG_LOGISTIC, p, counts[0])
    assert found.aic[0] == pytest.approx(2 * nll + 2 * 2)
    assert (found.occupied[0], found.dof[0]) == (8, 5)
    expected = _expected(LOG_LOGISTIC, p, counts.sum())
    held = counts[0] > 0
    g2 = 2 * (counts[0][held] * np.log(counts[0][held] / expected[held])).sum()
    assert found.g2[0] == pytest.approx(g2)


@every_family
def test_a_family_needs_more_buckets_than_parameters(family: Family, theta: np.ndarray) -> None:
    """As many parameters as occupied buckets less one: it would fit whatever the truth."""
    k = len(theta)
    for occupied in (k + 1, k + 2):
        counts = np.zeros((1, len(GO)))
        counts[0, 2 : 2 + occupied] = 40 * np.hanning(occupied + 2)[1:-1] + 5
        found = fit_many(GO, counts, family)
        assert bool(np.isfinite(found.nll[0])) == (occupied == k + 2)
        assert found.occupied[0] == occupied
        if occupied == k + 1:
            assert np.isnan(found.quantile(0.5)[0])
            assert np.isnan(found.quantile_interval(0.5)[0][0])


def test_crumbs_of_extrapolation_are_no_observations() -> None:
    """A bucket with a tenth of a call is not occupied; with most of one it is."""
    counts = np.array([[0, 0, 5, 30, 12, 0.1, 0, 0, 0, 0, 0, 0], [0, 0, 5, 30, 12, 0.9] + [0] * 6])
    found = fit_many(GO, counts, LOGNORMAL)
    assert found.occupied.tolist() == [3, 4]
    assert found.converged.tolist() == [False, True]


def test_what_lies_at_or_below_0_belongs_to_the_first_bucket_above() -> None:
    """No logarithm is taken of a bound that has none."""
    counts = _drawn(LOGNORMAL, np.array([-2.1, -0.2]), 1_000, seed=2)
    counts[0, 0] = 7
    plain = fit_many(GO, counts, LOGNORMAL)
    split = np.hstack([[[1, 2]], counts])
    split[0, 2] -= 3
    found = fit_many(np.array([-1, 0, *GO]), split, LOGNORMAL)
    np.testing.assert_array_equal(found.theta, plain.theta)
    assert found.nll[0] == plain.nll[0]


def test_a_search_that_is_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No number of an unfinished fit is handed out."""
    counts = _drawn(LOGNORMAL, np.array([-2.1, -0.2]), 1_000, seed=2)
    assert fit_many(GO, counts, LOGNORMAL).converged[0]
    monkeypatch.setattr(fitting, "_MOST_STEPS", 1)
    found = fit_many(GO, counts, LOGNORMAL)
    assert not found.converged[0]
    assert np.isnan([found.quantile(0.5)[0], found.mean_seconds[0]]).all()


def test_a_damped_search_is_not_at_its_end() -> None:
    """Damping shortens the step; what there is to gain, by which a search ends, stays."""
    gradient, curvature = np.array([[0.3, -0.1]]), np.array([[[2.0, 0.5], [0.5, 1.0]]])
    free, gain = fitting._newton_step(gradient, curvature, np.zeros(1))
    np.testing.assert_allclose(free[0], -np.linalg.solve(curvature[0], gradient[0]))
    assert gain[0] == pytest.approx(-gradient[0] @ free[0])
    damped, same = fitting._newton_step(gradient, curvature, np.full(1, 1e4))
    assert np.abs(damped).max() < 1e-4
    assert same[0] == gain[0]
    far, _ = fitting._newton_step(100 * gradient, curvature, np.zeros(1))
    assert np.abs(far).max() == 1


@every_family
def test_the_covariance_is_the_inverse_of_the_twins_curvature(
    family: Family, theta: np.ndarray
) -> None:
    """At expected counts the expected information is the curvature of the likelihood."""
    counts = _expected(family, theta, 1e5)
    found = fit_many(GO, counts[None], family)
    step = 2e-3 * np.eye(len(theta))

    def nll(p: np.ndarray) -> float:
        return _naive_nll(family, p, counts)

    curvature = [
        [
            (nll(theta + a + b) - nll(theta + a - b) - nll(theta - a + b) + nll(theta - a - b))
            / 1.6e-5
            for a in step
        ]
        for b in step
    ]
    expected = np.linalg.inv(np.array(curvature))
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(found.covariance[0] / scale, expected / scale, atol=0.02)


@every_family
def test_the_delta_interval_is_that_of_moved_parameters(family: Family, theta: np.ndarray) -> None:
    """The slope of a quantile in each parameter, by moving it; the interval by hand."""
    found = fit_many(GO, _expected(family, theta, 1e4)[None], family)
    for q in (0.5, 0.99, 0.9999):
        slope = []
        for move in 1e-5 * np.eye(len(theta)):
            ends = [family.quantile(q, found.theta + sign * move)[0] for sign in (-1, 1)]
            slope.append((math.log(ends[1]) - math.log(ends[0])) / 2e-5)
        error = math.sqrt(np.array(slope) @ found.covariance[0] @ slope)
        for confidence, z in ((0.95, 1.959964), (0.8, 1.281552)):
            low, high = found.quantile_interval(q, confidence)
            at = found.quantile(q)[0]
            assert math.log(high[0] / at) == pytest.approx(z * error, rel=1e-3)
            assert math.log(at / low[0]) == pytest.approx(z * error, rel=1e-3)


@pytest.mark.parametrize(
    ("family", "theta"), [(LOGNORMAL, [-2.1, 0.0]), (WEIBULL, [-2.5, 0.36]), (GAMMA, [-3.0, 0.7])]
)
def test_the_delta_interval_covers_the_truth(family: Family, theta: list[float]) -> None:
    """About 95 of 100 times, for independent observations of the family."""
    law = np.array(theta)
    found = fit_many(GO, _drawn(family, law, 10_000, seed=8, n=2_000), family)
    truth = family.quantile(0.99, law[None])[0]
    low, high = found.quantile_interval(0.99)
    assert 0.935 < ((low <= truth) & (truth <= high)).mean() < 0.965
    low, high = found.quantile_interval(0.99, 0.8)
    assert 0.77 < ((low <= truth) & (truth <= high)).mean() < 0.83


def test_what_the_counts_say_nothing_of_has_no_narrow_interval() -> None:
    """A fast component inside the first bucket: its median is free, the slow one's p99 is not."""
    law = np.array([-6.5, -1.5, -1.7, -0.3, 1.1])
    found = fit_many(GO, _expected(MIXTURE, law, 1e5)[None], MIXTURE)
    (low,), (high,) = found.quantile_interval(0.3)
    assert high / low > 5
    (low,), (high,) = found.quantile_interval(0.99)
    truth = MIXTURE.quantile(0.99, law[None])[0]
    assert low < truth < high < 1.1 * low


@pytest.mark.parametrize(
    ("bounds", "counts", "said"),
    [
        (GO[:-1], np.ones((1, 11)), "+Inf"),
        (GO[::-1], np.ones((1, 12)), "ascending"),
        (GO, np.ones((1, 11)), "as many buckets"),
        (GO, np.ones(12), "as many buckets"),
        (GO, -np.ones((1, 12)), "at least 0"),
        (GO, np.full((1, 12), np.nan), "at least 0"),
        (np.array([-1.0, 0.0, np.inf]), np.ones((1, 3)), "above 0"),
    ],
)
def test_bad_input_is_named(bounds: np.ndarray, counts: np.ndarray, said: str) -> None:
    """What is wrong with the bounds or the counts, in a sentence."""
    with pytest.raises(BadInput, match=said.replace("+", r"\+")):
        fit_many(bounds, counts, LOGNORMAL)


def test_no_histogram_is_no_fit() -> None:
    """A source without any group gives empty arrays, not an error."""
    found: Fits = fit_many(GO, np.zeros((0, 12)), MIXTURE)
    assert found.theta.shape == (0, 5)
    assert found.quantile(0.5).shape == (0,)
