"""YAML nodes to values by a table of types, as strict as Alertmanager and Prometheus read them.

Follows decode.go and resolve.go of gopkg.in/yaml.v2 (UnmarshalStrict): unknown keys are refused,
and null is the zero value of its type, of which nothing is checked.  Messages name places and
keys, never what a text holds: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml.scalarstring import PlainScalarString, ScalarString

from alertlab.errors import BadInput
from alertlab.rules import read_yaml
from alertlab.units import parse_duration

_TRUE = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}
_FALSE = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}
_LEADING_ZERO = re.compile(r"([-+]?)0([0-7]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_GO_DURATION = re.compile(r"[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_LONGEST_NS = 2**63 - 1
_DOUBLED = re.compile(r'(found duplicate key ".*?") with value .*', re.DOTALL)


class Place(NamedTuple):
    """Where a node stands: file, line and the keys that lead to it."""

    file: Path
    line: int = 1
    path: str = ""

    def inside(self, key: str, line: int) -> Place:
        """Return the place of what stands under a key, or of an entry such as ``[2]``."""
        dot = "." if self.path and not key.startswith("[") else ""
        return Place(self.file, line, f"{self.path}{dot}{key}")

    def refusal(self, sentence: str) -> BadInput:
        """Return the error that says what is wrong here."""
        return BadInput(f"{self.file}:{self.line}: {self.path}{': ' * bool(self.path)}{sentence}")


Reader = Callable[[Any, Place], Any]
Values = dict[str, Any]


def read_document(file: Path) -> Any:
    """Read a YAML file for the readers below; BadInput says where it is broken."""
    try:
        return read_yaml(file, keep_quotes=True)
    except BadInput as error:
        raise BadInput(_DOUBLED.sub(r"\1; keep one of the two", str(error))) from None


def text(node: Any, place: Place) -> str:
    """Return a text; null is the empty one."""
    if node is None:
        return ""
    if not isinstance(node, str):
        raise place.refusal("write one plain value here, not a list, a mapping or a tag")
    return str(node)


def spelled_text(node: Any, place: Place) -> str:
    """Return a text other than ``"null"`` and ``"~"``, which some types take only for null.

    decode.go, prepare: even in quotes these two never reach a type that reads texts itself.
    """
    if node in ("null", "~"):
        raise place.refusal(f"{str(node)!r} is taken for null here, even in quotes; rename it")
    return text(node, place)


def given_text(node: Any, place: Place) -> tuple[str] | None:
    """Return a text in a tuple, which is true even if the text is empty."""
    return None if node is None else (spelled_text(node, place),)


def boolean(node: Any, place: Place) -> bool:
    """Return a truth value, which must not stand in quotes."""
    if node is not None and (_is_quoted(node) or text(node, place) not in _TRUE | _FALSE):
        raise place.refusal("write true or false, without quotes")
    return node in _TRUE


def integer(node: Any, place: Place) -> int:
    """Return a whole number of 64 bits; a fraction is cut off."""
    if node is None:
        return 0
    found = None if _is_quoted(node) else _number(text(node, place))
    if found is None or not -(2**63) <= found < 2**63:
        raise place.refusal("write a whole number, without quotes")
    return int(found)


def count(node: Any, place: Place) -> int:
    """Return a whole number from 0 on."""
    found = integer(node, place)
    if found < 0:
        raise place.refusal("write a number from 0 on")
    return found


def number(node: Any, place: Place) -> float:
    """Return a number."""
    found = 0 if node is None else None if _is_quoted(node) else _number(text(node, place))
    if found is None:
        raise place.refusal("write a number, without quotes")
    return found


def duration(node: Any, place: Place) -> int:
    """Return the milliseconds of a Prometheus duration (model/time.go, ParseDuration)."""
    if node is None:
        return 0
    written = text(node, place)
    try:
        length_ms = parse_duration(written)
    except BadInput as error:
        raise place.refusal(str(error)) from None
    if written != written.strip() or length_ms * 1_000_000 > _LONGEST_NS:
        raise place.refusal(f"{written!r} is not a duration; write it like 30s, 5m or 1h30m")
    return length_ms


def go_duration(node: Any, place: Place) -> str:
    """Check a duration of Go's own kind (time.ParseDuration), such as ``1.5h``."""
    written = text(node, place)
    if node is not None and not _GO_DURATION.fullmatch(written):
        raise place.refusal("write a duration such as 10s or 1.5h")
    return written


def timeout(node: Any, place: Place) -> str:
    """Check a duration of Go's own kind, or a plain number: nanoseconds."""
    written = text(node, place)
    return written if not _is_quoted(node) and _number(written) else go_duration(node, place)


def anything(node: Any, place: Place) -> Any:
    """Return a node as it is."""
    return node


