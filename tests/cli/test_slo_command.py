"""``alertlab slo``: rules, ledger and low-traffic on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scenes import Invoke, sentence

from alertlab.frame import Series
from alertlab.sources import RecordingWriter
from alertlab.units import DAY_MS, MINUTE_MS

OBJECTIVES = """\
period: 28d
objectives:
  - name: login-availability
    kind: availability
    method: Login
    target: 99.9%
    policies: [server-fault, strict]
"""
START = 20_000 - (20_000 - 4) % 7  # a Monday


@pytest.fixture
def objectives(tmp_path: Path) -> Path:
    """One objective under two policies."""
    path = tmp_path / "slo.yml"
    path.write_text(OBJECTIVES)
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A day of 20 logins an hour; one in a hundred fails, one in ten is refused."""
    times = START * DAY_MS + 15 * MINUTE_MS * np.arange(96)
    counts = {"OK": 4.45, "UNAUTHENTICATED": 0.5, "INTERNAL": 0.05}
    with RecordingWriter(
        tmp_path / "recording", origin="a test", scrape_interval_ms=15 * MINUTE_MS, synthetic=True
    ) as writer:
        writer.add_day(
            [
                Series(
                    (
                        ("__name__", "grpc_server_handled_total"),
                        ("grpc_code", code),
                        ("grpc_method", "Login"),
                    ),
                    times,
                    np.floor(np.arange(96) * step),
                )
                for code, step in counts.items()
            ]
        )
    return tmp_path / "recording"


def test_rules(invoke: Invoke, objectives: Path, tmp_path: Path) -> None:
    """Two files are written and named on stderr, for the objective that counts."""
    out = tmp_path / "burn.yml"
    code, said, err = invoke("slo", "rules", objectives, "--out", out)
    assert (code, said) == (0, "")
    assert err.splitlines() == [f"written: {out}", f"written: {tmp_path / 'burn.test.yml'}"]
    google = out.read_text()
    assert "13.44 * 0.001" in google and "Strict" not in google
    assert '- "burn.yml"' in (tmp_path / "burn.test.yml").read_text()


def test_a_folder_is_no_rule_file(invoke: Invoke, objectives: Path) -> None:
    """Not even the one that has no name."""
    result = invoke("slo", "rules", objectives, "--out", ".")
    assert (result[0], "is a folder; name the file" in sentence(*result)) == (2, True)


@pytest.mark.parametrize(("name", "out"), [("X.yml", "X.yml"), ("X.test.yml", "X.yml")])
def test_objectives_are_not_replaced(invoke: Invoke, tmp_path: Path, name: str, out: str) -> None:
    """Neither by the rules nor by their unit test, by whatever path they are named."""
    objectives = tmp_path / name
    objectives.write_text(OBJECTIVES)
    (tmp_path / "folder").mkdir()
    named = tmp_path / "folder" / ".." / out
    code, said, err = invoke("slo", "rules", objectives, "--out", named)
    assert code == 2
    assert "would replace the objectives" in sentence(code, said, err)
    assert objectives.read_text() == OBJECTIVES


def test_why_there_is_no_unit_test(invoke: Invoke, tmp_path: Path) -> None:
    """The reason is that of the objective: a value of nothing, or a minimum without counters."""
    objectives = tmp_path / "slo.yml"
    query = "max(rate({}[{{{{.window}}}}])){}".format
    text = "version: prometheus/v1\nservice: a\nslos:\n"
    for name, rest in (("peaks", ""), ("nothing", " or vector(1)")):
        text += (
            f"  - name: {name}\n    objective: 99\n    sli:\n      events:\n"
            f"        error_query: {query('bad', rest)}\n"
            f"        total_query: {query('requests', rest)}\n"
            f"    alerting: {{name: A{name}}}\n"
        )
    objectives.write_text(text)
    command = ["slo", "rules", objectives, "--out", tmp_path / "burn.yml", "--min-bad-events", 5]
    code, _, err = invoke(*command)
    assert code == 0, err
    peaks, nothing = err.splitlines()[-2:]
    assert "peaks: its queries do not say by which counters" in peaks
    assert "nothing: its queries have a value where there is no data" in nothing


