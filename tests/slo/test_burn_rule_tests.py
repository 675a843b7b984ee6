"""The unit tests beside burn-rate rules: promtool passes them, and changed rules fail them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from burn_objectives import MONTH_MS, SHORT_TABLE, availability, latency, of_queries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alertlab.errors import BadInput
from alertlab.lint import lint_rules
from alertlab.rule_tests import run_test_file
from alertlab.rules import load_rules
from alertlab.slo.burn_tests import WrittenRules, unit_tests, write_burn_rules
from alertlab.slo.burn_windows import GOOGLE_WINDOWS, PYRRA_WINDOWS, WINDOW_TABLES, WindowTable
from alertlab.units import DAY_MS

QUERY_OF_TWO = of_queries(
    "by-query",
    "sum(rate(requests_total{job='a'}[{{.window}}]))",
    "max(rate(failures_total[{{.window}}]))",
    period_ms=DAY_MS,
)
"""No counters alone say this one: its failures are a maximum."""
OF_NOTHING = of_queries(
    "of-nothing",
    "sum(rate(a_total[{{.window}}])) or vector(1)",
    "sum(rate(b_total[{{.window}}])) or vector(0)",
    period_ms=DAY_MS,
)
"""Its ratio is 0 where there is no data."""


def verdicts(written: WrittenRules) -> set[str]:
    """Judge a unit test here, in both semantics."""
    return {
        run_test_file(path, semantics=one).verdict for path in written.unit_tests for one in (2, 3)
    }


@pytest.mark.parametrize(
    ("program", "table"), [("promtool", GOOGLE_WINDOWS), ("promtool3", PYRRA_WINDOWS)]
)
def test_promtool_passes_them(program: str, table: WindowTable, request, tmp_path: Path) -> None:
    """A real table for one objective, and one of short windows for all kinds of them."""
    files = [
        write_burn_rules([latency(period_ms=MONTH_MS)], tmp_path / "real.yml", table),
        write_burn_rules(
            [
                availability(period_ms=DAY_MS),
                availability("strictly", policy="strict", period_ms=DAY_MS, target=0.98),
                latency(period_ms=DAY_MS),
                QUERY_OF_TWO,
            ],
            tmp_path / "short.yml",
            SHORT_TABLE,
        ),
        write_burn_rules(
            [availability(period_ms=DAY_MS, method='A "b"\\ {{ c }}', description="{{ d }} 한글")],
            tmp_path / "odd.yml", SHORT_TABLE, 7,
        ),
    ]  # fmt: skip
    judge = request.getfixturevalue(program)
    unit_tests = [path for one in files for path in one.unit_tests]
    for command, paths in (("check", [one.rules for one in files]), ("test", unit_tests)):
        found = subprocess.run(
            [judge, command, "rules", *paths],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert found.returncode == 0, found.stdout + found.stderr
        assert "FAILED" not in found.stdout
    assert verdicts(files[1]) == verdicts(files[2]) == {"success"}


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    target=st.sampled_from([0.9, 0.95, 0.99, 0.999, 0.99999]),
    period_hours=st.integers(6, 72),
    scales=st.booleans(),
    minimum=st.sampled_from([0, 1, 2, 5, 100, 5_000, 100_000]),
    method=st.text(max_size=5),
)
def test_any_objective_passes_its_own(
    tmp_path: Path, target, period_hours: int, scales: bool, minimum: int, method: str
) -> None:
    """Whatever the target, the period, the minimum and the method's name."""
    more = {"target": target, "period_ms": period_hours * 3_600_000}
    written = write_burn_rules(
        [availability(method=method, **more), latency(**more)],
        tmp_path / "rules.yml",
        replace(SHORT_TABLE, durations_scale=scales),
        minimum,
    )
    assert verdicts(written) == {"success"}
    assert written.untested == {}


