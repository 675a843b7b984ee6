"""Series notation for tests: ``load("30s", 'up{a="b"} 1 2 _ stale 3')``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from alertlab.frame import Frame, Series
from alertlab.promql import Matcher, evaluate, matches_all
from alertlab.promql.notation import read_series, read_values
from alertlab.units import format_labels, parse_duration


def load(step: str, *lines: str) -> list[Series]:
    """Return series whose value i is at i steps from 0."""
    found = []
    for line in lines:
        labels, rest = read_series(line.replace("'", '"'))
        values = read_values(rest)
        kept = [i for i, value in enumerate(values) if value is not None]
        times = np.array(kept, dtype=np.int64) * parse_duration(step)
        # From an array of numbers, stale markers keep their bits.
        found.append(Series(labels, times, np.array([values[i] for i in kept], dtype=float)))
    return found


def select_from(series: Sequence[Series]) -> Callable[[Sequence[Matcher], int, int], list[Series]]:
    """Return the ``select`` of these series; cuts to the asked time range as a source may."""

    def select(matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Series]:
        cut = []
        for one in series:
            if matches_all(matchers, one.labels):
                inside = (one.times >= start_ms) & (one.times <= end_ms)
                cut.append(Series(one.labels, one.times[inside], one.values[inside]))
        return cut

    return select


def steps(*durations: str) -> np.ndarray:
    """Return the times [ms] of steps such as ``"0", "90s", "5m"``."""
    return np.array([parse_duration(one) for one in durations], dtype=np.int64)


def table(frame: Frame) -> dict[str, list[float | None]]:
    """Return values by series as PromQL writes it, None where absent."""
    return {
        format_labels(labels) or "{}": [
            float(v) if there else None for v, there in zip(values, present, strict=True)
        ]
        for labels, values, present in zip(frame.labels, frame.values, frame.present, strict=True)
    }


def ask(expr: str, series: Sequence[Series], times: np.ndarray, **options) -> dict:
    """Evaluate and return the table of the result."""
    return table(evaluate(expr, select_from(series), times, **options))
