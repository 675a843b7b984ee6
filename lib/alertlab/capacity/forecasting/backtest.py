"""What this method would have forecast in the last weeks, for a report that has no past yet."""

from __future__ import annotations

import numpy as np

from alertlab.capacity.forecasting.forecast import forecast
from alertlab.capacity.forecasting.records import Record
from alertlab.capacity.forecasting.scorecard import LAST
from alertlab.units import WEEK_MS


def backtest(
    name: str,
    times_ms: np.ndarray,
    values: np.ndarray,
    *,
    weeks: int = LAST,
    confidence: float = 0.9,
    excluded: np.ndarray | None = None,
) -> list[Record]:
    """What would have been forecast of each of the last weeks, from what was known before it?

    times_ms, values, excluded : as ``forecast`` takes them
    A week before which a forecast is refused has none.
    """
    records = []
    for back in range(weeks, 0, -1):
        start_ms = int(times_ms[-1]) - back * WEEK_MS
        known = times_ms <= start_ms
        if known.sum() < 2:
            continue
        said = forecast(
            times_ms[known],
            values[known],
            horizon_ms=WEEK_MS,
            confidence=confidence,
            excluded=None if excluded is None else excluded[known],
        )
        if not said.refusal:
            records.append(said.record(name, start_ms, start_ms + WEEK_MS))
    return records
