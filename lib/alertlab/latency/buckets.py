"""A histogram as Prometheus keeps it: what is checked, what is repaired, and how two become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alertlab.errors import BadInput
from alertlab.promql import clean_buckets

_MOST = 1e100  # nothing has been counted as often
_ROUNDING_RATIO = 1e-12  # what Prometheus takes for equal counts


@dataclass(frozen=True)
class Histogram:
    """Observations counted at or below each of some bounds; made by ``make_histogram``.

    upper_bounds : float64 [s], strictly ascending, shape (n_buckets,); the last one is infinite,
        unless the bucket of everything is missing
    cumulative : float64, same shape, never falling; fractional where ``increase()`` extrapolated
    sum_seconds : sum of all observations, NaN where it is unknown
    notes : what was wrong with the counts and what was done about it, a sentence each
    """

    upper_bounds: np.ndarray
    cumulative: np.ndarray
    sum_seconds: float = np.nan
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> float:
        """How many observations there are."""
        return float(self.cumulative[-1])

    @property
    def counts(self) -> np.ndarray:
        """Observations of each bucket by itself, shape (n_buckets,)."""
        return np.diff(self.cumulative, prepend=0.0)

    @property
    def lower_bounds(self) -> np.ndarray:
        """Where each bucket begins [s]: the first one at 0, as no call takes less."""
        return np.append(0.0 if self.upper_bounds[0] >= 0 else -np.inf, self.upper_bounds[:-1])

    @property
    def mean_seconds(self) -> float:
        """The mean observation; NaN of none, or without a sum."""
        return self.sum_seconds / self.count if self.count else np.nan


def make_histogram(
    upper_bounds: Sequence[float] | np.ndarray,
    cumulative: Sequence[float] | np.ndarray,
    sum_seconds: float = np.nan,
    *,
    notes: Sequence[str] = (),
) -> Histogram:
    """Return the histogram of some bounds [s] and the counts at or below them, in any order.

    Equal bounds are added up and counts that fall are raised, as Prometheus does
    (promql/quantile.go, ensureMonotonicAndIgnoreSmallDeltas); a note says so.  BadInput if a bound
    is NaN or a count is NaN, infinite or negative.
    """
    try:
        bounds, counts = np.asarray(upper_bounds, float), np.asarray(cumulative, float)
    except (TypeError, ValueError):
        raise BadInput("bounds and counts of a histogram are lists of numbers") from None
    if bounds.ndim != 1 or bounds.shape != counts.shape or not len(bounds):
        raise BadInput(
            f"a histogram needs one count for each bound and at least one; "
            f"there are {bounds.size} bounds and {counts.size} counts"
        )
    if np.isnan(bounds).any():
        raise BadInput("a bound of the histogram is not a number; each needs its le in seconds")
    wrong = np.flatnonzero(~(counts < _MOST) | (counts < 0))
    if len(wrong):
        raise BadInput(
            f"the count at le={bounds[wrong[0]]:g} is {counts[wrong[0]]:g}; counts of buckets "
            "are finite and at least 0: is one of the counters no counter?"
        )
    order = np.argsort(bounds, kind="stable")
    with np.errstate(over="ignore"):
        merged, repaired = clean_buckets(bounds[order], counts[order, None])
    found = (*notes, *_falls(bounds[order], counts[order], merged, repaired[:, 0]))
    if not np.isposinf(merged[-1]):
        found += ("The +Inf bucket is missing: what exceeds the last bound was not counted.",)
    elif len(merged) == 1:
        found += ("There is no bucket but +Inf: the counts say nothing of the latency.",)
    return Histogram(merged, repaired[:, 0], float(sum_seconds), tuple(dict.fromkeys(found)))


def merge(histograms: Sequence[Histogram]) -> Histogram:
    """Add histograms up over the bounds that all of them have; a note names the others.

    BadInput if there is none, or if they share no bound.
    """
    if not histograms:
        raise BadInput("there is no histogram to merge")
    bounds = [one.upper_bounds for one in histograms]
    every = np.unique(np.concatenate(bounds))
    common = every[np.all([np.isin(every, one) for one in bounds], axis=0)]
    if not len(common):
        raise BadInput("the histograms have no bound in common, so they cannot be added up")
    total = sum(one.cumulative[np.isin(one.upper_bounds, common)] for one in histograms)
    notes = [note for one in histograms for note in one.notes]
    if len(common) < len(every):
        notes.append(layouts_note(np.setdiff1d(every, common)))
    return make_histogram(common, total, sum(one.sum_seconds for one in histograms), notes=notes)


def layouts_note(left_out: np.ndarray) -> str:
    """Say that bounds which not all parts have were left out."""
    listed = ", ".join(f"{bound:g}" for bound in left_out)
    return f"The bucket layouts differ; only common bounds are used, without le {listed}."


def _falls(
    bounds: np.ndarray, counts: np.ndarray, merged: np.ndarray, repaired: np.ndarray
) -> Sequence[str]:
    """Name the counts that fell by more than rounding explains."""
    given = np.bincount(np.searchsorted(merged, bounds), counts)
    raised = np.flatnonzero(repaired - given > _ROUNDING_RATIO * repaired)
    if not len(raised):
        return ()
    first, last = merged[raised[0]], merged[raised[-1]]
    where = f"le={first:g}" if first == last else f"le={first:g} to le={last:g}"
    largest = float((repaired - given).max())
    return (
        f"Counts fall at {where} by up to {largest:.3g} and were raised as Prometheus does: "
        "bucket layouts or times of the summed series differ.",
    )
