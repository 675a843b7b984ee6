"""What expressions evaluate to: vectors of rows, one value and one presence bit per step.

A scalar is a float64 array with one value per step; a string is a ``str``.  Rows are computed
when they are read, so that an aggregation over hundreds of series holds one row at a time.  The
arrays of a row may be shared or read-only: nobody writes into them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from alertlab.errors import EvaluationFailed
from alertlab.units import LabelSet, format_time

SAME_LABELSET = "vector cannot contain metrics with the same labelset"


EVERYWHERE = slice(None)


class Row(NamedTuple):
    """One series: ``values`` float64 and ``present`` bool, one each per step.

    Nothing is present outside of the steps ``part``: pods come and go, and whoever reads many
    rows need not look at the steps at which a pod did not live.
    """

    values: np.ndarray
    present: np.ndarray
    part: slice = EVERYWHERE


class LazyRows(Sequence[Row]):
    """Rows that are computed on every access; hold them before reading them twice."""

    def __init__(self, count: int, compute: Callable[[int], Row]) -> None:
        self._count = count
        self._compute = compute

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Row:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._compute(index)

    def __iter__(self) -> Iterator[Row]:
        return map(self._compute, range(self._count))


@dataclass(frozen=True)
class Vector:
    """An instant vector at every step: one label set and one row per series.

    promql/value.go, Vector.

    ``nameless`` marks the series whose name is to be removed at the end of the query (delayed
    name removal); it is all False when names are removed at once.
    """

    labels: tuple[LabelSet, ...]
    rows: Sequence[Row]
    nameless: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        if not self.nameless:
            object.__setattr__(self, "nameless", (False,) * len(self.labels))

    def __len__(self) -> int:
        return len(self.labels)

    def mapped(self, function: Callable[[np.ndarray, np.ndarray], Row]) -> Vector:
        """Return the vector with ``function(values, present)`` applied to every row."""
        rows = self.rows

        def row(index: int) -> Row:
            one = rows[index]
            return function(one.values, one.present)

        return replace(self, rows=LazyRows(len(rows), row))

    def held(self) -> Vector:
        """Return the same vector with its rows computed."""
        return replace(self, rows=list(self.rows)) if isinstance(self.rows, LazyRows) else self

    def picked(self, indices: Sequence[int]) -> Vector:
        """Return the vector of the series at ``indices``, in that order."""
        rows = self.rows
        return Vector(
            tuple(self.labels[i] for i in indices),
            LazyRows(len(indices), lambda i: rows[indices[i]]),
            tuple(self.nameless[i] for i in indices),
        )


EMPTY = Vector((), [])


def where_equal(labels: Sequence[LabelSet]) -> dict[LabelSet, list[int]]:
    """Return the positions of every label set, in order of first appearance."""
    found: dict[LabelSet, list[int]] = {}
    for index, one in enumerate(labels):
        found.setdefault(one, []).append(index)
    return found


def merged(
    vector: Vector,
    times: np.ndarray,
    *,
    message: str = SAME_LABELSET,
) -> Vector:
    """Join series with equal labels into one (promql/engine.go, mergeSeriesWithSameLabelset).

    Raises BadInput with ``message`` if two of them exist at the same step.
    """
    positions = where_equal(vector.labels)
    if len(positions) == len(vector):
        return vector
    groups = list(positions.values())
    joined: dict[int, Row] = {}
    for number, group in enumerate(groups):
        if len(group) > 1:
            rows = [vector.rows[i] for i in group]
            joined[number] = _joined(rows, times, message)
    rows = vector.rows
    return Vector(
        tuple(positions),
        LazyRows(len(groups), lambda i: joined[i] if i in joined else rows[groups[i][0]]),
        tuple(any(vector.nameless[i] for i in group) for group in groups),
    )


def _joined(rows: Sequence[Row], times: np.ndarray, message: str) -> Row:
    values, present, _ = rows[0]
    for row in rows[1:]:
        fail_at(present & row.present, times, message)
        values = np.where(row.present, row.values, values)
        present = present | row.present
    return Row(values, present)


def fail_at(failed: np.ndarray, times: np.ndarray, message: str) -> None:
    """Raise EvaluationFailed with ``message`` and the first step at which it ``failed``, if any.

    promql/engine.go, errorf.
    """
    if failed.any():
        raise EvaluationFailed(f"{message} (at {format_time(int(times[np.argmax(failed)]))})")


def without_labels(labels: LabelSet, names: frozenset[str]) -> LabelSet:
    """Return the label set without the labels of these names.

    model/labels/labels_stringlabels.go, MatchLabels.
    """
    return tuple(pair for pair in labels if pair[0] not in names)


def any_present(vector: Vector, count: int) -> np.ndarray:
    """Tell for each of ``count`` steps whether the vector has an element there."""
    found = np.zeros(count, dtype=bool)
    for row in vector.rows:
        found |= row.present
    return found


def constant_vector(value: np.ndarray) -> Vector:
    """Return the vector with one series without labels that is always there.

    promql/functions.go, funcVector.
    """
    return Vector(((),), [Row(value, np.ones(len(value), dtype=bool))])
