"""Evaluate a PromQL expression over raw samples, all steps at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.frame import Frame, FrameBuilder
from alertlab.promql import binary, instant_functions, selectors
from alertlab.promql.aggregation import Grouping
from alertlab.promql.blocks import MAX_SAMPLES, Budget, add_block, step_blocks
from alertlab.promql.catalogue import AGGREGATIONS, FUNCTIONS, ONLY_IN, SELECTOR_FUNCTIONS
from alertlab.promql.context import Context, Select
from alertlab.promql.label_functions import absent_labels
from alertlab.promql.parsing import (
    children,
    duration_ms,
    kind,
    parse,
    reach_ms,
    selector_matchers,
    string_value,
    unwrapped,
)
from alertlab.promql.values import Row, Vector, constant_vector
from alertlab.promql.windows import RangeVector

LOOKBACK_MS = 300_000
SUBQUERY_STEP_MS = 60_000

_STEP_DEPENDENT = (
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "time",
    "timestamp",
    "year",
)


def evaluate(
    expr: str,
    select: Select,
    times: np.ndarray,
    *,
    semantics: int = 3,
    lookback_ms: int = LOOKBACK_MS,
    subquery_step_ms: int = SUBQUERY_STEP_MS,
    end_ms: int | None = None,
    max_samples: int = MAX_SAMPLES,
    delayed_names: bool = False,
) -> Frame:
    """Return the values of an expression at every step, as a range query would.

    Follows promql/engine.go, ``evaluator.Eval``, for a range query.

    Parameters
    ----------
    expr : str
        An expression of instant vector or scalar type; a scalar becomes one series without labels.
    select : function of (matchers, start_ms, end_ms)
        Gives the raw series; both ends included, stale markers kept.
    times : int64 [ms], strictly increasing, on any grid
        The steps.  ``@ start()`` and ``@ end()`` are the first and the last.
    end_ms : int
        What ``@ end()`` means, for a query whose end lies behind its last step.
    semantics : 3 or 2
        Prometheus 3.16 (left-open windows) or 2.42 (closed windows).
    lookback_ms : int
        How old a sample an instant selector may see.
    subquery_step_ms : int
        Resolution of subqueries that name none (the server's global evaluation interval).
    max_samples : int
        How many samples and results the query may hold at once.
    delayed_names : bool
        Keep names until the end of the query (feature flag ``promql-delayed-name-removal``).

    Returns
    -------
    Frame, sorted by labels; only series with at least one value

    Raises
    ------
    UnsupportedPromQL
        For PromQL that is not evaluated here, by name.
    BadInput
        If it is not PromQL, is of another type, matches series ambiguously at some step, or
        would hold more than ``max_samples``.
    """
    times = np.ascontiguousarray(times, dtype=np.int64)
    tree = parse(expr)
    if len(times) == 0:
        return Frame.empty(times)
    context = Context(
        times=times,
        start_ms=int(times[0]),
        end_ms=int(times[-1]) if end_ms is None else end_ms,
        select=select,
        semantics=known_semantics(semantics),
        lookback_ms=lookback_ms,
        subquery_step_ms=subquery_step_ms,
        delayed_names=delayed_names,
        budget=Budget(max_samples),
    )
    built = FrameBuilder(times)
    try:
        with np.errstate(all="ignore"):
            for steps in step_blocks(times, reach_ms(tree)):
                add_block(built, steps, _result(tree, context.at(times[steps])))
                context.budget.keep(len(built), len(times))
            return built.frame()
    except BadInput as error:
        raise type(error)(f"{expr!r} cannot be evaluated: {error}") from None


def known_semantics(semantics: int) -> int:
    """Return ``semantics`` if it is 3 or 2; else refuse it."""
    if semantics not in (2, 3):
        raise BadInput(f"semantics must be 2 or 3 (Prometheus 2.42 or 3.16), not {semantics!r}")
    return semantics


def value_of(tree: Any, context: Context) -> Vector | RangeVector | np.ndarray | str:
    """Evaluate a parsed expression of any type (promql/engine.go, evaluator.eval).

    The series of a vector come in the engine's order: by value after a sort, topk or bottomk of a
    single step.  Names that are to go at the end of the query are still there.
    """
    for name in _functions(tree):
        if ONLY_IN.get(name, context.semantics) != context.semantics:
            raise UnsupportedPromQL(
                f"{name}() does not exist in Prometheus {context.semantics}.x; "
                f"evaluate with semantics {ONLY_IN[name]} or write it otherwise"
            )
    return _evaluate(tree, context)


def _result(tree: Any, context: Context) -> Vector:
    value = value_of(tree, context)
    if isinstance(value, str | RangeVector):
        what = "string" if isinstance(value, str) else "range vector"
        raise BadInput(
            f'invalid expression type "{what}" for range query, must be Scalar or instant Vector'
        )
    return context.finished(value if isinstance(value, Vector) else constant_vector(value))


def _functions(node: Any) -> list[str]:
    """Return the names of all functions called within a node."""
    own = [node.func.name] if kind(node) == "Call" else []
    return own + [name for child in children(node) for name in _functions(child)]


def _evaluate(node: Any, context: Context) -> Any:
    is_range = kind(node) in ("MatrixSelector", "SubqueryExpr")
    if len(context.times) > 1 and not is_range and _is_step_invariant(node):
        return _repeated(_once(node, context), len(context.times))
    return _evaluate_node(node, context)


def _evaluate_node(node: Any, context: Context) -> Any:
    match kind(node):
        case "NumberLiteral":
            return np.full(len(context.times), node.val)
        case "StringLiteral":
            return string_value(node)
        case "ParenExpr":
            return _evaluate(node.expr, context)
        case "VectorSelector":
            return selectors.instant_vector(node, context)
        case "MatrixSelector":
            return selectors.range_vector(node, context)
        case "SubqueryExpr":
            return _subquery(node, context)
        case "Call":
            return _call(node, context)
        case "AggregateExpr":
            return _aggregate(node, context)
        case "UnaryExpr":
            return _negated(node, context)
        case "BinaryExpr":
            return _binary(node, context)
    raise UnsupportedPromQL(f"{kind(node)} is not evaluated here; write the expression without it")


def _is_step_invariant(node: Any) -> bool:
    """Tell whether an instant vector or scalar is the same at every step: all selectors have @."""
    name = kind(node)
    if name in ("VectorSelector", "SubqueryExpr"):
        return node.at is not None
    if name in ("NumberLiteral", "StringLiteral", "MatrixSelector"):
        return False  # nothing to save, or no vector
    if name == "Call" and node.func.name in _STEP_DEPENDENT:
        argument = unwrapped(node.args[0]) if node.args else None
        if node.func.name != "timestamp" or kind(argument) != "VectorSelector":
            return False
    # An aggregation's parameter is not asked (preprocessExprHelper): its first value then holds.
    parts = [node.expr] if name == "AggregateExpr" else children(node)
    return all(
        _is_step_invariant(part)
        or kind(part) in ("NumberLiteral", "StringLiteral")
        or (kind(part) == "MatrixSelector" and part.vector_selector.at is not None)
        for part in parts
    )


def _once(node: Any, context: Context) -> Any:
    """Evaluate what is the same at every step, for all blocks of the query."""
    text = node.prettify()
    if text not in context.invariants:
        value = _evaluate_node(node, context.at(context.times[:1]))
        context.invariants[text] = value.held() if isinstance(value, Vector) else value
    return context.invariants[text]


def _repeated(value: Any, count: int) -> Any:
    """Copy what was evaluated at one step to all steps."""
    if isinstance(value, np.ndarray):
        return np.broadcast_to(value, count)
    if not isinstance(value, Vector):
        return value
    rows = [
        Row(np.broadcast_to(row.values, count), np.broadcast_to(row.present, count))
        for row in value.rows
    ]
    return replace(value, rows=rows)


def _subquery(node: Any, context: Context) -> RangeVector:
    range_ms = duration_ms(node.range)
    step_ms = duration_ms(node.step) or context.subquery_step_ms
    refs = selectors.range_reference_times(node, context)
    edge = int(refs[0]) - range_ms
    first = -(-edge // step_ms) * step_ms
    if context.semantics >= 3 and first == edge:
        first += step_ms
    grid = np.arange(first, int(refs[-1]) + 1, step_ms, dtype=np.int64)
    inner = Vector((), [])
    if len(grid):
        # It has steps of its own, and with them a first one.
        own = replace(context, invariants=context.invariants.setdefault(node.prettify(), {}))
        inner = _evaluate(node.expr, own.at(grid)).held()
        context.budget.read(len(inner) * len(grid))

    def samples(index: int) -> tuple[np.ndarray, np.ndarray]:
        values, present, _ = inner.rows[index]
        return (grid, values) if present.all() else (grid[present], values[present])

    return RangeVector(
        inner.labels, samples, context.times, refs, range_ms, context.semantics, inner.nameless
    )


def _call(node: Any, context: Context) -> Any:
    name = node.func.name
    if name in SELECTOR_FUNCTIONS:
        argument = unwrapped(node.args[0])
        if name == "timestamp" and kind(argument) == "VectorSelector":
            return context.nameless(selectors.sample_timestamps(argument, context))
        if name != "timestamp":
            return _absent(argument, context)
    arguments = [_evaluate(one, context) for one in node.args]
    return FUNCTIONS[name](context.within(node), *arguments)


def _absent(argument: Any, context: Context) -> Vector:
    selector = argument.vector_selector if kind(argument) == "MatrixSelector" else argument
    labels = (
        absent_labels(context, selector_matchers(selector))
        if kind(selector) == "VectorSelector"
        else ()
    )
    value = _evaluate(argument, context)
    if isinstance(value, RangeVector):
        value = value.mapped(lambda window, values: Row(values[window.last], window.some))
    return instant_functions.absent(context, value, labels)


def _aggregate(node: Any, context: Context) -> Vector:
    op = str(node.op)
    if node.modifier is None:
        grouping = Grouping()
    else:
        without = str(node.modifier.type).endswith("Without")
        # What goes with the name goes by ``without``, too.
        names = context.metadata_labels if without else frozenset()
        grouping = Grouping(names.union(node.modifier.labels), without=without)
    vector = _evaluate(node.expr, context)
    if node.param is None:
        return AGGREGATIONS[op](context, grouping, vector)
    return AGGREGATIONS[op](context, grouping, vector, _evaluate(node.param, context))


def _negated(node: Any, context: Context) -> Any:
    value = _evaluate(node.expr, context)
    if isinstance(value, np.ndarray):
        return -value
    negative = value.mapped(lambda values, present: Row(-values, present))
    return context.within(node).nameless(negative, disjoint_allowed=context.semantics >= 3)


def _binary(node: Any, context: Context) -> Any:
    op = str(node.op)
    left, right = _evaluate(node.lhs, context), _evaluate(node.rhs, context)
    as_bool = node.modifier is not None and node.modifier.return_bool
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return binary.scalars(op, left, right)
    if isinstance(right, np.ndarray):
        return binary.vector_scalar(context, op, left, right, swapped=False, as_bool=as_bool)
    if isinstance(left, np.ndarray):
        return binary.vector_scalar(context, op, right, left, swapped=True, as_bool=as_bool)
    matching = _matching(node.modifier)
    if op in binary.SET_OPERATORS:
        return binary.sets(context, op, left, right, matching)
    return binary.vectors(context, op, left, right, matching, as_bool=as_bool)


def _matching(modifier: Any) -> binary.Matching:
    if modifier is None:
        return binary.Matching()
    cardinality = str(modifier.card).rpartition(".")[2]
    many = {"ManyToOne": "left", "OneToMany": "right"}.get(cardinality, "")
    include = tuple(modifier.group_labels or ()) if many else ()
    if modifier.matching is None:
        return binary.Matching(many=many, include=include)
    on = str(modifier.matching.type).endswith("Include")
    return binary.Matching(frozenset(modifier.matching.labels), on, many, include)
