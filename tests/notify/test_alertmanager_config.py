"""Alertmanager configurations: what is read, and what is refused with which sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from alertlab.errors import BadInput
from alertlab.notify import AlertmanagerConfig, load_alertmanager, single_receiver
from alertlab.notify.config import Integration
from alertlab.notify.config.matchers import anchored
from alertlab.promql import Matcher
from alertlab.units import HOUR_MS, MINUTE_MS, SECOND_MS, label_set

ROOT = Path(__file__).resolve().parent.parent.parent
COMMITTED = ROOT / "auth_service/monitoring/alertmanager.yml"


def config_of(folder: Path, text: str, *, version: str = "0.34.2") -> AlertmanagerConfig:
    """Load a text to which receivers a to g are added."""
    path = folder / "alertmanager.yml"
    names = "".join(f"- name: {name}\n" for name in "abcdefg")
    path.write_text(f"{text}\nreceivers:\n{names}", encoding="utf-8")
    return load_alertmanager(path, version=version)


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
    assert [one.name for one in inhibit.targets] == ["alertname", "severity"]


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


def test_an_empty_group_by(tmp_path: Path) -> None:
    """It takes the inherited labels away since 0.31; before, it says nothing."""
    text = "route: {receiver: a, group_by: [x], routes: [{group_by: []}, {group_by: null}]}"
    for version, expected in (("0.30.1", {"x"}), ("0.31.0", set())):
        empty, null = config_of(tmp_path, text, version=version).route.children
        assert (empty.group_by, null.group_by) == (expected, {"x"})


def test_all_labels_and_back(tmp_path: Path) -> None:
    """A child of a route by all labels may group by some again."""
    config = config_of(
        tmp_path, "route: {receiver: a, group_by: ['...', '...'], routes: [{group_by: [x]}, {}]}"
    )
    assert [one.group_by for one in config.route.walk()] == [None, {"x"}, None]


def test_keys_and_ids(tmp_path: Path) -> None:
    """A key is the path's matchers, sorted and as compiled; an id tells siblings apart."""
    config = config_of(
        tmp_path,
        r"""
route:
  receiver: a
  routes:
  - {matchers: [b!~"1|2", 'a="x\"y"'], match_re: {c: d}, routes: [{match: {e: f}}]}
  - {matchers: ['{a="x\"y", b!~"1|2"}', 'c=~"^(?:d)$"']}
  - {matchers: ['"a b"="é"', a=x, a!=x, a=w]}
""",
    )
    shared = r'{}/{a="x\"y",b!~"1|2",c=~"^(?:d)$"}'
    assert [one.key for one in config.route.walk()] == [
        "{}", shared, shared + '/{e="f"}', shared, '{}/{a="w",a="x",a!="x","a b"="é"}',
    ]  # fmt: skip
    assert len({one.id for one in config.route.walk()}) == 5


def test_merged_keys(tmp_path: Path) -> None:
    """A merge gives what a route does not say; what it says comes behind the merge."""
    config = config_of(
        tmp_path,
        """
route:
  receiver: a
  routes:
  - &c {receiver: b, match: {x: y}, group_wait: 1s}
  - {<<: *c, receiver: d}
  - {continue: true, <<: *c}
""",
    )
    first, second, third = config.route.children
    assert (first.matchers, first.group_wait_ms) == (third.matchers, third.group_wait_ms)
    assert (second.matchers, second.group_wait_ms) == (first.matchers, SECOND_MS)
    assert [one.receiver for one in config.route.children] == ["b", "d", "b"]


