"""The doubt of a number: intervals for shares, for what happens per week, and for quantiles."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri
from scipy.stats import beta, binom, chi2

from alertlab.units import Interval

_RESAMPLES = 2_000
_SEED = 20_150_916  # fixed, so that a report repeats to the digit
_EXACT_COUNT = 10**12  # beyond, a binomial is a normal distribution to all digits shown
_FEW_EVENTS = 5  # below it a bootstrap sees too little; none in four weeks is not never


def share_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval | None:
    """Return a share with its Jeffreys interval (Brown, Cai and DasGupta 2001); None of nothing.

    The ends are exact where the share is: 0 of n starts at 0, n of n ends at 1.
    """
    if trials == 0:
        return None
    tail = (1 - confidence) / 2
    a, b = successes + 0.5, trials - successes + 0.5
    low = 0.0 if successes == 0 else float(beta.ppf(tail, a, b))
    high = 1.0 if successes == trials else float(beta.ppf(1 - tail, a, b))
    return Interval(low, successes / trials, high, confidence)


def clustered_share(
    successes: np.ndarray, trials: np.ndarray, confidence: float = 0.95
) -> Interval | None:
    """Return a share whose trials hang together in clusters; None of nothing.

    successes, trials : of each cluster, shape (n_clusters,)
    Clusters are resampled.  Where all of them succeed, or none does, that shows no doubt; then
    it is the Jeffreys interval of so many clusters.
    """
    tried = trials > 0
    successes, trials = successes[tried], trials[tried]
    total = int(trials.sum())
    if total == 0:
        return None
    share, clusters = float(successes.sum()) / total, len(trials)
    if share in (0.0, 1.0):
        alone = share_interval(round(share) * clusters, clusters, confidence)
        return Interval(alone.low, share, alone.high, confidence)
    drawn = np.random.default_rng(_SEED).integers(clusters, size=(_RESAMPLES, clusters))
    shares = successes[drawn].sum(axis=1) / trials[drawn].sum(axis=1)
    low, high = np.quantile(shares, _tails(confidence))
    return Interval(float(low), share, float(high), confidence)


def weekly_rate(daily_counts: np.ndarray, weeks: float, confidence: float = 0.95) -> Interval:
    """Return events per week with an interval from counts per day, shape (n_days,).

    weeks : the time counted; the last day need not be a whole one
    As ``weekly_amount``, but of fewer than five events it is the exact Poisson interval (Garwood
    1936).
    """
    total = float(np.sum(daily_counts))
    if total >= _FEW_EVENTS:
        return weekly_amount(daily_counts, weeks, confidence)
    tail, _ = _tails(confidence)
    low = chi2.ppf(tail, 2 * total) / 2 if total else 0.0
    high = chi2.ppf(1 - tail, 2 * total + 2) / 2
    return Interval(float(low) / weeks, total / weeks, float(high) / weeks, confidence)


def weekly_amount(daily_amounts: np.ndarray, weeks: float, confidence: float = 0.95) -> Interval:
    """Return an amount per week with an interval from amounts per day, shape (n_days,).

    Whole days are resampled, as what happens on one day hangs together.
    """
    draws = np.random.default_rng(_SEED).choice(daily_amounts, (_RESAMPLES, len(daily_amounts)))
    low, high = np.quantile(draws.sum(axis=1), _tails(confidence)) / weeks
    mid = float(np.sum(daily_amounts)) / weeks
    return Interval(min(float(low), mid), mid, max(float(high), mid), confidence)


def quantile_interval(
    values: np.ndarray, quantile: float, confidence: float = 0.95
) -> Interval | None:
    """Return a quantile of values that are at least 0, with its interval; None of no values.

    The ends are order statistics, whatever the distribution (Conover 1999, 3.2); where there are
    too few values for an end it is 0 or infinite.
    """
    n = len(values)
    if n == 0:
        return None
    ordered = np.concatenate([[0.0], np.sort(values), [math.inf]])
    low, high = rank_interval(n, quantile, confidence)
    mid = float(np.quantile(values, quantile))
    return Interval(float(ordered[int(low)]), mid, float(ordered[int(high)]), confidence)


def rank_interval(n: int, quantile: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the ranks of n ordered values that enclose their process' quantile.

    Below 1 and above n there is no such value (Conover 1999, 3.2).
    """
    tail, _ = _tails(confidence)
    if n > _EXACT_COUNT:
        half = ndtri(1 - tail) * math.sqrt(n * quantile * (1 - quantile))
        low, high = n * quantile - half, n * quantile + half
    else:
        low, high = (float(binom.ppf(one, n, quantile)) for one in (tail, 1 - tail))
    return max(low, 0.0), high + 1


def _tails(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2
