"""Two kinds of calls in one histogram: a mixture of two lognormals, and when to believe in it.

A mixture fits many a histogram of one kind of calls better than a simpler family does.  So its
components get names only where the counts themselves have a valley between two peaks, and are
trusted only where they stay from week to week.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize.elementwise import find_root
from scipy.special import expit, ndtri
from scipy.stats import chi2

from alertlab.latency.buckets import Histogram
from alertlab.latency.families import FIRST_BUCKET_RATIO, LOGNORMAL, Cells, Family, Shares

VALLEY_RATIO = 0.5
"""A valley is less dense than this part of the lower of the peaks beside it."""

STABLE_RATIO = 1.5
"""Components are stable if neither weight nor median changes by more than this factor."""

_CONFIDENCE = 0.95  # that a valley is none of chance's
_INSIDE = 0.99  # of a component, in the buckets that are called its own
_NARROWEST = 0.2  # sigma of a first guess; a bucket is wider
_NOTHING = 1e-9  # share of the observations that is no side of a cut


class LognormalMixture(Family):
    """Two lognormals, the one with the lower median first; theta ends with the first's logit."""

    name = "two lognormals"
    parameters = (
        "fast_median_seconds",
        "fast_sigma",
        "slow_median_seconds",
        "slow_sigma",
        "fast_ratio",
    )

    def shares(self, seconds: np.ndarray, theta: np.ndarray) -> Shares:
        """As ``Family.shares``."""
        fast = LOGNORMAL.shares(seconds, theta[:, :2])
        slow = LOGNORMAL.shares(seconds, theta[:, 2:4])
        of_fast, of_slow = expit(theta[:, 4, None]), expit(-theta[:, 4, None])
        upper = fast.above + slow.above < 1
        apart = np.where(upper, slow.above - fast.above, fast.below - slow.below)
        gradient = [
            of_fast[..., None] * fast.gradient,
            of_slow[..., None] * slow.gradient,
            (of_fast * of_slow * apart)[..., None],
        ]
        return Shares(
            of_fast * fast.below + of_slow * slow.below,
            of_fast * fast.above + of_slow * slow.above,
            np.concatenate(gradient, axis=-1),
        )

    def quantile(self, q: float, theta: np.ndarray) -> np.ndarray:
        """As ``Family.quantile``: it lies between those of the components."""
        ends = theta[:, [0, 2]] + np.exp(theta[:, [1, 3]]) * ndtri(q)
        low, high = ends.min(axis=1) - 1e-9, ends.max(axis=1) + 1e-9

        def missing(log_seconds: np.ndarray, *theta: np.ndarray) -> np.ndarray:
            found = self.shares(np.exp(log_seconds)[:, None], np.column_stack(theta))
            # Above the middle by what is above, which has more digits there.
            return (found.below - q if q < 0.5 else 1 - q - found.above)[:, 0]

        return np.exp(find_root(missing, (low, high), args=tuple(theta.T)).x)

    def mean(self, theta: np.ndarray) -> np.ndarray:
        """As ``Family.mean``."""
        fast, slow = LOGNORMAL.mean(theta[:, :2]), LOGNORMAL.mean(theta[:, 2:4])
        return expit(theta[:, 4]) * fast + expit(-theta[:, 4]) * slow

    def starts(self, cells: Cells) -> list[np.ndarray]:
        """As ``Family.starts``: cut in two at the best place, and a narrow core with wide tails."""
        centre, deviation = cells.log_moments()
        narrow = centre - 0.1 * deviation, np.log(deviation / 2)
        wide = centre + 0.5 * deviation, np.log(deviation * 2)
        return [_cut_in_two(cells), np.column_stack([*narrow, *wide, np.ones(len(centre))])]

    def natural(self, theta: np.ndarray) -> np.ndarray:
        """As ``Family.natural``."""
        return np.column_stack([np.exp(theta[:, :4]), expit(theta[:, 4])])

    def ordered(self, theta: np.ndarray) -> np.ndarray:
        """As ``Family.ordered``: the lower median first."""
        swapped = np.column_stack([theta[:, 2:4], theta[:, :2], -theta[:, 4]])
        return np.where((theta[:, 0] > theta[:, 2])[:, None], swapped, theta)


def _cut_in_two(cells: Cells) -> np.ndarray:
    """Return lognormals by the moments of either side of the cut where both together fit best."""
    middle = cells.log_middles.mean()
    powers = np.stack([(cells.log_middles - middle) ** power for power in range(3)])
    below = np.cumsum(cells.shares[:, None, :] * powers, axis=2)
    left, right = below[:, :, :-1], below[:, :, -1:] - below[:, :, :-1]
    (fast, fast_loss), (slow, slow_loss) = _lognormal_of(left), _lognormal_of(right)
    rows, at = np.arange(len(below)), np.argmin(fast_loss + slow_loss, axis=1)
    odds = np.log(left[rows, 0, at] / right[rows, 0, at])
    move = [middle, 0.0]
    return np.column_stack([fast[rows, :, at] + move, slow[rows, :, at] + move, odds])


