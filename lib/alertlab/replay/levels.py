"""The firing level: one pass over an expression's values that answers for every threshold.

For a rule ``lhs > T`` with ``for`` and ``keep_firing_for`` the alert fires at evaluation t exactly
when ``T < F[t]``, where with k = ceil(for / interval), j = ceil(keep_firing_for / interval)

    m[t] = min(x[t-k .. t])              -inf while t < k
    M[t] = max(x[t-j .. t])              window cut at the first evaluation
    F[t] = max(m[t], min(F[t-1], M[t]))  F[-1] = -inf

It fires if the last k + 1 values lie above T (m), or if it fired before and one of the last
j + 1 values lies above T.  Same state machine: Prometheus, rules/alerting.go, AlertingRule.Eval.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from alertlab.rules import Threshold

_STRIDE = 64  # evaluations that one step of the recursion takes at once
_PIECE = 24_576  # evaluations of a row whose intermediate results stay in a core's cache


def signed_values(
    values: np.ndarray, present: np.ndarray, threshold: Threshold | None
) -> np.ndarray:
    """Return values that alert when they are large: negated for ``<``, -inf where none alerts.

    Absent and NaN values never alert.  Compare the result with ``threshold.value`` turned by
    ``signed_threshold``.  Without a threshold all that is present alerts, and is 1.
    """
    if threshold is None:
        return np.where(present, 1.0, -np.inf)
    signed = values if threshold.rising else -values
    return np.where(present & ~np.isnan(values), signed, -np.inf)


def signed_threshold(value: float | np.ndarray, threshold: Threshold) -> float | np.ndarray:
    """Return a threshold on the scale of ``signed_values``."""
    return value if threshold.rising else -value


def firing_level(
    signed: np.ndarray,
    *,
    interval_ms: int,
    hold_duration_ms: int,
    keep_firing_for_ms: int,
    number: np.ndarray | None = None,
) -> np.ndarray:
    """Return F, shape of ``signed`` (n_series, n_evaluations): fires where threshold < F.

    signed : values from ``signed_values``, -inf where the expression returned nothing
    number : int64, shape (n_evaluations,), strictly increasing: which interval of the group each
        evaluation stands for, where some were missed; None: one after the other
    """
    return firing_levels(
        signed,
        interval_ms=interval_ms,
        durations_ms=[(hold_duration_ms, keep_firing_for_ms)],
        number=number,
    )[:, 0]


def firing_levels(
    signed: np.ndarray,
    *,
    interval_ms: int,
    durations_ms: Sequence[tuple[int, int]],
    number: np.ndarray | None = None,
) -> np.ndarray:
    """Return ``firing_level`` for several pairs of ``for`` and ``keep_firing_for`` at once.

    Shape (n_series, n_durations, n_evaluations).
    """
    counts = [tuple(math.ceil(one / interval_ms) for one in pair) for pair in durations_ms]
    n_series, n = signed.shape
    grid = missing = None
    if number is not None and n > 0 and number[-1] - number[0] != n - 1:
        # Durations are times, not counts: a window that begins in a gap sees the value before it.
        # So gaps are filled with what stood before them; but nothing starts or stops firing there.
        grid = np.arange(number[0], number[-1] + 1)
        missing = np.ones(len(grid), bool)
        missing[number - number[0]] = False
        signed = signed[:, np.searchsorted(number, grid, side="right") - 1]
    levels = _levels([_Row(row, *pair) for row in signed for pair in counts], missing)
    levels = levels if missing is None else levels[:, ~missing]
    return levels.reshape(n_series, len(counts), n)


class _Row(NamedTuple):
    """Values and how many evaluations ``for`` and ``keep_firing_for`` look back."""

    values: np.ndarray
    k: int
    j: int


def _levels(rows: Sequence[_Row], missing: np.ndarray | None) -> np.ndarray:
    """Return F on a grid without gaps, (n_rows, n_evaluations); where ``missing``, it stays.

    Each step clamps the level before it, and clamps compose to clamps.  So the steps of _STRIDE
    evaluations are composed first, and the recursion takes a stride of all rows at a time.
    """
    n = len(rows[0].values) if rows else 0
    level = np.empty((len(rows), n))
    last = np.full((len(rows), _STRIDE), -np.inf)
    reach = max((max(row.k, row.j) for row in rows), default=0)
    recurs = any(row.j for row in rows)
    for begin, piece in _pieces(n, reach + (_STRIDE if recurs else 0)):
        lows, highs = np.empty((2, len(rows), piece.stop - piece.start))
        for i, (low, high) in enumerate(_clamps(rows, begin, piece.stop, missing)):
            lows[i], highs[i] = low[piece.start - begin :], high[piece.start - begin :]
        if not recurs:
            level[:, piece] = lows
            continue
        for first in range(0, lows.shape[1], _STRIDE):
            stride = slice(first, min(first + _STRIDE, lows.shape[1]))
            width = stride.stop - first
            into = level[:, piece.start + first : piece.start + stride.stop]
            np.minimum(highs[:, stride], last[:, :width], out=into)
            last = np.maximum(lows[:, stride], into, out=into)
    return level


def _clamps(
    rows: Sequence[_Row], begin: int, end: int, missing: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give each row's lower and upper clamps for the evaluations in a stretch."""
    known: dict[tuple, np.ndarray] = {}

    def trailing(extreme: np.ufunc, values: np.ndarray, width: int) -> np.ndarray:
        key = (id(values), extreme, width)
        if key not in known:
            known[key] = _trailing(extreme, values[begin:end], width)
        return known[key].copy()

    never = np.full(end - begin, -np.inf)
    for values, k, j in rows:
        low = trailing(np.minimum, values, k + 1)
        low[: max(0, k - begin)] = -np.inf
        if not j:  # what fires by its own values alone
            yield low, never
            continue
        high = trailing(np.maximum, values, j + 1)
        if missing is not None:
            low[missing[begin:end]] = -np.inf
            high[missing[begin:end]] = np.inf
        yield _composed(low, high, j)


