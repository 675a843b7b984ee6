"""What a sweep amounts to: change, leave, not enough data, or nothing that a number can fix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from alertlab.incidents import owed, starting_within
from alertlab.replay import EvaluatedRule
from alertlab.tuning.recommend import Constraints, rows_of, shortlist, to_setting
from alertlab.tuning.score import Score, Setting
from alertlab.tuning.sweep import Span
from alertlab.units import MINUTE_MS, SECOND_MS, WEEK_MS, format_duration

CHANGE, LEAVE = "change", "leave"
NOT_ENOUGH_DATA, CANNOT_FIX = "not enough data", "cannot be fixed by a threshold"

MIN_WEEKS, MIN_INCIDENTS, MIN_DATA_RATIO = 1.0, 3, 0.5
MIN_GAIN_PER_WEEK = 0.5  # fewer false pages saved than this are not worth a review


@dataclass(frozen=True)
class Validation:
    """The choice made on the first half of the span, scored on both halves (rates per week)."""

    setting: Setting
    chosen_on: Span
    scored_on: Span
    false_rises_seen: float
    false_rises_unseen: float
    detected_unseen: int
    owed_unseen: int

    @property
    def optimism(self) -> float:
        """False rises a week that the unseen half had more than the half chosen on."""
        return self.false_rises_unseen - self.false_rises_seen


def coverage_of(
    evaluated: EvaluatedRule, data_ratio: float, span: Span, incidents: pd.DataFrame
) -> dict[str, Any]:
    """Return what an answer rests on: history, evaluations, data, incidents."""
    owes = starting_within(owed(incidents, evaluated.rule.name), span.start_ms, span.end_ms)
    return {
        "weeks": round(span.weeks, 3),
        "evaluations": int(evaluated.reported.sum()),
        "data_ratio": data_ratio,
        "warm_up_seconds": evaluated.coverage.warm_up_ms / SECOND_MS,
        "owed_incidents": len(owes),
    }


def decide(
    now: Score,
    best: Score | None,
    holds: bool,
    constraints: Constraints,
    coverage: dict[str, Any],
) -> tuple[str, str]:
    """Return the verdict and its reason in words.

    now, best : the rule as it stands and the best simulated setting (None: none is feasible)
    holds : whether the rule as it stands holds the constraints
    coverage : as ``coverage_of``
    """
    if coverage["weeks"] < MIN_WEEKS:
        have, need = (
            format_duration(round(weeks * WEEK_MS / MINUTE_MS) * MINUTE_MS)
            for weeks in (coverage["weeks"], MIN_WEEKS)
        )
        return NOT_ENOUGH_DATA, f"There are {have} of history; at least {need} are needed."
    for have, need, what in (
        (coverage["data_ratio"], MIN_DATA_RATIO, "of the evaluations with data"),
        (coverage["owed_incidents"], MIN_INCIDENTS, "incidents that this rule owes an alert"),
    ):
        if have < need:
            return NOT_ENOUGH_DATA, f"There are {have:.3g} {what}; at least {need:g} are needed."
    if best is None:
        return CANNOT_FIX, (
            f"No threshold, for or window catches {constraints.min_recall_ratio:.0%} of the "
            f"incidents within {constraints.max_delay_seconds / 60:.0f} minutes while staying "
            f"silent {1 - constraints.max_false_firing_ratio:.0%} of the rest of the time; "
            "the expression does not tell incidents from ordinary days."
        )
    owes = coverage["owed_incidents"]
    needed = math.ceil(constraints.min_recall_ratio * owes)
    if len(best.caught) < min(needed, len(now.caught)):
        return CANNOT_FIX, (
            f"Settings that are quiet and quick enough catch at most {len(best.caught)} of {owes} "
            f"incidents, fewer than the {len(now.caught)} of today; the expression does not tell "
            "incidents from ordinary days."
        )
    saved = now.false_pages_per_week.mid - best.false_pages_per_week.mid
    if holds and saved < MIN_GAIN_PER_WEEK:
        return LEAVE, (
            f"It catches {len(now.caught)} of {owes} incidents with "
            f"{now.false_pages_per_week.mid:.1f} false pages a week; no other setting saves more "
            f"than {max(0.0, saved):.1f} of them."
        )
    return CHANGE, (
        f"False pages go from {now.false_pages_per_week.mid:.1f} to "
        f"{best.false_pages_per_week.mid:.1f} a week, incidents caught from {len(now.caught)} to "
        f"{len(best.caught)} of {owes}; "
        f"median delay {_minutes(now.delay_p50_seconds)} to {_minutes(best.delay_p50_seconds)}."
    )


def validate(
    seen: pd.DataFrame,
    unseen: pd.DataFrame,
    constraints: Constraints,
    current: Setting,
    chosen_on: Span,
    scored_on: Span,
) -> Validation | None:
    """Choose on one half, look at the other; both tables list the same settings in one order."""
    best = shortlist(seen, constraints, current, most=1)
    if best.empty or not seen["owed"].iloc[0]:
        return None
    chosen = best.iloc[0]
    setting = to_setting(chosen)
    there = unseen[rows_of(unseen, setting)].iloc[0]
    return Validation(
        setting=setting,
        chosen_on=chosen_on,
        scored_on=scored_on,
        false_rises_seen=float(chosen["false_rises"]) / chosen_on.weeks,
        false_rises_unseen=float(there["false_rises"]) / scored_on.weeks,
        detected_unseen=int(there["detected"]),
        owed_unseen=int(there["owed"]),
    )


def _minutes(seconds: float | None) -> str:
    return "unknown" if seconds is None or math.isnan(seconds) else f"{seconds / 60:.0f} min"
