"""Counts the events of an objective: raw steps of its counters, or a query evaluated hourly.

Good and total come from the same samples, so that no share exceeds one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.go_text import parse_float
from alertlab.promql import matches_all, parse_selector, selector_text
from alertlab.slo.counts import (
    EVALUATED,
    REACH_MS,
    Counts,
    Samples,
    Spans,
    counts_in_order,
    increments,
)
from alertlab.slo.events import BOUND_LABEL, Events
from alertlab.slo.objectives import QUERIES, Objective
from alertlab.slo.policies import CODE_LABEL, code_of
from alertlab.sources import Source
from alertlab.units import HOUR_MS, NAME, LabelSet, format_duration


def read_counts(objective: Objective, samples: Samples) -> Counts:
    """Count an objective's events over a span, all of its series at once.

    Steps of counters are taken as they are: resets are taken into account, nothing is
    extrapolated, and what happened between two samples counts at the later one.  Queries that are
    not made of counters are evaluated for every hour of the clock instead.
    """
    if not objective.is_raw:
        return _evaluated(objective, samples)
    if objective.bound is not None:
        return _up_to_bound(objective, samples)
    return _added_up(objective, samples)


def _added_up(objective: Objective, samples: Samples) -> Counts:
    """Count by signed selectors: a series counts as often as its terms say."""
    parts = (objective.total, objective.bad, objective.excluded)
    terms = [[(sign, parse_selector(text)) for sign, text in one.terms] for one in parts]
    pool: dict[LabelSet, Series] = {}
    for selector in objective.reads:
        for one in samples.of(selector):
            pool.setdefault(one.labels, one)
    times, columns = [np.empty(0, np.int64)], [np.empty((3, 0))]
    counting = []
    for one in pool.values():
        weights = np.array([
            sum(sign for sign, matchers in term if matches_all(matchers, one.labels))
            for term in terms
        ], float)  # fmt: skip
        if weights[0]:
            counting.append(one)
        if weights.any():
            at, steps = increments(one)
            happened = (steps > 0) & (at > samples.start_ms)
            times.append(at[happened])
            columns.append(weights[:, None] * steps[happened])
    total, bad, excluded = np.concatenate(columns, axis=1)
    notes = _contradiction(total, bad) if objective.kind == QUERIES else _foreign_codes(pool)
    return counts_in_order(
        samples, counting, np.concatenate(times), (total, bad, bad, excluded), notes
    )  # fmt: skip


def _up_to_bound(objective: Objective, samples: Samples) -> Counts:
    """Count by the bucket that ends at the bound, or by its neighbours where none does."""
    (count,), (bucket,) = objective.bad.added, objective.bad.subtracted
    totals = _families(samples.of(count))
    exact = _families(samples.of(bucket))
    fast = {one: _at(exact[one], totals[one].times) for one in totals if one in exact}
    missing = {one for one in totals if one not in fast or np.isnan(fast[one]).any()}
    all_buckets: dict[LabelSet, list[Series]] = {}
    if missing:
        for one in samples.of(_any_bound(bucket)):
            all_buckets.setdefault(_family(one.labels), []).append(one)
    beside: set[float] = set()
    times, columns, doubtful = [np.empty(0, np.int64)], [np.empty((3, 0))], 0
    for family, total in totals.items():
        if family in missing:
            low, high, bounds = _bracketing(all_buckets.get(family, []), total, objective.bound)
            beside |= bounds
        else:
            low = high = fast[family]
        at, steps, clamped = _shares(total, low, high, is_exact=family not in missing)
        happened = (steps[0] > 0) & (at > samples.start_ms)
        times.append(at[happened])
        columns.append(steps[:, happened])
        doubtful += clamped
    total, good, good_at_most = np.concatenate(columns, axis=1)
    notes = _bound_notes(objective.bound, len(missing), len(totals), sorted(beside))
    if doubtful:
        notes = (*notes, f"{doubtful} samples had more fast requests than requests; cut to all")
    return counts_in_order(
        samples,
        list(totals.values()),
        np.concatenate(times),
        (total, total - good, total - good_at_most, np.zeros(len(total))),
        notes,
    )


def _shares(
    total: Series, low: np.ndarray, high: np.ndarray, *, is_exact: bool
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return times, steps of (total, low, high), and how many were cut to the total's.

    A reset of one is a reset of all: they live in one process.
    """
    values = np.stack([total.values, low, high])
    steps = np.diff(values, axis=1)
    reset = (steps[:2] < 0).any(axis=0) if is_exact else steps[0] < 0
    steps = np.where(reset, values[:, 1:], steps)
    within = np.clip(steps, 0, steps[0])
    within[2] = np.maximum(within[1], within[2])
    near = np.diff(total.times) <= REACH_MS
    clamped = int((steps[1] > steps[0])[near].sum()) if is_exact else 0
    return total.times[1:][near], within[:, near], clamped


