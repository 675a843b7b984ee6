"""The report of two rule sets for a pull request, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from alertlab.change.diff import RuleDiff
from alertlab.change.markdown import MISSING, code, number, source_label, table
from alertlab.change.outcome import Outcome
from alertlab.change.rule_sets import UNCHANGED, RulePair
from alertlab.units import format_labels, format_time

_MOST_PAGES = 50  # a comment on a pull request has an end


def diff_report(diff: RuleDiff) -> str:
    """Return what a change of rules would have done, as Markdown for a pull request."""
    return "\n\n".join(_parts(diff)) + "\n"


def _parts(diff: RuleDiff) -> Iterator[str]:
    old, new = diff.old, diff.new
    yield "## What this change of rules would have done"
    numbers = [
        ["pages a week", number(old.pages_per_week), number(new.pages_per_week)],
        ["false pages a week", number(old.false_pages_per_week), number(new.false_pages_per_week)],
        ["incidents caught", _caught(old), _caught(new)],
    ]
    yield table(["", "old", "new"], numbers)
    incidents = [
        f"Incidents {what}: {', '.join(map(code, ids))}"
        for what, ids in (("gained", diff.gained_incidents), ("**lost**", diff.lost_incidents))
        if ids
    ]
    yield _list(incidents or ["No incident is gained or lost."])
    yield "### Receivers"
    rows = [
        [code(one.receiver), *map(str, (one.old, one.new, one.gained, one.lost, one.moved))]
        for one in diff.receivers.itertuples()
    ]
    yield (
        table(["receiver", "old", "new", "gained", "lost", "moved"], rows) if rows else "No pages."
    )
    yield "### Rules"
    yield from _rules(diff)
    yield from _pages(diff.changed_pages)
    yield _measured(diff)


def _caught(outcome: Outcome) -> str:
    owed = len(outcome.all_owed)
    return (
        f"{len(outcome.all_caught)} of {owed}: {number(outcome.recall, '%')}" if owed else MISSING
    )


def _rules(diff: RuleDiff) -> Iterator[str]:
    told = [pair for pair in diff.rules if pair.status != UNCHANGED]
    same = len(diff.rules) - len(told)
    if told:
        headings = ["rule", "", "pages", "false pages", "incidents caught", "changed"]
        yield table(headings, [_rule_row(diff, pair) for pair in told], words=2)
    count = "1 rule is" if same == 1 else f"{same} rules are"
    yield f"{count} the same in both sets." if told else "All rules are the same."


def _rule_row(diff: RuleDiff, pair: RulePair) -> list[str]:
    sides = [
        outcome.of_rule(pair.name) if pair.name in outcome.episodes else None
        for outcome in (diff.old, diff.new)
    ]

    def both(key: str) -> str:
        values = [None if side is None else side[key] for side in sides]
        texts = [len(one) if isinstance(one, list) else one for one in values]
        return " → ".join(MISSING if one is None else str(one) for one in texts)

    changes = ", ".join(map(code, pair.changes)) or MISSING
    return [code(pair.name), pair.status, *map(both, ("pages", "false_pages", "caught")), changes]


def _pages(pages: pd.DataFrame) -> Iterator[str]:
    if pages.empty:
        return
    rows = [
        [
            one.what,
            code(one.receiver),
            code(format_labels(one.group_labels)),
            *(MISSING if pd.isna(at) else at.strftime("%Y-%m-%d %H:%M:%S") for at in
              (one.old_at, one.new_at)),
            {None: MISSING, True: "false", False: "in an incident"}[one.false],
        ]
        for one in pages.head(_MOST_PAGES).itertuples()
    ]  # fmt: skip
    left = len(pages) - len(rows)
    more = f"\n\n{left} more are in the JSON document." if left else ""
    heading = f"<details><summary>{len(pages)} pages gained, lost or moved</summary>"
    columns = ["", "receiver", "group", "old (UTC)", "new (UTC)", ""]
    yield f"{heading}\n\n{table(columns, rows, words=len(columns))}{more}\n\n</details>"


def _measured(diff: RuleDiff) -> str:
    span = diff.new.span
    missed, failed = (
        sum(getattr(one, what) for one in diff.coverage.values()) for what in ("missed", "failed")
    )
    return (
        f"Measured on {code(source_label(diff.provenance))}, {format_time(span.start_ms)} to "
        f"{format_time(span.end_ms)} ({span.weeks:.1f} weeks); {missed:,} evaluations missed, "
        f"{failed:,} failed. In brackets: 95% intervals."
    )


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)
