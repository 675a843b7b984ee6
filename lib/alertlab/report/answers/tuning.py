"""The sentences and tables of the tuning session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from alertlab.frame import counted
from alertlab.report.answers.words import slug_of
from alertlab.report.figures import setting_text
from alertlab.report.findings import Finding
from alertlab.rules import Remark, RuleChange, changed_expr, counter_selectors
from alertlab.sources import Source
from alertlab.tuning import (
    LEAVE,
    NOT_ENOUGH_DATA,
    Constraints,
    Score,
    Tuning,
    best_thresholds,
)
from alertlab.units import format_duration

SCORE_COLUMNS = [
    "setting", "caught", "pages a week", "false a week", "median delay", "fires outside",
]  # fmt: skip
SCORE_FORMATS = {
    "pages a week": ".1f",
    "false a week": ".1f",
    "median delay": "seconds",
    "fires outside": "ratio",
}


def tuning_findings(
    tunings: Sequence[tuple[str, Tuning]], remarks: Sequence[Remark], best: Tuning | None
) -> list[Finding]:
    """Return what a tuning session found: remarks on the rule, then the verdict."""
    _, written = tunings[0]
    slug = slug_of(written.rule.name)
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
