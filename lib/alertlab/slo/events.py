"""Events of an objective, counted by counters: as PromQL, and by raw increments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alertlab.errors import BadInput
from alertlab.number_text import format_value
from alertlab.promql import Matcher, parse, selector_text
from alertlab.promql.parsing import (
    children,
    kind,
    selector_matchers,
    string_value,
    unwrapped,
)
from alertlab.slo.counts import Samples, increments
from alertlab.sources import Source
from alertlab.units import NAME, SECOND_MS, parse_duration

BOUND_LABEL = "le"
"""The label of a bucket's upper bound."""

WINDOW = "{{window}}"
"""Stands for the window in a query that is not made of counters alone."""

# Users of Sloth and OpenSLO write a Go template; blanks and the dot may stand or not.
_WRITTEN_WINDOW = re.compile(r"\{\{-?\s*\.?window\s*-?\}\}")
_SOME_WINDOW = "1h"  # to parse a query by; its length says nothing
_PLAIN_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PER_SECOND = {"rate", "irate", "deriv"}
_WITHOUT_LABELS = {"vector", "scalar", "time", "absent", "absent_over_time"}
_KEEP_LABELS = {"topk", "bottomk", "limitk", "limit_ratio"}


@dataclass(frozen=True)
class Events:
    """A count of events: counters that are added and subtracted, or a query.

    added, subtracted : PromQL selectors of counters
    query : PromQL with WINDOW in it, where no counters alone can say it; without raw counts
    per_second : whether the query's values are per second, else per window
    """

    added: tuple[str, ...] = ()
    subtracted: tuple[str, ...] = ()
    query: str = ""
    per_second: bool = True

    @property
    def is_raw(self) -> bool:
        """Whether the counters' own increments tell the events."""
        return not self.query

    @property
    def terms(self) -> list[tuple[int, str]]:
        """The selectors with their signs."""
        return [(1, one) for one in self.added] + [(-1, one) for one in self.subtracted]

    def rate_expr(self, window: str) -> str:
        """Return PromQL of one series without labels: events per second over ``window``."""
        if self.is_raw:
            return self._summed("rate", window)
        asked = self.query.replace(WINDOW, window)
        return asked if self.per_second else f"({asked}) / {_seconds(window)}"

    def increase_expr(self, window: str) -> str:
        """Return PromQL of one series without labels: events within ``window``, extrapolated."""
        if self.is_raw:
            return self._summed("increase", window)
        asked = self.query.replace(WINDOW, window)
        return f"({asked}) * {_seconds(window)}" if self.per_second else asked

    def counted(self, source: Source, start_ms: int, end_ms: int) -> float:
        """Count the events in ``(start, end]`` by raw increments, without extrapolation.

        A step between two samples belongs to the later one; resets are taken into account, each
        series by itself.  BadInput for events that only a query can tell.
        """
        if not self.is_raw:
            raise BadInput(f"{self.query!r} is not made of counters alone: it has no raw counts")
        samples, counted = Samples(source, start_ms, end_ms), 0.0
        for sign, text in self.terms:
            for one in samples.of(text):
                times, steps = increments(one)
                counted += sign * float(steps[times > start_ms].sum())
        return counted

    def _summed(self, function: str, window: str) -> str:
        parts = [f"sum({function}({text}[{window}]))" for _, text in self.terms]
        split = len(self.added)
        added = parts[:split]
        if split > 1:  # a counter that is not there yet must not hide the others
            added = [f"({one} or vector(0))" for one in added]
        return " - ".join([" + ".join(added), *parts[split:]])


def read_events(text: str, *, is_counter: bool = False) -> Events:
    """Return the events that a query counts, by its counters alone where they say it all.

    Those are sums and differences of ``sum(rate(selector[window]))`` or of ``increase``, and with
    ``is_counter`` of bare selectors.  Any other query must have ``{{.window}}`` in it.  Raises
    BadInput for what is not PromQL, has no window, has a series for each group of labels, or may
    be per second as well as per window.
    """
    query = _WRITTEN_WINDOW.sub(WINDOW, text.strip())
    if not query:
        raise BadInput("a query is missing")
    tree = parse(query.replace(WINDOW, _SOME_WINDOW))
    terms = _counter_terms(tree, is_counter)
    if terms is not None and any(sign > 0 for sign, _ in terms):
        added, subtracted = (tuple(one for s, one in terms if s == sign) for sign in (1, -1))
        return Events(added, subtracted)
    grouped = sorted(_grouped_by(tree))
    if grouped:
        raise BadInput(
            f"{text!r} has a series for each {', '.join(grouped)}, and one series without labels "
            "is needed; leave the grouping out, or put sum(…) around it"
        )
    if WINDOW not in query:
        raise BadInput(f"{text!r} has no window to choose; write [{{{{.window}}}}] in it")
    functions = _functions(tree)
    per_second = bool(functions & _PER_SECOND)
    if per_second and any(_is_per_window(one) for one in functions):
        raise BadInput(f"{text!r} may be events per second or per window; use rate or increase")
    return Events(query=query, per_second=per_second)


