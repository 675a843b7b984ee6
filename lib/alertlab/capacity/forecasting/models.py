"""The candidates: weekday and straight line by least squares, about which days err in some way.

Each is a regression whose errors hang together from day to day as its covariance says.  How
strongly they do is not estimated but averaged over by its restricted likelihood, and level, slope
and spread are drawn with their doubt.  So the interval of a far day holds the doubt of the trend.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import statsmodels.api as sm
from scipy.special import softmax

from alertlab.capacity.forecasting.series import DAYS_OF_WEEK

Strength = tuple[float, ...]
Covariance = Callable[[np.ndarray, np.ndarray, Strength], np.ndarray]

_TINY = np.finfo(float).tiny  # the variance of a series without any noise


@dataclass(frozen=True)
class Model:
    """A way in which days' levels err about rhythm and trend.

    covariance : of days (n,) and days (m,), counted from the first day of the history, and a
        strength; shape (n, m), in units of the error's variance
    strengths : those that are averaged over, all as likely at first
    """

    name: str
    covariance: Covariance
    strengths: tuple[Strength, ...]


def _steady(one: np.ndarray, other: np.ndarray, strength: Strength) -> np.ndarray:
    (correlation,) = strength
    return correlation ** np.abs(one[:, None] - other)


def _drifting(one: np.ndarray, other: np.ndarray, moves: Strength) -> np.ndarray:
    daily, weekly = moves
    level = np.minimum(one[:, None], other.astype(float))
    return daily * level + weekly * _weekly(one, other, ()) + (one[:, None] == other)


def _weekly(one: np.ndarray, other: np.ndarray, _: Strength) -> np.ndarray:
    weeks = np.minimum(one[:, None] // DAYS_OF_WEEK, other // DAYS_OF_WEEK) + 1.0
    return np.where((one[:, None] - other) % DAYS_OF_WEEK == 0, weeks, 0.0)


STEADY = Model("steady trend", _steady, tuple((one,) for one in (*np.arange(10) / 10, 0.95, 0.98)))
"""Errors return to the line.  Strength: the correlation of neighbouring days (autoregression)."""

DRIFTING = Model(
    "drifting level",
    _drifting,
    tuple(product((1e-3, 0.01, 0.1, 0.5, 2.0, 10.0), (1e-3, 0.03, 0.3, 2.0))),
)
"""The level moves for good from day to day, and each weekday from week to week: random walks.

Strength: the variances of both steps, in those of a day's own noise.
"""

WEEKLY = Model("seasonal naive with drift", _weekly, ((),))
"""Each weekday goes on from its last value: seven random walks in weekly steps with one drift."""

MODELS = (WEEKLY, STEADY, DRIFTING)


@dataclass(frozen=True)
class _Fit:
    """A model at one strength; ``days`` are those whose level is known, shape (n_known,)."""

    model: Model
    strength: Strength
    days: np.ndarray
    levels: np.ndarray
    inputs: np.ndarray
    least_squares: sm.regression.linear_model.RegressionResults
    log_likelihood: float

    def ahead(self, first_day: int, n_ahead: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return inputs (n, k), how past errors carry over (n, n_known), covariance (n, n)."""
        to_come = first_day + np.arange(n_ahead)

        def covariance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
            return self.model.covariance(one, other, self.strength)

        carried = np.linalg.solve(
            covariance(self.days, self.days), covariance(self.days, to_come)
        ).T
        rest = covariance(to_come, to_come) - carried @ covariance(self.days, to_come)
        return _inputs(to_come), carried, rest


@dataclass(frozen=True)
class Trend:
    """A fitted model of days' levels."""

    n_days: int
    fits: tuple[_Fit, ...]
    weights: np.ndarray

    def mid(self, n_ahead: int) -> np.ndarray:
        """Return the expected levels of the days ahead; shape (n_ahead,)."""
        mids = []
        for fit in self.fits:
            inputs, carried, _ = fit.ahead(self.n_days, n_ahead)
            line = fit.least_squares.params
            mids.append(inputs @ line + carried @ (fit.levels - fit.inputs @ line))
        return self.weights @ np.stack(mids)

    def draw(self, n_ahead: int, n_paths: int, rng: np.random.Generator) -> np.ndarray:
        """Return levels of the days ahead as they may come; shape (n_paths, n_ahead)."""
        counts = rng.multinomial(n_paths, self.weights)
        drawn = [
            self._draw(fit, n_ahead, count, rng)
            for fit, count in zip(self.fits, counts, strict=True)
            if count
        ]
        return rng.permutation(np.concatenate(drawn))

    def _draw(self, fit: _Fit, n_ahead: int, n_paths: int, rng: np.random.Generator) -> np.ndarray:
        inputs, carried, rest = fit.ahead(self.n_days, n_ahead)
        found = fit.least_squares
        spread = np.sqrt(found.scale * found.df_resid / rng.chisquare(found.df_resid, n_paths))
        doubt = _drawn(found.normalized_cov_params, n_paths, rng) * spread[:, None]
        lines = found.params + doubt
        errors = fit.levels - lines @ fit.inputs.T
        return lines @ inputs.T + errors @ carried.T + _drawn(rest, n_paths, rng) * spread[:, None]


def fit_trend(model: Model, levels: np.ndarray) -> Trend:
    """Fit a model to days' levels; NaN where unknown, shape (n_days,).

    Each weekday must be known, and more days than there are numbers to find.
    """
    fits = tuple(fit_at(model, strength, levels) for strength in model.strengths)
    weights = softmax([fit.log_likelihood for fit in fits])
    return Trend(len(levels), fits, weights)


def fit_at(
    model: Model, strength: Strength, levels: np.ndarray, more_inputs: np.ndarray | None = None
) -> _Fit:
    """Fit a model at one strength, with more inputs (n_days, n_more) than weekday and trend."""
    days = np.flatnonzero(~np.isnan(levels))
    inputs = _inputs(days)
    if more_inputs is not None:
        inputs = np.column_stack([inputs, more_inputs[days]])
    covariance = model.covariance(days, days, strength)
    found = sm.GLS(levels[days], inputs, sigma=covariance).fit()
    # Restricted likelihood (Harville 1977), with the variance put in at its best.
    log_likelihood = -0.5 * (
        found.df_resid * np.log(max(found.scale, _TINY))
        + np.linalg.slogdet(covariance)[1]
        - np.linalg.slogdet(found.normalized_cov_params)[1]
    )
    return _Fit(model, strength, days, levels[days], inputs, found, float(log_likelihood))


def _inputs(days: np.ndarray) -> np.ndarray:
    """Return one column per weekday and the weeks since the start; shape (n, 8)."""
    weekday = (days[:, None] % DAYS_OF_WEEK == np.arange(DAYS_OF_WEEK)).astype(float)
    return np.column_stack([weekday, days / DAYS_OF_WEEK])


def _drawn(covariance: np.ndarray, n_paths: int, rng: np.random.Generator) -> np.ndarray:
    """Return normal draws about 0; shape (n_paths, n)."""
    root = np.linalg.cholesky(covariance)
    return rng.standard_normal((n_paths, len(root))) @ root.T
