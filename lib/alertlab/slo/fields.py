"""A mapping of a YAML file, asked for its fields; refusals name file, line, entry and key."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml.comments import CommentedMap

from alertlab.errors import BadInput
from alertlab.units import parse_duration

_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*")
_FLAGS = {True: ("true", "True", "TRUE"), False: ("false", "False", "FALSE")}
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Fields:
    """One mapping of a file; ``what`` says what it describes, such as ``objective login``."""

    node: CommentedMap
    file: Path
    what: str

    @classmethod
    def of(cls, node: Any, file: Path, what: str, line: int) -> Fields:
        """Return the fields of a node; BadInput if it is no mapping."""
        if not isinstance(node, CommentedMap):
            raise BadInput(f"{file}:{line}: {what} is not a mapping of keys to values")
        return cls(node, file, what)

    @property
    def line(self) -> int:
        """Where it starts, from 1."""
        return self.node.lc.line + 1

    def line_of(self, key: str) -> int:
        """The line of a key, or where the mapping starts if the key stands elsewhere (<<)."""
        places = self.node.lc.data or {}
        return places[key][0] + 1 if key in places else self.line

    def refused(self, key: str, why: str) -> BadInput:
        """Return the error that says what is wrong with a field, and where it stands."""
        where = f"{self.file}:{self.line_of(key)}: {self.what}"
        return BadInput(f"{where}: {key}: {why}" if key else f"{where}: {why}")

    def only(self, *known: str) -> Fields:
        """Return itself; BadInput for a key that is not ``known``."""
        for key in self.node:
            if key not in known:
                raise self.refused(key, f"unknown key; there are: {', '.join(sorted(known))}")
        return self

    def has(self, key: str) -> bool:
        """Tell whether a field is there and not empty."""
        return self.node.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """Return a field's text; BadInput if it is missing without a default, or no text."""
        if not self.has(key):
            if default is None:
                raise self.refused(key, "is missing")
            return default
        value = self.node[key]
        if not isinstance(value, str):
            raise self.refused(key, "is not a text")
        return str(value).strip()

    def name(self, key: str = "name") -> str:
        """Return a field that is a name: letters and digits, parted by hyphens."""
        return self.made(key, checked_name)

    def made(self, key: str, make: Callable[[str], _Found], default: str | None = None) -> _Found:
        """Return what ``make`` makes of a field's text; its refusal is told with the place."""
        text = self.text(key, default)
        try:
            return make(text)
        except BadInput as error:
            raise self.refused(key, str(error)) from None

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a field that is true or false, spelled as YAML allows it."""
        text = self.text(key, _FLAGS[default][0])
        for found, spellings in _FLAGS.items():
            if text in spellings:
                return found
        raise self.refused(key, f"{text!r} is neither true nor false; write one of them")

    def inner(self, key: str) -> Fields:
        """Return the mapping under a key; BadInput if there is none."""
        if not self.has(key):
            raise self.refused(key, "is missing")
        return Fields.of(self.node[key], self.file, f"{self.what}: {key}", self.line_of(key))

    def entries(self, key: str, what: str) -> list[Fields]:
        """Return the mappings of a list; BadInput for anything else, and for an empty one."""
        found = self.node.get(key)
        if not isinstance(found, list) or not found:
            raise self.refused(key, "is not a list with entries")
        return [
            Fields.of(one, self.file, what, found.lc.item(i)[0] + 1) for i, one in enumerate(found)
        ]

    def texts(self, key: str) -> list[str]:
        """Return a list of texts, none if the field is missing."""
        found = self.node.get(key)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise self.refused(key, "is not a list of texts")
        return [str(one).strip() for one in found]

    def called(self, what: str) -> Fields:
        """Return the same fields, described otherwise."""
        return Fields(self.node, self.file, what)


def checked_name(text: Any) -> str:
    """Return a text that may be part of a rule's name and of a label."""
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise BadInput(f"{text!r} must be letters and digits, parted by hyphens, dots or _")
    return text


def target_ratio(text: str) -> float:
    """Return a target between 0 and 1, written ``0.999`` or ``99.9%``."""
    as_percent = text.endswith("%")
    number = _decimal(text.removesuffix("%"))
    if not as_percent and 1 < number < 100:
        raise BadInput(f"{text} is no ratio; write {number / 100} or {text}%")
    return _between_0_and_1(number / 100 if as_percent else number, text)


def percent_ratio(text: str) -> float:
    """Return the ratio of a target in percent, written ``99.9``."""
    return _between_0_and_1(_decimal(text) / 100, text)


def plain_ratio(text: str) -> float:
    """Return a target between 0 and 1, written ``0.999``."""
    return _between_0_and_1(_decimal(text), text)


def period_ms(text: str) -> int:
    """Return the milliseconds of a period such as ``28d``."""
    found = parse_duration(text)
    if found <= 0:
        raise BadInput("a period of nothing; give one such as 28d")
    return found


def positive_seconds(text: str) -> float:
    """Return a positive number of seconds."""
    found = float(_decimal(text))
    if found <= 0:
        raise BadInput(f"{text} must be more than 0 seconds")
    return found


def _between_0_and_1(number: Decimal, text: str) -> float:
    if not 0 < number < 1:
        raise BadInput(f"{text} must lie between 0% and 100%, both left out")
    found = float(number)
    if not 0 < found < 1:
        raise BadInput(f"{text} cannot be told from {found:.0%}; write fewer digits")
    return found


def _decimal(text: str) -> Decimal:
    """Return a number as written: 99.9 / 100 is 0.999 in decimals and not in binary."""
    try:
        found = Decimal(text.strip())
        is_finite = math.isfinite(found)
    except (InvalidOperation, ValueError):  # the latter is sNaN's
        is_finite = False
    if not is_finite:
        raise BadInput(f"{text!r} is not a number")
    return found
