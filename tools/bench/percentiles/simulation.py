"""What quantiles of bucket counts say, beside what was drawn and what it was drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from alertlab.latency import block_interval, quantile
from percentiles.processes import Process

LEVELS = (0.5, 0.95, 0.99)
Layout = Sequence[float]
"""Finite upper bounds [s]."""

_HOURS, _CALLS_PER_HOUR = 168, 600
_MEDIAN_SECONDS, _SIGMA = 0.1, 0.7


def judged_draws(
    process: Process,
    layouts: Mapping[str, Layout],
    n: int,
    repeats: int,
    random: np.random.Generator,
) -> pd.DataFrame:
    """Draw ``n`` latencies again and again; one row for each draw, layout and level.

    held : the sample's quantile (the smallest value with a share q at or below) is in the bracket
    covered : the process' quantile is in the interval
    straight, estimate : relative errors of Prometheus' number and of the estimate against the
        sample's quantile; NaN in the +Inf bucket
    """
    known = {q: process.quantile(q) for q in LEVELS}
    ranks = {q: math.ceil(q * n) - 1 for q in LEVELS}
    rows = []
    for _ in range(repeats):
        values = process.draw(random, n)
        ordered = np.partition(values, sorted(set(ranks.values())))
        for name, bounds in layouts.items():
            for q in LEVELS:
                found = quantile([*bounds, math.inf], cumulative_counts(values, bounds), q)
                sample = ordered[ranks[q]]
                rows.append(
                    {
                        "process": process.name,
                        "layout": name,
                        "n": n,
                        "q": q,
                        "held": found.low <= sample <= found.high,
                        "covered": found.ci_low <= known[q] <= found.ci_high,
                        "straight": _error(found.prometheus, sample, found.estimate),
                        "estimate": _error(found.estimate, sample, found.estimate),
                        "verdict": found.verdict,
                    }
                )
    return pd.DataFrame(rows)


def cumulative_counts(values: np.ndarray, bounds: Layout) -> np.ndarray:
    """Count the values at or below each bound, and all of them."""
    buckets = np.bincount(np.searchsorted(bounds, values), minlength=len(bounds) + 1)
    return np.cumsum(buckets)


def _error(said: float, sample: float, estimate: float) -> float:
    return abs(said / sample - 1) if math.isfinite(estimate) else math.nan


def errors_against_process(
    process: Process, bounds: Layout, n: int, random: np.random.Generator
) -> list[dict[str, Any]]:
    """Draw ``n`` latencies once; one row for each level.

    inside : the process' quantile is in the bracket; straight, estimate : errors against it
    """
    cumulative = cumulative_counts(process.draw(random, n), bounds)
    rows = []
    for q in LEVELS:
        found, known = quantile([*bounds, math.inf], cumulative, q), process.quantile(q)
        rows.append(
            {
                "process": process.name,
                "q": q,
                "inside": found.low <= known <= found.high,
                "straight": _error(found.prometheus, known, found.estimate),
                "estimate": _error(found.estimate, known, found.estimate),
            }
        )
    return rows


def weekly_intervals(
    hour_sigma: float, bounds: Layout, weeks: int, random: np.random.Generator, q: float = 0.99
) -> pd.DataFrame:
    """Judge intervals of ``weeks`` weeks whose hours differ; one row each.

    hour_sigma : standard deviation of the hours' shift of the log median
    covered_alone, covered_hours : the process' quantile is in the interval for independent calls,
        or in the one of resampled hours; width_alone, width_hours : their ends' ratio
    """
    known = lognormal_quantile(math.hypot(_SIGMA, hour_sigma), q)
    rows = []
    for _ in range(weeks):
        shift = hour_sigma * random.standard_normal((_HOURS, 1))
        normal = _SIGMA * random.standard_normal((_HOURS, _CALLS_PER_HOUR))
        values = _MEDIAN_SECONDS * np.exp(shift + normal)
        hours = np.array([cumulative_counts(hour, bounds) for hour in values], float)
        ends = np.append(bounds, math.inf)
        alone = quantile(ends, hours.sum(axis=0), q)
        low, high = block_interval(ends, hours, q)
        rows.append(
            {
                "covered_alone": alone.ci_low <= known <= alone.ci_high,
                "covered_hours": low <= known <= high,
                "width_alone": alone.ci_high / alone.ci_low,
                "width_hours": high / low,
            }
        )
    return pd.DataFrame(rows)


def lognormal_quantile(sigma: float, q: float) -> float:
    """Return a quantile of the weeks' latencies, whose log has this standard deviation in all."""
    return _MEDIAN_SECONDS * math.exp(sigma * ndtri(q))
