"""When a rule was evaluated: read from what its evaluations have written, else stated.

Prometheus evaluates a group at times that depend on its file's path and on the build
(rules/group.go, EvalTimestamp), so nobody can compute them.  But every sample of ``ALERTS``,
``ALERTS_FOR_STATE`` and of a recorded series stands at such a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from alertlab.replay.evidence import Evidence, Gap, Growth, gather_evidence
from alertlab.rules import AlertRule, RecordingRule
from alertlab.sources import Source
from alertlab.units import format_duration

_LOG = logging.getLogger(__name__)
RECORDED, STATED = "recorded", "stated"
_FEWEST_ON_A_GRID = 0.9
"""Share of the recorded times that must continue the grid of the time before."""


@dataclass(frozen=True)
class Slots:
    """The slots of a rule's group, and which of them passed without an evaluation.

    pieces : int64 [ms], regular grids one after the other: the grid moves where the group's file
        or name has changed
    missed, failed : int64 [ms], slots at which the group or the rule was not evaluated, and at
        which its evaluation failed; both leave the rule's state as it was
    unplaced : evaluations that the server counts as missed or failed, but nothing tells when
    origin : RECORDED or STATED
    """

    interval_ms: int
    pieces: tuple[np.ndarray, ...]
    origin: str = STATED
    missed: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    failed: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    unplaced: int = 0

    @property
    def times(self) -> np.ndarray:
        """All slots, int64 [ms]."""
        return np.concatenate(self.pieces)

    def evaluated(self, times: np.ndarray) -> np.ndarray:
        """Tell at which of the times the rule was evaluated."""
        silent = np.concatenate([self.missed, self.failed])
        # Most often there are none, and months of slots take a while to look through.
        return ~np.isin(times, silent) if len(silent) else np.ones(len(times), bool)


@dataclass(frozen=True)
class Coverage:
    """How much of the reported time the evaluations cover.

    ``missed`` and ``failed`` have passed without a result; of ``unplaced`` ones the server's
    counters tell, but not when they were, so that they are replayed as if they had taken place.
    ``warm_up_ms`` before the start were replayed to know the state at the start.
    """

    evaluated: int
    missed: int
    failed: int
    unplaced: int
    slots_from: str
    warm_up_ms: int


def find_slots(
    rule: AlertRule | RecordingRule,
    recorded: Sequence[RecordingRule],
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    stated_ms: int,
) -> Slots:
    """Return a rule's slots between two times, both included.

    recorded : the recording rules loaded with it
    stated_ms : a slot to count from where the source holds nothing that the group has written

    A warning tells of recorded evaluations that are further apart or closer than the rule says.
    """
    evidence = gather_evidence(rule, recorded, source, start_ms, end_ms)
    pieces = _recorded_pieces(evidence.times, rule.interval_ms, start_ms, end_ms)
    if pieces is not None:
        return _without_gaps(Slots(rule.interval_ms, pieces, RECORDED), evidence)
    if len(evidence.times):
        _LOG.warning(
            "%s: what its group has recorded does not lie on a grid of %s, so its evaluations are "
            "taken to be at the stated times; check the evaluation interval",
            rule.where,
            format_duration(rule.interval_ms),
        )
    first = start_ms + (stated_ms - start_ms) % rule.interval_ms
    return Slots(rule.interval_ms, (np.arange(first, end_ms + 1, rule.interval_ms),))


def slot_numbers(times: np.ndarray, interval_ms: int) -> np.ndarray:
    """Return which interval since the first slot each slot stands for, int64.

    Where the grid moves, the time across the move is rounded down to whole intervals, but to one
    at least.
    """
    steps = np.maximum(1, np.diff(times) // interval_ms)
    return np.concatenate([[0], np.cumsum(steps)])[: len(times)]


def _recorded_pieces(
    seen: np.ndarray, interval_ms: int, start_ms: int, end_ms: int
) -> tuple[np.ndarray, ...] | None:
    """Return the grids that recorded slots lie on, None if they lie on none."""
    if len(seen) == 0:
        return None
    phases = seen % interval_ms
    moves = np.flatnonzero(np.diff(phases)) + 1
    if len(moves) > (1 - _FEWEST_ON_A_GRID) * len(seen):
        return None
    edges = [start_ms, *seen[moves].tolist(), end_ms + 1]
    return tuple(
        np.arange(begin + (phase - begin) % interval_ms, end, interval_ms, dtype=np.int64)
        for phase, begin, end in zip(
            phases[[0, *moves]].tolist(), edges[:-1], edges[1:], strict=True
        )
    )


def _without_gaps(slots: Slots, evidence: Evidence) -> Slots:
    """Find the slots that left no trace although what came before and after says they ought."""
    times = slots.times
    seen, own = np.isin(times, evidence.times), np.isin(times, evidence.own_times)
    missed, lost_missed = _placed(times, seen, evidence.missed)
    failed, lost_failed = _placed(times, own, evidence.failed, of_rules=evidence.rules)
    failing = _between(times, [(one.after_ms, one.until_ms) for one in evidence.failed])
    # Where another rule of the group had a gap, this one was not evaluated either, unless
    # something was written or the gap may be a failure of that rule.
    group = _between(times, evidence.group_gaps) & ~seen & ~failing
    silent = (_between(times, evidence.own_gaps) | group | missed | failed) & ~own
    failed = silent & (seen | failed)
    return replace(
        slots,
        missed=times[silent & ~failed],
        failed=times[failed],
        unplaced=lost_missed + lost_failed,
    )


def _between(times: np.ndarray, gaps: Iterable[Gap]) -> np.ndarray:
    """Tell which times lie inside a gap, its ends excluded."""
    inside = np.zeros(len(times), bool)
    for after_ms, until_ms in gaps:
        first, last = np.searchsorted(times, [after_ms + 1, until_ms])
        inside[first:last] = True
    return inside


def _placed(
    times: np.ndarray, written: np.ndarray, growth: Iterable[Growth], *, of_rules: int = 0
) -> tuple[np.ndarray, int]:
    """Return the slots that a counter speaks of, and how many counted ones cannot be placed.

    If the slots of a stretch at which nothing was ``written`` make up its growth, it was those.
    Failures count once for each of ``of_rules``; missed slots (0) are noticed by the evaluation
    at the stretch's end, which is none of them.
    """
    at, lost = np.zeros(len(times), bool), 0
    for one in growth:
        first, last = np.searchsorted(times, [one.after_ms, one.until_ms], side="right")
        last -= not of_rules
        blank = first + np.flatnonzero(~written[first:last])
        if len(blank) * max(of_rules, 1) == one.count:
            at[blank] = True
        else:
            lost += one.count
    return at, lost
