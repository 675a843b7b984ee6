"""One day of one pod's slot as counted requests: chance applied to what was expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alertlab.units import SECOND_MS
from auth_service.metrics import HANDLING_BUCKETS_SECONDS, VALIDATION_BUCKETS_SECONDS
from auth_service.scenario.events import Effects, join_shares, random_stream
from auth_service.scenario.latency import Spread, observed_sum, spread
from auth_service.scenario.model import Scenario
from auth_service.scenario.pods import Timeline
from auth_service.scenario.traffic import expected_requests

_HASHING = ("CreateUser", "Login")  # methods that compute a password hash
_HIGHEST_USE = 0.96  # of the hash workers; beyond it the queue would grow without end


@dataclass(frozen=True)
class Counted:
    """What one slot counted of one method in each step of a day.

    started : int64, (n_steps,): calls that began
    outcomes : outcome -> int64, (n_steps,): calls that ended, by how
    buckets : int64, (n_steps, n_edges + 1): their latencies, not cumulative
    seconds : float64, (n_steps,): the sum of their latencies
    """

    started: np.ndarray
    outcomes: dict[str, np.ndarray]
    buckets: np.ndarray
    seconds: np.ndarray


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
        totals = {method: sum(by_outcome.values()) for method, by_outcome in rates.items()}
        use = sum(totals[m] for m in _HASHING) / self._scenario.latency.hashes_per_second
        cold_share = self._cold_share(sum(totals.values()))
        return {
            method: self._count(method, day, slot, rates[method], use, cold_share)
            for method in rates
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
        return _draw_latencies(rng, calls, cut, VALIDATION_BUCKETS_SECONDS)

    def _count(
        self,
        method: str,
        day: int,
        slot: int,
        rates: dict[str, np.ndarray],
        use: np.ndarray,
        cold_share: np.ndarray,
    ) -> Counted:
        latency, steps = self._scenario.latency, self._steps(day)
        rng = random_stream(self._scenario, "counts", day, slot, method)
        total = sum(rates.values())
        shares, waits = self._waiting[slot, method]
        waiting, wait_ms = join_shares(
            len(total), [(shares[steps], waits[steps]), (cold_share, latency.cold_start.wait)]
        )
        stretch = _queueing(use) if method in _HASHING else np.ones_like(use)
        cut = spread(
            HANDLING_BUCKETS_SECONDS,
            latency.methods[method],
            load_factor=stretch,
            waiting_share=waiting,
            wait_ms=wait_ms,
            wait_sigma=latency.wait_sigma,
        )
        started = self._arrivals(rng, total)
        mean_seconds = (cut.probability * cut.mean_seconds).sum(axis=1)
        unfinished = np.minimum(1.0, mean_seconds * SECOND_MS / self._scenario.step)
        # Little's law: as many calls are in flight at a scrape as arrive during one call.
        in_flight = rng.binomial(started, unfinished)
        handled = started - in_flight + self._from_step_before(slot, method, steps, in_flight)
        shares_by_outcome = np.stack(list(rates.values()), axis=1)
        shares_by_outcome[total <= 0] = 1.0  # nothing to split, but it must sum to 1
        shares_by_outcome /= shares_by_outcome.sum(axis=1, keepdims=True)
        ended = rng.multinomial(handled, shares_by_outcome)
        buckets, seconds = _draw_latencies(rng, handled, cut, HANDLING_BUCKETS_SECONDS)
        return Counted(started, dict(zip(rates, ended.T, strict=True)), buckets, seconds)

    def _arrivals(self, rng: np.random.Generator, per_second: np.ndarray) -> np.ndarray:
        """Draw a negative binomial per step: variance = mean + dispersion * mean^2."""
        mean = per_second * self._scenario.step / SECOND_MS
        dispersion = self._scenario.rhythm.dispersion
        if dispersion:
            mean = mean * rng.gamma(1 / dispersion, dispersion, len(mean))
        return rng.poisson(mean)

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


def _queueing(use: np.ndarray) -> np.ndarray:
    """Return how much longer a hash takes at a utilisation of the workers.

    It lies between one worker's 1 + u / (1 - u) and two workers' 1 + u^2 / (1 - u^2) (M/M/c).
    """
    use = np.minimum(use, _HIGHEST_USE)
    return 1 + use**2 / (1 - use)


def _draw_latencies(
    rng: np.random.Generator,
    calls: np.ndarray,
    cut: Spread,
    edges_seconds: tuple[float, ...],
) -> tuple[np.ndarray, np.ndarray]:
    buckets = rng.multinomial(calls, cut.probability)
    return buckets, observed_sum(rng, buckets, edges_seconds, cut.mean_seconds)
