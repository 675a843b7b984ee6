"""What an expression reads: its selectors, and the names that they may take."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from alertlab.promql.parsing import children, kind, parse, selector_matchers
from alertlab.units import NAME


def reading_nodes(node: Any) -> list[Any]:
    """Return the vector selectors and subqueries of a tree, outer ones first."""
    own = [node] if kind(node) in ("VectorSelector", "SubqueryExpr") else []
    return own + [found for child in children(node) for found in reading_nodes(child)]


def names_read(expr: str, names: Collection[str]) -> set[str]:
    """Return those of the names whose series an expression may read."""
    selectors = [node for node in reading_nodes(parse(expr)) if kind(node) == "VectorSelector"]
    return {name for name in names if any(_may_take(node, name) for node in selectors)}


def _may_take(selector: Any, name: str) -> bool:
    on_name = [one for one in selector_matchers(selector) if one.name == NAME]
    return all(matcher.matches(name) for matcher in on_name)
