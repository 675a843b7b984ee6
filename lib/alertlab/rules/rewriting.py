"""An expression written anew, with some of its parts changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from alertlab.promql import Matcher, selector_text
from alertlab.promql.string_literals import from_parser
from alertlab.rules.level import returns_bool
from alertlab.rules.parts import Part
from alertlab.units import NAME

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def rewritten(part: Part, change: Callable[[Part, list[str]], str | None]) -> str | None:
    """Return a part as PromQL with what ``change`` makes of its parts, inner ones first.

    None where operands are matched by ``on`` or ``ignoring``, which a change may break, and for a
    change inside a subquery.
    """
    texts = [rewritten(child, change) for child in part.children]
    if None in texts:
        return None
    changed = change(part, texts)
    if changed is not None:
        return changed
    match part.kind:
        case "ParenExpr":
            return f"({texts[0]})"
        case "UnaryExpr":
            return f"-{texts[0]}"
        case "Call":
            return f"{part.tree.func.name}({', '.join(texts)})"
        case "AggregateExpr":
            return aggregated(part.op, *grouping_of(part), texts)
        case "BinaryExpr":
            modifier = part.tree.modifier
            if modifier is not None and modifier.matching is not None:
                return None
            return f"{texts[0]} {part.op}{' bool' if returns_bool(part) else ''} {texts[1]}"
        case "SubqueryExpr":
            same = rewritten(part.children[0], lambda *_: None) == texts[0]
            return part.text if same else None
    return part.text


def grouping_of(part: Part) -> tuple[str, list[str]]:
    """Return ``by``, ``without`` or "" and the labels that an aggregation groups with."""
    modifier = part.tree.modifier
    if modifier is None:
        return "", []
    word = "by" if str(modifier.type).endswith("By") else "without"
    return word, [from_parser(name) for name in modifier.labels]


def aggregated(op: str, word: str, labels: Sequence[str], arguments: Sequence[str]) -> str:
    """Return an aggregation as PromQL; ``by`` no label is the same as without any grouping."""
    grouping = f" {word} ({', '.join(labels)}) " if labels else " without () " * (word == "without")
    return f"{op}{grouping}({', '.join(arguments)})"


def selecting(matchers: Sequence[Matcher]) -> str:
    """Return a selector as people write it, with the metric's name before the braces."""
    names = [one for one in matchers if one.name == NAME and one.op == "="]
    if len(names) != 1 or not _METRIC.fullmatch(names[0].value):
        return selector_text(matchers)
    rest = [one for one in matchers if one is not names[0]]
    return names[0].value + (selector_text(rest) if rest else "")
