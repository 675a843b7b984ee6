"""Pods that come, crash and go."""

from __future__ import annotations

import numpy as np
import pytest

from auth_service.scenario.events import Effects
from auth_service.scenario.pods import pod_timeline

QUIET = {
    "deploys": [],
    "scrapes": {"missed_ratio": 0.0},
    "incidents": [],
    "look_alikes": [],
}
TWO_PODS = {
    "namespace": "production",
    "replicas": 2,
    "busy_replicas": 2,
    "busy_hours": [9, 22],
    "restart": "2m",
}


@pytest.fixture
def timeline_of(scenario_of):
    """A function that returns the timeline of the tiny scenario with some keys replaced."""

    def timeline(**changes):
        scenario = scenario_of(**(QUIET | {"pods": TWO_PODS} | changes))
        return pod_timeline(scenario, Effects(scenario))

    return timeline


def test_quiet_life(timeline_of):
    """Without events each slot has one pod, one process, and every scrape succeeds."""
    timeline = timeline_of()
    assert [(t.first, t.end) for t in timeline.targets] == [(0, 2880)] * 2
    assert timeline.scraped.all() and timeline.serving.all()
    assert len(np.unique(timeline.life)) == 2
    assert timeline.share().sum(axis=0) == pytest.approx(np.ones(2880))


def test_deploy_replaces_pod_after_pod(timeline_of):
    """A deploy gives every slot a new pod of one new version, one slot after the other."""
    timeline = timeline_of(deploys=["2026-03-02T06:00:00Z"])
    assert [(t.slot, t.first, t.end) for t in timeline.targets] == [
        (0, 0, 360), (0, 361, 2880), (1, 0, 361), (1, 362, 2880),
    ]  # fmt: skip
    versions = [t.pod.split("-")[2] for t in timeline.targets]
    assert versions[0] == versions[2] != versions[1] == versions[3]
    assert len({t.pod for t in timeline.targets}) == 4


def test_two_deploys_within_a_step(timeline_of):
    """A deploy that is replaced before it is scraped leaves no pod behind."""
    times = ["2026-03-02T06:00:00Z", "2026-03-02T06:00:30Z", "2026-03-03T23:59:00Z"]
    timeline = timeline_of(deploys=times)
    assert [(t.first, t.end) for t in timeline.targets if t.slot == 0] == [(0, 360), (361, 2879)]


def test_busy_hours_bring_a_pod(timeline_of):
    """The autoscaler adds a pod between the busy hours, up to 20 minutes late."""
    timeline = timeline_of(pods=TWO_PODS | {"busy_replicas": 3, "busy_hours": [12, 20]})
    spells = [(t.first, t.end) for t in timeline.targets if t.slot == 2]
    assert len(spells) == 2  # local 12:00 is 03:00 UTC
    for day, (first, end) in enumerate(spells):
        assert 180 <= first - day * 1440 <= 200
        assert 660 <= end - day * 1440 <= 680


def event(effect, length="10m"):
    """Return a look-alike at 02:00 UTC."""
    return {
        "id": "x",
        "start": "2026-03-02T02:00:00Z",
        "length": length,
        "note": "",
        "effects": [effect],
    }


def test_crash_starts_another_process_of_the_same_pod(timeline_of):
    """The first pod's process is gone for the restart and comes back as a new one."""
    crash = {"effect": "crashing", "pods": 1, "every": "1h"}
    timeline = timeline_of(look_alikes=[event(crash)])
    life = timeline.life[0]
    assert (life[120:122] == -1).all()
    assert life[119] != life[122] == life[-1]
    assert len(timeline.targets) == 2
    assert not timeline.scraped[0, 120:122].any()
    assert timeline.share()[:, 120].tolist() == [0.0, 1.0]
    assert timeline.scraped[1].all()


def test_crashes_repeat(timeline_of):
    """Within the event a process ends every so often."""
    crash = {"effect": "crashing", "pods": 2, "every": "20m"}
    timeline = timeline_of(look_alikes=[event(crash, "1h")])
    assert np.flatnonzero(np.diff(timeline.life[0]) < -0.5).tolist() == [119, 139, 159]
    assert np.flatnonzero(timeline.life[1] == -1)[0] == 130  # not in step with the first


def test_unreachable_pod_keeps_its_process(timeline_of):
    """A pod that is cut off is not scraped and serves nobody, but its counters survive."""
    timeline = timeline_of(look_alikes=[event({"effect": "unreachable", "pods": 1})])
    assert not timeline.scraped[0, 120:130].any()
    assert not timeline.serving[0, 120:130].any()
    assert timeline.scraped[0, 130:].all()
    assert len(np.unique(timeline.life[0])) == 1


def test_gap_loses_scrapes_only(timeline_of):
    """In a gap the pods go on serving."""
    gap = {"start": "2026-03-02T01:00:00Z", "length": "3m", "pods": 1}
    timeline = timeline_of(scrapes={"missed_ratio": 0.0, "gaps": [gap]})
    assert np.flatnonzero(~timeline.scraped[0]).tolist() == [60, 61, 62]
    assert timeline.scraped[1].all() and timeline.serving.all()


def test_missed_ratio(timeline_of):
    """About the stated share of the scrapes fails."""
    timeline = timeline_of(scrapes={"missed_ratio": 0.05})
    assert 1 - timeline.scraped.mean() == pytest.approx(0.05, rel=0.2)
