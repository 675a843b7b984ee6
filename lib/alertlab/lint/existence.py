"""Metrics, labels and values that a rule asks for and the source has not."""

from __future__ import annotations

from collections.abc import Iterator

from alertlab.lint.remarks import Remark, remark
from alertlab.lint.seen import Seen
from alertlab.lint.shapes import Selector, has_call, parts_under, selector_of
from alertlab.promql import Matcher, selector_text
from alertlab.rules import AlertRule, RecordingRule
from alertlab.rules.parts import Part, parts_of
from alertlab.rules.rewriting import grouping_of, selecting
from alertlab.units import NAME

_OF_PROMETHEUS = ("ALERTS", "ALERTS_FOR_STATE")
_NAMED_AT_MOST = 6
_MAKE_LABELS = ("label_replace", "label_join")


def unknown_series(
    rule: AlertRule | RecordingRule, recorded: frozenset[str], seen: Seen
) -> Iterator[Remark]:
    """What the rule selects or groups by, and no series of the source has.

    recorded : what the loaded rules record themselves, which the source need not have.  What may
        be missing on purpose, under ``absent()``, ``or`` and ``unless``, is passed over
    """
    whole = parts_of(rule.expr)
    told: set[str] = set()
    for part, above in whole.walk():
        if part.kind != "VectorSelector" or _may_be_missing(above):
            continue
        selector = selector_of(part)
        if selector.metric in (*_OF_PROMETHEUS, *recorded) or selector.text in told:
            continue
        told.add(selector.text)
        if not seen.has(selector.text):
            yield _missing(rule, selector, seen)
    yield from _unknown_groupings(rule, whole, recorded, seen)


def _missing(rule: AlertRule | RecordingRule, selector: Selector, seen: Seen) -> Remark:
    """Say what of a selector the source has not."""
    metric = selector.metric
    if not metric or not seen.has(_named(metric)):
        what = f"a metric {metric}" if metric else f"a series {selector.text}"
        return remark(
            rule,
            "unknown-metric",
            f"The source has no sample of {what}: nothing is watched by it.",
            "Correct the name, or scrape what exports it.",
        )
    for one in selector.matchers:
        if one.name == NAME or one.matches(""):
            continue
        if not seen.has(_named(metric, Matcher(one.name, "!=", ""))):
            return _unknown_label(rule, metric, one.name)
        if not seen.has(_named(metric, one)):
            text = selector_text((one,)).strip("{}")
            return _unknown_value(
                rule, metric, text, _some(seen.values_of(_named(metric), one.name))
            )
    matchers = [one for one in selector.matchers if one.name != NAME]
    return _unknown_value(rule, metric, selector_text(matchers).strip("{}"), "")


def _unknown_label(rule: AlertRule | RecordingRule, metric: str, label: str) -> Remark:
    return remark(
        rule,
        "unknown-label",
        f"No series of {metric} has the label {label}.",
        "Correct the label's name, or take the matcher or grouping by it away.",
    )


def _unknown_value(
    rule: AlertRule | RecordingRule, metric: str, matchers: str, values: str
) -> Remark:
    there = f" The values are {values}." if values else ""
    return remark(
        rule,
        "unknown-value",
        f"No series of {metric} has {matchers} in this history: either that has not happened "
        f"yet, or it is written otherwise.{there}",
        "Correct the value; if it is right, let the service export the series with 0 from its "
        "start, because a rate cannot see a counter's first step.",
    )


def _unknown_groupings(
    rule: AlertRule | RecordingRule, whole: Part, recorded: frozenset[str], seen: Seen
) -> Iterator[Remark]:
    for part in parts_under(whole):
        if part.kind != "AggregateExpr" or grouping_of(part)[0] != "by" or _makes_labels(part):
            continue
        metrics = {
            selector_of(one).metric for one in parts_under(part) if one.kind == "VectorSelector"
        }
        known = metrics and not metrics & {"", *_OF_PROMETHEUS, *recorded}
        if not known or not any(seen.has(_named(one)) for one in metrics):
            continue
        for label in grouping_of(part)[1]:
            there = Matcher(label, "!=", "")
            if label != NAME and not any(seen.has(_named(one, there)) for one in metrics):
                yield _unknown_label(rule, " and ".join(sorted(metrics)), label)


def _may_be_missing(above: tuple[tuple[Part, int], ...]) -> bool:
    return any(
        (part.kind == "Call" and part.tree.func.name in ("absent", "absent_over_time"))
        or (part.kind == "BinaryExpr" and part.op == "or")
        or (part.kind == "BinaryExpr" and part.op == "unless" and index == 1)
        for part, index in above
    )


def _makes_labels(part: Part) -> bool:
    """Tell whether labels are made below a part that its series do not have."""
    return has_call(part, *_MAKE_LABELS) or any(
        one.kind == "AggregateExpr" and one.op == "count_values" for one in parts_under(part)
    )


def _named(metric: str, *matchers: Matcher) -> str:
    """Return the selector of a metric's series that match."""
    return selecting((Matcher(NAME, "=", metric), *matchers))


def _some(values: list[str]) -> str:
    more = ", …" if len(values) > _NAMED_AT_MOST else ""
    return ", ".join(values[:_NAMED_AT_MOST]) + more
