"""Which number is the knob, on data in which one of them is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab.frame import Series
from alertlab.incidents import INCIDENT_COLUMNS
from alertlab.notify import load_alertmanager
from alertlab.rules import AlertRule
from alertlab.tuning import Tuning, Yardstick, tune_rule
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, label_set

DAYS = 14
END = DAYS * DAY_MS - MINUTE_MS
RULE = AlertRule("A", "m > 5", "g", Path("r.yml"), 1, MINUTE_MS)
ROUTES = """
route: {{receiver: pager, group_by: {group_by}, group_wait: 30s, group_interval: 5m,
  repeat_interval: {repeat}}}
receivers: [{{name: pager, pagerduty_configs: [{{routing_key: k}}]}}]
"""


@pytest.fixture
def tune(memory_source, tmp_path):
    """Tune a rule over pods' values, a sample a minute; incidents at noon of some days."""

    def run(pods: list[np.ndarray], group_by: str = "[alertname]", repeat: str = "4h") -> Tuning:
        path = tmp_path / "alertmanager.yml"
        path.write_text(ROUTES.format(group_by=group_by, repeat=repeat))
        times = np.arange(DAYS * 1440, dtype=np.int64) * MINUTE_MS
        series = [
            Series(label_set({"__name__": "m", "pod": str(i)}), times, values)
            for i, values in enumerate(pods)
        ]
        noons = [day * DAY_MS + 12 * HOUR_MS for day in (1, 4, 9, 12)]
        incidents = pd.DataFrame(
            [(f"i{at}", at, at + 30 * MINUTE_MS, "critical", None, "") for at in noons],
            columns=INCIDENT_COLUMNS,
        )
        for column in ("start", "end"):
            incidents[column] = pd.to_datetime(incidents[column], unit="ms", utc=True)
        yardstick = Yardstick(incidents, config=load_alertmanager(path))
        return tune_rule(RULE, memory_source(series), 0, END, yardstick=yardstick)

    return run


def values_of(blip: float, minutes: int, incident: float = 9.0) -> np.ndarray:
    """One, a blip every three hours, half an hour of something at noon of some days."""
    minute = np.arange(DAYS * 1440)
    values = np.where(minute % 180 < minutes, blip, 1.0)
    for day in (1, 4, 9, 12):
        values[day * 1440 + 720 : day * 1440 + 750] = incident
    return values


def knobs_of(tuning: Tuning) -> pd.DataFrame:
    return tuning.knobs.set_index("knob")


def test_a_threshold_is_the_knob(tune) -> None:
    """Blips are lower than incidents: the threshold alone saves them all, and gives them back."""
    tuning = tune([values_of(blip=6, minutes=3, incident=50)])
    row = knobs_of(tuning).loc["threshold"]
    false = tuning.current.false_pages
    assert false > 90
    assert (row["saved"], row["caught"], row["returned"]) == (false, 4, false)
    assert row["now"] == "5"
    assert 6 < float(row["then"]) < 50


def test_a_for_is_the_knob(tune) -> None:
    """Blips are as high as incidents but short: no threshold helps."""
    tuning = tune([values_of(blip=9, minutes=2)])
    rows = knobs_of(tuning)
    assert "threshold" not in rows.index
    row = rows.loc["for"]
    assert (row["now"], row["then"]) == ("0s", "2m")
    assert row["saved"] == row["returned"] == tuning.current.false_pages
    assert "for alone, from 0s to 2m, would save" in " ".join(tuning.to_json()["explanation"])


def test_a_keep_firing_for_is_the_knob(tune) -> None:
    """An alert that swings on and off is one page if it is kept."""
    minute = np.arange(DAYS * 1440)
    swinging = values_of(blip=1, minutes=0)
    swinging[(minute % 2880 < 40) & (minute % 10 < 5)] = 9.0
    for day in (1, 4, 9, 12):
        swinging[day * 1440 + 720 : day * 1440 + 750] = 9.0
    tuning = tune([swinging])
    row = knobs_of(tuning).loc["keep_firing_for"]
    assert row["now"] == "0s"
    assert row["saved"] >= 15


def test_grouping_is_the_knob(tune) -> None:
    """Three pods at once page three times where each is a group, once where they are one."""
    pods = [values_of(blip=9, minutes=20)] * 3
    apart = knobs_of(tune(pods, "[alertname, pod]"))
    row = apart.loc["group_by of {}"]
    assert (row["now"], row["then"]) == ("[alertname, pod]", "[alertname]")
    assert row["saved"] > 0
    every = knobs_of(tune(pods, "['...']")).loc["group_by of {}"]
    assert (every["now"], every["then"]) == ("[...]", "[alertname]")
    together = knobs_of(tune(pods, "[alertname]"))
    assert "group_by of {}" not in together.index


def test_repeats_are_the_knob(tune) -> None:
    """An alert that fires for a day is told again every hour."""
    minute = np.arange(DAYS * 1440)
    long = np.where((minute >= 3000) & (minute < 3000 + 1440), 9.0, 1.0)
    rows = tune([long], repeat="1h").knobs
    repeats = rows[rows["knob"] == "repeat_interval of {}"].set_index("then")
    assert repeats.loc["12h", "repeats_saved"] > 15
    assert repeats.loc["1d", "repeats_saved"] > repeats.loc["12h", "repeats_saved"]
    assert (repeats["saved"] == 0).all()
    rarely = tune([long], repeat="1d").knobs["knob"]
    assert "repeat_interval of {}" not in set(rarely)
