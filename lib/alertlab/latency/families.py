"""Distributions of latency above 0, many laws at a time.

Parameters live on the whole line, as logarithms, so that a search cannot leave their range; by
``natural`` they become what people know them by.  Times are logarithms of seconds: a law slower by
a factor has the factor's logarithm added to each of them, and nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import (
    digamma,
    expit,
    gammainc,
    gammaincc,
    gammaincinv,
    gammaln,
    logit,
    ndtr,
    ndtri,
)
from scipy.special import gamma as gamma_function

FIRST_BUCKET_RATIO = 5.0
"""How far the first bucket is taken to reach down from its bound: at 0 no logarithm begins."""

_LAST_BUCKET_RATIO = 2.0  # how far +Inf is taken to reach up, for first guesses alone
_SHIFTS = (0.05, 0.8)  # first guesses of a shift, as shares of where the first bucket ends


class Shares(NamedTuple):
    """Shares of the observations at or below some times, above them, and a gradient.

    below, above : shape (n_laws, n_times); both, because a share next to 1 has no digits left
    gradient : of ``below`` by each parameter, shape (n_laws, n_times, n_parameters)
    """

    below: np.ndarray
    above: np.ndarray
    gradient: np.ndarray


class Cells(NamedTuple):
    """Bucket counts as fits see them.

    bounds : finite upper bounds above 0 [s], ascending, shape (n_cells - 1,)
    shares : of a histogram's observations, the +Inf bucket last, shape (n_histograms, n_cells)
    """

    bounds: np.ndarray
    shares: np.ndarray

    @property
    def log_edges(self) -> np.ndarray:
        """Logarithms of where cells begin and end, shape (n_cells + 1,); the ends are a guess."""
        inner = np.log(self.bounds)
        first, last = inner[0] - np.log(FIRST_BUCKET_RATIO), inner[-1] + np.log(_LAST_BUCKET_RATIO)
        return np.concatenate([[first], inner, [last]])

    @property
    def log_middles(self) -> np.ndarray:
        """Logarithms of the cells' middles, shape (n_cells,)."""
        return (self.log_edges[1:] + self.log_edges[:-1]) / 2

    def log_moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of the log latency, each (n_histograms,)."""
        return log_moments(self.log_middles, self.shares)


def log_moments(log_middles: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted mean and standard deviation of each row, the latter never 0.

    log_middles : shape (n_cells,) or as ``weights``, (n_histograms, n_cells)
    """
    total = weights.sum(axis=1)
    mean = (weights * log_middles).sum(axis=1) / total
    variance = (weights * (log_middles - mean[:, None]) ** 2).sum(axis=1) / total
    return mean, np.sqrt(np.maximum(variance, 1e-4))


class Family(ABC):
    """A family of distributions.

    name : as people say it
    parameters : their natural names; those that end in ``_seconds`` are times
    """

    name: str
    parameters: tuple[str, ...]

    @property
    def times(self) -> np.ndarray:
        """Which parameters are times; bool, shape (n_parameters,)."""
        return np.array([one.endswith("_seconds") for one in self.parameters])

    @abstractmethod
    def shares(self, seconds: np.ndarray, theta: np.ndarray) -> Shares:
        """Return the shares at or below times above 0.

        seconds : shape (n_times,), or (n_laws, n_times)
        theta : parameters of each law, shape (n_laws, n_parameters), as everywhere here
        """

    @abstractmethod
    def quantile(self, q: float, theta: np.ndarray) -> np.ndarray:
        """Return the quantile 0 < q < 1 of each law [s]."""

    @abstractmethod
    def mean(self, theta: np.ndarray) -> np.ndarray:
        """Return the mean of each law [s], infinite where there is none."""

    @abstractmethod
    def starts(self, cells: Cells) -> list[np.ndarray]:
        """Return first guesses for each histogram: one or several, each like ``theta``."""

    @abstractmethod
    def natural(self, theta: np.ndarray) -> np.ndarray:
        """Return the parameters as their names have them, same shape."""

    def ordered(self, theta: np.ndarray) -> np.ndarray:
        """Return the one description of each law where several are the same law."""
        return theta


