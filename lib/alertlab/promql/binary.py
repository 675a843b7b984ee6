"""Binary operators and vector matching (promql/engine.go, VectorBinop and its neighbours)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from alertlab.go_text import quote
from alertlab.promql.context import Context
from alertlab.promql.values import (
    EMPTY,
    LazyRows,
    Row,
    Vector,
    any_present,
    fail_at,
    merged,
    where_equal,
    without_labels,
)
from alertlab.units import NAME, LabelSet, label_set

ARITHMETIC: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
SET_OPERATORS = ("and", "or", "unless")

_MANY_TO_ONE = (
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
)
_NOT_UNIQUE = "multiple matches for labels: grouping labels must ensure unique matches"


@dataclass(frozen=True)
class Matching:
    """How elements of two vectors find each other (promql/parser/ast.go, VectorMatching).

    on : match on ``labels`` only; otherwise on all labels but these and the name
    many : "" (one to one), "left" (group_left) or "right" (group_right)
    include : labels that the many side takes over from the one side
    """

    labels: frozenset[str] = frozenset()
    on: bool = False
    many: str = ""
    include: tuple[str, ...] = ()

    def key(self, labels: LabelSet) -> LabelSet:
        """Return what must be equal on both sides (promql/engine.go, VectorBinop)."""
        if self.on:
            return tuple(pair for pair in labels if pair[0] in self.labels)
        return without_labels(labels, self.labels | {NAME})


class _Pair(NamedTuple):
    """A series of the many (or left) side with one that it meets on the one (or right) side."""

    many: int
    one: int
    key: LabelSet
    labels: LabelSet


def scalars(op: str, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Evaluate an operator between two scalars; comparisons give 1 or 0.

    promql/engine.go, scalarBinop.
    """
    if op in ARITHMETIC:
        return ARITHMETIC[op](left, right)
    return COMPARISONS[op](left, right).astype(float)


def vector_scalar(
    context: Context, op: str, vector: Vector, scalar: np.ndarray, *, swapped: bool, as_bool: bool
) -> Vector:
    """Evaluate an operator between a vector and a scalar, which is on the left if ``swapped``.

    promql/engine.go, VectorscalarBinop.
    """

    def row(values: np.ndarray, present: np.ndarray) -> Row:
        left, right = (scalar, values) if swapped else (values, scalar)
        if op in ARITHMETIC:
            return Row(ARITHMETIC[op](left, right), present)
        true = COMPARISONS[op](left, right)
        return Row(true.astype(float), present) if as_bool else Row(values, present & true)

    result = vector.mapped(row)
    return context.nameless(result) if _drops_name(context, op, as_bool) else result


def vectors(
    context: Context, op: str, left: Vector, right: Vector, matching: Matching, *, as_bool: bool
) -> Vector:
    """Evaluate an arithmetic operator or a comparison between two vectors.

    Raises BadInput, as Prometheus does, if at some step series of the one side share a key, a
    one-to-one match is not, or results would have equal labels.
    """
    if len(left) == 0 or len(right) == 0:
        return EMPTY
    many, one = (right, left) if matching.many == "right" else (left, right)
    by_key = where_equal([matching.key(labels) for labels in one.labels])
    drops = _drops_name(context, op, as_bool)
    pairs = [
        _Pair(i, j, key, _result_labels(context, labels, one.labels[j], matching, drops))
        for i, labels in enumerate(many.labels)
        for key in [matching.key(labels)]
        for j in by_key.get(key, ())
    ]
    ambiguous = _ambiguous(pairs, matching)
    twins = {key: group for key, group in by_key.items() if len(group) > 1}
    if ambiguous or twins:
        many = many.held()
    if ambiguous or twins or len({pair.one for pair in pairs}) < len(pairs):
        one = one.held()
    _check_one_side(context, many, one, twins, matching)

    def row(pair: _Pair) -> Row:
        return _paired(op, many.rows[pair.many], one.rows[pair.one], matching, as_bool)

    for group in ambiguous:
        _check_many_side(context, group, many, one, matching, row)
    marked = drops and context.delayed_names
    result = Vector(
        tuple(pair.labels for pair in pairs),
        LazyRows(len(pairs), lambda i: row(pairs[i])),
        tuple(marked or many.nameless[pair.many] for pair in pairs),
    )
    return merged(result, context.times)


def sets(context: Context, op: str, left: Vector, right: Vector, matching: Matching) -> Vector:
    """Evaluate ``and``, ``or``, ``unless``: samples pass unchanged, or not at all.

    promql/engine.go, VectorAnd, VectorOr, VectorUnless.
    """
    if op == "or":
        left = left.held()
        there = _presence_by_key(context, left, matching)
        added = _masked(
            right, matching, there, np.zeros(len(context.times), dtype=bool), keep=False
        )
        both = Vector(
            left.labels + added.labels,
            LazyRows(
                len(left) + len(added),
                lambda i: left.rows[i] if i < len(left) else added.rows[i - len(left)],
            ),
            left.nameless + added.nameless,
        )
        return merged(both, context.times)
    there = _presence_by_key(context, right, matching)
    nowhere = np.zeros(len(context.times), dtype=bool)
    return _masked(left, matching, there, nowhere, keep=op == "and")


