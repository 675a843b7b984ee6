"""Tables of what load costs, what drives it, and whether throughput bends under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from alertlab.capacity import Costs, Driver, Scalability
from alertlab.report.tables import MISSING, format_number, format_ratio

DRIVERS_FORMATS = {"first week": ".3g", "last week": ".3g", "growth a week": "ratio"}


def costs_table(costs: dict[str, Costs]) -> pd.DataFrame:
    """Return what one request of each method costs; ``costs`` by resource, units in its name."""
    methods = next(iter(costs.values())).per_request if costs else {}
    rows: list[dict[str, Any]] = [
        {"request": method} | {name: one.per_request[method] for name, one in costs.items()}
        for method in methods
    ]
    rows.append({"request": "a pod without any"} | {n: one.idle for n, one in costs.items()})
    rows.append(
        {"request": "explained"}
        | {n: format_ratio(one.explained_ratio) for n, one in costs.items()}
    )
    return pd.DataFrame(rows)


def drivers_table(drivers: Sequence[Driver]) -> pd.DataFrame:
    """Return each method's weekly peaks and growth; its formats are DRIVERS_FORMATS."""
    return pd.DataFrame(
        {
            "method": one.method,
            "first week": _edge(one.peaks_per_second, 0),
            "last week": _edge(one.peaks_per_second, -1),
            "growth a week": one.growth_per_week,
        }
        for one in drivers
    )


def _edge(values: np.ndarray, at: int) -> float | None:
    return float(values[at]) if len(values) else None


def scalability_table(found: Scalability) -> pd.DataFrame:
    """Return the fitted law's estimates with their standard errors, or why there is none."""
    fit = found.fit
    if fit is None:
        return pd.DataFrame([{"estimate": "none", "value": MISSING, "note": found.refusal}])
    rows = (
        (
            "contention (sigma)",
            fit.sigma,
            fit.sigma_se,
            "share that only one worker does at a time",
        ),
        ("coherency (kappa)", fit.kappa, fit.kappa_se, "cost of every pair of workers"),
        ("hashes/s of one worker (lam)", fit.lam, fit.lam_se, ""),
        ("concurrency at the peak", fit.peak_concurrency, fit.peak_concurrency_se, ""),
        ("hashes/s at the peak", fit.peak_throughput, fit.peak_throughput_se, "; ".join(fit.notes)),
    )
    return pd.DataFrame(
        {
            "estimate": name,
            "value": format_number(value),
            "standard error": MISSING if np.isnan(error) else format_number(error),
            "note": note or MISSING,
        }
        for name, value, error, note in rows
    )
