"""What an expression is evaluated in: the steps, the data, the version's habits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alertlab.frame import Series
from alertlab.promql.matchers import Matcher
from alertlab.promql.values import Vector, merged, without_labels

Select = Callable[[Sequence[Matcher], int, int], Sequence[Series]]
"""Raw series that satisfy the matchers, between two times [ms] with both ends included."""

NAME = "__name__"


@dataclass(frozen=True)
class Context:
    """One evaluation.

    times : int64 [ms], the steps of this (sub)expression
    start_ms, end_ms : start and end of the whole query, for ``@ start()`` and ``@ end()``
    semantics : 3 (Prometheus 3.14) or 2 (2.42)
    delayed_names : names stay visible until the end of the query (feature flag
        ``promql-delayed-name-removal``)
    """

    times: np.ndarray
    start_ms: int
    end_ms: int
    select: Select
    semantics: int
    lookback_ms: int
    subquery_step_ms: int
    delayed_names: bool = False

    def at(self, times: np.ndarray) -> Context:
        """Return the same evaluation on other steps."""
        return replace(self, times=times)

    @property
    def metadata_labels(self) -> frozenset[str]:
        """Labels that go where the name goes (schema/labels.go, from 3.5)."""
        return frozenset((NAME, "__type__", "__unit__") if self.semantics >= 3 else (NAME,))

    def nameless(self, vector: Vector, *, disjoint_allowed: bool = True) -> Vector:
        """Drop the names of a vector, now or marked for the end of the query.

        Raises BadInput if series that differed by name only exist at one step, or exist at all
        where ``disjoint_allowed`` is false (range functions).
        """
        if self.delayed_names:
            return replace(vector, nameless=(True,) * len(vector))
        stripped = tuple(without_labels(one, self.metadata_labels) for one in vector.labels)
        return merged(
            replace(vector, labels=stripped), self.times, disjoint_allowed=disjoint_allowed
        )

    def finished(self, vector: Vector) -> Vector:
        """Drop the names that were only marked, and join what became equal."""
        labels = tuple(
            without_labels(one, self.metadata_labels) if drop else one
            for one, drop in zip(vector.labels, vector.nameless, strict=True)
        )
        return merged(Vector(labels, vector.rows), self.times)
