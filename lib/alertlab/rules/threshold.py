"""Where the number stands that a rule compares with, and the windows it looks through."""

from __future__ import annotations

import re
from dataclasses import dataclass

import promql_parser as ast

from alertlab.errors import BadInput
from alertlab.promql import parse
from alertlab.units import format_duration, parse_duration

_MIRRORED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_AT_END = re.compile(rf"(?:>=|<=|>|<)\s*({_NUMBER})[\s)]*\Z")
_AT_START = re.compile(rf"[\s(]*({_NUMBER})\s*(?:>=|<=|>|<)")
# Quoted strings are matched first, so that what stands inside one is taken for nothing else.
_QUOTED = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`"
_WINDOW = re.compile(rf"{_QUOTED}|#[^\n]*|\[\s*(\d[0-9a-z]*)\s*\]")
_COMMENT = re.compile(rf"{_QUOTED}|(#[^\n]*)")


@dataclass(frozen=True)
class Threshold:
    """``lhs op value``: what is compared, how, with which number, and where that number stands.

    ``start`` and ``end`` are its characters in the expression's text.
    """

    lhs: str
    op: str
    value: float
    start: int
    end: int

    @property
    def rising(self) -> bool:
        """True if large values alert (``>``, ``>=``)."""
        return self.op in (">", ">=")

    @property
    def strict(self) -> bool:
        """True if a value equal to the threshold does not alert (``>``, ``<``)."""
        return self.op in (">", "<")


def find_threshold(expr: str) -> Threshold:
    """Find the number that an alert's expression compares with.

    The comparison must be the outermost operation: ``lhs > 5`` or ``5 < lhs``.  BadInput says
    what the expression is instead.
    """
    node = parse(expr)
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    if not isinstance(node, ast.BinaryExpr) or str(node.op) not in _MIRRORED:
        raise BadInput(
            f"{expr!r} has no numeric threshold: "
            "its outermost part is no comparison by >, >=, < or <="
        )
    if node.modifier is not None and node.modifier.return_bool:
        raise BadInput(f"{expr!r} compares with bool, which alerts on every value; remove bool")
    op, left, right = str(node.op), node.lhs, node.rhs
    pattern = _AT_END
    if isinstance(left, ast.NumberLiteral) and not isinstance(right, ast.NumberLiteral):
        op, left, right, pattern = _MIRRORED[op], right, left, _AT_START
    if not isinstance(right, ast.NumberLiteral) or isinstance(left, ast.NumberLiteral):
        raise BadInput(f"{expr!r} has no numeric threshold: it does not compare with a number")
    found = pattern.search(expr)
    if found is None or float(found[1]) != right.val or _in_comment(expr, found.start(1)):
        raise BadInput(
            f"the threshold of {expr!r} cannot be located in its text; "
            "write the comparison as lhs > number, without comments behind it"
        )
    return Threshold(left.prettify(), op, right.val, *found.span(1))


def _in_comment(expr: str, at: int) -> bool:
    return any(one.start(1) <= at < one.end(1) for one in _COMMENT.finditer(expr) if one[1])


def find_windows(expr: str) -> list[str]:
    """Return the range selectors' durations in an expression, as written, each once."""
    return list(dict.fromkeys(found[1] for found in _WINDOW.finditer(expr) if found[1]))


def with_window(expr: str, window_ms: int) -> str:
    """Return the expression with every range selector's duration replaced by one window."""
    text = f"[{format_duration(window_ms)}]"
    return _WINDOW.sub(lambda found: text if found[1] else found[0], expr)


def window_ms_of(expr: str) -> int | None:
    """Return the one window [ms] an expression looks through, None if it has none or several."""
    # A bare number in brackets means seconds.
    windows = {parse_duration(f"{one}s" if one.isdigit() else one) for one in find_windows(expr)}
    return windows.pop() if len(windows) == 1 else None


def counter_selectors(expr: str) -> list[str]:
    """Return the selectors of counters in an expression: what rate, irate and increase read."""
    found: list[str] = []

    def visit(node: object) -> None:
        if isinstance(node, ast.Call) and node.func.name in ("rate", "irate", "increase"):
            (argument,) = node.args
            if isinstance(argument, ast.MatrixSelector):
                found.append(argument.vector_selector.prettify())

    ast.walk(parse(expr), visit)
    return list(dict.fromkeys(found))
