"""Which settings a tuning session considers: numbers that people would write."""

from __future__ import annotations

import numpy as np

from alertlab.rules import Threshold
from alertlab.units import MINUTE_MS

_MANTISSAS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)
WINDOWS_MS = tuple(n * MINUTE_MS for n in (1, 2, 5, 10, 15, 30))
HOLD_DURATIONS_MS = tuple(n * MINUTE_MS for n in (0, 1, 2, 5, 10, 15))
_NEIGHBOURS = 7  # on either side: where each is an evaluation of its own, all would take too long
KEEP_FIRING_FOR_MS = tuple(n * MINUTE_MS for n in (0, 5, 15))


def human_thresholds(levels: np.ndarray, current: float) -> np.ndarray:
    """Return round numbers that span the finite firing levels, and the current one; increasing.

    Between two neighbouring levels nothing changes, so numbers far outside them are not offered.
    """
    finite = levels[np.isfinite(levels)]
    if not len(finite):
        return np.array([current])
    positive = np.abs(finite[finite != 0])
    if not len(positive):
        return np.unique([current, 0.0])
    # Values below a thousandth of the largest are noise around zero, not thresholds.
    largest = max(positive.max(), abs(current))
    smallest = max(positive.min(), largest / 1000)
    decades = np.arange(np.floor(np.log10(smallest)), np.ceil(np.log10(largest)) + 1)
    # Multiplying by 10 ** -1 would leave 0.30000000000000004 in a rule file: round it away.
    sizes = np.array([float(f"{m * 10.0**d:.3g}") for d in decades for m in _MANTISSAS])
    sizes = sizes[(sizes >= smallest / 2) & (sizes <= largest * 2)]
    negative = -sizes if finite.min() < 0 else []
    return np.unique(np.concatenate([negative, [current], sizes]))


def few_thresholds(values: np.ndarray, threshold: Threshold) -> np.ndarray:
    """Return the nearest numbers on either side of a threshold, and the threshold; increasing.

    values : what is compared with it

    Round numbers; for ``==`` and ``!=`` numbers that occur, as no others do anything.
    """
    current = threshold.value
    if threshold.op in ("==", "!="):
        occurring = np.unique(values[np.isfinite(values)])
        written = [float(f"{value:.12g}") for value in occurring]  # as an edit will have it
        offered = np.unique([*written, current])
    else:
        offered = human_thresholds(values, current)
    at = int(np.searchsorted(offered, current))
    return offered[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS + 1]
