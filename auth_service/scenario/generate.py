"""From a scenario to a recording and the incidents that belong to it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from alertlab.frame import Series
from alertlab.sources.recording import RecordingWriter
from alertlab.units import format_time
from auth_service.scenario.events import Effects
from auth_service.scenario.exposition import SlotExposition, counter_rows
from auth_service.scenario.model import Scenario
from auth_service.scenario.monitors import Monitors
from auth_service.scenario.platform import Platform
from auth_service.scenario.pods import pod_timeline
from auth_service.scenario.sampling import Sampler


def recorded_days(scenario: Scenario) -> Iterator[list[Series]]:
    """Yield what Prometheus would have stored, one list of series for each UTC day."""
    effects = Effects(scenario)
    timeline = pod_timeline(scenario, effects)
    sampler = Sampler(scenario, effects, timeline)
    monitors = Monitors(scenario, effects)
    platform = Platform(scenario, effects, timeline)
    slots = [
        SlotExposition(scenario, timeline, slot) for slot in range(scenario.pods.busy_replicas)
    ]
    for day in range(scenario.days):
        series = list(monitors.day(day))
        counted = [sampler.counted(day, number) for number in range(len(slots))]
        exported = platform.of_pods(day, counted)
        for number, (slot, (counters, gauges)) in enumerate(zip(slots, exported, strict=True)):
            calls = counted[number]["ValidateToken"].buckets.sum(axis=1)
            validations = sampler.validations(day, number, calls)
            rows = counter_rows(counted[number], validations)
            series += slot.day(day, [*rows, *counters], gauges)
        series += platform.of_exporters(day, counted)
        yield series


def write_recording(
    scenario: Scenario, path: str | os.PathLike[str], after_day: Callable[[], Any] = lambda: None
) -> None:
    """Write the scenario's recording to a folder; ``after_day`` is called after each day."""
    origin = (
        f"Synthetic: {scenario.title}, invented by auth_service.scenario with seed "
        f"{scenario.seed}; nothing in it was observed in production."
    )
    with RecordingWriter(
        path, origin=origin, scrape_interval_ms=scenario.step, synthetic=True
    ) as writer:
        for series in recorded_days(scenario):
            writer.add_day(series)
            after_day()


def incidents_of(scenario: Scenario) -> list[dict[str, Any]]:
    """Return the labelled incidents, in order of time; look-alikes are none."""
    return [
        {
            "id": one.id,
            "start": format_time(one.start),
            "end": format_time(one.start + one.length),
            "severity": one.severity,
            "should_alert": list(one.should_alert),
            "note": one.note,
        }
        for one in sorted(scenario.incidents, key=lambda one: one.start)
    ]


def write_incidents(scenario: Scenario, path: str | os.PathLike[str], made_from: str) -> None:
    """Write the incidents as YAML; ``made_from`` names the scenario in its first line."""
    yaml = YAML()
    yaml.width = 100
    text = io.StringIO()
    text.write(f"# Incidents of the synthetic recording made from {made_from}.\n")
    text.write("# Generated with it: change the scenario, not this file.\n")
    yaml.dump(incidents_of(scenario), text)
    temporary = Path(f"{path}.part")
    temporary.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(text.getvalue(), encoding="utf-8")
    temporary.replace(path)
