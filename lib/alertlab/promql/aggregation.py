"""Aggregations across series (promql/engine.go, ``aggregation`` and ``aggregationK``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from alertlab.errors import BadInput, EvaluationFailed
from alertlab.go_text import quote
from alertlab.number_text import format_positional
from alertlab.promql.context import Context
from alertlab.promql.folds import (
    Count,
    Extreme,
    Fold,
    IncrementalMean,
    Mean,
    One,
    PlainSum,
    PlainVariance,
    Sum,
    interpolated,
    larger,
    smaller,
    sorted_nan_first,
    within,
)
from alertlab.promql.label_functions import is_label_name
from alertlab.promql.values import LazyRows, Row, Vector, without_labels
from alertlab.units import LabelSet, label_set

_CELLS = 1_000_000


class Grouping:
    """Which labels of a series name its group: ``by (..)`` or ``without (..)``.

    promql/engine.go, generateGroupingKey.
    """

    def __init__(self, labels: Sequence[str] = (), *, without: bool = False) -> None:
        self.names = frozenset(labels)
        self.without = without

    def of(self, labels: LabelSet) -> LabelSet:
        """Return the labels of the group that a series belongs to.

        promql/engine.go, generateGroupingLabels.
        """
        if self.without:
            return without_labels(labels, self.names)
        return tuple(p for p in labels if p[0] in self.names)


def simple(op: str) -> Callable[[Context, Grouping, Vector], Vector]:
    """Return the aggregation that keeps one running value per group.

    promql/engine.go, aggregation.
    """

    def aggregate(context: Context, grouping: Grouping, vector: Vector) -> Vector:
        groups = _groups(vector, grouping)
        members = list(groups.values())

        def row(index: int) -> Row:
            return _folded(context, op, (vector.rows[i] for i in members[index]))

        return _grouped(vector, groups, LazyRows(len(members), row))

    return aggregate


def quantile(context: Context, grouping: Grouping, vector: Vector, q: np.ndarray) -> Vector:
    """Return quantile q (one per step) of every group (promql/engine.go, aggregation)."""
    groups = _groups(vector, grouping)
    members = list(groups.values())

    def row(index: int) -> Row:
        result = np.zeros(len(context.times))
        there = np.zeros(len(context.times), dtype=bool)
        for steps, values, present in _blocks([vector.rows[i] for i in members[index]]):
            count = present.sum(axis=1)
            some = np.flatnonzero(count)
            ordered = sorted_nan_first(values[some], present[some])
            at = steps.start + some
            rows = np.arange(len(some))
            result[at] = interpolated(ordered, count[some], q[at], rows, context.semantics)
            there[at] = True
        return Row(result, there)

    return _grouped(vector, groups, LazyRows(len(members), row))


def count_values(context: Context, grouping: Grouping, vector: Vector, label: str) -> Vector:
    """Return how many series of a group have each value, the value as text in ``label``.

    promql/engine.go, aggregationCountValues.
    """
    if not is_label_name(context, label):
        raise BadInput(f"invalid label name {quote(label)}")
    held = vector.held()
    # The new label may replace one of the group's: groups that become equal count together.
    # One that is grouped away goes, values and all.
    kept = not (grouping.without and label in grouping.names)
    found: dict[LabelSet, list[tuple[int, np.ndarray]]] = {}
    for index, labels in enumerate(held.labels):
        group = dict(grouping.of(labels))
        values, present, _ = held.rows[index]
        texts: dict[str, list[np.uint64]] = {}
        for pattern in np.unique(values[present].view(np.uint64)):
            texts.setdefault(format_positional(pattern.view(np.float64)), []).append(pattern)
        for text, patterns in texts.items():
            one = label_set({**group, label: text} if kept else group)
            found.setdefault(one, []).append((index, np.array(patterns)))
    parts = list(found.values())

    def row(index: int) -> Row:
        count = np.zeros(len(context.times))
        for i, patterns in parts[index]:
            values, present, _ = held.rows[i]
            count += present & np.isin(values.view(np.uint64), patterns)
        return Row(count, count > 0)

    nameless = tuple(any(held.nameless[i] for i, _ in part) for part in parts)
    return Vector(tuple(found), LazyRows(len(parts), row), nameless)


def extreme_rows(*, top: bool) -> Callable[[Context, Grouping, Vector, np.ndarray], Vector]:
    """Return topk or bottomk: the k largest or smallest series of each group, labels kept.

    promql/engine.go, aggregationK.
    """

    def aggregate(context: Context, grouping: Grouping, vector: Vector, k: np.ndarray) -> Vector:
        _check_k(k)
        held = vector.held()
        if len(context.times) == 1:
            # The first element of each group tells their order in an instant query's result.
            held = held.picked([i for i, row in enumerate(held.rows) if row.present[0]])
        if len(held) == 0:
            return held
        limit = np.clip(np.trunc(k), 0, len(held)).astype(np.int64)
        kept: dict[int, Row] = {}
        order: list[int] = []
        for members in _groups(held, grouping).values():
            chosen = np.zeros((len(members), len(context.times)), dtype=bool)
            for steps, values, present in _blocks([held.rows[i] for i in members]):
                rank = _ranks(values if top else -values, present)
                chosen[:, steps] = (present & (rank < limit[steps, None])).T
            kept |= {
                i: Row(held.rows[i].values, mask) for i, mask in zip(members, chosen, strict=True)
            }
            # The best of the last step first: the order of an instant query's result.
            order += [members[column] for column in np.argsort(rank[-1])]
        best = Vector(held.labels, [kept[i] for i in range(len(held))], held.nameless)
        return best.picked(order) if len(context.times) == 1 else best

    return aggregate


AGGREGATIONS: dict[str, Callable[..., Vector]] = {
    **{op: simple(op) for op in ("sum", "avg", "min", "max", "count", "group")},
    **{op: simple(op) for op in ("stddev", "stdvar")},
    "quantile": quantile,
    "count_values": count_values,
    "topk": extreme_rows(top=True),
    "bottomk": extreme_rows(top=False),
}


def _groups(vector: Vector, grouping: Grouping) -> dict[LabelSet, list[int]]:
    groups: dict[LabelSet, list[int]] = {}
    for index, labels in enumerate(vector.labels):
        groups.setdefault(grouping.of(labels), []).append(index)
    return groups


def _grouped(vector: Vector, groups: dict[LabelSet, list[int]], rows: LazyRows) -> Vector:
    nameless = tuple(any(vector.nameless[i] for i in group) for group in groups.values())
    return Vector(tuple(groups), rows, nameless)


def _folded(context: Context, op: str, rows: Iterator[Row]) -> Row:
    lanes = len(context.times)
    there = np.zeros(lanes, dtype=bool)
    fold = _fold(op, lanes, context.semantics)
    for values, present, part in rows:
        active = present[part]
        with within(fold, part) as lanes_of_part:
            lanes_of_part.add(values[part], None if active.all() else active)
        there[part] |= active
    result = fold.result()
    return Row(np.sqrt(result) if op == "stddev" else result, there)


def _fold(op: str, lanes: int, semantics: int) -> Fold:
    match op:
        case "sum":
            return PlainSum(lanes) if semantics < 3 else Sum(lanes, semantics)
        case "avg":
            return IncrementalMean(lanes, False) if semantics < 3 else Mean(lanes, semantics)
        case "min":
            return Extreme(lanes, smaller)
        case "max":
            return Extreme(lanes, larger)
        case "count":
            return Count(lanes)
        case "group":
            return One(lanes)
    return PlainVariance(lanes, semantics)


def _blocks(rows: Sequence[Row]) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Give slices of steps with the members' values and presence, shape (n_steps, n_members)."""
    size = max(_CELLS // len(rows), 1)
    for start in range(0, len(rows[0].values), size):
        steps = slice(start, start + size)
        values = np.stack([row.values[steps] for row in rows], axis=1)
        yield steps, values, np.stack([row.present[steps] for row in rows], axis=1)


def _ranks(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Rank of each member within its step, largest first, then NaN, then what is absent."""
    keys = np.where(present & ~np.isnan(values), -values, np.inf)
    place = np.where(~present, 2, np.isnan(values))
    order = np.lexsort((keys, place), axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(order.shape[1])[None, :], axis=1)
    return ranks


def _check_k(k: np.ndarray) -> None:
    if np.isnan(k).any():
        raise EvaluationFailed("Parameter value is NaN: topk and bottomk need a number")
    if (np.abs(k) >= 2.0**63).any():
        raise EvaluationFailed(f"Scalar value {k[np.abs(k) >= 2.0**63][0]:g} overflows int64")
