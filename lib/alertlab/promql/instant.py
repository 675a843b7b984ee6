"""Instant queries: an expression of any type at one time (promql/engine.go, execEvalStmt)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.promql.blocks import MAX_SAMPLES, Budget
from alertlab.promql.context import Context, Select
from alertlab.promql.engine import LOOKBACK_MS, SUBQUERY_STEP_MS, known_semantics, value_of
from alertlab.promql.label_functions import check_text
from alertlab.promql.parsing import parse
from alertlab.promql.values import SAME_LABELSET, Vector, without_labels
from alertlab.promql.windows import RangeVector, Window
from alertlab.units import LabelSet


@dataclass(frozen=True)
class InstantAnswer:
    """What an instant query returned (promql/value.go, Result).

    kind : the expression's type
    at_ms : when it was evaluated
    series : of a vector one sample each at ``at_ms``, in the engine's order (a sort, topk or
        bottomk shows in it); of a matrix the samples inside the window, sorted by labels; of a
        scalar one series without labels; of a string none
    text : the string
    """

    kind: Literal["vector", "matrix", "scalar", "string"]
    at_ms: int
    series: tuple[Series, ...] = ()
    text: str = ""


def instant_query(
    expr: str,
    select: Select,
    at_ms: int,
    *,
    semantics: int = 3,
    lookback_ms: int = LOOKBACK_MS,
    subquery_step_ms: int = SUBQUERY_STEP_MS,
    max_samples: int = MAX_SAMPLES,
    delayed_names: bool = False,
) -> InstantAnswer:
    """Return the value of an expression of any type at one time, as an instant query would.

    promql/engine.go, NewInstantQuery.

    ``@ start()`` and ``@ end()`` are that time.  A range selector or subquery gives the samples of
    its window without stale markers.  The other parameters are those of ``evaluate``.

    Raises
    ------
    UnsupportedPromQL
        For PromQL that is not evaluated here, by name.
    BadInput
        If it is not PromQL, matches series ambiguously, or reads more than ``max_samples``.
    """
    tree = parse(expr)
    context = Context(
        times=np.array([at_ms], dtype=np.int64),
        start_ms=at_ms,
        end_ms=at_ms,
        select=select,
        semantics=known_semantics(semantics),
        lookback_ms=lookback_ms,
        subquery_step_ms=subquery_step_ms,
        delayed_names=delayed_names,
        budget=Budget(max_samples),
    )
    try:
        with np.errstate(all="ignore"):
            return _answer(value_of(tree, context), context)
    except BadInput as error:
        raise type(error)(f"{expr!r} cannot be evaluated: {error}") from None


def _answer(value: Vector | RangeVector | np.ndarray | str, context: Context) -> InstantAnswer:
    at_ms = context.start_ms
    if isinstance(value, str):
        return InstantAnswer("string", at_ms, text=check_text(value))
    if isinstance(value, RangeVector):
        return InstantAnswer("matrix", at_ms, _samples(value, context))
    if isinstance(value, Vector):
        return InstantAnswer("vector", at_ms, _elements(context.finished(value), context))
    return InstantAnswer("scalar", at_ms, (Series((), context.times, value),))


def _elements(vector: Vector, context: Context) -> tuple[Series, ...]:
    return tuple(
        Series(labels, context.times, row.values[row.present])
        for labels, row in zip(vector.labels, vector.rows, strict=True)
        if row.present.any()
    )


def _samples(ranges: RangeVector, context: Context) -> tuple[Series, ...]:
    """Return the samples in the window, by labels; series that lose their names may join."""
    found: dict[LabelSet, list[tuple[np.ndarray, np.ndarray]]] = {}
    nameless = ranges.nameless or (False,) * len(ranges.labels)
    for index, (labels, drop) in enumerate(zip(ranges.labels, nameless, strict=True)):
        times, values = ranges.samples(index)
        window = Window(
            times, ranges.steps, ranges.refs, ranges.range_ms, ranges.semantics, slice(None)
        )
        inside = slice(int(window.low[0]), int(window.high[0]))
        if window.some[0]:
            kept = without_labels(labels, context.metadata_labels) if drop else labels
            found.setdefault(kept, []).append((times[inside], values[inside]))
    return tuple(_joined(labels, found[labels]) for labels in sorted(found))


def _joined(labels: LabelSet, parts: list[tuple[np.ndarray, np.ndarray]]) -> Series:
    times = np.concatenate([times for times, _ in parts])
    values = np.concatenate([values for _, values in parts])
    order = np.argsort(times, kind="stable")
    if (np.diff(times[order]) == 0).any():
        raise BadInput(SAME_LABELSET)
    return Series(labels, times[order], values[order])
