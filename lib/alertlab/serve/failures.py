"""Errors as Prometheus' API tells them (web/api/v1/api.go, apiError)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.promql import parse

STATUS = {"bad_data": 400, "execution": 422, "timeout": 503, "internal": 500}
"""HTTP's status of each errorType that is answered here."""

# Where the parser's words differ from those of Prometheus' own (promql/parser/parse.go).
_TYPES = {
    "matrix": "range vector",
    "vector": "instant vector",
    "scalar": "scalar",
    "string": "string",
}
_WRONG_TYPE = re.compile(rf"expected type ({'|'.join(_TYPES)}) in (.*), got ({'|'.join(_TYPES)})")
_QUOTED_NAME = re.compile(r"(function |function with name )'(\w+)'")
_AT_TIME = re.compile(r" \(at \d{4}-[^ ()]*Z\)$")

T = TypeVar("T")


class ApiError(Exception):
    """A request that is answered by an error body; ``kind`` is Prometheus' errorType."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def invalid(name: str, reason: str) -> ApiError:
    """Return the error of a parameter (invalidParamError)."""
    return ApiError("bad_data", f'invalid parameter "{name}": {reason}')


@contextmanager
def about(name: str) -> Iterator[None]:
    """Let bad data within be the fault of a parameter."""
    try:
        yield
    except ApiError as error:
        raise invalid(name, str(error)) if error.kind == "bad_data" else error from None


def parsed(expr: str) -> Any:
    """Return an expression's tree.

    Raises ApiError: ``bad_data`` for what is no PromQL, ``execution`` for what is not evaluated
    here.
    """
    try:
        return parse(expr)
    except UnsupportedPromQL as error:
        raise ApiError("execution", str(error)) from None
    except BadInput as error:
        raise ApiError("bad_data", f"parse error: {_reason(error, expr)}") from None


def executed(expr: str, evaluated: Callable[[], T]) -> T:
    """Return what an evaluation returns, or raise its ApiError."""
    try:
        return evaluated()
    except BadInput as error:
        raise ApiError("execution", _reason(error, expr)) from None


def _reason(error: BadInput, expr: str) -> str:
    """Return an error's words as Prometheus has them: without the expression and the time."""
    text = str(error)
    for begin in (f"{expr!r} is not a PromQL expression: ", f"{expr!r} cannot be evaluated: "):
        text = text.removeprefix(begin)
    text = _AT_TIME.sub("", text)
    if found := _WRONG_TYPE.fullmatch(text):
        expected, where, got = found.groups()
        text = f"expected type {_TYPES[expected]} in {where}, got {_TYPES[got]}"
    return _QUOTED_NAME.sub(r'\1"\2"', text)