@pytest.mark.parametrize(
    ("pattern", "other"),
    [
        (r"> 14\.4 \*", "> 18 *"),
        (r"> 14\.4 \*", "> 11 *"),
        (r"> 6 \*", "> 6.5 *"),
        (r"> 6 \*", "> 5.5 *"),
        (r"> 2\.4 \*", "> 2.6 *"),
        (r"\* 0\.01", "* 0.011"),
        (r"rate20m\{", "rate1h{"),
        (r"rate1h\{", "rate20m{"),
        (r"rate2m\{", "rate20m{"),
        (r"rate5m\{", "rate1h{"),
        (r"rate20m\{", "rate3h{"),
        (r">= 5", ">= 4"),
        (r">= 5", ">= 6"),
        (r"for: 10m", "for: 0s"),
        (r"for: 10m", "for: 40m"),
        (r"critical", "warning"),
        (r"humanizePercentage", "humanize"),
        (r"(?m)^( +)or$", r"\1and"),
    ],
)
def test_changed_rules_fail(tmp_path: Path, pattern: str, other: str) -> None:
    """A unit test that any rule passes would prove nothing."""
    written = write_burn_rules(
        [availability(target=0.99, period_ms=DAY_MS)], tmp_path / "rules.yml", SHORT_TABLE, 5
    )
    text = written.rules.read_text()
    head, *alerts = text.split("- alert:")  # what is recorded stays
    changed = "- alert:".join([head, *(re.sub(pattern, other, one) for one in alerts)])
    assert changed != text
    written.rules.write_text(changed)
    assert run_test_file(*written.unit_tests).verdict == "failed"


def test_changed_counts_fail(tmp_path: Path) -> None:
    """So do recorded ratios that count something else."""
    written = write_burn_rules(
        [availability(period_ms=DAY_MS)], tmp_path / "rules.yml", SHORT_TABLE
    )
    text = written.rules.read_text()
    written.rules.write_text(text.replace("OK|", "OK|INTERNAL|"))
    assert run_test_file(*written.unit_tests).verdict == "failed"


def test_what_reads_the_same_is_fed_apart() -> None:
    """Two policies on one method never share a test; another method does."""
    one, apart, same = (
        availability("one", period_ms=DAY_MS),
        availability("two", period_ms=DAY_MS, method="Logout"),
        availability("two", period_ms=DAY_MS, policy="strict"),
    )
    alone, together, in_turn = (
        len(unit_tests(some, "rules.yml", SHORT_TABLE)[0]["tests"])
        for some in ([one], [one, apart], [one, same])
    )
    assert together == alone
    assert in_turn == 2 * alone


def test_counters_that_would_have_to_fall(tmp_path: Path) -> None:
    """Requests and timeouts alone could make good events only if timeouts fell: not chosen."""
    query = "sum(rate({}[{{{{.window}}}}]))".format
    bad = f"{query('requests')} + {query('timeouts')} - {query('good')}"
    objective = of_queries("sums", query("requests"), bad, period_ms=DAY_MS)
    written = write_burn_rules([objective], tmp_path / "rules.yml", SHORT_TABLE)
    assert "'good'" in written.unit_tests[0].read_text()
    assert verdicts(written) == {"success"}


def test_objectives_of_nothing_are_named(tmp_path: Path) -> None:
    """One whose ratio has a value without any data gets rules, and no unit test."""
    written = write_burn_rules(
        [OF_NOTHING, availability(period_ms=DAY_MS)], tmp_path / "rules.yml", SHORT_TABLE
    )
    why = "its queries have a value where there is no data"
    assert written.untested == {"of-nothing": why}
    assert "OfNothingBudgetBurnFast" in written.rules.read_text()
    assert f"# Without a test: of-nothing; {why}.\n" in written.unit_tests[0].read_text()
    assert verdicts(written) == {"success"}


@pytest.mark.parametrize("table", WINDOW_TABLES.values(), ids=WINDOW_TABLES)
def test_lint_has_nothing_to_remark(tmp_path: Path, table: WindowTable) -> None:
    """What the alerts say is what they watch, and nothing of them is known to make noise."""
    written = write_burn_rules([availability(), latency()], tmp_path / "rules.yml", table, 5)
    assert lint_rules(load_rules(written.rules)) == []


