"""A tuned rule is written with a unit test that both promtools take, and the old rule fails."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from histories import INCIDENT_DAYS, RULES, minutely, queue_values, write_rules

from alertlab.change import Proposal, check_output, write_change
from alertlab.errors import BadInput
from alertlab.rule_tests import read_test_file, run_test_file
from alertlab.rules import load_rules
from alertlab.units import MINUTE_MS

RECORDED = """\
groups:
  - name: queue
    interval: 1m
    rules:
      - record: job:queue:sum
        expr: sum by (job) (max_over_time(queue_length[2m]))
      - alert: LongQueue
        expr: job:queue:sum > 5
        for: 1m
        labels: {size: '{{ $labels.job }}-queue'}
        annotations:
          summary: "{{ $labels.job }}: {{ $value | printf `%.2f` }}\\nsecond: {{ \\"tab\\t\\" }}"
          "on": 'yes'
"""


@pytest.fixture(params=["promtool", "promtool3"])
def promtool_bin(request: pytest.FixtureRequest) -> str:
    """Both promtools that are at hand."""
    return request.getfixturevalue(request.param)


def verdict(promtool: str, test: Path) -> tuple[int, str]:
    """Return promtool's exit code and output for a unit-test file."""
    run = subprocess.run(
        [promtool, "test", "rules", test.name], cwd=test.parent, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return run.returncode, run.stdout + run.stderr


def check_proof(promtool: str, test: Path, before: str) -> None:
    """The test passes with the new rules beside it and fails with the old ones."""
    code, said = verdict(promtool, test)
    assert code == 0, said
    folder = test.parent / "old"
    folder.mkdir()
    shutil.copy(test, folder)
    (name,) = read_test_file(test).rule_patterns
    (folder / Path(name).name).write_text(before, encoding="utf-8")
    code, said = verdict(promtool, folder / test.name)
    assert code == 1, said
    assert "FAILED" in said


def test_a_threshold(tmp_path: Path, change_to, promtool_bin: str) -> None:
    """Only the number changes; the test beside it has the alert with its annotations expanded."""
    rules = write_rules(tmp_path)
    series = [minutely(queue_values(), queue='a"b|<c>')]
    tuning, source = change_to(rules, series=series, threshold=12.5)
    written = write_change(Proposal.of(tuning), source, tmp_path / "new.yml")
    assert rules.read_text() == RULES
    assert written.rules.read_text() == RULES.replace("queue_length > 5", "queue_length > 12.5")
    assert written.unit_test == tmp_path / "new.LongQueue.test.yml"
    assert written.report == tmp_path / "new.LongQueue.change.md"
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "new.LongQueue.change.md", "new.LongQueue.test.yml", "new.yml", "queue.yml",
    ]  # fmt: skip
    silent, caught = read_test_file(written.unit_test).tests
    assert silent.name.startswith("silent where it paged for nothing: 1970-01-0")
    assert caught.name == "incident i1 is caught"
    assert [check.expected for check in silent.alert_checks] == [(), ()]
    before, then = caught.alert_checks
    assert (before.expected, before.eval_time_ms) == ((), then.eval_time_ms - 60_000)
    (alert,) = then.expected
    assert alert.labels == {
        "alertname": "LongQueue", "queue": 'a"b|<c>', "severity": "critical", "team": "a,b",
    }  # fmt: skip
    assert alert.annotations == {"summary": 'Queue a"b|<c> is long: 20 "jobs" | <b>'}
    check_proof(promtool_bin, written.unit_test, RULES)


def test_through_a_recording_rule(tmp_path: Path, change_to, promtool_bin: str) -> None:
    """The pods' raw series stand in the test, all of them; odd keys and texts survive."""
    rules = write_rules(tmp_path, RECORDED)
    half = queue_values() / 2
    late = half.copy()
    late[: 6 * 60] = np.nan  # its pod starts later
    series = [minutely(half, job="x", pod="1"), minutely(late, job="x", pod="2")]
    tuning, source = change_to(rules, series=series, threshold=10)
    written = write_change(Proposal.of(tuning), source, tmp_path / "new.yml")
    tests = read_test_file(written.unit_test).tests
    assert {name for test in tests for name, _ in test.input_series} >= {
        'queue_length{job="x", pod="1"}',
        'queue_length{job="x", pod="2"}',
    }
    alerts = [one for test in tests for check in test.alert_checks for one in check.expected]
    assert alerts[-1].labels == {"alertname": "LongQueue", "job": "x", "size": "x-queue"}
    assert alerts[-1].annotations == {
        "summary": "x: 20.00\nsecond: tab\t", "on": "yes",
    }  # fmt: skip
    check_proof(promtool_bin, written.unit_test, RECORDED)


