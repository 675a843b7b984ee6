"""Rules that are silent or broken, and what was seen of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from alertlab.noise.review import NoiseReview
from alertlab.noise.verdicts import ALWAYS, FAILING, NO_DATA, ONLY_PENDING, SILENT
from alertlab.replay import EvaluatedRule

MISSED = "evaluations missing"
_FEW_MISSED_RATIO = 0.01  # a restart now and then
_OF_REVIEW = ("pending_only", "firing_ratio", "evaluated", "missed", "failed")


def rule_health(review: NoiseReview) -> pd.DataFrame:
    """Which rules could not say anything, or not always, and why?

    One row per rule and reason (FAILING at any evaluation, MISSED, NO_DATA, SILENT, ONLY_PENDING,
    ALWAYS): ``rule``, ``reason``, ``closest`` (the compared value that came nearest to alerting;
    NaN without a threshold or data), ``longest_pending_seconds`` of the episodes that never fired
    (NaN without any), and of the review's table ``pending_only``, ``firing_ratio``, ``evaluated``,
    ``missed`` and ``failed``.
    """
    rows = [
        {
            "rule": row.rule,
            "reason": reason,
            "closest": _closest(review.evaluated[row.rule]),
            "longest_pending_seconds": _longest_pending_seconds(review, row.rule),
        }
        | {name: getattr(row, name) for name in _OF_REVIEW}
        for row in review.rules.itertuples()
        for reason in _reasons(row)
    ]
    columns = ["rule", "reason", "closest", "longest_pending_seconds", *_OF_REVIEW]
    return pd.DataFrame(rows, columns=columns)


def _reasons(row: Any) -> Iterator[str]:
    if row.failed:
        yield FAILING
    if row.missed > _FEW_MISSED_RATIO * (row.evaluated + row.missed + row.failed):
        yield MISSED
    if row.state in (NO_DATA, SILENT, ONLY_PENDING, ALWAYS):
        yield row.state


def _closest(evaluated: EvaluatedRule) -> float:
    """Return the largest value compared with a rule's threshold, the smallest for ``<``."""
    if evaluated.threshold is None:
        return np.nan
    frame = evaluated.frame
    inside = frame.present & evaluated.reported & np.isfinite(frame.values)
    if not inside.any():
        return np.nan
    values = frame.values[inside]
    return float(values.max() if evaluated.threshold.rising else values.min())


def _longest_pending_seconds(review: NoiseReview, rule: str) -> float:
    own = review.episodes[review.episodes["rule"] == rule]
    own = own[own["fired_at"].isna()]
    end = pd.Timestamp(review.span.end_ms, unit="ms", tz="UTC")
    longest = (own["resolved_at"].fillna(end) - own["active_at"]).max()
    return np.nan if pd.isna(longest) else longest.total_seconds()
