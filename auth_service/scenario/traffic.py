"""How many requests of which kind are to be expected at each step, before any chance."""

from __future__ import annotations

import numpy as np

from alertlab.units import DAY_MS, HOUR_MS, WEEK_MS
from auth_service.scenario.events import Effects, random_stream, swing
from auth_service.scenario.model import Scenario
from auth_service.scenario.parts import OUTCOMES, Failing, Requests, Traffic

_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


def local_hour_and_weekday(scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """Return the users' hour of day [h, with fraction] and weekday (Monday 0) at each step."""
    times = scenario.start + scenario.step * np.arange(scenario.n_steps)
    local = times + scenario.rhythm.utc_offset
    return (local % DAY_MS) / HOUR_MS, (local // DAY_MS + _EPOCH_WEEKDAY) % 7


def rhythm(scenario: Scenario) -> np.ndarray:
    """Return the regular traffic as a ratio of the first week's peak at each step."""
    hour, weekday = local_hour_and_weekday(scenario)
    hours = scenario.rhythm.hours
    by_hour = np.interp(hour, np.arange(25), [*hours, hours[0]])
    drift = scenario.rhythm.drift
    random = swing(
        random_stream(scenario, "drift"),
        scenario.n_steps,
        scenario.step,
        drift.sigma,
        drift.correlation,
    )
    weeks = scenario.step * np.arange(scenario.n_steps) / WEEK_MS
    growth = (1 + scenario.rhythm.growth_per_week) ** weeks
    return by_hour * np.asarray(scenario.rhythm.weekdays)[weekday] * random * growth


def expected_requests(scenario: Scenario, effects: Effects) -> dict[str, dict[str, np.ndarray]]:
    """Return requests/s of the whole service: method -> outcome -> shape (n_steps,).

    Only the outcomes that occur in the scenario are listed.
    """
    level = rhythm(scenario)
    return {name: _by_outcome(scenario, effects, name, level) for name in scenario.methods}


def _by_outcome(
    scenario: Scenario, effects: Effects, name: str, level: np.ndarray
) -> dict[str, np.ndarray]:
    method = scenario.methods[name]
    regular = method.peak_per_second * level
    for effect, strength in effects.of(Traffic):
        if name in effect.methods:
            regular = regular * (1 + (effect.factor - 1) * strength)
    rates = {outcome: regular * share for outcome, share in method.outcomes.items() if share}
    for effect, strength in effects.of(Failing):
        if effect.method == name:
            share = np.clip(effect.share * strength, 0.0, 1.0)
            rates = {outcome: rate * (1 - share) for outcome, rate in rates.items()}
            rates[effect.outcome] = rates.get(effect.outcome, 0.0) + regular * share
    for effect, strength in effects.of(Requests):
        if effect.method == name:
            for outcome, share in effect.outcomes.items():
                rates[outcome] = rates.get(outcome, 0.0) + effect.per_second * share * strength
    return {outcome: rates[outcome] for outcome in OUTCOMES[name] if outcome in rates}
