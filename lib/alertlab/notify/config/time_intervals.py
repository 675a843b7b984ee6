"""Named time intervals, in which routes are muted, or outside of which they are.

Follows timeinterval/timeinterval.go of Alertmanager 0.34.2, its fault included: a month that
loses an hour to summer time counts a day too few there (daysInMonth), and so it does here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from alertlab.notify.config.decoding import Place, Reader, Struct, Values, list_of, optional, text
from alertlab.units import MINUTE_MS

# Since 1972 every zone's offset from UTC is a multiple of this.
_QUARTER_MS = 15 * MINUTE_MS
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00)")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip

Span = tuple[int, int]
Spans = tuple[Span, ...] | None


@dataclass(frozen=True)
class Entry:
    """One entry of a time interval: a time lies in it if each field has a span that holds it.

    A field that is None says nothing.  Spans are with both ends; ``times`` are minutes of the
    day, ``weekdays`` begin with Sunday as 0, days of the month below 0 count from its end.
    """

    times: Spans = None
    weekdays: Spans = None
    days_of_month: Spans = None
    months: Spans = None
    years: Spans = None
    location: tzinfo = UTC

    def contains(self, at_ms: np.ndarray) -> np.ndarray:
        """Tell for each time (int64 ms) whether it lies in the entry (ContainsTime)."""
        local = pd.DatetimeIndex(at_ms.astype("datetime64[ms]"), tz=UTC).tz_convert(self.location)
        year, month = np.asarray(local.year), np.asarray(local.month)
        fields = (
            (self.times, local.hour * 60 + local.minute),
            (self.weekdays, (local.day_of_week + 1) % 7),
            (self.days_of_month and self._days_from_start(year, month), local.day),
            (self.months, month),
            (self.years, year),
        )
        found = np.ones(len(at_ms), bool)
        for spans, values in fields:
            if spans is not None:
                found &= _in_any(spans, np.asarray(values))
        return found

    def _days_from_start(self, year: np.ndarray, month: np.ndarray) -> list[tuple[Any, Any]]:
        """Return the spans of days of each time's month, its length being the last."""
        months, which = np.unique(year * 12 + month - 1, return_inverse=True)
        length = np.array(
            [_days_in_month(int(one) // 12, int(one) % 12 + 1, self.location) for one in months]
        )[which]
        first_and_last = [
            [length + day + 1 if day < 0 else day for day in span]
            for span in self.days_of_month or ()
        ]
        return [(first, np.minimum(last, length)) for first, last in first_and_last]


@dataclass(frozen=True)
class TimeInterval:
    """A named interval: a time lies in it if it lies in one of its entries."""

    entries: tuple[Entry, ...]

    def contains(self, at_ms: np.ndarray) -> np.ndarray:
        """Tell for each time (int64 ms), shape (n,), whether it lies in the interval."""
        found = np.zeros(len(at_ms), bool)
        for entry in self.entries:
            found |= entry.contains(at_ms)
        return found

    def change_times(self, start_ms: int, end_ms: int) -> np.ndarray:
        """Return, sorted, the times (int64 ms) after ``start_ms``, up to ``end_ms``, of a change.

        At each the answer of ``contains`` is another one than a millisecond before.  For times
        from 1972 on.
        """
        spans = [span for entry in self.entries for span in entry.times or ()]
        # A local clock shows a minute some quarters of an hour before or after UTC's does.
        ends = {0} | {minute % 15 for first, last in spans for minute in (first, last + 1)}
        quarters = np.arange(start_ms // _QUARTER_MS, end_ms // _QUARTER_MS + 1) * _QUARTER_MS
        at_ms = np.sort((quarters[:, None] + np.array(sorted(ends)) * MINUTE_MS).ravel())
        at_ms = at_ms[(at_ms > start_ms) & (at_ms <= end_ms)]
        return at_ms[self.contains(at_ms) != self.contains(at_ms - 1)]


def _in_any(spans: Iterable[tuple[Any, Any]], values: np.ndarray) -> np.ndarray:
    found = np.zeros(len(values), bool)
    for first, last in spans:
        found |= (first <= values) & (values <= last)
    return found


@lru_cache(maxsize=4096)
def _days_in_month(year: int, month: int, zone: tzinfo) -> int:
    """Return the whole days between two firsts of a month, as the local clock's hours pass."""
    start = _instant(datetime(year, month, 1), zone)
    begun = start.astimezone(zone).replace(tzinfo=None)
    # What the next month lacks of the day runs into the month after it (time.AddDate).
    following = begun.replace(day=1) + timedelta(days=31)
    end = _instant(following.replace(day=1) + timedelta(days=begun.day - 1), zone)
    return (end - start) // timedelta(days=1)


def _instant(local: datetime, zone: tzinfo) -> datetime:
    """Return the time at which a clock shows this, also where it is never shown (time.Date)."""
    shown = local.replace(tzinfo=UTC)
    guess = shown - (shown.astimezone(zone).utcoffset() or timedelta())
    return shown - (guess.astimezone(zone).utcoffset() or timedelta())


def _minute(written: str, place: Place) -> int:
    found = _CLOCK.fullmatch(written)
    if found is None:
        raise place.refusal(f"{written!r} is not a time of day; write it like 09:00 or 24:00")
    return int(found[1] or found[3]) * 60 + int(found[2] or found[4])


def _times(node: Any, place: Place) -> Span:
    clock = _CLOCKS(node, place)
    if node is None:
        return 0, -1  # no minute
    first, end = (_minute(clock[key], place) for key in ("start_time", "end_time"))
    if first >= end:
        raise place.refusal("the end_time must be later than the start_time; split the night")
    return first, end - 1


def _span(
    read: Callable[[str], int],
    what: str,
    ends_early: Callable[[int, int], bool] = lambda first, last: first > last,
) -> Reader:
    """Return the reader of ``first:last`` or of a single value; null is from 0 to 0."""

    def reader(node: Any, place: Place) -> Span:
        if node is None:
            return 0, 0
        parts = text(node, place).lower().split(":")
        try:
            first, last = [read(part) for part in (parts * 2 if len(parts) == 1 else parts)]
        except ValueError:
            raise place.refusal(f"{str(node)!r} is not {what}, nor two with a colon") from None
        if ends_early(first, last):
            raise place.refusal(f"{str(node)!r} ends before it starts")
        return first, last

    return reader


def _integer(written: str) -> int:
    if not _INTEGER.fullmatch(written):
        raise ValueError(written)
    return int(written)


def _day(written: str) -> int:
    if not 1 <= abs(day := _integer(written)) <= 31:
        raise ValueError(written)
    return day


def _days_end_early(first: int, last: int) -> bool:
    """Tell whether days end before they start in a month of 28 days."""
    from_start = [28 + day if day < 0 else day for day in (first, last)]
    return first < 0 < last or from_start[0] > from_start[1]


def _month(written: str) -> int:
    return _MONTHS.index(written) + 1 if written in _MONTHS else _integer(written)


def _zone(node: Any, place: Place) -> tzinfo:
    """Read a time zone; the machine's own (``Local``) is refused, as each has another."""
    name = text(node, place)
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise place.refusal(
            f"{name!r} is not a time zone known here; write one such as Europe/Berlin"
        ) from None


_CLOCKS = Struct({"start_time": text, "end_time": text}, needs=(("start_time",), ("end_time",)))
_ENTRY = Struct(
    {
        "times": optional(list_of(_times)),
        "weekdays": optional(list_of(_span(_WEEKDAYS.index, "a weekday"))),
        "days_of_month": optional(
            list_of(_span(_day, "a day of the month such as 1 or -1", _days_end_early))
        ),
        "months": optional(list_of(_span(_month, "a month"))),
        "years": optional(list_of(_span(_integer, "a year"))),
        "location": _zone,
    }
)
NAMED = Struct({"name": text, "time_intervals": list_of(_ENTRY)}, needs=(("name",),))
"""The reader of one entry of ``time_intervals`` or of the older ``mute_time_intervals``."""


def time_interval(values: Values) -> TimeInterval:
    """Return the interval of what ``NAMED`` has read."""
    return TimeInterval(
        tuple(
            Entry(
                **{key: tuple(one) if isinstance(one, list) else one for key, one in each.items()}
            )
            for each in values["time_intervals"]
        )
    )
