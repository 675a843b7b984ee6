"""When a limit is reached: first crossings of paths, and Prometheus' straight line."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_series import grown, hours

from alertlab.capacity.forecasting import Forecast, crossing, forecast, predict_linear
from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.promql import evaluate
from alertlab.units import DAY_MS, HOUR_MS, label_set


def of_paths(paths: list[list[float]]) -> Forecast:
    """Return a forecast of given daily paths from time 0."""
    drawn = np.array(paths, dtype=float)
    mid = np.median(drawn, axis=0)
    times = DAY_MS * np.arange(1, drawn.shape[1] + 1)
    return Forecast(times, mid, mid, mid, 0.9, drawn, "steady trend", {}, "", 0)


def test_first_crossing_of_each_path() -> None:
    """Days 1, 2, 3 and never, by hand; a value at the limit has reached it."""
    said = of_paths([[5, 1, 1], [1, 6, 1], [1, 2, 5], [1, 2, 4]])
    answer = crossing(said, 5, 0)
    assert (answer.earliest_days, answer.median_days, answer.latest_days) == (1, 2, math.inf)
    assert answer.share_crossing_ratio == 0.75
    assert answer.horizon_days == 3


def test_not_within_the_horizon() -> None:
    """Fewer than half of the paths cross: the median is infinite, the earliest may not be."""
    said = of_paths([[1, 9]] * 2 + [[1, 1]] * 8)
    answer = crossing(said, 5, 0)
    assert answer.median_days == math.inf
    assert answer.earliest_days == 2
    assert crossing(of_paths([[1, 1]] * 30 + [[9, 9]]), 5, 0).earliest_days == math.inf


def test_from_above() -> None:
    """Free space falls to its limit; from below the same limit is reached at once."""
    said = of_paths([[9, 6, 4], [9, 4, 3]])
    assert crossing(said, 5, 0, falling=True).median_days == 2
    assert crossing(said, 5, 0).median_days == 1
    assert crossing(said, 2, 0, falling=True).share_crossing_ratio == 0


def test_days_count_from_the_given_time() -> None:
    """What was crossed before it does not count, and the days are from it."""
    said = of_paths([[9, 1, 1, 9], [1, 1, 9, 1]])
    assert crossing(said, 5, 0).median_days == 1
    later = crossing(said, 5, 2 * DAY_MS)
    assert (later.median_days, later.latest_days, later.horizon_days) == (1, 2, 2)
    assert crossing(said, 5, DAY_MS - HOUR_MS).median_days == 1 / 24
    with pytest.raises(BadInput, match="the forecast is over"):
        crossing(said, 5, 4 * DAY_MS + 1)
    with pytest.raises(BadInput, match="not a number"):
        crossing(said, math.nan, 0)


@given(st.lists(st.lists(st.floats(0, 10), min_size=4, max_size=4), min_size=1, max_size=30))
def test_a_higher_limit_is_never_reached_earlier(paths: list[list[float]]) -> None:
    """All three days grow with the limit, the share falls, and the days stand in their order."""
    said = of_paths(paths)
    answers = [crossing(said, limit, 0) for limit in (2.0, 5.0, 8.0)]
    for name in ("earliest_days", "median_days", "latest_days"):
        days = [getattr(one, name) for one in answers]
        assert days == sorted(days)
    shares = [one.share_crossing_ratio for one in answers]
    assert shares == sorted(shares, reverse=True)
    assert all(one.earliest_days <= one.median_days <= one.latest_days for one in answers)


def test_crossing_of_a_growing_series_holds_the_truth() -> None:
    """Of 12 series, the day on which each crosses lies between its 5 % and 95 % day for most."""
    held, medians = 0, []
    for seed in range(12):
        values = grown(112, seed, weekly_growth=0.05)
        said = forecast(hours(84), values[: 84 * 24], horizon_ms=28 * DAY_MS, n_paths=300)
        limit = 1.06 * values[84 * 24 - 168 : 84 * 24].max()
        above = np.flatnonzero(values[84 * 24 :] >= limit)
        day = (above[0] + 1) / 24 if len(above) else math.inf
        answer = crossing(said, limit, said.made_ms)
        held += answer.earliest_days <= day <= answer.latest_days
        medians.append(answer.median_days)
    assert held >= 10
    assert 4 < np.median(medians) < 25


def test_predict_linear_is_the_least_squares_line() -> None:
    """Against numpy's fit, at the last time and ahead; NaN is no sample."""
    times = hours(3)
    values = np.random.default_rng(0).normal(50, 5, len(times))
    values[[3, 40, 71]] = np.nan
    known = ~np.isnan(values)
    slope, level = np.polyfit((times - times[-1])[known] / 1000, values[known], 1)
    for ahead_ms in (0, HOUR_MS, 30 * DAY_MS + 250):
        expected = level + slope * ahead_ms / 1000
        assert predict_linear(times, values, ahead_ms) == pytest.approx(expected, rel=1e-9)


def test_predict_linear_is_what_promql_says() -> None:
    """A rule over the last two days says the same to the bit."""
    times = hours(2)
    values = grown(2, 0)
    series = Series(label_set({"__name__": "disk"}), times, values)
    rule = "predict_linear(disk[2d], 86400)"
    found = evaluate(rule, lambda *_: [series], times[-1:]).values[0, 0]
    assert predict_linear(times, values, DAY_MS) == found


def test_predict_linear_of_too_little() -> None:
    """One value gives no line; nothing at all is a mistake."""
    assert math.isnan(predict_linear(hours(1)[:2], np.array([np.nan, 4.0]), DAY_MS))
    assert math.isnan(predict_linear(hours(1)[:2], np.full(2, np.nan), DAY_MS))
    with pytest.raises(BadInput, match="do not belong together"):
        predict_linear(hours(1), np.ones(3), DAY_MS)
    with pytest.raises(BadInput, match="do not belong together"):
        predict_linear(np.array([], dtype=int), np.array([]), DAY_MS)
