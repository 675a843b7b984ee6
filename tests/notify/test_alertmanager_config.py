"""Alertmanager configurations: what is read, what is refused, and amtool's routing."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from alertlab.errors import BadInput
from alertlab.notify import AlertmanagerConfig, load_alertmanager, single_receiver
from alertlab.notify.config import Integration
from alertlab.promql import Matcher
from alertlab.units import HOUR_MS, MINUTE_MS, SECOND_MS, label_set

ROOT = Path(__file__).resolve().parent.parent.parent
COMMITTED = ROOT / "auth_service/monitoring/alertmanager.yml"


def config_of(folder: Path, text: str, *receivers: str) -> AlertmanagerConfig:
    path = folder / "alertmanager.yml"
    names = "".join(
        f"- name: {name}\n" for name in receivers or ("a", "b", "c", "d", "e", "f", "g")
    )
    path.write_text(f"{text}\nreceivers:\n{names}", encoding="utf-8")
    return load_alertmanager(path)


def taken(config: AlertmanagerConfig, **labels: str) -> list[str]:
    return [route.receiver for route in config.route.match(label_set(labels))]


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({"alertname": "Watchdog", "severity": "none"}, ["dead-mans-switch"]),
        ({"alertname": "X", "severity": "critical"}, ["pagerduty", "email"]),
        ({"alertname": "X", "severity": "warning"}, ["slack", "email"]),
        ({"alertname": "X"}, ["email"]),
    ],
)
def test_the_committed_routes(labels: dict[str, str], receivers: list[str]) -> None:
    """Critical to PagerDuty, warning to Slack, all by email, the Watchdog to nobody."""
    assert taken(load_alertmanager(COMMITTED), **labels) == receivers


def test_the_committed_configuration() -> None:
    """Who pages, what is inherited, what inhibits."""
    config = load_alertmanager(COMMITTED)
    assert config.paging_receivers() == ["pagerduty", "slack"]
    email = config.route.match(label_set({"alertname": "X"}))[0]
    assert (email.group_wait_ms, email.group_interval_ms) == (2 * MINUTE_MS, 5 * MINUTE_MS)
    assert email.repeat_interval_ms == 24 * HOUR_MS
    assert email.group_by == {"alertname", "severity"}
    assert config.receivers["email"] == (Integration("email", 0, False),)
    assert config.receivers["slack"] == (Integration("slack", 0, True),)
    assert config.receivers["dead-mans-switch"] == ()
    (inhibit,) = config.inhibit_rules
    assert inhibit.sources == (Matcher("alertname", "=", "HighGRPCResponseTime"),)
    assert [one.name for one in inhibit.targets] == ["severity", "alertname"]


def test_defaults_and_inheritance(tmp_path: Path) -> None:
    """A child takes what it does not state from its parent; the root from Alertmanager."""
    config = config_of(
        tmp_path,
        """
route:
  receiver: a
  routes:
  - matchers: [x="1"]
    receiver: b
    group_by: [q, p]
    group_wait: 0s
    repeat_interval: 1h30m
    routes:
    - matchers: [y="2"]
      group_interval: 1m
      group_by: ['...']
    - matchers: [y="3"]
      group_by: []
