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

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from alertlab.rules import Threshold


def signed_values(values: np.ndarray, present: np.ndarray, threshold: Threshold) -> np.ndarray:
    """Return values that alert when they are large: negated for ``<``, -inf where none alerts.

    Absent and NaN values never alert.  Compare the result with ``threshold.value`` turned by
    ``signed_threshold``.
    """
    signed = values if threshold.rising else -values
    return np.where(present & ~np.isnan(values), signed, -np.inf)


def signed_threshold(value: float | np.ndarray, threshold: Threshold) -> float | np.ndarray:
    """Return a threshold on the scale of ``signed_values``."""
    return value if threshold.rising else -value


def firing_level(
    signed: np.ndarray, *, interval_ms: int, hold_duration_ms: int, keep_firing_for_ms: int
) -> np.ndarray:
    """Return F, shape of ``signed`` (n_series, n_evaluations): fires where threshold < F.

    signed : values from ``signed_values``, -inf where the expression returned nothing, at
        evaluations ``interval_ms`` apart without a gap.
    """
    if signed.shape[-1] == 0:
        return signed.copy()
    k = math.ceil(hold_duration_ms / interval_ms)
    j = math.ceil(keep_firing_for_ms / interval_ms)
    held = _trailing(minimum_filter1d, signed, k + 1)
    if j == 0:
        return held
    return _scan_clamps(held, _trailing(maximum_filter1d, signed, j + 1))


def _trailing(extreme: object, values: np.ndarray, width: int) -> np.ndarray:
    """Return the minimum or maximum over the last ``width`` values; -inf before the first."""
    width = min(width, 2 * values.shape[-1])
    # A filter's window is centred; the origin moves it so that it ends at each value.
    return extreme(
        values, size=width, axis=-1, mode="constant", cval=-np.inf, origin=(width - 1) // 2
    )


def _scan_clamps(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return F with F[t] = max(low[t], min(F[t-1], high[t])), F[-1] = -inf; needs low <= high.

    Each step clamps the level before it, and clamps compose to clamps.  So the row is cut into
    blocks that advance side by side: first each block's composed clamp, then the level that
    enters each block, then the levels inside: about 2 sqrt(n) vector steps instead of n.
    """
    series, n = low.shape
    width = max(1, math.isqrt(n))
    blocks = -(-n // width)
    padding = ((0, 0), (0, blocks * width - n))
    # Time inside a block comes first, so that each step reads contiguous memory.
    lows, highs = (
        np.moveaxis(np.pad(one, padding, mode="edge").reshape(series, blocks, width), 2, 0).copy()
        for one in (low, high)
    )
    whole_low, whole_high = lows[0], highs[0]
    for t in range(1, width):
        whole_low = np.maximum(lows[t], np.minimum(whole_low, highs[t]))
        whole_high = np.maximum(lows[t], np.minimum(whole_high, highs[t]))
    entering = np.full((series, blocks), -np.inf)
    for b in range(1, blocks):
        entering[:, b] = np.maximum(
            whole_low[:, b - 1], np.minimum(entering[:, b - 1], whole_high[:, b - 1])
        )
    level = entering
    for t in range(width):
        level = np.maximum(lows[t], np.minimum(level, highs[t]))
        lows[t] = level
    return np.moveaxis(lows, 0, 2).reshape(series, blocks * width)[:, :n]
