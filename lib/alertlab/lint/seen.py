"""What a source has of a rule's metrics, asked with few light queries."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from alertlab.frame import Frame
from alertlab.sources import Source
from alertlab.units import HOUR_MS, MINUTE_MS, SECOND_MS, LabelSet, format_duration

_STEPS, _MOMENTS = 200, 8
_COUNTS, _LEAST_COUNTED = 24, 3


class Seen:
    """A source between two times; each question is asked once.

    Whether something is there is asked at some 200 moments first.  Only what is at none of
    them is looked for in all samples, of which there are none then, or few.
    """

    def __init__(self, source: Source, start_ms: int, end_ms: int) -> None:
        self.source, self.start_ms, self.end_ms = source, start_ms, end_ms
        self.has = lru_cache(maxsize=None)(self._has)
        self.interval_ms = lru_cache(maxsize=None)(self._interval_ms)
        self.values_of = lru_cache(maxsize=None)(self._values_of)
        self._step_ms = max(MINUTE_MS, (end_ms - start_ms) // _STEPS)

    def _has(self, selector: str) -> bool:
        """Tell whether the source has a sample of a selector."""
        if self._at_steps(f"count({selector})").labels:
            return True
        window = format_duration(self._step_ms)
        frame = self.source.range_query(
            f"count(last_over_time({selector}[{window}]))",
            self.start_ms + self._step_ms,  # each window ends there; the last one holds the end
            self.end_ms + self._step_ms,
            self._step_ms,
        )
        return bool(frame.labels)

    def _values_of(self, selector: str, label: str) -> list[str]:
        """Return the values that a label of a selector's series has, sorted."""
        frame = self._at_steps(f"count by ({label}) ({selector})")
        return sorted({dict(labels).get(label, "") for labels in frame.labels} - {""})

    def labels_of(self, selector: str) -> list[LabelSet]:
        """Return the label sets of a selector's series at a few moments."""
        step_ms = max(MINUTE_MS, (self.end_ms - self.start_ms) // _MOMENTS)
        query = f"group without () ({selector})"
        return self.source.range_query(query, self.start_ms, self.end_ms, step_ms).labels

    def _interval_ms(self, selector: str) -> int | None:
        """Return how often a selector's series get a sample [ms]; None if that cannot be told.

        The most samples that any of them has in an hour (in all the time if that is less) tell:
        a series may come and go.
        """
        span_ms = self.end_ms - self.start_ms
        stretch_ms = min(HOUR_MS, span_ms)
        # A little less, so that never both edges count: 60 samples of a minute, not 61.
        window = format_duration(stretch_ms - SECOND_MS)
        frame = self.source.range_query(
            f"max(count_over_time({selector}[{window}]))",
            self.start_ms + stretch_ms,
            self.end_ms,
            max(HOUR_MS, span_ms // _COUNTS),
        )
        most = np.max(frame.values, where=frame.present, initial=0)
        return round(stretch_ms / most) if most >= _LEAST_COUNTED else None

    def _at_steps(self, expr: str) -> Frame:
        return self.source.range_query(expr, self.start_ms, self.end_ms, self._step_ms)
