"""Parsing by promql_parser, with guards round what it accepts but Prometheus or we do not.

What it reads otherwise than Prometheus is rewritten for it first (promql/parser/parse.go).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import promql_parser

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.go_text import quote
from alertlab.promql.catalogue import AGGREGATIONS, FUNCTIONS
from alertlab.promql.matchers import Matcher, compile_re2
from alertlab.promql.string_literals import from_parser, is_utf8, to_parser

_EPOCH = datetime.fromtimestamp(0, UTC)
_MATCH_OPS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`|#[^\n]*')
_OFFSET = r"offset\s*(?P<{}>[-+]?\s*[\w.]+)"
_NEGATIVE_AT = re.compile(
    r'"(?:[^"\\]|\\.)*"'  # strings are passed over
    rf"|(?:\b{_OFFSET.format('before')}\s*)?@\s*-\s*(?P<at>0x[0-9a-f]+|[\w.]+(?:(?<=e)[-+]\d+)?)"
    rf"(?:\s*{_OFFSET.format('after')})?",
    re.IGNORECASE,
)
_NEWER_SYNTAX = {
    "anchored": re.compile(r"\banchored\b"),
    "smoothed": re.compile(r"\bsmoothed\b"),
    "</ (histogram trim)": re.compile(r"</"),
    ">/ (histogram trim)": re.compile(r">/"),
    "duration arithmetic": re.compile(
        r"\[[^\]]*[-+*/^%()][^\]]*\]|\boffset\s*[-+]?\s*[(a-z]", re.IGNORECASE
    ),
    "offset 0s": re.compile(r"\boffset\s*[-+]?\s*0+(ms|[smhdwy])", re.IGNORECASE),
    "info()": re.compile(r"\binfo\s*\("),
    "digit separators (1_000)": re.compile(r"\b\d+_\d"),
}

promql_parser.register_extra_functions(
    [
        promql_parser.Function(
            "holt_winters",
            [
                promql_parser.ValueType.Matrix,
                promql_parser.ValueType.Scalar,
                promql_parser.ValueType.Scalar,
            ],
            promql_parser.ValueType.Vector,
        )
    ]
)


def parse(expr: str) -> Any:
    """Return promql_parser's syntax tree of an expression that can be evaluated here.

    promql/parser/parse.go, ParseExpr.

    Raises BadInput with the parser's reason if it is not PromQL, and UnsupportedPromQL with the
    name of the function, operator or modifier that is PromQL but not evaluated here.
    """
    try:
        readable = _NEGATIVE_AT.sub(_at_the_epoch, _STRING.sub(_for_parser, expr))
        tree = promql_parser.parse(readable)
    except ValueError as error:
        bare = _STRING.sub('""', expr)
        for name, pattern in _NEWER_SYNTAX.items():
            if pattern.search(bare):
                raise UnsupportedPromQL(
                    f"{name} in {expr!r} is not evaluated here; write the expression without it"
                ) from None
        raise BadInput(f"{expr!r} is not a PromQL expression: {error}") from None
    except BaseException as error:
        # pyo3's PanicException is no Exception; numbers beyond any duration end in it.
        if type(error).__name__ != "PanicException":
            raise
        raise BadInput(f"{expr!r} is not a PromQL expression: {error}") from None
    _Guard(expr).check(tree)
    return tree


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Return the matchers of a bare vector selector such as ``up{job="api"}``.

    promql/parser/parse.go, ParseMetricSelector.
    """
    tree = parse(text)
    if kind(tree) != "VectorSelector" or tree.offset is not None or tree.at is not None:
        raise BadInput(f'{text!r} is not a bare series selector; write it like up{{job="api"}}')
    return selector_matchers(tree)


def kind(node: Any) -> str:
    """Return the name of a node's class."""
    return type(node).__name__


def children(node: Any) -> list[Any]:
    """Return the sub-expressions of a node, left to right (promql/parser/ast.go, Children)."""
    match kind(node):
        case "Call":
            return list(node.args)
        case "AggregateExpr":
            return [node.expr] if node.param is None else [node.param, node.expr]
        case "BinaryExpr":
            return [node.lhs, node.rhs]
        case "UnaryExpr" | "ParenExpr" | "SubqueryExpr":
            return [node.expr]
        case "MatrixSelector":
            return [node.vector_selector]
    return []


def unwrapped(node: Any) -> Any:
    """Return the expression inside any parentheses (promql/engine.go, unwrapParenExpr)."""
    while kind(node) == "ParenExpr":
        node = node.expr
    return node


def duration_ms(duration: timedelta | None) -> int:
    """Return a duration in milliseconds, 0 for none."""
    return 0 if duration is None else duration // timedelta(milliseconds=1)


