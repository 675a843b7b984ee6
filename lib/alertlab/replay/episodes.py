"""From firing levels to episodes: one row per active run of one alert."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd

from alertlab.replay.evaluate import EvaluatedRule, evaluate_rules
from alertlab.replay.limits import forgetting, remembered
from alertlab.rules import AlertRule
from alertlab.sources import Source
from alertlab.units import MINUTE_MS, LabelSet

EPISODE_COLUMNS = ["rule", "labels", "active_at", "fired_at", "resolved_at"]
_FOR_SENDING = ["interval_ms", "gaps", "dropped"]
RESOLVED_RETENTION_MS = 15 * MINUTE_MS
"""How long Prometheus goes on sending a resolved alert (rules/alerting.go, resolvedRetention)."""


def replay_rules(
    rules: Iterable[AlertRule],
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    slot_offset_ms: int = 0,
    track: Callable[[list], Iterable] = iter,
) -> pd.DataFrame:
    """Return the episodes that rules would have produced between two times.

    Columns: ``rule``; ``labels`` (the alert's label set); ``active_at``; ``fired_at`` (NaT:
    stayed pending); ``resolved_at`` (first evaluation without it; NaT: still active at the end);
    and for ``simulate_notifications``: ``interval_ms``; ``gaps`` (pairs of times in ms: no
    evaluation at slots from the first until before the second); ``dropped`` (the rule forgot the
    alert without resolving it).

    slot_offset_ms : see ``evaluate_rule``
    track : wraps the list of rules to show progress
    """
    evaluated = evaluate_rules(
        track(list(rules)), source, start_ms, end_ms, slot_offset_ms=slot_offset_ms
    )
    return join_episodes(find_episodes(one) for one in evaluated)


def join_episodes(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return several rules' episodes as one table."""
    return pd.concat([_frame([]), *parts], ignore_index=True).astype({"rule": object})


def find_episodes(evaluated: EvaluatedRule) -> pd.DataFrame:
    """Return one evaluated rule's episodes (columns as ``replay_rules``), by start, then labels.

    Episodes that ended before ``evaluated.start_ms`` are warm-up and left out; one that reaches
    into the reported time keeps the ``active_at`` that the warm-up saw.
    """
    times, rule = evaluated.frame.times, evaluated.rule
    forgets = forgetting(evaluated)
    gaps = _Gaps(evaluated, forgets)
    rows: list[tuple] = []
    for columns in remembered(evaluated, forgets):
        for labels, first, fired, end in _alert_runs(evaluated, columns):
            ended_ms = int(times[end]) if end < len(times) else None
            if ended_ms is not None and ended_ms <= evaluated.start_ms:
                continue
            fired_ms = None if fired is None else int(times[fired])
            dropped = bool(forgets) and end == columns.stop < len(times)
            rows.append(
                (
                    rule.name, labels, int(times[first]), fired_ms, ended_ms,
                    rule.interval_ms, gaps.within(fired_ms, ended_ms), dropped,
                )
            )  # fmt: skip
    rows.sort(key=lambda row: (row[2], row[1]))
    return _frame(rows)


def _alert_runs(
    evaluated: EvaluatedRule, columns: slice
) -> Iterator[tuple[LabelSet, int, int | None, int]]:
    """Yield each run of an alert in evaluations before which the rule remembers nothing.

    Its labels, its first evaluation, the one at which it fired (None: at none), and the first
    one without it.
    """
    rule = evaluated.rule
    for labels, part, signed, level in evaluated.alerts(
        rule.hold_duration_ms, rule.keep_firing_for_ms, columns
    ):
        firing, offset = evaluated.above(level), columns.start + part.start
        for first, last in _runs(firing | evaluated.above(signed)):
            fired = np.flatnonzero(firing[first : last + 1])
            at = int(offset + first + fired[0]) if len(fired) else None
            yield labels, int(offset + first), at, int(offset + last + 1)


def fired(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return the episodes that fired; the others never left pending and reached nobody."""
    return episodes[episodes["fired_at"].notna()].reset_index(drop=True)


def _runs(active: np.ndarray) -> list[tuple[int, int]]:
    """Return (first, last) index of every run of True."""
    edges = np.diff(np.concatenate([[0], active.view(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1, strict=True))


class _Gaps:
    """Stretches without an evaluation of a rule."""

    def __init__(self, evaluated: EvaluatedRule, forgets: list[int]) -> None:
        times = evaluated.frame.times
        good = times[~evaluated.failed]
        wide = np.flatnonzero(np.diff(good) > evaluated.rule.interval_ms)
        self._starts, self._ends = good[wide] + evaluated.rule.interval_ms, good[wide + 1]
        self._forgets = times[forgets]

    def within(self, fired_ms: int | None, resolved_ms: int | None) -> tuple[tuple[int, int], ...]:
        """Return those between an alert's firing and the end of what is sent about it."""
        if fired_ms is None:
            return ()
        until_ms = np.inf if resolved_ms is None else resolved_ms + RESOLVED_RETENTION_MS
        first, last = np.searchsorted(self._ends, fired_ms), np.searchsorted(self._starts, until_ms)
        gaps = list(
            zip(self._starts[first:last].tolist(), self._ends[first:last].tolist(), strict=True)
        )
        if resolved_ms is not None:  # a resolved alert is forgotten too
            at = np.searchsorted(self._forgets, resolved_ms, side="right")
            if at < len(self._forgets) and self._forgets[at] <= until_ms:
                gaps.append((int(self._forgets[at]), int(until_ms) + 1))
        return tuple(gaps)


def _frame(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[*EPISODE_COLUMNS, *_FOR_SENDING])
    for column in EPISODE_COLUMNS[2:]:
        frame[column] = pd.to_datetime(frame[column].astype("Int64"), unit="ms", utc=True)
    return frame
