"""Models of the latency of every method and hour of 28 days, against fits one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from measure import best_seconds, print_table
from scipy.optimize import minimize
from scipy.stats import CensoredData, lognorm

from alertlab import open_source
from alertlab.latency import bucket_history
from alertlab.latency.families import LOGNORMAL, Cells, Family
from alertlab.latency.fitting import Fits, cell_shares, fit_many
from alertlab.latency.models import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT / "data" / "recordings" / "auth-28d"
METRIC = "grpc_server_handling_seconds"
_SINGLES = 100  # fits one by one; all of them would take too long
_EXPANDED = 3  # fits of observations one by one
_MOST_CALLS = 2_000  # of a histogram that is expanded into its observations
Peer = Callable[[np.ndarray, np.ndarray], float]
"""Fits a lognormal to one histogram, of bounds and counts; returns log median."""


def bench_latency_fits() -> None:
    """Fits per second, after a look at whether the peers find the same maximum."""
    bounds, counts = _histograms()
    rows = []
    for family in FAMILIES:
        seconds, found = _timed(bounds, counts, family)
        sought, ended = int((found.dof >= 1).sum()), int(found.converged.sum())
        speed = f"{sought / seconds:,.0f}"
        rows.append([family.name, f"{seconds:.2f} s", f"{sought:,}", f"{ended:,}", speed])
        if family is LOGNORMAL:
            ours, chosen = sought / seconds, np.flatnonzero(found.converged)
    print_table(
        f"Models of {len(counts):,} histograms of {len(bounds)} buckets, all at once",
        ["family", "time", "fits", "converged", "fits per second"],
        rows,
    )
    few = chosen[counts[chosen].sum(axis=1) <= _MOST_CALLS][:_EXPANDED]
    peers = {
        "here, all at once": ours,
        "here, one by one": _speed(_alone, bounds, counts[chosen[:_SINGLES]]),
        "`scipy.optimize.minimize`": _speed(_minimized, bounds, counts[chosen[:_SINGLES]]),
        "`scipy.stats.lognorm.fit` of `CensoredData`": _speed(_expanded, bounds, counts[few]),
    }
    print_table(
        "A lognormal, against fits one by one",
        ["", "fits per second", "ratio"],
        [[name, f"{speed:,.3g}", f"{ours / speed:,.3g} x"] for name, speed in peers.items()],
    )


def _histograms() -> tuple[np.ndarray, np.ndarray]:
    """Return bounds, and the counts per bucket of every method and hour with data."""
    source = open_source(str(RECORDING))
    history = bucket_history(source, METRIC, source.start_ms, source.end_ms)
    cumulative = history.cumulative.reshape(-1, len(history.upper_bounds))
    known = cumulative[np.isfinite(cumulative).all(axis=1)]
    return history.upper_bounds, np.diff(known, axis=1, prepend=0.0)


def _timed(bounds: np.ndarray, counts: np.ndarray, family: Family) -> tuple[float, Fits]:
    found: list[Fits] = []
    seconds = best_seconds(lambda: found.append(fit_many(bounds, counts, family)), repeats=2)
    return seconds, found[-1]


def _speed(peer: Peer, bounds: np.ndarray, counts: np.ndarray) -> float:
    """Return a peer's fits per second; it must have found the maximum."""
    medians: list[float] = []
    seconds = best_seconds(lambda: medians.extend(peer(bounds, one) for one in counts), repeats=1)
    ours = fit_many(bounds, counts, LOGNORMAL).theta[:, 0]
    np.testing.assert_allclose(medians, ours, atol=1e-3)
    return len(counts) / seconds


def _alone(bounds: np.ndarray, counts: np.ndarray) -> float:
    return float(fit_many(bounds, counts[None], LOGNORMAL).theta[0, 0])


def _minimized(bounds: np.ndarray, counts: np.ndarray) -> float:
    """Seek the maximum of the same likelihood, from the same start, by BFGS."""
    shares = counts / counts.sum()

    def nll(theta: np.ndarray) -> float:
        inside, _ = cell_shares(LOGNORMAL, bounds[:-1], theta[None])
        return -shares @ np.log(inside[0])

    (start,) = LOGNORMAL.starts(Cells(bounds[:-1], shares[None]))
    return float(minimize(nll, start[0]).x[0])


def _expanded(bounds: np.ndarray, counts: np.ndarray) -> float:
    """Make each call an observation in an interval: this peer knows no weights."""
    times = np.round(counts).astype(int)
    between = np.column_stack([np.append(0.0, bounds[:-1]), bounds])
    data = CensoredData(interval=np.repeat(between, times, axis=0))
    return float(np.log(lognorm.fit(data, floc=0)[2]))
