"""Intervals by resampled hours: they widen where hours differ, and repeat to the digit."""

from __future__ import annotations

import math

import numpy as np

from alertlab.latency import block_interval

BOUNDS = np.append(np.geomspace(0.01, 2, 150), math.inf)


def _hours(scatter: float, hours: int = 168) -> np.ndarray:
    """Cumulative counts of hours whose median latency scatters by so much, (hours, n_buckets)."""
    random = np.random.default_rng(7)
    medians = 0.1 * np.exp(scatter * random.standard_normal(hours))
    calls = medians[:, None] * np.exp(0.7 * random.standard_normal((hours, 600)))
    return np.stack([np.searchsorted(np.sort(one), BOUNDS, "right") for one in calls]).astype(float)


def test_hours_that_differ_widen_the_interval():
    """Single calls drawn again would not notice."""
    widths = []
    for scatter in (0.0, 0.5):
        low, high = block_interval(BOUNDS, _hours(scatter), 0.99)
        widths.append(high / low)
    assert 1.0 < widths[0] < 1.1 < 1.2 < widths[1]


def test_confidence_and_quantile_move_the_interval():
    """A surer interval holds the other; a higher quantile lies higher."""
    hours = _hours(0.5)
    usual, sure = (block_interval(BOUNDS, hours, 0.95, c) for c in (0.8, 0.999))
    assert sure[0] < usual[0] < usual[1] < sure[1]
    assert block_interval(BOUNDS, hours, 0.5)[1] < usual[0]


def test_a_day_of_hours_is_the_least():
    """Fewer hours say too little of how hours differ."""
    assert block_interval(BOUNDS, _hours(0.1, hours=23), 0.5) == (0.0, math.inf)
    assert math.isfinite(block_interval(BOUNDS, _hours(0.1, hours=24), 0.5)[1])
