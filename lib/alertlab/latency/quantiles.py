"""What is known of a quantile: Prometheus' number, the bracket, an estimate, and the doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from alertlab.errors import BadInput
from alertlab.intervals import rank_interval
from alertlab.latency.buckets import Histogram, make_histogram
from alertlab.latency.probit import estimate_quantiles, holding_bucket
from alertlab.promql import bucket_quantile

GOOD = "good"
WIDE = "wide bucket"
FEW = "too few"
NONE = "unknown"
BEYOND = "in +Inf"

TOLERANCE_RATIO = 0.25
"""An answer is good if some number is within this of everything that may be true."""


@dataclass(frozen=True)
class Quantile:
    """One quantile of a histogram [s].

    prometheus : what ``histogram_quantile`` says: linear inside the bucket, the last finite bound
        beyond it, NaN where it says so
    low, high : the bracket: the bucket that holds the observation of this rank, whatever the shape
    estimate : a smooth curve through all buckets, within the bracket; NaN in the +Inf bucket
    ci_low, ci_high : what the quantile of the process may be, by the luck of so many independent
        observations; at bounds of buckets
    verdict : GOOD, WIDE (more observations would not help), FEW (they would), BEYOND, or NONE
        where q is not between 0 and 1
    """

    q: float
    count: float
    prometheus: float
    low: float
    high: float
    estimate: float
    ci_low: float
    ci_high: float
    verdict: str
    notes: tuple[str, ...] = ()


def quantile(
    upper_bounds: Sequence[float] | np.ndarray,
    cumulative_counts: Sequence[float] | np.ndarray,
    q: float,
    *,
    confidence: float = 0.95,
) -> Quantile:
    """What do bucket counts know of quantile ``q``?

    upper_bounds : ``le`` in seconds, the last one infinite, in any order
    cumulative_counts : observations at or below each bound
    confidence : of the interval; its ends are order statistics, good for independent observations
        of any distribution (Conover 1999, 3.2)

    BadInput for counts, bounds, a quantile or a confidence that are none; what Prometheus repairs
    is repaired and noted.
    """
    return histogram_quantile(make_histogram(upper_bounds, cumulative_counts), q, confidence)


def histogram_quantile(histogram: Histogram, q: float, confidence: float = 0.95) -> Quantile:
    """As ``quantile``, of a histogram."""
    if not isinstance(q, Real):
        raise BadInput(f"a quantile is a number between 0 and 1, not {q!r}")
    if not 0 < confidence < 1:
        raise BadInput(f"a confidence lies between 0 and 1, such as 0.95, not {confidence}")
    bounds, at = histogram.upper_bounds, np.array([q])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        prometheus = float(bucket_quantile(at, bounds, histogram.cumulative[:, None], 3)[0])
    if not histogram.count or not 0 <= q <= 1:
        nothing = (np.nan,) * 5
        verdict, why = FEW, "There are no observations."
        if not 0 <= q <= 1:
            verdict, why = NONE, "A quantile lies between 0 and 1."
        notes = (*histogram.notes, why)
        return Quantile(q, histogram.count, prometheus, *nothing, verdict, notes)
    bucket = int(holding_bucket(histogram, at)[0])
    low, high = float(histogram.lower_bounds[bucket]), float(bounds[bucket])
    estimate = float(estimate_quantiles(histogram, at)[0])
    ci_low, ci_high = _edges(histogram, q, confidence)
    return Quantile(
        q, histogram.count, prometheus, low, high, estimate, ci_low, ci_high,
        _verdict(low, high, ci_low, ci_high), histogram.notes,
    )  # fmt: skip


def _edges(histogram: Histogram, q: float, confidence: float) -> tuple[float, float]:
    """Return the outer edges of the buckets that hold the ranks around a quantile."""
    observations = max(round(histogram.count), 1)
    low, high = rank_interval(observations, q, confidence)
    last = len(histogram.upper_bounds) - 1
    # Fractional counts may end just below the rank of the last observation.
    first, then = np.minimum(np.searchsorted(histogram.cumulative, (low, high), "left"), last)
    below = float(histogram.lower_bounds[first])
    return below, float(histogram.upper_bounds[then]) if high <= observations else np.inf


def _verdict(low: float, high: float, ci_low: float, ci_high: float) -> str:
    """Blame the bucket if it alone is too wide an answer, else the number of observations."""
    if np.isposinf(high):
        return BEYOND
    if np.isposinf(ci_high) or ci_low <= 0 < low:
        return FEW
    if spread_ratio(ci_low, ci_high) <= TOLERANCE_RATIO:
        return GOOD
    return WIDE if spread_ratio(low, high) > TOLERANCE_RATIO else FEW


def spread_ratio(low: float, high: float) -> float:
    """Return the error of the best guess between two ends, relative to the truth at worst.

    The best guess is 2 low high / (low + high), and is off by this at both ends.
    """
    if low == high:
        return 0.0
    return (high - low) / (high + low) if low >= 0 < high else np.inf