@dataclass(frozen=True)
class Standard:
    """A distribution on the whole line: the log latency is a moved and stretched copy of it.

    below, above, density, quantile : as functions of a number or a share
    mean : of the latency, with the stretch as argument and a move of 0
    centre, deviation : its own mean and standard deviation
    """

    below: Callable[[np.ndarray], np.ndarray]
    above: Callable[[np.ndarray], np.ndarray]
    density: Callable[[np.ndarray], np.ndarray]
    quantile: Callable[[float], float]
    mean: Callable[[np.ndarray], np.ndarray]
    centre: float
    deviation: float


NORMAL = Standard(
    below=ndtr,
    above=lambda z: ndtr(-z),
    density=lambda z: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    quantile=ndtri,
    mean=lambda sigma: np.exp(sigma**2 / 2),
    centre=0.0,
    deviation=1.0,
)
_SMALLEST_EXTREME = Standard(
    below=lambda z: -np.expm1(-np.exp(z)),
    above=lambda z: np.exp(-np.exp(z)),
    density=lambda z: np.exp(z - np.exp(z)),
    quantile=lambda q: np.log(-np.log1p(-q)),
    mean=lambda sigma: gamma_function(1 + sigma),
    centre=float(digamma(1.0)),
    deviation=np.pi / np.sqrt(6),
)
_LOGISTIC = Standard(
    below=expit,
    above=lambda z: expit(-z),
    density=lambda z: expit(z) * expit(-z),
    quantile=logit,
    mean=lambda sigma: np.where(sigma < 1, 1 / np.sinc(np.minimum(sigma, 1)), np.inf),
    centre=0.0,
    deviation=np.pi / np.sqrt(3),
)


