"""Histories that a change can be told on: ordinary days, blips and incidents, a sample a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alertlab.frame import Series
from alertlab.incidents.table import incident_table
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, label_set

DAYS = 8
END_MS = DAYS * DAY_MS - MINUTE_MS
INCIDENT_DAYS = (1, 2, 4, 5, 7)
RULES = """\
# The rules of the queue.
groups:
  - name: queue
    interval: 1m
    rules:
      - alert: Other
        expr: vector(1)   # fires always
      - alert: LongQueue
        expr: queue_length > 5   # jobs
        labels: {severity: "critical", team: 'a,b'}
        annotations:
          summary: 'Queue {{ $labels.queue }} is long: {{ $value | humanize }} "jobs" | <b>'
"""


def noon(day: int) -> int:
    """Return noon of a day [ms]."""
    return day * DAY_MS + 12 * HOUR_MS


def incidents_of(days: Sequence[int] = INCIDENT_DAYS) -> pd.DataFrame:
    """Return half an hour from noon on each of the days; the first is critical."""
    return incident_table(
        [
            (f"i{day}", noon(day), noon(day) + 30 * MINUTE_MS, "" if i else "critical", None, "")
            for i, day in enumerate(days)
        ]
    )


def queue_values(
    *, blips: int = 3, height: float = 8.0, incident: float = 20.0, minutes: int = 3
) -> np.ndarray:
    """Return a value a minute: 1, three-minute blips a day, half-hour incidents."""
    values = np.ones(DAYS * 1440)
    for day in range(DAYS):
        for k in range(blips):
            at = day * 1440 + 30 + 97 * k
            values[at : at + minutes] = height
        if day in INCIDENT_DAYS:
            values[day * 1440 + 720 : day * 1440 + 750] = incident
    return values


def minutely(values: np.ndarray, **labels: str) -> Series:
    """Return a series of a sample a minute; NaN is none."""
    times = np.arange(len(values), dtype=np.int64) * MINUTE_MS
    there = ~np.isnan(values)
    named = {"__name__": "queue_length"} | labels
    return Series(label_set(named), times[there], values[there])


def write_rules(folder: Path, text: str = RULES, name: str = "queue.yml") -> Path:
    """Write a rule file as bytes: line ends stay."""
    path = folder / name
    path.write_bytes(text.encode())
    return path


def provenance(**told: Any) -> Mapping[str, Any]:
    """Return what a source says of itself."""
    return {"kind": "recording", "location": "small", "synthetic": True} | told
