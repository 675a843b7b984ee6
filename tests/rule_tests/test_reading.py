"""Unit-test files: what is read from them, and one sentence for each that promtool refuses."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from promtool_verdicts import verdicts

from alertlab.errors import BadInput
from alertlab.rule_tests import read_test_file, run_test_file
from alertlab.units import MINUTE_MS

FULL = """\
rule_files: [rules/*.yml, /etc/more.yml]
evaluation_interval: 30s
group_eval_order: [second, first]
fuzzy_compare: yes
tests:
  - name: all of it
    interval: 15s
    start_timestamp: 2024-01-01T00:00:00.5Z
    external_labels: {site: eu, rack: 603}
    external_url: http://x/y
    input_series:
      - series: up{job="a"}
        values: 0 1x3
    alert_rule_test:
      - eval_time: 5m
        alertname: Down
        exp_alerts:
          - exp_labels: {rack: 603, flag: true, empty: "", none: , alertname: Other}
            exp_annotations:
              summary: it is down
      - {alertname: Up, eval_time: 0}
    promql_expr_test:
      - expr: up
        eval_time: 1m30s
        exp_samples:
          - {labels: 'up{job="a"}', value: 0x10}
          - {value: -1.5e3}
          - {histogram: "{{count:1}}"}
  - {}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "test.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_that_a_file_may_say(tmp_path: Path):
    """Every key of the format, as of promtool 3."""
    path = written(tmp_path, FULL)
    file = read_test_file(path)
    assert file.rule_patterns == (str(tmp_path / "rules/*.yml"), "/etc/more.yml")
    assert (file.evaluation_interval_ms, file.fuzzy) == (30_000, True)
    assert file.group_order == ("second", "first")
    test, empty = file.tests
    assert (test.name, test.line, test.interval_ms) == ("all of it", 6, 15_000)
    assert test.start_ms == 1_704_067_200_500
    assert test.external_labels == {"site": "eu", "rack": "603"}
    assert test.external_url == "http://x/y"
    assert test.input_series == (('up{job="a"}', "0 1x3"),)
    down, up = test.alert_checks
    assert (down.alertname, down.eval_time_ms, down.line) == ("Down", 5 * MINUTE_MS, 15)
    (expected,) = down.expected
    assert expected.labels == {
        "rack": "603", "flag": "true", "empty": "", "none": "", "alertname": "Down"
    }  # fmt: skip
    assert expected.annotations == {"summary": "it is down"}
    assert (up.eval_time_ms, up.expected) == (0, ())
    (expr,) = test.expr_checks
    assert (expr.expr, expr.eval_time_ms, expr.line) == ("up", 90_000, 23)
    assert [one.value for one in expr.expected] == [16, -1500, 0]
    assert [one.labels for one in expr.expected] == ['up{job="a"}', "", ""]
    assert expr.expected[2].histogram == "{{count:1}}"
    assert test.span_ms == 5 * MINUTE_MS
    assert (empty.interval_ms, empty.span_ms, empty.start_ms) == (30_000, 0, 0)


def test_what_is_not_said(tmp_path: Path):
    """An empty file holds no tests; the evaluation interval is a minute."""
    file = read_test_file(written(tmp_path, ""))
    assert (file.tests, file.evaluation_interval_ms, file.fuzzy) == ((), MINUTE_MS, False)
    file = read_test_file(written(tmp_path, "evaluation_interval: 0s\ntests: [{interval: 0s}]"))
    assert (file.evaluation_interval_ms, file.tests[0].interval_ms) == (MINUTE_MS, MINUTE_MS)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("010", 8), ("0o10", 8), ("0b11", 3), ("-0x1F", -31), ("1_000.5", 1000.5),
     (".5", 0.5), ("+1e2", 100), (".inf", math.inf), ("-.Inf", -math.inf), ("08", 8), ("", 0)],
)  # fmt: skip
def test_numbers(tmp_path: Path, text: str, value: float):
    """Values are YAML 1.1 numbers, as promtool's reader has them."""
    file = read_test_file(written(tmp_path, EXPR + f"        - value: {text}\n"))
    assert file.tests[0].expr_checks[0].expected[0].value == value


def test_not_a_number_is_one(tmp_path: Path):
    """NaN is written with a dot."""
    file = read_test_file(written(tmp_path, EXPR + "        - value: .nan\n"))
    assert math.isnan(file.tests[0].expr_checks[0].expected[0].value)


@pytest.mark.parametrize(
    ("text", "start_ms"),
    [("1704067200", 1_704_067_200_000), ("1.5", 1500), ("2024-01-01T01:00:00+01:00",
     1_704_067_200_000), ("", 0)],
)  # fmt: skip
def test_start_times(tmp_path: Path, text: str, start_ms: int):
    """Unix seconds or RFC 3339."""
    file = read_test_file(written(tmp_path, f"tests:\n- start_timestamp: {text}\n"))
    assert file.tests[0].start_ms == start_ms


TESTS = "tests:\n  - interval: 1m\n"
EXPR = TESTS + "    promql_expr_test:\n    - expr: up\n      exp_samples:\n"
BAD = [
    ("tests: [", "not valid YAML"),
    ("- a", "expected a mapping"),
    ("tests: {}", ":1: tests is not a list"),
    ("tests: [5]", "expected a mapping"),
    ("rule_files: a.yml", "rule_files is not a list"),
    ("rule_files: [[a]]", "rule_files is not a list of texts"),
    ("tests: []\nrule_file: []", ":2: unknown key 'rule_file'"),
    ("tests: []\ntests: []", "duplicate key"),
    (TESTS + "    alert_rule_tests: []", ":3: unknown key 'alert_rule_tests'"),
    (TESTS + "    input_series: [{series: a, value: 1}]", "unknown key 'value'"),
    (TESTS + "    alert_rule_test: [{alert: A}]", "unknown key 'alert'"),
    (TESTS + "    alert_rule_test: [{exp_alerts: [{labels: {}}]}]", "unknown key 'labels'"),
    (TESTS + "    promql_expr_test: [{expression: a}]", "unknown key 'expression'"),
    (TESTS + "    promql_expr_test: [{exp_samples: [{label: a}]}]", "unknown key 'label'"),
    (TESTS + "    name: [a]", "name is not a text"),
    (TESTS + "    interval: 1m", "duplicate key"),
    ("evaluation_interval: 60", "evaluation_interval is not a duration"),
    ("evaluation_interval: ' 1m'", "evaluation_interval is not a duration"),
    (TESTS + "    external_labels: [a]", "external_labels is not a mapping"),
    (TESTS + "    external_labels: {a: [b]}", "external_labels is not a mapping"),
    (TESTS + "    start_timestamp: tomorrow", "start_timestamp is not a time"),
    (TESTS + "    start_timestamp: 2024-01-01", "start_timestamp is not a time"),
    ("fuzzy_compare: perhaps", "fuzzy_compare is not true or false"),
    ("fuzzy_compare: 'true'", "fuzzy_compare is not true or false"),
    ("group_eval_order: [a, b, a]", "names 'a' twice"),
    (EXPR + "        - value: one", ":6: value is not a number: 'one'"),
    (EXPR + "        - value: '1'", "value is not a number"),
    (EXPR + "        - value: NaN", "value is not a number"),
]


@pytest.mark.parametrize(("text", "part"), BAD)
def test_what_is_refused(tmp_path: Path, text: str, part: str):
    """One sentence with the file and, as far as it is known, the line and the key."""
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as refused:
        read_test_file(path)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert part in message
    assert run_test_file(path).failures == [message]


@pytest.mark.server
def test_promtool_refuses_the_same(promtool3: str, tmp_path: Path):
    """promtool 3 fails every file that we refuse, and takes the one with everything in it."""
    for number, (text, _) in enumerate(BAD):
        (tmp_path / f"{number}.yml").write_text(text)
    judged = verdicts(promtool3, tmp_path, [f"{number}.yml" for number in range(len(BAD))])
    assert {name: verdict for name, verdict in judged.items() if verdict != "failed"} == {}
    readable = FULL.partition("    alert_rule_test")[0]
    (tmp_path / "good.yml").write_text(readable)
    assert verdicts(promtool3, tmp_path, ["good.yml"]) == {"good.yml": "success"}


def test_no_file(tmp_path: Path):
    """A missing file and a folder are named."""
    for path in (tmp_path, tmp_path / "none.yml"):
        with pytest.raises(BadInput, match="does not exist or is not a file"):
            read_test_file(path)
