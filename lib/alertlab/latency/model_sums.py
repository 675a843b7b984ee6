"""What the sum of all latencies says of the bucket counts, and of a model's mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alertlab.latency.buckets import Histogram

_SLACK_RATIO = 0.01  # by which ``increase()`` may extrapolate one series more than another


@dataclass(frozen=True)
class SumCheck:
    """Can the sum be that of the counted latencies?

    low, high : between what the counts allow the sum to be [s]; infinite if +Inf holds any
    consistent : whether it is, give or take 1 %; None if the sum is unknown
    beyond_low, beyond_high : between what the mean of the +Inf bucket lies [s]; NaN if it is empty
        or the sum cannot be
    reason : a sentence
    """

    low: float
    high: float
    consistent: bool | None
    beyond_low: float
    beyond_high: float
    reason: str


def check_sum(histogram: Histogram) -> SumCheck:
    """Hold the sum of latencies against the bucket counts.

    A sum that the counts do not allow tells of mixed time ranges, counter resets, or
    instrumentation that counts one thing and adds up another.
    """
    held = histogram.counts > 0
    counts, total = histogram.counts[held], histogram.sum_seconds
    lower, upper = histogram.lower_bounds[held], histogram.upper_bounds[held]
    low, high = float(counts @ lower), float(counts @ upper)
    if np.isnan(total):
        return SumCheck(low, high, None, np.nan, np.nan, "The sum of latencies is unknown.")
    slack = _SLACK_RATIO * abs(total)
    if not low - slack <= total <= high + slack:
        reason = (
            f"The sum of latencies is {total:.6g} s, but the counts allow only {low:.6g} to "
            f"{high:.6g} s: time ranges are mixed, counters were reset, or latencies are counted "
            "and added up differently."
        )
        return SumCheck(low, high, False, np.nan, np.nan, reason)
    reason = "The counts allow the sum of latencies."
    if np.isfinite(high):
        return SumCheck(low, high, True, np.nan, np.nan, reason)
    inner, last = counts[:-1], float(lower[-1])
    beyond = [float(total - inner @ edge[:-1]) / float(counts[-1]) for edge in (upper, lower)]
    return SumCheck(low, high, True, max(last, beyond[0]), max(last, beyond[1]), reason)
