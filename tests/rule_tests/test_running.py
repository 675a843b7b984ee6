"""Whole files run: verdicts, what is told of a failure, what is not judged, what is warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from alertlab.rule_tests import FileResult, run_test_file

RULES = """\
groups:
  - name: g
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up == 0
        for: 1m
        labels: {severity: page}
        annotations: {summary: "{{ $labels.instance }} is down"}
      - alert: AllDown
        expr: job:up:sum == 0
"""
TEST = """\
rule_files: [rules.yml]
tests:
  - name: two instances
    interval: 1m
    input_series:
      - {series: 'up{job="a",instance="1"}', values: 1 0 0 1}
      - {series: 'up{job="a",instance="2"}', values: 1 1 0 1}
    alert_rule_test:
      - eval_time: 2m
        alertname: Down
        exp_alerts:
          - exp_labels: {severity: page, job: a, instance: 1}
            exp_annotations: {summary: 1 is down}
      - eval_time: 3m
        alertname: Down
      - {eval_time: 2m, alertname: AllDown, exp_alerts: [{exp_labels: {job: a}}]}
    promql_expr_test:
      - expr: ALERTS{alertname="Down"}
        eval_time: 2m
        exp_samples:
          - {labels: 'ALERTS{alertname="Down",alertstate="firing",severity="page",job="a",instance="1"}', value: 1}
          - {labels: 'ALERTS{alertname="Down",alertstate="pending",severity="page",job="a",instance="2"}', value: 1}
      - {expr: job:up:sum, eval_time: 1m, exp_samples: [{labels: 'job:up:sum{job="a"}', value: 1}]}
"""  # noqa: E501


def run(folder: Path, test: str = TEST, rules: str = RULES, **options) -> FileResult:
    (folder / "rules.yml").write_text(rules, encoding="utf-8")
    (folder / "test.yml").write_text(test, encoding="utf-8")
    return run_test_file(folder / "test.yml", **options)


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_so_succeeds(tmp_path: Path, at_once: bool):
    """Alerts, annotations, recorded series and ALERTS are as expected."""
    result = run(tmp_path, at_once=at_once)
    assert result == FileResult(tmp_path / "test.yml")
    assert result.verdict == "success"


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("{summary: 1 is down}", "{summary: 2 is down}", "alertname: Down, time: 2m (line 9)"),
        ("severity: page, job", "severity: warn, job", "this alert differs"),
        ("instance: 1}", "instance: 1, extra: x}", "extra"),
        ("eval_time: 3m\n        alertname: Down", "eval_time: 2m\n        alertname: Down",
         "this alert fires and is not expected"),
        ("{eval_time: 2m, alertname: AllDown", "{eval_time: 3m, alertname: AllDown",
         "this alert is expected and does not fire"),
        ("job: a}}]}", "job: a}}, {exp_labels: {job: b}}]}", "is expected and does not fire"),
        ("value: 1}]}", "value: 1.0000000001}]}", "expr: 'job:up:sum', time: 1m"),
        ("job:up:sum{job=\"a\"}'", "job:up:sum'", '+ got: job:up:sum{job="a"} 1'),
        ("{expr: job:up:sum, eval_time: 1m", "{expr: nothing, eval_time: 1m", "+ got: nothing"),
        ("{expr: job:up:sum, eval_time: 1m", "{expr: 'up[1m]', eval_time: 1m",
         "rule result is not a vector or scalar"),
        ("{expr: job:up:sum, eval_time: 1m", "{expr: 'up +', eval_time: 1m", "not a PromQL"),
        ("job:up:sum{job=\"a\"}'", "job:up:sum{job=}'", "labels 'job:up:sum{job=}'"),
        ("job:up:sum{job=\"a\"}'", "job:up:sum{job=\"a\"} 1'", "does not belong"),
        ("values: 1 0 0 1}", "values: 1 zero 0 1}", "'zero' is no value"),
        ("        alertname: Down\n        exp", "        exp", "no alertname"),
    ],
)  # fmt: skip
def test_what_is_not_so_fails(tmp_path: Path, old: str, new: str, part: str):
    """One thing changed: one failure, with the test's name and place in the file."""
    result = run(tmp_path, replaced(TEST, old, new))
    assert result.verdict == "failed"
    (failure,) = result.failures
    assert failure.startswith("name: two instances (")
    assert "test.yml:3)" in failure
    assert part in failure


