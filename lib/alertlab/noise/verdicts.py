"""A rule's line of the weekly review: what it sent, what that was worth, and its state."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alertlab.incidents import epoch_ms, owed, starting_within
from alertlab.intervals import weekly_rate
from alertlab.replay import EvaluatedRule, fired
from alertlab.tuning import (
    Span,
    Yardstick,
    daily_counts,
    daily_firing_hours,
    detection_delays,
    flap_times,
    group_levels,
    page_precision,
)
from alertlab.units import Interval

FAILING, NO_DATA = "evaluation fails", "no data"
SILENT, ONLY_PENDING = "silent", "only pending"
ALWAYS, NOISY, FINE = "always firing", "noisy", "fine"
UNLABELLED = "not labelled"  # without any incident nobody can say which pages were worth it
_ALWAYS_RATIO = 0.9
_NOISY_FALSE_PER_WEEK, _NOISY_FEWEST = 1.0, 2


def rule_row(
    evaluated: EvaluatedRule,
    episodes: pd.DataFrame,
    pages: pd.DataFrame,
    yardstick: Yardstick,
    span: Span,
) -> dict[str, object]:
    """Return a rule's line of the review.

    ``false_pages``, their rate and ``precision`` are missing where no incident is labelled;
    ``flaps``: episodes that fired within 30 minutes of the same alert's resolve; ``precision``:
    true pages per page; ``caught`` of ``owed`` incidents fired during them; ``firing_ratio``:
    share of the evaluations at which any alert fired; ``evaluated``, ``missed``, ``failed`` and
    ``slots_from`` as of ``replay.Coverage``.
    """
    rule, shot = evaluated.rule, fired(episodes)
    own = pages[pages["rule"] == rule.name]
    is_false, labelled = own["false"].to_numpy(bool), yardstick.is_labelled
    owes = starting_within(owed(yardstick.incidents, rule.name), span.start_ms, span.end_ms)
    incident = yardstick.incident_of(epoch_ms(own["at"]))
    coverage = evaluated.coverage
    row = {
        "rule": rule.name,
        "severity": rule.severity,
        "state": FINE,
        "episodes": len(shot),
        "pending_only": len(episodes) - len(shot),
        "pages": len(own),
        "false_pages": int(is_false.sum()) if labelled else np.nan,
        "false_pages_per_week": pages_per_week(own[is_false], span) if labelled else None,
        "precision": page_precision(own, incident, span) if labelled else None,
        "night_pages": int(own["night"].sum()),
        "duplicate_pages": int(own["duplicate"].sum()),
        "flaps": len(flap_times(shot)),
        "firing_hours": float(daily_firing_hours(shot, span).sum()),
        "firing_ratio": _firing_ratio(evaluated),
        "caught": int(np.isfinite(detection_delays(shot, owes, yardstick.windows_ms(owes))).sum()),
        "owed": len(owes),
        "data_ratio": evaluated.data_ratio,
        "evaluated": coverage.evaluated,
        "missed": coverage.missed,
        "failed": coverage.failed,
        "slots_from": coverage.slots_from,
    }
    return row | {"state": _state(row, span)}


def pages_per_week(pages: pd.DataFrame, span: Span) -> Interval:
    """Return the rate of pages within a span, with its interval."""
    return weekly_rate(daily_counts(pages["at"], span), span.weeks)


def _firing_ratio(evaluated: EvaluatedRule) -> float:
    rule = evaluated.rule
    (level,) = group_levels(evaluated, [(rule.hold_duration_ms, rule.keep_firing_for_ms)])
    return float(evaluated.above(level)[evaluated.reported].mean())


def _state(row: dict[str, object], span: Span) -> str:
    if row["failed"] and not row["evaluated"]:
        return FAILING
    if row["data_ratio"] == 0:
        return NO_DATA
    if not row["episodes"]:
        return ONLY_PENDING if row["pending_only"] else SILENT
    if row["firing_ratio"] > _ALWAYS_RATIO:
        return ALWAYS
    if row["false_pages_per_week"] is None:
        return UNLABELLED if row["pages"] else FINE
    # One false page in a short history makes a high rate and proves nothing.
    enough = max(_NOISY_FALSE_PER_WEEK * span.weeks, _NOISY_FEWEST)
    if row["false_pages"] >= enough and row["precision"].mid < 0.5:
        return NOISY
    return FINE
