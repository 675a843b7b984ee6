"""The sentences and tables of the tuning session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from alertlab.frame import counted
from alertlab.lint import Remark
from alertlab.report.answers.words import slug_of
from alertlab.report.figures import setting_text
from alertlab.report.findings import Finding
from alertlab.report.tables import MISSING, format_cell
from alertlab.rules import RuleChange, changed_expr, counter_selectors
from alertlab.sources import Source
from alertlab.tuning import (
    LEAVE,
    MEASURES,
    NOT_ENOUGH_DATA,
    Constraints,
    Score,
    Tuning,
    best_thresholds,
    explain,
)
from alertlab.units import format_duration

SCORE_COLUMNS = ["setting", "caught", "pages a week", "false a week", "precision", "median delay"]
SCORE_FORMATS = {
    "pages a week": ".1f",
    "false a week": ".1f",
    "precision": "ratio",
    "median delay": "seconds",
}


_FORMATS = {"count": ".1f", "ratio": "ratio", "seconds": "seconds"}  # of MEASURES


def tuning_findings(
    tunings: Sequence[tuple[str, Tuning]], remarks: Sequence[Remark], best: Tuning | None
) -> list[Finding]:
    """Return what a tuning session found: remarks on the rule, then the verdict."""
    _, written = tunings[0]
    slug = slug_of(written.rule.name)
    found = [Finding(f"{one.id}.{slug}", "warning", one.text, one.fix) for one in remarks]
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
        return f"{written.rule.name}: {written.verdict}.\n\n{' '.join(explain(written))}"
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
            for score in tuning.front
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
    span, frame = written.span, written.compared.frame
    inside = frame.present & np.isfinite(frame.values) & (frame.times >= span.start_ms)
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
        "setting": setting_text(score.setting),
        "caught": f"{len(score.caught)} of {len(score.caught) + len(score.missed)}",
        "pages a week": score.pages_per_week,
        "false a week": score.false_pages_per_week,
        "precision": score.precision,
        "median delay": score.delay_p50_seconds,
    }


def scorecard_table(scores: Mapping[str, Score]) -> pd.DataFrame:
    """Return settings and every measure of scores of one rule, a column each; a row per measure."""
    settings = [one.setting for one in scores.values()]
    rows = [
        ("threshold", *(f"{one.threshold:.12g}" for one in settings)),
        ("window", *(_duration(one.window_ms) for one in settings)),
        ("for", *(_duration(one.hold_duration_ms) for one in settings)),
        ("keep_firing_for", *(_duration(one.keep_firing_for_ms) for one in settings)),
    ]
    for name, attribute, kind in MEASURES:
        values = (getattr(one, attribute) for one in scores.values())
        rows.append((name, *(format_cell(value, _FORMATS[kind]) for value in values)))
        if attribute == "recall":
            rows += _recall_rows(list(scores.values()))
    return pd.DataFrame(rows, columns=["measure", *scores])


def _recall_rows(scores: Sequence[Score]) -> Iterator[tuple]:
    severities = sorted({name for one in scores for name in one.recall_by_severity})
    for severity in severities if len(severities) > 1 else ():
        shares = (one.recall_by_severity.get(severity) for one in scores)
        name = f"recall, {severity or 'no severity'}"
        yield (name, *(format_cell(share, "ratio") for share in shares))
    yield ("missed", *(", ".join(one.missed) or "none" for one in scores))


def knobs_table(tuning: Tuning) -> pd.DataFrame:
    """Return what each number alone would save, most first; Alertmanager's among them."""
    found = tuning.knobs.sort_values("saved", ascending=False, kind="stable")
    pages = "pages" if tuning.current.false_pages is None else "false pages"
    return found.rename(
        columns={
            "saved": f"alone it saves {pages}",
            "caught": "caught then",
            "returned": f"left alone, {pages} return",
            "repeats_saved": "repeats saved",
        }
    ).reset_index(drop=True)


def validation_table(tuning: Tuning) -> pd.DataFrame:
    """Return what each choice on earlier weeks promised, and what it did on those that followed."""
    rows = [
        (
            f"{one.chosen_on.weeks:.1f}",
            setting_text(one.setting),
            one.false_rises_seen / one.chosen_on.weeks,
            one.false_rises_unseen / one.scored_on.weeks,
            one.false_rises_now / one.scored_on.weeks,
            f"{one.detected_unseen} of {one.owed_unseen}",
            f"{one.detected_now} of {one.owed_unseen}",
        )
        for one in (tuning.validation.rounds if tuning.validation else ())
    ]
    columns = [
        "chosen on weeks", "setting", "false alarms there", "then", "as it stands", "caught then",
        "caught as it stands",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _proposal(written: Tuning, best: Tuning) -> str:
    to = setting_text((best.recommended or best.current).setting)
    if best.rule.expr == written.rule.expr:
        return f"change {setting_text(written.current.setting)} to {to}, and its text with it."
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
        f"False pages: {now.noise_per_week.mid:.1f} a week now, {then.noise_per_week.mid:.1f} then "
        f"({then.noise_per_week.low:.1f}–{then.noise_per_week.high:.1f}). "
        f"Incidents caught: {len(now.caught)} of {owed} now, {len(then.caught)} then. "
        f"{explain(best)[2]}"
    )


def _duration(duration_ms: int | None) -> str:
    return MISSING if duration_ms is None else format_duration(duration_ms)
