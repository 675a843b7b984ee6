"""Objectives for the tests of burn-rate alerts."""

from __future__ import annotations

from alertlab.slo.burn_windows import PAGE, TICKET, BurnWindow, WindowTable
from alertlab.slo.events import read_events
from alertlab.slo.objectives import (
    AVAILABILITY,
    LATENCY,
    QUERIES,
    Objective,
    Scope,
    answers_by_code,
    answers_in_time,
)
from alertlab.slo.policies import POLICIES
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS

MONTH_MS = 30 * DAY_MS
SHORT_TABLE = WindowTable(
    "short",
    "these tests",
    DAY_MS,
    (
        BurnWindow(PAGE, 0.2, 20 * MINUTE_MS, 2 * MINUTE_MS, 14.4),
        BurnWindow(PAGE, 0.25, HOUR_MS, 5 * MINUTE_MS, 6.0),
        BurnWindow(TICKET, 0.3, 3 * HOUR_MS, 20 * MINUTE_MS, 2.4, 10 * MINUTE_MS),
    ),
)
"""Windows of minutes, so that histories are short."""


def availability(
    name: str = "login-availability",
    target: float = 0.999,
    *,
    method: str = "Login",
    policy: str = "server-fault",
    **more: object,
) -> Objective:
    """Return an objective on the codes of a method."""
    answers = answers_by_code(Scope(method=method), POLICIES[policy])
    return Objective(
        name, AVAILABILITY, target, method=method, policy=policy, **answers._asdict(), **more
    )


def latency(
    name: str = "login-latency", target: float = 0.99, seconds: float = 0.25, **more: object
) -> Objective:
    """Return an objective on the latency of Login."""
    answers = answers_in_time(Scope(method="Login"), seconds)
    return Objective(name, LATENCY, target, method="Login", **answers._asdict(), **more)


def of_queries(name: str, total: str, bad: str, target: float = 0.99, **more: object) -> Objective:
    """Return an objective on two queries."""
    return Objective(name, QUERIES, target, read_events(total), read_events(bad), **more)