def _bracketing(
    buckets: Sequence[Series], total: Series, bound: float
) -> tuple[np.ndarray, np.ndarray, set[float]]:
    """Return the counts at the bounds below and above one, at the times of the total.

    Where no bound is below, nothing is surely fast; where none is above, everything may be.
    """
    low, high = np.zeros(len(total.times)), total.values
    below, above = [0.0], [np.inf]
    for one in buckets:
        upper, values = _upper_bound(one.labels), _at(one, total.times)
        if upper <= bound:
            low = np.fmax(low, values)
            below.append(upper)
        if upper >= bound:
            high = np.fmin(high, values)
            above.append(upper)
    return low, high, {max(below), min(above)}


def _bound_notes(
    bound: float, missing: int, families: int, beside: Sequence[float]
) -> tuple[str, ...]:
    if not missing:
        return ()
    where = "" if missing == families else f" in {missing} of {families} series"
    neighbours = ", ".join(f"{one:g}" for one in beside)
    return (
        f"{bound:g} is no bucket bound{where} (beside it: {neighbours}): "
        "what lies between the bounds is not known to be good",
    )


def count_between(objective: Objective, source: Source, start_ms: int, end_ms: int) -> Spans:
    """Count what happened in ``(start, end]``; a query is evaluated once, for just this span."""
    edges = np.array([start_ms, end_ms])
    if objective.is_raw:
        return read_counts(objective, Samples(source, start_ms, end_ms)).within(edges)
    return _increases(objective, source, edges[1:], end_ms - start_ms).within(edges)


def _evaluated(objective: Objective, samples: Samples) -> Counts:
    """Count by ``increase()`` of every hour of the clock that the span reaches into."""
    first, last = samples.start_ms // HOUR_MS + 1, -(-samples.end_ms // HOUR_MS)
    ends = np.arange(first, last + 1, dtype=np.int64) * HOUR_MS
    counts = _increases(objective, samples.source, ends, HOUR_MS)
    return replace(counts, settled_ms=samples.end_ms)


def _increases(objective: Objective, source: Source, ends: np.ndarray, span_ms: int) -> Counts:
    """Count the spans that end at some times; one without a total is missing."""
    total, present = _values(objective.total, source, ends, span_ms)
    bad, _ = _values(objective.bad, source, ends, span_ms)
    ends, total, bad = ends[present], total[present], bad[present]
    seen = np.stack([ends - span_ms, ends], axis=1)
    notes = _contradiction(total, bad)
    return Counts(ends, total, bad, bad, np.zeros(len(ends)), seen, 0, EVALUATED, notes)


def _values(
    events: Events, source: Source, ends: np.ndarray, span_ms: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return events per span and where there are any; no series means no event."""
    expr = events.increase_expr(format_duration(span_ms))
    frame = source.range_query(expr, int(ends[0]), int(ends[-1]), span_ms)
    if len(frame.labels) > 1:
        raise BadInput(f"{expr!r} has {len(frame.labels)} series; put sum(…) around it")
    if not len(frame.labels):
        return np.zeros(len(ends)), np.zeros(len(ends), bool)
    known = frame.present[0] & ~np.isnan(frame.values[0])
    return np.where(known, frame.values[0], 0.0), known


def _families(found: Iterable[Series]) -> dict[LabelSet, Series]:
    """Return one series per histogram; a bound that is written in two ways is one."""
    by_family: dict[LabelSet, list[Series]] = {}
    for one in found:
        by_family.setdefault(_family(one.labels), []).append(one)
    return {family: reduce(_joined, parts) for family, parts in by_family.items()}


def _joined(one: Series, other: Series) -> Series:
    times, first = np.unique(np.append(one.times, other.times), return_index=True)
    return Series(one.labels, times, np.append(one.values, other.values)[first])


def _family(labels: LabelSet) -> LabelSet:
    return tuple(pair for pair in labels if pair[0] not in (NAME, BOUND_LABEL))


def _at(one: Series, times: np.ndarray) -> np.ndarray:
    """Return the values at given times [ms], NaN where there is no sample."""
    at = np.minimum(np.searchsorted(one.times, times), len(one.times) - 1)
    return np.where(one.times[at] == times, one.values[at], np.nan)


def _any_bound(bucket: str) -> str:
    return selector_text(one for one in parse_selector(bucket) if one.name != BOUND_LABEL)


def _upper_bound(labels: LabelSet) -> float:
    written = dict(labels).get(BOUND_LABEL, "")
    try:
        return parse_float(written)
    except ValueError:
        raise BadInput(f"a bucket has le={written!r}, which is no number") from None


def _foreign_codes(pool: Iterable[LabelSet]) -> tuple[str, ...]:
    written = {dict(labels).get(CODE_LABEL, "") for labels in pool}
    foreign = sorted(one for one in written if code_of(one) is None)
    if not foreign:
        return ()
    return (f"{', '.join(map(repr, foreign))} is no gRPC code and counts as bad",)


def _contradiction(total: np.ndarray, bad: np.ndarray) -> tuple[str, ...]:
    if 0 <= bad.sum() <= total.sum():
        return ()
    return (f"the queries contradict each other: {bad.sum():g} bad of {total.sum():g} events",)
