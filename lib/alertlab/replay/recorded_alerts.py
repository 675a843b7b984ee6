"""What really fired, as ``ALERTS`` recorded it, beside what the replay says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from alertlab.frame import is_stale
from alertlab.promql import Matcher, selector_text
from alertlab.replay.evaluate import EvaluatedRule
from alertlab.sources import Source
from alertlab.units import NAME, SECOND_MS, LabelSet


@dataclass(frozen=True)
class Agreement:
    """How many (alert, evaluation) pairs fired in history, in the replay, and in both.

    first_difference : the first evaluation at which the firing alerts differ, UTC; None if none
    """

    rule: str
    recorded_slots: int
    replayed_slots: int
    common_slots: int
    first_difference: pd.Timestamp | None

    @property
    def ratio(self) -> float | None:
        """Pairs that fired in both per pair that fired in either; None if nothing fired."""
        either = self.recorded_slots + self.replayed_slots - self.common_slots
        return self.common_slots / either if either else None


def compare_recorded(
    evaluated: EvaluatedRule, episodes: pd.DataFrame, source: Source
) -> Agreement | None:
    """Return how a rule's episodes agree with the alerts that the source has recorded.

    None if the source has recorded nothing of the rule, neither firing nor pending.  A recorded
    time is compared at the evaluation at or before it.
    """
    rule, times = evaluated.rule, evaluated.frame.times[evaluated.reported]
    if not len(times):
        return None
    recorded = _recorded(evaluated, source, times)
    if recorded is None:
        return None
    replayed = {
        (labels, at)
        for labels, fired_at, resolved_at in zip(
            episodes["labels"], episodes["fired_at"], episodes["resolved_at"], strict=True
        )
        if not pd.isna(fired_at)
        for at in range(*_between(times, fired_at, resolved_at))
    }
    differ = min((at for _, at in recorded ^ replayed), default=None)
    return Agreement(
        rule.name,
        len(recorded),
        len(replayed),
        len(recorded & replayed),
        None if differ is None else pd.Timestamp(times[differ], unit="ms", tz="UTC"),
    )


def _recorded(
    evaluated: EvaluatedRule, source: Source, times: np.ndarray
) -> set[tuple[LabelSet, int]] | None:
    """Return the firing alerts by the number of the evaluation that wrote them."""
    rule = evaluated.rule
    selector = selector_text([Matcher(NAME, "=", "ALERTS"), Matcher("alertname", "=", rule.name)])
    span = (int(times[0]) - rule.query_offset_ms, int(times[-1]) - rule.query_offset_ms)
    found = source.series(selector, *span, stale_markers=False)
    if not found:
        return None
    firing = set()
    for one in found:
        labels = dict(one.labels)
        if labels.pop("alertstate", "") != "firing":
            continue
        identity = tuple(pair for pair in one.labels if pair[0] in labels and pair[0] != NAME)
        at = one.times[~is_stale(one.values)] + rule.query_offset_ms
        firing |= {(identity, int(i)) for i in np.searchsorted(times, at, side="right") - 1}
    return firing


def _between(
    times: np.ndarray, fired_at: pd.Timestamp, resolved_at: pd.Timestamp
) -> tuple[int, int]:
    first = np.searchsorted(times, round(fired_at.timestamp() * SECOND_MS))
    if pd.isna(resolved_at):
        return int(first), len(times)
    return int(first), int(np.searchsorted(times, round(resolved_at.timestamp() * SECOND_MS)))
