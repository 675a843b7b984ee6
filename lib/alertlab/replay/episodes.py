"""From firing levels to episodes: one row per active run of one alert."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np
import pandas as pd

from alertlab.replay.evaluate import EvaluatedRule, evaluate_rule
from alertlab.rules import AlertRule
from alertlab.sources import Source
from alertlab.units import LabelSet

_LOG = logging.getLogger(__name__)
EPISODE_COLUMNS = ["rule", "labels", "active_at", "fired_at", "resolved_at"]


def replay_rules(
    rules: Iterable[AlertRule],
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    slot_offset_ms: int = 0,
) -> pd.DataFrame:
    """Return the episodes that rules would have produced between two times.

    Columns: ``rule``; ``labels`` (the alert's label set); ``active_at``; ``fired_at`` (NaT:
    stayed pending); ``resolved_at`` (first evaluation without it; NaT: still active at the end).
    A rule whose expression finds nothing at all is warned of: that is not the same as silence.
    """
    parts = []
    for rule in rules:
        evaluated = evaluate_rule(rule, source, start_ms, end_ms, slot_offset_ms=slot_offset_ms)
        if evaluated.data_ratio == 0:
            _LOG.warning("%s: its expression finds no data; its silence says nothing", rule.where)
        parts.append(find_episodes(evaluated))
    if not parts:
        return _frame([])
    return pd.concat(parts, ignore_index=True).astype({"rule": object})


def find_episodes(evaluated: EvaluatedRule) -> pd.DataFrame:
    """Return one evaluated rule's episodes (columns as ``replay_rules``), by start, then labels.

    Episodes that ended before ``evaluated.start_ms`` are warm-up and left out; one that reaches
    into the reported time keeps the ``active_at`` that the warm-up saw.
    """
    times, start_ms, rule = evaluated.frame.times, evaluated.start_ms, evaluated.rule
    rows: list[tuple[str, LabelSet, int, int | None, int | None]] = []
    for labels, part, signed, level in evaluated.alerts(
        rule.hold_duration_ms, rule.keep_firing_for_ms
    ):
        firing = evaluated.above(level)
        for first, last in _runs(firing | evaluated.above(signed)):
            fired = np.flatnonzero(firing[first : last + 1])
            begin, end = part.start + first, part.start + last + 1
            ended = end < len(times)
            if ended and times[end] <= start_ms:
                continue
            rows.append(
                (
                    rule.name,
                    labels,
                    int(times[begin]),
                    int(times[begin + fired[0]]) if len(fired) else None,
                    int(times[end]) if ended else None,
                )
            )
    rows.sort(key=lambda row: (row[2], row[1]))
    return _frame(rows)


def fired(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return the episodes that fired; the others never left pending and reached nobody."""
    return episodes[episodes["fired_at"].notna()].reset_index(drop=True)


def _runs(active: np.ndarray) -> list[tuple[int, int]]:
    """Return (first, last) index of every run of True."""
    edges = np.diff(np.concatenate([[0], active.view(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1, strict=True))


def _frame(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=EPISODE_COLUMNS)
    for column in EPISODE_COLUMNS[2:]:
        frame[column] = pd.to_datetime(frame[column].astype("Int64"), unit="ms", utc=True)
    return frame