def test_options_of_rules(invoke: Invoke, objectives: Path, tmp_path: Path) -> None:
    """The table of windows and the minimum are in the file."""
    out = tmp_path / "burn.yml"
    command = ["slo", "rules", objectives, "--out", out]
    assert invoke(*command, "--windows", "pyrra", "--min-bad-events", 7)[0] == 0
    assert "14 * 0.001" in out.read_text() and ">= 7" in out.read_text()
    code, said, err = invoke(*command, "--windows", "other")
    told = sentence(code, said, err)
    assert (code, told) == (
        2, "alertlab: unknown table of windows 'other'; there are: google, pyrra",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("objectives: [", "not valid YAML"),
        ("groups: []", "looked for objectives"),
        (OBJECTIVES.replace("28d", "3d"), "do not fit an objective over 3d"),
        (OBJECTIVES.replace("99.9%", "120%"), "target"),
    ],
)
def test_bad_objectives(
    invoke: Invoke, objectives: Path, tmp_path: Path, text: str, part: str
) -> None:
    """One sentence, exit code 2, and nothing is written."""
    objectives.write_text(text)
    result = invoke("slo", "rules", objectives, "--out", tmp_path / "burn.yml")
    assert result[0] == 2
    assert part in sentence(*result)
    assert not (tmp_path / "burn.yml").exists()


def test_ledger(invoke: Invoke, objectives: Path, recording: Path, tmp_path: Path) -> None:
    """Both policies of the week, as a table and as JSON; a second run changes nothing."""
    file = tmp_path / "ledger.json"
    command = ["slo", "ledger", objectives, "--source", recording, "--ledger", file]
    code, out, _ = invoke(*command)
    assert code == 0
    assert "login-availability-strict" in out and "budget" in out
    first = file.read_bytes()
    code, out, err = invoke(*command, "--json", "--fail-on", "overspent>0")
    assert code == 3
    assert err.splitlines()[-1] == "--fail-on overspent>0: overspent is 1"  # not the one beside
    rows = {one["objective"]: one for one in json.loads(out)["rows"]}
    assert (rows["login-availability"]["total"], rows["login-availability"]["bad"]) == (473, 4)
    assert rows["login-availability-strict"]["bad"] == 51
    assert file.read_bytes() == first
    code, _, err = invoke(*command, "--fail-on", "bad>0")
    assert (code, "there is no number 'bad'" in err) == (2, True)


def test_overspent_is_of_today(
    invoke: Invoke, objectives: Path, recording: Path, tmp_path: Path
) -> None:
    """Rows of an objective as it was once defined are shown, and not counted."""
    command = [
        "slo", "ledger", objectives, "--source", recording, "--ledger", tmp_path / "l.json",
        "--json", "--fail-on", "overspent>0",
    ]  # fmt: skip
    assert invoke(*command)[0] == 3
    objectives.write_text(OBJECTIVES.replace("99.9%", "90%"))
    code, out, _ = invoke(*command)
    document = json.loads(out)
    assert (code, document["overspent"], len(document["rows"])) == (0, 0, 4)


def test_part_of_the_ledger(
    invoke: Invoke, objectives: Path, recording: Path, tmp_path: Path
) -> None:
    """Start and end choose the weeks."""
    result = invoke(
        "slo", "ledger", objectives, "--source", recording, "--ledger", tmp_path / "l.json",
        "--start", "2030-01-01T00:00:00Z",
    )  # fmt: skip
    assert result[0] == 2
    assert "2030-01-01" in sentence(*result)


def test_low_traffic(invoke: Invoke, objectives: Path, recording: Path) -> None:
    """Tables for people, one document for machines, and each objective's own traffic."""
    command = ["slo", "low-traffic", objectives, "--weeks", 1, "--runs", 3, "--rate", 50]
    code, out, _ = invoke(*command, "--source", recording)
    assert code == 0
    assert "Target 99.9%" in out and "Healthy service at half its budget, 1 simulated weeks" in out
    code, out, _ = invoke(*command, "--source", recording, "--json", "--windows", "pyrra")
    document = json.loads(out)
    (simulated,) = document["simulated"]
    assert (simulated["weeks"], simulated["runs"], simulated["seed"]) == (1, 3, 1)
    assert [one["factor"] for one in simulated["critical"]] == [14, 7]
    assert {one["requests_per_hour"] for one in simulated["false_pages"]} == {50}
    assert set(simulated["detection"][0]["missed_ratio"]) >= {"low", "mid", "high"}
    (traffic,) = document["traffic"]
    assert traffic["objective"] == "login-availability"
    assert traffic["requests_per_hour"] == pytest.approx(20, abs=0.5)
    assert traffic["below_ratio"] == 1
    code, out, _ = invoke(*command, "--json", "--seed", 2)
    assert "traffic" not in json.loads(out)
    assert json.loads(out)["simulated"][0]["seed"] == 2