@dataclass(frozen=True)
class LogStretched(Family):
    """Lognormal, Weibull and log-logistic: theta is (log time, log stretch), z = (ln x - t) / s.

    Weibull and log-logistic are known by their shape, which is one by the stretch.
    """

    name: str
    parameters: tuple[str, ...]
    standard: Standard

    def shares(self, seconds: np.ndarray, theta: np.ndarray) -> Shares:
        """As ``Family.shares``."""
        with np.errstate(over="ignore"):
            stretch = np.exp(theta[:, 1, None])
            z = (np.log(seconds) - theta[:, 0, None]) / stretch
            density = self.standard.density(z)
            # Far out the density is 0, and z may be infinite.
            by_stretch = np.where(density > 0, -z * density, 0.0)
            gradient = np.stack([-density / stretch, by_stretch], axis=-1)
            return Shares(self.standard.below(z), self.standard.above(z), gradient)

    def quantile(self, q: float, theta: np.ndarray) -> np.ndarray:
        """As ``Family.quantile``."""
        return np.exp(theta[:, 0] + np.exp(theta[:, 1]) * self.standard.quantile(q))

    def mean(self, theta: np.ndarray) -> np.ndarray:
        """As ``Family.mean``."""
        with np.errstate(over="ignore"):
            return np.exp(theta[:, 0]) * self.standard.mean(np.exp(theta[:, 1]))

    def starts(self, cells: Cells) -> list[np.ndarray]:
        """As ``Family.starts``: by mean and deviation of the log latency."""
        return [self.start_at(*cells.log_moments())]

    def start_at(self, centre: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Return the laws with this mean and standard deviation of the log latency."""
        stretch = deviation / self.standard.deviation
        return np.column_stack([centre - self.standard.centre * stretch, np.log(stretch)])

    def natural(self, theta: np.ndarray) -> np.ndarray:
        """As ``Family.natural``."""
        sign = -1 if self.parameters[1] == "shape" else 1
        return np.exp(theta * [1, sign])


@dataclass(frozen=True)
class Shifted(Family):
    """A law above a least time: a fixed cost, then what varies; theta ends with its logarithm."""

    name: str
    above_least: LogStretched

    @property
    def parameters(self) -> tuple[str, ...]:
        """As ``Family.parameters``."""
        return (*self.above_least.parameters, "least_seconds")

    def shares(self, seconds: np.ndarray, theta: np.ndarray) -> Shares:
        """As ``Family.shares``; nothing takes less than the least time."""
        least = np.exp(theta[:, 2, None])
        rest = seconds - least
        possible = rest > 0
        rest = np.where(possible, rest, 1.0)
        found = self.above_least.shares(rest, theta[:, :2])
        # d/dc F(x - c) = -f(x - c), and the density is that of the log time by the time.
        by_least = found.gradient[..., 0] * least / rest
        gradient = np.concatenate([found.gradient, by_least[..., None]], axis=-1)
        return Shares(
            np.where(possible, found.below, 0.0),
            np.where(possible, found.above, 1.0),
            np.where(possible[..., None], gradient, 0.0),
        )

    def quantile(self, q: float, theta: np.ndarray) -> np.ndarray:
        """As ``Family.quantile``."""
        return np.exp(theta[:, 2]) + self.above_least.quantile(q, theta[:, :2])

    def mean(self, theta: np.ndarray) -> np.ndarray:
        """As ``Family.mean``."""
        return np.exp(theta[:, 2]) + self.above_least.mean(theta[:, :2])

    def starts(self, cells: Cells) -> list[np.ndarray]:
        """As ``Family.starts``: several shares of the time that the fastest calls take."""
        return [self._start(cells, share) for share in _SHIFTS]

    def _start(self, cells: Cells, share: float) -> np.ndarray:
        first = np.argmax(cells.shares > 0, axis=1)
        least = share * np.exp(cells.log_edges[first + 1])
        middles = np.exp(cells.log_middles) - least[:, None]
        # What lies at or below the least time has a middle just above it.
        rest = np.log(np.maximum(middles, (1 - share) * least[:, None] / share / 2))
        inner = self.above_least.start_at(*log_moments(rest, cells.shares))
        return np.column_stack([inner, np.log(least)])

    def natural(self, theta: np.ndarray) -> np.ndarray:
        """As ``Family.natural``."""
        return np.column_stack([self.above_least.natural(theta[:, :2]), np.exp(theta[:, 2])])


class Gamma(Family):
    """The gamma family: theta is (log scale, log shape)."""

    name = "gamma"
    parameters = ("scale_seconds", "shape")

    def shares(self, seconds: np.ndarray, theta: np.ndarray) -> Shares:
        """As ``Family.shares``; the slope in the shape has no closed form and is a difference."""
        shape = np.exp(theta[:, 1, None])
        x = seconds / np.exp(theta[:, 0, None])
        below, above = gammainc(shape, x), gammaincc(shape, x)
        by_scale = -np.exp(shape * np.log(x) - x - gammaln(shape))
        step = 1e-5 / np.sqrt(1 + shape)  # narrow laws are steep in their shape
        less, more = shape * np.exp(-step), shape * np.exp(step)
        by_shape = np.where(
            below < 0.5,
            gammainc(more, x) - gammainc(less, x),
            gammaincc(less, x) - gammaincc(more, x),
        ) / (2 * step)
        return Shares(below, above, np.stack([by_scale, by_shape], axis=-1))

    def quantile(self, q: float, theta: np.ndarray) -> np.ndarray:
        """As ``Family.quantile``."""
        return np.exp(theta[:, 0]) * gammaincinv(np.exp(theta[:, 1]), q)

    def mean(self, theta: np.ndarray) -> np.ndarray:
        """As ``Family.mean``."""
        return np.exp(theta[:, 0] + theta[:, 1])

    def starts(self, cells: Cells) -> list[np.ndarray]:
        """As ``Family.starts``: the log latency varies by about 1 / shape + 1 / 2 shape²."""
        centre, deviation = cells.log_moments()
        shape = (1 + np.sqrt(1 + 2 * deviation**2)) / (2 * deviation**2)
        return [np.column_stack([centre - digamma(shape), np.log(shape)])]

    def natural(self, theta: np.ndarray) -> np.ndarray:
        """As ``Family.natural``."""
        return np.exp(theta)


LOGNORMAL = LogStretched("lognormal", ("median_seconds", "sigma"), NORMAL)
WEIBULL = LogStretched("Weibull", ("scale_seconds", "shape"), _SMALLEST_EXTREME)
LOG_LOGISTIC = LogStretched("log-logistic", ("median_seconds", "shape"), _LOGISTIC)
GAMMA = Gamma()
SHIFTED_LOGNORMAL = Shifted("shifted lognormal", LOGNORMAL)
SHIFTED_WEIBULL = Shifted("shifted Weibull", WEIBULL)
