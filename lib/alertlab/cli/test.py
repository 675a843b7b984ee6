"""``alertlab test``: promtool's unit tests for rules, with promtool's verdicts and exit codes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alertlab.cli import options
from alertlab.cli.output import print_text

if TYPE_CHECKING:
    from alertlab.rule_tests import FileResult


def test(
    files: Annotated[list[Path], typer.Argument(help="Unit-test files, as promtool's.")],
    semantics: Annotated[
        int, typer.Option("--semantics", help="PromQL of Prometheus 3 or 2 (2.42).")
    ] = 3,
) -> None:
    """Run unit tests for rules; exit code 1 if any failed or could not be judged, else 0."""
    from alertlab.promql.engine import known_semantics
    from alertlab.rule_tests import run_test_file

    known_semantics(semantics)
    results = [
        run_test_file(path, semantics=semantics) for path in options.progress("testing")(files)
    ]
    for result in results:
        _print(result)
    counts = Counter(result.verdict for result in results)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    if set(counts) != {"success"}:
        raise typer.Exit(1)


def _print(result: FileResult) -> None:
    print_text(f"Unit Testing:  {result.path}")
    for warning in result.warnings:
        print_text(f"  WARNING: {warning}")
    for heading, texts in {"FAILED": result.failures, "NOT JUDGED": result.not_judged}.items():
        if texts:
            print(f"  {heading}:")
        for text in texts:
            print_text("\n".join(f"    {line}" for line in text.splitlines()))
    if result.verdict == "success":
        print("  SUCCESS")
    print()
