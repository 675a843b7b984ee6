"""Durations, times, label sets and intervals: the words all other modules share.

Times are int64 milliseconds since the epoch (UTC) inside the library; durations are int
milliseconds.  Float quantities carry their unit in the name (``_seconds``, ``_ratio``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alertlab.errors import BadInput

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

_UNITS_MS = {
    "y": 365 * DAY_MS,
    "w": WEEK_MS,
    "d": DAY_MS,
    "h": HOUR_MS,
    "m": MINUTE_MS,
    "s": SECOND_MS,
    "ms": 1,
}
# Prometheus, model/time.go ParseDuration: each unit at most once, from large to small.
_DURATION = re.compile("".join(rf"(?:(\d+){unit})?" for unit in _UNITS_MS))

NAME = "__name__"
"""The label that holds a metric's name."""

LabelSet = tuple[tuple[str, str], ...]
"""One series' identity: (name, value) pairs sorted by name, without empty values."""


class Interval(NamedTuple):
    """A number with its doubt: ``low <= mid <= high`` at ``confidence`` (a ratio)."""

    low: float
    mid: float
    high: float
    confidence: float = 0.95


def label_set(labels: Mapping[str, str]) -> LabelSet:
    """Return the label set of a mapping; labels with an empty value do not exist."""
    return tuple(sorted((name, value) for name, value in labels.items() if value != ""))


def format_labels(labels: LabelSet) -> str:
    """Write a label set as PromQL does: ``name{a="b"}``."""
    name = dict(labels).get(NAME, "")
    rest = ", ".join(f'{k}="{escape_label(v)}"' for k, v in labels if k != NAME)
    return f"{name}{{{rest}}}" if rest or not name else name


def escape_label(value: str) -> str:
    """Escape a label value for use between double quotes in PromQL."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def parse_duration(text: str) -> int:
    """Return the milliseconds of a Prometheus duration such as ``1h30m`` or ``0``."""
    match = _DURATION.fullmatch(text.strip())
    if text.strip() == "0":
        return 0
    if match is None or not any(match.groups()):
        raise BadInput(f"{text!r} is not a duration; write it like 30s, 5m or 1h30m")
    counts = (int(n) if n else 0 for n in match.groups())
    return sum(n * unit for n, unit in zip(counts, _UNITS_MS.values(), strict=True))


def format_duration(duration_ms: int) -> str:
    """Write milliseconds as a Prometheus duration: 90000 is ``1m30s``, 0 is ``0s``."""
    if duration_ms < 0:
        return "-" + format_duration(-duration_ms)
    parts, rest = [], int(duration_ms)
    for unit, size in _UNITS_MS.items():
        if unit in ("y", "w"):  # people say 28d, not 4w
            continue
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_time(text: str | int | float) -> int:
    """Return milliseconds since the epoch of an RFC 3339 time or of unix seconds.

    A time without an offset is refused: it would mean another instant on another machine.
    """
    try:
        time_ms = round(float(text) * SECOND_MS)
        datetime.fromtimestamp(time_ms / SECOND_MS, UTC)  # milliseconds lie beyond any calendar
        return time_ms
    except (ValueError, OverflowError, OSError):
        pass
    try:
        moment = datetime.fromisoformat(str(text).strip())
    except ValueError:
        raise BadInput(
            f"{text!r} is not a time; write RFC 3339 (2026-03-01T08:00:00Z) or unix seconds"
        ) from None
    if moment.tzinfo is None:
        raise BadInput(f"{text!r} has no time zone; add Z for UTC or an offset such as +09:00")
    return round(moment.timestamp() * SECOND_MS)


def format_time(time_ms: int) -> str:
    """Write milliseconds as RFC 3339 in UTC, with a fraction only if there is one."""
    moment = datetime.fromtimestamp(time_ms / SECOND_MS, UTC)
    precision = "milliseconds" if time_ms % SECOND_MS else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name; BadInput if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there, no such name, a folder of names
        raise BadInput(f"{name!r} is not a time zone; write one like UTC or Asia/Seoul") from None
