"""One day of one pod's slot as counted requests: chance applied to what was expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from alertlab.units import SECOND_MS
from auth_service.metrics import HANDLING_BUCKETS_SECONDS, VALIDATION_BUCKETS_SECONDS
from auth_service.scenario.events import Effects, join_shares, random_stream
from auth_service.scenario.latency import AT_ONCE, Delays, draw_latencies, mean_seconds, spread
from auth_service.scenario.model import Scenario
from auth_service.scenario.pods import Timeline
from auth_service.scenario.queueing import Queued, delays, erlang, stretch, stretched
from auth_service.scenario.traffic import expected_requests

HASHING = ("CreateUser", "Login")  # methods that compute a password hash


@dataclass(frozen=True)
class Counted:
    """What one slot counted of one method in each step of a day.

    started : int64, (n_steps,): calls that began
    outcomes : outcome -> int64, (n_steps,): calls that ended, by how
    buckets : int64, (n_steps, n_edges + 1): their latencies, not cumulative
    seconds : float64, (n_steps,): the sum of their latencies
    queued : how they waited for a hash worker, if they need one
    """

    started: np.ndarray
    outcomes: dict[str, np.ndarray]
    buckets: np.ndarray
    seconds: np.ndarray
    queued: Queued | None


class _Arrived(NamedTuple):
    """The calls of one method that came to a slot on a day, and the chance they go on with."""

    rng: np.random.Generator
    rates: dict[str, np.ndarray]  # expected, by outcome [1/s]
    per_second: np.ndarray  # all of them together
    started: np.ndarray


class _HashQueue(NamedTuple):
    """The wait for a hash worker as it is measured, and as it is part of latencies."""

    queued: Queued | None
    load_factor: np.ndarray
    delays: Delays


class Sampler:
    """Draws what every slot counts, one day after the other.

    Days must be asked for in order: calls in flight at midnight end on the next day.
    """

    def __init__(self, scenario: Scenario, effects: Effects, timeline: Timeline) -> None:
        self._scenario = scenario
        self._share = timeline.share()
        self._life = timeline.life
        self._expected = expected_requests(scenario, effects)
        self._waiting = {
            (slot, method): effects.waiting(method, slot)
            for slot in range(len(timeline.life))
            for method in scenario.methods
        }
        self._in_flight: dict[tuple[int, str], int] = {}

    def counted(self, day: int, slot: int) -> dict[str, Counted]:
        """Return what a slot counts on a day, by method."""
        steps = self._steps(day)
        share = self._share[slot, steps]
        rates = {  # of this slot, requests/s
            method: {outcome: rate[steps] * share for outcome, rate in by_outcome.items()}
            for method, by_outcome in self._expected.items()
        }
        arrived = {
            method: self._arrivals(method, day, slot, by_outcome)
            for method, by_outcome in rates.items()
        }
        cold_share = self._cold_share(sum(one.per_second for one in arrived.values()))
        return {
            method: self._count(
                method, day, slot, one, self._hash_queue(method, arrived), cold_share
            )
            for method, one in arrived.items()
        }

    def validations(self, day: int, slot: int, calls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return buckets and sum [s] of the token checks inside the ValidateToken calls."""
        steps = self._steps(day)
        shares, waits = self._waiting[slot, "ValidateToken"]
        cut = spread(
            VALIDATION_BUCKETS_SECONDS,
            self._scenario.latency.validation,
            load_factor=np.ones(len(calls)),
            waiting_share=shares[steps],
            wait_ms=waits[steps],
            wait_sigma=self._scenario.latency.wait_sigma,
        )
        rng = random_stream(self._scenario, "validations", day, slot)
        return draw_latencies(rng, calls, cut, VALIDATION_BUCKETS_SECONDS)

    def _arrivals(self, method: str, day: int, slot: int, rates: dict[str, np.ndarray]) -> _Arrived:
        """Draw a negative binomial per step: variance = mean + dispersion * mean^2."""
        rng = random_stream(self._scenario, "counts", day, slot, method)
        per_second = sum(rates.values())
        mean = per_second * self._scenario.step / SECOND_MS
        dispersion = self._scenario.rhythm.dispersion
        if dispersion:
            mean = mean * rng.gamma(1 / dispersion, dispersion, len(mean))
        return _Arrived(rng, rates, per_second, rng.poisson(mean))

    def _hash_queue(self, method: str, arrived: dict[str, _Arrived]) -> _HashQueue:
        """Return what a method's calls wait for a hash worker, and what that does to latencies."""
        n_steps = len(arrived[method].started)
        if method not in HASHING:
            return _HashQueue(None, np.ones(n_steps), AT_ONCE)
        capacity = self._scenario.latency.hashes_per_second
        workers = self._scenario.hash_workers
        if workers is None or workers.queue == "stretch":
            use = sum(arrived[m].per_second for m in HASHING) / capacity
            seconds = mean_seconds(self._scenario.latency.methods[method])
            return _HashQueue(stretched(use, seconds), stretch(use), AT_ONCE)
        hashes = sum(arrived[m].started for m in HASHING) * SECOND_MS / self._scenario.step
        queued = erlang(
            hashes / capacity,
            workers.workers,
            workers.workers / capacity,
            arrival_cv2=workers.arrival_cv2,
            service_cv2=np.expm1(workers.service_sigma**2),
        )
        return _HashQueue(queued, np.ones(n_steps), delays(queued))

    def _count(
        self,
        method: str,
        day: int,
        slot: int,
        arrived: _Arrived,
        hash_queue: _HashQueue,
        cold_share: np.ndarray,
    ) -> Counted:
        latency, steps = self._scenario.latency, self._steps(day)
        rng, rates, total, started = arrived
        shares, waits = self._waiting[slot, method]
        waiting, wait_ms = join_shares(
            len(total), [(shares[steps], waits[steps]), (cold_share, latency.cold_start.wait)]
        )
        cut = spread(
            HANDLING_BUCKETS_SECONDS,
            latency.methods[method],
            load_factor=hash_queue.load_factor,
            waiting_share=waiting,
            wait_ms=wait_ms,
            wait_sigma=latency.wait_sigma,
            delays=hash_queue.delays,
        )
        mean = (cut.probability * cut.mean_seconds).sum(axis=1)
        unfinished = np.minimum(1.0, mean * SECOND_MS / self._scenario.step)
        # Little's law: as many calls are in flight at a scrape as arrive during one call.
        in_flight = rng.binomial(started, unfinished)
        handled = started - in_flight + self._from_step_before(slot, method, steps, in_flight)
        shares_by_outcome = np.stack(list(rates.values()), axis=1)
        shares_by_outcome[total <= 0] = 1.0  # nothing to split, but it must sum to 1
        shares_by_outcome /= shares_by_outcome.sum(axis=1, keepdims=True)
        ended = rng.multinomial(handled, shares_by_outcome)
        buckets, seconds = draw_latencies(rng, handled, cut, HANDLING_BUCKETS_SECONDS)
        outcomes = dict(zip(rates, ended.T, strict=True))
        return Counted(started, outcomes, buckets, seconds, hash_queue.queued)

    def _from_step_before(
        self, slot: int, method: str, steps: slice, in_flight: np.ndarray
    ) -> np.ndarray:
        """Return the calls in flight at the end of the step before; they die with a process."""
        before = np.append(self._in_flight.get((slot, method), 0), in_flight[:-1])
        self._in_flight[slot, method] = int(in_flight[-1])
        life = self._life[slot]
        same_process = np.diff(life[max(0, steps.start - 1) : steps.stop]) == 0
        before[len(before) - len(same_process) :] *= same_process
        return before

    def _steps(self, day: int) -> slice:
        per_day = self._scenario.steps_per_day
        return slice(day * per_day, (day + 1) * per_day)

    def _cold_share(self, per_second: np.ndarray) -> np.ndarray:
        cold = self._scenario.latency.cold_start
        return cold.share / (1 + per_second / cold.half_at_per_second)
