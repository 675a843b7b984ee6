"""Tables of the latency report: quantiles of added-up spans, and what averaging would say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alertlab.latency import BucketHistory, averaged_quantiles, known_quantiles, quantile
from alertlab.units import HOUR_MS, label_set

BOUNDS = np.array([0.1, 0.25, 0.5, 1, math.inf])
DAY, NIGHT = np.array([900, 990, 1_000, 1_000, 1_000.0]), np.array([0, 0, 2, 10, 10.0])


def _history(*spans: np.ndarray) -> BucketHistory:
    """One method's spans of an hour each; None is one without data."""
    nothing = np.full(len(BOUNDS), np.nan)
    counts = np.stack([nothing if one is None else one for one in spans])[None]
    return BucketHistory(
        "handling_seconds", ("method",), (label_set({"method": "Login"}),), BOUNDS,
        HOUR_MS * np.arange(1, len(spans) + 1), HOUR_MS, counts, counts[:, :, -1] * 0.2,
    )  # fmt: skip


def test_spans_are_added_up_and_not_averaged():
    """Ten slow calls at night weigh as ten calls."""
    history = _history(*[DAY, NIGHT] * 20, None)
    (row,) = known_quantiles(history, [0.95]).itertuples()
    whole = quantile(BOUNDS, 20 * (DAY + NIGHT), 0.95)
    assert (row.group, row.q, row.count) == ("Login", 0.95, 20_200)
    assert (row.prometheus, row.low, row.high) == (whole.prometheus, whole.low, whole.high)
    assert row.hours_low <= row.low < row.high <= row.hours_high < math.inf
    (averaged,) = averaged_quantiles(history, 0.95).itertuples()
    by_day, by_night = (quantile(BOUNDS, one, 0.95).prometheus for one in (DAY, NIGHT))
    assert averaged.averaged == pytest.approx((by_day + by_night) / 2)
    assert averaged.largest == pytest.approx(by_night)
    assert (averaged.low, averaged.high) == (0.1, 0.25)
    assert averaged.off_ratio == pytest.approx(averaged.averaged / 0.25 - 1)


def test_spans_and_quantiles_can_be_chosen():
    """One night, and another quantile."""
    history = _history(DAY, NIGHT)
    night = known_quantiles(history, [0.1, 0.5], np.array([False, True]))
    assert night["count"].tolist() == [10, 10]
    assert night["low"].tolist() == [0.25, 0.5]
    assert night["hours_high"].tolist() == [math.inf, math.inf]
    (averaged,) = averaged_quantiles(history, 0.5, slice(0, 1)).itertuples()
    assert averaged.off_ratio == 0


def test_nothing_counted_is_nothing_known():
    """A method without calls has no quantile and no average."""
    history = _history(None, 0 * DAY)
    (row,) = known_quantiles(history, [0.5]).itertuples()
    assert math.isnan(row.low)
    assert row.verdict == "too few"
    (averaged,) = averaged_quantiles(history, 0.5).itertuples()
    assert math.isnan(averaged.averaged)
    assert math.isnan(averaged.off_ratio)
