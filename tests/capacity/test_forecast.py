"""Forecasts: intervals that hold, every parameter, the same answer twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_series import correlated, grown, hours

from alertlab.capacity.forecasting import SEASONAL_NAIVE, Forecast, forecast
from alertlab.capacity.forecasting.models import DRIFTING, MODELS, STEADY, WEEKLY, fit_trend
from alertlab.errors import BadInput
from alertlab.units import DAY_MS, HOUR_MS

WEEKS_8 = 56


def forecast_of(values: np.ndarray, days: int = 14, **options) -> Forecast:
    """Forecast an hourly series some days ahead, by few paths."""
    options = {"n_paths": 300, "horizon_ms": days * DAY_MS, **options}
    return forecast(hours(len(values) // 24), values, **options)


def share_within(said: Forecast, actual: np.ndarray) -> float:
    """Return how much of what came lay within the interval."""
    return float(((actual >= said.low) & (actual <= said.high)).mean())


def test_nine_of_ten_lie_within_on_simulated_truth() -> None:
    """Over courses of four weeks ahead, 90 % of the hours lie within, also in the last week."""
    within, last_week = [], []
    for seed in range(16):
        values = grown(WEEKS_8 + 28, seed)
        said = forecast_of(values[: 24 * WEEKS_8], days=28)
        if said.refusal:
            assert "no model was better" in said.refusal
            continue
        actual = values[24 * WEEKS_8 :]
        held = (actual >= said.low) & (actual <= said.high)
        within.append(held.mean())
        last_week.append(held[-168:].mean())
    assert len(within) >= 11
    assert 0.84 < np.mean(within) < 0.96
    assert 0.82 < np.mean(last_week) < 0.97


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_trend_intervals_hold_far_ahead(correlation: float) -> None:
    """The level of the 42nd day after 84 days: 90 % within, though its slope is not known."""
    held, width = [], []
    for seed in range(90):
        rng = np.random.default_rng(seed)
        level = 0.01 * np.arange(126) + correlated(rng, 126, correlation)
        drawn = fit_trend(STEADY, level[:84]).draw(42, 200, rng)[:, -1]
        low, high = np.quantile(drawn, [0.05, 0.95])
        held.append(low <= level[-1] <= high)
        width.append(high - low)
    assert 0.84 < np.mean(held) < 0.95
    # What comes alone is 3.29 wide; that would not do.
    assert np.mean(width) > 3.29 * (1.03 if correlation == 0 else 1.1)


def test_intervals_of_a_drifting_level_hold() -> None:
    """A random walk with noise: 90 % of the levels four weeks ahead lie within."""
    held = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        level = 0.3 * np.cumsum(rng.standard_normal(112)) + rng.standard_normal(112)
        low, high = np.quantile(fit_trend(DRIFTING, level[:84]).draw(28, 200, rng), [0.05, 0.95], 0)
        held.append(((level[84:] >= low) & (level[84:] <= high)).mean())
    assert 0.85 < np.mean(held) < 0.95


def test_naive_with_drift_is_its_closed_form() -> None:
    """The last week and the mean step per week, as Hyndman and Athanasopoulos 2021 (5.2) have it"""
    level = np.random.default_rng(3).normal(size=35)
    trend = fit_trend(WEEKLY, level)
    drift = (level[28:] - level[:7]).mean() / 4
    assert trend.mid(14) == pytest.approx(np.r_[level[28:] + drift, level[28:] + 2 * drift])


def test_steady_trend_is_least_squares_where_days_are_independent() -> None:
    """Two exact numbers: slope and level of a line without noise, far ahead."""
    level = 5 + 0.25 * np.arange(42.0)
    assert fit_trend(STEADY, level).mid(20)[-1] == pytest.approx(5 + 0.25 * 61)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_draws_lie_about_their_mid(model) -> None:
    """The mean of many paths is the expected level, the spread grows with the distance."""
    level = np.random.default_rng(5).normal(size=56)
    level[20:23] = np.nan
    trend = fit_trend(model, level)
    paths = trend.draw(21, 20_000, np.random.default_rng(1))
    assert paths.mean(axis=0) == pytest.approx(trend.mid(21), abs=0.06)
    assert paths[:, -1].std() > 1.003 * paths[:, 6].std()


def test_better_than_the_seasonal_naive_on_growth() -> None:
    """In four weeks of 5 % growth a week, the week before is far off; the forecast is not."""
    values = grown(WEEKS_8 + 28, 1, weekly_growth=0.05)
    said = forecast_of(values[: 24 * WEEKS_8], days=28)
    actual, before = values[24 * WEEKS_8 :], np.tile(values[24 * (WEEKS_8 - 7) : 24 * WEEKS_8], 4)
    error, naive = (np.abs(one - actual).mean() for one in (said.mid, before))
    assert error < 0.6 * naive
    assert said.errors[said.model] == min(said.errors.values()) < said.errors[SEASONAL_NAIVE]


@pytest.mark.oracle
def test_better_than_the_seasonal_naive_on_taxi_rides(oracles: Path) -> None:
    """Half a year of rides in New York: two weeks ahead, at most 0.93 of the naive error."""
    folder = oracles / "incidents" / "NAB"
    rides = (
        pd.read_csv(folder / "data/realKnownCause/nyc_taxi.csv", index_col=0, parse_dates=True)[
            "value"
        ]
        .resample("1h")
        .sum()
    )
    windows = json.loads((folder / "labels/combined_windows.json").read_text())
    odd = np.zeros(len(rides), bool)
    for start, end in windows["realKnownCause/nyc_taxi.csv"]:
        odd |= (rides.index >= start) & (rides.index <= end)
    times, values = rides.index.as_unit("ms").asi8, rides.to_numpy(float)
    error, naive, within = [], [], []
    for end in range(24 * 98, 24 * 200, 24 * 7):
        past, ahead = slice(end - 24 * 84, end), slice(end, end + 24 * 14)
        said = forecast(
            times[past], values[past],
            horizon_ms=14 * DAY_MS, excluded=odd[past], n_paths=300,
        )  # fmt: skip
        if said.refusal:
            continue
        actual = np.where(odd[ahead], np.nan, values[ahead])
        before = np.tile(values[end - 168 : end], 2)
        error.append(np.nanmean(np.abs(said.mid - actual)))
        naive.append(np.nanmean(np.abs(before - actual)))
        within.append(share_within(said, np.where(np.isnan(actual), said.mid, actual)))
    assert len(error) >= 10
    assert np.sum(error) < 0.93 * np.sum(naive)
    assert np.mean(within) > 0.8


def test_what_is_excluded_or_missing_teaches_nothing() -> None:
    """Excluded hours may hold anything; missing ones are as if excluded; both change the answer."""
    values = grown(WEEKS_8, 2)
    odd = np.zeros(len(values), bool)
    odd[24 * 30 : 24 * 31 + 5] = True
    plain = forecast_of(values)
    wild = forecast_of(np.where(odd, 9_999.0, values), excluded=odd)
    wilder = forecast_of(np.where(odd, 0.0, values), excluded=odd)
    missing = forecast_of(np.where(odd, np.nan, values))
    assert np.array_equal(wild.paths, wilder.paths)
    assert np.array_equal(wild.paths, missing.paths)
    assert not np.array_equal(wild.paths, plain.paths)
    assert wild.mid == pytest.approx(plain.mid, rel=0.08)


def test_the_same_seed_is_the_same_forecast() -> None:
    """Twice the same to the bit; another seed, another draw of the same forecast."""
    values = grown(WEEKS_8, 4)
    one, same, other = forecast_of(values), forecast_of(values), forecast_of(values, seed=1)
    assert np.array_equal(one.paths, same.paths)
    assert not np.array_equal(one.paths, other.paths)
    assert other.mid == pytest.approx(one.mid, rel=0.06)


def test_each_parameter_changes_the_answer() -> None:
    """Horizon, confidence and the number of paths, each as it should."""
    values = grown(WEEKS_8, 4)
    said = forecast_of(values)
    assert said.paths.shape == (300, 14 * 24)
    assert said.horizon_days == 14
    assert said.times_ms[0] == hours(WEEKS_8)[-1] + HOUR_MS
    assert forecast_of(values, days=3).paths.shape == (300, 72)
    assert forecast_of(values, horizon_ms=25 * HOUR_MS).paths.shape == (300, 25)
    assert forecast_of(values, n_paths=50).paths.shape == (50, 14 * 24)
    narrow = forecast_of(values, confidence=0.5)
    assert np.all(narrow.high - narrow.low < said.high - said.low)
    assert narrow.confidence == 0.5


def test_daily_steps() -> None:
    """Any step that divides a day: the daily means are forecast alike by days and by hours."""
    values = grown(WEEKS_8, 7)
    hourly = forecast_of(values)
    days = forecast(
        hours(WEEKS_8)[23::24], values.reshape(-1, 24).mean(axis=1),
        horizon_ms=14 * DAY_MS, n_paths=300,
    )  # fmt: skip
    assert days.mid.shape == (14,)
    assert hourly.mid.reshape(14, 24).mean(axis=1) == pytest.approx(days.mid, rel=0.06)
    assert np.mean(days.high - days.low) == pytest.approx(
        np.mean(hourly.high - hourly.low), rel=0.25
    )


def test_never_below_zero() -> None:
    """A series that rests at 0 at night is forecast on its own scale, and not below 0."""
    values = np.maximum(grown(WEEKS_8, 8, hour_noise=0.3) - 90, 0)
    said = forecast_of(values)
    assert said.refusal == ""
    assert said.paths.min() == 0 == said.low.min()
    assert said.mid.max() > 50


def test_a_straight_line_grows_straight() -> None:
    """A disk fills by 10 a day; logarithms would have it fill ever faster."""
    rng = np.random.default_rng(1)
    hour = np.arange(24 * WEEKS_8)
    disk = 50 + 10 * hour / 24 + correlated(rng, len(hour), 0.5)
    said = forecast_of(disk, days=28)
    assert said.mid[-1] == pytest.approx(50 + 10 * (WEEKS_8 + 28), rel=0.01)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"times": hours(40)[1:]}, "do not belong together"),
        ({"excluded": np.zeros(3, bool)}, "do not belong together"),
        ({"times": np.delete(hours(41), [500, *range(961, 984)])}, "not even"),
        ({"times": hours(40) // HOUR_MS * 7 * HOUR_MS}, "does not divide a day"),
        ({"times": hours(40)[::-1]}, "does not divide a day"),
        ({"values": np.full(960, -1.0)}, "no use of a resource"),
        ({"values": np.r_[np.ones(959), np.inf]}, "no use of a resource"),
        ({"times": hours(40)[:1], "values": np.ones(1)}, "has no step"),
        ({"horizon_ms": 0}, "less than a step"),
        ({"confidence": 1.0}, "share between 0 and 1"),
        ({"n_paths": 0}, "one path or more"),
    ],
)
def test_arguments_that_are_none(options: dict, words: str) -> None:
    """Each mistake of a caller has its sentence."""
    given = {"times": hours(40), "values": grown(40, 0), "horizon_ms": DAY_MS, **options}
    with pytest.raises(BadInput, match=words):
        forecast(given.pop("times"), given.pop("values"), **given)
