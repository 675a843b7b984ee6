"""Weekly peaks of history and forecast, against the plain way to compute them."""

from __future__ import annotations

import numpy as np
from made_series import grown, hours

from alertlab.capacity.forecasting import forecast, forecast_peaks, peak, weekly_peaks
from alertlab.units import DAY_MS


def test_weekly_peaks_are_the_quantile_of_each_week() -> None:
    """A naive loop over days; days end when the series does, unknown hours do not count."""
    values = np.random.default_rng(1).random((2, 24 * 20 + 5))
    values[:, 200:230] = np.nan
    times = hours(21)[: values.shape[1]]
    ends, peaks = weekly_peaks(times, values)
    expected = range(values.shape[1] - 1, 166, -24)
    assert ends.tolist() == [int(times[at]) for at in expected][::-1]
    for row in range(2):
        naive = [peak(values[row, at - 167 : at + 1]) for at in expected][::-1]
        np.testing.assert_array_equal(peaks[row], naive)
    _, highest = weekly_peaks(times, values, 1.0)
    assert (highest > peaks).all()


def test_weeks_that_are_hardly_known_have_no_peak() -> None:
    """Less than half of a week says nothing; less than a week has none."""
    values = np.ones((1, 24 * 15))
    values[:, 24 * 6 : 24 * 11] = np.nan
    _, peaks = weekly_peaks(hours(15), values)
    assert np.isnan(peaks).any()
    assert not np.isnan(peaks[0, [0, -1]]).any()
    ends, none = weekly_peaks(hours(5), values[:, : 24 * 5])
    assert ends.shape == (0,)
    assert none.shape == (1, 0)


def test_peak_is_a_value_that_was_measured() -> None:
    """Of nothing it is unknown; infinite values count, unknown ones do not."""
    values = np.arange(100.0)
    assert peak(values) in values
    assert peak(values) == 95
    assert peak(values, 1.0) == 99
    assert np.isnan(peak(np.full(3, np.nan)))
    assert np.isinf(peak(np.array([1.0, np.inf]), 1.0))


def test_forecast_peaks_begin_in_the_history() -> None:
    """The first day ahead has six days of history in its week; its doubt is small, then grows."""
    values = grown(70, 2, hour_noise=0.02)
    said = forecast(hours(70), values, horizon_ms=21 * DAY_MS, n_paths=200)
    peaks = forecast_peaks(said, hours(70), values)
    assert peaks.paths.shape == (200, 21)
    assert peaks.times_ms[0] == said.made_ms + DAY_MS
    week = np.concatenate([np.broadcast_to(values[-144:], (200, 144)), said.paths[:, :24]], axis=1)
    np.testing.assert_array_equal(peaks.paths[:, 0], [peak(one) for one in week])
    np.testing.assert_array_equal(peaks.paths[:, 6], [peak(one) for one in said.paths[:, :168]])
    width = peaks.high - peaks.low
    assert width[0] < width[-1]
    assert np.all((peaks.low <= peaks.mid) & (peaks.mid <= peaks.high))
    highest = forecast_peaks(said, hours(70), values, 1.0)
    assert (highest.mid > peaks.mid).all()


def test_a_refused_forecast_stays_refused() -> None:
    """Nothing is made of nothing."""
    said = forecast(hours(10), grown(10, 1), horizon_ms=DAY_MS)
    assert forecast_peaks(said, hours(10), grown(10, 1)) is said
    assert said.refusal
