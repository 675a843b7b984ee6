"""Measured resources made of numbers, for the tests of what is made of them."""

from __future__ import annotations

import numpy as np
from made_series import START_MS

from alertlab.capacity.resources import PODS, Measured, Reading, Resource, Sign
from alertlab.units import DAY_MS, HOUR_MS


def resource(name: str = "workers", **other) -> Resource:
    """Return a resource of pods that logins drive, with a week of lead time."""
    given = {
        "kind": PODS,
        "owner": "team",
        "lead_time_ms": 7 * DAY_MS,
        "threshold_ratio": 0.8,
        "use": Reading("use", "workers"),
        "limit": Reading("limit", "workers"),
        "demand": Reading("logins", "logins/s"),
        **other,
    }
    return Resource(name, **given)


def measured(
    use: np.ndarray, limit: float = 100.0, *, replicas: int = 3, of: Resource | None = None, **other
) -> Measured:
    """Return hourly use of one hottest pod, shape (n_times,) or (n_pods, n_times)."""
    use = np.atleast_2d(np.asarray(use, float))
    n_times = use.shape[1]
    given = {
        "limit": np.full(use.shape, limit),
        "replicas": np.full(n_times, float(replicas)),
        "demand": use[0] * replicas,
        "sign": np.full(n_times, np.nan),
        "mismatch": "",
        "queries": {"use": "use", "limit": "limit"},
        **other,
    }
    times_ms = START_MS + HOUR_MS * np.arange(n_times)
    pods = tuple(f"pod-{at}" for at in range(len(use)))
    return Measured(of or resource(), times_ms, pods, use, **given)


SIGN = Sign("lag", "lag", "s", 60.0)
