"""The sentences that a report leads with, written from the numbers of this run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from alertlab.frame import counted
from alertlab.noise import NO_DATA, NOISY, SILENT, NoiseReview
from alertlab.replay import fired
from alertlab.report.figures import setting_text
from alertlab.report.findings import Finding
from alertlab.rules import Remark, RuleChange, changed_expr, counter_selectors, lint_rule
from alertlab.sources import Source
from alertlab.tuning import (
    CHANGE,
    LEAVE,
    NOT_ENOUGH_DATA,
    Constraints,
    Score,
    Tuning,
    best_thresholds,
)
from alertlab.units import MINUTE_MS, WEEK_MS, format_duration

CHANGE_COLUMNS = [
    "rule", "verdict", "now", "then", "false now", "false then", "caught now", "caught then",
]  # fmt: skip
SCORE_COLUMNS = [
    "setting", "caught", "pages a week", "false a week", "median delay", "fires outside",
]  # fmt: skip
SCORE_FORMATS = {
    "pages a week": ".1f",
    "false a week": ".1f",
    "median delay": "seconds",
    "fires outside": "ratio",
}


def noise_findings(review: NoiseReview, tunings: Sequence[Tuning]) -> list[Finding]:
    """Return what the weekly review found, one finding per rule and matter."""
    tuned = {one.rule.name: one for one in tunings}
    found = [] if review.labelled else [_unlabelled(review)]
    for row in review.rules.itertuples():
        if row.state == NOISY:
            remarks = lint_rule(review.evaluated[row.rule].rule)
            found.append(_noisy(row, tuned.get(row.rule), remarks))
        if row.state == NO_DATA:
            title = f"{row.rule} has no data: its expression finds no series in {_weeks(review)}."
            found.append(Finding(f"no-data.{_slug(row.rule)}", "warning", title))
        if row.state == SILENT:
            title = f"{row.rule} never fired in {_weeks(review)}."
            found.append(Finding(f"silent.{_slug(row.rule)}", "info", title))
        missed = row.owed - row.caught
        if missed:
            title = f"{row.rule} missed {missed} of the {row.owed} incidents it ought to catch."
            found.append(Finding(f"missed.{_slug(row.rule)}", "warning", title))
    if not found:
        found.append(Finding("quiet", "ok", f"No rule was noisy or silent in {_weeks(review)}."))
    return found


def noise_answer(review: NoiseReview, tunings: Sequence[Tuning]) -> str:
    """Return the review's decision in two or three sentences."""
    pages = review.pages.drop_duplicates(["at", "receiver", "group"])
    if not review.labelled:
        return _unlabelled(review).title
    false = int(pages["false"].sum())
    noisy = review.rules[review.rules["state"] == NOISY]
    text = f"{len(pages)} pages in {_weeks(review)}, {false} of them outside every incident."
    if len(noisy):
        share = noisy["false_pages"].sum() / max(1, review.rules["false_pages"].sum())
        text += (
            f" {_join(noisy['rule'])} {'makes' if len(noisy) == 1 else 'make'} {share:.0%} of "
            "the false ones."
        )
    changes = [one for one in tunings if one.verdict == CHANGE]
    for one in changes:
        text += f"\n\n{one.rule.name}: {_verdict(one)} {one.reason}"
    return text if changes or not len(noisy) else text + " No change of numbers helps; see below."


def noise_numbers(review: NoiseReview, tunings: Sequence[Tuning]) -> dict[str, Any]:
    """Return the review's figures for machines; times are RFC 3339 UTC."""
    shot = fired(review.episodes)
    pages = review.pages.drop_duplicates(["at", "receiver", "group"])
    return {
        "weeks": review.span.weeks,
        "pages": len(pages),
        "false_pages": int(pages["false"].sum()) if review.labelled else None,
        "pages_by_receiver": {
            str(name): int(count) for name, count in pages.groupby("receiver").size().items()
        },
        "rules": {row["rule"]: _plain(row) for row in review.rules.to_dict("records")},
        "episodes": [
            {"rule": one.rule, "fired_at": one.fired_at, "resolved_at": one.resolved_at}
            for one in shot.itertuples()
        ],
        "tuned": [one.to_json() for one in tunings],
    }