def test_a_difference_is_shown_line_by_line(tmp_path: Path):
    """Labels and annotations in order, what is the same once, ``-`` expected and ``+`` found."""
    test = replaced(TEST, "{severity: page, job: a", "{severity: warn, job: a, team: x")
    (failure,) = run(tmp_path, test).failures
    assert failure.splitlines()[2:] == [
        "        this alert differs:",
        "            labels",
        "              alertname = 'Down'",
        "              instance  = '1'",
        "              job       = 'a'",
        "          -   severity  = 'warn'",
        "          +   severity  = 'page'",
        "          -   team      = 'x'",
        "            annotations",
        "              summary   = '1 is down'",
    ]


def test_alerts_that_resemble_each_other_are_compared(tmp_path: Path):
    """Of several, those with most labels in common; each once."""
    test = replaced(
        TEST,
        "          - exp_labels: {severity: page, job: a, instance: 1}\n",
        "          - exp_labels: {severity: page, job: b, instance: 9}\n"
        "          - exp_labels: {severity: page, job: a, instance: 2}\n",
    )
    (failure,) = run(tmp_path, test).failures
    assert failure.count("this alert differs") == 1
    assert failure.count("is expected and does not fire") == 1
    assert failure.index("'2'") < failure.index("this alert is expected")


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("sum by (job) (up)", "sum by (job) (up) + on () group_left () up", "rule: job:up:sum"),
        ("up == 0\n        for", 'label_replace(up, "instance", "", "", "") == 0\n        for',
         "same labelset"),
        ("rules:\n", "limit: 1\n    rules:\n", "exceeded limit of 1 with 2 alerts"),
        ("expr: up == 0", "expr: '\"text\"'", "rule: Down"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at_once", [True, False])
def test_an_evaluation_that_fails(tmp_path: Path, at_once: bool, old: str, new: str, part: str):
    """It ends the test, at the slot at which it happens."""
    result = run(tmp_path, rules=replaced(RULES, old, new), at_once=at_once)
    assert result.verdict == "failed"
    assert all("rule: " in one and "time: " in one for one in result.failures)
    assert part in result.failures[0]


def test_a_rule_that_would_write_over_the_input(tmp_path: Path):
    """Two samples of one series at one time are an error of the rule, unless they are equal."""
    series = "      - {series: 'job:up:sum{job=\"a\"}', values: 2 1 0 2}\n"
    place = "    alert_rule_test:"
    assert run(tmp_path, replaced(TEST, place, series + place)).verdict == "success"
    other = replaced(TEST, place, replaced(series, "2 1 0 2", "2 1 3 2") + place)
    (failure,) = run(tmp_path, other).failures
    assert failure.endswith("rule: job:up:sum, time: 2m, err: duplicate sample for timestamp")


@pytest.mark.parametrize(
    ("test", "rules", "part"),
    [
        (TEST, replaced(RULES, "up == 0", "info(up) == 0"), "info() in"),
        (replaced(TEST, "1 0 0 1", '"{{count:1}}x3"'), RULES, "native histogram"),
        (replaced(TEST, "series: 'up{job=\"a\",instance=\"1\"}'",
                  "series: 'up{job=\"a\",instance=\"1\"}@st'"), RULES, "start timestamps"),
        (replaced(TEST, "value: 1}]}", "histogram: '{{}}'}]}"), RULES, "native histogram"),
        (replaced(TEST, "expr: job:up:sum", "expr: info(up)"), RULES, "info()"),
        (TEST, replaced(RULES, "{{ $labels.instance }}", "{{ title `ä` }}"), "beyond ASCII"),
        (TEST, replaced(RULES, "severity: page}", "severity: page, q: '{{ query `up` }}'}"),
         "address"),
        (TEST, replaced(RULES, "{{ $labels.instance }}", "{{ 1i }}"), "complex numbers"),
    ],
)  # fmt: skip
def test_what_is_not_evaluated_is_never_passed(tmp_path: Path, test: str, rules: str, part: str):
    """A part of PromQL or of templates that is missing here is named."""
    result = run(tmp_path, test, rules)
    assert (result.verdict, result.failures) == ("not judged", [])
    assert part in result.not_judged[0]


def test_a_failure_outweighs_what_is_not_judged(tmp_path: Path):
    """promtool would fail the file, too."""
    test = replaced(TEST, "value: 1}]}", "histogram: '{{}}'}]}")
    result = run(tmp_path, replaced(test, "{summary: 1 is down}", "{summary: none}"))
    assert (result.verdict, len(result.not_judged)) == ("failed", 1)


def test_broken_rule_files(tmp_path: Path):
    """They fail a file that has tests; one without tests never loads them, as in promtool."""
    rules = replaced(RULES, "expr: up == 0", "expr: up ==")
    (failure,) = run(tmp_path, rules=rules).failures
    assert "rules.yml:6: rule Down: expr" in failure
    assert run(tmp_path, "rule_files: [rules.yml]\n", rules).verdict == "success"


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """They fail by name, and the files behind them are still run."""

    def refuse(path: Path, **_) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    run(tmp_path)
    monkeypatch.setattr(Path, "read_text", refuse)
    result = run_test_file(tmp_path / "test.yml")
    assert result.failures == [f"{tmp_path / 'test.yml'}: Permission denied"]


def test_patterns_of_rule_files(tmp_path: Path):
    """They are relative to the test file; a file that two patterns match is loaded once."""
    patterns = "rule_files: ['*les.yml', 'rule[^a-c].yml', rules.yml, none.yml]"
    result = run(tmp_path, replaced(TEST, "rule_files: [rules.yml]", patterns))
    assert result.verdict == "success"
    assert result.warnings == [f"no file matches {tmp_path / 'none.yml'}"]


def test_the_order_of_groups(tmp_path: Path):
    """``group_eval_order`` decides whether a rule sees a value of its own slot."""
    rules = (
        "groups:\n- name: reader\n  rules: [{record: read, expr: written}]\n"
        "- name: writer\n  rules: [{record: written, expr: vector(time())}]\n"
    )
    orders = {"[reader, writer]": 60, "[writer, reader]": 120, "[]": 60, "[writer]": 60}
    for order, value in orders.items():
        test = (
            f"rule_files: [rules.yml]\ngroup_eval_order: {order}\ntests:\n- promql_expr_test:\n"
            f"  - {{expr: read, eval_time: 2m, exp_samples: [{{labels: read, value: {value}}}]}}\n"
        )
        for at_once in (True, False):
            assert run(tmp_path, test, rules, at_once=at_once).failures == []


OFFSET_RULES = """\
groups:
- name: g
  query_offset: 1m
  rules: [{record: late, expr: vector(time())}, {alert: A, expr: late > 0}]
"""


@pytest.mark.parametrize("at_once", [True, False])
def test_the_query_offset_of_a_group(tmp_path: Path, at_once: bool):
    """Expressions are evaluated, and samples written, so much before the slot."""
    test = """\
rule_files: [rules.yml]
tests:
- promql_expr_test:
  - {expr: timestamp(late), eval_time: 3m, exp_samples: [{value: 120}]}
  - {expr: late, eval_time: 3m, exp_samples: [{labels: late, value: 120}]}
  - {expr: timestamp(ALERTS), eval_time: 3m, exp_samples: [{value: 120, labels: '{LABELS}'}]}
  - {expr: ALERTS_FOR_STATE, eval_time: 3m, exp_samples: [{value: 120, labels: 'X{alertname="A"}'}]}
"""
    labels = '{alertname="A",alertstate="firing"}'
    test = test.replace("{LABELS}", labels).replace("X{", "ALERTS_FOR_STATE{")
    assert run(tmp_path, test, OFFSET_RULES, at_once=at_once).failures == []


@pytest.mark.parametrize("at_once", [True, False])
def test_queries_of_templates_see_their_own_slot(tmp_path: Path, at_once: bool):
    """What a rule behind the alert writes at that slot is not there yet, nor is the alert."""
    rules = """\
groups:
- name: g
  rules:
  - alert: A
    expr: vector(1)
    keep_firing_for: 1h
    annotations: {now: '{{ with query "slot or vector(-1)" }}{{ . | first | value }}{{ end }}',
                  alerts: '{{ with query "count(ALERTS) or vector(0)" | first }}{{ .Value }}{{ end }}'}
  - {record: slot, expr: time()}
"""  # noqa: E501
    checks = "".join(
        f"  - {{eval_time: {minute}m, alertname: A, "
        f"exp_alerts: [{{exp_annotations: {{now: {slot}, alerts: {alerts}}}}}]}}\n"
        for minute, slot, alerts in ((0, -1, 0), (1, 0, 1), (3, 120, 1))
    )
    test = f"rule_files: [rules.yml]\ntests:\n- alert_rule_test:\n{checks}"
    assert run(tmp_path, test, rules, at_once=at_once).failures == []


def test_what_is_warned_of(tmp_path: Path):
    """Series that promtool does not read, and checks of alerts that no rule has."""
    test = replaced(TEST, "values: 1 0 0 1}", 'values: "1 0 0 1\\n"}')
    test = replaced(test, "eval_time: 3m\n        alertname: Down", "eval_time: 3m\n        "
                    "alertname: Dwon")  # fmt: skip
    result = run(tmp_path, test)
    assert [one.partition("test.yml:3): ")[2] for one in result.warnings] == [
        "promtool reads no input_series behind a blank line or a comment (lines unread: 1); "
        "remove the newline before them",
        "line 14: there is no alert 'Dwon' to fire",
    ]
    assert "job:up:sum" in str(result.failures)  # the instance that was not read is missing


def test_two_and_three_differ(tmp_path: Path):
    """A window of 2.x holds one sample more."""
    test = (
        "tests:\n- input_series: [{series: m, values: 1 1 1}]\n  promql_expr_test:\n"
        "  - {expr: 'count_over_time(m[1m])', eval_time: 2m, exp_samples: [{value: 2}]}\n"
    )
    assert run(tmp_path, test, semantics=2).verdict == "success"
    assert run(tmp_path, test, semantics=3).verdict == "failed"


def test_neighbouring_floats(tmp_path: Path):
    """``fuzzy_compare`` takes the next float64 for the same, NaN is never equal to itself."""
    test = (
        "{head}tests:\n- input_series: [{{series: m, values: 0.1}}]\n  promql_expr_test:\n"
        "  - {{expr: 'm * 3', exp_samples: [{{value: {value}}}]}}\n"
    )
    fuzzy = "fuzzy_compare: true\n"
    assert run(tmp_path, test.format(head=fuzzy, value="0.3")).verdict == "success"
    assert run(tmp_path, test.format(head="", value="0.3")).verdict == "failed"
    assert run(tmp_path, test.format(head=fuzzy, value="0.29999999999999993")).verdict == "failed"
    nan = replaced(test, "m * 3", "m * NaN")
    assert run(tmp_path, nan.format(head=fuzzy, value=".nan")).verdict == "failed"