def test_a_minimum_leaves_queries_untested(tmp_path: Path) -> None:
    """What is not made of counters cannot be counted in a made-up history; the file says so."""
    query = "max(rate({}[{{{{.window}}}}]))".format
    objective = of_queries("peaks", query("requests"), query("bad"), period_ms=DAY_MS)
    objectives = [objective, availability(period_ms=DAY_MS)]
    written = write_burn_rules(objectives, tmp_path / "rules.yml", SHORT_TABLE, 5)
    assert list(written.untested) == ["peaks"]
    assert "do not say by which counters" in written.untested["peaks"]
    assert write_burn_rules(objectives, tmp_path / "all.yml", SHORT_TABLE).untested == {}


def test_files_are_replaced_whole(tmp_path: Path) -> None:
    """A second writing leaves the same bytes; a refused one leaves the first."""
    path = tmp_path / "rules.yml"
    write_burn_rules([availability()], path)
    first = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    assert set(first) == {"rules.yml", "rules.test.yml"}
    write_burn_rules([availability()], path)
    for refused in ([], [availability("a-b"), availability("a--b")]):
        with pytest.raises(BadInput):
            write_burn_rules(refused, path)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == first


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A folder, or a folder that is missing, is told before anything is computed."""
    with pytest.raises(BadInput, match="is a folder; name the file"):
        write_burn_rules([availability()], tmp_path)
    with pytest.raises(BadInput, match="its folder does not exist; make it first"):
        write_burn_rules([availability()], tmp_path / "none" / "rules.yml")


def test_those_beside_get_no_alerts(tmp_path: Path) -> None:
    """An objective that is only shown beside another one would page twice."""
    both = [availability(), availability("login-strict", policy="strict", beside="x")]
    written = write_burn_rules(both, tmp_path / "rules.yml", SHORT_TABLE)
    assert "LoginStrict" not in written.rules.read_text() + written.unit_tests[0].read_text()


def test_breaks_in_names(tmp_path: Path) -> None:
    """What YAML takes for a line break stays what it is in a method's name."""
    objective = availability(method="a\x85b\u2028c", period_ms=DAY_MS)
    written = write_burn_rules([objective], tmp_path / "rules.yml", SHORT_TABLE)
    assert verdicts(written) == {"success"}


@pytest.mark.parametrize(("minimum", "target"), [(20_000, 0.999), (100_000, 0.99999)])
def test_a_large_minimum(tmp_path: Path, minimum: int, target: float) -> None:
    """Histories have enough bad events, however many are asked for."""
    objective = availability(target=target, period_ms=DAY_MS)
    written = write_burn_rules([objective], tmp_path / "rules.yml", SHORT_TABLE, minimum)
    assert verdicts(written) == {"success"}


def test_other_windows_get_a_file_of_their_own(promtool: str, tmp_path: Path) -> None:
    """At the interval of short windows the tests of much longer ones would not end."""
    objectives = [availability(period_ms=DAY_MS), latency(period_ms=13 * DAY_MS)]
    objectives.append(availability("same", period_ms=13 * DAY_MS))  # reads what the first reads
    path = tmp_path / "rules.yml"
    written = write_burn_rules(objectives, path, replace(SHORT_TABLE, durations_scale=True))
    assert [one.name for one in written.unit_tests] == ["rules.test.yml", "rules.13d.test.yml"]
    assert "so are rules.test.yml, rules.13d.test.yml:" in path.read_text()
    first, second = (one.read_text() for one in written.unit_tests)
    assert "LoginAvailability" in first and "LoginLatency" not in first
    assert "LoginLatency" in second and "LoginAvailability" not in second
    found = subprocess.run(
        [promtool, "test", "rules", *written.unit_tests],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    # Durations that do not grow with the period are one grid.
    assert len(write_burn_rules(objectives, path, SHORT_TABLE).unit_tests) == 1


@pytest.mark.parametrize("name", ["rules.yml", "rules.test.yml"])
def test_other_peoples_files_stay(tmp_path: Path, name: str) -> None:
    """A file that was not written here is not replaced, and nothing is written beside it."""
    (tmp_path / name).write_text("groups: []\n")
    with pytest.raises(
        BadInput, match=rf"{name} exists, and this command has not written it; name another file"
    ):
        write_burn_rules([availability()], tmp_path / "rules.yml")
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "groups: []\n"
