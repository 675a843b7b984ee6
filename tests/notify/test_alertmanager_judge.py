"""A real Alertmanager judges the simulation: the same alerts, the same notifications.

Debian's 0.25 keeps an emptied group until its next maintenance, while the simulation follows 0.32
and later, which destroy it at once; so no scenario here fires again after its group was empty.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
import requests

from alertlab.notify import load_alertmanager, simulate_notifications
from alertlab.units import label_set

# Seconds; flushes fall on 2, 6, 10, …, so events keep a second's distance from them.
SCENARIOS = {
    "repeat, then resolve": [("A", 0, 16)],
    "joins, leaves, resolves": [("A", 0, 16), ("B", 4, 8)],
    "within group_wait": [("A", 0, 1)],
    "fires again within an interval": [("A", 0, 3), ("A", 4.5, 16)],
    "muted for a while": [("T", 0, 16), ("S", 4, 12)],
    "muted from the start": [("S", 0, 17), ("T", 0.5, 8)],
    "resolved while muted": [("T", 0, 5), ("S", 4, 16)],
    "one of two muted": [("T", 0, 16), ("A", 0, 8), ("S", 4, 12)],
    "announced by its resolve only": [("A", 0, 12), ("B", 3, 4.5)],
}
ENDS = 20
CONFIG = """
route:
  receiver: hook
  group_by: [scenario]
  group_wait: 2s
  group_interval: 4s
  repeat_interval: 8s
  routes:
  - {{match: {{alertname: S}}, receiver: nobody}}
  - {{receiver: hook}}
inhibit_rules:
- {{source_match: {{alertname: S}}, target_match: {{alertname: T}}, equal: [scenario]}}
receivers:
- name: hook
  webhook_configs: [{{url: "http://127.0.0.1:{port}/"}}]
- name: nobody
"""


@contextmanager
def webhook():
    """A receiver on a free port; gives its port and the bodies it got, in order."""
    got: list[dict] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def alertmanager(program: str, config: Path):
    """A server on a free port with its data beside the configuration; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (config.parent / "log").open("w") as log:
        process = subprocess.Popen(
            [
                program, f"--config.file={config}", f"--storage.path={config.parent / 'data'}",
                f"--web.listen-address={address}", "--cluster.listen-address=",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        for _ in range(200):
            try:
                requests.get(f"http://{address}/-/ready", timeout=1).raise_for_status()
                break
            except requests.RequestException:
                assert process.poll() is None, (config.parent / "log").read_text()
                time.sleep(0.05)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


def play(url: str) -> None:
    """Fire and resolve every scenario's alerts at their seconds, as Prometheus would."""
    runs = [
        ({"alertname": name, "scenario": scenario}, start, end)
        for scenario, alerts in SCENARIOS.items()
        for name, start, end in alerts
    ]
    begin = datetime.now(UTC)
    events = sorted((at, i, at == run[2]) for i, run in enumerate(runs) for at in run[1:])
    for at, i, resolves in events:
        time.sleep(max(0, (begin + timedelta(seconds=at) - datetime.now(UTC)).total_seconds()))
        labels, start, end = runs[i]
        ends_at = begin + (timedelta(seconds=end) if resolves else timedelta(hours=1))
        alert = {
            "labels": labels,
            "startsAt": (begin + timedelta(seconds=start)).isoformat(),
            "endsAt": ends_at.isoformat(),
        }
        requests.post(f"{url}/api/v2/alerts", json=[alert], timeout=10).raise_for_status()
    time.sleep(max(0, (begin + timedelta(seconds=ENDS) - datetime.now(UTC)).total_seconds()))


def simulated(config: Path) -> pd.DataFrame:
    rows = [
        ("rule", label_set({"alertname": name, "scenario": scenario}), start, start, end)
        for scenario, alerts in SCENARIOS.items()
        for name, start, end in alerts
    ]
    episodes = pd.DataFrame(
        rows, columns=["rule", "labels", "active_at", "fired_at", "resolved_at"]
    )
    for column in ("active_at", "fired_at", "resolved_at"):
        episodes[column] = pd.to_datetime(episodes[column], unit="s", utc=True)
    return simulate_notifications(episodes, load_alertmanager(config), end_ms=ENDS * 1000)


@pytest.mark.server
def test_a_real_alertmanager_sends_the_same(alertmanager_bin: str, tmp_path: Path) -> None:
    """Nine scenarios side by side: the same firing and resolved alerts, in the same order."""
    config = tmp_path / "alertmanager.yml"
    with webhook() as (port, got):
        config.write_text(CONFIG.format(port=port))
        with alertmanager(alertmanager_bin, config) as url:
            play(url)
    expected: dict[str, list] = {name: [] for name in SCENARIOS}
    for one in simulated(config).itertuples():
        expected[dict(one.group_labels)["scenario"]].append(
            tuple(
                {dict(labels)["alertname"] for labels in part}
                for part in (one.firing, one.resolved)
            )
        )
    found: dict[str, list] = {name: [] for name in SCENARIOS}
    for body in got:
        found[body["groupLabels"]["scenario"]].append(
            tuple(
                {one["labels"]["alertname"] for one in body["alerts"] if one["status"] == status}
                for status in ("firing", "resolved")
            )
        )
    assert found == expected
    assert sum(map(len, expected.values())) >= 15
