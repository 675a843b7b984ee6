"""What a terminal says after one or several runs, in at most fifteen lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from alertlab.report.findings import SEVERITIES
from alertlab.report.tables import format_seconds
from alertlab.runs.run import RunResult

MAX_LINES = 15


def summary_lines(results: Sequence[RunResult], max_lines: int = MAX_LINES) -> list[str]:
    """Return each run with its most urgent findings and the path of its report.

    Never more than ``max_lines``: paths come first, then findings by urgency over all runs.
    """
    if len(results) > max_lines:
        left = len(results) - max_lines + 1
        return [*_heads(results[: max_lines - 1]), f"and {left} more runs"]
    chosen = _most_urgent(results, max_lines - len(results))
    lines = []
    for at, (result, head) in enumerate(zip(results, _heads(results), strict=True)):
        kept = [finding for index, finding in enumerate(result.findings) if (at, index) in chosen]
        lines.append(head)
        lines += [f"  {finding.severity:<8} {_one_line(finding.title)}" for finding in kept]
    return lines


def print_summary(results: Sequence[RunResult]) -> None:
    """Print the summary to stdout; on a terminal, lines are cut at its width but for paths."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in summary_lines(results):
        is_finding = line.startswith("  ")
        if console.is_terminal and is_finding and len(line) > console.width:
            console.print(line[: console.width - 1] + "…")
        else:
            console.print(line)


def _heads(results: Sequence[RunResult]) -> list[str]:
    return [
        f"{result.notebook}: {len(result.findings)} findings in "
        f"{format_seconds(result.manifest['duration_seconds'])}, {result.report}"
        for result in results
    ]


def _most_urgent(results: Sequence[RunResult], n_lines: int) -> set[tuple[int, int]]:
    """Return the (run, finding) places of the ``n_lines`` most urgent findings.

    Among equally urgent ones each run gives its first before any run gives its second.
    """
    places = [
        (SEVERITIES.index(finding.severity), index, at)
        for at, result in enumerate(results)
        for index, finding in enumerate(result.findings)
    ]
    return {(at, index) for _, index, at in sorted(places)[:n_lines]}


def _one_line(title: str) -> str:
    """Return the title without what could move a terminal's cursor: it may quote label values."""
    return "".join(letter if letter.isprintable() else " " for letter in title)
