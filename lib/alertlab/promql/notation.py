"""The notation of Prometheus' tests for series: ``up{job="a"} 1 2+1x3 _ stale``.

Follows promql/parser/generated_parser.y (metric, series_values) and lex.go (lexValueSequence).
"""

from __future__ import annotations

import re
import sys
from itertools import accumulate, repeat

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.frame import STALE_NAN
from alertlab.promql.string_literals import is_utf8, unquoted
from alertlab.units import LabelSet, label_set

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_]\w*", re.ASCII)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`')
_SPACE = re.compile(r"(?:[ \t\n\r]|#[^\n]*)*")
_DIGITS = r"\d+(?:_\d+)*"
_NUMBER = (
    rf"(?:(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?{_DIGITS})?"
    r"|(?i:inf|nan)(?![a-zA-Z0-9_:]))"
)
_ITEM = re.compile(
    r"(?P<missing>_)(?:x(?P<gaps>\d+))?"
    rf"|(?P<start>stale(?![a-zA-Z0-9_:])|[-+]?{_NUMBER})"
    rf"(?:(?P<step>[-+]{_NUMBER})?x(?P<count>\d+))?"
)
_OCTAL = re.compile(r"0_?[0-7_]+")


def read_series(text: str) -> tuple[LabelSet, str]:
    """Split a line into its series' label set and the text of its values.

    Raises BadInput with the place of what is no series.
    """
    labels: list[tuple[str, str]] = []
    name = _NAME.match(text)
    at = name.end() if name else 0
    if text.startswith("{", at) and not text.startswith("{{", at):
        at = _read_labels(text, at + 1, labels)
    elif not name and text.strip() and not text[0].isspace():
        raise BadInput(f'{text!r} is no series; write it like up{{job="api"}}')
    found = dict(labels)
    if len(found) < len(labels):
        raise BadInput(f"{text[:at]!r} names a label twice")
    if name:
        found["__name__"] = name[0]
    rest = text[at:]
    if rest and not rest[0].isspace():
        raise BadInput(f"{rest[0]!r} behind {text[:at]!r} does not belong to a series")
    return label_set(found), rest.strip()


def read_values(text: str, limit: int = sys.maxsize) -> list[float | None]:
    """Return the values that a notation stands for; None is a missing one.

    ``1 2 _ stale`` are single values, ``_x3`` three missing ones, ``4x2`` three times 4,
    ``1+2x3`` is 1 3 5 7.  Values behind the first ``limit`` are checked and left out: people write
    ``0x10000000``.  Raises BadInput for what is no value, UnsupportedPromQL for native histograms.
    """
    if "{{" in text:
        raise UnsupportedPromQL(f"the native histogram in {text!r} is not evaluated here")
    values: list[float | None] = []
    for word in text.split():
        item = _ITEM.fullmatch(word)
        if item is None:
            raise BadInput(f"{word!r} is no value; write it like 1, -2.5, 1+2x3, _, _x3 or stale")
        room = limit - len(values)
        if item["missing"]:
            values += [None] * min(int(item["gaps"] or 1), room)
            continue
        start, step = _number(item["start"]), _number(item["step"] or "0")
        count = min(int(item["count"]) + 1 if item["count"] else 1, room)
        if item["step"] and count:
            values += accumulate(repeat(step, count - 1), initial=start)
        else:
            values += [start] * count
    return values


def _read_labels(text: str, at: int, labels: list[tuple[str, str]]) -> int:
    """Read ``a="b", "c.d"='e', "name"}`` from behind the brace; return where it ends."""
    while True:
        at = _SPACE.match(text, at).end()
        if text.startswith("}", at):
            return at + 1
        quoted, bare = _STRING.match(text, at), _LABEL_NAME.match(text, at)
        found = quoted or bare
        if found is None:
            raise _unreadable(text, at, "a label name or }")
        name = _label_text(found[0]) if quoted else found[0]
        at = _SPACE.match(text, found.end()).end()
        if text.startswith("=", at):
            at = _SPACE.match(text, at + 1).end()
            value = _STRING.match(text, at)
            if value is None:
                raise _unreadable(text, at, "a quoted label value")
            labels.append((name, _label_text(value[0])))
            at = _SPACE.match(text, value.end()).end()
        elif quoted:
            labels.append(("__name__", name))
        else:
            raise _unreadable(text, at, "=")
        if text.startswith(",", at):
            at += 1
        elif not text.startswith("}", at):
            raise _unreadable(text, at, ", or }")


def _unreadable(text: str, at: int, expected: str) -> BadInput:
    found = repr(text[at]) if at < len(text) else "the end"
    return BadInput(f"{text!r} is no series: expected {expected} at {at}, found {found}")


def _label_text(literal: str) -> str:
    try:
        text = unquoted(literal)
    except ValueError as error:
        raise BadInput(f"{literal} is no string that PromQL can read: {error}") from None
    if not is_utf8(text):
        raise BadInput(f"{literal} is no UTF-8, which a label must be")
    return text


def _number(text: str) -> float:
    if text == "stale":
        return STALE_NAN
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    if _OCTAL.fullmatch(digits):
        return float(sign * int(digits, 8))
    number = float(digits)
    if number == float("inf") and "inf" not in digits.lower():
        raise BadInput(f"{text!r} is beyond the range of a float64")
    return sign * number
