"""Waiting for one of several workers: how many wait, how long, and what a look at them finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import poisson

from auth_service.scenario.latency import Delays, Spread, between

HIGHEST_USE = 0.96  # of the hash workers; beyond it the queue would grow without end
_SLICES = 8  # of an exponential wait, each half as probable as the one before


class Queued(NamedTuple):
    """Who waits in each step: the share of all, and the mean wait [s] of those; (n_steps,) each.

    Waits of those that wait are exponential.
    """

    share: np.ndarray
    mean_seconds: np.ndarray


def stretch(use: np.ndarray) -> np.ndarray:
    """Return how much longer a hash takes at a utilisation of the workers.

    It lies between one worker's 1 + u / (1 - u) and two workers' 1 + u^2 / (1 - u^2) (M/M/c).
    """
    use = np.minimum(use, HIGHEST_USE)
    return 1 + use**2 / (1 - use)


def stretched(use: np.ndarray, seconds: float) -> Queued:
    """Return the queue that ``stretch`` is for calls of so many seconds: u^2 wait 1 / (1 - u)."""
    use = np.minimum(use, HIGHEST_USE)
    return Queued(use**2, seconds / (1 - use))


def erlang_c(servers: int, load: np.ndarray) -> np.ndarray:
    """Return the probability that all servers are busy at an offered load (M/M/c)."""
    blocked = np.exp(poisson.logpmf(servers, load) - poisson.logcdf(servers, load))  # Erlang B
    free = np.maximum(servers - load * (1 - blocked), 1e-12)
    return np.where(load < servers, servers * blocked / free, 1.0)


def erlang(
    use: np.ndarray,
    servers: int,
    service_seconds: float,
    *,
    arrival_cv2: float,
    service_cv2: float,
) -> Queued:
    """Return the queue before ``servers`` at a utilisation: Erlang C, and Allen and Cunneen's mean.

    The squared coefficients of variation are 1 where arrivals are Poisson's and services
    exponential; the queue is then M/M/c's.
    """
    use = np.minimum(use, HIGHEST_USE)
    variability = (arrival_cv2 + service_cv2) / 2
    mean = variability * service_seconds / (servers * (1 - use))
    return Queued(erlang_c(servers, servers * use), mean)


def delays(queued: Queued) -> Delays:
    """Return the waits as few delays, so that latencies may be shifted by each.

    The exponential is cut into slices, finer towards its tail, each with its own mean.
    """
    parts = [(1 - queued.share, 0.0)]
    for number in range(_SLICES):
        last = number == _SLICES - 1
        share = 0.5 ** (number if last else number + 1)
        # Beyond its quantile number * log(2) an exponential begins anew; cut at log(2) or never.
        mean = number * np.log(2) + (1.0 if last else 1 - np.log(2))
        parts.append((queued.share * share, queued.mean_seconds * mean))
    return parts


def wait_spread(edges_seconds: Sequence[float], queued: Queued) -> Spread:
    """Cut the waits at bucket edges; who does not wait is in the first bucket."""
    edges = np.asarray(edges_seconds)
    mean = np.maximum(queued.mean_seconds, 1e-9)[:, None]
    share = queued.share[:, None]
    longer = np.exp(-edges / mean)
    partial_mean = share * (mean - (edges + mean) * longer)
    return between(edges, 1 - share * longer, partial_mean, (share * mean)[:, 0])


def look(
    rng: np.random.Generator,
    servers: int,
    load: np.ndarray,
    queued: Queued,
    arrivals_per_second: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw how many servers are busy and how many calls wait at one moment of each step.

    Their means are the offered load and, by Little's law, arrivals times mean wait.
    """
    all_busy = rng.random(len(load)) < queued.share
    elsewhere = np.where(queued.share < 1, 1 - queued.share, 1.0)
    busy_else = np.clip((load - queued.share * servers) / elsewhere, 0, servers - 1)
    busy = rng.binomial(servers - 1, busy_else / (servers - 1))
    # As in M/M/c, the number that waits is geometric while all servers are busy.
    waiting = rng.geometric(1 / (1 + arrivals_per_second * queued.mean_seconds)) - 1
    return np.where(all_busy, servers, busy), np.where(all_busy, waiting, 0)
