"""Families of distributions against scipy's, finite differences and each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alertlab.latency.families import (
    GAMMA,
    LOG_LOGISTIC,
    LOGNORMAL,
    SHIFTED_LOGNORMAL,
    SHIFTED_WEIBULL,
    WEIBULL,
    Family,
)
from alertlab.latency.mixture import MIXTURE

SECONDS = np.array([0.004, 0.031, 0.05, 0.1, 0.24, 0.7, 2.0, 9.0])


def _theirs(family: Family, natural: np.ndarray) -> list[tuple[float, object]]:
    """Return the same law as weighted distributions of scipy, from natural parameters."""
    a, b = natural[:2]
    least = natural[2] if len(natural) == 3 else 0.0
    if family is MIXTURE:
        fast, slow = stats.lognorm(b, scale=a), stats.lognorm(natural[3], scale=natural[2])
        return [(natural[4], fast), (1 - natural[4], slow)]
    if family in (LOGNORMAL, SHIFTED_LOGNORMAL):
        return [(1.0, stats.lognorm(b, scale=a, loc=least))]
    if family in (WEIBULL, SHIFTED_WEIBULL):
        return [(1.0, stats.weibull_min(b, scale=a, loc=least))]
    return [(1.0, stats.gamma(b, scale=a) if family is GAMMA else stats.fisk(b, scale=a))]


LAWS = [
    (LOGNORMAL, [-2.1, -0.4]),
    (LOGNORMAL, [-1.5, -2.3]),
    (WEIBULL, [-2.5, 0.36]),
    (WEIBULL, [-1.2, -0.9]),
    (GAMMA, [-3.0, 0.7]),
    (GAMMA, [-1.0, -0.8]),
    (GAMMA, [-6.0, 4.0]),
    (LOG_LOGISTIC, [-2.2, -0.8]),
    (SHIFTED_LOGNORMAL, [-2.4, -0.5, -3.5]),
    (SHIFTED_WEIBULL, [-2.0, 0.0, -3.0]),
    (MIXTURE, [-4.9, -0.7, -1.7, -1.6, 1.7]),
    (MIXTURE, [-3.0, -1.0, -2.5, 0.3, -1.0]),
]
every_law = pytest.mark.parametrize(
    ("family", "theta"),
    [(family, np.array(theta)) for family, theta in LAWS],
    ids=[f"{family.name} {i}" for i, (family, _) in enumerate(LAWS)],
)


@every_law
def test_a_law_is_the_one_that_scipy_knows(family: Family, theta: np.ndarray) -> None:
    """Shares on either side, to the last digits of small ones, and the mean."""
    parts = _theirs(family, family.natural(theta[None])[0])
    found = family.shares(SECONDS, theta[None])
    below = sum(weight * law.cdf(SECONDS) for weight, law in parts)
    above = sum(weight * law.sf(SECONDS) for weight, law in parts)
    np.testing.assert_allclose(found.below[0], below, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(found.above[0], above, rtol=1e-9, atol=1e-300)
    mean = sum(weight * law.mean() for weight, law in parts)
    assert family.mean(theta[None])[0] == pytest.approx(mean, rel=1e-9)


@every_law
def test_the_gradient_is_that_of_scipys_shares(family: Family, theta: np.ndarray) -> None:
    """Differences of scipy's distribution functions, each parameter by itself."""
    found = family.shares(SECONDS, theta[None])
    for i in range(len(theta)):
        less, more = (
            _theirs(family, family.natural((theta + step * (np.arange(len(theta)) == i))[None])[0])
            for step in (-1e-5, 1e-5)
        )
        change = np.zeros(len(SECONDS))
        for (weight, law), (new_weight, new_law) in zip(less, more, strict=True):
            # Either the weight is moved or the law; each side of the middle has its own digits.
            own = np.where(
                law.cdf(SECONDS) < 0.5,
                new_law.cdf(SECONDS) - law.cdf(SECONDS),
                law.sf(SECONDS) - new_law.sf(SECONDS),
            )
            share = np.where(found.below[0] < 0.5, law.cdf(SECONDS), -law.sf(SECONDS))
            change += weight * own + (new_weight - weight) * share
        expected = change / 2e-5
        np.testing.assert_allclose(found.gradient[0, :, i], expected, rtol=1e-4, atol=1e-100)


