"""How strong each event is over time, and what all of them together add to the regular life."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.signal import lfilter

from alertlab.units import MINUTE_MS
from auth_service.scenario.model import Event, Scenario
from auth_service.scenario.parts import Effect, Slow, Undelivered

_FALLEN = 6  # time constants after which a decaying event has ended: e^-6 is 0.25 %
_UNSTEADY_CORRELATION_MS = 8 * MINUTE_MS


def random_stream(scenario: Scenario, *purpose: int | str) -> np.random.Generator:
    """Return the random numbers of one purpose, the same ones for the same scenario's seed.

    Each purpose has its own stream, so that a new event does not reshuffle everything else.
    """
    words = [int.from_bytes(p.encode(), "big") if isinstance(p, str) else p for p in purpose]
    return np.random.default_rng([scenario.seed, *words])


def swing(
    rng: np.random.Generator, n_steps: int, step_ms: int, sigma: float, correlation_ms: int
) -> np.ndarray:
    """Return a random factor around 1 per step: the exponential of an Ornstein-Uhlenbeck path.

    ``sigma`` is the standard deviation of its logarithm; shape (n_steps,).
    """
    memory = np.exp(-step_ms / max(correlation_ms, step_ms))
    shocks = rng.standard_normal(n_steps) * np.sqrt(1 - memory**2)
    shocks[0] = rng.standard_normal()
    return np.exp(sigma * lfilter([1.0], [1.0, -memory], shocks))


def strength(event: Event, scenario: Scenario) -> np.ndarray:
    """Return an event's strength at each step: 0 outside, 1 at its height; shape (n_steps,)."""
    times = scenario.start + scenario.step * np.arange(scenario.n_steps)
    total = np.zeros(scenario.n_steps)
    for start in event.starts:
        first, last = np.searchsorted(times, [start, start + event.length + _FALLEN * event.fall])
        since = times[first:last] - start
        rising = np.minimum(1.0, (since + scenario.step) / max(event.rise, scenario.step))
        over = np.maximum(0, since - event.length)
        total[first:last] += rising * np.exp(-over / max(event.fall, 1))
    if event.unsteady:
        rng = random_stream(scenario, "event", event.id)
        total *= swing(rng, len(total), scenario.step, event.unsteady, _UNSTEADY_CORRELATION_MS)
    return total


class Effects:
    """All effects of a scenario's events with their strengths over time."""

    def __init__(self, scenario: Scenario) -> None:
        self._active: list[tuple[Effect, np.ndarray]] = [
            (effect, level)
            for event in scenario.events
            for level in [strength(event, scenario)]
            for effect in event.effects
        ]
        self._n_steps = scenario.n_steps

    def of(self, kind: type) -> Iterator[tuple[Any, np.ndarray]]:
        """Yield the effects of one kind and their strengths, each of shape (n_steps,)."""
        return ((effect, level) for effect, level in self._active if isinstance(effect, kind))

    def waiting(
        self, method: str, slot: int, where: Sequence[str] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the share of a method's calls that wait on a slot, and their median wait [ms].

        ``where`` restricts it to what is slow there.
        """
        return join_shares(
            self._n_steps,
            (
                (effect.share * level, effect.wait)
                for effect, level in self.of(Slow)
                if method in effect.methods
                and (effect.pods is None or slot < effect.pods)
                and (where is None or effect.where in where)
            ),
        )

    def undelivered(self, integration: str) -> np.ndarray:
        """Return the share of an integration's notifications that fail."""
        failing = (
            (effect.share * level, 1)
            for effect, level in self.of(Undelivered)
            if effect.integration == integration
        )
        return join_shares(self._n_steps, failing)[0]


def join_shares(
    n_steps: int, parts: Iterable[tuple[np.ndarray, np.ndarray | float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share that at least one of some independent shares covers, and a mean value.

    Each part is a share per step and the value that it brings; the values are weighted by their
    shares.  Both results have shape (n_steps,); where no share is, the value is 0.
    """
    spared, weights, total = np.ones(n_steps), np.zeros(n_steps), np.zeros(n_steps)
    for unclipped, value in parts:
        share = np.clip(unclipped, 0.0, 1.0)
        spared *= 1 - share
        weights += share
        total += share * value
    return 1 - spared, np.divide(total, weights, out=np.zeros(n_steps), where=weights > 0)
