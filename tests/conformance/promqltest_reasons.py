"""Why a case is refused: one of four reasons, each decided by what the case really meets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import promql_parser
from promqltest_reader import Case, Store

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.promql import matches_all, parse
from alertlab.promql.engine import LOOKBACK_MS, SUBQUERY_STEP_MS
from alertlab.promql.parsing import at_ms, children, duration_ms, kind, selector_matchers, unwrapped

NATIVE = "native histogram"
REJECTED = "rejected by promql-parser"
EXPERIMENTAL = "experimental function or modifier"
STARTS = "start timestamps"
REASONS = (NATIVE, REJECTED, EXPERIMENTAL, STARTS)

_NATIVE_FUNCTIONS = {f"histogram_{of}" for of in ("avg", "count", "stddev", "stdvar", "sum")}
_EXPERIMENTAL = {
    # promql/parser/functions.go, Experimental; promql/parser/lex.go, IsExperimentalAggregator
    *("double_exponential_smoothing", "end", "histogram_quantiles", "info", "limit_ratio"),
    *("limitk", "mad_over_time", "max_of", "min_of", "range", "sort_by_label"),
    *("sort_by_label_desc", "start", "start_timestamp", "step", "ts_of_first_over_time"),
    *("ts_of_last_over_time", "ts_of_max_over_time", "ts_of_min_over_time"),
}
_READS_STARTS = {"increase", "irate", "rate", "resets"}


def reason_to_refuse(case: Case, store: Store, semantics: int) -> str | None:
    """Return which of the four reasons a case falls under, None if it has to pass."""
    try:
        tree = parse(case.query)
    except BadInput as error:
        return _reason_of(case.query, error)
    if case.has_native:
        return NATIVE
    span = int(case.times[0]), int(case.times[-1])
    times = case.times if case.is_range else case.times[-1:]
    seen = list(_selected(tree, times, span if case.is_range else span[1:] * 2, store, semantics))
    if any(one.native for one in seen):
        return NATIVE
    return STARTS if any(one.started for one in seen) else None


def _reason_of(query: str, error: BadInput) -> str | None:
    """Return the reason for which a query does not parse, None if it is none of the four."""
    try:
        names = set(names_in(promql_parser.parse(query)))
    except ValueError:
        # holt_winters is registered with the parser: what it rejects, it rejects for all.
        return REJECTED
    if not isinstance(error, UnsupportedPromQL):
        return None
    if names & _EXPERIMENTAL or "fill" in names:
        return EXPERIMENTAL
    return NATIVE if names & _NATIVE_FUNCTIONS else None


def names_in(node: Any) -> Iterator[str]:
    """Give the functions, aggregations and fill modifiers of an expression."""
    if kind(node) == "Call":
        yield node.func.name
    if kind(node) == "AggregateExpr":
        yield str(node.op)
    if kind(node) == "BinaryExpr" and node.modifier is not None:
        fill = node.modifier.fill_values
        if fill is not None and (fill.lhs is not None or fill.rhs is not None):
            yield "fill"
    for child in children(node):
        yield from names_in(child)


class _Seen(NamedTuple):
    """What the windows or lookbacks of one selector meet."""

    native: bool
    started: bool


def _selected(
    node: Any, times: np.ndarray, span: tuple[int, int], store: Store, semantics: int, by: str = ""
) -> Iterator[_Seen]:
    """Tell what each selector of an expression meets at these times; ``by`` is its function."""
    name = kind(node)
    if name in ("VectorSelector", "MatrixSelector"):
        yield _met(node, times, span, store, semantics, by)
    elif name == "SubqueryExpr":
        step_ms = duration_ms(node.step) or SUBQUERY_STEP_MS
        refs = _references(node, times, span)
        first = (int(refs[0]) - duration_ms(node.range)) // step_ms * step_ms
        grid = np.arange(first, int(refs[-1]) + 1, step_ms, dtype=np.int64)
        left = refs[0] - duration_ms(node.range)
        grid = grid[grid >= left if semantics < 3 else grid > left]
        if len(grid):
            yield from _selected(node.expr, grid, span, store, semantics)
    else:
        function = node.func.name if name == "Call" else ""
        for child in children(node):
            yield from _selected(unwrapped(child), times, span, store, semantics, function)


def _met(
    node: Any, times: np.ndarray, span: tuple[int, int], store: Store, semantics: int, by: str
) -> _Seen:
    is_range = kind(node) == "MatrixSelector"
    selector = node.vector_selector if is_range else node
    refs = _references(selector, times, span)
    matchers = selector_matchers(selector, semantics)
    native = started = False
    for labels in {*store.natives, *store.started}:
        if not matches_all(matchers, labels):
            continue
        stamps = np.array(sorted({*store.floats[labels], *store.natives[labels]}), np.int64)
        width = duration_ms(node.range) if is_range else LOOKBACK_MS
        low = np.searchsorted(stamps, refs - width, "left" if semantics < 3 else "right")
        high = np.searchsorted(stamps, refs, "right")
        if not is_range:
            low = np.maximum(low, high - 1)  # only the newest sample is seen
        met = {int(t) for i, j in zip(low, high, strict=True) for t in stamps[i:j]}
        native |= bool(met & store.natives[labels])
        started |= bool(met) and is_range and by in _READS_STARTS and labels in store.started
    return _Seen(native, started)


def _references(node: Any, times: np.ndarray, span: tuple[int, int]) -> np.ndarray:
    fixed = at_ms(node, *span)
    return (times if fixed is None else np.full_like(times, fixed)) - duration_ms(node.offset)
