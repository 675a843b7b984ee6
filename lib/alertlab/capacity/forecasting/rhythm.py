"""The day's course apart from the days' levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alertlab.capacity.forecasting.series import DAYS_OF_WEEK, weekdays

_ROUNDS = 5  # with gaps, levels and courses are found in turns
_KNOWN_RATIO = 0.5  # of a day, or its level is unknown
_LEAST_KEPT = 0.1  # of a value's variance, beside a course that it makes almost alone


@dataclass(frozen=True)
class Rhythm:
    """Days as level + course of the weekday + scatter, on a model's scale.

    levels : float64, shape (n_days,); NaN where less than half a day is known
    courses : float64, shape (7, per_day); each has the mean 0
    scatter : float64, shape (n_days, per_day); NaN where unknown, and as wide as the doubt of a
        day ahead: that of the course is in it
    """

    levels: np.ndarray
    courses: np.ndarray
    scatter: np.ndarray

    def mid(self, levels: np.ndarray) -> np.ndarray:
        """Return days ahead about given levels, (..., n_ahead); shape (..., n_ahead, per_day)."""
        return levels[..., None] + self.courses[_weekdays_ahead(levels.shape[-1])]

    def draw(self, levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return days about given levels, each with the scatter of some day of the history.

        Shapes as in ``mid``.  Days are drawn whole, as what happens within one hangs together.
        """
        scatter = self._filled(rng)
        return self.mid(levels) + scatter[rng.integers(len(scatter), size=levels.shape)]

    def _filled(self, rng: np.random.Generator) -> np.ndarray:
        """Return the days' scatter with what is unknown drawn from other days at that time."""
        usable = self.scatter[~np.isnan(self.levels)]
        filled = usable.copy()
        for at in range(usable.shape[1]):
            unknown = np.isnan(usable[:, at])
            filled[unknown, at] = rng.choice(usable[~unknown, at], unknown.sum())
        return filled


def find_rhythm(days: np.ndarray, memory: float = 1.0) -> Rhythm:
    """Return the rhythm of days on a model's scale; NaN where unknown, shape (n_days, per_day).

    memory : what a week tells of a course, by the week after it; 1 where courses never change
    Each time of each weekday must be known once.
    """
    weekday, known = weekdays(len(days)), ~np.isnan(days)
    weeks_ago = (len(days) - 1 - np.arange(len(days))) // DAYS_OF_WEEK
    weights = known * memory ** weeks_ago[:, None]
    levels = np.zeros(len(days))
    for _ in range(_ROUNDS):
        rest = np.where(known, days - levels[:, None], 0.0) * weights
        courses = _by_weekday(rest) / _by_weekday(weights)
        courses -= courses.mean(axis=1, keepdims=True)
        rest = np.where(known, days - courses[weekday], 0.0)
        levels = rest.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    # A value is part of its own course, and a course of a few weeks is not the true one.
    own_share = weights / _by_weekday(weights)[weekday]
    doubt = (_by_weekday(weights**2) / _by_weekday(weights) ** 2)[weekday]
    kept = np.maximum(1 - 2 * own_share + doubt, _LEAST_KEPT)
    scatter = (days - courses[weekday] - levels[:, None]) * np.sqrt((1 + doubt) / kept)
    levels_known = known.mean(axis=1) >= _KNOWN_RATIO
    return Rhythm(np.where(levels_known, levels, np.nan), courses, scatter)


def _by_weekday(days: np.ndarray) -> np.ndarray:
    """Return the sums over each weekday; (n_days, per_day) -> (7, per_day)."""
    weekday = weekdays(len(days))
    return np.stack([days[weekday == one].sum(axis=0) for one in range(DAYS_OF_WEEK)])


def _weekdays_ahead(n_ahead: int) -> np.ndarray:
    return np.arange(n_ahead) % DAYS_OF_WEEK
