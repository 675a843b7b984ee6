"""The sentences and tables of the report on objectives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from alertlab.report.answers.words import join, plural, slug_of
from alertlab.report.findings import Finding
from alertlab.report.tables import MISSING, format_number, format_ratio
from alertlab.slo import BudgetShares, BurnHistory, BurnReplay, Ledger, LowTraffic, Objective
from alertlab.units import DAY_MS, SECOND_MS

_LONG_DAYS = 3  # what lasts longer is told in days
_LOW_RATIO = 0.25  # of the budget: less is a warning

OBJECTIVES_FORMATS = {"target": "ratio", "good": "ratio", "events": ",.0f", "bad": ",.0f"}
LEDGER_FORMATS = {
    "events": ",.0f",
    "bad": ",.0f",
    "good": "ratio",
    "covered": "ratio",
}
SHARES_FORMATS = {"start": "time", "events": ",.0f", "bad": ",.0f", "share of the budget": "ratio"}
RECEIVERS_FORMATS = {"pages": ",.0f", "false": ",.0f"}
TRAFFIC_FORMATS = {"requests an hour": ",.0f", "critical": ",.0f", "hours below it": "ratio"}
LOW_TRAFFIC_FORMATS = {"requests an hour": ",.0f", "false a week": ".2f"}
CATCHES_FORMATS = {"recall": "ratio", "median time to page": "seconds"}


def slo_answer(histories: Sequence[BurnHistory], replay: BurnReplay) -> str:
    """Return what the meeting should know first: which budgets are spent, and who would page."""
    spent, open_, low, fine, unknown = _by_state(histories)
    parts = [
        f"{len(fine) + len(low)} of {plural(len(histories), 'objective')} are kept over the time "
        "shown."
    ]
    if open_:
        parts.append(f"{_open_text(open_)}")
    if spent:
        parts.append(f"Missed: {join([_left_text(one) for one in spent])}.")
    if low:
        parts.append(f"Little is left of {join([_left_text(one) for one in low])}.")
    if unknown:
        parts.append(f"Nothing is known of {join([one.objective.name for one in unknown])}.")
    parts.append(_pages_text(replay))
    return "\n\n".join(parts)


def slo_findings(histories: Sequence[BurnHistory], ledger: Ledger) -> list[Finding]:
    """Return a finding for each budget that is spent or nearly so, and for what the ledger met."""
    spent, open_, low, _, unknown = _by_state(histories)
    found = [
        Finding(f"budget-open.{slug_of(one.objective.name)}", "warning", _open_text([one]))
        for one in open_
    ]
    for state, severity, many in (("spent", "action", spent), ("low", "warning", low)):
        for one in many:
            title = f"The budget of {_left_text(one)} is {state}."
            slug = f"budget-{state}.{slug_of(one.objective.name)}"
            detail = f"{one.objective.description} {_lasts_text(one)}".strip()
            found.append(Finding(slug, severity, title, detail))
    for one in unknown:
        title = f"Nothing is known of {one.objective.name}: the source has no events of it."
        found.append(Finding(f"budget-unknown.{slug_of(one.objective.name)}", "warning", title))
    found += [
        Finding(f"ledger-note.{at}", "warning", f"{note}.") for at, note in enumerate(ledger.notes)
    ]
    if not found:
        found.append(Finding("budgets-kept", "ok", "Every objective is kept."))
    return found


def slo_numbers(
    histories: Sequence[BurnHistory], ledger: Ledger, replay: BurnReplay
) -> dict[str, Any]:
    """Return the report's figures for machines: budgets, weeks, pages."""
    return {
        "objectives": {
            one.objective.name: {
                "target_ratio": one.objective.target_ratio,
                "budget_left_ratio": one.left and one.left.low,
                "seconds_to_exhaustion": one.seconds_to_exhaustion(),
            }
            for one in histories
        },
        "weeks": ledger.to_pandas().to_dict("records"),
        "pages": replay.receivers().to_dict("records"),
        "catches": replay.catches().to_dict("records"),
    }


