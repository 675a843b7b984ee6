"""Hourly series with a known rhythm, growth and noise, so that forecasts meet the truth."""

from __future__ import annotations

import numpy as np

from alertlab.units import HOUR_MS, parse_time

START_MS = parse_time("2026-01-05T00:00:00Z")


def hours(n_days: int) -> np.ndarray:
    """Return the times of so many days of hours."""
    return START_MS + HOUR_MS * np.arange(24 * n_days)


def grown(
    n_days: int,
    seed: int,
    *,
    weekly_growth: float = 0.03,
    day_noise: float = 0.05,
    day_correlation: float = 0.6,
    hour_noise: float = 0.05,
) -> np.ndarray:
    """Return hourly values about 100 that grow by a share a week; shape (24 * n_days,)."""
    rng = np.random.default_rng(seed)
    hour = np.arange(24 * n_days)
    rhythm = 0.6 * np.sin(2 * np.pi * hour / 24) - 0.3 * ((hour // 24) % 7 >= 5)
    days = correlated(rng, n_days, day_correlation) * day_noise
    noise = np.repeat(days, 24) + correlated(rng, len(hour), 0.7) * hour_noise
    return 100 * np.exp(weekly_growth * hour / 168 + rhythm + noise)


def correlated(rng: np.random.Generator, n: int, correlation: float) -> np.ndarray:
    """Return normal noise of variance 1 in which neighbours hang together."""
    found = rng.standard_normal(n)
    for at in range(1, n):
        found[at] = correlation * found[at - 1] + np.sqrt(1 - correlation**2) * found[at]
    return found
