"""Instant and range selectors: which samples each step sees (promql/engine.go)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from alertlab.errors import UnsupportedPromQL
from alertlab.frame import Series, is_stale
from alertlab.promql.context import Context
from alertlab.promql.parsing import at_ms, duration_ms, selector_matchers
from alertlab.promql.values import LazyRows, Row, Vector
from alertlab.promql.windows import ByTimes, RangeVector

_NEWEST_BYTES_PER_STEP = 9
"""The index of the newest sample, and whether it is fresh."""


def reference_times(node: Any, context: Context) -> np.ndarray:
    """Return the time [ms] that a selector or subquery looks at, for each step.

    promql/engine.go, setOffsetForAtModifier.
    """
    fixed = at_ms(node, context.start_ms, context.end_ms)
    times = context.times if fixed is None else np.full_like(context.times, fixed)
    return times - duration_ms(node.offset)


def range_reference_times(node: Any, context: Context) -> np.ndarray:
    """Return the right edges [ms] of the windows of a range selector or subquery.

    promql/engine.go, subqueryTimeRange.

    Raises UnsupportedPromQL in semantics 2 for ``@`` where the function is evaluated at every
    step: 2.42 lets such a window wander off, over whatever samples its storage has read.
    """
    if context.semantics < 3 and node.at is not None and len(context.times) > 1:
        raise UnsupportedPromQL(
            "a range with @ beside an argument that changes from step to step is not evaluated "
            "in semantics 2; use semantics 3 or an argument that is constant"
        )
    return reference_times(node, context)


def instant_vector(node: Any, context: Context) -> Vector:
    """Evaluate a vector selector: the newest sample within the lookback, unless it is stale.

    promql/engine.go, vectorSelectorSingle.
    """
    series, find = _newest_samples(node, context)

    def row(index: int) -> Row:
        one = series[index]
        newest, present = find(one.times)
        values = one.values[newest]
        stale = is_stale(values)
        return Row(values, present & ~stale) if stale.any() else Row(values, present)

    return Vector(tuple(one.labels for one in series), LazyRows(len(series), row))


def sample_timestamps(node: Any, context: Context) -> Vector:
    """Evaluate ``timestamp`` of a selector: the time [s] of the sample that each step sees.

    promql/engine.go, rangeEvalTimestampFunctionOverVectorSelector, which with ``@`` looks at that
    time itself, in what was read for the offset.
    """
    series, find = _newest_samples(node, context, at_ms(node, context.start_ms, context.end_ms))

    def row(index: int) -> Row:
        one = series[index]
        newest, present = find(one.times)
        return Row(one.times[newest] / 1000, present & ~is_stale(one.values[newest]))

    return Vector(tuple(one.labels for one in series), LazyRows(len(series), row))


def _newest_samples(
    node: Any, context: Context, also_at_ms: int | None = None
) -> tuple[list[Series], Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    """Return the series, and what finds each step's sample; ``also_at_ms`` must see it as well."""
    refs = reference_times(node, context)
    until, since = refs, refs
    if also_at_ms is not None:
        until, since = np.minimum(refs, also_at_ms), np.maximum(refs, also_at_ms)
    lookback = context.lookback_ms
    series = _select(node, context, int(refs.min()) - lookback, int(refs.max()))

    def find(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        after = np.searchsorted(times, until, "right")
        newest = np.maximum(after - 1, 0)
        age = since - times[newest]
        fresh = age <= lookback if context.semantics < 3 else age < lookback
        return newest, fresh & (after > 0)

    return series, ByTimes(find, lambda found: _NEWEST_BYTES_PER_STEP * len(refs))


def range_vector(node: Any, context: Context) -> RangeVector:
    """Evaluate a range selector; stale markers are not part of its windows.

    promql/engine.go, matrixIterSlice.
    """
    selector, range_ms = node.vector_selector, duration_ms(node.range)
    refs = range_reference_times(selector, context)
    series = _select(selector, context, int(refs.min()) - range_ms, int(refs.max()))
    fresh = _shared_times([_without_stale(one) for one in series])

    def samples(index: int) -> tuple[np.ndarray, np.ndarray]:
        return fresh[index].times, fresh[index].values

    labels = tuple(one.labels for one in fresh)
    return RangeVector(labels, samples, context.times, refs, range_ms, context.semantics)


def _without_stale(one: Series) -> Series:
    stale = is_stale(one.values)
    if not stale.any():
        return one
    return Series(one.labels, one.times[~stale], one.values[~stale])


def _select(node: Any, context: Context, start_ms: int, end_ms: int) -> list[Series]:
    found = context.select(selector_matchers(node, context.semantics), start_ms, end_ms)
    # In label order, so that sums add up in the order of a server's blocks.
    ordered = sorted((one for one in found if len(one.times)), key=lambda one: one.labels)
    context.budget.read(sum(len(one.times) for one in ordered))
    return _shared_times(ordered)


def _shared_times(series: Sequence[Series]) -> list[Series]:
    """Let series with equal timestamps hold the same array: bounds are searched once for it."""
    known: dict[tuple[int, ...], list[np.ndarray]] = {}
    shared = []
    for one in series:
        times = one.times
        ends = (len(times), *times[:1].tolist(), *times[-1:].tolist())
        alike = known.setdefault(ends, [])
        for other in alike:
            if other is times or np.array_equal(other, times):
                times = other
                break
        else:
            alike.append(times)
        shared.append(Series(one.labels, times, one.values))
    return shared
