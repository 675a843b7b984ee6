"""Which model errs least on weeks that it had not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alertlab.capacity.forecasting.models import MODELS, Model, fit_trend
from alertlab.capacity.forecasting.rhythm import find_rhythm
from alertlab.capacity.forecasting.series import DAYS_OF_WEEK, MIN_WEEKS, History, fewest_weeks

SEASONAL_NAIVE = "seasonal naive"
"""The yardstick: next week is as the last one was."""

ORIGINS = 6
_KNOWN_RATIO = 0.5  # of a week, to judge a model by it


MEMORIES = (1.0, 0.8, 0.6, 0.3)
"""What a week tells of the day's course, by the week after it."""


def find_origins(history: History) -> list[int]:
    """Return the days before which a model may look; the last as a rule a week before the end.

    They lie up to a week apart.  Before each, every time of the week is known twice, and of the
    week after it, half.
    """
    latest, first = history.n_days - DAYS_OF_WEEK, DAYS_OF_WEEK * MIN_WEEKS
    apart = min(max((latest - first) // (ORIGINS - 1), 1), DAYS_OF_WEEK)
    known = ~np.isnan(history.values)
    return [
        one
        for one in range(latest, first - 1, -apart)[:ORIGINS]
        if fewest_weeks(history.values[:one]) >= MIN_WEEKS
        and known[one : one + DAYS_OF_WEEK].mean() >= _KNOWN_RATIO
    ]


def best_memory(history: History, origins: Sequence[int]) -> float:
    """By which memory would the courses of the days after each origin have been told best?"""

    def error(memory: float) -> float:
        misses = []
        for origin in origins:
            days = history.scaled[origin : origin + DAYS_OF_WEEK]
            rest = days - find_rhythm(history.scaled[:origin], memory).courses
            known = ~np.isnan(rest).all(axis=1)
            misses.append(rest[known] - np.nanmedian(rest[known], axis=1, keepdims=True))
        return float(np.nanmean(np.abs(np.concatenate(misses))))

    return min(MEMORIES, key=error)


def origin_errors(
    history: History, origins: Sequence[int], memory: float, models: Sequence[Model] = MODELS
) -> dict[str, float]:
    """How far was each model off in the week after each of the last origins?

    The mean absolute error over all origins as a share of the history's mean value; that of the
    seasonal naive first.
    """
    actual, said = [], {SEASONAL_NAIVE: [], **{model.name: [] for model in models}}
    for origin in origins:
        actual.append(history.values[origin : origin + DAYS_OF_WEEK])
        said[SEASONAL_NAIVE].append(last_week(history.values[:origin]))
        rhythm = find_rhythm(history.scaled[:origin], memory)
        for model in models:
            levels = fit_trend(model, rhythm.levels).mid(DAYS_OF_WEEK)
            said[model.name].append(history.unscaled(rhythm.mid(levels)))
    mean = np.nanmean(history.values)
    return {
        name: float(np.nanmean(np.abs(np.stack(one) - np.stack(actual))) / mean)
        for name, one in said.items()
    }


def last_week(days: np.ndarray) -> np.ndarray:
    """Return what each time of the week was when last known; shape (7, per_day)."""
    latest = days[-DAYS_OF_WEEK:].copy()
    for before in range(2, len(days) // DAYS_OF_WEEK + 1):
        start = len(days) - before * DAYS_OF_WEEK
        latest = np.where(np.isnan(latest), days[start : start + DAYS_OF_WEEK], latest)
    return latest
