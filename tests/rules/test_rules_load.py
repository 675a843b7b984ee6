"""Rule files: what is read from them, and one sentence for each that Prometheus would refuse."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.replay import alert_identity
from alertlab.rules import AlertRule, RecordingRule, find_rule, load_groups, load_rules
from alertlab.units import MINUTE_MS, label_set

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = """\
groups:
  - name: first
    interval: 30s
    query_offset: 1m
    limit: 7
    labels: {team: core, tier: backend}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down  # a comment
        expr: |
          up == 0
        for: 2m
        keep_firing_for: 1h30m
        labels:
          severity: critical
          tier: ""
        annotations: {summary: "{{ $labels.job }} is down"}
  - name: second
    rules:
      - {alert: Down, expr: up < 1, labels: {severity: page, flag: true, code: 010}}
  - name: empty
"""
HEAD = "groups:\n- name: g\n  rules:\n"
RULE = "  - alert: A\n    expr: up\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_a_rule_file_says(tmp_path: Path) -> None:
    """Every setting that evaluation depends on, recording rules left out."""
    path = written(tmp_path, GOOD)
    first, second = load_rules(path, evaluation_interval_ms=15_000)
    assert (first.name, first.expr, first.group) == ("Down", "up == 0", "first")
    assert (first.interval_ms, first.query_offset_ms) == (30_000, MINUTE_MS)
    assert (first.hold_duration_ms, first.keep_firing_for_ms) == (2 * MINUTE_MS, 90 * MINUTE_MS)
    assert dict(first.labels) == {"team": "core", "severity": "critical", "tier": ""}
    assert first.annotations == {"summary": "{{ $labels.job }} is down"}
    assert first.severity == "critical"
    assert first.where == f"{path}:10: rule Down"
    assert (second.interval_ms, second.hold_duration_ms, second.line) == (15_000, 0, 21)
    assert load_rules(path)[1].interval_ms == MINUTE_MS
    assert (first.states_interval, second.states_interval) == (True, False)
    assert (first.index, second.index) == (1, 0)
    assert (first.limit, second.limit) == (7, 0)


def test_rules_know_what_is_recorded_beside_them(tmp_path: Path) -> None:
    """All recording rules of the same call, from whatever file, each as its group has it."""
    more = tmp_path / "more.yml"
    more.write_text("groups:\n- name: m\n  rules:\n  - {record: more, expr: up}\n")
    path = written(tmp_path, GOOD)
    rules = load_rules([path, more])
    assert [one.name for one in rules[0].recorded] == ["job:up:sum", "more"]
    assert all(rule.recorded == rules[0].recorded for rule in rules)
    own, other = rules[0].recorded
    assert (own.group, own.interval_ms, own.query_offset_ms) == ("first", 30_000, MINUTE_MS)
    assert (own.limit, own.index, other.group, other.interval_ms) == (7, 0, "m", MINUTE_MS)
    assert [one.name for one in load_rules(path)[0].recorded] == ["job:up:sum"]


def test_the_global_query_offset_is_for_groups_without_one(tmp_path: Path) -> None:
    """``rule_query_offset``; a stated offset of zero overrides it."""
    text = HEAD + RULE + "- name: h\n  query_offset: 0s\n  rules: [{alert: B, expr: up}]\n"
    first, second = load_rules(written(tmp_path, text), query_offset_ms=7_000)
    assert (first.query_offset_ms, second.query_offset_ms) == (7_000, 0)
    assert load_rules(tmp_path / "rules.yml")[0].query_offset_ms == 0


def test_templates_in_labels_are_kept(tmp_path: Path) -> None:
    """They are expanded where the alert is known."""
    path = written(tmp_path, HEAD + RULE + "    labels: {a: '{{ $value }}'}\n")
    assert dict(load_rules(path)[0].labels) == {"a": "{{ $value }}"}


def test_what_its_groups_are(tmp_path: Path) -> None:
    """All rules in order, the recording ones, too, with limits and templated labels."""
    text = GOOD.replace('tier: ""', "tier: '{{ $labels.tier }}'")
    path = written(tmp_path, text)
    first, second, empty = load_groups(path)
    assert (first.name, first.limit, first.query_offset_ms) == ("first", 7, MINUTE_MS)
    assert first.where == f"{path}:2: group first"
    record, alert = first.rules
    labels = (("team", "core"), ("tier", "backend"))
    assert record == RecordingRule(
        "job:up:sum", "sum by (job) (up)", path, 8, labels,
        group="first", interval_ms=30_000, query_offset_ms=MINUTE_MS, limit=7, index=0,
    )  # fmt: skip
    assert record.where == f"{path}:8: rule job:up:sum"
    assert isinstance(alert, AlertRule)
    assert dict(alert.labels)["tier"] == "{{ $labels.tier }}"
    assert (second.limit, len(second.rules), empty.rules) == (0, 1, ())
    assert (first.interval_ms, second.interval_ms) == (30_000, MINUTE_MS)


def test_values_stay_the_text_they_are(tmp_path: Path) -> None:
    """``true`` and ``010`` are label values as written; nothing is a number, None or True."""
    rules = load_rules(written(tmp_path, GOOD))
    assert dict(rules[1].labels) == {"severity": "page", "flag": "true", "code": "010"}


@pytest.mark.server
def test_promtool_sees_the_same_alert_labels(tmp_path: Path, promtool: str) -> None:
    """Odd scalars, a null and an empty value that takes a sample's label away."""
    labels = (
        '{p: true, q: , r: 1e3, s: 010, t: yes, u: 2026-01-01, inst: "", v: 1_000, w: 1.50, x: ~}'
    )
    path = written(tmp_path, f"{HEAD}  - alert: A\n    expr: m > 0\n    labels: {labels}\n")
    (rule,) = load_rules(path)
    identity = dict(alert_identity(rule, label_set({"__name__": "m", "inst": "i", "job": "j"})))
    assert "inst" not in identity
    assert "q" not in identity
    expected = "\n".join(
        f"        {name}: '{value}'" for name, value in identity.items() if name != "alertname"
    )
    (tmp_path / "test.yml").write_text(
        "rule_files: [rules.yml]\ntests:\n- interval: 1m\n"
        "  input_series: [{series: 'm{inst=\"i\",job=\"j\"}', values: '1 1'}]\n"
        "  alert_rule_test:\n  - eval_time: 1m\n    alertname: A\n    exp_alerts:\n"
        f"    - exp_labels:\n{expected}\n"
    )
    run = subprocess.run(
        [promtool, "test", "rules", "test.yml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def test_several_files_in_order(tmp_path: Path) -> None:
    """Files are read in the order given; the same group name may stand in two files."""
    paths = []
    for name in ("b", "a"):
        paths.append(tmp_path / f"{name}.yml")
        paths[-1].write_text(f"{HEAD}  - alert: {name.upper()}\n    expr: up\n")
    assert [rule.name for rule in load_rules(paths)] == ["B", "A"]
    assert [rule.name for rule in load_rules(str(paths[1]))] == ["A"]


@pytest.mark.parametrize(
    "text", ["", "groups:\n", "groups: []\n", "groups:\n- name: g\n", "---\ngroups:\n---\n", "{}"]
)
def test_a_file_without_rules_is_no_error(tmp_path: Path, text: str) -> None:
    """Prometheus loads it too."""
    assert load_rules(written(tmp_path, text)) == []


def test_anchors_and_merged_labels(tmp_path: Path) -> None:
    """YAML's own way of sharing labels works as in Prometheus."""
    text = (
        f"{HEAD}{RULE}    labels: &common {{team: core}}\n"
        "  - alert: B\n    expr: up\n    labels:\n      <<: *common\n      severity: page\n"
    )
    assert dict(load_rules(written(tmp_path, text))[1].labels) == {
        "team": "core",
        "severity": "page",
    }


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("groups: [", [":1", "not valid YAML"]),
        ("groups:\n\t- a", [":2", "not valid YAML"]),
        (HEAD + RULE + "    expr: down\n", [":6", "duplicate key"]),
        (HEAD + RULE + "---\ngroups: []\n", ["the first of its 2 documents only"]),
        ("group: []", ["one key, groups"]),
        ("- a", ["one key, groups"]),
        ("groups: 5", ["groups is not a list"]),
        ("groups:\n- name: g\n  rules: 5", [":2", "group g", "rules is not a list"]),
        ("groups:\n- rules: []", ["a group has no name"]),
        ("groups:\n- name: g\n- name: g\n", [":3", "group g", "stands twice"]),
        ("groups:\n- name: g\n  intervall: 5m\n", ["group g", "line 3", "'intervall'"]),
        ("groups:\n- name: g\n  interval: 5\n  rules:\n" + RULE, ["interval", "'5' is not"]),
        (HEAD + "  - 5", [":2", "group g", "a rule is no mapping of keys to values"]),
        (HEAD + "  - expr: up", ["group g", "either alert: or record:"]),
        (HEAD + "  - alert:\n    expr: up", ["group g", "either alert: or record:"]),
        (HEAD + RULE + "    record: b", ["group g", "either alert: or record:"]),
        (HEAD + "  - alert: A\n    for: 5m\n", [":4", "rule A", "expr is missing"]),
        (HEAD + "  - alert: A\n    expr: ' '\n", [":4", "rule A", "expr is missing"]),
        (HEAD + "  - alert: A\n    expr: up >\n", [":4", "rule A", "expr", "not a PromQL"]),
        (HEAD + "  - record: a:b\n    expr: up)\n", [":4", "rule a:b", "not a PromQL"]),
        (HEAD + RULE + "    four: 5m\n", [":4", "rule A", "line 6", "'four'"]),
        (HEAD + RULE + "    for: 5 minutes\n", ["rule A", "for", "'5 minutes' is not a duration"]),
        (HEAD + RULE + "    keep_firing_for: -1m\n", ["keep_firing_for", "'-1m' is not"]),
        (HEAD + RULE + "    labels: [a]\n", ["rule A", "labels is not a mapping"]),
        (HEAD + RULE + "    labels: {a-b: c}\n", ["rule A", "labels", "'a-b' is not a label name"]),
        (HEAD + RULE + "    labels: {__name__: c}\n", ["'__name__' is not a label name"]),
        (HEAD + RULE + "    labels: {'': c}\n", ["'' is not a label name"]),
        ("groups:\n- name: g\n  limit: many\n", [":2", "group g", "limit", "whole number"]),
        (HEAD + RULE + "    annotations: {s: '{{ nope }}'}\n",
         [":4", "rule A", "annotations: s", 'function "nope" not defined']),
        (HEAD + RULE + "    labels: {s: '{{ if }}'}\n", ["rule A", "labels: s", "missing value"]),
        (HEAD + "  - {record: a, expr: up, for: 1m}\n", ["rule a", "takes no for"]),
        (HEAD + "  - {record: a, expr: up, annotations: {b: c}}\n", ["takes no annotations"]),
        (HEAD + "  - {record: 'a{b=\"c\"}', expr: up}\n", ["name is no expression"]),
        (HEAD + "  - {alert: [A], expr: up}\n", [":4", "alert is not a text"]),
        (HEAD + "  - {alert: A, expr: {up: }}\n", [":4", "rule A", "expr is not a text"]),
        ("groups:\n- name: [g]\n", [":2", "name is not a text"]),
        ("groups:\n- name: g\n  limit: '3'\n", [":2", "group g", "limit", "whole number"]),
        (HEAD + RULE + "    labels: {a: [b]}\n", ["rule A", "labels", "a is not a text"]),
        (HEAD + RULE + "    for: ''\n", ["rule A", "for", "'' is not a duration"]),
        (HEAD + RULE + "    annotations: {'': c}\n", ["rule A", "annotations", "'' is not a name"]),
    ],
)  # fmt: skip
def test_bad_files_get_one_sentence(tmp_path: Path, text: str, parts: list[str]) -> None:
    """It names the file and, as far as they are known, the line, the rule and the key."""
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as refused:
        load_rules(path)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_what_is_valid_but_not_evaluated_keeps_its_class(tmp_path: Path) -> None:
    """The caller can tell a mistake from a part of PromQL that is not covered."""
    path = written(tmp_path, HEAD + "  - alert: A\n    expr: up > 1_000\n")
    with pytest.raises(UnsupportedPromQL, match=r"rules.yml:4: rule A: expr: digit separators"):
        load_rules(path)


