"""The tables of ``docs/benchmarks.md``, Percentiles."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from measure import print_table

from alertlab.latency import BEYOND, FEW, GOOD, WIDE, advise_layout, make_histogram
from percentiles.processes import (
    A66,
    GO,
    NARROW,
    PROCESSES,
    PYTHON,
    Process,
    random_processes,
)
from percentiles.simulation import (
    Layout,
    errors_against_process,
    judged_draws,
    weekly_intervals,
)

SEED = 20_251_101
NOMINAL = 0.95
THRESHOLD_SECONDS = 0.25  # of the objective that the advised layouts keep a bound for
REPEATS = {50: 150, 500: 150, 5_000: 150, 100_000: 50, 1_000_000: 16}
ADVISED = "advised"
_SEEN = 100_000  # what a layout is advised from
_EACH, _WEEKS = 40, 120
_HOUR_SIGMAS = (0.0, 0.2, 0.5)
_VERDICTS = (GOOD, WIDE, FEW, BEYOND)


def bench_percentiles() -> None:
    """Brackets, intervals, estimates and verdicts on draws from known distributions."""
    random = np.random.default_rng(SEED)
    draws = pd.concat(
        judged_draws(process, layouts_for(process), n, repeats, random)
        for process in PROCESSES
        for n, repeats in REPEATS.items()
    )
    print_coverage(draws)
    print_errors_by_size(draws)
    print_errors_by_process(draws)
    print_random_processes(random)
    print_weeks(random)


def layouts_for(process: Process) -> Mapping[str, Layout]:
    """Return the layouts by name; the advised one is for what Go's buckets show of the process."""
    shares = np.append(process.share_below(np.array(GO)), 1.0)
    seen = make_histogram([*GO, math.inf], np.round(_SEEN * shares))
    advice = advise_layout({process.name: seen}, slo_threshold_seconds=THRESHOLD_SECONDS)
    return {"Go": GO, "Python": PYTHON, "A66": A66, ADVISED: tuple(advice.edges_proposed)}


def print_coverage(draws: pd.DataFrame) -> None:
    """Print the shares of brackets and intervals that hold what they promise."""
    rows = []
    for (process, layout), part in draws.groupby(["process", "layout"], sort=False):
        covered = part.groupby("n")["covered"].mean()
        rows.append([process, layout, _percent(part["held"].mean()), *map(_percent, covered)])
    sizes = [f"n = {n:,}" for n in REPEATS]
    head = ["process", "layout", "sample's quantile in the bracket", *sizes]
    print_table("Brackets, and intervals that hold the process' quantile", head, rows)
    cells = draws.groupby(["process", "layout", "n", "q"])["covered"].agg(["mean", "size"])
    doubt = 3 * np.sqrt(NOMINAL * (1 - NOMINAL) / cells["size"])
    low = cells[cells["mean"] < NOMINAL - doubt]
    process, layout, n, q = cells["mean"].idxmin()
    print(
        f"\n{len(low)} of {len(cells)} cells are below {_percent(NOMINAL)} by more than three "
        f"standard errors; the lowest holds {_percent(cells['mean'].min())} of the time "
        f"({process}, {layout}, n = {n:,}, p{100 * q:g})."
    )


def print_errors_by_size(draws: pd.DataFrame) -> None:
    """Print errors and verdicts per layout and n, all processes and levels together."""
    rows = []
    for (layout, n), part in draws.groupby(["layout", "n"], sort=False):
        shares = [_percent((part["verdict"] == verdict).mean()) for verdict in _VERDICTS]
        rows.append(
            [layout, f"{n:,}", _errors(part["straight"]), _errors(part["estimate"]), *shares]
        )
    head = ["layout", "n", "straight line", "estimate", *_VERDICTS]
    title = "Errors against the sample's quantile (median / 95 %), and verdicts"
    print_table(title, head, rows)


def print_errors_by_process(draws: pd.DataFrame) -> None:
    """Print the median errors of both where there is hardly any luck left."""
    part = draws[draws["n"] == 100_000]
    rows = []
    for (process, q), cells in part.groupby(["process", "q"], sort=False):
        medians = cells.groupby("layout", sort=False)[["straight", "estimate"]].median()
        texts = [f"{_percent(a)} → {_percent(b)}" for a, b in medians.to_numpy()]
        rows.append([process, f"p{100 * q:g}", *texts])
    head = ["process", "", *part["layout"].unique()]
    print_table("Median errors at n = 100,000: straight line → estimate", head, rows)


def print_random_processes(random: np.random.Generator) -> None:
    """Print errors over many distributions, none of them lognormal."""
    results = pd.DataFrame(
        [
            row
            for process in random_processes(random, _EACH)
            for row in errors_against_process(process, GO, 10_000, random)
        ]
    )
    rows = []
    for q, part in results.groupby("q"):
        outside = f"{(~part['inside']).sum()} of {len(part)}"
        both = (_errors(part[name], worst=True) for name in ("straight", "estimate"))
        rows.append([f"p{100 * q:g}", *both, outside])
    title = "240 distributions that are not lognormal, n = 10,000, Go (median / 95 % / worst)"
    head = ["", "straight line", "estimate", "process' quantile outside the bracket"]
    print_table(title, head, rows)


def print_weeks(random: np.random.Generator) -> None:
    """Print how intervals of p99 hold where hours differ."""
    rows = []
    for name, bounds in (("Go", GO), ("A66", A66), ("9 % wide", NARROW)):
        for sigma in _HOUR_SIGMAS:
            found = weekly_intervals(sigma, bounds, _WEEKS, random)
            covered = (_percent(found[f"covered_{kind}"].mean()) for kind in ("alone", "hours"))
            widths = (f"{found[f'width_{kind}'].median():.2f}" for kind in ("alone", "hours"))
            rows.append([name, f"{sigma:g}", *covered, *widths])
    head = ["layout", "hours differ by", "independent calls", "hours drawn again"]
    title = "Intervals of p99 that hold the process' p99, 120 weeks of 168 hours with 600 calls"
    print_table(title, [*head, "ends' ratio: calls", "hours"], rows)


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.3g} %"


def _errors(errors: pd.Series, *, worst: bool = False) -> str:
    known = errors.dropna()
    if known.empty:
        return "none"
    levels = (0.5, 0.95, 1.0) if worst else (0.5, 0.95)
    return " / ".join(f"{100 * known.quantile(level):.1f}" for level in levels) + " %"