def deferred(node: Any, place: Place) -> tuple[Any, Place]:
    """Return a node with its place, to be read when more is known."""
    return node, place


def optional(reader: Reader) -> Reader:
    """Return the reader of what may be null: None then."""
    return lambda node, place: None if node is None else reader(node, place)


def list_of(reader: Reader) -> Reader:
    """Return the reader of a list."""

    def read(node: Any, place: Place) -> list[Any]:
        if node is None:
            return []
        if not isinstance(node, list):
            raise place.refusal("write a list here")
        return [
            reader(one, place.inside(f"[{i}]", node.lc.item(i)[0] + 1))
            for i, one in enumerate(node)
        ]

    return read


def map_of(reader: Reader) -> Reader:
    """Return the reader of a mapping of any names."""

    def read(node: Any, place: Place) -> Values:
        return {name: reader(one, inside) for name, one, inside in _pairs(node, place)}

    return read


@dataclass(frozen=True)
class Struct:
    """The reader of a mapping of known keys; what is not written has its default.

    needs : groups of keys, of each of which one must be given
    excludes : groups of keys, of each of which only one may be given
    check : refuses what these do not say
    ignores_others : keys that are not known are passed over instead of refused
    """

    keys: Mapping[str, Reader]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[tuple[str, ...], ...] = ()
    excludes: tuple[tuple[str, ...], ...] = ()
    check: Callable[[Values, Place], None] = lambda values, place: None
    ignores_others: bool = False

    def __call__(self, node: Any, place: Place) -> Values:
        """Return the values of all keys."""
        values = self.zero(place)
        if node is None:
            return values
        values |= self.defaults
        for key, one, inside in _pairs(node, place):
            if key in self.keys:
                values[key] = self.keys[key](one, inside)
            elif not self.ignores_others:
                known = ", ".join(sorted(self.keys)) or "none"
                at = inside._replace(path=place.path)
                raise at.refusal(f"unknown key {key!r}; known: {known}")
        need_one(values, self.needs, place)
        for group in self.excludes:
            if len([key for key in group if values[key]]) > 1:
                raise place.refusal(f"give only one of {', '.join(group)}")
        self.check(values, place)
        return values

    def zero(self, place: Place) -> Values:
        """Return what null stands for."""
        return {key: reader(None, place) for key, reader in self.keys.items()}


def all_keys(reader: Reader, names: str) -> dict[str, Reader]:
    """Return a table in which all these keys, separated by spaces, have one reader."""
    return dict.fromkeys(names.split(), reader)


def need_one(values: Mapping[str, Any], groups: tuple[tuple[str, ...], ...], place: Place) -> None:
    """Refuse values in which nothing of a group is given."""
    for group in groups:
        if not any(values[key] for key in group):
            raise place.refusal(f"{' or '.join(group)} is missing; add it")


def _pairs(node: Any, place: Place) -> list[tuple[str, Any, Place]]:
    """Return the names of a mapping with their nodes and places."""
    if node is None:
        return []
    if not isinstance(node, dict):
        raise place.refusal("write a mapping of keys to values here")
    _check_merged(node, place)
    found = []
    for key, one in node.items():
        name = text(key, place)
        # A merged key (<<) has no line of its own.
        line = node.lc.key(key)[0] + 1 if key in _own_keys(node) else node.lc.line + 1
        found.append((name, one, place.inside(name, line)))
    return found


def _own_keys(node: Any) -> list[Any]:
    return list(node.lc.data or ())


def _check_merged(node: Any, place: Place) -> None:
    """Refuse keys of a merge (``<<``) that are read in another way than YAML says.

    decode.go, mappingStruct and merge: of a key that is written twice the later one wins, be it the
    merged one; mappings take in both, and so do lists of matchers (config/common/matchers.go).
    """
    merged = [dict(one) for one in getattr(node, "merge", ())]
    for key in {key for one in merged for key in one}:
        own = [node[key]] if key in _own_keys(node) else []
        values = [one[key] for one in merged if key in one] + own
        comes_first = own and _own_keys(node).index(key) < node.merge.merge_pos
        collects = str(key).endswith("matchers") or any(isinstance(one, dict) for one in values)
        if len(values) > 1 and (comes_first or collects):
            raise place.refusal(f"{key!r} stands here and in what << merges; write it only once")


def _is_quoted(node: Any) -> bool:
    return isinstance(node, ScalarString) and not isinstance(node, PlainScalarString)


def _number(written: str) -> int | float | None:
    """Return the number that a plain scalar stands for, None if it is none."""
    plain = written.replace("_", "")
    if octal := _LEADING_ZERO.fullmatch(plain):
        return int(octal[1] + octal[2], 8)
    try:
        return int(plain, 0)
    except ValueError:
        return float(plain) if _FLOAT.fullmatch(plain) else None