def test_time_intervals_are_not_inherited(tmp_path: Path) -> None:
    """Both lists define them, routes name them, children do not take them over."""
    config = config_of(
        tmp_path,
        """
global: {resolve_timeout: 90s}
mute_time_intervals: [{name: m, time_intervals: [{years: ['2026']}]}]
time_intervals: [{name: n, time_intervals: []}]
route:
  receiver: a
  routes:
  - {mute_time_intervals: [m, n], active_time_intervals: [n], routes: [{matchers: [x=y]}]}
""",
    )
    (child,) = config.route.children
    assert (child.mute_intervals, child.active_intervals) == (("m", "n"), ("n",))
    assert (child.children[0].mute_intervals, child.children[0].active_intervals) == ((), ())
    assert config.resolve_timeout_ms == 90 * SECOND_MS
    at_ms = np.array([1767225600000])  # the first moment of 2026
    found = {name: one.contains(at_ms)[0] for name, one in config.time_intervals.items()}
    assert found == {"m": True, "n": False}


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
        ("match: {a: null}", [("a", "=", "")]),
        ("match_re: {a: b|c}", [("a", "=~", "^(?:b|c)$")]),
        ("matchers: ['b=1', 'a!=2', 'a=~3', 'a=3']",
         [("a", "!=", "2"), ("a", "=", "3"), ("a", "=~", "3"), ("b", "=", "1")]),
        ("matchers: ['a==b', 'c=~~d']", [("a", "=", "=b"), ("c", "=~", "~d")]),
        ("matchers: [null, '{}', 'a=b,']", [("a", "=", "b")]),
        ("matchers: ['\"a b\"=\"c\\u00e9\"']", [("a b", "=", "cé")]),
        ("matchers: ['é=ü']", [("é", "=", "ü")]),
        ("matchers: ['a:b=\"\\x41\"']", [("a:b", "=", "\\x41")]),
        ("matchers: ['a=~\")(\"']", [("a", "=~", ")(")]),
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
    """Old and new ways, braces, quotes and backslashes, the classic parser before the new."""
    config = config_of(tmp_path, f"route: {{receiver: a, routes: [{{{written}}}]}}")
    expected = tuple(anchored(Matcher(*one)) for one in matchers)
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
    - {matchers: [y="1"], receiver: e, continue: off}
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
    assert (old.sources, new.sources) == ((Matcher("a", "=", "b"),),) * 2
    for rule in (old, new):
        (target,) = rule.targets
        assert [target.matches(one) for one in ("d", "e", "de", "")] == [True, True, False, False]
    assert (old.equal, new.equal) == (("x", "y"), ())


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("global: {}", "1: an Alertmanager configuration needs a route"),
        ("route:", "1: route: an Alertmanager configuration needs a route"),
        ("route: [", ": not valid YAML"),
        ("- route", "not valid YAML"),
        ("route: x", "1: route: write a mapping"),
        ("route: {group_by: [a]}", "the root route needs a receiver"),
        ("route: {receiver: zz}", "the receiver 'zz' is not defined"),
        ("route:\n  receiver: a\n  routes:\n  - receiver: zz", ":4: route.routes[0]: the receiver"),
        ("route: {receiver: a, routes: [x]}", "route.routes[0]: write a mapping"),
        ("route: {receiver: a, routes: [null]}", "route.routes[0]: this route is empty"),
        ("route: {receiver: a, routes: [{match: x}]}", "route.routes[0].match: write a mapping"),
        ("route: {receiver: a, routes: [{match: {a-b: x}}]}", "match: 'a-b' is not a label name"),
        ("route: {receiver: a, routes: [{match_re: {a: }}]}", "match_re.a: the regular expression"),
        ("route: {receiver: a, routes: [{match_re: {a: 'null'}}]}", "match_re.a: 'null' is taken"),
        ("route: {receiver: a, routes: [{match_re: {a: (}}]}", "match_re.a: the regular expres"),
        ("route: {receiver: a, routes: [{matchers: [x]}]}", "matchers[0]: 'x' is not a matcher"),
        ("route: {receiver: a, routes: [{matchers: ['{é=y']}]}", "opens or closes a brace"),
        ("route: {receiver: a, routes: [{matchers: ['é=y z']}]}", "needs a comma"),
        ("route: {receiver: a, routes: [{matchers: ['é=`']}]}", "must stand in double quotes"),
        ("route: {receiver: a, routes: [{matchers: ['é=\"\\d\"']}]}", "holds an escape"),
        ("route: {receiver: a, routes: [{matchers: ['x=~\"(\"']}]}", "expression of x, '(',"),
        ("route: {receiver: a, group_wait: 5}", "route.group_wait: '5' is not a duration"),
        ("route: {receiver: a, group_wait: '5m '}", "route.group_wait: '5m ' is not a duration"),
        ("route: {receiver: a, group_wait: 293y}", "route.group_wait: '293y' is not a duration"),
        ("route: {receiver: a, group_interval: 0s}", "route: group_interval is 0"),
        ("route: {receiver: a, repeat_interval: 0s}", "route: repeat_interval is 0"),
        ("route: {receiver: a, group_by: alertname}", "route.group_by: write a list"),
        ("route: {receiver: a, group_by: [x, x]}", "group_by has a label twice"),
        ("route: {receiver: a, group_by: ['']}", "route.group_by[0]: a label's name is empty"),
        ("route: {receiver: a, labels: {'': x}}", "labels has an empty name"),
        ("route: {receiver: a, routes: [{mute_time_intervals: [n]}]}", "the time interval 'n' is"),
        ("route: {receiver: a, routes: [{active_time_intervals: [n]}]}", "time interval 'n' is no"),
        ("route: {receiver: a, continue: true}", "remove continue"),
        ("route: {receiver: a, continue: 'true'}", "route.continue: write true or false"),
        ("route: {receiver: a, mute_time_intervals: [n]}\ntime_intervals: [{name: n}]",
         "move its mute_time_intervals below"),
        ("route: {receiver: a, active_time_intervals: [n]}\ntime_intervals: [{name: n}]",
         "move its active_time_intervals below"),
        ("route: {receiver: a}\ntime_intervals: [{name: n}]\nmute_time_intervals: [{name: n}]",
         "3: mute_time_intervals[0]: the name 'n' stands twice"),
        ("route: {receiver: a}\ntime_intervals: [{}]", "time_intervals[0]: name is missing"),
        ("route: {receiver: a}\ninhibit_rules: [x]", "inhibit_rules[0]: write a mapping"),
        ("route: {receiver: a, group_wiat: 5s}", "route: unknown key 'group_wiat'; known: active_"),
        ("route: {receiver: a}\nrecievers: []", ":2: unknown key 'recievers'"),
        ("route: {receiver: a, matchers: ['x=1']}", "the root route takes every alert; move its m"),
        ("route: {receiver: a, group_by: ['...', a]}", "'...', which means all labels"),
        ("route: {receiver: a}\ninhibit_rules: [{equal: alertname}]", "[0].equal: write a list"),
        ("route: {receiver: a}\ninhibit_rules: [{equal: ['']}]", "[0].equal[0]: a label's name"),
        ("route: {receiver: a}\ninhibit_rules: [{taget_match: {}}]", "unknown key 'taget_match'"),
        ("route: {receiver: a, routes: [&c {receiver: b}, {receiver: c, <<: *c}]}",
         "routes[1]: 'receiver' stands here and in what << merges"),
        ("route: {receiver: a, routes: [&c {matchers: [x=y]}, {<<: *c, matchers: []}]}",
         "routes[1]: 'matchers' stands here and in what << merges"),
        ("route: {receiver: a, routes: [&c {match: {x: y}}, {<<: *c, match: {}}]}",
         "routes[1]: 'match' stands here and in what << merges"),
    ],
)  # fmt: skip
def test_bad_configurations_get_one_sentence(tmp_path: Path, text: str, part: str) -> None:
    """It names the file and the place."""
    with pytest.raises(BadInput) as refused:
        config_of(tmp_path, text)
    assert part in str(refused.value)
    assert str(tmp_path / "alertmanager.yml") in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ("tracing: {}", "tracing: endpoint is missing"),
        ("tracing: {endpoint: x, compression: zip}", "unknown compression; known: gzip"),
        ("tracing: {endpoint: x, client_type: udp}", "unknown client_type; known: http, grpc"),
        ("tracing: {endpoint: x, sampling_fraction: a}", "sampling_fraction: write a number"),
        ("event_recorder: {file_outputs: [{}]}", "file_outputs[0]: path is missing"),
        ("event_recorder: {webhook_outputs: [{url: 'http://x', batch_max_bytes: 1}]}", "batch: t"),
        ("event_recorder: {webhook_outputs: [{url: 'http://x', workers: x}]}", "a whole number"),
        ("event_recorder: {webhook_outputs: [{url: 'http://x', batch: on, batch_max_events: -1}]}",
         "the settings of a batch are not negative"),
        ("event_recorder: {kafka_outputs: [{brokers: [''], topic: x}]}", "a broker is empty"),
        ("event_recorder: {kafka_outputs: [{brokers: [x], topic: x, acks: 1}]}", "unknown acks"),
        ("event_recorder: {kafka_outputs: [{brokers: [x], topic: x, format: 1}]}", "unknown forma"),
        ("event_recorder: {kafka_outputs: [{brokers: [x], topic: x, compression: 1}]}", "unknown "),
        ("event_recorder: {stdout_outputs: [{x: y}]}", "unknown key 'x'; known: none"),
    ],
)  # fmt: skip
def test_settings_of_the_server(tmp_path: Path, settings: str, part: str) -> None:
    """They change no notification, but what Alertmanager refuses does not pass here."""
    with pytest.raises(BadInput) as refused:
        config_of(tmp_path, f"route: {{receiver: a}}\n{settings}")
    assert part in str(refused.value)


