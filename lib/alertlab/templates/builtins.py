"""The functions that every Go template has (text/template/funcs.go of Go)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote_plus

from alertlab.errors import UnsupportedTemplate
from alertlab.go_text import from_bytes, to_bytes
from alertlab.templates.execution import Function
from alertlab.templates.formatting import printed, sprint, sprintf, sprintln
from alertlab.templates.values import (
    AnyMap,
    Byte,
    QueryResult,
    StringMap,
    TemplateError,
    go_type,
    is_true,
)

_HTML = {
    "\0": "�", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;",
}  # fmt: skip
_JS = re.compile(r"[\x00-\x1f\\'\"<>&=]|[^\x00-\x7f]")
_JS_QUOTED = ("\\", "'", '"')


def _index(item: Any, *indexes: Any) -> Any:
    if item is None:
        raise TemplateError("index of untyped nil")
    for index in indexes:
        match item:
            case None:
                raise TemplateError("index of nil pointer")
            case str():
                raw = to_bytes(item)
                item = Byte(raw[_position(index, len(raw), within="string")])
            case QueryResult():
                item = item[_position(index, len(item), within="slice")]
            case StringMap() | AnyMap():
                if not isinstance(index, str):
                    what = f"has type {go_type(index)}" if index is not None else "is nil"
                    should = "should be" if index is not None else "should be of type"
                    raise TemplateError(f"value {what}; {should} string")
                item = item.get(index, item.zero)
            case _:
                raise TemplateError(f"can't index item of type {_pointed_type(item)}")
    return item


def _pointed_type(value: Any) -> str:
    return go_type(value).removeprefix("*")


def _position(index: Any, length: int, *, within: str = "") -> int:
    """Return an index as an int; ``within`` is what it picks an element of, not only cuts."""
    if index is None:
        raise TemplateError("cannot index slice/array with nil")
    if not isinstance(index, int) or isinstance(index, bool):
        raise TemplateError(f"cannot index slice/array with type {go_type(index)}")
    if not 0 <= index <= length:
        raise TemplateError(f"index out of range: {int(index)}")
    if within and index == length:
        raise TemplateError(f"reflect: {within} index out of range")
    return int(index)


def _slice(item: Any, *indexes: Any) -> Any:
    if item is None:
        raise TemplateError("slice of untyped nil")
    if len(indexes) > 3:
        raise TemplateError(f"too many slice indexes: {len(indexes)}")
    if not isinstance(item, str | QueryResult):
        raise TemplateError(f"can't slice item of type {_pointed_type(item)}")
    if len(indexes) == 3:
        if isinstance(item, str):
            raise TemplateError("cannot 3-index slice a string")
        raise UnsupportedTemplate("slice with a capacity is not evaluated here; leave it out")
    whole = to_bytes(item) if isinstance(item, str) else item
    start, end = 0, len(whole)
    if indexes:
        start = _position(indexes[0], len(whole))
    if len(indexes) > 1:
        end = _position(indexes[1], len(whole))
    if start > end:
        raise TemplateError(f"invalid slice index: {start} > {end}")
    part = whole[start:end]
    return from_bytes(part) if isinstance(part, bytes) else QueryResult(part)


def _length(item: Any) -> int:
    match item:
        case None:
            raise TemplateError("reflect: call of reflect.Value.Type on zero Value")
        case str():
            return len(to_bytes(item))
        case QueryResult() | StringMap() | AnyMap():
            return len(item)
    raise TemplateError(f"len of type {_pointed_type(item)}")


def _kind(value: Any) -> str:
    """Return the kind of a value that can be compared, an empty string for any other."""
    match value:
        case bool():
            return "bool"
        case Byte():
            return "uint"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "string"
    return ""


def _are_comparable(first: str, second: str) -> bool:
    return first == second or {first, second} == {"int", "uint"}


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise TemplateError("missing argument for comparison")
    kind = _kind(first)
    for other in others:
        if not _are_comparable(kind, _kind(other)):
            if first is not None and other is not None:
                raise TemplateError(
                    f"incompatible types for comparison: {go_type(first)} and {go_type(other)}"
                )
        elif not kind and first is not None and other is not None:
            raise UnsupportedTemplate(
                f"comparing {go_type(first)} with {go_type(other)} is not done here; "
                "compare fields of them"
            )
        elif first == other:
            return True
    return False


def _less(first: Any, second: Any) -> bool:
    kinds = _kind(first), _kind(second)
    if not all(kinds):
        raise TemplateError("invalid type for comparison")
    if not _are_comparable(*kinds):
        raise TemplateError(
            f"incompatible types for comparison: {go_type(first)} and {go_type(second)}"
        )
    if "bool" in kinds:
        raise TemplateError("invalid type for comparison")
    if isinstance(first, str):
        return to_bytes(first) < to_bytes(second)
    return first < second


def _less_or_equal(first: Any, second: Any) -> bool:
    return _less(first, second) or _equal(first, second)


def _shown(values: tuple[Any, ...]) -> str:
    """Join arguments as ``print`` does, each as an action would print it (evalArgs)."""
    if len(values) == 1:
        return printed(values[0])
    return sprint([one if isinstance(one, str | int | float) else printed(one) for one in values])


def _escaped_html(*values: Any) -> str:
    return "".join(_HTML.get(char, char) for char in _shown(values))


def _escaped_js(*values: Any) -> str:
    def escape(found: re.Match[str]) -> str:
        char = found[0]
        if char in _JS_QUOTED:
            return "\\" + char
        return char if char.isprintable() and not char.isascii() else f"\\u{ord(char):04X}"

    return _JS.sub(escape, _shown(values))


def _escaped_query(*values: Any) -> str:
    return query_escaped(_shown(values))


def query_escaped(text: str) -> str:
    """Return a text as part of a URL's query (net/url, QueryEscape)."""
    return quote_plus(to_bytes(text))


def _unsupported_call(*_: Any) -> Any:
    raise UnsupportedTemplate("call is not evaluated here: no value of an alert is a function")


_SEVERAL = ("any", "any")
BUILTINS: dict[str, Function] = {
    "and": Function(lambda *values: values[-1], _SEVERAL, variadic=True),
    "or": Function(lambda *values: values[-1], _SEVERAL, variadic=True),
    "not": Function(lambda value: not is_true(value), ("any",)),
    "call": Function(_unsupported_call, _SEVERAL, variadic=True),
    "html": Function(_escaped_html, ("any",), variadic=True),
    "index": Function(_index, _SEVERAL, variadic=True),
    "js": Function(_escaped_js, ("any",), variadic=True),
    "len": Function(_length, ("any",)),
    "print": Function(lambda *values: sprint(values), ("any",), variadic=True),
    "printf": Function(
        lambda template, *values: sprintf(template, values), ("string", "any"), variadic=True
    ),
    "println": Function(lambda *values: sprintln(values), ("any",), variadic=True),
    "slice": Function(_slice, _SEVERAL, variadic=True),
    "urlquery": Function(_escaped_query, ("any",), variadic=True),
    "eq": Function(_equal, _SEVERAL, variadic=True),
    "ne": Function(lambda first, second: not _equal(first, second), _SEVERAL),
    "lt": Function(_less, _SEVERAL),
    "le": Function(_less_or_equal, _SEVERAL),
    "gt": Function(lambda first, second: not _less_or_equal(first, second), _SEVERAL),
    "ge": Function(lambda first, second: not _less(first, second), _SEVERAL),
}