def reach_ms(node: Any) -> int:
    """Return how far before a step the windows of an expression begin [ms], lookback aside.

    promql/engine.go, getTimeRangesForSelector.
    """
    inner = max((reach_ms(child) for child in children(node)), default=0)
    is_range = kind(node) in ("MatrixSelector", "SubqueryExpr")
    return inner + duration_ms(node.range) if is_range else inner


def at_ms(node: Any, start_ms: int, end_ms: int) -> int | None:
    """Return the time of a selector's or subquery's ``@`` modifier [ms], None without one.

    promql/engine.go, setOffsetForAtModifier.
    """
    if node.at is None:
        return None
    match str(node.at.type).rpartition(".")[2]:
        case "Start":
            return start_ms
        case "End":
            return end_ms
    return (node.at.at - _EPOCH) // timedelta(milliseconds=1)


def selector_matchers(node: Any, semantics: int = 3) -> tuple[Matcher, ...]:
    """Return the matchers of a vector selector, its name first.

    promql/parser/parse.go, newLabelMatcher.
    """
    found = [] if node.name is None else [Matcher("__name__", "=", from_parser(node.name))]
    for one in node.matchers.matchers:
        op = _MATCH_OPS[str(one.op).rpartition(".")[2]]
        matcher = Matcher(from_parser(one.name), op, from_parser(one.value))
        found.append(matcher if semantics >= 3 else matcher.with_old_dot())
    return tuple(found)


def string_value(node: Any) -> str:
    """Return the text of a string literal (promql/parser/parse.go, unquoteString)."""
    return from_parser(node.val)


def _for_parser(found: re.Match[str]) -> str:
    return " " if found[0].startswith("#") else to_parser(found[0])


def _at_the_epoch(found: re.Match[str]) -> str:
    """Write ``@ -5`` as ``@ 0 offset 5s``, the same time: the parser has none before 1970."""
    if found["at"] is None:
        return found[0]
    try:
        number = found["at"].lower()
        seconds = int(number, 16) if number.startswith("0x") else float(number)
        before_ms = math.floor(seconds * 1000 + 0.5)
        offsets = [_signed_ms(one) for one in (found["before"], found["after"]) if one]
    except OverflowError:
        return "@ -Inf"  # out of bounds, as Prometheus says
    except ValueError:
        return found[0]  # the parser has its own words for it
    if len(offsets) > 1:
        return found[0]
    total_ms = before_ms + sum(offsets)
    return f"@ 0 offset {total_ms}ms" if total_ms else "@ 0"


def _signed_ms(offset: str) -> int:
    duration = promql_parser.parse_duration(offset.lstrip("+- \t\r\n"))
    return -duration_ms(duration) if offset.startswith("-") else duration_ms(duration)


class _Guard:
    """Refuses, by name, what the parser lets through and nobody evaluates."""

    def __init__(self, expr: str) -> None:
        self.expr = expr

    def check(self, node: Any) -> None:
        name = kind(node)
        if name == "VectorSelector":
            self._selector(node)
        elif name == "Call" and node.func.name not in FUNCTIONS:
            self._refuse(f"{node.func.name}()")
        elif name == "AggregateExpr" and str(node.op) not in AGGREGATIONS:
            self._refuse(f"{node.op}()")
        elif name == "AggregateExpr" and node.modifier is not None:
            self._grouping(node.modifier.labels)
        elif name == "BinaryExpr" and node.modifier is not None:
            self._matching(node.modifier)
        if name in ("VectorSelector", "SubqueryExpr") and node.at is not None:
            self._at(node)
        for child in children(node):
            self.check(child)

    def _selector(self, node: Any) -> None:
        if node.matchers.or_matchers:
            raise BadInput(
                f"{self.expr!r} joins label matchers by 'or', which is not PromQL; "
                "use a regular expression or the operator or"
            )
        for matcher in selector_matchers(node):
            if matcher.op in ("=~", "!~"):
                compile_re2(matcher.value)

    def _matching(self, modifier: Any) -> None:
        fill = modifier.fill_values
        if fill is not None and (fill.lhs is not None or fill.rhs is not None):
            self._refuse("fill()")
        if modifier.matching is not None:
            self._grouping(modifier.matching.labels)
        self._grouping(modifier.group_labels or ())

    def _grouping(self, names: Iterable[str]) -> None:
        for name in map(from_parser, names):
            if not is_utf8(name):
                raise BadInput(
                    f"{self.expr!r} is not a PromQL expression: "
                    f"invalid label name for grouping: {quote(name)}"
                )

    def _at(self, node: Any) -> None:
        try:
            at_ms(node, 0, 0)
        except OverflowError:
            self._refuse("@ with a time after the year 9999")

    def _refuse(self, what: str) -> None:
        raise UnsupportedPromQL(
            f"{what} in {self.expr!r} is not evaluated here; write the expression without it"
        )
