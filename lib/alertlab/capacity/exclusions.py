"""Which hours teach a forecast nothing: those of incidents, of holidays, of announced load."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.incidents.table import epoch_ms
from alertlab.units import find_zone, parse_time


def excluded_hours(
    times_ms: np.ndarray,
    incidents: pd.DataFrame,
    holidays: str = "",
    *,
    time_zone: str = "UTC",
) -> np.ndarray:
    """Tell for each time whether the step that ends there touches an incident or a holiday.

    times_ms : int64, evenly spaced, shape (n_times,) -> bool, same shape
    incidents : with ``start`` and ``end``, harmless stretches too
    holidays : days such as ``2026-02-17``, from midnight to midnight in the time zone, or spans
        such as ``2026-02-07T04:00:00Z/2026-02-07T05:00:00Z``; parted by commas

    BadInput for what is neither.
    """
    times = np.asarray(times_ms)
    step_ms = int(times[1] - times[0]) if len(times) > 1 else 0
    spans = list(zip(epoch_ms(incidents["start"]), epoch_ms(incidents["end"]), strict=True))
    spans += [_span(one.strip(), time_zone) for one in holidays.split(",") if one.strip()]
    excluded = np.zeros(len(times), bool)
    for start_ms, end_ms in spans:
        excluded |= (times > start_ms) & (times - step_ms < end_ms)
    return excluded


def _span(text: str, time_zone: str) -> tuple[int, int]:
    zone = find_zone(time_zone)
    first, slash, last = text.partition("/")
    try:
        if slash:
            start_ms, end_ms = parse_time(first), parse_time(last)
        else:
            day = date.fromisoformat(text)
            start_ms, end_ms = (
                int(pd.Timestamp(one, tz=zone).timestamp() * 1_000)
                for one in (day, day + timedelta(days=1))
            )
    except (BadInput, ValueError):
        start_ms = end_ms = 0
    if start_ms >= end_ms:
        raise BadInput(
            f"the holiday {text!r} is neither a day such as 2026-02-17 nor a span such as "
            "2026-02-17T00:00:00Z/2026-02-18T12:00:00Z"
        )
    return start_ms, end_ms