def tuning_findings(
    tunings: Sequence[tuple[str, Tuning]], remarks: Sequence[Remark], best: Tuning | None
) -> list[Finding]:
    """Return what a tuning session found: remarks on the rule, then the verdict."""
    _, written = tunings[0]
    slug = _slug(written.rule.name)
    found = [Finding(f"{one.id}.{slug}", "warning", one.text) for one in remarks]
    if best is None:
        severity = "ok" if written.verdict == LEAVE else "info"
        title = f"{written.rule.name}: {written.verdict}. {written.reason}"
        return [*found, Finding(f"verdict.{slug}", severity, title)]
    title = f"{written.rule.name}: {_proposal(written, best)}"
    return [Finding(f"verdict.{slug}", "action", title, _effect(written.current, best)), *found]


def tuning_answer(tunings: Sequence[tuple[str, Tuning]], best: Tuning | None) -> str:
    """Return the session's decision in words."""
    _, written = tunings[0]
    if best is None:
        return f"{written.rule.name}: {written.verdict}.\n\n{written.reason}"
    return f"{written.rule.name}: {_proposal(written, best)}\n\n{_effect(written.current, best)}"


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
    """Return what stands behind the verdicts: coverage, episodes, nights, duplicates, flaps."""
    names = [
        "rule", "data_ratio", "episodes", "pending_only", "night_pages", "duplicate_pages",
        "flaps", "firing_hours",
    ]  # fmt: skip
    return review.rules[names].rename(columns=lambda name: name.replace("_", " "))


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
                "now": setting_text(now),
                "then": None if then is None else setting_text(then),
                "false now": now.false_pages,
                "false then": None if then is None else then.false_pages,
                "caught now": f"{len(now.caught)} of {owed}",
                "caught then": None if then is None else f"{len(then.caught)} of {owed}",
            }
        )
    return pd.DataFrame(rows, columns=CHANGE_COLUMNS)


def reading_table(tunings: Sequence[tuple[str, Tuning]]) -> pd.DataFrame:
    """Return one row per reading of a rule, as it stands and as recommended."""
    rows = []
    for name, tuning in tunings:
        for which, score in (("now", tuning.current), ("recommended", tuning.recommended)):
            if score is not None:
                rows.append({"reading": name, "which": which} | score_row(score))
    return pd.DataFrame(rows, columns=["reading", "which", *SCORE_COLUMNS])


def front_table(tunings: Sequence[tuple[str, Tuning]]) -> pd.DataFrame:
    """Return the settings that no other one beats, one row each."""
    return pd.DataFrame(
        [
            {"reading": name} | score_row(score)
            for name, tuning in tunings
            for score in sorted(tuning.front, key=lambda one: one.false_pages)
        ],
        columns=["reading", *SCORE_COLUMNS],
    )


def coverage_table(tunings: Sequence[tuple[str, Tuning]]) -> pd.DataFrame:
    """Return what each reading's numbers rest on."""
    return pd.DataFrame(
        [
            {
                "reading": name,
                "weeks": tuning.coverage["weeks"],
                "evaluations": tuning.coverage["evaluations"],
                "data": tuning.coverage["data_ratio"],
                "incidents owed": tuning.coverage["owed_incidents"],
                "settings tried": len(tuning.candidates),
            }
            for name, tuning in tunings
        ]
    )


def settings_table(tuning: Tuning, constraints: Constraints) -> pd.DataFrame:
    """Return the best threshold per window (rows) and ``for`` (columns)."""
    best = best_thresholds(tuning.candidates, constraints)
    if best.empty or tuning.verdict == NOT_ENOUGH_DATA:
        return pd.DataFrame({"window": [], "for": []})
    cells = best.assign(
        text=[f"{one.threshold:g} ({one.false_rises})" for one in best.itertuples()]
    ).pivot(index="window_ms", columns="hold_duration_ms", values="text")
    cells.index = [
        "as written" if pd.isna(one) else format_duration(int(one)) for one in cells.index
    ]
    cells.columns = [f"for {format_duration(one)}" for one in cells.columns]
    return cells.rename_axis("window").reset_index()


