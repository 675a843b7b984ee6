"""The sentences and tables of the latency report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from alertlab.errors import known_name
from alertlab.latency import (
    BEYOND,
    CHANGED,
    FEW,
    WIDE,
    AroundDeploy,
    BucketHistory,
    Comparison,
    Deploy,
    MethodChange,
    Quantile,
)
from alertlab.report.answers.words import join, plural, slug_of
from alertlab.report.findings import Finding
from alertlab.report.tables import (
    MISSING,
    format_cell,
    format_moment,
    format_ratio,
    format_seconds,
)
from alertlab.units import DAY_MS

_COMPARISON_COLUMNS = [
    "method", "calls", "p95 before", "p95", "slow before", "slow", "by traffic", "by itself",
    "verdict",
]  # fmt: skip
_CENTRAL = 0.95  # the quantile of which the answer speaks
_OFF_RATIO = 0.25  # an average so far outside the bracket misleads
_SHOWN = 3  # findings of one kind; the tables have the rest

QUANTILES_FORMATS = {
    "calls": ",.0f",
    "Prometheus": "seconds",
    "estimate": "seconds",
}
AVERAGES_FORMATS = {
    "mean of the steps": "seconds",
    "largest step": "seconds",
    "mean is off by": "ratio",
}
COMPARISON_FORMATS = {
    "calls": ",.0f",
    "slow before": "ratio",
    "slow": "ratio",
}


SPELLS_FORMATS = {"calls": ",.0f", "slow": "ratio", "usually": "ratio"}


def latency_coverage(history: BucketHistory, layouts: str) -> str:
    """Say how many calls and spans the report rests on, and what was wrong with them.

    layouts : what histograms the source has, in one sentence
    """
    counts = pd.DataFrame(history.counts)
    there = int(counts.notna().any().sum())
    days = len(history.ends_ms) * history.step_ms / DAY_MS
    return "\n\n".join(
        [
            f"{counts.sum().sum():,.0f} calls of {plural(len(history.groups), 'method')} in "
            f"{days:.1f} days; {there} of {len(history.ends_ms)} spans have data. {layouts}",
            *history.notes,
        ]
    )


def latency_answer(
    known: pd.DataFrame, averaged: pd.DataFrame, comparison: Comparison, focus: str
) -> str:
    """Return what the meeting should know first, in three or four sentences.

    known, averaged : as ``latency.known_quantiles`` and ``latency.averaged_quantiles``
    """
    methods = {one.name: one for one in comparison.methods}
    method = methods[known_name(focus, methods, "method")]
    row = _of(known, focus, _CENTRAL)
    parts = [f"{focus}: {_bracket_text(row)}. {_slow_text(method, comparison)}"]
    changed = [one.name for one in comparison.methods if one.verdict == CHANGED]
    if changed:
        parts.append(f"Changed: {join(changed)}.")
    if comparison.shift is not None:
        parts.append(_shift_text(comparison))
    weak = known[known["verdict"] != "good"]
    if len(weak):
        parts.append(
            f"Of {len(known)} quantiles below, {len(known) - len(weak)} are good to a quarter; "
            f"{(weak['verdict'] == WIDE).sum()} stand in wide buckets, "
            f"{(weak['verdict'] == FEW).sum()} rest on too few calls and "
            f"{(weak['verdict'] == BEYOND).sum()} lie beyond the last bucket."
        )
    off = averaged[averaged["off_ratio"].abs() > _OFF_RATIO]
    if len(off):
        worst = off.loc[off["off_ratio"].abs().idxmax()]
        parts.append(
            f"Averaging the steps' p99 would mislead for {join(list(off['group']))}: "
            f"{format_seconds(worst['averaged'])} for {worst['group']}, where it certainly was "
            f"{_between(worst['low'], worst['high'])}."
        )
    return "\n\n".join(parts)


def latency_findings(
    known: pd.DataFrame, averaged: pd.DataFrame, comparison: Comparison, spells: pd.DataFrame
) -> list[Finding]:
    """Return what asks for attention: changes, spells nobody labelled, numbers that mislead.

    spells : as ``latency.beside_incidents``
    """
    found = [_change_finding(one, comparison) for one in comparison.methods
             if one.verdict == CHANGED]  # fmt: skip
    nobodys = [not (*one.incidents, *one.harmless) for one in spells.itertuples()]
    unlabelled = spells[np.array(nobodys, bool)].sort_values("excess", ascending=False)
    unlabelled = unlabelled.head(_SHOWN)
    for one in unlabelled.itertuples():
        title = (
            f"{one.method} was slow from {one.start:%d %b %H:%M} to {one.end:%H:%M} UTC outside "
            f"every incident: {format_ratio(one.slow_share)} of {one.requests:,.0f} calls, "
            f"usually {format_ratio(one.usual_share)}."
        )
        slug = f"spell.{slug_of(one.method)}.{one.start:%Y%m%d%H%M}"
        found.append(Finding(slug, "warning", title))
    for one in known[known["verdict"] == BEYOND].itertuples():
        title = (
            f"{one.group} p{100 * one.q:g} exceeds the last bucket ({format_seconds(one.low)}); "
            "how far, nobody can tell."
        )
        found.append(Finding(f"beyond.{slug_of(one.group)}.p{1000 * one.q:g}", "warning", title))
    off = averaged[averaged["off_ratio"].abs() > _OFF_RATIO]
    if len(off):
        title = (
            f"Dashboards that average percentiles over time mislead for {join(list(off['group']))}."
        )
        detail = "Sum the buckets over time, then take the quantile."
        found.append(Finding("averaged-percentiles", "warning", title, detail))
    if not found:
        found.append(Finding("latency-steady", "ok", "No method changed, and none was slow."))
    return found


def latency_numbers(
    known: pd.DataFrame, averaged: pd.DataFrame, comparison: Comparison, spells: pd.DataFrame
) -> dict[str, Any]:
    """Return the report's figures for machines; seconds, ratios, times in RFC 3339 UTC."""
    return {
        "threshold_seconds": comparison.threshold_seconds,
        "quantiles": known.to_dict("records"),
        "averaged_p99": averaged.to_dict("records"),
        "methods": {
            one.name: {
                "verdict": one.verdict,
                "slow_ratio_before": one.before.slow,
                "slow_ratio": one.after.slow,
                "calls_before": one.before.histogram.count,
                "calls": one.after.histogram.count,
            }
            for one in comparison.methods
        },
        "spells": spells.to_dict("records"),
    }


