"""Weekly peaks: what a week's busiest hours use, as history and as forecast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from alertlab.capacity.forecasting.forecast import Forecast
from alertlab.capacity.forecasting.series import PEAK_QUANTILE
from alertlab.units import DAY_MS, WEEK_MS

_KNOWN_RATIO = 0.5  # of a week, for it to have a peak


def weekly_peaks(
    times_ms: np.ndarray, values: np.ndarray, quantile: float = PEAK_QUANTILE
) -> tuple[np.ndarray, np.ndarray]:
    """What was the peak of the week before each day's end, days ending when the series does?

    times_ms : int64, evenly spaced, shape (n_times,); values : float64, (n_rows, n_times)
    -> times of shape (n_days,) and peaks (n_rows, n_days), from the first whole week on; NaN where
    less than half of the week is known
    """
    step_ms = int(times_ms[1] - times_ms[0])
    of_week, of_day = WEEK_MS // step_ms, DAY_MS // step_ms
    if len(times_ms) < of_week:
        return times_ms[:0], values[:, :0]
    first = (len(times_ms) - of_week) % of_day
    weeks = sliding_window_view(values, of_week, axis=1)[:, first::of_day]
    ordered = np.sort(weeks, axis=2)  # NaN last
    known = of_week - np.isnan(ordered).sum(axis=2)
    rank = np.ceil(quantile * np.maximum(known - 1, 0)).astype(np.int64)
    peaks = np.take_along_axis(ordered, rank[:, :, None], axis=2)[:, :, 0]
    peaks[known < _KNOWN_RATIO * of_week] = np.nan
    return times_ms[first + of_week - 1 :: of_day], peaks


def forecast_peaks(
    said: Forecast, times_ms: np.ndarray, values: np.ndarray, quantile: float = PEAK_QUANTILE
) -> Forecast:
    """What will the weekly peak be at each day's end?

    said : forecast of a series; times_ms, values : its history, shape (n_times,)
    The first weeks ahead are part history.  A refused forecast stays as it is.
    """
    if said.refusal:
        return said
    of_week = WEEK_MS // int(times_ms[1] - times_ms[0])
    before = np.broadcast_to(values[-of_week:], (len(said.paths), len(values[-of_week:])))
    both = np.concatenate([before, said.paths], axis=1)
    ends, peaks = weekly_peaks(np.append(times_ms[-of_week:], said.times_ms), both, quantile)
    # Days end when the forecast does; those that end in the history are known.
    ahead = ends > said.made_ms
    tail = (1 - said.confidence) / 2
    low, mid, high = np.quantile(peaks[:, ahead], [tail, 0.5, 1 - tail], axis=0)
    return replace(said, times_ms=ends[ahead], mid=mid, low=low, high=high, paths=peaks[:, ahead])