def objectives_table(histories: Sequence[BurnHistory]) -> pd.DataFrame:
    """Return what each objective promised and kept; its formats are OBJECTIVES_FORMATS."""
    rows = []
    for one in histories:
        total, bad = np.nansum(one.total), np.nansum(one.bad)
        rows.append(
            {
                "objective": one.objective.name,
                "target": one.objective.target_ratio,
                "good": 1 - bad / total if total else None,
                "events": total,
                "bad": bad,
                "budget left": _budget_text(one),
                "at this pace it lasts": _lasts_text(one),
            }
        )
    return pd.DataFrame(rows)


def policies_table(promised: Sequence[Objective], ledger: Ledger) -> pd.DataFrame:
    """Return the share of good events of each objective under each code policy, side by side.

    Only what is counted as the objectives define it now; other rows of the ledger stay out.
    """
    rows: dict[str, dict[str, str]] = {}
    for one in promised:
        if not one.policy:
            continue
        own = ledger.of(one).to_pandas()
        total = own["total"].sum()
        share = format_ratio(own["good"].sum() / total) if total else MISSING
        rows.setdefault(one.beside or one.name, {})[one.policy] = share
    table = pd.DataFrame.from_dict(rows, orient="index").fillna(MISSING)
    return table.rename_axis("objective").reset_index()


def ledger_table(ledger: Ledger) -> pd.DataFrame:
    """Return the weeks of a ledger, newest first; its formats are LEDGER_FORMATS."""
    weeks = ledger.to_pandas().sort_values(
        ["start", "objective"], ascending=[False, True], kind="stable"
    )
    return pd.DataFrame(
        {
            "week": weeks["week"],
            "objective": weeks["objective"],
            "events": weeks["total"],
            "bad": weeks["bad"],
            "good": weeks["good"] / weeks["total"].where(weeks["total"] > 0),
            "budget left": [_plain_budget(one) for one in weeks["budget_left_ratio"]],
            "covered": weeks["coverage"],
            "final": weeks["complete"],
        }
    ).reset_index(drop=True)


def shares_table(shares: BudgetShares, most: int = 8) -> pd.DataFrame:
    """Return which incidents ate most of a budget, and what went outside; SHARES_FORMATS."""
    rows = shares.incidents.sort_values("budget_ratio", ascending=False, kind="stable").head(most)
    table = pd.DataFrame(
        {
            "incident": rows["id"],
            "start": rows["start"],
            "severity": rows["severity"],
            "events": rows["total"],
            "bad": rows["bad"],
            "share of the budget": rows["budget_ratio"],
        }
    )
    outside = {"incident": "outside all of them", "share of the budget": shares.outside_ratio}
    return pd.concat([table, pd.DataFrame([outside])], ignore_index=True)


def burn_receivers_table(replay: BurnReplay) -> pd.DataFrame:
    """Return how often each set of rules pages whom; its formats are RECEIVERS_FORMATS."""
    return replay.receivers().rename(
        columns={
            "pages_per_week": "pages a week",
            "false_pages": "false",
            "false_pages_per_week": "false a week",
        }
    )


def catches_table(replay: BurnReplay) -> pd.DataFrame:
    """Return how many incidents each set of rules pages in; its formats are CATCHES_FORMATS."""
    found = replay.catches()
    return pd.DataFrame(
        {
            "rules": found["rules"],
            "incidents paged": [f"{one.paged} of {one.incidents}" for one in found.itertuples()],
            "recall": found["recall"],
            "median time to page": found["first_page_p50_seconds"],
        }
    )


def slo_coverage(histories: Sequence[BurnHistory]) -> str:
    """Say how many hours of each objective have samples, and what there is to say of the counts."""
    hours = {one.objective.name: int((~np.isnan(one.total)).sum()) for one in histories}
    most = max(hours.values(), default=0)
    short = [name for name, count in hours.items() if count < most]
    parts = [f"{plural(len(histories), 'objective')}, {most:,} hours with samples."]
    if short:
        parts.append(f"Fewer hours have {join(short)}.")
    notes = dict.fromkeys(
        f"{one.objective.name}: {note}" for one in histories for note in one.notes
    )
    return "\n\n".join([" ".join(parts), *notes])