def test_a_receiver_of_the_same_name(tmp_path: Path) -> None:
    """The second one is told of, with its line."""
    path = tmp_path / "alertmanager.yml"
    path.write_text("route: {receiver: a}\nreceivers:\n- name: a\n- name: a\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"yml:4: receivers\[1\]: the name 'a' stands twice"):
        load_alertmanager(path)


@pytest.mark.oracle
def test_alertmanagers_own_examples(oracles: Path) -> None:
    """Each of the 48 loads or is refused as by 0.34; a null pattern is named by its label."""
    folder = oracles / "alertmanager"
    told = YAML(typ="safe").load((folder / "expected.yml").read_text(encoding="utf-8"))["files"]
    found = dict.fromkeys(told, "load")
    for name, expected in told.items():
        try:
            load_alertmanager(folder / name)
        except BadInput as error:
            found[name] = "reject"
            assert str(error).startswith(f"{folder / name}:")
            assert expected.get("v0.34_error_contains", "") in str(error)
    assert len(found) == 48
    assert found == {name: expected["v0.34"].split()[0] for name, expected in told.items()}


def test_one_receiver_for_when_none_is_given() -> None:
    """It groups by alert name and pages."""
    config = single_receiver()
    alert = label_set({"alertname": "A", "pod": "x"})
    (route,) = config.route.match(alert)
    assert route.group_labels(alert) == label_set({"alertname": "A"})
    assert config.paging_receivers() == [route.receiver]
