"""Odd unit tests, each with the verdict that both promtools give and that we must give, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from promtool_verdicts import verdicts

from alertlab.rule_tests import run_test_file

pytestmark = pytest.mark.server

RULES = """\
groups:
- name: g
  rules:
  - alert: A
    expr: m > 0
    labels: {gone: "", team: "{{ $labels.team }}"}
    annotations: {empty: "{{ $labels.nope }}", text: "{{ $value }}"}
  - alert: Same
    expr: m == 1
  - alert: Same
    expr: m == 1
- name: h
  interval: 7m
  rules:
  - {record: r, expr: m * 2, labels: {job: ""}}
"""
HEAD = "rule_files: [rules.yml]\ntests:\n- interval: 1m\n"
M = "  input_series:\n  - {series: 'm{job=\"a\"}', values: 1x5}\n"
ALERT = "  alert_rule_test:\n  - eval_time: 1m\n    alertname: "
EXPR = "  promql_expr_test:\n  - eval_time: 1m\n    expr: "
A_ANNOTATIONS = "      exp_annotations: {empty: '', text: 1}\n"
SUCCESS = {
    "an alert that no rule has": M + ALERT + "Nope\n",
    "an annotation that is empty": M + ALERT + "A\n    exp_alerts:\n    - exp_labels: {job: a}\n"
    + A_ANNOTATIONS,
    "an alertname among the labels": M + ALERT + "A\n    exp_alerts:\n"
    "    - exp_labels: {job: a, alertname: B}\n" + A_ANNOTATIONS,
    "two alerts that are equal": M + ALERT + "Same\n    exp_alerts:\n"
    "    - {exp_labels: {job: a}}\n    - {exp_labels: {job: a}}\n",
    "a check before the first slot's end": M + "  alert_rule_test:\n"
    "  - {eval_time: 59s, alertname: Same, exp_alerts: [{exp_labels: {job: a}},"
    " {exp_labels: {job: a}}]}\n",
    "a series that is hidden": "  input_series:\n  - {series: n, values: \"1\\n\"}\n"
    "  - {series: m, values: 1x5}\n" + ALERT + "A\n",
    "a comment that hides": "  input_series:\n  - {series: '# n', values: 1}\n"
    "  - {series: m, values: 1x5}\n" + ALERT + "A\n",
    "the last of equal series": "  input_series:\n  - {series: m, values: 1x5}\n"
    "  - {series: m, values: 0x5}\n" + ALERT + "A\n",
    "no check at all": M,
    "a group's own interval": M + EXPR + "r\n    exp_samples: [{labels: r, value: 2}]\n",
    "samples in another order": M + EXPR + "label_replace(m, 'x', 'y', '', '') or vector(3)\n"
    "    exp_samples: [{value: 3}, {labels: 'm{x=\"y\",job=\"a\"}', value: 1}]\n",
    "a scalar": EXPR + "1 + 2\n    exp_samples: [{value: 3}]\n",
    "minus zero": EXPR + "vector(0) * -1\n    exp_samples: [{value: 0}]\n",
    "samples behind the last slot": "  input_series: [{series: m, values: 1 2 3}]\n"
    "  promql_expr_test:\n  - {eval_time: 90s, expr: m, exp_samples: [{labels: m, value: 2}]}\n",
    "a look ahead": "  input_series: [{series: m, values: 1 2 3}]\n  promql_expr_test:\n"
    "  - {eval_time: 1m, expr: m offset -1m, exp_samples: [{labels: m, value: 3}]}\n"
    "  - {eval_time: 2m, expr: m offset 1m, exp_samples: [{labels: m, value: 2}]}\n",
}  # fmt: skip
FAILED = {
    "an annotation that is not expected": M + ALERT + "A\n    exp_alerts:\n"
    "    - {exp_labels: {job: a}, exp_annotations: {text: 1}}\n",
    "an empty label that is expected": M + ALERT + "A\n    exp_alerts:\n"
    "    - exp_labels: {job: a, gone: ''}\n" + A_ANNOTATIONS,
    "two equal alerts, expected once": M + ALERT + "Same\n    exp_alerts:\n"
    "    - {exp_labels: {job: a}}\n",
    "a check without a name": M + "  alert_rule_test: [{eval_time: 1m}]\n",
    "a range vector": M + EXPR + "m[1m]\n",
    "a string": EXPR + "'\"a\"'\n",
    "NaN, which equals nothing": EXPR + "vector(NaN)\n    exp_samples: [{value: .nan}]\n",
    "labels that are none": M + EXPR + "m\n    exp_samples: [{labels: 'm{', value: 1}]\n",
    "labels and a value": M + EXPR + "m\n    exp_samples: [{labels: 'm{job=\"a\"} 1', value: 1}]\n",
    "a series without labels": "  input_series: [{series: '{}', values: 1}]\n" + EXPR + "m\n",
    "values on two lines": "  input_series:\n  - {series: m, values: \"1\\n2\"}\n",
    "a series that a rule writes, too": M + "  - {series: r, values: 2 3}\n" + EXPR + "vector(1)\n"
    "    exp_samples: [{value: 1}]\n",
    "no expression": "  promql_expr_test: [{eval_time: 1m}]\n",
}  # fmt: skip


@pytest.mark.parametrize(("cases", "expected"), [(SUCCESS, "success"), (FAILED, "failed")])
def test_odd_files(judge, tmp_path: Path, cases: dict[str, str], expected: str):
    """promtool says so, and so do we, in both ways of evaluating."""
    (tmp_path / "rules.yml").write_text(RULES)
    files = {f"{number}.yml": name for number, name in enumerate(cases)}
    for file, name in files.items():
        (tmp_path / file).write_text(HEAD + cases[name])
    judged = verdicts(judge.promtool, tmp_path, list(files))
    assert {files[file] for file, verdict in judged.items() if verdict != expected} == set()
    for file, name in files.items():
        for at_once in (True, False):
            ours = run_test_file(tmp_path / file, semantics=judge.semantics, at_once=at_once)
            assert ours.verdict == expected, (name, ours)
