"""Queues: how long a request waits when so many come and so many workers serve them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import poisson

from alertlab.errors import BadInput

_MOST_SERVERS = 1_000_000


def erlang_b(servers: int, offered_load: np.ndarray | float) -> np.ndarray:
    """What share of requests finds all servers busy, if those that do go away?

    offered_load : arrivals per second times mean service time, 0 or more, any shape
    Stable for any number of servers.  Erlang (1917).
    """
    _check_servers(servers)
    load = _not_below_zero(offered_load, "the offered load")
    return np.exp(poisson.logpmf(servers, load) - poisson.logcdf(servers, load))


def erlang_c(servers: int, offered_load: np.ndarray | float) -> np.ndarray:
    """What share of requests finds all servers busy, if those that do wait?

    As ``erlang_b``; 1 where the load is not less than the servers: the queue grows without end.
    """
    load = _not_below_zero(offered_load, "the offered load")
    blocked = erlang_b(servers, load)
    with np.errstate(divide="ignore", invalid="ignore"):
        waiting = servers * blocked / (servers - load * (1 - blocked))
    return np.where(load < servers, waiting, 1.0)


@dataclass(frozen=True)
class Queue:
    """Requests that wait for one of several equal servers, first come first served.

    arrivals_per_second, service_seconds : numbers or arrays that broadcast; mean rate and mean
        time of one request at a server
    arrival_cv2, service_cv2 : squared coefficients of variation; 1 where arrivals are Poisson's and
        services exponential (M/M/c), 0 where all are alike

    Waits are those of Allen and Cunneen: Erlang's C, and his mean wait times half the sum of the
    variations; exact for M/M/c, mildly too long as a rule.
    """

    arrivals_per_second: np.ndarray | float
    service_seconds: np.ndarray | float
    servers: int
    arrival_cv2: float = 1.0
    service_cv2: float = 1.0

    def __post_init__(self) -> None:
        _check_servers(self.servers)
        for name in ("arrivals_per_second", "service_seconds", "arrival_cv2", "service_cv2"):
            _not_below_zero(getattr(self, name), name)

    @property
    def offered_load(self) -> np.ndarray:
        """Return how many servers are busy on average, if there are enough."""
        return np.asarray(self.arrivals_per_second) * np.asarray(self.service_seconds)

    @property
    def use_ratio(self) -> np.ndarray:
        """Return the share of the servers' time that is asked for; from 1 on the queue grows."""
        return self.offered_load / self.servers

    @property
    def waiting_probability(self) -> np.ndarray:
        """Return the share of requests that wait."""
        return erlang_c(self.servers, self.offered_load)

    @property
    def mean_wait_seconds(self) -> np.ndarray:
        """Return the mean wait of all requests; infinite where the queue grows."""
        return self.waiting_probability * self._mean_of_waiting

    @property
    def _mean_of_waiting(self) -> np.ndarray:
        """Return the mean wait of those that wait."""
        variability = (self.arrival_cv2 + self.service_cv2) / 2
        spare = self.servers - self.offered_load
        with np.errstate(divide="ignore"):
            mean = variability * np.asarray(self.service_seconds) / spare
        return np.where(spare > 0, mean, np.inf)

    def wait_seconds(self, q: float) -> np.ndarray:
        """Return a quantile of the waits, as if those that wait did so exponentially.

        0 where no more than 1 - q wait at all.
        """
        if not 0 <= q < 1:
            raise BadInput(f"a quantile of waits is at least 0 and below 1, not {q:g}")
        waiting = self.waiting_probability
        with np.errstate(divide="ignore", invalid="ignore"):
            wait = self._mean_of_waiting * np.log(waiting / (1 - q))
        return np.where(waiting > 1 - q, wait, 0.0)

    def response_share_above(self, seconds: float) -> np.ndarray:
        """Return the share of requests whose wait and service together take longer.

        Exact, for M/M/c only: BadInput for other variations.
        """
        if not self.arrival_cv2 == self.service_cv2 == 1:
            raise BadInput("the distribution of response times is known of M/M/c only")
        busy, k = self.waiting_probability, self.servers - 1 - self.offered_load
        served = seconds / np.asarray(self.service_seconds)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            both = np.where(np.abs(k) < 1e-9, served, -np.expm1(-served * k) / k)
            share = np.exp(-served) * (1 + busy * both)
        return np.where(self.use_ratio < 1, share, 1.0)


def servers_for(
    arrivals_per_second: float,
    service_seconds: float,
    *,
    wait_seconds: float,
    q: float = 0.99,
    arrival_cv2: float = 1.0,
    service_cv2: float = 1.0,
) -> int:
    """How many servers does it take for a quantile of the waits to be at most so long?"""
    _not_below_zero(wait_seconds, "wait_seconds")
    load = float(_not_below_zero(arrivals_per_second * service_seconds, "the offered load"))

    def enough(servers: int) -> bool:
        queue = Queue(arrivals_per_second, service_seconds, servers, arrival_cv2, service_cv2)
        return bool(queue.use_ratio < 1 and queue.wait_seconds(q) <= wait_seconds)

    low = math.floor(load)  # so many are never enough
    high = max(1, low + 1)
    while not enough(high):
        low, high = high, low + 2 * (high - low) + 1
        if high > _MOST_SERVERS:
            raise BadInput(f"more than {_MOST_SERVERS:,} servers would be needed")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def most_arrivals(
    service_seconds: float,
    servers: int,
    threshold_seconds: float,
    q: float = 0.99,
    *,
    service_quantile_seconds: float,
    arrival_cv2: float = 1.0,
    service_cv2: float = 1.0,
) -> float:
    """How many arrivals/s keep a quantile of wait and service together at a threshold?

    service_quantile_seconds : a quantile of the service that leaves half of the tail, such as the
        0.995 for q = 0.99; the wait gets the other half.  P(S + W > s + w) <= P(S > s) + P(W > w),
        so the answer is safe whatever service and wait have to do with each other.

    0 where the service alone takes longer.
    """
    spare_seconds = threshold_seconds - service_quantile_seconds
    if spare_seconds < 0 or service_seconds <= 0:
        if service_seconds <= 0:
            raise BadInput(f"a service of {service_seconds:g} s has no end of arrivals")
        return 0.0
    half_tail = 1 - (1 - q) / 2
    full = servers / service_seconds

    def too_long(arrivals_per_second: float) -> float:
        queue = Queue(arrivals_per_second, service_seconds, servers, arrival_cv2, service_cv2)
        return min(float(queue.wait_seconds(half_tail)), 1e9) - max(spare_seconds, 1e-12)

    # Waits do not shrink with arrivals, and grow without end before all servers are busy.
    top = full * (1 - 1e-12)
    return full if too_long(top) <= 0 else float(brentq(too_long, 0.0, top, rtol=1e-12))


def _check_servers(servers: int) -> None:
    if servers < 1 or servers != int(servers):
        raise BadInput(f"a queue has one server or more, not {servers:g}")


def _not_below_zero(value: np.ndarray | float, what: str) -> np.ndarray:
    found = np.asarray(value, float)
    if not (found >= 0).all():
        raise BadInput(f"{what} must be 0 or more, not {float(found[~(found >= 0)].flat[0]):g}")
    return found