""",
    )
    root, (child,) = config.route, config.route.children
    first, second = child.children
    assert (root.group_wait_ms, root.group_interval_ms) == (30 * SECOND_MS, 5 * MINUTE_MS)
    assert (root.repeat_interval_ms, root.group_by) == (4 * HOUR_MS, frozenset())
    assert (child.receiver, child.group_wait_ms, child.group_by) == ("b", 0, {"p", "q"})
    assert (first.receiver, first.group_wait_ms, first.group_interval_ms) == ("b", 0, MINUTE_MS)
    assert (first.repeat_interval_ms, first.group_by) == (90 * MINUTE_MS, None)
    assert second.group_by == frozenset()


def test_group_labels(tmp_path: Path) -> None:
    """Those of group_by that the alert has; all of them for '...'; none for nothing."""
    alert = label_set({"alertname": "A", "pod": "x", "severity": "page"})
    for group_by, expected in (
        ("[severity, alertname, zone]", {"alertname": "A", "severity": "page"}),
        ("['...']", dict(alert)),
        ("[]", {}),
    ):
        config = config_of(tmp_path, f"route: {{receiver: a, group_by: {group_by}}}")
        assert config.route.group_labels(alert) == label_set(expected)


@pytest.mark.parametrize(
    ("written", "matchers"),
    [
        ("match: {a: b, c: true}", [("a", "=", "b"), ("c", "=", "true")]),
        ("match_re: {a: b|c}", [("a", "=~", "b|c")]),
        ("matchers: ['a = b']", [("a", "=", "b")]),
        ("matchers: ['a=\"b\"', 'c!=\"d\"', 'e=~\"f.*\"', 'g !~ h']",
         [("a", "=", "b"), ("c", "!=", "d"), ("e", "=~", "f.*"), ("g", "!~", "h")]),
        ("matchers: ['{a=\"b,}\", c=~\"d\"}']", [("a", "=", "b,}"), ("c", "=~", "d")]),
        ("matchers: ['a=~\"host-\\d+\"']", [("a", "=~", "host-\\d+")]),
        ("matchers: ['a=\"q\\\"\\\\w\\nz\"']", [("a", "=", 'q"\\w\nz')]),
        ("matchers: ['a=\"\"']", [("a", "=", "")]),
        ("match: {}", []),
    ],
)  # fmt: skip
def test_ways_to_write_matchers(tmp_path: Path, written: str, matchers: list) -> None:
    """The old way, the new way, lists in braces, quotes and backslashes."""
    config = config_of(tmp_path, f"route: {{receiver: a, routes: [{{{written}}}]}}")
    expected = tuple(Matcher(*one).with_old_dot() for one in matchers)
    assert config.route.children[0].matchers == expected


def test_a_dot_is_no_newline(tmp_path: Path) -> None:
    """Alertmanager's patterns are not Prometheus 3's: a dot stays on its line."""
    config = config_of(
        tmp_path, 'route: {receiver: a, routes: [{matchers: ["x=~b.c"], receiver: d}]}'
    )
    assert taken(config, x="b-c") == ["d"]
    assert taken(config, x="b\nc") == ["a"]


def test_continue_and_the_deepest_match(tmp_path: Path) -> None:
    """A node counts only if no child did; a match stops its siblings unless it continues."""
    config = config_of(
        tmp_path,
        """
route:
  receiver: a
  routes:
  - {matchers: [x="1"], receiver: b, continue: true}
  - matchers: [x=~"1|2"]
    receiver: c
    routes:
    - {matchers: [y="1"], receiver: d, continue: true}
    - {matchers: [y="1"], receiver: e, continue: "false"}
    - {matchers: [y="1"], receiver: f}
  - {matchers: [x="1"], receiver: g}
""",
    )
    assert taken(config, x="1") == ["b", "c"]
    assert taken(config, x="1", y="1") == ["b", "d", "e"]
    assert taken(config, x="2") == ["c"]
    assert taken(config, x="3") == ["a"]


def test_inhibition_is_read_in_both_spellings(tmp_path: Path) -> None:
    """source_match, source_match_re and source_matchers, and the same for the target."""
    config = config_of(
        tmp_path,
        """
