"""Parsing by promql_parser, with guards round what it accepts but Prometheus or we do not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import promql_parser

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.promql.catalogue import AGGREGATIONS, FUNCTIONS
from alertlab.promql.matchers import Matcher, compile_re2

_EPOCH = datetime.fromtimestamp(0, UTC)
_MATCH_OPS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`|#[^\n]*')
_BYTE_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\(?:x[89a-fA-F]|[23][0-7]{2})")
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

    Raises BadInput with the parser's reason if it is not PromQL, and UnsupportedPromQL with the
    name of the function, operator or modifier that is PromQL but not evaluated here.
    """
    strings = [found[0] for found in _STRING.finditer(expr) if found[0][0] in "\"'"]
    if any(_BYTE_ESCAPE.search(one) for one in strings):
        raise UnsupportedPromQL(
            f"an escape for a byte above \\x7f in {expr!r} is not evaluated here; "
            "write the character itself"
        )
    try:
        tree = promql_parser.parse(_STRING.sub(_double_quoted, expr))
    except ValueError as error:
        bare = _STRING.sub('""', expr)
        for name, pattern in _NEWER_SYNTAX.items():
            if pattern.search(bare):
                raise UnsupportedPromQL(
                    f"{name} in {expr!r} is not evaluated here; write the expression without it"
                ) from None
        raise BadInput(f"{expr!r} is not a PromQL expression: {error}") from None
    _Guard(expr).check(tree)
    return tree


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Return the matchers of a bare vector selector such as ``up{job="api"}``."""
    tree = parse(text)
    if kind(tree) != "VectorSelector" or tree.offset is not None or tree.at is not None:
        raise BadInput(f'{text!r} is not a bare series selector; write it like up{{job="api"}}')
    return selector_matchers(tree)


def kind(node: Any) -> str:
    """Return the name of a node's class."""
    return type(node).__name__


def children(node: Any) -> list[Any]:
    """Return the sub-expressions of a node, left to right."""
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
    """Return the expression inside any parentheses."""
    while kind(node) == "ParenExpr":
        node = node.expr
    return node


def duration_ms(duration: timedelta | None) -> int:
    """Return a duration in milliseconds, 0 for none."""
    return 0 if duration is None else duration // timedelta(milliseconds=1)


def at_ms(node: Any, start_ms: int, end_ms: int) -> int | None:
    """Return the time of a selector's or subquery's ``@`` modifier [ms], None without one."""
    if node.at is None:
        return None
    match str(node.at.type).rpartition(".")[2]:
        case "Start":
            return start_ms
        case "End":
            return end_ms
    return (node.at.at - _EPOCH) // timedelta(milliseconds=1)


def selector_matchers(node: Any) -> tuple[Matcher, ...]:
    """Return the matchers of a vector selector, its name first."""
    name = () if node.name is None else (Matcher("__name__", "=", node.name),)
    return name + tuple(
        Matcher(one.name, _MATCH_OPS[str(one.op).rpartition(".")[2]], one.value)
        for one in node.matchers.matchers
    )


def _double_quoted(string: re.Match[str]) -> str:
    text = string[0]
    if not text.startswith("`"):
        return text
    escaped = text[1:-1].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


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
        elif name == "BinaryExpr" and node.modifier is not None:
            fill = node.modifier.fill_values
            if fill is not None and (fill.lhs is not None or fill.rhs is not None):
                self._refuse("fill()")
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

    def _at(self, node: Any) -> None:
        try:
            at_ms(node, 0, 0)
        except BaseException as error:
            # pyo3's PanicException is no Exception; negative times end in it.
            if type(error).__name__ != "PanicException":
                raise
            self._refuse("@ with a time before 1970")

    def _refuse(self, what: str) -> None:
        raise UnsupportedPromQL(
            f"{what} in {self.expr!r} is not evaluated here; write the expression without it"
        )
