"""What the tests of the command line are given: a queue that is long for ten minutes."""

from __future__ import annotations

from collections.abc import Callable

from alertlab.units import DAY_MS

START_MS = 20_000 * DAY_MS
RULES = """\
groups:
  - name: demo
    interval: 1m
    rules:
      - alert: TooMany
        expr: queue_length > 5
        for: 2m
        labels: {severity: warning}
      - alert: Down
        expr: up == 0
"""
ROUTES = """\
route: {receiver: team, group_by: [alertname], group_wait: 30s}
receivers:
  - name: team
    slack_configs: [{channel: c, api_url: 'http://slack.invalid/', send_resolved: true}]
"""

Invoke = Callable[..., tuple[int, str, str]]


def sentence(code: int, out: str, err: str) -> str:
    """Check that a failure is one sentence on stderr and return it."""
    assert out == ""
    assert "Traceback" not in err
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("alertlab: ")
    return lines[0]