@every_law
@pytest.mark.parametrize("q", [1e-12, 0.05, 0.5, 0.99, 1 - 1e-12])
def test_quantiles_invert_the_shares(family: Family, theta: np.ndarray, q: float) -> None:
    """Far out on either side, too."""
    seconds = family.quantile(q, theta[None])
    found = family.shares(seconds[:, None], theta[None])
    assert found.below[0, 0] == pytest.approx(q, rel=1e-6)
    assert found.above[0, 0] == pytest.approx(1 - q, rel=1e-6)


@every_law
def test_times_stretch_a_law_and_nothing_else_does(family: Family, theta: np.ndarray) -> None:
    """Three times as slow: the logarithm of 3 on every parameter in seconds."""
    slow = theta + np.log(3) * family.times
    for q in (0.1, 0.5, 0.999):
        three = 3 * family.quantile(q, theta[None])
        np.testing.assert_allclose(family.quantile(q, slow[None]), three, rtol=1e-8)
    assert family.mean(slow[None])[0] == pytest.approx(3 * family.mean(theta[None])[0])
    assert 0 < family.times.sum() < len(theta)


@every_law
def test_many_laws_at_once_are_each_by_itself(family: Family, theta: np.ndarray) -> None:
    """One row per law, also where each law is asked at a time of its own."""
    laws = theta + np.array([[0.0], [0.1], [-0.2]])
    together = family.shares(SECONDS, laws)
    for i, law in enumerate(laws):
        alone = family.shares(SECONDS, law[None])
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_array_equal(one[i], other[0])
    own = family.shares(SECONDS[:3, None], laws)
    np.testing.assert_array_equal(own.below[:, 0], np.diag(together.below[:, :3]))


def test_a_log_logistic_tail_may_have_no_mean() -> None:
    """With a shape of 1 or less the mean is infinite, above it pi / shape / sin(pi / shape)."""
    shapes = np.array([0.8, 1.0, 2.0])
    theta = np.column_stack([np.zeros(3), -np.log(shapes)])
    np.testing.assert_allclose(LOG_LOGISTIC.mean(theta), [np.inf, np.inf, np.pi / 2])


def test_nothing_takes_less_than_the_least_time() -> None:
    """At and below it the share is 0, flat in every parameter."""
    theta = np.array([[-2.0, 0.0, np.log(0.06)]])
    found = SHIFTED_WEIBULL.shares(np.array([0.02, 0.06, 0.0601]), theta)
    assert found.below[0, :2].tolist() == [0.0, 0.0]
    assert found.above[0, :2].tolist() == [1.0, 1.0]
    assert not found.gradient[0, :2].any()
    assert found.below[0, 2] > 0
    assert SHIFTED_WEIBULL.quantile(1e-9, theta)[0] == pytest.approx(0.06)


def test_a_shifted_weibull_of_shape_1_is_a_shifted_exponential() -> None:
    """A fixed cost and a memoryless wait: the reason for the family."""
    theta = np.array([[np.log(0.2), 0.0, np.log(0.05)]])
    exponential = stats.expon(0.05, 0.2)
    np.testing.assert_allclose(
        SHIFTED_WEIBULL.shares(SECONDS, theta).below[0], exponential.cdf(SECONDS)
    )


def test_a_mixture_has_one_description() -> None:
    """The component with the lower median comes first; the law stays."""
    theta = np.array([[-1.0, -0.5, -3.0, 0.2, 0.7], [-3.0, 0.2, -1.0, -0.5, -0.7]])
    ordered = MIXTURE.ordered(theta)
    np.testing.assert_array_equal(ordered, theta[[1, 1]])
    np.testing.assert_allclose(
        MIXTURE.shares(SECONDS, theta[:1]).below, MIXTURE.shares(SECONDS, ordered[:1]).below
    )


@given(st.floats(-8, 2), st.floats(-2, 1))
def test_medians_and_scales_are_what_their_names_say(log_time: float, log_b: float) -> None:
    """Half of a lognormal and of a log-logistic lie below it; 1 - 1/e of a Weibull."""
    theta = np.array([[log_time, log_b]])
    for family, share in ((LOGNORMAL, 0.5), (LOG_LOGISTIC, 0.5), (WEIBULL, 1 - np.exp(-1))):
        assert family.quantile(share, theta)[0] == pytest.approx(np.exp(log_time))