def _masked(
    vector: Vector,
    matching: Matching,
    there: dict[LabelSet, np.ndarray],
    nowhere: np.ndarray,
    *,
    keep: bool,
) -> Vector:
    masks = [there.get(matching.key(labels), nowhere) for labels in vector.labels]
    rows = vector.rows

    def row(index: int) -> Row:
        values, present, part = rows[index]
        return Row(values, present & (masks[index] if keep else ~masks[index]), part)

    return Vector(vector.labels, LazyRows(len(rows), row), vector.nameless)


def _presence_by_key(
    context: Context, vector: Vector, matching: Matching
) -> dict[LabelSet, np.ndarray]:
    there: dict[LabelSet, np.ndarray] = {}
    for labels, row in zip(vector.labels, vector.rows, strict=True):
        key = matching.key(labels)
        there[key] = there[key] | row.present if key in there else row.present
    return there


def _drops_name(context: Context, op: str, as_bool: bool) -> bool:
    if op in COMPARISONS:
        return as_bool
    # 2.42 forgets atan2; fixed in 2.47.
    return op != "atan2" or context.semantics >= 3


def _ambiguous(pairs: Sequence[_Pair], matching: Matching) -> list[list[_Pair]]:
    """Return the pairs that must not exist at the same step as another of their group.

    One to one these are all pairs of a key; otherwise those of a key with equal result labels.
    """
    groups: dict[tuple[LabelSet, LabelSet], list[_Pair]] = {}
    for pair in pairs:
        groups.setdefault((pair.key, pair.labels if matching.many else ()), []).append(pair)
    return [group for group in groups.values() if len(group) > 1]


def _check_one_side(
    context: Context,
    many: Vector,
    one: Vector,
    twins: dict[LabelSet, list[int]],
    matching: Matching,
) -> None:
    """Refuse two series with one key on the one side, wherever the other side is not empty."""
    compared = any_present(many, len(context.times)) if twins else None
    side = "left" if matching.many == "right" else "right"
    for key, group in twins.items():
        seen = np.zeros(len(context.times), dtype=bool)
        for number, i in enumerate(group):
            present = one.rows[i].present
            twice = seen & present & compared
            if twice.any():
                first = next(j for j in group[:number] if one.rows[j].present[np.argmax(twice)])
                # 2.42 names the series it has just met before the earlier one.
                both = (first, i) if context.semantics >= 3 else (i, first)
                fail_at(
                    twice,
                    context.times,
                    f"found duplicate series for the match group {_go_text(key)} on the {side} "
                    "hand-side of the operation: "
                    f"[{', '.join(_go_text(one.labels[j]) for j in both)}];many-to-many matching "
                    "not allowed: matching labels must be unique on one side",
                )
            seen |= present


def _check_many_side(
    context: Context,
    group: Sequence[_Pair],
    many: Vector,
    one: Vector,
    matching: Matching,
    row: Callable[[_Pair], Row],
) -> None:
    """Refuse two pairs of an ambiguous group at one step."""
    seen = np.zeros(len(context.times), dtype=bool)
    for pair in group:
        if context.semantics < 3:  # before 3.9 only what passes a filter counts
            present = row(pair).present
        else:
            present = many.rows[pair.many].present & one.rows[pair.one].present
        fail_at(seen & present, context.times, _NOT_UNIQUE if matching.many else _MANY_TO_ONE)
        seen |= present


def _paired(op: str, many: Row, one: Row, matching: Matching, as_bool: bool) -> Row:
    present = many.present & one.present
    left, right = (one, many) if matching.many == "right" else (many, one)
    if op in ARITHMETIC:
        return Row(ARITHMETIC[op](left.values, right.values), present)
    true = COMPARISONS[op](left.values, right.values)
    if as_bool:
        return Row(true.astype(float), present)
    return Row(left.values, present & true)


def _result_labels(
    context: Context, many: LabelSet, one: LabelSet, matching: Matching, drops_name: bool
) -> LabelSet:
    if drops_name and not context.delayed_names:
        many = without_labels(many, context.metadata_labels)
    if not matching.many:
        if matching.on:
            return tuple(pair for pair in many if pair[0] in matching.labels)
        return without_labels(many, matching.labels)
    if not matching.include:
        return many
    labels, found = dict(many), dict(one)
    return label_set({**labels, **{name: found.get(name, "") for name in matching.include}})


def _go_text(labels: LabelSet) -> str:
    """Write a label set as Go's Labels.String, the name among the others."""
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in labels) + "}"
