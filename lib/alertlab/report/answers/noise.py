"""The sentences and tables of the noise review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from alertlab.lint import Remark, lint_rule
from alertlab.noise import ALWAYS, NO_DATA, NOISY, ONLY_PENDING, SILENT, NoiseReview
from alertlab.replay import RECORDED, fired
from alertlab.report.answers.words import join, plural, slug_of
from alertlab.report.figures import setting_text
from alertlab.report.findings import Finding
from alertlab.tuning import CHANGE, Tuning
from alertlab.units import MINUTE_MS, WEEK_MS, format_duration

CHANGE_COLUMNS = [
    "rule", "verdict", "now", "then", "false now", "false then", "caught now", "caught then",
]  # fmt: skip


def noise_findings(review: NoiseReview, tunings: Sequence[Tuning]) -> list[Finding]:
    """Return what the weekly review found, one finding per rule and matter."""
    tuned = {one.rule.name: one for one in tunings}
    told = {*review.pages["rule"], *review.repeats()["rule"]}
    found = [] if review.yardstick.is_labelled else [_unlabelled(review)]
    for row in review.rules.itertuples():
        if row.state == NOISY:
            remarks = lint_rule(review.evaluated[row.rule].rule)
            found.append(_noisy(row, tuned.get(row.rule), remarks))
        if row.failed:
            title = (
                f"{row.rule} failed at {row.failed} of {row.failed + row.evaluated} evaluations."
            )
            found.append(Finding(f"failed.{slug_of(row.rule)}", "warning", title))
        if row.state == NO_DATA:
            title = f"{row.rule} has no data: its expression finds no series in {_weeks(review)}."
            found.append(Finding(f"no-data.{slug_of(row.rule)}", "warning", title))
        if row.state in (SILENT, ONLY_PENDING):
            title = f"{row.rule} never fired in {_weeks(review)}."
            found.append(Finding(f"silent.{slug_of(row.rule)}", "info", title))
        if row.state == ALWAYS and row.rule in told:
            title = f"{row.rule} always fires, and people are told of it again and again."
            found.append(Finding(f"always.{slug_of(row.rule)}", "warning", title))
        missed = row.owed - row.caught
        if missed:
            title = f"{row.rule} missed {missed} of the {row.owed} incidents it ought to catch."
            found.append(Finding(f"missed.{slug_of(row.rule)}", "warning", title))
    if not found:
        found.append(Finding("quiet", "ok", f"No rule was noisy or silent in {_weeks(review)}."))
    return found


def noise_answer(review: NoiseReview, tunings: Sequence[Tuning]) -> str:
    """Return the review's decision in two or three sentences."""
    pages = review.distinct_pages
    if not review.yardstick.is_labelled:
        return _unlabelled(review).title
    false = int(pages["false"].sum())
    noisy = review.rules[review.rules["state"] == NOISY]
    text = f"{len(pages)} pages in {_weeks(review)}, {false} of them outside every incident."
    if len(noisy):
        share = noisy["false_pages"].sum() / max(1, review.rules["false_pages"].sum())
        text += (
            f" {join(noisy['rule'])} {'makes' if len(noisy) == 1 else 'make'} {share:.0%} of "
            "the false ones."
        )
    changes = [one for one in tunings if one.verdict == CHANGE]
    for one in changes:
        text += f"\n\n{one.rule.name}: {_verdict(one)} {one.reason}"
    return text if changes or not len(noisy) else text + " No change of numbers helps; see below."


def coverage_text(review: NoiseReview) -> str:
    """Say how many evaluations the review rests on, and how their times are known."""
    rules = review.rules
    missed, failed = (f"{rules[name].sum() or 'none'}" for name in ("missed", "failed"))
    recorded = int((rules["slots_from"] == RECORDED).sum())
    times = f"The times of {recorded} of {len(rules)} rules were recorded, the others' are stated."
    if recorded == 0:
        times = "Their times are stated, not recorded."
    if recorded == len(rules):
        times = "Their times were recorded."
    return (
        f"{rules['evaluated'].sum():,} evaluations of {plural(len(rules), 'rule')} in "
        f"{_weeks(review)}; {missed} missed and {failed} failed. {times}"
    )


