"""Whether the level moved at once in the last week, after a deploy or without one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from alertlab.capacity.forecasting.models import STEADY, fit_at
from alertlab.capacity.forecasting.series import DAYS_OF_WEEK, History
from alertlab.units import DAY_MS, format_time

DEPLOY_CHANCE = 0.002  # that a deploy that did nothing is taken for a shift
SEARCH_CHANCE = 0.0005  # the same of a week in which nothing happened
MIN_SHIFT_RATIO = 0.05  # what is smaller moves no date by much


def find_shift(history: History, levels: np.ndarray, deploys_ms: Sequence[int]) -> str:
    """Say in a sentence that the level moved in the last week; an empty text if it did not.

    levels : of the history's days on its scale, NaN where unknown, shape (n_days,)
    """
    for deploy in sorted(deploys_ms):
        first = _first_whole_day(history, deploy)
        if history.n_days - DAYS_OF_WEEK <= first < history.n_days:
            shift, chance = _shift(history, levels, first)
            if chance < DEPLOY_CHANCE and abs(shift) >= MIN_SHIFT_RATIO:
                return _sentence(shift, f"after the deploy of {format_time(int(deploy))}")
    found = [
        (*_shift(history, levels, first), first)
        for first in range(history.n_days - DAYS_OF_WEEK, history.n_days - 1)
    ]
    shift, chance, first = min(found, key=lambda one: one[1])
    if chance * len(found) < SEARCH_CHANCE and abs(shift) >= MIN_SHIFT_RATIO:
        start_ms = history.end_ms - (history.n_days - first) * DAY_MS
        return _sentence(shift, f"about {format_time(start_ms)}")
    return ""


def _first_whole_day(history: History, time_ms: int) -> int:
    return history.n_days - (history.end_ms - int(time_ms)) // DAY_MS


def _sentence(shift: float, when: str) -> str:
    verb = "rose" if shift > 0 else "fell"
    return (
        f"the level {verb} by {abs(shift):.0%} {when}, within the last week: "
        "a trend through both levels would mislead; wait until a week has passed, or exclude it"
    )


def _shift(history: History, levels: np.ndarray, first: int) -> tuple[float, float]:
    """Return by which ratio the level moved at a day, and the chance of such a step by itself."""
    after = (np.arange(len(levels)) >= first).astype(float)[:, None]
    if not (~np.isnan(levels[first:])).any():
        return 0.0, 1.0
    fits = [fit_at(STEADY, one, levels, after) for one in STEADY.strengths]
    best = max(fits, key=lambda fit: fit.log_likelihood).least_squares
    step, doubt = best.params[-1], best.bse[-1]
    chance = 2 * float(student.sf(abs(step) / doubt, best.df_resid)) if doubt else 0.0
    before = np.nanmean(levels[:first])
    return float(np.expm1(step) if history.in_logs else step / before), chance
