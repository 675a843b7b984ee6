"""Tables and findings about who was told what: by reason, by hour, by incident."""

from __future__ import annotations

import pandas as pd

from alertlab.noise import PAGED, NoiseReview
from alertlab.report.answers.words import join
from alertlab.report.findings import Finding


def reasons_table(reasons: pd.DataFrame) -> pd.DataFrame:
    """Return ``noise.notifications_by_reason`` with headings for people."""
    return reasons.rename(columns={"pages_per_week": "pages a week"})


def hours_table(hours: pd.DataFrame, review: NoiseReview) -> pd.DataFrame:
    """Return pages per hour of the day (rows) and receiver; hours without a page are left out."""
    names = [name for name in review.yardstick.waking if name in set(hours["receiver"])]
    counts = hours.pivot_table(
        index=["hour", "night"], columns="receiver", values="pages", aggfunc="sum", fill_value=0
    )
    table = counts.reindex(columns=names).reset_index().rename_axis(columns=None)
    table.insert(2, "pages", table[names].sum(axis=1))
    if review.yardstick.is_labelled:
        false = hours.groupby("hour")["false"].sum()
        table.insert(3, "false", table["hour"].map(false))
    table["hour"] = [f"{hour:02}:00–{hour + 1:02}:00" for hour in table["hour"]]
    return table


def incidents_table(told: pd.DataFrame) -> pd.DataFrame:
    """Return ``noise.incident_pages`` in words: whom each incident paged, by which rule first."""
    return pd.DataFrame(
        {
            "incident": told["incident"],
            "start": told["start"],
            "who": [_who(one) for one in told.itertuples()],
            "pages": told["pages"],
            "duplicates": told["duplicates"],
            "after": told["first_page_seconds"],
            "first by": [rules[0] if rules else None for rules in told["rules"]],
        }
    )


def incident_findings(told: pd.DataFrame) -> list[Finding]:
    """Return the finding that some incidents paged nobody, if there are any."""
    missed = told[told["outcome"] != PAGED]
    if missed.empty:
        return []
    cases = [f"{one.incident} ({one.outcome})" for one in missed.itertuples()]
    title = f"{len(missed)} of {len(told)} incidents paged nobody: {join(cases)}."
    return [Finding("unpaged-incidents", "warning", title, numbers={"incidents": len(missed)})]


def _who(row: object) -> str:
    if row.outcome != PAGED:
        return f"nobody: {row.outcome}"
    return ", ".join(f"{name} {count}" for name, count in row.receivers.items())
