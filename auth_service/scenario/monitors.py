"""What Prometheus records of itself and of Alertmanager: ``up`` and the sent notifications."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alertlab.frame import Series
from alertlab.units import HOUR_MS, label_set
from auth_service.scenario.events import Effects, random_stream
from auth_service.scenario.model import Scenario
from auth_service.scenario.parts import INTEGRATIONS

NOTIFICATIONS = "alertmanager_notifications_total"
NOTIFICATIONS_FAILED = "alertmanager_notifications_failed_total"

_PROMETHEUS = {"job": "prometheus", "instance": "localhost:9090"}
_ALERTMANAGER = {
    "job": "alertmanager",
    "instance": "alertmanager.monitoring.svc.cluster.local:9093",
}


class Monitors:
    """The series of the monitoring itself, for the whole scenario."""

    def __init__(self, scenario: Scenario, effects: Effects) -> None:
        rng = random_stream(scenario, "monitors")
        n_steps = scenario.n_steps
        self._grid = scenario.start + scenario.step * np.arange(n_steps)
        self._steps_per_day = scenario.steps_per_day
        self._offset_ms = {
            target["job"]: int(rng.integers(0, scenario.step))
            for target in (_PROMETHEUS, _ALERTMANAGER)
        }
        up = np.ones(n_steps)
        self._rows: list[tuple[dict[str, str], np.ndarray]] = [
            ({"__name__": "up", **_PROMETHEUS}, up),
            ({"__name__": "up", **_ALERTMANAGER}, up),
        ]
        for integration in INTEGRATIONS:
            per_step = scenario.notifications_per_hour[integration] * scenario.step / HOUR_MS
            sent = rng.poisson(per_step, n_steps)
            failed = rng.binomial(sent, effects.undelivered(integration))
            for name, added in ((NOTIFICATIONS, sent), (NOTIFICATIONS_FAILED, failed)):
                labels = {"__name__": name, "integration": integration, **_ALERTMANAGER}
                self._rows.append((labels, np.cumsum(added).astype(np.float64)))

    def day(self, day: int) -> Iterator[Series]:
        """Yield the series of one day."""
        steps = slice(day * self._steps_per_day, (day + 1) * self._steps_per_day)
        for labels, values in self._rows:
            times = self._grid[steps] + self._offset_ms[labels["job"]]
            yield Series(label_set(labels), times, values[steps])
