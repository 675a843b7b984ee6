"""What Alertmanager does in odd cases, by hand; the judge plays the same scenarios to real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_alertmanager import ALERTS_SECONDS, LOG_SECONDS
from live_scenarios import SECONDS, Scenario, configuration, receivers_at
from shown_scenarios import SHOWN, told_by

from alertlab.notify import load_alertmanager, simulate_notifications
from alertlab.notify.upkeep import Upkeep
from alertlab.units import SECOND_MS, LabelSet


@pytest.mark.parametrize("version", ["0.25", "0.31.1", "0.34.2"])
@pytest.mark.parametrize(("scenario", "told"), SHOWN, ids=[scenario.label for scenario, _ in SHOWN])
def test_what_is_told(
    tmp_path: Path, scenario: Scenario, told: dict[str, str], version: str
) -> None:
    """Time, integration, reason and alerts are those worked out by hand."""
    file = tmp_path / "alertmanager.yml"
    receivers = receivers_at("http://localhost", "localhost:25")
    file.write_text(json.dumps(configuration([scenario], 0, receivers, "")))
    rows = simulate_notifications(
        scenario.episodes(0),
        load_alertmanager(file, version=version),
        end_ms=SECONDS * SECOND_MS,
        sending=scenario.sending(),
        silences=scenario.silenced(0),
        upkeep=Upkeep(
            log_interval_ms=LOG_SECONDS * SECOND_MS, alerts_interval_ms=ALERTS_SECONDS * SECOND_MS
        ),
    )
    found = [
        (one.at.timestamp(), one.integration, one.reason, _short(one.firing), _short(one.resolved))
        for one in rows.itertuples()
    ]
    assert sorted(found) == told_by(version, told)


def _short(alerts: tuple[LabelSet, ...]) -> str:
    parts = [dict(labels) for labels in alerts]
    names = [[one[name] for name in ("alertname", "pod") if name in one] for one in parts]
    return " ".join(sorted(map(".".join, names)))