route: {receiver: a}
inhibit_rules:
- {source_match: {a: b}, target_match_re: {c: d|e}, equal: [x, y]}
- {source_matchers: [a="b"], target_matchers: [c=~"d|e"]}
""",
    )
    old, new = config.inhibit_rules
    assert (old.sources, old.targets) == (new.sources, new.targets)
    assert (old.equal, new.equal) == (("x", "y"), ())


def test_send_resolved_defaults(tmp_path: Path) -> None:
    """Email, Slack, WeChat and Rocket.Chat are silent on resolve; the others are not."""
    path = tmp_path / "alertmanager.yml"
    path.write_text(
        "route: {receiver: a}\nreceivers:\n- name: a\n"
        "  email_configs: [{to: x}, {to: y, send_resolved: true}]\n"
        "  slack_configs: [{}]\n  wechat_configs: [{}]\n  rocketchat_configs: [{}]\n"
        "  pagerduty_configs: [{}, {send_resolved: false}]\n  webhook_configs: [{}]\n"
    )
    found = {
        (one.kind, one.index): one.send_resolved for one in load_alertmanager(path).receivers["a"]
    }
    assert found == {
        ("email", 0): False, ("email", 1): True, ("slack", 0): False, ("wechat", 0): False,
        ("rocketchat", 0): False, ("pagerduty", 0): True, ("pagerduty", 1): False,
        ("webhook", 0): True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("global: {}", "needs a route"),
        ("route:", "needs a route"),
        ("route: [", "not valid YAML"),
        ("route: {group_by: [a]}", "the root route needs a receiver"),
        ("route: {receiver: zz}", "the receiver 'zz', which is not defined"),
        ("route: {receiver: a, routes: [{receiver: zz}]}", "the receiver 'zz'"),
        ("route: {receiver: a, routes: [x]}", "route: routes is not written as"),
        ("route: {receiver: a, routes: [{match: x}]}", "route.routes[0]: match is not a mapping"),
        ("route: {receiver: a, routes: [{matchers: [x]}]}", "'x' is not a matcher"),
        ("route: {receiver: a, routes: [{matchers: ['x=~\"(\"']}]}", "routes[0]: x: the regular"),
        ("route: {receiver: a, group_wait: 5}", "route: group_wait: '5' is not a duration"),
        ("route: {receiver: a, group_interval: 0s}", "route: group_interval is 0"),
        ("route: {receiver: a, repeat_interval: 0s}", "route: repeat_interval is 0"),
        ("route: {receiver: a, group_by: alertname}", "group_by is not a list"),
        ("route: {receiver: a, routes: [{mute_time_intervals: [n]}]}", "mute_time_intervals is"),
        ("route: {receiver: a, active_time_intervals: [n]}", "active_time_intervals is not sim"),
        ("route: {receiver: a}\ninhibit_rules: [x]", "inhibit_rules is not written as"),
        ("route: {receiver: a, group_wiat: 5s}", "route: unknown key 'group_wiat'"),
        ("route: {receiver: a}\nrecievers: []", "unknown key 'recievers'"),
        ("route: {receiver: a, matchers: ['x=1']}", "the root route takes every alert"),
        ("route: {receiver: a, group_by: ['...', a]}", "'...', which means all labels"),
        ("route: {receiver: a}\ninhibit_rules: [{equal: alertname}]", "equal is not a list"),
        ("route: {receiver: a}\ninhibit_rules: [{taget_match: {}}]", "unknown key 'taget_match'"),
    ],
)  # fmt: skip
def test_bad_configurations_get_one_sentence(tmp_path: Path, text: str, part: str) -> None:
    """It names the file and the place."""
    with pytest.raises(BadInput) as refused:
        config_of(tmp_path, text)
    assert part in str(refused.value)
    assert str(tmp_path / "alertmanager.yml") in str(refused.value)


@pytest.mark.oracle
def test_alertmanagers_own_examples(oracles: Path) -> None:
    """Each of its test configurations loads or is refused in a sentence."""
    loaded = 0
    for file in sorted((oracles / "alertmanager").rglob("*.yml")):
        try:
            load_alertmanager(file)
        except BadInput as error:
            assert str(error).startswith(str(file))
            continue
        loaded += 1
    assert loaded >= 46


def test_one_receiver_for_when_none_is_given() -> None:
    """It groups by alert name and pages."""
    config = single_receiver()
    alert = label_set({"alertname": "A", "pod": "x"})
    (route,) = config.route.match(alert)
    assert route.group_labels(alert) == label_set({"alertname": "A"})
    assert config.paging_receivers() == [route.receiver]


TREE = r"""
route:
  receiver: a
  routes:
  - matchers: ['x=~"1|2\d*"', y!="3"]
    receiver: b
    continue: true
  - match: {y: 1}
    match_re: {z: "[12]?"}
    receiver: c
    routes:
    - {matchers: ['{x="1", z!~"2"}'], receiver: d, continue: true}
    - {matchers: ['z=""'], receiver: e}
  - {matchers: ['y=~".+"'], receiver: f}
  - {matchers: ['x="q\"\\b"'], receiver: g}
"""


@pytest.mark.server
def test_amtool_takes_the_same_routes(tmp_path: Path, amtool: str) -> None:
    """Forty random label sets through both spellings, negations, empty values and continue."""
    config = config_of(tmp_path, TREE)
    rng = random.Random(7)
    for _ in range(40):
        labels = {
            name: rng.choice(values)
            for name, values in (("x", ["1", "2", "25", "3", 'q"\\b']), ("y", "1345"), ("z", "12"))
            if rng.random() < 0.75
        }
        run = subprocess.run(
            [
                amtool, "config", "routes", "test", "--config.file",
                str(tmp_path / "alertmanager.yml"),
                *(f"{k}={_quoted(v)}" for k, v in labels.items()),
            ],
            capture_output=True, text=True, check=True, cwd=tmp_path,
        )  # fmt: skip
        assert run.stdout.strip().split(",") == taken(config, **labels), labels


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
