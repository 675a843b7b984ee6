"""Prometheus' own test scripts: every case passes, or is on the list of refusals with its reason.

``refusals.txt`` names each refused case and why.  When the evaluator learns something, renew it by
``RENEW_REFUSALS=1 .venv/bin/python -m pytest tests/conformance`` and read the difference: a case
may only ever leave the list.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from promqltest_judge import Verdict, judge
from promqltest_reader import read_script
from promqltest_reasons import REASONS

pytestmark = pytest.mark.oracle

REFUSALS = Path(__file__).with_name("refusals.txt")


@pytest.mark.parametrize(("folder", "semantics"), [("v2.42", 2), ("v3.14", 3)])
def test_conformance(oracles: Path, folder: str, semantics: int, capsys: pytest.CaptureFixture):
    """No case gets another answer than Prometheus', and no other case is refused than listed."""
    verdicts: dict[str, Verdict] = {}
    for path in sorted((oracles / "promqltest" / folder).glob("*.test")):
        for case, store in read_script(path):
            verdicts[f"{folder}/{path.name}:{case.line}"] = judge(case, store, semantics)
    with capsys.disabled():
        print("", *table(verdicts), sep="\n")
    failed = [f"{place} {v.why}" for place, v in verdicts.items() if v.outcome == "failed"]
    assert not failed, "\n".join(failed)
    refused = {place: v.why for place, v in verdicts.items() if v.outcome == "refused"}
    if os.environ.get("RENEW_REFUSALS"):
        write_refusals(folder, refused)
    listed = {place: why for place, why in read_refusals().items() if place.startswith(folder)}
    assert not differences(listed, refused, verdicts)


def table(verdicts: dict[str, Verdict]) -> list[str]:
    """Return the lines of the table: per script what passes, fails, and is refused for what."""
    columns = ("passed", "failed", *REASONS)
    counts: dict[str, Counter[str]] = {}
    for place, verdict in verdicts.items():
        key = verdict.why if verdict.outcome == "refused" else verdict.outcome
        for row in (place.partition(":")[0], f"{place.partition('/')[0]} in all"):
            counts.setdefault(row, Counter())[key] += 1
    rows = [("", *columns)] + [
        (row, *(str(count[column] or "") for column in columns))
        for row, count in sorted(counts.items(), key=lambda item: (" in all" in item[0], item[0]))
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def differences(
    listed: dict[str, str], refused: dict[str, str], verdicts: dict[str, Verdict]
) -> list[str]:
    """Return one sentence for each case that the list has otherwise than the evaluator."""
    found = []
    for place in sorted(listed.keys() | refused.keys()):
        if place not in verdicts:
            found.append(f"{place} is no case of the scripts: remove it from the list")
        elif place not in refused:
            found.append(f"{place} passes: remove it from the list")
        elif place not in listed:
            found.append(f"{place} is refused ({refused[place]}) but not listed")
        elif listed[place] != refused[place]:
            found.append(f"{place} is listed as {listed[place]}, but refused as {refused[place]}")
    return found


def read_refusals() -> dict[str, str]:
    """Return the reason of every listed case."""
    lines = REFUSALS.read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines if line)


def write_refusals(folder: str, refused: dict[str, str]) -> None:
    """Replace what the list has of one folder."""
    others = {place: why for place, why in read_refusals().items() if not place.startswith(folder)}
    lines = [f"{place} {why}\n" for place, why in sorted((others | refused).items(), key=_by_line)]
    new = REFUSALS.with_suffix(".new")
    new.write_text("".join(lines), encoding="utf-8")
    new.replace(REFUSALS)


def _by_line(refusal: tuple[str, str]) -> tuple[str, int]:
    script, _, line = refusal[0].rpartition(":")
    return script, int(line)


def test_differences():
    """Whatever the list and the evaluator do not share is told."""
    verdicts = {"a:1": Verdict("passed"), "a:2": Verdict("refused"), "a:3": Verdict("refused")}
    listed = {"a:1": REASONS[0], "a:3": REASONS[1], "a:4": REASONS[0]}
    assert differences(listed, {"a:2": REASONS[0], "a:3": REASONS[0]}, verdicts) == [
        "a:1 passes: remove it from the list",
        "a:2 is refused (native histogram) but not listed",
        "a:3 is listed as rejected by promql-parser, but refused as native histogram",
        "a:4 is no case of the scripts: remove it from the list",
    ]
    assert differences({"a:2": REASONS[0]}, {"a:2": REASONS[0]}, verdicts) == []


def test_listed_reasons():
    """There is no fifth reason."""
    assert set(read_refusals().values()) <= set(REASONS)
