"""What a rule reads in a stretch of history, brought onto the grid of a promtool unit test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alertlab.change.rule_sets import recorders_read
from alertlab.errors import AlertlabError
from alertlab.frame import Series, is_stale
from alertlab.promql import names_read, parse, selector_text
from alertlab.promql.engine import LOOKBACK_MS
from alertlab.promql.parsing import children, duration_ms, kind, selector_matchers
from alertlab.promql.reading import reading_nodes
from alertlab.rules import AlertRule, RecordingRule
from alertlab.sources import Source
from alertlab.templates import reads_data
from alertlab.units import NAME, LabelSet

_OF_PROMETHEUS = ("ALERTS", "ALERTS_FOR_STATE")
_LATE_RATIO = 0.1
"""A scrape may be late by this share of the grid's step and still count for its step."""


class NoUnitTest(AlertlabError):
    """A change of which no unit test can be written, for the reason that the sentence gives."""


def check_readable(rule: AlertRule) -> None:
    """Raise NoUnitTest for a rule that depends on more than the samples before its evaluation."""
    for text in (*dict(rule.labels).values(), *rule.annotations.values()):
        if reads_data(text, rule.name):
            raise NoUnitTest("its labels or annotations query more series")
    for expr in (rule.expr, *(one.expr for one in recorders_read(rule))):
        if names_read(expr, _OF_PROMETHEUS):
            raise NoUnitTest("it reads ALERTS, which only the rules themselves write")
        if any(node.at is not None for node in reading_nodes(parse(expr))):
            raise NoUnitTest("it reads a fixed time (@)")


def look_back_ms(rule: AlertRule) -> int:
    """Return how far before an evaluation a rule may look [ms], through recording rules, too."""
    exprs = [rule.expr, *(one.expr for one in recorders_read(rule))]
    return rule.query_offset_ms + sum(_reach_ms(parse(expr)) for expr in exprs)


def series_read(rule: AlertRule, source: Source, start_ms: int, end_ms: int) -> list[Series]:
    """Return the raw series that a rule reads between two times, through recording rules, too.

    What recording rules find data for is left out: they record it again.
    """
    found = _collect(rule.expr, rule.recorded, source, start_ms, end_ms)
    return [found[labels] for labels in sorted(found)]


def on_grid(series: Series, start_ms: int, steps: int, step_ms: int) -> list[float | None]:
    """Return a series' values at ``steps`` times from ``start``, None where there is none.

    Each sample is moved onto the next step, or onto the one before if it is a tenth of a step late
    at most; of several the last one counts.  The first step has the newest sample of the lookback
    before it.
    """
    values: list[float | None] = [None] * steps
    places = -((start_ms + step_ms * _LATE_RATIO - series.times) // step_ms).astype(np.int64)
    recent = series.times > start_ms - LOOKBACK_MS
    for place, value in zip(places[recent].tolist(), series.values[recent].tolist(), strict=True):
        if place < steps:
            values[max(place, 0)] = value
    if values[0] is not None and is_stale(np.array(values[:1]))[0]:
        values[0] = None
    return values


def _collect(
    expr: str,
    recorded: Sequence[RecordingRule],
    source: Source,
    start_ms: int,
    end_ms: int,
) -> dict[LabelSet, Series]:
    """Return the series that an expression reads; ``recorded`` is what may have been recorded."""
    found: dict[LabelSet, Series] = {}
    again = set()
    names = names_read(expr, {one.name for one in recorded})
    for rule in recorded:
        if rule.name in names:
            others = [one for one in recorded if one.name != rule.name]
            inner = _collect(rule.expr, others, source, start_ms, end_ms)
            found |= inner
            again |= {rule.name} if inner else set()
    for node in reading_nodes(parse(expr)):
        if kind(node) == "VectorSelector":
            text = selector_text(selector_matchers(node))
            for one in source.series(text, start_ms, end_ms):
                if len(one.times) and dict(one.labels).get(NAME) not in again:
                    found[one.labels] = one
    return found


def _reach_ms(node: Any) -> int:
    """Return how far before a step an expression needs samples [ms]; the newest one is there."""
    inner = max((_reach_ms(child) for child in children(node)), default=0)
    name = kind(node)
    own = duration_ms(node.range) if name in ("MatrixSelector", "SubqueryExpr") else 0
    offset = duration_ms(node.offset) if name in ("VectorSelector", "SubqueryExpr") else 0
    return inner + own + max(0, offset)
