"""What to send and when: an open-loop schedule, fixed before the first call.

Open loop means that a slow answer does not delay the next call, as with real users; a closed
loop would hide the queue that a slow service builds up.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from alertlab.errors import BadInput

WRONG_PASSWORD = "wrong_password"
UNKNOWN_USER = "unknown_user"
# Stuffed credentials come from other sites' leaks: most usernames exist here, some do not.
UNKNOWN_USER_SHARE_RATIO = 0.2


class FailureBurst(NamedTuple):
    """Extra failing logins from ``start_seconds`` after the beginning of the load."""

    start_seconds: float
    duration_seconds: float
    rate_per_second: float


class SlowSpell(NamedTuple):
    """A time in which every store transaction takes ``delay_ms`` longer."""

    start_seconds: float
    duration_seconds: float
    delay_ms: float


class Step(NamedTuple):
    """One call to send: when, what, and the index of the burst it belongs to, if any."""

    offset_seconds: float
    action: str
    burst: int | None = None


@dataclass(frozen=True)
class Load:
    """A load to drive; ``rates_per_second`` is per action (a method of ``drive.Driver``).

    Raises BadInput for a spell outside the run, and for slow spells that overlap.
    """

    duration_seconds: float
    users: int
    rates_per_second: Mapping[str, float]
    failed_logins_per_second: float
    failure_bursts: tuple[FailureBurst, ...]
    slow_spells: tuple[SlowSpell, ...]
    seed: int

    def __post_init__(self) -> None:
        for spell in (*self.failure_bursts, *self.slow_spells):
            if spell.start_seconds + spell.duration_seconds > self.duration_seconds:
                raise BadInput(
                    f"the spell {':'.join(f'{part:g}' for part in spell)} ends after "
                    f"--duration {self.duration_seconds:g}"
                )
        ordered = sorted(self.slow_spells)
        for before, after in itertools.pairwise(ordered):
            if after.start_seconds < before.start_seconds + before.duration_seconds:
                raise BadInput("slow spells must not overlap: they share one fault file")


def schedule(load: Load) -> list[Step]:
    """Return the calls of a load in order of time: Poisson arrivals, the same for a seed."""
    rng = np.random.default_rng(load.seed)
    steps = [
        Step(offset, action)
        for action, rate in load.rates_per_second.items()
        for offset in _arrivals(rng, 0.0, load.duration_seconds, rate)
    ]
    steps += _failed_logins(rng, 0.0, load.duration_seconds, load.failed_logins_per_second, None)
    for index, burst in enumerate(load.failure_bursts):
        steps += _failed_logins(rng, *burst, index)
    return sorted(steps, key=lambda step: step.offset_seconds)


def _failed_logins(
    rng: np.random.Generator, start: float, duration: float, rate: float, burst: int | None
) -> list[Step]:
    offsets = _arrivals(rng, start, duration, rate)
    unknown = rng.random(len(offsets)) < UNKNOWN_USER_SHARE_RATIO
    return [
        Step(offset, UNKNOWN_USER if is_unknown else WRONG_PASSWORD, burst)
        for offset, is_unknown in zip(offsets, unknown, strict=True)
    ]


def _arrivals(rng: np.random.Generator, start: float, duration: float, rate: float) -> list[float]:
    count = rng.poisson(rate * duration)
    return (start + duration * rng.random(count)).tolist()
