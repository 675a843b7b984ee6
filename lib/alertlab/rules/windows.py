"""What an expression reads: the windows it looks through and the counters among its selectors."""

from __future__ import annotations

import re

import promql_parser as ast

from alertlab.promql import parse
from alertlab.units import format_duration, parse_duration

# Quoted strings are matched first, so that what stands inside one is taken for nothing else.
QUOTED = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`"
_WINDOW = re.compile(rf"{QUOTED}|#[^\n]*|\[\s*(\d[0-9a-z]*)\s*\]")


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
