"""Fit families of distributions to bucket counts by maximum likelihood, all histograms at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, xlogy

from alertlab.errors import BadInput
from alertlab.latency.families import Cells, Family

_LEAST_SHARE = 1e-300  # of a bucket, so that its logarithm is a number
_OCCUPIED = 0.5  # extrapolated counts of less are no observation
_DIFFERENCE = 1e-4  # of parameters, between which slopes are compared
_FLATTEST = 1e-11  # curvature per observation; what is less is noise of the difference
_LONGEST_STEP = 1.0  # a factor of e
_SETTLED = 1e-10  # log likelihood per observation that the last step promised
_ROUNDING = 1e-14  # of a log likelihood per observation
_MOST_STEPS = 100
_DAMPING = 1e-4  # of curvature, after the first step that leads uphill
_HOPELESS = 1e4  # damping of a search that stands at an end of its family's range
_UNDETERMINED = 1e-14  # information per observation of what the counts say nothing about


@dataclass(frozen=True)
class Fits:
    """One family fitted to many histograms; shapes are (n_histograms,) unless told otherwise.

    theta : parameters (``Family``), shape (n_histograms, n_parameters); NaN where none were sought
    converged : whether the search ended at a maximum; only then are the other numbers used
    nll : negative log likelihood, NaN where no parameters were sought
    g2 : twice the log likelihood that the counts themselves would have above the model's
    occupied : buckets with observations
    covariance : of theta, from the expected information, (n_histograms, n_parameters,
        n_parameters); good for independent observations
    """

    family: Family
    theta: np.ndarray
    converged: np.ndarray
    nll: np.ndarray
    g2: np.ndarray
    occupied: np.ndarray
    covariance: np.ndarray

    @property
    def aic(self) -> np.ndarray:
        """Akaike's criterion: the less, the better a model describes its histogram."""
        return 2 * self.nll + 2 * len(self.family.parameters)

    @property
    def dof(self) -> np.ndarray:
        """Degrees of freedom that the fit leaves; a family is fitted where that is 1 or more."""
        return self.occupied - 1 - len(self.family.parameters)

    @property
    def mean_seconds(self) -> np.ndarray:
        """Mean latency by the model."""
        return self._of_converged(self.family.mean)

    def quantile(self, q: float) -> np.ndarray:
        """Return the models' quantile 0 < q < 1 [s], NaN where the search did not converge."""
        return self._of_converged(lambda theta: self.family.quantile(q, theta))

    def quantile_interval(
        self, q: float, confidence: float = 0.95
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return between what the quantile of the process lies [s], by the delta method.

        It supposes that the family is right and the observations are independent.  Incidents,
        shifts from hour to hour, retries, bursts and slow replicas make it far too narrow.
        """
        seconds = self.quantile(q)
        gradient = self._of_converged(
            lambda theta: self.family.shares(
                self.family.quantile(q, theta)[:, None], theta
            ).gradient[:, 0],
            len(self.family.parameters),
        )
        # A time x is passed by as many more as there are fewer with slower parameters.
        slope = gradient / gradient[:, self.family.times].sum(axis=1, keepdims=True)
        variance = np.einsum("nk,nkl,nl->n", slope, self.covariance, slope)
        with np.errstate(over="ignore"):
            factor = np.exp(ndtri((1 + confidence) / 2) * np.sqrt(variance))
        return seconds / factor, seconds * factor

    def _of_converged(
        self, function: Callable[[np.ndarray], np.ndarray], *shape: int
    ) -> np.ndarray:
        answer = np.full((len(self.theta), *shape), np.nan)
        if self.converged.any():
            answer[self.converged] = function(self.theta[self.converged])
        return answer


def fit_many(upper_bounds: np.ndarray, counts: np.ndarray, family: Family) -> Fits:
    """Fit one family to many histograms of one layout.

    upper_bounds : ascending [s], the last one infinite, shape (n_buckets,)
    counts : of each bucket by itself, fractions allowed, shape (n_histograms, n_buckets)

    A family is fitted where it has fewer parameters than occupied buckets less one.  What lies at
    or below a bound of 0 belongs to the first bucket above 0.  BadInput without a +Inf bucket, or
    for counts that are negative or no numbers.
    """
    cells, total = _as_cells(upper_bounds, counts)
    n, k = len(counts), len(family.parameters)
    occupied = (cells.shares * total[:, None] >= _OCCUPIED).sum(axis=1)
    theta, best = np.full((n, k), np.nan), np.full(n, np.inf)
    converged = np.zeros(n, bool)
    sought = np.flatnonzero(occupied > k + 1)
    if len(sought):
        these = Cells(cells.bounds, cells.shares[sought])
        for start in family.starts(these):
            found, nll, settled = _climb(family, these, start)
            # Of two that are as good, the one at which the search came to an end.
            better = nll + np.where(settled, 0, _SETTLED) < best[sought]
            at = sought[better]
            theta[at], best[at], converged[at] = found[better], nll[better], settled[better]
        theta[sought] = family.ordered(theta[sought])
    best[np.isinf(best)] = np.nan
    entropy = -xlogy(cells.shares, cells.shares).sum(axis=1)
    return Fits(
        family,
        theta,
        converged,
        nll=total * best,
        g2=2 * total * (best - entropy),
        occupied=occupied,
        covariance=_covariance(family, cells, theta, total, sought),
    )


def _as_cells(upper_bounds: np.ndarray, counts: np.ndarray) -> tuple[Cells, np.ndarray]:
    """Return shares of the buckets above 0, and how many observations each histogram has."""
    bounds, counts = np.asarray(upper_bounds, float), np.asarray(counts, float)
    if counts.ndim != 2 or counts.shape[1] != len(bounds):
        raise BadInput(f"{len(bounds)} bounds need counts of as many buckets, not {counts.shape}")
    if not np.isposinf(bounds[-1]) or not (np.diff(bounds) > 0).all():
        raise BadInput("a model needs ascending bounds that end with the +Inf bucket")
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise BadInput("a model needs counts that are numbers of at least 0")
    above = int(np.searchsorted(bounds, 0.0, "right"))
    if above == len(bounds) - 1:
        raise BadInput("a model needs at least one finite bound above 0")
    merged = counts[:, above:].copy()
    merged[:, 0] += counts[:, :above].sum(axis=1)
    total = merged.sum(axis=1)
    return Cells(bounds[above:-1], merged / np.where(total > 0, total, 1.0)[:, None]), total


def _climb(
    family: Family, cells: Cells, theta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Seek the maximum from a start by damped Newton steps, all histograms at once.

    Returns parameters, negative log likelihood per observation, and whether it is settled.
    """
    theta = theta.copy()
    nll, gradient = _slope(family, cells, theta)
    settled, damping = np.zeros(len(theta), bool), np.zeros(len(theta))
    for _ in range(_MOST_STEPS):
        going = np.flatnonzero(~settled & (damping < _HOPELESS))
        if not len(going):
            break
        these = Cells(cells.bounds, cells.shares[going])
        curvature = _curvature(family, these, theta[going], gradient[going])
        step, promised = _newton_step(gradient[going], curvature, damping[going])
        settled[going] = promised < _SETTLED
        trial = theta[going] + step
        trial_nll, trial_gradient = _slope(family, these, trial)
        better = trial_nll <= nll[going] + _ROUNDING
        taken, refused = going[better], going[~better]
        theta[taken], nll[taken], gradient[taken] = (
            one[better] for one in (trial, trial_nll, trial_gradient)
        )
        damping[taken] = np.where(damping[taken] < _DAMPING / 100, 0.0, damping[taken] / 10)
        damping[refused] = np.maximum(10 * damping[refused], _DAMPING)
    return theta, nll, settled


def _newton_step(
    gradient: np.ndarray, curvature: np.ndarray, damping: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the step downhill and what it promises; where the surface is a saddle, off it.

    Eigenvalues are taken without their sign (Dauphin et al. 2014).
    """
    values, vectors = np.linalg.eigh(curvature)
    along = np.einsum("nkl,nk->nl", vectors, gradient)
    steep = np.maximum(np.abs(values), _FLATTEST)
    promised = (along**2 / steep).sum(axis=1)  # without damping, which is no sign of an end
    step = -np.einsum("nkl,nl->nk", vectors, along / (steep + damping[:, None]))
    longest = np.abs(step).max(axis=1, keepdims=True)
    return step / np.maximum(longest / _LONGEST_STEP, 1.0), promised


def _curvature(family: Family, cells: Cells, theta: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Return second derivatives as differences of slopes, (n_histograms, n, n) for n parameters."""
    moves = _DIFFERENCE * np.eye(theta.shape[1])
    slopes = np.stack([_slope(family, cells, theta + move)[1] for move in moves], axis=1)
    differences = (slopes - gradient[:, None]) / _DIFFERENCE
    # Beside the end of a family's range there is none; then the slope alone leads on.
    differences = np.nan_to_num(differences, posinf=0.0, neginf=0.0)
    return (differences + differences.transpose(0, 2, 1)) / 2


def _slope(family: Family, cells: Cells, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the negative log likelihood per observation, and its gradient."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        inside, change = cell_shares(family, cells.bounds, theta)
        nll = -(cells.shares * np.log(inside)).sum(axis=1)
        return nll, -np.einsum("nj,njk->nk", cells.shares / inside, change)


def cell_shares(
    family: Family, bounds: np.ndarray, theta: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of each bucket by the model, and its gradient.

    bounds : finite, above 0 [s], shape (n_cells - 1,)
    Shapes are (n_laws, n_cells) and (n_laws, n_cells, n_parameters).
    """
    found = family.shares(bounds, theta)
    none = np.zeros((len(theta), 1))
    below = np.hstack([none, found.below, none + 1])
    above = np.hstack([none + 1, found.above, none])
    inside = np.where(below[:, :-1] > 0.5, -np.diff(above), np.diff(below))
    change = np.diff(np.pad(found.gradient, [(0, 0), (1, 1), (0, 0)]), axis=1)
    return np.maximum(inside, _LEAST_SHARE), change


def _covariance(
    family: Family, cells: Cells, theta: np.ndarray, total: np.ndarray, sought: np.ndarray
) -> np.ndarray:
    """Invert the expected information; what the counts say nothing of has a variance to match."""
    k = theta.shape[1]
    answer = np.full((len(theta), k, k), np.nan)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        inside, change = cell_shares(family, cells.bounds, theta[sought])
        scaled = change / np.sqrt(inside)[..., None]
    values, vectors = np.linalg.eigh(np.einsum("njk,njl->nkl", scaled, scaled))
    spread = 1 / (np.maximum(values, _UNDETERMINED) * total[sought, None])
    answer[sought] = np.einsum("nkm,nm,nlm->nkl", vectors, spread, vectors)
    return answer