def test_keep_firing_for(tmp_path: Path, change_to, promtool_bin: str) -> None:
    """Where only keep_firing_for changes, the test shows the alert over a gap."""
    values = queue_values(blips=0)
    for day in INCIDENT_DAYS:  # two minutes in ten are short
        for k in range(3):
            values[day * 1440 + 728 + 10 * k :][:2] = 1
    rules = write_rules(tmp_path)
    tuning, source = change_to(
        rules, series=[minutely(values, queue="q")], keep_firing_for_ms=5 * MINUTE_MS
    )
    written = write_change(Proposal.of(tuning), source, tmp_path / "new.yml")
    caught, kept = read_test_file(written.unit_test).tests
    assert caught.name.startswith("incident ")
    assert kept.name == "still firing at 1970-01-02T12:08:00Z"
    assert [one.labels["queue"] for one in kept.alert_checks[-1].expected] == ["q"]
    check_proof(promtool_bin, written.unit_test, RULES)


def test_a_for(tmp_path: Path, change_to, promtool_bin: str) -> None:
    """Blips as high as incidents: a ``for`` is added as a line, and the test shows its wait."""
    rules = write_rules(tmp_path)
    hold_ms = 4 * MINUTE_MS
    series = [minutely(queue_values(height=20), queue="q")]
    tuning, source = change_to(rules, series=series, hold_duration_ms=hold_ms)
    written = write_change(Proposal.of(tuning), source, tmp_path / "new.yml")
    text = written.rules.read_text()
    assert [one for one in text.splitlines() if one not in RULES.splitlines()] == [
        "        for: 4m"
    ]
    silent, caught = read_test_file(written.unit_test).tests
    # It is looked at for so long that the alert would have come, if only later.
    first, last = (check.eval_time_ms for check in silent.alert_checks)
    assert last >= first + hold_ms
    before, then = caught.alert_checks
    assert then.eval_time_ms >= hold_ms
    assert not before.expected
    check_proof(promtool_bin, written.unit_test, RULES)


def test_in_place_with_windows_line_ends_and_rights(tmp_path: Path, change_to) -> None:
    """The rule's own file, through a link: every other byte and its mode stay."""
    text = RULES.replace("\n", "\r\n")
    rules = write_rules(tmp_path, text)
    rules.chmod(0o640)
    link = tmp_path / "link.yml"
    link.symlink_to(rules)
    tuning, source = change_to(link, threshold=12)
    written = write_change(Proposal.of(tuning), source, link)
    assert rules.read_bytes().decode() == text.replace("length > 5", "length > 12")
    assert link.is_symlink()
    assert rules.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "queue.LongQueue.test.yml").is_file()
    assert run_test_file(tmp_path / "queue.LongQueue.test.yml").verdict == "success"
    assert written.rules == link


def test_nothing_is_left_of_a_failure(tmp_path: Path, change_to) -> None:
    """An expression folded over lines is refused, and the folder is as it was."""
    text = RULES.replace("queue_length > 5   # jobs", ">\n          queue_length\n          > 5")
    rules = write_rules(tmp_path, text)
    tuning, source = change_to(rules, threshold=12)
    with pytest.raises(BadInput, match=r"queue.yml:8: rule LongQueue: .*by hand"):
        write_change(Proposal.of(tuning), source, rules)
    assert [one.name for one in tmp_path.iterdir()] == ["queue.yml"]
    assert rules.read_text() == text


def test_a_kubernetes_object_gets_no_unit_test(tmp_path: Path, change_to) -> None:
    """promtool reads none, so the rule and the report are written, and both say why."""
    spec = "".join(f"  {line}\n" for line in RULES.splitlines())
    text = (
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: q}\n"
        f"spec:\n{spec}"
    )
    rules = write_rules(tmp_path, text)
    tuning, source = change_to(rules, threshold=12)
    written = write_change(Proposal.of(tuning), source, rules)
    assert written.unit_test is None
    assert "PrometheusRule" in written.why_no_test
    assert written.why_no_test in written.report.read_text()
    assert load_rules(rules)[1].expr == "queue_length > 12"
    assert {one.name for one in tmp_path.iterdir()} == {"queue.LongQueue.change.md", "queue.yml"}


