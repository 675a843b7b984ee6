"""Load histories made of numbers, for the tests of what is learned from them."""

from __future__ import annotations

import numpy as np

from alertlab.capacity.load import LoadHistory
from alertlab.units import HOUR_MS


def load_of(n_pods: int, n_spans: int, rates: dict[str, np.ndarray], **known: np.ndarray):
    """Return an hourly history of requests/s by method, and of whatever else is given."""
    shape = (n_pods, n_spans)
    unknown = np.full(shape, np.nan)
    per_second = np.stack([np.broadcast_to(one, shape) for one in rates.values()])
    fields = ("cpu_cores", "memory_bytes", "hashes_per_second", "hashing", "waiting")
    return LoadHistory(
        tuple(rates),
        tuple(f"pod-{at}" for at in range(n_pods)),
        HOUR_MS * np.arange(1, n_spans + 1),
        HOUR_MS,
        per_second,
        np.full_like(per_second, np.nan),
        **{name: known.get(name, unknown) for name in fields},
        hash_workers=known.get("hash_workers", np.full(shape, 4.0)),
        queries=(),
    )
