"""What a sweep amounts to: change, leave, not enough data, or nothing that a number can fix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from alertlab.incidents import owed, starting_within
from alertlab.replay import EvaluatedRule
from alertlab.tuning.recommend import Constraints
from alertlab.tuning.score import Score
from alertlab.tuning.setting import Span
from alertlab.tuning.validation import Validation
from alertlab.tuning.yardstick import Yardstick
from alertlab.units import MINUTE_MS, SECOND_MS, WEEK_MS, Interval, format_duration

CHANGE, LEAVE = "change", "leave"
NOT_ENOUGH_DATA, CANNOT_FIX = "not enough data", "cannot be fixed by a threshold"

MIN_WEEKS, MIN_DATA_RATIO = 1.0, 0.5
MIN_GAIN_PER_WEEK = 0.5  # fewer false pages saved than this are not worth a review


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on.

    now, best : the rule as it stands and the best simulated setting (None: none is feasible)
    holds : whether the rule as it stands holds the constraints
    coverage : as ``coverage_of``
    validation : how choices did on weeks that they had not seen (None: no choice could be made)
    """

    now: Score
    best: Score | None
    holds: bool
    coverage: dict[str, Any]
    validation: Validation | None


def coverage_of(
    evaluated: EvaluatedRule, data_ratio: float, span: Span, yardstick: Yardstick
) -> dict[str, Any]:
    """Return what an answer rests on: history, evaluations, data, incidents."""
    owes = owed(yardstick.incidents, evaluated.rule.name)
    found = evaluated.coverage
    return {
        "weeks": round(span.weeks, 3),
        "evaluations": found.evaluated,
        "missed": found.missed,
        "failed": found.failed,
        "data_ratio": data_ratio,
        "warm_up_seconds": found.warm_up_ms / SECOND_MS,
        "owed_incidents": len(starting_within(owes, span.start_ms, span.end_ms)),
    }


def decide(evidence: Evidence, constraints: Constraints) -> tuple[str, str]:
    """Return the verdict and its reason, a sentence or two."""
    now, best = evidence.now, evidence.best
    owes = evidence.coverage["owed_incidents"]
    if lacking := _lacking(evidence, constraints):
        return NOT_ENOUGH_DATA, lacking
    if best is None:
        return CANNOT_FIX, (
            f"No threshold, for or window catches {constraints.min_recall_ratio:.0%} of the "
            f"incidents within {constraints.max_delay_seconds / 60:.0f} minutes while staying "
            f"silent {1 - constraints.max_false_firing_ratio:.0%} of the rest of the time; "
            "the expression does not tell incidents from ordinary days."
        )
    needed = math.ceil(constraints.min_recall_ratio * owes)
    if len(best.caught) < min(needed, len(now.caught)):
        return CANNOT_FIX, (
            f"Settings that are quiet and quick enough catch at most {len(best.caught)} of {owes} "
            f"incidents, fewer than the {len(now.caught)} of today; the expression does not tell "
            "incidents from ordinary days."
        )
    saved = now.noise_per_week.mid - best.noise_per_week.mid
    if evidence.holds and saved < MIN_GAIN_PER_WEEK:
        return LEAVE, (
            f"It catches {len(now.caught)} of {owes} incidents with "
            f"{now.noise_per_week.mid:.1f} false pages a week; no other setting saves more "
            f"than {max(0.0, saved):.1f} of them."
        )
    if evidence.holds and evidence.validation is not None and evidence.validation.fails:
        return LEAVE, (
            f"Another setting would have saved {saved:.1f} false pages a week, but settings chosen "
            "on earlier weeks did no better than the rule as it stands on the weeks that followed."
        )
    if len(best.caught) < needed and saved < MIN_GAIN_PER_WEEK:
        return CANNOT_FIX, (
            f"Settings that are quick enough catch at most {len(best.caught)} of {owes} incidents, "
            f"fewer than {constraints.min_recall_ratio:.0%}, and with "
            f"{best.noise_per_week.mid:.1f} false pages a week for the "
            f"{now.noise_per_week.mid:.1f} of today; the expression does not tell incidents from "
            "ordinary days."
        )
    return CHANGE, (
        f"False pages go from {now.noise_per_week.mid:.1f} to "
        f"{best.noise_per_week.mid:.1f} a week, incidents caught from {len(now.caught)} to "
        f"{len(best.caught)} of {owes}; "
        f"median delay {_minutes(now.delay_p50_seconds)} to {_minutes(best.delay_p50_seconds)}."
    )


def _lacking(evidence: Evidence, constraints: Constraints) -> str:
    """Say what there is too little of to choose on, empty if there is enough."""
    coverage = evidence.coverage
    if coverage["weeks"] < MIN_WEEKS:
        have, need = (
            format_duration(round(weeks * WEEK_MS / MINUTE_MS) * MINUTE_MS)
            for weeks in (coverage["weeks"], MIN_WEEKS)
        )
        return f"There are {have} of history; at least {need} are needed."
    for have, need, what in (
        (coverage["data_ratio"], MIN_DATA_RATIO, "of the evaluations with data"),
        (coverage["owed_incidents"], constraints.min_incidents,
         "incidents that this rule owes an alert"),
    ):  # fmt: skip
        if have < need:
            lacking = f"There are {have:.3g} {what}; at least {need:g} are needed."
            return f"{lacking}{_if_nothing_happened(evidence.now)}"
    return ""


def _if_nothing_happened(now: Score) -> str:
    """Say what the noise is at most where no incident is labelled."""
    if now.false_pages is not None:
        return ""
    return (
        f" If nothing happened in this time, all {now.pages_per_week.mid:.1f} pages a week are "
        "false; which settings would have missed something cannot be known."
    )


def _minutes(delay: Interval | None) -> str:
    return "unknown" if delay is None else f"{delay.mid / 60:.0f} min"
