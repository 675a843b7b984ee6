"""The grid of a range query, and the stretch of history that is looked at."""

from __future__ import annotations

import numpy as np

from alertlab.errors import BadInput, ServerError
from alertlab.frame import FrameBuilder, Series
from alertlab.units import MINUTE_MS, format_duration, format_time, parse_duration, parse_time

DEFAULT_HISTORY = "28d"


def step_times(start_ms: int, end_ms: int, step_ms: int) -> np.ndarray:
    """Return ``start + k * step`` up to and including ``end`` as int64 [ms]."""
    if end_ms < start_ms:
        raise BadInput(
            f"the start {format_time(start_ms)} is after the end {format_time(end_ms)}; swap them"
        )
    if step_ms <= 0:
        raise BadInput(f"a step of {format_duration(step_ms)} is not positive; give one like 1m")
    return np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)


def history_span(
    source_start_ms: int,
    source_end_ms: int,
    *,
    start: str = "",
    end: str = "",
    history: str = DEFAULT_HISTORY,
) -> tuple[int, int]:
    """Return (start, end) [ms] of the history to look at, within what a source has.

    start, end : RFC 3339 or unix seconds; empty means ``history`` before the end, and the end of
        the source's data
    history : a Prometheus duration

    Where the data begins later, so does the history: at the next whole minute.
    """
    end_ms = parse_time(end) if end else source_end_ms
    start_ms = parse_time(start) if start else end_ms - parse_duration(history)
    if start_ms >= end_ms:
        raise BadInput(
            f"the start {format_time(start_ms)} is not before the end {format_time(end_ms)}"
        )
    if end_ms <= source_start_ms or start_ms >= source_end_ms:
        raise BadInput(
            f"the source has no data between {format_time(start_ms)} and {format_time(end_ms)}; "
            f"it reaches from {format_time(source_start_ms)} to {format_time(source_end_ms)}"
        )
    if start_ms < source_start_ms:
        start_ms = -(-source_start_ms // MINUTE_MS) * MINUTE_MS
    return start_ms, min(end_ms, source_end_ms)


def put_on_grid(built: FrameBuilder, one: Series, times: np.ndarray, step_ms: int) -> None:
    """Write a part of a series, as a server answered it, into its row of a frame.

    times : int64 [ms], the grid of the whole query.  Raises ServerError for a sample beside it.
    """
    index, rest = np.divmod(one.times - times[0], step_ms)
    off = (rest != 0) | (index < 0) | (index >= len(times))
    if off.any():
        raise ServerError(
            f"the server answered at {format_time(int(one.times[off][0]))}, which is not on the "
            f"asked grid of {format_duration(step_ms)}; a proxy in front of it may align queries"
        )
    values, present = built.row(one.labels)
    values[index] = one.values
    present[index] = True
