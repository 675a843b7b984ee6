"""The parameters of Prometheus' HTTP API, read as it reads them (web/api/v1/api.go).

What is refused is a ValueError with Prometheus' own words.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from alertlab.errors import BadInput
from alertlab.units import parse_duration

NS_PER_MS = 1_000_000
NS_PER_SECOND = 1_000_000_000
FIRST_MS, LAST_MS = -(2**53), 2**53
"""Times beyond, which Go has, are as good as these: 285,000 years before and after 1970."""

_INT64 = range(-(2**63), 2**63)
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_NAMED_TIMES = {  # how client libraries write Go's first and last time
    "-292273086-05-16T16:47:06Z": FIRST_MS,
    "292277025-08-18T07:12:54.999999999Z": LAST_MS,
}


class Form:
    """Parameters by name, those of the body before those of the URL."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def all(self, name: str) -> Sequence[str]:
        """Return all values of a parameter."""
        return self._values.get(name, ())

    def get(self, name: str) -> str:
        """Return the first value of a parameter, empty if there is none."""
        return next(iter(self.all(name)), "")


def read_time(text: str) -> int:
    """Return the time [ms] of unix seconds, rounded, or of RFC 3339, cut off (parseTime)."""
    if _FLOAT.fullmatch(text):
        fraction, seconds = math.modf(float(text))
        if math.isfinite(seconds):
            fraction_ms = math.copysign(math.floor(abs(fraction) * 1000 + 0.5), fraction)
            return min(max(int(seconds) * 1000 + int(fraction_ms), FIRST_MS), LAST_MS)
    if _RFC3339.fullmatch(text):
        try:
            return math.floor(round(datetime.fromisoformat(text).timestamp() * 1e6) / 1000)
        except ValueError:
            pass
    if text in _NAMED_TIMES:
        return _NAMED_TIMES[text]
    raise ValueError(f"cannot parse {quoted(text)} to a valid timestamp")


def read_duration(text: str) -> int:
    """Return the nanoseconds of float seconds or of a Prometheus duration (parseDuration)."""
    if _FLOAT.fullmatch(text):
        duration_ns = float(text) * NS_PER_SECOND
        if not -(2.0**63) <= duration_ns < 2.0**63:
            raise ValueError(f"cannot parse {quoted(text)} to a valid duration. It overflows int64")
        return int(duration_ns)
    try:
        duration_ns = parse_duration(text) * NS_PER_MS
    except BadInput:
        duration_ns = 2**63
    if duration_ns not in _INT64 or text != text.strip():
        raise ValueError(f"cannot parse {quoted(text)} to a valid duration")
    return duration_ns


def read_limit(text: str) -> int:
    """Return how many results are wanted, 0 for all (parseLimitParam)."""
    if not text:
        return 0
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"strconv.Atoi: parsing {quoted(text)}: invalid syntax")
    limit = int(text)
    if limit not in _INT64:
        raise ValueError(f"strconv.Atoi: parsing {quoted(text)}: value out of range")
    if limit < 0:
        raise ValueError("limit must be non-negative")
    return limit


def quoted(text: str) -> str:
    """Write a text as Go's %q does where it matters."""
    return json.dumps(text, ensure_ascii=False)
