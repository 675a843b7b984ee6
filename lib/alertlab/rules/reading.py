"""What a rule's expression is taken for: by its text, and in what unit."""

from __future__ import annotations

import re

from alertlab.errors import BadInput
from alertlab.rules.claims import COUNT, find_claims
from alertlab.rules.model import AlertRule
from alertlab.rules.parts import Part, parts_of
from alertlab.rules.threshold import Threshold, find_threshold
from alertlab.rules.windows import window_ms_of
from alertlab.units import SECOND_MS, format_duration

_RATES = ("rate", "irate")
# What these counters count is itself an amount of time or data: their rate is no count of events.
_AMOUNT = re.compile(r"_(?:seconds|bytes|octets|bits|joules|cpu)(?:_|\b)")


def rate_read_as_count(rule: AlertRule) -> Threshold | None:
    """Return the threshold of a per-second rate whose number the text takes for a count.

    ``rate(x[5m]) > 5`` is 1,500 in five minutes; a text that says 5 means another expression.
    None where text and expression agree or cannot be compared.
    """
    try:
        threshold = find_threshold(rule.expr)
    except BadInput:
        return None
    window_ms = window_ms_of(threshold.lhs)
    if not threshold.is_plain or window_ms in (None, SECOND_MS):
        return None
    if threshold.value < 1 or threshold.value % 1:
        return None  # no count of anything
    compared = _summed(parts_of(threshold.lhs))
    if not _is_call(compared, _RATES) or _AMOUNT.search(compared.text):
        return None
    said = {
        claim.value
        for claim in find_claims(rule.annotations)
        if claim.unit == COUNT and not claim.is_rate
    }
    return threshold if threshold.value in said else None


def text_reading(rule: AlertRule) -> str | None:
    """Return the expression that a rule's text describes, where it is another one than its own.

    So far for a rate that its text takes for a count: the count over the window, of all series
    together; None where text and expression agree or cannot be compared.
    """
    threshold = rate_read_as_count(rule)
    if threshold is None:
        return None
    counted = re.sub(r"\bi?rate\s*\(", "increase(", threshold.lhs)
    if _is_call(parts_of(threshold.lhs).bare, _RATES):
        counted = f"sum({counted})"
    return f"{counted} {threshold.op} {threshold.value:g}"


def compared_unit(rule: AlertRule, comparison: int = 0) -> str:
    """Return the unit of what a rule compares, as far as its expression tells.

    comparison : which one, as ``find_threshold`` numbers them
    """
    compared = find_threshold(rule.expr, comparison).compared
    part = _summed(parts_of(compared))
    if part.kind == "BinaryExpr" and part.op == "/":
        return "seconds" if "_seconds_sum" in compared else "ratio"
    if _is_call(part, _RATES):
        return "per second"
    if _is_call(part, ("increase",)):
        return f"in {format_duration(window_ms_of(compared) or 0)}"
    return "seconds" if "_seconds" in compared else "value"


def _summed(part: Part) -> Part:
    """Return what aggregations and parentheses are taken of."""
    while part.kind in ("AggregateExpr", "ParenExpr"):
        part = part.children[-1]
    return part


def _is_call(part: Part, names: tuple[str, ...]) -> bool:
    return part.kind == "Call" and part.tree.func.name in names
