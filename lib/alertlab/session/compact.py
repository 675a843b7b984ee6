"""An evaluated rule small enough to keep one per window: its alerts in place of a table's cells.

Pods come and go, so most cells of a month of alerts are empty.  The values of the alerts, and
their levels for the durations last asked for, are a few percent of that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress

import numpy as np

from alertlab.frame import Frame
from alertlab.replay import EvaluatedRule
from alertlab.replay.levels import firing_levels
from alertlab.replay.slots import slot_numbers
from alertlab.units import LabelSet

Levels = tuple[LabelSet, slice, np.ndarray, np.ndarray]
"""As ``EvaluatedRule.levels`` yields: labels, evaluations, signed values, levels of durations."""
_KEPT_DURATIONS = 4  # of a rule with a hundred pods the levels of one pair take 20 MB


@dataclass(frozen=True, kw_only=True)
class CompactRule(EvaluatedRule):
    """An evaluated rule whose frame has times but no rows.

    levels_for : the alerts with their levels for pairs of ``for`` and ``keep_firing_for`` [ms]
    peaks : the highest signed value of each alert, shape (n_alerts,)
    """

    levels_for: Callable[[tuple[tuple[int, int], ...]], list[Levels]]
    peaks: np.ndarray

    def alerts(
        self, hold_duration_ms: int, keep_firing_for_ms: int, columns: slice = slice(None)
    ) -> Iterator[Levels]:
        """Yield as ``EvaluatedRule.alerts``, without those that never alert at the threshold."""
        every = super().alerts(hold_duration_ms, keep_firing_for_ms, columns)
        return compress(every, self.above(self.peaks))

    def levels(
        self, durations_ms: Sequence[tuple[int, int]], columns: slice = slice(None)
    ) -> Iterator[Levels]:
        """Yield each alert, as ``EvaluatedRule.levels``; of all evaluations only."""
        n = len(self.frame.times)
        if columns.indices(n) != (0, n, 1):
            raise ValueError("a compact rule knows all evaluations together only")
        yield from self.levels_for(tuple(durations_ms))


def compact(evaluated: EvaluatedRule) -> EvaluatedRule:
    """Return an evaluated rule with its alerts alone; itself where it needs its frame.

    What a rule with a limit forgets, and where one with a rival fails, depends on the threshold.
    """
    if evaluated.rule.limit > 0 or evaluated.rival is not None:
        return evaluated
    interval_ms, times = evaluated.rule.interval_ms, evaluated.frame.times
    numbers = slot_numbers(times, interval_ms)
    values = [(labels, part, signed.copy()) for labels, part, signed, _ in evaluated.alerts(0, 0)]

    @lru_cache(_KEPT_DURATIONS)
    def levels_for(durations_ms: tuple[tuple[int, int], ...]) -> list[Levels]:
        kept = math.ceil(max(keep for _, keep in durations_ms) / interval_ms)
        found = []
        for labels, part, there in values:
            reach = slice(part.start, min(part.stop + kept, len(times)))
            beyond = np.full(reach.stop - reach.start - len(there), -np.inf)
            signed = np.concatenate([there, beyond]) if len(beyond) else there
            levels = firing_levels(
                signed[None],
                interval_ms=interval_ms,
                durations_ms=durations_ms,
                number=numbers[reach],
            )[0]
            found.append((labels, reach, signed, levels))
        return found

    alone = replace(evaluated, frame=Frame.empty(times))
    peaks = np.array([signed.max() for _, _, signed in values])
    return CompactRule(**vars(alone), levels_for=levels_for, peaks=peaks)
