"""Axes of the session's charts: from values to pixels, and where the ticks stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS

_STEPS_MS = (
    5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS,
    12 * HOUR_MS, DAY_MS, 2 * DAY_MS, 4 * DAY_MS, 7 * DAY_MS, 14 * DAY_MS, 28 * DAY_MS,
)  # fmt: skip
_MOST_TICKS = 10


@dataclass(frozen=True)
class Axis:
    """A straight line from ``low`` at ``low_pixel`` to ``high`` at ``high_pixel``."""

    low: float
    high: float
    low_pixel: float
    high_pixel: float

    @property
    def length(self) -> float:
        """Its length in pixels."""
        return abs(self.high_pixel - self.low_pixel)

    def __call__(self, value: Any) -> Any:
        """Return where a value, or each of an array, lies in pixels."""
        share = (value - self.low) / (self.high - self.low)
        return self.low_pixel + share * (self.high_pixel - self.low_pixel)

    def clipped(self, values: np.ndarray) -> np.ndarray:
        """Return where values lie, those beyond an end (such as infinite ones) at that end."""
        return self(np.clip(values, self.low, self.high))

    def visible(self, start: float, end: float, narrowest: float) -> Iterator[tuple[float, float]]:
        """Yield from which to which pixel a stretch is seen, at least ``narrowest`` wide; or not.

        Pixels are to grow with values.
        """
        if end >= self.low and start <= self.high:
            left = min(max(self(start), self.low_pixel), self.high_pixel - narrowest)
            yield left, max(min(self(end), self.high_pixel), left + narrowest)


def number_ticks(axis: Axis, most: int = 5) -> list[float]:
    """Return round numbers on an axis."""
    span = axis.high - axis.low
    raw = span / most
    size = 10.0 ** np.floor(np.log10(raw))
    step = next(size * n for n in (1, 2, 5, 10) if size * n >= raw)
    first = np.ceil(axis.low / step)
    count = int(np.floor(axis.high / step + 1e-9) - first) + 1
    return [float(f"{(first + i) * step:.12g}") for i in range(count)]


def power_ticks(most: float) -> list[float]:
    """Return numbers from 0 to ``most`` that lie apart on a scale of square roots."""
    numbers = [0, 1, 3, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000]
    kept: list[float] = []
    for n in numbers:
        if n <= most and (not kept or np.sqrt(n) - np.sqrt(kept[-1]) >= 0.06 * np.sqrt(most)):
            kept.append(n)
    return kept


def time_ticks(start_ms: int, end_ms: int, time_zone: str) -> list[tuple[int, str]]:
    """Return round times of a zone between two, with what is written at each."""
    step = next(
        (one for one in _STEPS_MS if (end_ms - start_ms) / one <= _MOST_TICKS), _STEPS_MS[-1]
    )
    midnight = (
        pd.Timestamp(start_ms, unit="ms", tz="UTC").tz_convert(ZoneInfo(time_zone)).normalize()
    )
    if step >= DAY_MS:  # days of 23 and 25 hours begin at midnight too
        moments = pd.date_range(
            midnight, periods=(end_ms - start_ms) // step + 3, freq=f"{step // DAY_MS}D"
        )
    else:
        first_ms = round(midnight.timestamp() * 1000)
        at = np.arange(first_ms, end_ms + 1, step)
        moments = pd.to_datetime(at, unit="ms", utc=True).tz_convert(ZoneInfo(time_zone))
    form = "%m-%d" if step >= DAY_MS else "%m-%d %H:%M"
    found = [(round(one.timestamp() * 1000), one.strftime(form)) for one in moments]
    return [(at, label) for at, label in found if start_ms <= at <= end_ms]