def quantiles_table(known: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of each quantile; its formats are QUANTILES_FORMATS."""
    return pd.DataFrame(
        {
            "method": known["group"],
            "quantile": [f"p{100 * q:g}" for q in known["q"]],
            "calls": known["count"],
            "Prometheus": known["prometheus"],
            "certain": _brackets(known),
            # Below the lowest bound the curve has nothing to hold on to.
            "estimate": known["estimate"].where(known["low"] > 0),
            "times like this": [
                _between(one.hours_low, one.hours_high) for one in known.itertuples()
            ],
            "verdict": known["verdict"],
        }
    )


def averages_table(averaged: pd.DataFrame) -> pd.DataFrame:
    """Return what averaging would have said; its formats are AVERAGES_FORMATS."""
    return pd.DataFrame(
        {
            "method": averaged["group"],
            "mean of the steps": averaged["averaged"],
            "largest step": averaged["largest"],
            "certain": _brackets(averaged),
            "mean is off by": averaged["off_ratio"],
        }
    )


def comparison_table(comparison: Comparison | None) -> pd.DataFrame:
    """Return each method before and after; its formats are COMPARISON_FORMATS."""
    shift = comparison and comparison.shift
    rows = []
    for at, one in enumerate(comparison.methods if comparison else ()):
        rows.append(
            {
                "method": one.name,
                "calls": one.after.histogram.count,
                "p95 before": _quantile_text(one.before.quantiles),
                "p95": _quantile_text(one.after.quantiles),
                "slow before": one.before.slow and one.before.slow.mid,
                "slow": one.after.slow and one.after.slow.mid,
                "by traffic": shift and _points(shift.mix[at]),
                "by itself": shift and _points(shift.latency[at]),
                "verdict": one.verdict,
            }
        )
    return pd.DataFrame(rows, columns=_COMPARISON_COLUMNS)


def deploys_text(deploys: Sequence[Deploy], around: AroundDeploy | None) -> str:
    """Say how many deploys were seen, and which one is looked at."""
    if around is None:
        return (
            f"{plural(len(deploys), 'deploy')} seen; none has a day of history on both sides, so "
            "none can be judged."
        )
    changed = [one.name for one in around.comparison.methods if one.verdict == CHANGED]
    said = f"{join(changed)} changed with it" if changed else "no method changed with it"
    return (
        f"{plural(len(deploys), 'deploy')} seen. The last with a whole day on both sides was on "
        f"{format_moment(around.deploy.at_ms)} UTC: {said}."
    )


def spells_table(spells: pd.DataFrame) -> pd.DataFrame:
    """Return slow spells, most slow calls first, beside the incidents they fall into."""
    shown = spells.sort_values("excess", ascending=False)
    return pd.DataFrame(
        {
            "start": shown["start"],
            "lasted": shown["end"] - shown["start"],
            "method": shown["method"],
            "calls": shown["requests"],
            "slow": shown["slow_share"],
            "usually": shown["usual_share"],
            "incident": [
                ", ".join([*one.incidents, *(f"{name} (harmless)" for name in one.harmless)])
                or MISSING
                for one in shown.itertuples()
            ],
        }
    ).reset_index(drop=True)


def quiet_incidents_text(without: pd.DataFrame) -> str:
    """Say in which incidents no method was slower than usual, as ``latency.without_spell``."""
    if without.empty:
        return "In every incident some method was slower than usual."
    return f"In these incidents no method was slower than usual: {join(list(without['id']))}."


def _of(known: pd.DataFrame, group: str, q: float) -> Any:
    return next(known[(known["group"] == group) & (known["q"] == q)].itertuples())


def _bracket_text(row: Any) -> str:
    return (
        f"p{100 * row.q:g} was certainly {_between(row.low, row.high)}; Prometheus says "
        f"{format_seconds(row.prometheus)}"
    )


def _brackets(table: pd.DataFrame) -> list[str]:
    return [_between(one.low, one.high) for one in table.itertuples()]


def _between(low: float, high: float) -> str:
    """Write a bracket as people say it: ``100 to 200 ms``."""
    if pd.isna(low):
        return MISSING
    if high == float("inf"):
        return f"over {format_seconds(low)}"
    first, last = format_seconds(low), format_seconds(high)
    number, unit = first.rsplit(" ", 1) if " " in first else (first, "")
    return f"{number if low == 0 or last.endswith(f' {unit}') else first} to {last}"


def _points(ratio: float) -> str:
    """Write a difference of ratios in percentage points."""
    text = f"{100 * ratio:+.3f}"
    return "0" if float(text) == 0 else f"{text} pp"


def _quantile_text(quantiles: Sequence[Quantile]) -> str:
    known = next(one for one in quantiles if one.q == _CENTRAL)
    return _between(known.low, known.high)


def _slow_text(method: MethodChange, comparison: Comparison) -> str:
    before, after = (format_cell(one.slow and one.slow.mid, "ratio")
                     for one in (method.before, method.after))  # fmt: skip
    return (
        f"{after} of its calls took longer than {format_seconds(comparison.threshold_seconds)}, "
        f"{before} before: {method.verdict}."
    )


def _shift_text(comparison: Comparison) -> str:
    shift = comparison.shift
    mix, latency = (_points(float(part.sum())) for part in (shift.mix, shift.latency))
    return (
        f"Of all calls, {format_ratio(shift.after)} were slow, {format_ratio(shift.before)} "
        f"before. Of the difference, {mix} (percentage points) come from another mix of "
        f"methods and {latency} from the methods themselves."
    )


def _change_finding(method: MethodChange, comparison: Comparison) -> Finding:
    before, after = method.before.slow, method.after.slow
    worse = after is not None and before is not None and after.mid > before.mid
    title = f"{method.name}: {_slow_text(method, comparison)}"
    return Finding(
        f"latency-changed.{slug_of(method.name)}", "warning" if worse else "info", title,
        f"p95 {_quantile_text(method.before.quantiles)} before, "
        f"{_quantile_text(method.after.quantiles)} now.",
        {"slow_ratio": after and after.mid, "slow_ratio_before": before and before.mid},
    )  # fmt: skip
