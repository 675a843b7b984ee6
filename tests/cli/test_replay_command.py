"""``alertlab replay`` and ``alertlab pages``: their options and tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scenes import ROUTES, RULES, START_MS, Invoke, sentence

from alertlab.frame import Series
from alertlab.sources import RecordingWriter
from alertlab.units import MINUTE_MS, NAME, label_set
from auth_service.stack import run_prometheus

FIRED_AT = START_MS / 1000 + 22 * 60
PROMETHEUS = """\
global:
  evaluation_interval: 30s
  external_labels: {site: seoul}
alerting:
  alert_relabel_configs:
    - {action: labeldrop, regex: severity}
"""
SILENCE = {
    "id": "s1",
    "matchers": [{"name": "alertname", "value": "TooMany", "isRegex": False, "isEqual": True}],
    "startsAt": "2024-10-04T00:00:00Z",
    "endsAt": "2024-10-04T01:00:00Z",
    "createdBy": "me",
    "comment": "planned",
    "status": {"state": "expired"},
}


@pytest.fixture
def pages(invoke: Invoke, scene: Path):
    """The notifications of the scene's rules, with more options."""

    def run(*options: object) -> list[dict]:
        code, out, err = invoke(
            "pages", scene / "rules.yml", "--source", scene / "recording",
            "--alertmanager", scene / "routes.yml", "--json", *options,
        )  # fmt: skip
        assert code == 0, err
        return json.loads(out)

    return run


def test_what_prometheus_adds_and_takes_away(pages, scene: Path) -> None:
    """External labels and relabelling, as prometheus.yml says."""
    (scene / "prometheus.yml").write_text(PROMETHEUS)
    first, _ = pages("--prometheus", scene / "prometheus.yml")
    assert first["firing"] == [{"alertname": "TooMany", "site": "seoul"}]


def test_intervals_of_the_prometheus_configuration(invoke: Invoke, scene: Path) -> None:
    """For groups that state none; an option of its own wins."""
    (scene / "prometheus.yml").write_text(PROMETHEUS)
    (scene / "rules.yml").write_text(RULES.replace("    interval: 1m\n", ""))
    command = ["replay", scene / "rules.yml", "--source", scene / "recording"]
    _, out, _ = invoke(*command, "--prometheus", scene / "prometheus.yml")
    assert "119" in out and "recorded" in out
    _, out, _ = invoke(
        *command, "--prometheus", scene / "prometheus.yml", "--evaluation-interval", "20s"
    )
    assert "178" in out


def test_silences(pages, scene: Path) -> None:
    """A silenced alert tells nobody."""
    (scene / "silences.json").write_text(json.dumps([SILENCE]))
    assert len(pages()) == 2
    assert pages("--silences", scene / "silences.json") == []


def test_the_release_matters(pages, scene: Path) -> None:
    """Up to 0.30 an empty group_by of a route inherits."""
    routes = ROUTES.replace(
        "group_wait: 30s", "group_wait: 30s, routes: [{receiver: team, group_by: []}]"
    )
    (scene / "routes.yml").write_text(routes)
    assert pages()[0]["group_labels"] == {}
    old = pages("--alertmanager-version", "0.27")
    assert old[0]["group_labels"] == {"alertname": "TooMany"}


def test_nothing_from_before_the_start(pages) -> None:
    """What was told before is known, so that only what is new is told after."""
    begun = pages("--start", FIRED_AT + 60)
    assert [one["reason"] for one in begun] == ["resolved"]
    assert [one["reason"] for one in pages()] == ["first", "resolved"]


def test_slots_keep_their_place_when_the_replay_begins_earlier(pages) -> None:
    """The stated slots count from the start that was asked for."""
    (first, _) = pages("--start", START_MS / 1000 + 615)
    assert first["at"] == FIRED_AT + 15 + 30


def test_tables(invoke: Invoke, scene: Path) -> None:
    """Notifications by reason, and pages by week; other receivers may be the paging ones."""
    command = ["pages", scene / "rules.yml", "--source", scene / "recording",
               "--alertmanager", scene / "routes.yml"]  # fmt: skip
    _, out, _ = invoke(*command)
    assert "paging receivers: team" in out and "1 pages" in out and "2024-09-30" in out
    _, out, _ = invoke(*command, "--paging-receivers", "team")
    assert "1 pages" in out
    result = invoke(*command, "--paging-receivers", "chat")
    assert result[0] == 2 and "there are: team" in sentence(*result)


def test_agreement_with_recorded_alerts(invoke: Invoke, scene: Path) -> None:
    """Slots and their coverage come from what was recorded, the table says how far it agrees."""
    times = START_MS + 7_000 + MINUTE_MS * np.arange(22, 26)
    alerts = {"alertname": "TooMany", "severity": "warning"}
    queue = START_MS + MINUTE_MS * np.arange(60)
    values = np.where((np.arange(60) >= 20) & (np.arange(60) < 30), 9.0, 1.0)
    series = [
        Series(label_set({NAME: "ALERTS", "alertstate": "firing", **alerts}), times, np.ones(4)),
        Series(label_set({NAME: "queue_length"}), queue, values),
    ]
    with RecordingWriter(
        scene / "with-alerts", origin="a test", scrape_interval_ms=MINUTE_MS, synthetic=True
    ) as writer:
        writer.add_day(sorted(series, key=lambda one: one.labels))
    command = ["replay", scene / "rules.yml", "--source", scene / "with-alerts"]
    _, out, _ = invoke(*command, "--rule", "TooMany")
    assert "recorded" in out and "50" in out  # four of eight firing slots
    _, out, _ = invoke(*command, "--json", "--slot-offset", "20s")
    assert json.loads(out)[0]["fired_at"] == FIRED_AT + 7


@pytest.mark.server
def test_rules_of_a_running_server(invoke: Invoke, scene: Path, prometheus_bin: str) -> None:
    """In place of a file: the address of a Prometheus."""
    config = {"rule_files": [str(scene / "rules.yml")]}
    with run_prometheus(scene, config, program=prometheus_bin) as url:
        code, out, err = invoke("replay", url, "--source", scene / "recording", "--json")
        assert code == 0, err
        assert [one["fired_at"] for one in json.loads(out)] == [FIRED_AT]
        _, out, _ = invoke("lint", url, "--json")
        assert [(one["rule"], one["id"]) for one in json.loads(out)] == [("Down", "missing-for")]
