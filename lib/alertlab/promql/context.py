"""What an expression is evaluated in: the steps, the data, the version's habits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from alertlab.errors import EvaluationFailed
from alertlab.frame import Series
from alertlab.promql.blocks import Budget
from alertlab.promql.matchers import Matcher
from alertlab.promql.values import (
    SAME_LABELSET,
    LazyRows,
    Row,
    Vector,
    merged,
    without_labels,
)
from alertlab.units import NAME, LabelSet

Select = Callable[[Sequence[Matcher], int, int], Sequence[Series]]
"""Raw series that satisfy the matchers, between two times [ms] with both ends included."""


@dataclass(frozen=True)
class Context:
    """One evaluation (promql/engine.go, evaluator).

    times : int64 [ms], the steps of this (sub)expression
    start_ms, end_ms : start and end of the whole query, for ``@ start()`` and ``@ end()``
    semantics : 3 (Prometheus 3.16) or 2 (2.42)
    delayed_names : names stay visible until the end of the query (feature flag
        ``promql-delayed-name-removal``)
    within_text : the call that is being evaluated

    All blocks of a query share its budget, what is the same at every step (by its text), and
    whose label sets a range function has given away (by its text and the label set).
    """

    times: np.ndarray
    start_ms: int
    end_ms: int
    select: Select
    semantics: int
    lookback_ms: int
    subquery_step_ms: int
    delayed_names: bool = False
    within_text: str = ""
    budget: Budget = field(default_factory=Budget)
    invariants: dict[str, Any] = field(default_factory=dict)
    owners: dict[tuple[str, LabelSet], LabelSet] = field(default_factory=dict)

    def at(self, times: np.ndarray) -> Context:
        """Return the same evaluation on other steps."""
        return replace(self, times=times)

    def within(self, node: Any) -> Context:
        """Return the same evaluation inside of a call."""
        return replace(self, within_text=node.prettify())

    @property
    def metadata_labels(self) -> frozenset[str]:
        """Labels that go where the name goes (schema/labels.go, from 3.5)."""
        return frozenset((NAME, "__type__", "__unit__") if self.semantics >= 3 else (NAME,))

    def nameless(self, vector: Vector, *, disjoint_allowed: bool = True) -> Vector:
        """Drop the names of a vector, now or marked for the end of the query.

        model/labels/labels_stringlabels.go, DropReserved.

        Raises BadInput if series that differed by name only exist at one step, or exist at all
        where ``disjoint_allowed`` is false (range functions).
        """
        if self.delayed_names:
            return replace(vector, nameless=(True,) * len(vector))
        stripped = tuple(without_labels(one, self.metadata_labels) for one in vector.labels)
        rows = vector.rows if disjoint_allowed else self._sole_owners(vector, stripped)
        return merged(replace(vector, labels=stripped, rows=rows), self.times)

    def _sole_owners(self, vector: Vector, stripped: Sequence[LabelSet]) -> LazyRows:
        """Return rows that fail if another series had points under the same labels, ever."""

        def row(index: int) -> Row:
            one = vector.rows[index]
            if one.present[one.part].any():
                labels, key = vector.labels[index], (self.within_text, stripped[index])
                if self.owners.setdefault(key, labels) != labels:
                    raise EvaluationFailed(SAME_LABELSET)
            return one

        return LazyRows(len(vector), row)

    def finished(self, vector: Vector) -> Vector:
        """Drop the names that were only marked, and join what became equal.

        promql/engine.go, cleanupMetricLabels.
        """
        labels = tuple(
            without_labels(one, self.metadata_labels) if drop else one
            for one, drop in zip(vector.labels, vector.nameless, strict=True)
        )
        return merged(Vector(labels, vector.rows), self.times)
