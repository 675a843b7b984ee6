"""Pods that come, crash and go, and which scrapes of them succeed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alertlab.units import HOUR_MS, MINUTE_MS
from auth_service.scenario.events import Effects, random_stream
from auth_service.scenario.model import Scenario
from auth_service.scenario.parts import Crashing, Unreachable
from auth_service.scenario.traffic import local_hour_and_weekday

_ROLL_MS = 45_000  # a rolling update replaces one pod after the other
_AUTOSCALER_DELAY_MS = 20 * MINUTE_MS
_NAME_LETTERS = list("bcdfghjklmnpqrstvwxz2456789")  # Kubernetes avoids vowels in random names


@dataclass(frozen=True)
class Target:
    """One pod as Prometheus sees it, scraped at steps ``first <= k < end``.

    ``offset_ms`` is the moment within each step at which this target is scraped.
    """

    slot: int
    pod: str
    instance: str
    offset_ms: int
    first: int
    end: int


@dataclass(frozen=True)
class Timeline:
    """Everything about the pods over time; a slot is one place of the Deployment.

    targets : in order of slot and time
    life : int, (n_slots, n_steps): number of the process that runs, -1 if none; a new number
        means counters at zero
    serving : bool, same shape: takes requests
    scraped : bool, same shape: the scrape succeeds
    weight : float64, same shape: how much of the traffic a process attracts beside the others
    """

    targets: list[Target]
    life: np.ndarray
    serving: np.ndarray
    scraped: np.ndarray
    weight: np.ndarray

    def share(self) -> np.ndarray:
        """Return the share of the service's requests that each slot gets at each step."""
        attracted = self.weight * self.serving
        total = attracted.sum(axis=0)
        return np.divide(attracted, total, out=np.zeros_like(attracted), where=total > 0)


def pod_timeline(scenario: Scenario, effects: Effects) -> Timeline:
    """Return which pods run, serve and are scraped at each step."""
    rng = random_stream(scenario, "pods")
    wanted = _wanted_replicas(scenario, rng)
    targets = _targets(scenario, wanted, rng)
    shape = (scenario.pods.busy_replicas, scenario.n_steps)
    present = np.zeros(shape, bool)
    starts = np.zeros(shape, bool)
    for target in targets:
        present[target.slot, target.first : target.end] = True
        starts[target.slot, target.first] = True
    crashed = _crashes(scenario, effects, shape)
    restart_steps = -(-scenario.pods.restart // scenario.step)
    down = crashed.copy()
    for later in range(1, restart_steps):
        down[:, later:] |= crashed[:, :-later]
    # A process begins where a pod does and where one comes back from a crash.
    begins = (starts | (np.diff(down.astype(np.int8), axis=1, prepend=0) < 0)) & present & ~down
    running = present & ~down
    life = np.where(running, np.cumsum(begins).reshape(shape) - 1, -1)
    attraction = np.exp(0.06 * rng.standard_normal(int(begins.sum())))
    serving = running & ~cut_off(effects, shape)
    return Timeline(
        targets=targets,
        life=life,
        serving=serving,
        scraped=serving & ~_missed(scenario, shape),
        weight=np.where(running, attraction[life], 0.0),
    )


def _wanted_replicas(scenario: Scenario, rng: np.random.Generator) -> np.ndarray:
    """Return how many pods the autoscaler wants at each step; it is late, each day differently."""
    hour, _ = local_hour_and_weekday(scenario)
    times = scenario.step * np.arange(scenario.n_steps) + scenario.rhythm.utc_offset
    day = times // (24 * HOUR_MS)
    late_hours = rng.uniform(0, _AUTOSCALER_DELAY_MS / HOUR_MS, (2, scenario.days + 2))
    opens, closes = scenario.pods.busy_hours
    busy = (hour >= opens + late_hours[0, day]) & (hour < closes + late_hours[1, day])
    return np.where(busy, scenario.pods.busy_replicas, scenario.pods.replicas)


def _targets(scenario: Scenario, wanted: np.ndarray, rng: np.random.Generator) -> list[Target]:
    """Return the pods of every slot: a new one at each deploy and each time one is wanted again."""
    roll = max(1, _ROLL_MS // scenario.step)
    deploys = sorted((time - scenario.start) // scenario.step for time in scenario.deploys)
    versions = [_random_name(rng, 10) for _ in range(len(deploys) + 1)]
    targets = []
    for slot in range(scenario.pods.busy_replicas):
        replaced = [deploy + slot * roll for deploy in deploys]
        for first, end in _lifetimes(wanted > slot, replaced):
            version = versions[np.searchsorted(replaced, first, "right")]
            targets.append(
                Target(
                    slot,
                    f"auth-service-{version}-{_random_name(rng, 5)}",
                    f"10.42.{rng.integers(0, 4)}.{rng.integers(2, 255)}:9464",
                    int(rng.integers(0, scenario.step)),
                    first,
                    end,
                )
            )
    return targets


def _lifetimes(wanted: np.ndarray, replaced: list[int]) -> Iterator[tuple[int, int]]:
    """Yield (first step, end) of each pod of a slot that is ``replaced`` at some steps."""
    spells = np.flatnonzero(np.diff(wanted, prepend=False, append=False)).reshape(-1, 2)
    for first, end in spells.tolist():
        inside = [step for step in replaced if first < step < end]
        # A step lies between two pods, in which the new one gets ready.
        starts = [first, *(step + 1 for step in inside)]
        yield from ((a, b) for a, b in zip(starts, [*inside, end], strict=True) if a < b)


def _random_name(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(_NAME_LETTERS, length))


def _crashes(scenario: Scenario, effects: Effects, shape: tuple[int, int]) -> np.ndarray:
    crashed = np.zeros(shape, bool)
    for effect, strength in effects.of(Crashing):
        every = max(1, effect.every // scenario.step)
        spells = np.flatnonzero(np.diff(strength > 0, prepend=False, append=False)).reshape(-1, 2)
        for first, end in spells:
            for slot in range(min(effect.pods, shape[0])):
                # Pods do not crash in step with each other.
                crashed[slot, first + slot * every // shape[0] : end : every] = True
    return crashed


def cut_off(effects: Effects, shape: tuple[int, int]) -> np.ndarray:
    """Return whether the node under each slot has lost its network; bool (n_slots, n_steps)."""
    lost = np.zeros(shape, bool)
    for effect, strength in effects.of(Unreachable):
        lost[: effect.pods] |= strength > 0
    return lost


def _missed(scenario: Scenario, shape: tuple[int, int]) -> np.ndarray:
    missed = random_stream(scenario, "misses").random(shape) < scenario.scrapes.missed_ratio
    for gap in scenario.scrapes.gaps:
        first = max(0, gap.start - scenario.start) // scenario.step
        last = (gap.start + gap.length - scenario.start) // scenario.step
        missed[: gap.pods, first:last] = True
    return missed
