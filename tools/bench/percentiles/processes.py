"""Latency distributions whose quantiles are known, and the bucket layouts that people have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import brentq

_SHORTEST, _LONGEST = 1e-9, 1e9  # between which a quantile is looked for [s]

GO = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PYTHON = tuple(sorted((*GO, 0.075, 0.75, 7.5)))
# gRPC's OpenTelemetry views (gRPC proposal A66), without the bound 0
A66 = (
    *(1e-5, 5e-5, 1e-4, 3e-4, 6e-4, 8e-4, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01),
    *(0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3),
    *(0.4, 0.5, 0.65, 0.8, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0),
)
NARROW = tuple(2.0 ** (np.arange(-48, 17) / 8))
"""As native histograms of schema 3 have: 9 % from bound to bound."""


@dataclass(frozen=True)
class Process:
    """A mixture of distributions of scipy: (weight, frozen distribution) of each part."""

    name: str
    parts: tuple[tuple[float, object], ...]

    def draw(self, random: np.random.Generator, n: int) -> np.ndarray:
        """Draw ``n`` independent latencies [s], in no order."""
        sizes = random.multinomial(n, [weight for weight, _ in self.parts])
        drawn = [
            part.rvs(size=size, random_state=random)
            for size, (_, part) in zip(sizes, self.parts, strict=True)
        ]
        return np.concatenate(drawn)

    def share_below(self, seconds: np.ndarray | float) -> np.ndarray:
        """Return the share of all latencies at or below."""
        return sum(weight * part.cdf(seconds) for weight, part in self.parts)

    def quantile(self, q: float) -> float:
        """Return the process' quantile [s]."""
        low, high = math.log(_SHORTEST), math.log(_LONGEST)
        return math.exp(brentq(lambda at: self.share_below(math.exp(at)) - q, low, high))


def lognormal(median_seconds: float, sigma: float) -> object:
    """Return a lognormal by its median and the standard deviation of the logarithm."""
    return stats.lognorm(sigma, scale=median_seconds)


PROCESSES = (
    Process("lognormal", ((1.0, lognormal(0.120, 1.0)),)),
    Process("hash spike", ((1.0, lognormal(0.220, 0.1)),)),
    Process("mixture", ((0.85, lognormal(0.004, 0.5)), (0.15, lognormal(0.180, 0.2)))),
    Process("Weibull", ((1.0, stats.weibull_min(0.7, scale=0.080)),)),
    Process("heavy tail", ((0.97, lognormal(0.030, 0.6)), (0.03, stats.pareto(1.5, scale=0.200)))),
)
"""A lognormal of 120 ms; password hashes of 220 ms; tokens of 4 ms with hashes of 180 ms; Weibull
with shape 0.7; and 30 ms with 3 % of Pareto calls."""


def random_processes(random: np.random.Generator, each: int) -> Iterator[Process]:
    """Give ``each`` of six shapes, none of them lognormal, with random parameters."""
    for _ in range(each):
        scale = math.exp(random.uniform(math.log(0.02), math.log(0.3)))
        yield Process("Weibull", ((1.0, stats.weibull_min(random.uniform(0.6, 2.0), scale=scale)),))
        shape = random.uniform(0.6, 4.0)
        yield Process("gamma", ((1.0, stats.gamma(shape, scale=scale / shape)),))
        yield Process("log-logistic", ((1.0, stats.fisk(random.uniform(2, 5), scale=scale)),))
        weight, ratio = random.uniform(0.1, 0.5), random.uniform(3, 15)
        slow = lognormal(scale * ratio / 3, random.uniform(0.2, 0.6))
        fast = lognormal(scale / 3, random.uniform(0.3, 0.7))
        yield Process("two lognormals", ((1 - weight, fast), (weight, slow)))
        few = random.uniform(0.01, 0.05)
        tail = stats.pareto(random.uniform(1.5, 2.5), scale=3 * scale)
        body = lognormal(scale, random.uniform(0.3, 0.8))
        yield Process("lognormal and Pareto", ((1 - few, body), (few, tail)))
        shifted = stats.expon(random.uniform(0.1, 0.8) * scale, scale)
        yield Process("shifted exponential", ((1.0, shifted),))