def traffic_table(traffic: pd.DataFrame) -> pd.DataFrame:
    """Return how much traffic each objective has, formats TRAFFIC_FORMATS."""
    return pd.DataFrame(
        {
            "objective": traffic["objective"],
            "requests an hour": traffic["requests_per_hour"],
            "critical": traffic["critical_rate_per_hour"],
            "hours below it": traffic["below_ratio"],
        }
    )


def low_traffic_table(simulated: LowTraffic) -> pd.DataFrame:
    """Return false pages and times to page by request rate; its formats are LOW_TRAFFIC_FORMATS.

    One row per rate and minimum of bad events.
    """
    keys = ["requests_per_hour", "min_bad_events"]
    rows = []
    for one in simulated.false_pages.itertuples():
        row = {
            "requests an hour": one.requests_per_hour,
            "at least bad": one.min_bad_events,
            "false a week": one.false_pages_per_week,
        }
        same = simulated.detection[
            (simulated.detection[keys] == [one.requests_per_hour, one.min_bad_events]).all(axis=1)
        ]
        for found in same.itertuples():
            row[f"{found.error_ratio:.0%} bad"] = _minutes_text(found)
        rows.append(row)
    return pd.DataFrame(rows)


def _pages_text(replay: BurnReplay) -> str:
    """Say what each set of rules would have sent and caught."""
    pages = replay.receivers().groupby("rules", sort=False)
    catches = replay.catches().set_index("rules")
    said = []
    for name, own in pages:
        text = f"{name}: {plural(int(own['pages'].sum()), 'page')}"
        if own["false_pages"].notna().all():
            caught = catches.loc[name]
            text += (
                f", {int(own['false_pages'].sum())} of them in no incident, and "
                f"{caught['paged']} of {caught['incidents']} incidents paged"
            )
        said.append(text)
    return f"On the same history, by {'; by '.join(said)}."


def _open_text(histories: Sequence[BurnHistory]) -> str:
    """Say that counts do not tell whether a budget is spent."""
    return (
        f"Whether {join([_left_text(one) for one in histories])} was missed cannot be told: "
        "no bucket has a bound at the threshold."
    )


def _by_state(histories: Sequence[BurnHistory]) -> tuple[list[BurnHistory], ...]:
    """Part objectives into spent, perhaps spent, nearly, kept, and unknown; the worst first."""
    names = ("spent", "open", "low", "fine", "unknown")
    states: dict[str, list[BurnHistory]] = {name: [] for name in names}
    known = sorted((one for one in histories if one.left), key=lambda one: one.left.low)
    for one in known:
        left = one.left
        state = "low" if left.low < _LOW_RATIO else "fine"
        if left.low <= 0:
            state = "spent" if left.high <= 0 else "open"
        states[state].append(one)
    states["unknown"].extend(one for one in histories if not one.left)
    return tuple(states.values())


def _left_text(history: BurnHistory) -> str:
    return f"{history.objective.name} ({_budget_text(history)} left)"


def _budget_text(history: BurnHistory) -> str:
    left = history.left
    if left is None:
        return MISSING
    if left.low == left.high:
        return _plain_budget(left.low)
    return f"{_plain_budget(left.low)} to {_plain_budget(left.high)}"


def _plain_budget(left_ratio: float) -> str:
    return MISSING if np.isnan(left_ratio) else f"{format_number(round(100 * left_ratio, 1))}%"


def _lasts_text(history: BurnHistory) -> str:
    seconds = history.seconds_to_exhaustion()
    if seconds is None:
        return MISSING
    if seconds == 0:
        return "spent"
    if np.isinf(seconds):
        return "nothing burns"
    days = seconds * SECOND_MS / DAY_MS
    return f"{days:.0f} days" if days >= _LONG_DAYS else f"{days * 24:.0f} hours"


def _minutes_text(detection: Any) -> str:
    """Write a median time to page, and the share that was never paged where there is one."""
    minutes = detection.minutes_to_page_p50.mid
    text = "never" if np.isinf(minutes) else f"{format_number(minutes)} min"
    missed = detection.missed_ratio
    return f"{text} ({missed.mid:.0%} missed)" if missed.mid else text
