"""What Alertmanager's mechanisms saved and cost, in tables and words."""

from __future__ import annotations

import pandas as pd

from alertlab.report.answers.words import join, plural
from alertlab.report.findings import Finding
from alertlab.report.tables import format_seconds

SAVINGS_FORMATS = dict.fromkeys(("pages now", "pages then", "pages saved"), ".0f")
WAITS_FORMATS = {
    "median wait now": "seconds",
    "median wait then": "seconds",
    "never told now": ".0f",
    "never told then": ".0f",
}


def savings_table(effects: pd.DataFrame) -> pd.DataFrame:
    """Return pages and notifications per receiver now and without each mechanism.

    Receivers for which a mechanism changes neither are left out.
    """
    columns = {"without": effects["mechanism"], "receiver": effects["receiver"]}
    for name in ("pages", "notifications"):
        now, then = effects[name], effects[f"{name}_without"]
        columns |= {f"{name} now": now, f"{name} then": then, f"{name} saved": then - now}
    table = pd.DataFrame(columns)
    same = (table["pages saved"].fillna(0) == 0) & (table["notifications saved"] == 0)
    return table[~same].reset_index(drop=True)


def waits_table(effects: pd.DataFrame) -> pd.DataFrame:
    """Return what alerts waited for their first notification, now and without each mechanism.

    Receivers for which a mechanism changes nothing are left out.
    """
    table = pd.DataFrame(
        {
            "without": effects["mechanism"],
            "receiver": effects["receiver"],
            "median wait now": effects["wait_p50_seconds"],
            "median wait then": effects["wait_p50_seconds_without"],
            "never told now": effects["untold"],
            "never told then": effects["untold_without"],
        }
    )
    now, then = ("median wait now", "never told now"), ("median wait then", "never told then")
    same = (table[[*now]].fillna(-1).to_numpy() == table[[*then]].fillna(-1).to_numpy()).all(axis=1)
    return table[~same].reset_index(drop=True)


def mechanisms_text(effects: pd.DataFrame, delays: pd.DataFrame) -> str:
    """Say of each mechanism what it saved, and what that cost the incidents."""
    parts = []
    for mechanism, own in effects.groupby("mechanism", sort=False):
        pages = int((own["pages_without"] - own["pages"]).sum())
        sent = int((own["notifications_without"] - own["notifications"]).sum())
        cost = _cost(delays[delays["mechanism"] == mechanism])
        if pages > 0 and not cost:
            cost = "; delayed no incident's first page"
        parts.append(f"{mechanism}: {_saved(pages, sent)}{cost}.")
    return "\n\n".join(parts)


def mechanism_findings(delays: pd.DataFrame) -> list[Finding]:
    """Return a finding for each mechanism that took away an incident's only pages."""
    return [
        Finding(
            f"muted.{mechanism.replace(' ', '-').replace('_', '-')}",
            "warning",
            f"Without {mechanism}, {join(own['incident'])} would have paged someone.",
        )
        for mechanism, own in _lost(delays).groupby("mechanism", sort=False)
    ]


def _saved(pages: int, notifications: int) -> str:
    if not pages and not notifications:
        return "changed nothing"
    if not pages:
        verb = "saved" if notifications > 0 else "added"
        return f"{verb} {plural(abs(notifications), 'notification')}, but no page"
    verb = "saved" if pages > 0 else "added"
    other = "fewer" if notifications > 0 else "more"
    said = f"{plural(abs(notifications), 'notification')} {other} in all"
    return f"{verb} {plural(abs(pages), 'page')} ({said})"


def _cost(delays: pd.DataFrame) -> str:
    """Say which incidents' first pages a mechanism delayed or took away."""
    both = delays.dropna()
    later = (both["first_page_seconds"] - both["first_page_seconds_without"]).round(3)  # ms
    later = later[later > 0]
    text = ""
    if len(later):
        longest = later.idxmax()
        by = f"at most by {format_seconds(later[longest])} ({both['incident'][longest]})"
        if len(later) > 1 and later.nunique() == 1:
            by = f"each by {format_seconds(later[longest])}"
        text = f"; delayed the first page of {plural(len(later), 'incident')}, {by}"
    lost = list(_lost(delays)["incident"])
    return text + (f"; left {join(lost)} without any page" if lost else "")


def _lost(delays: pd.DataFrame) -> pd.DataFrame:
    return delays[delays["first_page_seconds"].isna()]