def _pieces(n: int, reach: int) -> Iterator[tuple[int, slice]]:
    """Cut n evaluations into pieces of whole strides; each begins to look ``reach`` before it."""
    width = -(-max(_PIECE, 4 * reach) // _STRIDE) * _STRIDE
    for first in range(0, n, width):
        yield max(0, first - reach), slice(first, min(first + width, n))


def _trailing(extreme: np.ufunc, row: np.ndarray, width: int) -> np.ndarray:
    """Return the minimum or maximum over the last ``width`` values, fewer at the beginning.

    Windows of twice the width are two windows side by side, so that log2(width) passes do.
    """
    width, span = min(width, len(row)), 1
    have, spare = row, [np.empty_like(row), np.empty_like(row)]
    while span < width:
        shift = min(span, width - span)
        extreme(have[shift:], have[:-shift], out=spare[0][shift:])
        spare[0][:shift] = have[:shift]
        have = spare[0]
        spare.reverse()
        span += shift
    return have


def _composed(low: np.ndarray, high: np.ndarray, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the clamps that lead from F[t - _STRIDE], or from before the row, to F[t].

    ``max(b, min(max(a, min(f, A)), B))`` is ``max(b, min(a, B), min(f, min(A, B)))``.
    """
    spare = np.empty_like(low)
    span = 1
    while span < min(_STRIDE, len(low)):
        before = low[:-span]
        if 2 * span > j + 1:  # else each high looks back to all these lows, and is no smaller
            before = np.minimum(before, high[span:], out=spare[span:])
        np.maximum(low[span:], before, out=low[span:])
        np.minimum(high[span:], high[:-span], out=spare[span:])
        spare[:span] = high[:span]
        high, spare = spare, high
        span *= 2
    return low, high
