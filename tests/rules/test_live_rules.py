"""Rules as a server tells them: what real servers say of a file, and refusals of other answers."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path

import pytest

from alertlab.errors import BadInput, ServerError
from alertlab.promql import parse
from alertlab.rules import (
    AlertRule,
    RecordingRule,
    RuleChange,
    RuleGroup,
    alert_rules,
    edit_rule,
    groups_of_answer,
    load_groups,
    rule_diff,
    rule_text,
)
from alertlab.sources import open_source
from auth_service.stack import run_prometheus

SERVER = "http://prometheus:9090"
GROUPS = """\
groups:
- name: first
  interval: 1m30s
  limit: 7
  rules:
  - record: job:up:sum
    expr: sum(up) by (job)
    labels: {tier: backend}
  - alert: Down
    expr: |
      up{job=~"a.*"}   # a comment
        == 0.50
    for: 2m
    keep_firing_for: 1h30m
    labels: {severity: critical, gone: "", why: '{{ $labels.job }} "quoted"'}
    annotations: {summary: "{{ $labels.job }} 다운", empty: ""}
- name: second
  rules:
  - {alert: Down, expr: up < 1, for: 500ms}
"""
NEWER = """\
- name: third
  query_offset: 1m
  labels: {team: core, severity: low}
  rules:
  - {alert: Own, expr: up > 1, labels: {severity: high}}
  - {record: r, expr: vector(1)}
"""


def plainly(rule: AlertRule | RecordingRule) -> dict:
    """A rule's fields, its expression as any parser prints it."""
    shown = {one.name: getattr(rule, one.name) for one in fields(rule)}
    return shown | {"expr": parse(rule.expr).prettify()}


@pytest.mark.server
def test_a_server_tells_what_its_file_says(tmp_path: Path, server) -> None:
    """Every field but lines, and what no server tells: who stated an interval, query offsets."""
    rules = tmp_path / "rules.yml"
    rules.write_text(GROUPS + (NEWER if server.semantics == 3 else ""), encoding="utf-8")
    config = {"global": {"evaluation_interval": "17s"}, "rule_files": [str(rules)]}
    with run_prometheus(tmp_path, config, program=server.program) as url:
        told = groups_of_answer(_told(url), url)
    written = load_groups(rules, evaluation_interval_ms=17_000)
    assert len(told) == len(written) == (3 if server.semantics == 3 else 2)
    for one, other in zip(told, written, strict=True):
        assert (one.name, one.file, one.limit) == (other.name, other.file, other.limit)
        assert (one.interval_ms, one.line, one.server) == (other.interval_ms, 0, url)
        for live, plain in zip(one.rules, other.rules, strict=True):
            expected = plainly(plain) | {"line": 0, "server": url, "query_offset_ms": 0}
            if isinstance(plain, AlertRule):
                expected |= {"states_interval": True}
            assert plainly(live) == expected


def _told(url: str) -> dict:
    """The server's answer, once it has read its rules."""
    deadline = time.monotonic() + 30
    while True:
        data = open_source(url).rules_answer()
        if data["groups"]:
            return data
        assert time.monotonic() < deadline, "no rules"
        time.sleep(0.05)


def answer(*rules: dict, **group: object) -> dict:
    """The data object of an answer with one group."""
    told = {"name": "g", "file": "/etc/r.yml", "interval": 15, "limit": 0, "rules": list(rules)}
    return {"groups": [told | group]}


ALERT = {
    "type": "alerting", "name": "A", "query": "up < 1", "duration": 0.5, "keepFiringFor": 60,
    "labels": {"b": "c"}, "annotations": {"d": "e"}, "state": "inactive",
}  # fmt: skip
RECORD = {"type": "recording", "name": "r", "query": "sum(up)"}


def test_every_field_of_an_answer() -> None:
    """Seconds become milliseconds; what older servers leave out is empty."""
    (group,) = groups_of_answer(answer(ALERT, RECORD, interval=1.5, limit=3), SERVER)
    file, of_group = Path("/etc/r.yml"), {"limit": 3, "server": SERVER}
    assert group == RuleGroup("g", file, 0, interval_ms=1_500, rules=group.rules, **of_group)
    assert group.rules == (
        AlertRule(
            "A", "up < 1", "g", file, 0, 1_500, 500, 60_000, 0, (("b", "c"),), {"d": "e"},
            states_interval=True, index=0, **of_group,
        ),
        RecordingRule("r", "sum(up)", file, 0, (), "g", 1_500, index=1, **of_group),
    )  # fmt: skip
    (rule,) = alert_rules([group])
    assert [one.name for one in rule.recorded] == ["r"]
    assert group.where == "http://prometheus:9090: group g in /etc/r.yml"
    assert rule.where == "http://prometheus:9090: rule A in /etc/r.yml"
    without = {key: ALERT[key] for key in ("type", "name", "query", "duration")}
    (group,) = groups_of_answer(answer(without), SERVER)
    (rule,) = group.rules
    assert (rule.labels, rule.annotations, rule.keep_firing_for_ms) == ((), {}, 0)


@pytest.mark.parametrize(
    "data",
    [{}, {"groups": None}, {"groups": [5]}, answer({"type": "alerting"}), answer(interval="x")],
)
def test_other_answers_are_refused(data: dict) -> None:
    """In one sentence that names the server."""
    with pytest.raises(ServerError, match="http://prometheus:9090 answered rules that are not"):
        groups_of_answer(data, SERVER)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"query": "up >"}, "rule A in /etc/r.yml: expr: .* is not a PromQL expression"),
        ({"query": ""}, "rule A in /etc/r.yml: expr is missing"),
        ({"type": "streaming"}, "'streaming' is no type of rules"),
    ],
)
def test_rules_of_other_programs_are_refused(change: dict, reason: str) -> None:
    """Others speak this API, too; what is not PromQL is named."""
    with pytest.raises(BadInput, match=reason):
        groups_of_answer(answer(ALERT | change), SERVER)


def test_a_told_rule_is_shown_and_compared_but_not_edited() -> None:
    """Its file is elsewhere: text and diff are those of the rule alone."""
    (rule,) = alert_rules(groups_of_answer(answer(ALERT | {"duration": 120}, RECORD), SERVER))
    assert rule_text(rule) == (
        "- alert: A\n  expr: up < 1\n  for: 2m\n  keep_firing_for: 1m\n"
        "  labels:\n    b: c\n  annotations:\n    d: e\n"
    )
    assert rule_diff(rule, RuleChange(threshold=2, hold_duration_ms=0)) == (
        "--- r.yml\n+++ r.yml\n@@ -1,5 +1,4 @@\n - alert: A\n-  expr: up < 1\n-  for: 2m\n"
        "+  expr: up < 2\n   keep_firing_for: 1m\n   labels:\n"
    )
    with pytest.raises(BadInput, match=r"rule A in /etc/r\.yml: a server told of it"):
        edit_rule("groups: []", rule, RuleChange(threshold=2))
