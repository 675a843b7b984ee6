"""A tiny scenario: the committed one's regular life, two days long, with events of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from alertlab.frame import Series
from auth_service.scenario import Scenario, recorded_days

ROOT = Path(__file__).resolve().parents[3]

EVENTS: dict[str, Any] = {
    "deploys": ["2026-03-02T06:00:00Z"],
    "scrapes": {
        "missed_ratio": 0.001,
        "gaps": [{"start": "2026-03-02T08:00:00Z", "length": "3m", "pods": 1}],
    },
    "incidents": [
        {
            "id": "stuffing",
            "start": "2026-03-02T12:00:00Z",
            "length": "1h",
            "severity": "warning",
            "should_alert": ["HighLoginFailureRate"],
            "note": "Leaked credentials.",
            "effects": [
                {
                    "effect": "requests",
                    "method": "Login",
                    "per_second": 30,
                    "outcomes": {"unknown_user": 1.0},
                }
            ],
        },
        {
            "id": "slow-store",
            "start": "2026-03-03T03:00:00Z",
            "length": "1h",
            "severity": "critical",
            "should_alert": ["HighGRPCResponseTime"],
            "note": "The store waits.",
            "effects": [
                {"effect": "slow", "methods": ["ValidateToken"], "share": 0.5, "wait": "1s"}
            ],
        },
        {
            "id": "lost-node",
            "start": "2026-03-03T06:00:00Z",
            "length": "10m",
            "severity": "critical",
            "should_alert": ["TargetDown"],
            "note": "A pod answers nobody.",
            "effects": [{"effect": "unreachable", "pods": 1}],
        },
        {
            "id": "no-pages",
            "start": "2026-03-03T10:00:00Z",
            "length": "4h",
            "severity": "critical",
            "should_alert": ["AlertmanagerNotificationsFailing"],
            "note": "PagerDuty refuses.",
            "effects": [{"effect": "undelivered", "integration": "pagerduty", "share": 1.0}],
        },
    ],
    "look_alikes": [
        {
            "id": "restart",
            "start": "2026-03-02T10:00:00Z",
            "length": "1m",
            "note": "One pod is killed for its memory.",
            "effects": [{"effect": "crashing", "pods": 1, "every": "1h"}],
        },
    ],
}


def scenario_content(**changes: Any) -> dict[str, Any]:
    """Return the tiny scenario as its YAML file would hold it, with some keys replaced."""
    base = YAML(typ="safe").load((ROOT / "data/scenarios/auth-28d.yaml").read_text("utf-8"))
    return base | {"days": 2, "step": "60s", "seed": 7} | EVENTS | changes


@pytest.fixture(scope="session")
def content_of() -> Callable[..., dict[str, Any]]:
    """A function that returns the tiny scenario's content with some keys replaced."""
    return scenario_content


@pytest.fixture(scope="session")
def scenario_of() -> Callable[..., Scenario]:
    """A function that returns the tiny scenario with some keys replaced."""
    return lambda **changes: Scenario.model_validate(scenario_content(**changes))


@pytest.fixture(scope="session")
def tiny(scenario_of: Callable[..., Scenario]) -> Scenario:
    """The tiny scenario as it is."""
    return scenario_of()


@pytest.fixture(scope="session")
def tiny_days(tiny: Scenario) -> list[list[Series]]:
    """What the tiny scenario records, day by day."""
    return list(recorded_days(tiny))