def test_no_file(tmp_path: Path) -> None:
    """A folder or a missing file is named."""
    for path in (tmp_path, tmp_path / "none.yml"):
        with pytest.raises(BadInput, match=r"the rule file .* does not exist or is not a file"):
            load_rules(path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A binary file is no traceback."""
    path = tmp_path / "rules.yml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not valid YAML"):
        load_rules(path)


def test_finding_a_rule_by_name(tmp_path: Path) -> None:
    """An unknown name lists the known ones, a doubled one says where it stands."""
    rules = load_rules(
        written(tmp_path, GOOD + "  - name: g\n    rules: [{alert: Up, expr: up}]\n")
    )
    assert find_rule(rules, "Up").expr == "up"
    with pytest.raises(BadInput, match="unknown rule 'Dwon'; there are: Down, Up"):
        find_rule(rules, "Dwon")
    with pytest.raises(BadInput, match=r"'Down' stands in several places \(.*:10, .*:21\)"):
        find_rule(rules, "Down")


def test_the_committed_rules_load() -> None:
    """The service's own rules, with Korean annotations and the Watchdog."""
    rules = load_rules(ROOT / "auth_service/monitoring/rules/auth-service.yml")
    assert find_rule(rules, "HighLoginFailureRate").hold_duration_ms == 2 * MINUTE_MS
    assert "로그인" in find_rule(rules, "HighLoginFailureRate").annotations["summary"]
    assert {rule.severity for rule in rules} == {"critical", "warning", "none"}