def selector(matchers: Sequence[Matcher]) -> str:
    """Write matchers as people do, the metric's name first: ``up{job="api"}``."""
    first, *rest = matchers
    if first.name != NAME or first.op != "=" or not _PLAIN_NAME.fullmatch(first.value):
        return selector_text(matchers)
    return first.value + (selector_text(rest) if rest else "")


def one_of(name: str, values: Sequence[str], *, negated: bool = False) -> Matcher:
    """Return the matcher of a label that has one of some values, or none of them."""
    if len(values) == 1:
        return Matcher(name, "!=" if negated else "=", values[0])
    return Matcher(name, "!~" if negated else "=~", "|".join(map(re.escape, values)))


def bound_matcher(bound: float) -> Matcher:
    """Return the matcher of a bucket bound however it is written: 1 is ``1.0`` in Prometheus 3."""
    written = [format_value(bound), repr(float(bound))]
    if not 1e-4 <= bound < 1e6:  # Go's exponents, strconv.FormatFloat(bound, 'g', -1, 64)
        written.append(np.format_float_scientific(bound, trim="-", exp_digits=2))
    return one_of(BOUND_LABEL, list(dict.fromkeys(written)))


def _counter_terms(node: Any, is_counter: bool) -> list[tuple[int, str]] | None:
    """Return the signed selectors that an expression adds up, None if it does something else."""
    node = unwrapped(node)
    if kind(node) == "BinaryExpr" and str(node.op) in "+-" and node.modifier is None:
        left, right = (_counter_terms(one, is_counter) for one in (node.lhs, node.rhs))
        if left is None or right is None:
            return None
        sign = 1 if str(node.op) == "+" else -1
        return left + [(sign * one, text) for one, text in right]
    is_sum = kind(node) == "AggregateExpr" and str(node.op) == "sum" and node.modifier is None
    inner = unwrapped(node.expr) if is_sum else node
    if is_sum and kind(inner) == "Call" and inner.func.name in ("rate", "increase"):
        (argument,) = inner.args
        inner = argument.vector_selector if kind(argument) == "MatrixSelector" else None
    elif not is_counter:
        return None
    if kind(inner) != "VectorSelector" or inner.offset is not None or inner.at is not None:
        return None
    return [(1, selector(selector_matchers(inner)))]


def _grouped_by(node: Any) -> set[str]:
    """Return the labels that a query's series are told apart by, as far as its text says."""
    node = unwrapped(node)
    match kind(node):
        case "AggregateExpr":
            return _aggregated_by(node)
        case "BinaryExpr":
            return _matched_by(node)
        case "Call" if node.func.name in _WITHOUT_LABELS:
            return set()
        case "Call" if node.func.name == "histogram_quantile":
            return _grouped_by(node.args[1]) - {BOUND_LABEL}
    return set().union(*map(_grouped_by, children(node)))


def _aggregated_by(node: Any) -> set[str]:
    operator, modifier = str(node.op), node.modifier
    if operator in _KEEP_LABELS:
        return _grouped_by(node.expr)
    names = {string_value(unwrapped(node.param))} if operator == "count_values" else set()
    if modifier is None:
        return names
    if str(modifier.type).endswith("Without"):
        return names | {f"label but {', '.join(modifier.labels) or 'the name'}"}
    return names.union(modifier.labels)


def _matched_by(node: Any) -> set[str]:
    left, right = _grouped_by(node.lhs), _grouped_by(node.rhs)
    operator, modifier = str(node.op), node.modifier
    if operator in ("and", "unless"):
        return left
    if operator == "or" or modifier is None or modifier.matching is None:
        return left | right
    cardinality = str(modifier.card).rpartition(".")[2]
    if cardinality != "OneToOne":
        many = left if cardinality == "ManyToOne" else right
        return many.union(modifier.group_labels or ())
    labels, is_on = set(modifier.matching.labels), str(modifier.matching.type).endswith("Include")
    return (left | right) & labels if is_on else (left | right) - labels


def _functions(node: Any) -> set[str]:
    own = {node.func.name} if kind(node) == "Call" else set()
    return own.union(*map(_functions, children(node)))


def _is_per_window(function: str) -> bool:
    return function in ("increase", "delta") or function.endswith("_over_time")


def _seconds(window: str) -> str:
    return format_value(parse_duration(window) / SECOND_MS)
