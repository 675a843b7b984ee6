"""Evaluation in blocks of steps, so that months of many series fit into memory.

What is computed on the way lives for one block; only the result grows with the query.  The
sample budget is Prometheus' ``--query.max-samples`` (promql/engine.go, ErrTooManySamples).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import FrameBuilder
from alertlab.promql.values import Vector
from alertlab.units import DAY_MS

MAX_SAMPLES = 100_000_000
"""Samples and results that a query may hold at once unless told otherwise: about 1 GB."""

_STEPS = 16_384  # one series' share of a block fits a core's cache
_SPAN_MS = 4 * DAY_MS
_REACHES = 4  # a block that is long beside its windows reads few samples twice


def step_blocks(times: np.ndarray, reach_ms: int) -> list[slice]:
    """Cut the steps of a query into blocks of nearly equal length.

    times : int64 [ms], increasing, at least one
    reach_ms : how far before a step its windows begin
    """
    per_ms = len(times) / max(int(times[-1] - times[0]), 1)
    steps = max(1, int(max(min(_STEPS, _SPAN_MS * per_ms), _REACHES * reach_ms * per_ms)))
    # Nearly equal, so that no single step is left over: some habits differ for a single step.
    edges = np.linspace(0, len(times), -(-len(times) // steps) + 1).astype(int).tolist()
    return [slice(start, stop) for start, stop in pairwise(edges)]


@dataclass
class Budget:
    """Counts what a query holds at once, and refuses it when that passes ``max_samples``."""

    max_samples: int = MAX_SAMPLES
    _result: int = 0
    _block: int = 0

    def read(self, count: int) -> None:
        """Add samples that are held until the present block ends."""
        self._block += count
        self._check(f"a part of it alone reads {self._block:,} samples")

    def keep(self, series: int, steps: int) -> None:
        """End a block: the result will have at least so many series, at all steps of the query."""
        self._result, self._block = series * steps, 0
        self._check(f"its result has {series:,} series of {steps:,} steps or more")

    def _check(self, why: str) -> None:
        held = self._result + self._block
        if held > self.max_samples:
            raise BadInput(
                "query processing would load too many samples into memory: it needs at least "
                f"{held:,} at once ({why}), and {self.max_samples:,} are allowed; aggregate, ask "
                "for a shorter span or a larger step, or raise the limit with --max-samples"
            )


def add_block(built: FrameBuilder, steps: slice, vector: Vector) -> None:
    """Compute the rows of a block and put those with a value at its steps."""
    for labels, row in zip(vector.labels, vector.rows, strict=True):
        there = row.present[row.part]
        if there.any():
            values, present = built.row(labels)
            values[steps][row.part] = row.values[row.part]
            present[steps][row.part] = there
