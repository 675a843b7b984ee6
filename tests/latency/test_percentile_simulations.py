"""A slice of ``tools/bench/percentiles``: brackets, intervals and errors on known distributions."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab.latency import quantile

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "bench"))

from percentiles.processes import A66, GO, NARROW, PROCESSES, random_processes
from percentiles.simulation import (
    LEVELS,
    errors_against_process,
    judged_draws,
    weekly_intervals,
)

NOMINAL = 0.95
# Of p50, p95 and p99 in percent, exact counts in Go's buckets: the straight line, and what a
# monotone cubic in the same coordinates was found to be off by at most.
KNOWN = {
    "lognormal": ((9.9, 16.5, 35.4), (0.1, 0.1, 0.1)),
    "hash spike": ((-16.6, 44.9, 71.1), (16.7, 45.0, 71.2)),
    "mixture": ((-2.2, 4.6, 1.8), (5.6, 2.4, 0.5)),
    "Weibull": ((1.1, 12.1, 20.3), (0.1, 0.2, 0.2)),
    "heavy tail": ((7.4, 6.4, 9.9), (0.4, 0.3, 1.0)),
}


def lowest_allowed(trials: int) -> float:
    """Return the share that is three standard errors below the nominal one."""
    return NOMINAL - 3 * math.sqrt(NOMINAL * (1 - NOMINAL) / trials)


@pytest.mark.parametrize("n", [50, 5_000])
def test_brackets_always_hold_and_intervals_at_their_level(n):
    """Every draw's own quantile, and the process' quantile in each cell and in all of them."""
    random = np.random.default_rng(n)
    draws = pd.concat(
        judged_draws(process, {"Go": GO, "A66": A66}, n, 30, random) for process in PROCESSES
    )
    assert draws["held"].all()
    cells = draws.groupby(["process", "layout", "q"])["covered"].mean()
    assert len(cells) == 30 and cells.min() >= lowest_allowed(30)
    assert draws["covered"].mean() >= NOMINAL
    assert draws["straight"].median() > draws["estimate"].median()


@pytest.mark.parametrize("process", PROCESSES, ids=lambda one: one.name)
def test_errors_of_exact_counts_are_the_known_ones(process):
    """The processes are the ones that were measured, and the estimate is no worse."""
    straight, at_most = KNOWN[process.name]
    cumulative = 1e9 * np.append(process.share_below(np.array(GO)), 1.0)
    for q, line, most in zip(LEVELS, straight, at_most, strict=True):
        true, found = process.quantile(q), quantile([*GO, math.inf], cumulative, q)
        assert process.share_below(true) == pytest.approx(q)
        assert 100 * (found.prometheus / true - 1) == pytest.approx(line, abs=0.06)
        assert 100 * abs(found.estimate / true - 1) <= most


def test_estimates_of_many_shapes_beat_the_straight_line():
    """None of them lognormal: the median error is a third of the straight line's, or less."""
    random = np.random.default_rng(11)
    rows = [
        row
        for process in random_processes(random, 10)
        for row in errors_against_process(process, GO, 10_000, random)
    ]
    results = pd.DataFrame(rows)
    assert results["process"].nunique() == 6
    for most, (q, part) in zip((0.01, 0.018, 0.03), results.groupby("q"), strict=True):
        assert part["estimate"].median() < most, q
        assert part["estimate"].median() < part["straight"].median() / 3
        assert part["estimate"].quantile(0.95) < part["straight"].quantile(0.95)
        assert part["inside"].mean() > 0.9


def test_hours_that_differ_need_an_interval_of_hours():
    """Calls taken for independent: too narrow an interval; resampled hours: at their level."""
    weeks = weekly_intervals(0.5, NARROW, 24, np.random.default_rng(5))
    assert weeks["covered_hours"].mean() >= lowest_allowed(24)
    assert weeks["covered_alone"].mean() < lowest_allowed(24)
    assert weeks["width_hours"].median() > weeks["width_alone"].median()
    alike = weekly_intervals(0.0, NARROW, 16, np.random.default_rng(6))
    assert alike[["covered_hours", "covered_alone"]].mean().min() >= lowest_allowed(16)
