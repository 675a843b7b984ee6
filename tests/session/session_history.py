"""The history that sessions are tried on: four days of two pods, blips, and incidents at noon."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alertlab.frame import Frame, Series
from alertlab.replay import EvaluatedRule
from alertlab.rules import AlertRule, find_threshold
from alertlab.units import DAY_MS, MINUTE_MS, label_set

START_MS = 20_000 * DAY_MS  # 2024-10-04
DAYS = 4
INCIDENT_DAYS = (1, 3)

RULES = """\
groups:
  - name: demo
    interval: 1m
    rules:
      - alert: TooMany  # per pod
        expr: errors > 5
        for: 2m
        labels: {severity: warning}
      - alert: OnAverage
        expr: avg_over_time(errors[5m]) > 5
      - alert: Missing
        expr: nothing > 1
      - alert: Always
        expr: vector(1)
      - alert: Exactly
        expr: errors == 8
      - alert: Impossible
        expr: errors == 9
      - alert: Limited
        expr: errors < 2
"""
INCIDENTS = """\
# Kept by hand.
- {id: first, start: 2024-10-05T12:00:00Z, end: 2024-10-05T12:30:00Z, severity: critical}
- {id: second, start: 2024-10-07T12:00:00Z, end: 2024-10-07T12:30:00Z, severity: warning}
- {id: elsewhere, start: 2024-10-06T12:00:00Z, end: 2024-10-06T12:30:00Z, should_alert: [Other]}
"""


def history() -> list[Series]:
    """A sample a minute: pod a always, pod b for a day; three blips of 8 a day, incidents of 20."""
    minute = np.arange(DAYS * 1440)
    values = 1 + np.round(np.sin(minute / 200) / 2, 2)
    for day in range(DAYS):
        for k in range(3):
            at = day * 1440 + 60 + 300 * k
            values[at : at + 3] = 8
        if day in INCIDENT_DAYS:
            values[day * 1440 + 720 : day * 1440 + 750] = 20
    times = START_MS + MINUTE_MS * minute
    second = slice(1440, 2880)
    return [
        Series(label_set({"__name__": "errors", "pod": "a"}), times, values),
        Series(label_set({"__name__": "errors", "pod": "b"}), times[second], values[second] / 2),
    ]


def evaluated_rule(
    values: np.ndarray, present: np.ndarray, op: str = ">", times: np.ndarray | None = None
) -> EvaluatedRule:
    """A rule over a table of values, an evaluation a minute."""
    rule = AlertRule("A", f"m {op} 5", "g", Path("r.yml"), 1, MINUTE_MS)
    times = MINUTE_MS * np.arange(values.shape[1]) if times is None else times
    labels = tuple((("alertname", "A"), ("pod", str(i))) for i in range(len(values)))
    frame = Frame(times, values, present, labels)
    return EvaluatedRule(rule, find_threshold(rule.expr), frame, int(times[2]))
