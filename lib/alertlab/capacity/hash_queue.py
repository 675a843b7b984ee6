"""A pod's hash workers as a queue: does the model find the waits that were measured?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alertlab.capacity.load import LoadHistory
from alertlab.capacity.queueing import Queue
from alertlab.latency import Histogram, estimate_quantiles
from alertlab.latency.resampling import resampled
from alertlab.units import DAY_MS, Interval

_BINS = 20
_BUSY_RATIO = 0.3  # below this use hardly anybody waits, and noise would judge the model
_AGREEMENT = (0.25, 4.0)  # measured waits by the model's: bursts double them; this is no burst
_TAIL = 0.84134  # a normal distribution's share below one standard deviation


@dataclass(frozen=True)
class HashQueue:
    """Waits at one pod's hash workers, measured and by the model, at levels of use.

    service_seconds, service_cv2 : mean and squared coefficient of variation of one hash
    use_ratio, measured_wait_seconds, modelled_wait_seconds : float64, shape (n_levels,)
    wait_factor : measured waits as a multiple of the model's in spans that are busy; NaN if none is
    refusal : why the model is not to be used; empty if it is
    """

    workers: int
    service_seconds: float
    service_cv2: float
    use_ratio: np.ndarray
    measured_wait_seconds: np.ndarray
    modelled_wait_seconds: np.ndarray
    wait_factor: Interval
    refusal: str


def hash_queue(load: LoadHistory, hashes: Histogram, *, confidence: float = 0.95) -> HashQueue:
    """How long do hashes wait for a worker, and would Allen and Cunneen have known?

    hashes : the worker time of single hashes (auth_hash_seconds) over the same time
    Whole days are drawn again for the interval of the factor.
    """
    per_second, use = load.hashes_per_second, load.hash_use_ratio
    known = np.isfinite(use) & np.isfinite(load.waiting) & (per_second > 0)
    if not known.any():
        nothing = np.empty(0)
        return HashQueue(
            0, np.nan, np.nan, nothing, nothing, nothing, _unknown(confidence),
            "No pod reported how long hashes took and waited.",
        )  # fmt: skip
    workers = round(float(np.median(load.hash_workers[known])))
    rate, use, waiting = per_second[known], use[known], load.waiting[known]
    cv2 = service_variation(hashes)
    # By Little's law as many wait as come in the time of a wait.
    modelled = rate * _modelled_waits(rate, use, workers, cv2)
    day = np.broadcast_to((load.ends_ms - 1) // DAY_MS, known.shape)[known]
    factor = _factor(waiting, modelled, (use >= _BUSY_RATIO) & (use < 1), day, confidence)
    place = np.minimum((use * _BINS).astype(int), _BINS - 1)
    count = np.bincount(place, minlength=_BINS)
    there = count > 0
    level, of_level, wait = (
        np.bincount(place, one, _BINS)[there] / count[there] for one in (use, rate, waiting)
    )
    service_seconds = float(load.hashing[known].sum() / rate.sum())
    modelled = _modelled_waits(level * workers / service_seconds, level, workers, cv2)
    return HashQueue(
        workers, service_seconds, cv2, level, wait / of_level, modelled, factor,
        _refusal(factor.mid),
    )  # fmt: skip


def _modelled_waits(
    rate: np.ndarray, use: np.ndarray, workers: int, service_cv2: float
) -> np.ndarray:
    """Return mean waits [s] by the model, infinite where all workers are busy; shape of rate."""
    waits = np.full(len(rate), np.inf)
    stable = use < 1
    waits[stable] = Queue(
        rate[stable], use[stable] * workers / rate[stable], workers, service_cv2=service_cv2
    ).mean_wait_seconds
    return waits


def _factor(
    waiting: np.ndarray, modelled: np.ndarray, busy: np.ndarray, day: np.ndarray, confidence: float
) -> Interval:
    """Return measured by modelled numbers of waiting hashes, over the busy spans."""
    if not busy.any():
        return _unknown(confidence)
    _, day = np.unique(day[busy], return_inverse=True)
    sums = np.stack([np.bincount(day, one[busy]) for one in (waiting, modelled)], axis=1)
    measured, expected = sums.sum(axis=0)
    drawn = resampled(sums)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], tails)
    return Interval(float(low), float(measured / expected), float(high), confidence)


def _unknown(confidence: float) -> Interval:
    return Interval(np.nan, np.nan, np.nan, confidence)


def service_variation(hashes: Histogram) -> float:
    """Return the squared coefficient of variation, as of a lognormal with the same quartiles.

    Buckets know no second moment; the spread between two quantiles they know.
    """
    low, high = estimate_quantiles(hashes, np.array([1 - _TAIL, _TAIL]))
    sigma = float(np.log(high / low)) / 2
    return float(np.expm1(sigma**2))


def _refusal(factor: float) -> str:
    if np.isnan(factor):
        return (
            f"The hash workers were never {_BUSY_RATIO:.0%} busy, so hardly a hash waited: the "
            "queue cannot be checked."
        )
    low, high = _AGREEMENT
    if not low <= factor <= high:
        return (
            f"Hashes waited {factor:,.{0 if factor >= 10 else 1}f} times as long as the queueing "
            "model says; something else than the number of workers makes them wait."
        )
    return ""
