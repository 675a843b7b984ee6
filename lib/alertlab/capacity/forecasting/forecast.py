"""What will be used when, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alertlab.capacity.forecasting.choice import (
    SEASONAL_NAIVE,
    best_memory,
    find_origins,
    origin_errors,
)
from alertlab.capacity.forecasting.models import MODELS, fit_trend
from alertlab.capacity.forecasting.records import Record
from alertlab.capacity.forecasting.rhythm import find_rhythm
from alertlab.capacity.forecasting.series import PEAK_QUANTILE, History, read_history, why_not
from alertlab.capacity.forecasting.shifts import find_shift
from alertlab.errors import BadInput
from alertlab.units import DAY_MS, format_time


@dataclass(frozen=True)
class Forecast:
    """What a series will be at each step ahead; where it is refused, ``mid`` and ends are NaN.

    times_ms : int64, shape (n_steps,)
    mid, low, high : float64, same shape; the median and the ends of the interval at one step
    paths : float64, shape (n_paths, n_steps); none where it is refused
    model : the name of the chosen model
    errors : rolling-origin error of each model, a share of the mean value
    refusal : why there is no forecast, in a sentence; empty if there is one
    made_ms : the last time of the history
    """

    times_ms: np.ndarray
    mid: np.ndarray
    low: np.ndarray
    high: np.ndarray
    confidence: float
    paths: np.ndarray
    model: str
    errors: dict[str, float]
    refusal: str
    made_ms: int
    notes: tuple[str, ...] = ()

    @property
    def horizon_days(self) -> float:
        """Return how far it looks ahead."""
        return float(self.times_ms[-1] - self.made_ms) / DAY_MS

    def record(self, name: str, start_ms: int, end_ms: int) -> Record:
        """Return what this says of the peak after a start up to an end, to be judged later.

        BadInput where it is refused, or does not reach over the span.
        """
        if self.refusal:
            raise BadInput(f"there is no forecast of {name} to write down: {self.refusal}")
        inside = (self.times_ms > start_ms) & (self.times_ms <= end_ms)
        if not (self.made_ms <= start_ms < end_ms <= self.times_ms[-1] and inside.any()):
            raise BadInput(
                f"the forecast of {name} goes from {format_time(self.made_ms)} to "
                f"{format_time(int(self.times_ms[-1]))}; give a span within"
            )
        tail = (1 - self.confidence) / 2
        peaks = np.quantile(self.paths[:, inside], PEAK_QUANTILE, axis=1, method="higher")
        low, mid, high = (float(one) for one in np.quantile(peaks, [tail, 0.5, 1 - tail]))
        times = (format_time(int(one)) for one in (self.made_ms, start_ms, end_ms))
        return Record(name, *times, low, mid, high, self.confidence, self.model)


def forecast(
    times_ms: np.ndarray,
    values: np.ndarray,
    *,
    horizon_ms: int,
    confidence: float = 0.9,
    excluded: np.ndarray | None = None,
    level_shifts_ms: Sequence[int] = (),
    n_paths: int = 1000,
    seed: int = 0,
) -> Forecast:
    """What will a series be over the next weeks, by its daily and weekly rhythm and its trend?

    times_ms, values, excluded : as ``read_history`` takes them; excluded holidays and incidents
        teach nothing
    horizon_ms : how far ahead, at least a step
    confidence : of the interval at one step
    level_shifts_ms : times of deploys, after each of which the level may have moved
    n_paths, seed : how many courses are drawn, and by which random numbers

    The model is the one with the least error on the last weeks (``origin_errors``).  A series that
    does not bear a forecast is refused in ``refusal``; BadInput for arguments that are none.
    """
    history = read_history(times_ms, values, excluded)
    _check(horizon_ms, history.step_ms, confidence, n_paths)
    ahead = history.times_ahead(horizon_ms // history.step_ms)
    refusal = why_not(history, horizon_ms)
    if refusal:
        return _refused(history, ahead, confidence, refusal)
    origins = find_origins(history)
    if not origins:
        refusal = (
            "what is missing and excluded leaves no week to judge by with two full ones before"
        )
        return _refused(history, ahead, confidence, refusal)
    memory = best_memory(history, origins)
    rhythm = find_rhythm(history.scaled, memory)
    refusal = find_shift(history, rhythm.levels, level_shifts_ms)
    if refusal:
        return _refused(history, ahead, confidence, refusal)
    errors = origin_errors(history, origins, memory)
    model = min(MODELS, key=lambda one: errors[one.name])
    if not errors[model.name] < errors[SEASONAL_NAIVE]:
        refusal = (
            f"no model was better than the week before (error {errors[SEASONAL_NAIVE]:.1%}; "
            f"that of the best, {model.name}: {errors[model.name]:.1%})"
        )
        return _refused(history, ahead, confidence, refusal, errors)
    rng = np.random.default_rng(seed)
    per_day = history.values.shape[1]
    n_ahead = -(-len(ahead) // per_day)
    levels = fit_trend(model, rhythm.levels).draw(n_ahead, n_paths, rng)
    drawn = rhythm.draw(levels, rng).reshape(n_paths, -1)[:, : len(ahead)]
    paths = history.unscaled(drawn)
    tail = (1 - confidence) / 2
    low, mid, high = np.quantile(paths, [tail, 0.5, 1 - tail], axis=0)
    return Forecast(
        ahead, mid, low, high, confidence, paths, model.name, errors, "", history.end_ms
    )


def _refused(
    history: History,
    ahead: np.ndarray,
    confidence: float,
    refusal: str,
    errors: dict[str, float] | None = None,
) -> Forecast:
    nothing = np.full(len(ahead), np.nan)
    no_paths = np.empty((0, len(ahead)))
    return Forecast(
        ahead, nothing, nothing, nothing, confidence, no_paths, "", errors or {}, refusal,
        history.end_ms,
    )  # fmt: skip


def _check(horizon_ms: int, step_ms: int, confidence: float, n_paths: int) -> None:
    if horizon_ms < step_ms:
        raise BadInput(f"a horizon of {horizon_ms / 1000:g} s is less than a step of the series")
    if not 0 < confidence < 1:
        raise BadInput(f"confidence is a share between 0 and 1, not {confidence:g}")
    if n_paths < 1:
        raise BadInput("a forecast needs one path or more: n_paths is 1 or more")
