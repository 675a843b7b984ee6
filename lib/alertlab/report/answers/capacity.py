"""The sentences and tables that the report on capacity leads with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from alertlab.capacity import Advice, Change, LoginsAt, Rung, Scorecard, Verdict
from alertlab.report.answers.capacity_orders import advice_text
from alertlab.report.answers.words import join, plural, slug_of
from alertlab.report.findings import Finding
from alertlab.report.tables import MISSING, format_quantity, format_ratio, format_seconds
from alertlab.units import Interval

LADDER_FORMATS = {
    "peak": "ratio",
    "without": "ratio",
    "threshold": "ratio",
    "headroom": "ratio",
}
LOSS_FORMATS = {"workers busy": "ratio", "logins that wait": "ratio"}


def capacity_answer(
    rungs: Sequence[Rung],
    verdict: Verdict,
    advice: Advice,
    changes: Sequence[Change],
) -> str:
    """Return what the meeting should know first: what ends first, when, and what to order.

    changes : since the report before
    """
    dated = [one for one in rungs if np.isfinite(one.median_days)]
    parts = [_first_text(dated, rungs)]
    if len(dated) > 1:
        parts.append(f"Next {_date_text(dated[1])}.")
    parts += [_verdict_text(verdict, rungs), advice_text(advice)]
    moved = [text for one in changes if (text := _change_text(one))]
    if moved:
        parts.append(f"Since the last report: {'; '.join(moved)}.")
    return "\n\n".join(parts)


def _first_text(dated: Sequence[Rung], rungs: Sequence[Rung]) -> str:
    if not dated:
        known = [one for one in rungs if not one.refusal]
        if not known:
            return "What runs out first cannot be said: no resource could be forecast."
        text = f"Nothing runs out within {known[0].forecast.horizon_days:.0f} days"
        unknown = len(rungs) - len(known)
        return (
            f"{text}; of {plural(unknown, 'resource')} nothing can be said."
            if unknown
            else (f"{text}.")
        )
    first = dated[0]
    due = (
        f"is {-first.slack_days:.0f} days too late"
        if first.slack_days < 0
        else f"is due within {first.slack_days:.0f} days"
    )
    return (
        f"First {_date_text(first)}. An order takes {first.lead_days:.0f} days, so it {due}. "
        f"Owner: {first.measured.resource.owner}."
    )


def _date_text(rung: Rung) -> str:
    """Say when a resource passes its threshold."""
    threshold = f"{rung.name}: its weekly peak passes {format_ratio(rung.threshold_ratio)}"
    lost = f", with {_gone(rung)}" if rung.spared_ratio < 1 else ""
    if rung.median_days == 0:
        return f"{threshold} of the limit already{lost}"
    return (
        f"{threshold} of the limit in {rung.median_days:.0f} days, perhaps in "
        f"{rung.earliest_days:.0f}{lost}"
    )


def _gone(rung: Rung) -> str:
    return f"{rung.lost_replicas} of {plural(rung.replicas, 'replica')} gone"


def _verdict_text(verdict: Verdict, rungs: Sequence[Rung]) -> str:
    most, first = verdict.logins_per_second, verdict.first
    if most is None or first is None:
        return "How many logins a second are possible cannot be said; see the limits below."
    gone = f" with {_gone(rungs[0])}" if rungs and rungs[0].lost_replicas else ""
    return (
        f"At most {most.mid:.3g} logins/s ({most.low:.3g} to {most.high:.3g}) are possible{gone}; "
        f"then {first.name}."
    )


def _change_text(change: Change) -> str:
    if change.headroom_change_ratio is None or abs(change.headroom_change_ratio) < 0.01:
        return ""
    text = (
        f"{change.resource} has {format_ratio(abs(change.headroom_change_ratio))} "
        f"{'more' if change.headroom_change_ratio > 0 else 'less'} headroom"
    )
    return f"{text} ({change.days_change:+.0f} days)" if change.days_change is not None else text


def ladder_table(rungs: Sequence[Rung]) -> pd.DataFrame:
    """Return one row per resource, the first to bind on top; its formats are LADDER_FORMATS."""
    return pd.DataFrame(
        {
            "resource": one.name,
            "peak": one.peak_ratio,
            "without": one.lost_peak_ratio,
            "threshold": one.threshold_ratio,
            "headroom": one.headroom_ratio,
            "days": _days_text(one),
            "straight line": _line_text(one.line_days),
            "lead time": f"{one.lead_days:.0f}",
            "slack": f"{one.slack_days:.0f}" if np.isfinite(one.slack_days) else MISSING,
            "owner": one.measured.resource.owner,
            "replicas help": one.measured.resource.is_horizontal,
        }
        for one in rungs
    )


def refusals_text(rungs: Sequence[Rung]) -> str:
    """Say of which resources there is no date, and why."""
    refused = [f"No date for {join(names)}: {why}." for why, names in _refusals(rungs).items()]
    return "\n\n".join(refused) or "Every resource could be forecast."


def _refusals(rungs: Sequence[Rung]) -> dict[str, list[str]]:
    """Return for each reason the resources that have no date for it."""
    found: dict[str, list[str]] = {}
    for one in rungs:
        if one.refusal:
            found.setdefault(one.refusal, []).append(one.name)
    return found


def queries_table(rungs: Sequence[Rung]) -> pd.DataFrame:
    """Return what was asked, and for which resources."""
    asked: dict[tuple[str, str], list[str]] = {}
    for one in rungs:
        for what, text in one.measured.queries.items():
            asked.setdefault((what, text), []).append(one.name)
    return pd.DataFrame(
        {"what": what, "of": "all" if len(names) == len(rungs) else join(names), "query": text}
        for (what, text), names in asked.items()
    )


def signs_table(rungs: Sequence[Rung]) -> pd.DataFrame:
    """Return the signs by which a resource hurts already, at their worst in the last week."""
    return pd.DataFrame(
        [
            {
                "resource": one.name,
                "sign": sign.name,
                "at worst": format_quantity(one.measured.worst_sign, sign.unit),
                "bound": format_quantity(sign.bound, sign.unit),
                "within it": bool(one.measured.worst_sign <= sign.bound),
            }
            for one in rungs
            if (sign := one.measured.resource.sign)
        ],
        columns=["resource", "sign", "at worst", "bound", "within it"],
    )


def _days_text(rung: Rung) -> str:
    if np.isnan(rung.median_days):
        return "?"
    if np.isinf(rung.median_days):
        horizon = f"not within {rung.forecast.horizon_days:.0f}"
        early = rung.earliest_days
        return horizon if np.isinf(early) else f"{horizon}, perhaps {early:.0f}"
    if rung.median_days == 0:
        return "now"
    late = rung.crossing.latest_days
    last = "later" if np.isinf(late) else f"{late:.0f}"
    return f"{rung.median_days:.0f} ({rung.earliest_days:.0f} to {last})"


def _line_text(days: float) -> str:
    if np.isnan(days):
        return MISSING
    return "never" if np.isinf(days) else "now" if days == 0 else f"{days:,.0f}"


def limits_table(verdict: Verdict) -> pd.DataFrame:
    """Return what breaks at how many logins/s, the first on top."""
    return pd.DataFrame(
        {
            "what breaks": one.name,
            "at logins/s": _logins_text(one.logins_per_second),
            "not known because": one.reason or MISSING,
        }
        for one in verdict.limits
    )


def _logins_text(logins: Interval | None) -> str:
    if logins is None:
        return MISSING
    return f"{logins.mid:.3g} ({logins.low:.3g}–{logins.high:.3g})"


def loss_table(states: Sequence[LoginsAt], threshold_seconds: float) -> pd.DataFrame:
    """Return what becomes of logins at the weekly peak with fewer pods; LOSS_FORMATS."""
    return pd.DataFrame(
        [
            {
                "pods": str(one.pods),
                "workers busy": one.use_ratio,
                "logins that wait": one.waiting_ratio,
                "login takes at most": "the queue grows without end"
                if np.isinf(one.quantile_seconds)
                else format_seconds(one.quantile_seconds),
                "promise kept": one.quantile_seconds <= threshold_seconds,
            }
            for one in states
        ],
        columns=["pods", *LOSS_FORMATS, "login takes at most", "promise kept"],
    )


def capacity_findings(
    rungs: Sequence[Rung], verdict: Verdict, card: Scorecard, advice: Advice
) -> list[Finding]:
    """Return a finding for what ends too soon, hurts or is unknown, and for bad forecasts."""
    found = []
    for one in rungs:
        slug, sign = slug_of(one.name), one.measured.resource.sign
        if np.isfinite(one.median_days):
            kind, severity = (
                ("too-late", "action") if one.slack_days < 0 else ("runs-out", "warning")
            )
            title = f"{_date_text(one)}."
            found.append(Finding(f"{kind}.{slug}", severity, title, _remedy_text(one)))
        if sign and one.measured.worst_sign > sign.bound:
            worst = format_quantity(one.measured.worst_sign, sign.unit)
            title = (
                f"{one.name}: {sign.name} came to {worst} in the last week, above "
                f"{format_quantity(sign.bound, sign.unit)}."
            )
            found.append(Finding(f"hurts.{slug}", "warning", title, _remedy_text(one)))
    for why, names in _refusals(rungs).items():
        title = f"No date for {join(names)}: {why}."
        found.append(Finding(f"no-forecast.{slug_of(names[0])}", "info", title))
    if any(one.id.startswith(("too-late", "runs-out")) for one in found):
        found.append(Finding("advice", "action", advice_text(advice), " ".join(advice.rejected)))
    if card.alarm:
        title = f"Only {card.covered} of {len(card.rows)} past forecasts held."
        found.append(Finding("forecasts-poor", "warning", title))
    if verdict.logins_per_second is None:
        found.append(
            Finding("no-verdict", "info", "How many logins a second are possible is not known.")
        )
    if not found:
        found.append(Finding("capacity-fine", "ok", "Nothing runs out within the horizon."))
    return found


def _remedy_text(rung: Rung) -> str:
    resource = rung.measured.resource
    lead = f"Owner: {resource.owner}; lead time {rung.lead_days:.0f} days."
    return f"{resource.remedy.rstrip('.')}. {lead}" if resource.remedy else lead


def capacity_numbers(
    rungs: Sequence[Rung], verdict: Verdict, card: Scorecard, advice: Advice
) -> dict[str, Any]:
    """Return the report's figures for machines."""
    most = verdict.logins_per_second
    return {
        "resources": {
            one.name: {
                "peak_ratio": one.peak_ratio,
                "lost_peak_ratio": one.lost_peak_ratio,
                "headroom_ratio": one.headroom_ratio,
                "median_days": one.median_days,
                "earliest_days": one.earliest_days,
                "slack_days": one.slack_days,
                "straight_line_days": one.line_days,
                "refusal": one.refusal,
            }
            for one in rungs
        },
        "binding": rungs[0].name if rungs and not np.isnan(rungs[0].slack_days) else None,
        "most_logins_per_second": most._asdict() if most else None,
        "advice": {one.name: one.advised for one in advice.items},
        "forecasts": {"judged": len(card.rows), "held": card.covered},
    }
