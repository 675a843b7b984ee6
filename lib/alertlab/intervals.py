"""The doubt of a count: intervals for shares and for events per week."""

from __future__ import annotations

import numpy as np
from scipy.stats import beta, chi2

from alertlab.units import Interval

_RESAMPLES = 2_000
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


def weekly_rate(daily_counts: np.ndarray, weeks: float, confidence: float = 0.95) -> Interval:
    """Return events per week with an interval from counts per day, shape (n_days,).

    weeks : the time counted; the last day need not be a whole one
    Whole days are resampled (events of one day hang together); with fewer than five events the
    exact Poisson interval (Garwood 1936) is used instead.
    """
    days, total = len(daily_counts), float(np.sum(daily_counts))
    tail = (1 - confidence) / 2
    if total < _FEW_EVENTS:
        low = chi2.ppf(tail, 2 * total) / 2 if total else 0.0
        high = chi2.ppf(1 - tail, 2 * total + 2) / 2
    else:
        rng = np.random.default_rng(20_150_916)  # fixed, so that a report repeats to the digit
        sums = rng.choice(daily_counts, (_RESAMPLES, days)).sum(axis=1)
        low, high = np.quantile(sums, [tail, 1 - tail])
    return Interval(float(low) / weeks, total / weeks, float(high) / weeks, confidence)
