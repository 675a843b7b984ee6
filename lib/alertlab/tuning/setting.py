"""The numbers that a tuning session moves, and the time that they are counted on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from alertlab.replay import EvaluatedRule
from alertlab.units import DAY_MS, WEEK_MS

DURATIONS = ("window_ms", "hold_duration_ms", "keep_firing_for_ms")
KNOBS = ("threshold", *DURATIONS)


@dataclass(frozen=True)
class Setting:
    """One candidate: the numbers that a tuning session may move; durations in ms.

    ``window_ms`` None means the expression's windows as they are.
    """

    threshold: float
    hold_duration_ms: int
    keep_firing_for_ms: int
    window_ms: int | None

    def apply(self, evaluated: EvaluatedRule) -> EvaluatedRule:
        """Return the evaluated rule with this setting's numbers.

        evaluated : with this setting's window and, if it was evaluated as a whole, threshold
        """
        rule = replace(
            evaluated.rule,
            hold_duration_ms=self.hold_duration_ms,
            keep_firing_for_ms=self.keep_firing_for_ms,
        )
        if evaluated.threshold is None:
            return replace(evaluated, rule=rule)
        threshold = replace(evaluated.threshold, value=self.threshold)
        return replace(evaluated, rule=rule, threshold=threshold)

    def turned(self, other: Setting) -> list[str]:
        """Return the names of the numbers in which two settings differ."""
        return [knob for knob in KNOBS if getattr(self, knob) != getattr(other, knob)]


@dataclass(frozen=True)
class Span:
    """A stretch of the evaluations, [start, end) in ms, on which candidates are counted."""

    start_ms: int
    end_ms: int

    @property
    def weeks(self) -> float:
        """Length in weeks."""
        return (self.end_ms - self.start_ms) / WEEK_MS

    @property
    def day_edges_ms(self) -> range:
        """Where its days begin, from its start, and where the last one ends."""
        days = max(1, -(-(self.end_ms - self.start_ms) // DAY_MS))
        return range(self.start_ms, self.start_ms + (days + 1) * DAY_MS, DAY_MS)
