"""Evaluations at which a rule exceeds its group's limit, and forgets all its alerts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from alertlab.replay.evaluate import EvaluatedRule


def forgetting(evaluated: EvaluatedRule) -> list[int]:
    """Return the numbers of the evaluations that fail for having more alerts than the limit.

    Pending, firing and kept alerts count.  Prometheus then empties the rule's memory: nothing is
    resolved, and the next evaluation begins anew (rules/alerting.go, Eval).
    """
    limit, n = evaluated.rule.limit, len(evaluated.frame.times)
    if limit <= 0:
        return []
    above = _count(evaluated, slice(0, n), kept=False)
    found: list[int] = []
    begin = 0
    while begin < n:
        active = _count(evaluated, slice(begin, n), kept=True)
        if not (active > limit).any():
            break
        at = begin + int(np.argmax(active > limit))
        # As long as the expression alone gives too many, each evaluation fails.
        too_many = np.concatenate([above[at + 1 :] > limit, [False]])
        begin = at + 1 + int(np.argmin(too_many))
        found += range(at, begin)
    return found


def remembered(evaluated: EvaluatedRule, forgets: list[int]) -> list[slice]:
    """Return the stretches of evaluations within which a rule forgets nothing.

    forgets : from ``forgetting``; those evaluations themselves lie in none of the stretches
    """
    edges = [-1, *forgets, len(evaluated.frame.times)]
    return [slice(before + 1, until) for before, until in pairwise(edges)]


def _count(evaluated: EvaluatedRule, columns: slice, *, kept: bool) -> np.ndarray:
    """Return how many alerts are active at each evaluation; without ``kept``, by their value."""
    rule, counts = evaluated.rule, np.zeros(columns.stop - columns.start, np.int64)
    for _, part, signed, level in evaluated.alerts(
        rule.hold_duration_ms, rule.keep_firing_for_ms, columns
    ):
        active = evaluated.above(signed)
        counts[part] += active | evaluated.above(level) if kept else active
    return counts
