"""Resources made of numbers, for the tests of what is said of them."""

from __future__ import annotations

import math

import numpy as np

from alertlab.capacity.ladder import Rung
from alertlab.capacity.resources import PODS, Measured, Reading, Resource
from alertlab.units import DAY_MS, HOUR_MS

LOGINS = Reading("sum(rate(logins[1h]))", "logins/s")


def resource_of(name: str = "hash workers", **changed) -> Resource:
    """Return a resource that pods share and logins drive, but for what is changed."""
    unit = changed.pop("unit", "workers")
    fields = {
        "kind": PODS,
        "owner": "auth team",
        "lead_time_ms": 14 * DAY_MS,
        "threshold_ratio": 0.8,
        "use": Reading("used", unit),
        "limit": Reading("limit", unit),
        "demand": LOGINS,
    }
    return Resource(name, **{**fields, **changed})


def measured_of(
    use: np.ndarray, limit: float | np.ndarray = 1.0, *, resource: Resource | None = None, **known
) -> Measured:
    """Return hours of use by pod, shape (n_pods, n_times) or (n_times,); else NaN if not given."""
    use = np.atleast_2d(use)
    n_pods, n_times = use.shape
    nothing = np.full(n_times, np.nan)
    return Measured(
        resource or resource_of(),
        HOUR_MS * np.arange(1, n_times + 1),
        tuple(f"pod-{at}" for at in range(n_pods)),
        use,
        np.broadcast_to(limit, use.shape).astype(float),
        known.get("replicas", np.full(n_times, 3.0)),
        known.get("demand", nothing),
        known.get("sign", nothing),
        known.get("mismatch", ""),
        {"use": "used", "limit": "limit"},
    )


def rung_of(peak_ratio: float, *, limit: float = 1.0, **changed) -> Rung:
    """Return a rung whose weekly peak is known, without a forecast."""
    measured = measured_of(np.full((1, 48), peak_ratio), limit, resource=resource_of(**changed))
    return Rung(measured, 3, 1, 2 / 3, peak_ratio, None, None, None, math.nan)
