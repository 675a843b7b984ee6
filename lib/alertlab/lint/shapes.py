"""What lint asks of an expression's parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from alertlab.errors import BadInput
from alertlab.promql import Matcher
from alertlab.promql.parsing import duration_ms, selector_matchers
from alertlab.rules import Threshold, find_thresholds
from alertlab.rules.parts import Part, constant_value
from alertlab.rules.rewriting import selecting
from alertlab.units import NAME

COUNTING = ("rate", "irate", "increase")
# Labels that tell one kind of work from another.
KIND_OF_WORK = re.compile(
    r"method|route|handler|path|operation|verb|endpoint|action|service|uri|url|command|query"
    r"|resource|type|kind|api|topic|queue"
)


class Selector(NamedTuple):
    """A selector: its PromQL without offset and window, its metric ("" if no one) and matchers."""

    text: str
    metric: str
    matchers: tuple[Matcher, ...]


def is_call(part: Part, *names: str) -> bool:
    """Tell whether a part calls one of these functions."""
    return part.kind == "Call" and part.tree.func.name in names


def is_aggregation(part: Part, *names: str) -> bool:
    """Tell whether a part aggregates by one of these operators."""
    return part.kind == "AggregateExpr" and part.op in names


def parts_under(part: Part) -> Iterator[Part]:
    """Give a part and all below it, outer ones first."""
    return (one for one, _ in part.walk())


def has_call(part: Part, *names: str) -> bool:
    """Tell whether one of these functions is called anywhere in a part."""
    return any(is_call(one, *names) for one in parts_under(part))


def thresholds_of(expr: str) -> list[Threshold]:
    """Return the numbers that an expression compares with, none if it compares with none."""
    try:
        return find_thresholds(expr)
    except BadInput:
        return []


def selector_of(part: Part) -> Selector:
    """Return what a part of kind VectorSelector selects."""
    matchers = selector_matchers(part.tree)
    names = [one.value for one in matchers if one.name == NAME and one.op == "="]
    return Selector(selecting(matchers), names[0] if names else "", matchers)


def selectors_of(part: Part) -> list[Selector]:
    """Return the selectors in a part, each once."""
    found = [selector_of(one) for one in parts_under(part) if one.kind == "VectorSelector"]
    return list(dict.fromkeys(found))


def range_ms(part: Part) -> int:
    """Return the range of a matrix selector or a subquery [ms]."""
    return duration_ms(part.tree.range)


def ranges_of(part: Part) -> list[int]:
    """Return the ranges that a part looks through [ms]."""
    kinds = ("MatrixSelector", "SubqueryExpr")
    return [range_ms(one) for one in parts_under(part) if one.kind in kinds]


def unscaled(part: Part) -> tuple[Part, float]:
    """Return a part without constant factors and parentheses, and the product of the factors."""
    bare = part.bare
    if bare.kind == "BinaryExpr" and bare.op in ("*", "/"):
        left, right = bare.children
        if right.is_constant:
            inner, factor = unscaled(left)
            number = constant_value(right)
            return inner, factor * number if bare.op == "*" else factor / number
        if left.is_constant and bare.op == "*":
            inner, factor = unscaled(right)
            return inner, factor * constant_value(left)
    return bare, 1.0
