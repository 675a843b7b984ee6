"""What a pod tells of its hash workers: those at work, the queue, the times of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alertlab.units import SECOND_MS
from auth_service import metrics
from auth_service.scenario.events import Effects, random_stream
from auth_service.scenario.exposition import Rows, histogram_rows
from auth_service.scenario.latency import draw_latencies, spread
from auth_service.scenario.model import Scenario
from auth_service.scenario.parts import Lognormal
from auth_service.scenario.queueing import HIGHEST_USE, Queued, look, wait_spread
from auth_service.scenario.sampling import HASHING, Counted


@dataclass(frozen=True)
class HashWork:
    """A slot's hashes on one day.

    hashes : int64, (n_steps,): computed
    busy : int64, same shape: workers at work at the scrape
    counters, gauges : what the pod exports of them
    """

    hashes: np.ndarray
    busy: np.ndarray
    counters: Rows
    gauges: Rows


class HashWorkers:
    """Draws what the hash workers of each slot do with the calls that were counted."""

    def __init__(self, scenario: Scenario, effects: Effects) -> None:
        self._scenario = scenario
        self._workers = scenario.hash_workers
        self._slowed = {
            (slot, method): effects.waiting(method, slot, where=("cpu",))
            for slot in range(scenario.pods.busy_replicas)
            for method in HASHING
        }

    def day(self, day: int, slot: int, counted: dict[str, Counted]) -> HashWork:
        """Return a slot's day; a login that the store fails ends before its hash."""
        rng = random_stream(self._scenario, "hashes", day, slot)
        n_hashes, busy_seconds, waiters = 0, 0.0, []
        buckets, seconds, wait_buckets, wait_seconds = 0, 0.0, 0, 0.0
        for method in HASHING:
            one = counted[method]
            hashes = sum(n for outcome, n in one.outcomes.items() if outcome != "internal")
            cut = self._work_spread(day, slot, method)
            drawn = draw_latencies(rng, hashes, cut, metrics.HASH_BUCKETS_SECONDS)
            buckets, seconds = buckets + drawn[0], seconds + drawn[1]
            waits = wait_spread(metrics.HASH_WAIT_BUCKETS_SECONDS, one.queued)
            drawn = draw_latencies(rng, hashes, waits, metrics.HASH_WAIT_BUCKETS_SECONDS)
            wait_buckets, wait_seconds = wait_buckets + drawn[0], wait_seconds + drawn[1]
            n_hashes = n_hashes + hashes
            busy_seconds = busy_seconds + hashes * (cut.probability * cut.mean_seconds).sum(axis=1)
            waiters.append((hashes, one.queued))
        busy, waiting = self._look(rng, n_hashes, busy_seconds, _joined(waiters))
        size = np.full(len(busy), float(self._workers.workers))
        return HashWork(
            n_hashes,
            busy,
            [
                *histogram_rows(
                    metrics.HASH_SECONDS, metrics.HASH_BUCKETS_SECONDS, buckets, seconds
                ),
                *histogram_rows(
                    metrics.HASH_WAIT_SECONDS,
                    metrics.HASH_WAIT_BUCKETS_SECONDS,
                    wait_buckets,
                    wait_seconds,
                ),
            ],
            [
                ({"__name__": metrics.HASH_WORKERS}, size),
                ({"__name__": metrics.HASH_WORKERS_BUSY}, busy.astype(np.float64)),
                ({"__name__": metrics.HASH_QUEUE_LENGTH}, waiting.astype(np.float64)),
            ],
        )

    def _work_spread(self, day: int, slot: int, method: str):
        """Return the distribution of one hash's time, which a CPU that others take prolongs."""
        sigma = self._workers.service_sigma
        mean_ms = SECOND_MS * self._workers.workers / self._scenario.latency.hashes_per_second
        steps = slice(day * self._scenario.steps_per_day, (day + 1) * self._scenario.steps_per_day)
        share, wait_ms = self._slowed[slot, method]
        return spread(
            metrics.HASH_BUCKETS_SECONDS,
            [Lognormal(share=1.0, median_ms=mean_ms / np.exp(sigma**2 / 2), sigma=sigma)],
            load_factor=np.ones(self._scenario.steps_per_day),
            waiting_share=share[steps],
            wait_ms=wait_ms[steps],
            wait_sigma=self._scenario.latency.wait_sigma,
        )

    def _look(
        self, rng: np.random.Generator, hashes: np.ndarray, busy_seconds: np.ndarray, queued: Queued
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the workers at work and the hashes that wait at each scrape."""
        step_seconds = self._scenario.step / SECOND_MS
        most = HIGHEST_USE * self._workers.workers
        load = np.minimum(busy_seconds / step_seconds, most)
        return look(rng, self._workers.workers, load, queued, hashes / step_seconds)


def _joined(waiters: list[tuple[np.ndarray, Queued]]) -> Queued:
    """Return the queue of several methods' hashes together: as many wait, as long in sum."""
    hashes = sum(n for n, _ in waiters)
    waiting = sum(n * queued.share for n, queued in waiters)
    total = sum(n * queued.share * queued.mean_seconds for n, queued in waiters)
    nothing = np.zeros(len(hashes))
    return Queued(
        np.divide(waiting, hashes, out=nothing.copy(), where=hashes > 0),
        np.divide(total, waiting, out=nothing, where=waiting > 0),
    )
