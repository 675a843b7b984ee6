"""What the terminal says after runs and while they work."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from alertlab.report import Finding
from alertlab.runs import RunResult, print_summary, summary_lines, terminal_progress


def result(name, *severities, title="title"):
    found = tuple(
        Finding(f"f-{n}", severity, f"{title} {n}") for n, severity in enumerate(severities)
    )
    return RunResult(Path("reports") / name / "run", name, found, {}, {"duration_seconds": 12.0})


def test_findings_under_their_run():
    """Each run has its path and its findings as the report orders them."""
    assert summary_lines([result("01_noise", "action", "ok"), result("02_tuning")]) == [
        "01_noise: 2 findings in 12s, reports/01_noise/run/report.html",
        "  action   title 0",
        "  ok       title 1",
        "02_tuning: 0 findings in 12s, reports/02_tuning/run/report.html",
    ]


def test_urgent_findings_win():
    """When there is no room, the least urgent findings go, in whichever run they stand."""
    lines = summary_lines([result("a", "info", "info"), result("b", "action", "info")], 4)
    assert [line.split()[0] for line in lines] == ["a:", "info", "b:", "action"]


@pytest.mark.parametrize("n_runs", [1, 7, 14, 15, 16, 40])
@pytest.mark.parametrize("n_findings", [0, 3, 30])
def test_never_more_than_fifteen_lines(n_runs, n_findings):
    """However much there is, the summary fits; nothing is dropped while there is room."""
    lines = summary_lines([result(f"r{n}", *["warning"] * n_findings) for n in range(n_runs)])
    assert len(lines) == min(15, n_runs * (1 + n_findings))
    if n_runs > 15:
        assert lines[-1] == f"and {n_runs - 14} more runs"


def test_a_title_cannot_move_the_cursor():
    """Control characters of a label value do not reach the terminal."""
    (_, line) = summary_lines([result("a", "ok", title="x\x1b[2J\r\ny")])
    assert line == "  ok       x [2J  y 0"


def test_printed_to_stdout(capsys):
    """Piped output has whole lines, markup characters included."""
    print_summary([result("a", "ok", title="[red]" + "long " * 60)])
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2
    assert out[1].startswith("  ok       [red]long") and out[1].endswith("long  0")


def test_progress_in_plain_lines():
    """Without a terminal each step is a line."""
    out = io.StringIO()
    with terminal_progress("[b]", Console(file=out)) as progress:
        progress(0, 2)
        progress(2, 2)
    assert out.getvalue() == "[b]: 0 of 2 cells\n[b]: 2 of 2 cells\n"


def test_progress_as_a_bar():
    """On a terminal there is one bar that counts cells."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80)
    with terminal_progress("noise", console) as progress:
        progress(1, 2)
    assert "noise" in out.getvalue() and "1/2" in out.getvalue()
