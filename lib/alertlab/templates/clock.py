"""Go's times and durations: their texts and the methods that templates may call.

Follows time/format.go and time/time.go of Go; every time is in UTC, as ``toTime`` gives it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from alertlab.errors import UnsupportedTemplate
from alertlab.templates.values import Duration, Int64, TemplateError, Time, go_type

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_NS = 1_000_000_000
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NUMERIC_ZONES = {
    "-07:00:00": "+00:00:00", "-070000": "+000000", "-07:00": "+00:00", "-0700": "+0000",
    "-07": "+00",
}  # fmt: skip
_FIELDS: dict[str, Callable[[datetime], str]] = {
    "January": lambda at: _MONTHS[at.month - 1],
    "Jan": lambda at: _MONTHS[at.month - 1][:3],
    "Monday": lambda at: _DAYS[at.weekday()],
    "Mon": lambda at: _DAYS[at.weekday()][:3],
    "MST": lambda at: "UTC",
    "2006": lambda at: f"{at.year:04}",
    "002": lambda at: f"{at.timetuple().tm_yday:03}",
    "01": lambda at: f"{at.month:02}",
    "02": lambda at: f"{at.day:02}",
    "03": lambda at: f"{(at.hour + 11) % 12 + 1:02}",
    "04": lambda at: f"{at.minute:02}",
    "05": lambda at: f"{at.second:02}",
    "06": lambda at: f"{at.year % 100:02}",
    "15": lambda at: f"{at.hour:02}",
    "__2": lambda at: f"{at.timetuple().tm_yday:3}",
    "_2": lambda at: f"{at.day:2}",
    "PM": lambda at: "PM" if at.hour >= 12 else "AM",
    "pm": lambda at: "pm" if at.hour >= 12 else "am",
    "1": lambda at: str(at.month),
    "2": lambda at: str(at.day),
    "3": lambda at: str((at.hour + 11) % 12 + 1),
    "4": lambda at: str(at.minute),
    "5": lambda at: str(at.second),
}
_LAYOUT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST"
    r"|(?P<zone>Z07:00:00|Z070000|Z07:00|Z0700|Z07|-07:00:00|-070000|-07:00|-0700|-07)"
    r"|(?P<fraction>[.,](?:0+|9+)(?!\d))"
    r"|(?<=_)2006|002|0[1-6]|15|2006|__2|_2(?!006)|PM|pm|[1-5]"
)


def format_time(at: Time, layout: str) -> str:
    """Return a time in a layout such as ``2006-01-02 15:04`` (time/format.go, AppendFormat)."""
    seconds, nanoseconds = divmod(at.unix_ns, _SECOND_NS)
    moment = _EPOCH + timedelta(seconds=seconds)

    def field(found: re.Match[str]) -> str:
        text = found[0]
        if found["zone"]:
            return "Z" if text.startswith("Z") else _NUMERIC_ZONES[text]
        if found["fraction"]:
            digits = f"{nanoseconds:09}"[: len(text) - 1]
            if text[1] == "9":
                digits = digits.rstrip("0")
            return text[0] + digits if digits else ""
        return _FIELDS[text](moment)

    return _LAYOUT.sub(field, layout)


def time_text(at: Time) -> str:
    """Return what Go prints for a time, such as ``1970-01-01 00:01:00 +0000 UTC``."""
    return format_time(at, "2006-01-02 15:04:05.999999999 -0700 MST")


def duration_text(span: Duration) -> str:
    """Return what Go prints for a duration, such as ``1h0m1.5s`` (time/time.go, Duration)."""
    sign, ns = ("-", -span.ns) if span.ns < 0 else ("", span.ns)
    if ns < _SECOND_NS:
        for unit, size in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
            if ns >= size:
                return f"{sign}{_decimal(ns, size)}{unit}"
        return "0s"
    minutes, rest_ns = divmod(ns, 60 * _SECOND_NS)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest_ns, _SECOND_NS)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{sign}{hours}h{text}" if hours else sign + text


def _decimal(amount: int, unit: int) -> str:
    whole, rest = divmod(amount, unit)
    digits = str(unit + rest)[1:].rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _calendar(part: Callable[[datetime], int]) -> Callable[[Time], int]:
    return lambda at: part(_EPOCH + timedelta(seconds=at.unix_ns // _SECOND_NS))


_METHODS: dict[type, dict[str, tuple[tuple[str, ...], Callable[..., Any]]]] = {
    Time: {
        "Format": (("string",), format_time),
        "String": ((), time_text),
        "UTC": ((), lambda at: at),
        "Unix": ((), lambda at: Int64(at.unix_ns // _SECOND_NS)),
        "UnixMilli": ((), lambda at: Int64(at.unix_ns // 1_000_000)),
        "UnixNano": ((), lambda at: Int64(at.unix_ns)),
        "Year": ((), _calendar(lambda at: at.year)),
        "Day": ((), _calendar(lambda at: at.day)),
        "YearDay": ((), _calendar(lambda at: at.timetuple().tm_yday)),
        "Hour": ((), _calendar(lambda at: at.hour)),
        "Minute": ((), _calendar(lambda at: at.minute)),
        "Second": ((), _calendar(lambda at: at.second)),
    },
    Duration: {
        "String": ((), duration_text),
        "Hours": ((), lambda span: span.ns / (3600 * _SECOND_NS)),
        "Minutes": ((), lambda span: span.ns / (60 * _SECOND_NS)),
        "Seconds": ((), lambda span: span.ns / _SECOND_NS),
        "Milliseconds": ((), lambda span: Int64(_truncated(span.ns, 1_000_000))),
        "Microseconds": ((), lambda span: Int64(_truncated(span.ns, 1_000))),
        "Nanoseconds": ((), lambda span: Int64(span.ns)),
    },
}


def _truncated(amount: int, unit: int) -> int:
    return amount // unit if amount >= 0 else -(-amount // unit)


def find_method(value: Any, name: str) -> tuple[tuple[str, ...], Callable[..., Any]] | None:
    """Return the types of a method's parameters and the method, None where a type has none.

    Raises UnsupportedTemplate for a method of times or durations that is not evaluated here, and
    TemplateError for a name that cannot be one.
    """
    methods = _METHODS.get(type(value))
    if methods is None:
        return None
    if not name[:1].isupper():
        raise TemplateError(f"can't evaluate field {name} in type {go_type(value)}")
    if name not in methods:
        raise UnsupportedTemplate(
            f"the method {name} of {go_type(value)} is not evaluated here; "
            f"there are: {', '.join(sorted(methods))}"
        )
    return methods[name]
