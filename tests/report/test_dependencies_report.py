"""The report on what stands behind the service: its sentences, tables and charts."""

from __future__ import annotations

import numpy as np
import pytest

from alertlab.capacity.dependencies import Line, Watched
from alertlab.capacity.signals import RATIO, SECONDS, Signal
from alertlab.incidents import no_incidents
from alertlab.incidents.table import incident_table
from alertlab.report import answers, figures
from alertlab.units import MINUTE_MS, parse_time

START_MS = parse_time("2026-03-02T00:00:00Z")
SHARE = Signal("PostgreSQL", "connections", RATIO, "a", bound=0.8)
TIME = Signal("PostgreSQL", "query time", SECONDS, "b", bound=0.05)
LAG = Signal("Kafka", "lag", SECONDS, "c", bound=60)
INCIDENTS = incident_table(
    [("leak", START_MS + 20 * MINUTE_MS, START_MS + 40 * MINUTE_MS, "critical", None, "")]
)


def _watched(signal: Signal, *values: float) -> Watched:
    times = START_MS + 10 * MINUTE_MS * np.arange(1, len(values) + 1)
    lines = (Line(signal.name, np.array(values)),) if values else ()
    return Watched(signal, signal.expr, times, 10 * MINUTE_MS, lines)


LEAKING = _watched(SHARE, 0.5, 0.6, 0.9, 0.85, 0.5)
SLOW = _watched(TIME, 0.004, 0.2, 0.004, 0.004, 0.3)
FINE = _watched(LAG, 1.0, 2.0, 3.0, 2.0, 1.0)


def test_the_answer_names_parts_and_incidents():
    """Each part has its line; what an incident explains is said with its name."""
    text = answers.dependencies_answer([LEAKING, SLOW, FINE], INCIDENTS)
    assert "Kafka: all within bounds." in text
    assert "connections was above 80% for 20m in 1 spell, at worst 90% at 2026-03-02 00:30" in text
    assert "(all of it in leak)" in text
    assert "query time was above 50 ms for 20m in 2 spells, at worst 300 ms" in text
    nothing = answers.dependencies_answer([_watched(LAG)], no_incidents())
    assert nothing == "Kafka: nothing is known; the source has none of its metrics."


def test_findings_tell_news_from_what_is_known():
    """A spell outside all incidents is a warning, one inside is not; missing data are said."""
    found = answers.dependencies_findings([LEAKING, SLOW, _watched(LAG)], INCIDENTS)
    by_id = {one.id.split(".")[0] + "." + one.id.split(".")[1]: one for one in found}
    assert [one.severity for one in found] == ["info", "warning", "info"]
    assert {one.split(".")[0] for one in by_id} == {"beyond", "no-data"}
    gaps = answers.dependencies_findings([_watched(LAG, 1, np.nan, 1)], INCIDENTS)
    assert "known for 66.7% of the time only" in gaps[0].title
    assert answers.dependencies_findings([FINE], INCIDENTS)[0].severity == "ok"


def test_tables_show_units_bounds_and_spells():
    """Ratios are percentages, seconds are times, and the longest spells stand in order of time."""
    table = answers.signals_table([LEAKING, SLOW, _watched(LAG)])
    assert table["median"].tolist() == ["60%", "4 ms", "–"]
    assert table["should be"].tolist() == ["at most 80%", "at most 50 ms", "at most 1m"]
    assert table["time beyond"].tolist() == ["20m", "20m", "0s"]
    spells = answers.spells_beyond_table([LEAKING, SLOW], INCIDENTS)
    assert spells["from (UTC)"].tolist() == sorted(spells["from (UTC)"])
    assert spells["incident"].tolist() == ["leak", "leak", "–"]
    assert answers.spells_beyond_table([FINE], INCIDENTS).empty


def test_numbers_are_by_part_and_signal():
    """Machines read medians, extremes and the known share; unknown is no number."""
    numbers = answers.dependencies_numbers([LEAKING, _watched(LAG)])
    assert numbers["PostgreSQL"]["connections"]["highest"] == 0.9
    assert numbers["PostgreSQL"]["connections"]["spells"] == 1
    assert numbers["Kafka"]["lag"]["known_ratio"] == 0
    assert np.isnan(numbers["Kafka"]["lag"]["median"])


def test_a_panel_for_each_signal():
    """Bounds are drawn as lines, ratios on an axis of percentages, missing data as words."""
    watched = [LEAKING, SLOW, _watched(LAG, *[np.nan] * 5)]
    figure = figures.signals_over_time(watched, INCIDENTS, "UTC")
    assert len(figure.axes) == 3
    first = figure.axes[0]
    assert first.get_title(loc="left") == "connections"
    assert any(line.get_ydata()[0] == pytest.approx(0.8) for line in first.lines[1:])
    assert "query time [s]" in figure.axes[1].get_title(loc="left")
    alt = figures.signals_over_time_alt([LEAKING, _watched(LAG)])
    assert "connections: at most 90%, 1 times beyond its bound" in alt
    assert "lag: no data" in alt
