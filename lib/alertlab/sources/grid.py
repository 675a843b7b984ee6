"""The grid of a range query."""

from __future__ import annotations

import numpy as np

from alertlab.errors import BadInput
from alertlab.units import format_duration, format_time


def step_times(start_ms: int, end_ms: int, step_ms: int) -> np.ndarray:
    """Return ``start + k * step`` up to and including ``end`` as int64 [ms]."""
    if end_ms < start_ms:
        raise BadInput(
            f"the start {format_time(start_ms)} is after the end {format_time(end_ms)}; swap them"
        )
    if step_ms <= 0:
        raise BadInput(f"a step of {format_duration(step_ms)} is not positive; give one like 1m")
    return np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)
