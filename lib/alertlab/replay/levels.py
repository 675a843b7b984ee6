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
from collections.abc import Iterator

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
    k = math.ceil(hold_duration_ms / interval_ms)
    j = math.ceil(keep_firing_for_ms / interval_ms)
    n = signed.shape[-1]
    if number is None or n == 0 or number[-1] - number[0] == n - 1:
        return _levels(signed, k, j, None)
    # Durations are times, not counts: a window that begins in a gap sees the value before it.
    # So gaps are filled with what stood before them; but nothing starts or stops firing there.
    grid = np.arange(number[0], number[-1] + 1)
    missing = np.ones(len(grid), bool)
    missing[number - number[0]] = False
    filled = signed[:, np.searchsorted(number, grid, side="right") - 1]
    return _levels(filled, k, j, missing)[:, ~missing]


def _levels(signed: np.ndarray, k: int, j: int, missing: np.ndarray | None) -> np.ndarray:
    """Return F on a grid without gaps; where ``missing``, it stays what it was.

    Each step clamps the level before it, and clamps compose to clamps.  So the steps of _STRIDE
    evaluations are composed first, all side by side, and the recursion takes a stride at a time.
    """
    level = np.empty_like(signed)
    last = np.full((len(signed), _STRIDE), -np.inf)
    for begin, piece in _pieces(signed.shape[1], max(k, j) + (_STRIDE if j else 0)):
        lows, highs = np.empty((2, len(signed), piece.stop - piece.start))
        for i, row in enumerate(signed[:, begin : piece.stop]):
            low = _trailing(np.minimum, row, k + 1)
            low[: max(0, k - begin)] = -np.inf
            if j:
                high = _trailing(np.maximum, row, j + 1)
                if missing is not None:
                    low[missing[begin : piece.stop]] = -np.inf
                    high[missing[begin : piece.stop]] = np.inf
                low, high = _composed(low, high, j)
                highs[i] = high[piece.start - begin :]
            lows[i] = low[piece.start - begin :]
        if j == 0:
            level[:, piece] = lows
            continue
        for first in range(0, lows.shape[1], _STRIDE):
            stride = slice(first, min(first + _STRIDE, lows.shape[1]))
            width = stride.stop - first
            into = level[:, piece.start + first : piece.start + stride.stop]
            np.minimum(highs[:, stride], last[:, :width], out=into)
            last = np.maximum(lows[:, stride], into, out=into)
    return level


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
    return row.copy() if have is row else have


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