def _lognormal_of(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log median and log sigma of one side of each cut, and what it loses in likelihood.

    moments : sums of powers 0 to 2 of the log latency, shape (n_histograms, 3, n_cuts)
    """
    weight = np.maximum(moments[:, 0], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = moments[:, 1] / weight
        variance = np.maximum(moments[:, 2] / weight - centre**2, _NARROWEST**2)
        loss = weight * (np.log(variance) / 2 - np.log(weight))
    loss = np.where(weight > _NOTHING, loss, np.inf)
    return np.stack([centre, np.log(variance) / 2], axis=1), loss


MIXTURE = LognormalMixture()


@dataclass(frozen=True)
class Component:
    """One kind of calls.

    weight_ratio : share of all calls
    low, high : the buckets [s] that hold 99 % of it
    median_seconds, sigma : NaN if that is one bucket, inside which nothing tells them
    """

    weight_ratio: float
    low: float
    high: float
    median_seconds: float
    sigma: float


@dataclass(frozen=True)
class Separation:
    """Do the calls of a histogram fall into two kinds?

    separated : whether they do; only then are the components kinds of calls
    reason : why, in a sentence
    valley_ratio : smallest density of calls between two peaks, by the density of the lower peak;
        infinite where there is one peak, or no valley that chance would not dig
    fast, slow : the components of the mixture, None if it was not fitted
    """

    separated: bool
    reason: str
    valley_ratio: float
    fast: Component | None = None
    slow: Component | None = None


def separate(histogram: Histogram, theta: np.ndarray | None, *, wins: bool) -> Separation:
    """Tell whether a mixture's components are two kinds of calls.

    theta : parameters of the mixture fitted to the histogram, None if there is none
    wins : whether it describes the histogram best by AIC
    """
    ratio = _valley(histogram)
    if theta is None:
        return Separation(False, "A mixture could not be fitted.", ratio)
    of_fast = float(expit(theta[4]))
    parts = (
        _component(histogram, of_fast, theta[:2]),
        _component(histogram, 1 - of_fast, theta[2:4]),
    )
    if not wins:
        return Separation(False, "Another model describes the counts better.", ratio, *parts)
    if np.isinf(ratio):
        reason = "The counts have one peak, or a valley that chance may have dug."
        return Separation(False, reason, ratio, *parts)
    depth = f"Between two peaks the density of calls falls to {ratio:.2g} of the lower one"
    if ratio >= VALLEY_RATIO:
        return Separation(False, f"{depth}, not below {VALLEY_RATIO:g}.", ratio, *parts)
    return Separation(True, f"{depth}.", ratio, *parts)


@dataclass(frozen=True)
class Stability:
    """Do the components stay the same from week to week?

    weights : share of the fast and the slow component, shape (n_weeks, 2), NaN where not separated
    """

    stable: bool
    reason: str
    weights: np.ndarray


def stable_components(weeks: Sequence[Separation]) -> Stability:
    """Tell whether the same two kinds of calls are there in each stretch of time."""
    weights = np.array(
        [
            [one.fast.weight_ratio, one.slow.weight_ratio] if one.separated else [np.nan] * 2
            for one in weeks
        ]
    ).reshape(-1, 2)
    if len(weeks) < 2:
        return Stability(False, "One stretch of time cannot show what stays.", weights)
    apart = sum(one.separated for one in weeks)
    if apart < len(weeks):
        reason = f"The components are separate in {apart} of {len(weeks)} stretches of time."
        return Stability(False, reason, weights)
    if (change := float((weights.max(axis=0) / weights.min(axis=0)).max())) > STABLE_RATIO:
        reason = f"The share of a component changes by a factor of {change:.2g}."
        return Stability(False, reason, weights)
    medians = np.array([[one.fast.median_seconds, one.slow.median_seconds] for one in weeks])
    known = medians[:, ~np.isnan(medians).any(axis=0)]
    change = float((known.max(axis=0) / known.min(axis=0)).max(initial=1.0))
    if change > STABLE_RATIO:
        reason = f"The median of a component changes by a factor of {change:.2g}."
        return Stability(False, reason, weights)
    return Stability(True, f"The components stay over {len(weeks)} stretches of time.", weights)


def _component(histogram: Histogram, weight_ratio: float, theta: np.ndarray) -> Component:
    median, sigma = np.exp(theta)
    ends = median * np.exp(sigma * ndtri([(1 - _INSIDE) / 2, (1 + _INSIDE) / 2]))
    first, last = np.searchsorted(histogram.upper_bounds, ends, "left")
    low, high = float(histogram.lower_bounds[first]), float(histogram.upper_bounds[last])
    if first == last:
        return Component(weight_ratio, low, high, np.nan, np.nan)
    return Component(weight_ratio, low, high, float(median), float(sigma))


def _valley(histogram: Histogram) -> float:
    """Return the deepest valley by the lower of the peaks beside it; infinite if there is none.

    A valley lies below both peaks even if chance raised them and dug it (limits of Poisson counts,
    Garwood 1936).  The +Inf bucket has no width, hence no density.
    """
    inside = (histogram.upper_bounds > 0) & np.isfinite(histogram.upper_bounds)
    bounds, counts = histogram.upper_bounds[inside], histogram.counts[inside]
    if len(bounds) < 3:
        return np.inf
    width = np.diff(np.log(bounds), prepend=np.log(bounds[0] / FIRST_BUCKET_RATIO))
    tail = (1 - _CONFIDENCE) / 2
    least = np.where(counts > 0, chi2.ppf(tail, 2 * np.maximum(counts, _NOTHING)) / 2, 0.0)
    most = chi2.ppf(1 - tail, 2 * counts + 2) / 2
    is_valley = (most / width)[1:-1] < _lower_peak(least / width)
    peak = _lower_peak(counts / width)[is_valley]
    return float(((counts / width)[1:-1][is_valley] / peak).min(initial=np.inf))


def _lower_peak(density: np.ndarray) -> np.ndarray:
    """Return, for each inner bucket, the lower of the densest buckets on either side."""
    left = np.maximum.accumulate(density)[:-2]
    right = np.maximum.accumulate(density[::-1])[::-1][2:]
    return np.minimum(left, right)
