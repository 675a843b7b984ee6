"""PromQL over a unit test's samples, and when all slots can be evaluated at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import Frame
from alertlab.promql import evaluate, instant_query, parse
from alertlab.promql.parsing import duration_ms
from alertlab.promql.reading import names_read, reading_nodes
from alertlab.rule_tests.store import SampleStore
from alertlab.units import LabelSet

Samples = list[tuple[LabelSet, float]]


@dataclass(frozen=True)
class Queries:
    """Evaluates expressions over a store.

    ``subquery_step_ms`` is the resolution of subqueries that name none: the test file's
    evaluation interval.
    """

    store: SampleStore
    semantics: int
    subquery_step_ms: int

    def at(self, expr: str, at_ms: int) -> Samples:
        """Return a vector's samples, or a scalar as one without labels.

        Follows rules/manager.go, EngineQueryFunc; raises BadInput for other types.
        """
        answer = instant_query(expr, self.store.select, at_ms, **self._options)
        if answer.kind not in ("vector", "scalar"):
            raise BadInput("rule result is not a vector or scalar")
        return [(series.labels, float(series.values[0])) for series in answer.series]

    def over(self, expr: str, times: np.ndarray) -> Frame:
        """Return the expression's values at all of these times."""
        return evaluate(expr, self.store.select, times, **self._options)

    @property
    def _options(self) -> dict[str, int]:
        return {"semantics": self.semantics, "subquery_step_ms": self.subquery_step_ms}


class GridAnswers:
    """The samples of an expression at each of the times that it was evaluated at."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        slots, self._rows = np.nonzero(frame.present.T)
        self._edges = np.searchsorted(slots, np.arange(len(frame.times) + 1))

    def at(self, slot: int) -> Samples:
        """Return the samples at the slot of this number."""
        rows = self._rows[self._edges[slot] : self._edges[slot + 1]]
        return [(self._frame.labels[i], float(self._frame.values[i, slot])) for i in rows]


def is_independent(expr: str, written: Collection[str]) -> bool:
    """Tell whether an expression can be evaluated at all slots before the rules have run.

    It must read none of the names that rules write, and nothing behind its own slot: a test's
    samples are loaded slot by slot.
    """
    return not names_read(expr, written) and not any(
        node.at is not None or duration_ms(node.offset) < 0 for node in reading_nodes(parse(expr))
    )