def tuning_numbers(
    tunings: Sequence[tuple[str, Tuning]], best: Tuning | None, source: Source
) -> dict[str, Any]:
    """Return the session's figures for machines: what was observed, each reading, the verdict."""
    _, written = tunings[0]
    span, frame = written.span, written.evaluated.frame
    inside = frame.present & ~np.isnan(frame.values) & (frame.times >= span.start_ms)
    peak = float(np.max(frame.values[inside])) if inside.any() else None
    return {
        "rule": written.rule.name,
        "expr": written.rule.expr,
        "peak": peak,
        "counted_events": {
            selector: sum(map(counted, source.series(selector, span.start_ms, span.end_ms)))
            for selector in counter_selectors(written.rule.expr)
        },
        "readings": {name: tuning.to_json() for name, tuning in tunings},
        "recommended_expr": None if best is None else best.rule.expr,
        "recommended": None if best is None else (best.recommended or best.current).to_json(),
    }


def score_row(score: Score) -> dict[str, Any]:
    """Return a scorecard as one row of a table; its formats are SCORE_FORMATS."""
    return {
        "setting": setting_text(score),
        "caught": f"{len(score.caught)} of {len(score.caught) + len(score.missed)}",
        "pages a week": score.pages_per_week,
        "false a week": score.false_pages_per_week,
        "median delay": score.delay_p50_seconds,
        "fires outside": score.false_firing_ratio,
    }


def validation_text(tuning: Tuning) -> str:
    """Say how a choice made on the first half did on the second."""
    check = tuning.validation
    if check is None:
        return "The first half of the time holds too little to choose a setting on."
    return (
        f"Chosen on the first half alone ({check.false_rises_seen:.1f} false alarms a week there), "
        f"a setting made {check.false_rises_unseen:.1f} a week on the second half, which it had "
        f"not seen, and caught {check.detected_unseen} of its {check.owed_unseen} incidents."
    )


def _unlabelled(review: NoiseReview) -> Finding:
    pages = review.pages.drop_duplicates(["at", "receiver", "group"])
    title = (
        f"{len(pages)} pages in {_weeks(review)}; no incident is labelled, so nobody can say which "
        "of them were worth it."
    )
    return Finding("unlabelled", "info", title, "Label incidents and give them as incidents.")


def _noisy(row: Any, tuning: Tuning | None, remarks: Sequence[Remark]) -> Finding:
    return Finding(
        id=f"noisy.{_slug(row.rule)}",
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
    return f"Change {setting_text(tuning.current)} to {setting_text(tuning.recommended)}."


def _proposal(written: Tuning, best: Tuning) -> str:
    to = setting_text(best.recommended or best.current)
    if best.rule.expr == written.rule.expr:
        return f"change {setting_text(written.current)} to {to}, and its text with it."
    change = best.change or RuleChange()
    hold = (best.recommended or best.current).setting.hold_duration_ms
    return (
        f"rewrite it as {changed_expr(best.rule.expr, change)}, for {format_duration(hold)}, "
        "and its text with it."
    )


def _effect(now: Score, best: Tuning) -> str:
    then = best.recommended or best.current
    owed = len(now.caught) + len(now.missed)
    return (
        f"False pages: {now.false_pages_per_week.mid:.1f} a week now, "
        f"{then.false_pages_per_week.mid:.1f} then "
        f"({then.false_pages_per_week.low:.1f}–{then.false_pages_per_week.high:.1f}). "
        f"Incidents caught: {len(now.caught)} of {owed} now, {len(then.caught)} then. "
        f"{validation_text(best)}"
    )


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


def _join(names: Sequence[str]) -> str:
    *most, last = list(names)
    return f"{', '.join(most)} and {last}" if most else last


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "rule"
    # What the slug loses (Hangul, for instance) must not make two rules one.
    return slug if slug == name.lower() else f"{slug}-{crc32(name.encode()):08x}"