@pytest.mark.parametrize("semantics", [2, 3])
def test_values_that_the_other_prometheus_has_otherwise(
    tmp_path: Path, change_to, semantics: int, promtool: str, promtool3: str
) -> None:
    """A window of Prometheus 2 holds a sample more: the test is for the one that was asked."""
    text = RULES.replace("queue_length > 5 ", "sum_over_time(queue_length[3m]) > 15 ")
    rules = write_rules(tmp_path, text)
    series = [minutely(queue_values(minutes=9), queue="q")]
    tuning, source = change_to(rules, series=series, semantics=semantics, threshold=40)
    written = write_change(Proposal.of(tuning), source, tmp_path / "new.yml")
    codes = {
        2: verdict(promtool, written.unit_test)[0],
        3: verdict(promtool3, written.unit_test)[0],
    }
    assert codes == {semantics: 0, 5 - semantics: 1}
    told = f"Other values than those of Prometheus {semantics} would fail it."
    assert told in written.unit_test.read_text()
    # Where the text does not tell the value, one test is for both.
    rules = write_rules(tmp_path, text.replace("{{ $value | humanize }}", "it"))
    tuning, source = change_to(rules, series=series, semantics=semantics, threshold=40)
    written = write_change(Proposal.of(tuning), source, tmp_path / "new.yml")
    assert [verdict(one, written.unit_test)[0] for one in (promtool, promtool3)] == [0, 0]
    assert "Other values" not in written.unit_test.read_text()


@pytest.mark.parametrize("name", ["../../etc/x", "a b", "한글/..", "A"])
def test_a_rules_name_names_no_other_folder(tmp_path: Path, change_to, name: str) -> None:
    """Whatever a rule is called, its files stand beside the rules."""
    folder = tmp_path / "rules"
    folder.mkdir()
    rules = write_rules(folder, RULES.replace("LongQueue", name))
    tuning, source = change_to(rules, name, threshold=12)
    written = write_change(Proposal.of(tuning), source, rules)
    assert {written.unit_test.parent, written.report.parent} == {folder}
    assert len(list(folder.iterdir())) == 3
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("rule_file", "out", "part"),
    [
        ("http://prometheus:9090", "new.yml", "a server only tells of its rules"),
        ("rules.yml", ".", "is a folder; name the file"),
        ("rules.yml", "nowhere/new.yml", "its folder does not exist"),
    ],
)
def test_outputs_that_are_refused(tmp_path: Path, rule_file: str, out: str, part: str) -> None:
    """Before anything is computed."""
    with pytest.raises(BadInput, match=part):
        check_output(rule_file, tmp_path / out)


def test_a_change_that_no_cut_shows(tmp_path: Path, change_to) -> None:
    """Where a cut would be too long, the report says so and the rule is written all the same."""
    text = RULES.replace("queue_length > 5 ", "max_over_time(queue_length[3h]) > 5 ")
    rules = write_rules(tmp_path, text)
    tuning, source = change_to(rules, threshold=12)
    written = write_change(Proposal.of(tuning), source, tmp_path / "new.yml")
    assert written.unit_test is None
    assert "a cut would have to be " in written.why_no_test
    assert "There is no unit test" in written.report.read_text()


def test_a_template_that_is_not_expanded_here(tmp_path: Path, change_to) -> None:
    """Annotations are expanded exactly or there is no test, and the report names what it was."""
    text = RULES.replace("{{ $value | humanize }}", "{{ title $labels.queue }}")
    rules = write_rules(tmp_path, text)
    tuning, source = change_to(rules, series=[minutely(queue_values(), queue="é")], threshold=12)
    written = write_change(Proposal.of(tuning), source, tmp_path / "new.yml")
    assert written.unit_test is None
    assert "title of letters beyond ASCII is not evaluated here" in written.why_no_test


def test_a_change_that_changes_nothing_is_not_proved(tmp_path: Path, change_to) -> None:
    """A test that the old rule passes, too, is not written."""
    rules = write_rules(tmp_path)
    tuning, source = change_to(rules, threshold=5.5)
    written = write_change(Proposal.of(tuning), source, tmp_path / "new.yml")
    assert written.unit_test is None
    assert written.why_no_test == "no cut of the history tells the old rule from the new"
