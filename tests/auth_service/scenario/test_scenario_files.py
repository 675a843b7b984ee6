"""The committed scenarios: what they must contain, and the story that their recordings tell."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from alertlab.replay import replay_rules
from alertlab.rules import find_rule, load_rules, with_window
from alertlab.sources.recording import Recording
from alertlab.units import MINUTE_MS
from auth_service.scenario import incidents_of, load_scenario, write_recording

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "data"
RULES = ROOT / "auth_service/monitoring/rules/auth-service.yml"
NAMES = ("auth-28d", "auth-small")
EVALUATION_INTERVAL_MS = 15_000


@pytest.fixture(params=NAMES)
def scenario(request):
    """Each committed scenario."""
    return request.param, load_scenario(DATA / "scenarios" / f"{request.param}.yaml")


def test_incidents_files_agree(scenario):
    """The committed incidents are those of the scenario."""
    name, content = scenario
    committed = (DATA / "incidents" / f"{name}.yaml").read_text(encoding="utf-8")
    assert YAML(typ="safe").load(committed) == incidents_of(content)


def test_look_alikes_are_no_incidents(scenario):
    """No look-alike is in the incidents file, and the README names every one."""
    name, content = scenario
    committed = (DATA / "incidents" / f"{name}.yaml").read_text(encoding="utf-8")
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    for one in content.look_alikes:
        assert one.id not in committed
        assert f"`{one.id}`" in readme


def test_should_alert_names_rules(scenario):
    """Every incident names rules that exist."""
    rules = {rule.name for rule in load_rules(RULES)}
    for incident in scenario[1].incidents:
        assert set(incident.should_alert) <= rules


@pytest.mark.parametrize(
    ("name", "days", "step_seconds", "incidents", "look_alikes"),
    [("auth-28d", 28, 15, 12, 6), ("auth-small", 14, 30, 5, 3)],
)
def test_size(name, days, step_seconds, incidents, look_alikes):
    """The scenarios are as long and as eventful as they must be."""
    content = load_scenario(DATA / "scenarios" / f"{name}.yaml")
    assert (content.days, content.step) == (days, step_seconds * 1_000)
    assert len(content.incidents) >= incidents
    assert len(content.look_alikes) >= look_alikes


def test_readme_says_synthetic():
    """The README tells first of all that the recordings are invented."""
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    assert "are synthetic" in readme.splitlines()[2]
    for name in NAMES:
        for folder in ("scenarios", "incidents"):
            assert f"`{folder}/{name}.yaml`" in readme


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The small scenario with its recording."""
    content = load_scenario(DATA / "scenarios/auth-small.yaml")
    folder = tmp_path_factory.mktemp("recordings") / "auth-small"
    write_recording(content, folder)
    return content, Recording.open(folder)


def outcome(small, rule):
    """Return (ids of incidents that a rule catches, number of firing spells outside of all)."""
    content, recording = small
    episodes = replay_rules([rule], recording, content.start, content.end)
    episodes = episodes.dropna(subset=["fired_at", "resolved_at"])
    fired = [
        tuple(round(time.timestamp() * 1_000) for time in (one.fired_at, one.resolved_at))
        for one in episodes.itertuples()
    ]

    def within(event, fired_at, resolved_at):
        end = event.start + event.length + 10 * MINUTE_MS
        return fired_at < end and resolved_at > event.start

    caught = {
        event.id
        for event in content.incidents
        if rule.name in event.should_alert and any(within(event, *one) for one in fired)
    }
    outside = {
        one[0] // (30 * MINUTE_MS)
        for one in fired
        if not any(within(event, *one) for event in content.incidents)
    }
    return caught, len(outside)


def rule_named(name, *, window_ms=None, hold_ms=None, threshold=None):
    """Return a committed rule, perhaps with another window, ``for`` or threshold."""
    rule = find_rule(load_rules(RULES, evaluation_interval_ms=EVALUATION_INTERVAL_MS), name)
    expr = rule.expr if window_ms is None else with_window(rule.expr, window_ms)
    if threshold is not None:
        expr = f"{expr.rsplit(' ', 1)[0]} {threshold:g}"
    hold_ms = rule.hold_duration_ms if hold_ms is None else hold_ms
    return dataclasses.replace(rule, expr=expr, hold_duration_ms=hold_ms)


def test_login_failure_rule_has_a_better_setting(small):
    """As written it misses weak stuffing and fires for nothing; lower and longer it does better."""
    caught, false = outcome(small, rule_named("HighLoginFailureRate"))
    assert caught == {"stuffing-evening", "stuffing-assault"}
    assert false > 2 * len(caught)
    longer = rule_named("HighLoginFailureRate", hold_ms=15 * MINUTE_MS, threshold=1.5)
    better, fewer = outcome(small, longer)
    assert better > caught
    assert fewer < false / 2


def test_latency_rule_fires_mostly_for_nothing(small):
    """As written most of its alerts are harmless; with a longer ``for`` hardly any is."""
    caught, false = outcome(small, rule_named("HighGRPCResponseTime"))
    assert false > 2 * len(caught) > 0
    longer = rule_named("HighGRPCResponseTime", hold_ms=10 * MINUTE_MS)
    assert outcome(small, longer)[1] < false / 4


@pytest.mark.parametrize("name", ["HighTokenErrorRatio", "SlowTokenValidation"])
def test_rules_to_leave_alone(small, name):
    """Some rules catch all that they should and nothing else."""
    caught, false = outcome(small, rule_named(name))
    wanted = {event.id for event in small[0].incidents if name in event.should_alert}
    assert caught == wanted
    assert false == 0
