"""How throughput followed concurrency in production, and where it would stop to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alertlab.capacity.load import LoadHistory
from alertlab.capacity.usl import UslFit, fit_usl

NEAR_SATURATION_RATIO = 0.7
"""Below this use of the workers throughput is a straight line, and its bend a guess (our rule)."""

_BINS = 24
_MIN_BINS = 6  # as many points as R's usl asks for


@dataclass(frozen=True)
class Scalability:
    """Throughput of one pod against its concurrency, and the law fitted to it.

    concurrency : float64, shape (n_points,): hashes under way on average, in spans alike in that
    throughput : hashes/s, same shape; spans : int64, how many are behind each point
    highest_use_ratio : the busiest span's share of busy workers
    fit : None where the history does not say, with the reason in ``refusal``
    """

    concurrency: np.ndarray
    throughput: np.ndarray
    spans: np.ndarray
    highest_use_ratio: float
    fit: UslFit | None
    refusal: str


def scalability(load: LoadHistory) -> Scalability:
    """Does a pod's throughput bend under its load, and where is its peak?

    Concurrency is the mean number of hashes under way (Little's law: computed or waiting), so it
    needs no gauge.  Spans are put together by concurrency, so that a few busy hours weigh as much
    as many quiet ones; the law is fitted to the means.
    """
    concurrency = (load.hashing + load.waiting).ravel()
    throughput, use = load.hashes_per_second.ravel(), load.hash_use_ratio.ravel()
    known = np.isfinite(concurrency) & np.isfinite(throughput) & (concurrency > 0)
    if not known.any():
        nothing = np.empty(0)
        return Scalability(
            nothing, nothing, np.empty(0, np.int64), np.nan, None,
            "No pod reported how long its hashes took (auth_hash_seconds).",
        )  # fmt: skip
    concurrency, throughput = concurrency[known], throughput[known]
    edges = np.linspace(0, concurrency.max(), _BINS + 1)
    place = np.minimum(np.searchsorted(edges, concurrency, "left") - 1, _BINS - 1)
    spans = np.bincount(place, minlength=_BINS)
    there = spans > 0
    points = [
        np.bincount(place, one, _BINS)[there] / spans[there] for one in (concurrency, throughput)
    ]
    highest = float(np.nanmax(use)) if np.isfinite(use).any() else np.nan
    refusal = _refusal(int(there.sum()), highest)
    return Scalability(
        *points, spans[there], highest, None if refusal else fit_usl(*points), refusal
    )


def _refusal(points: int, highest_use_ratio: float) -> str:
    if not highest_use_ratio >= NEAR_SATURATION_RATIO:
        return (
            f"The history never came near saturation: at most {highest_use_ratio:.0%} of a pod's "
            f"hash workers were busy, and the law shows from {NEAR_SATURATION_RATIO:.0%} on. A "
            "load test in steps would tell."
        )
    if points < _MIN_BINS:
        return f"There are only {points} levels of concurrency; the law needs {_MIN_BINS}."
    return ""
