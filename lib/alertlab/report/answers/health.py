"""Silent and broken rules, and how far the replay of each agrees with what really fired."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from alertlab.noise import (
    ALWAYS,
    FAILING,
    MISSED,
    NO_DATA,
    ONLY_PENDING,
    SILENT,
    NoiseReview,
)
from alertlab.report.answers.words import plural, slug_of
from alertlab.report.findings import Finding
from alertlab.report.tables import format_moment, format_number, format_ratio, format_seconds
from alertlab.units import format_duration

_AGREES = 0.95  # below it the numbers of a replay are not those of the server
_LOOK_AT = {
    FAILING: "its error in Prometheus: two results with equal labels, or labels that do not match",
    MISSED: "how long Prometheus was down, or how long the group's evaluations take",
    NO_DATA: "whether its metrics are exported and scraped, and spelled so in the expression",
    SILENT: "whether it could fire at all: unit, threshold, a test of the way to the receiver",
    ONLY_PENDING: "its for: nothing lasts that long",
    ALWAYS: "right for a watchdog; else its threshold, which is always passed",
}


def health_table(health: pd.DataFrame, review: NoiseReview) -> pd.DataFrame:
    """Return ``noise.rule_health`` in words: the reason, what was seen, what to look at."""
    return pd.DataFrame(
        {
            "rule": health["rule"],
            "reason": health["reason"],
            "seen": [_seen(one, review) for one in health.itertuples()],
            "look at": [_LOOK_AT[reason] for reason in health["reason"]],
        }
    )


def _seen(row: Any, review: NoiseReview) -> str:
    evaluated = review.evaluated[row.rule]
    slots = row.evaluated + row.missed + row.failed
    if row.reason == FAILING:
        return f"{row.failed} of {slots} evaluations failed"
    if row.reason == MISSED:
        return f"{row.missed} of {slots} evaluations did not take place"
    if row.reason == NO_DATA:
        return "no series at any evaluation"
    if row.reason == ALWAYS:
        return f"firing at {format_ratio(row.firing_ratio)} of the evaluations"
    if row.reason == ONLY_PENDING:
        return (
            f"pending {plural(row.pending_only, 'time')}, at most "
            f"{format_seconds(row.longest_pending_seconds)} of "
            f"{format_duration(evaluated.rule.hold_duration_ms)}"
        )
    if np.isnan(row.closest):
        return "no result at any evaluation"
    threshold = evaluated.threshold
    extreme = "at most" if threshold.rising else "at least"
    return (
        f"{extreme} {format_number(row.closest)}; it fires {threshold.op} "
        f"{format_number(threshold.value)}"
    )


def agreement_table(agreements: pd.DataFrame) -> pd.DataFrame:
    """Return ``noise.recorded_agreement`` with headings for people."""
    return agreements.rename(
        columns={
            "recorded_slots": "recorded",
            "replayed_slots": "replayed",
            "common_slots": "both",
            "ratio": "agreement",
            "first_difference": "first difference",
        }
    )


def agreement_text(agreements: pd.DataFrame, review: NoiseReview) -> str:
    """Say how far the replay agrees with what the server recorded."""
    if agreements.empty:
        return (
            "The source holds no ALERTS, the series in which Prometheus records what fired, so the "
            "replay cannot be compared with what really happened."
        )
    rules = f"{len(agreements)} of {plural(len(review.evaluated), 'rule')}"
    told = agreements.dropna(subset=["ratio"])
    if told.empty:
        return f"Of {rules} the source holds ALERTS; none fired, and none does in the replay."
    worst = told.loc[told["ratio"].astype(float).idxmin()]
    text = (
        f"Of {rules} the source holds ALERTS. Least agreement: {format_ratio(worst['ratio'])} of "
        f"the evaluations at which {worst['rule']} fires in either"
    )
    if pd.isna(worst["first_difference"]):
        return f"{text}; there is no difference."
    return f"{text}; they differ first at {format_moment(worst['first_difference'])} UTC."


def agreement_findings(agreements: pd.DataFrame) -> list[Finding]:
    """Return a finding for each rule whose replay differs much from what was recorded."""
    told = agreements.dropna(subset=["ratio"])
    return [
        Finding(
            f"differs.{slug_of(one.rule)}",
            "warning",
            f"The replay of {one.rule} agrees with what really fired at {format_ratio(one.ratio)} "
            "only.",
            f"They differ first at {format_moment(one.first_difference)} UTC: was the rule another "
            "one then, or are the evaluation times or labels given here not the server's?",
            {"agreement_ratio": one.ratio},
        )
        for one in told[told["ratio"] < _AGREES].itertuples()
    ]
