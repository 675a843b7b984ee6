"""What in a rule means something else than its text says."""

from __future__ import annotations

import re
from dataclasses import dataclass

import promql_parser as ast

from alertlab.errors import BadInput
from alertlab.promql import parse
from alertlab.rules.model import AlertRule
from alertlab.rules.threshold import Threshold, find_threshold
from alertlab.rules.windows import window_ms_of
from alertlab.units import SECOND_MS, format_duration

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Remark:
    """One thing to look at in a rule: a stable ``id`` and a sentence."""

    id: str
    text: str


def lint_rule(rule: AlertRule) -> list[Remark]:
    """Return what is suspicious in a rule; an empty list is no proof that it is right."""
    try:
        threshold = find_threshold(rule.expr)
    except BadInput:
        return []
    if not threshold.is_plain:  # what holds for the comparison need not hold for the whole
        return []
    return [
        remark
        for remark in (
            _rate_read_as_count(rule, threshold),
            _one_alert_per_series(threshold),
            _mixed_percentile(threshold),
        )
        if remark is not None
    ]


def text_reading(rule: AlertRule) -> str | None:
    """Return the expression that a rule's text describes, where it is another one than its own.

    So far for a rate that its text takes for a count: the count over the window, of all series
    together; None where text and expression agree or cannot be compared.
    """
    if not any(remark.id == "rate-read-as-count" for remark in lint_rule(rule)):
        return None
    threshold = find_threshold(rule.expr)
    counted = re.sub(r"\bi?rate\s*\(", "increase(", threshold.lhs)
    if _is_call(_bare(threshold.lhs), ("rate", "irate")):
        counted = f"sum({counted})"
    return f"{counted} {threshold.op} {threshold.value:g}"


def compared_unit(rule: AlertRule, comparison: int = 0) -> str:
    """Return the unit of what a rule compares, as far as its expression tells.

    comparison : which one, as ``find_threshold`` numbers them
    """
    compared = find_threshold(rule.expr, comparison).compared
    node = _bare(compared)
    while isinstance(node, ast.AggregateExpr | ast.ParenExpr):
        node = node.expr
    if isinstance(node, ast.BinaryExpr) and str(node.op) == "/":
        return "seconds" if "_seconds_sum" in compared else "ratio"
    if _is_call(node, ("rate", "irate")):
        return "per second"
    if _is_call(node, ("increase",)):
        return f"in {format_duration(window_ms_of(compared) or 0)}"
    return "seconds" if "_seconds" in compared else "value"


def _rate_read_as_count(rule: AlertRule, threshold: Threshold) -> Remark | None:
    """A rate is per second: ``rate(x[5m]) > 5`` is 1,500 in five minutes, not five."""
    window_ms = window_ms_of(threshold.lhs)
    compared = _bare(threshold.lhs)
    while isinstance(compared, ast.AggregateExpr | ast.ParenExpr):
        compared = compared.expr
    if window_ms is None or not _is_call(compared, ("rate", "irate")):
        return None
    texts = " ".join(rule.annotations.values())
    said = {float(one.replace(",", "")) for one in _NUMBER.findall(texts) if one.count(".") < 2}
    if threshold.value not in said:
        return None
    count = threshold.value * window_ms / SECOND_MS
    window = format_duration(window_ms)
    return Remark(
        "rate-read-as-count",
        f"The text speaks of {threshold.value:g} in {window}, but rate() is per second: "
        f"{threshold.op} {threshold.value:g} means {count:,.0f} in {window}. "
        f"For {threshold.value:g} in {window} write increase() instead of rate().",
    )


def _one_alert_per_series(threshold: Threshold) -> Remark | None:
    """Without an aggregation every pod and every reason is compared, and alerts, by itself."""
    if not _is_call(_bare(threshold.lhs), ("rate", "irate", "increase", "delta")):
        return None
    return Remark(
        "not-aggregated",
        "The expression is not aggregated: each series (pod, reason, …) is compared by itself, so "
        "the same trouble spread over more pods stays below the threshold, and each one alerts.",
    )


def _mixed_percentile(threshold: Threshold) -> Remark | None:
    """A percentile over everything moves with the mix of slow and fast work, not only its speed."""
    compared = _bare(threshold.lhs)
    if not _is_call(compared, ("histogram_quantile",)):
        return None
    buckets = compared.args[1]
    if not isinstance(buckets, ast.AggregateExpr) or not _groups_by_bucket_only(buckets):
        return None
    return Remark(
        "mixed-percentile",
        "One percentile over all methods and pods moves with the mix of slow and fast calls as "
        "much as with their latency, most of all when there are few calls; group it by method.",
    )


def _groups_by_bucket_only(node: ast.AggregateExpr) -> bool:
    modifier = node.modifier
    return modifier is not None and "By" in str(modifier.type) and list(modifier.labels) == ["le"]


def _bare(expr: str) -> object:
    """Return an expression's tree without the parentheses around it."""
    node = parse(expr)
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    return node


def _is_call(node: object, names: tuple[str, ...]) -> bool:
    return isinstance(node, ast.Call) and node.func.name in names
