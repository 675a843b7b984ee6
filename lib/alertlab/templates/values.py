"""What templates compute with: Go's types, as far as Prometheus' data and functions need them.

Strings, float64, int and bool are Python's own; ``None`` is Go's invalid value, which prints as
``<no value>``.  Everything else has a class here that knows its Go name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


class TemplateError(Exception):
    """What Go's text/template would have said: the text ends up in the label or annotation."""


class StringMap(dict[str, str]):
    """``map[string]string``: a missing key is the empty string."""

    go_name: ClassVar[str] = "map[string]string"
    zero: ClassVar[str | None] = ""


class AnyMap(dict[str, Any]):
    """``map[string]interface {}``: a missing key is no value."""

    go_name: ClassVar[str] = "map[string]interface {}"
    zero: ClassVar[str | None] = None


class QueryResult(list["Sample"]):
    """The samples that ``query`` found."""

    go_name: ClassVar[str] = "template.queryResult"


class Html(str):
    """What ``safeHtml`` returns."""

    go_name: ClassVar[str] = "template.HTML"


class Byte(int):
    """One byte of a string, as ``index`` gives it."""

    go_name: ClassVar[str] = "uint8"


class Int64(int):
    """What methods of times and durations count in."""

    go_name: ClassVar[str] = "int64"


@dataclass(frozen=True)
class Struct:
    """A Go struct: its fields are the dataclass' fields, by their names."""

    go_name: ClassVar[str]

    @property
    def fields(self) -> dict[str, Any]:
        """Field names and values, in order."""
        return dict(vars(self))


@dataclass(frozen=True)
class Sample(Struct):
    """One element of a query's result (template/template.go, sample)."""

    go_name: ClassVar[str] = "*template.sample"
    Labels: StringMap
    Value: float


@dataclass(frozen=True)
class AlertData(Struct):
    """What an alert's templates start from (template/template.go, AlertTemplateData)."""

    go_name: ClassVar[str] = (
        "struct { Labels map[string]string; ExternalLabels map[string]string; "
        "ExternalURL string; Value interface {} }"
    )
    Labels: StringMap
    ExternalLabels: StringMap
    ExternalURL: str
    Value: float


@dataclass(frozen=True)
class Time:
    """A moment in UTC, in nanoseconds since the epoch."""

    go_name: ClassVar[str] = "*time.Time"
    unix_ns: int


@dataclass(frozen=True)
class Duration:
    """A span in nanoseconds."""

    go_name: ClassVar[str] = "*time.Duration"
    ns: int


_PLAIN = {str: "string", float: "float64", int: "int", bool: "bool"}


def go_type(value: Any) -> str:
    """Return the name that Go prints for a value's type."""
    return _PLAIN.get(type(value)) or value.go_name


def is_true(value: Any) -> bool:
    """Tell whether ``if`` takes a value for true: not the zero of its type, not empty."""
    return isinstance(value, Struct | Time | Duration) or bool(value)
