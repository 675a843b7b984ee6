"""The share of calls within a threshold, on a bound and between two."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertlab.latency import estimate_quantiles, make_histogram, share_below

BOUNDS = [0.1, 0.25, 0.5, 1, math.inf]
HISTOGRAM = make_histogram(BOUNDS, [50, 80, 95, 99, 100])


@pytest.mark.parametrize(("threshold", "share"), [(0.1, 0.5), (0.5, 0.95), (1, 0.99)])
def test_a_bound_has_an_exact_share(threshold, share):
    """No interpolation where the count is known."""
    found = share_below(HISTOGRAM, threshold)
    assert (found.low, found.mid, found.high) == (share, share, share)


def test_between_bounds_the_neighbours_enclose_it():
    """Beyond the last bound not even an estimate is given."""
    found = share_below(HISTOGRAM, 0.3)
    assert (found.low, found.high) == (0.8, 0.95)
    assert 0.8 < found.mid < 0.95
    beyond = share_below(HISTOGRAM, 3)
    assert (beyond.low, beyond.high) == (0.99, 1.0)
    assert math.isnan(beyond.mid)


def test_no_observation_has_no_share():
    """Nothing is not everything within the threshold."""
    assert share_below(make_histogram([1, math.inf], [0, 0]), 1) is None


@given(
    st.lists(st.integers(0, 500), min_size=6, max_size=6).filter(lambda parts: sum(parts) > 0),
    st.floats(1e-3, 0.999),
)
def test_it_inverts_the_estimated_quantile(parts, q):
    """The curve is read in both directions, at its ends and across gaps too."""
    bounds = [0.01, 0.03, 0.1, 0.2, 0.9, math.inf]
    histogram = make_histogram(bounds, np.cumsum(parts))
    at = float(estimate_quantiles(histogram, np.array([q]))[0])
    if math.isnan(at) or at in bounds:
        return
    lower, upper = histogram.lower_bounds, histogram.upper_bounds
    if np.isclose(at, lower[upper > at][0], rtol=1e-9):
        return  # held at the bucket's edge, where many quantiles meet
    assert share_below(histogram, at).mid == pytest.approx(q, abs=1e-6)