def noise_numbers(
    review: NoiseReview, tunings: Sequence[Tuning], **tables: pd.DataFrame
) -> dict[str, Any]:
    """Return the review's figures for machines; times are RFC 3339 UTC.

    ``tables`` are added under their names, each as a list of its rows.
    """
    shot = fired(review.episodes)
    pages = review.distinct_pages
    return {
        "weeks": review.span.weeks,
        "pages": len(pages),
        "false_pages": int(pages["false"].sum()) if review.yardstick.is_labelled else None,
        "pages_by_receiver": {
            str(name): int(count) for name, count in pages.groupby("receiver").size().items()
        },
        "rules": {row["rule"]: _plain(row) for row in review.rules.to_dict("records")},
        "episodes": [
            {"rule": one.rule, "fired_at": one.fired_at, "resolved_at": one.resolved_at}
            for one in shot.itertuples()
        ],
        "tuned": [one.to_json() for one in tunings],
    } | {name: table.to_dict("records") for name, table in tables.items()}


def rules_table(review: NoiseReview) -> pd.DataFrame:
    """Return the review's verdict on every rule; precision is the share of pages worth it."""
    rules = review.rules
    caught = [f"{one.caught} of {one.owed}" if one.owed else None for one in rules.itertuples()]
    return pd.DataFrame(
        {
            "rule": rules["rule"],
            "severity": rules["severity"],
            "state": rules["state"],
            "pages": rules["pages"],
            "false": rules["false_pages"],
            "precision": rules["precision"],
            "caught": caught,
        }
    )


def rules_detail_table(review: NoiseReview) -> pd.DataFrame:
    """Return what stands behind the verdicts: episodes, nights, duplicates, flaps."""
    names = [
        "rule", "episodes", "pending_only", "night_pages", "duplicate_pages", "flaps",
        "firing_hours",
    ]  # fmt: skip
    return review.rules[names].rename(columns=lambda name: name.replace("_", " "))


def rules_coverage_table(review: NoiseReview) -> pd.DataFrame:
    """Return each rule's evaluations: how many, how they are known, what they had to compare."""
    names = ["rule", "evaluated", "missed", "failed", "data_ratio", "slots_from"]
    table = review.rules[names].rename(columns=lambda name: name.replace("_", " "))
    return table.rename(columns={"slots from": "times from"})


def receiver_table(review: NoiseReview) -> pd.DataFrame:
    """Return pages per rule and receiver: this week, and a week in the weeks before."""
    return review.by_receiver().rename(columns=lambda name: name.replace("_", " "))


def changes_table(tunings: Sequence[Tuning]) -> pd.DataFrame:
    """Return one row per tuned rule: what it is now, what it would be, and the effect."""
    rows = []
    for one in tunings:
        now, then = one.current, one.recommended
        owed = len(now.caught) + len(now.missed)
        rows.append(
            {
                "rule": one.rule.name,
                "verdict": one.verdict,
                "now": setting_text(now.setting),
                "then": None if then is None else setting_text(then.setting),
                "false now": now.false_pages,
                "false then": None if then is None else then.false_pages,
                "caught now": f"{len(now.caught)} of {owed}",
                "caught then": None if then is None else f"{len(then.caught)} of {owed}",
            }
        )
    return pd.DataFrame(rows, columns=CHANGE_COLUMNS)


def _unlabelled(review: NoiseReview) -> Finding:
    pages = review.distinct_pages
    title = (
        f"{len(pages)} pages in {_weeks(review)}; no incident is labelled, so nobody can say which "
        "of them were worth it."
    )
    return Finding("unlabelled", "info", title, "Label incidents and give them as incidents.")


def _noisy(row: Any, tuning: Tuning | None, remarks: Sequence[Remark]) -> Finding:
    return Finding(
        id=f"noisy.{slug_of(row.rule)}",
        severity="action",
        title=(
            f"{row.rule}: {row.false_pages} of {row.pages} pages were for nothing "
            f"({row.false_pages_per_week.mid:.1f} a week, {row.night_pages} pages at night)."
        ),
        detail=" ".join(
            [
                "It has not been tuned here." if tuning is None
                else f"{_verdict(tuning)} {tuning.reason}",
                *(one.text for one in remarks),
            ]
        ),
        numbers={"false_pages_per_week": row.false_pages_per_week, "precision": row.precision},
    )  # fmt: skip


def _verdict(tuning: Tuning) -> str:
    if tuning.verdict != CHANGE:
        return f"Verdict: {tuning.verdict}."
    now, then = tuning.current.setting, tuning.recommended.setting
    return f"Change {setting_text(now)} to {setting_text(then)}."


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "rule"}


def _weeks(review: NoiseReview) -> str:
    weeks = review.span.weeks
    if weeks >= 1.5:
        return f"{weeks:.0f} weeks"
    minutes_ms = round(weeks * WEEK_MS / MINUTE_MS) * MINUTE_MS
    return (
        f"{weeks * 7:.1f} days" if weeks * 7 >= 1 else format_duration(max(MINUTE_MS, minutes_ms))
    )
