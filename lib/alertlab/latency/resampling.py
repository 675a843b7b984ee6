"""Intervals that survive hours which differ: whole hours are drawn again, not single calls.

Calls of one hour share its load, its incidents and its retries, so that intervals for independent
observations are too narrow (the block bootstrap; Künsch 1989).  An interval of a quantile ends at
bounds of buckets, because within a bucket nothing is known.
"""

from __future__ import annotations

import numpy as np

_RESAMPLES = 1_000
_SEED = 19_890_901  # fixed, so that a report repeats to the digit
MIN_BLOCKS = 24
"""Fewer hours say too little of how hours differ; then an end is unknown."""


def resampled(blocks: np.ndarray) -> np.ndarray:
    """Draw as many blocks as there are, again and again, and add each draw up.

    blocks : float64, shape (n_blocks, n) -> shape (n_resamples, n)
    """
    n_blocks = len(blocks)
    random = np.random.default_rng(_SEED)
    drawn = random.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=_RESAMPLES)
    return drawn @ blocks


def block_interval(
    upper_bounds: np.ndarray, blocks: np.ndarray, q: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the bounds between which the quantile lies in so many of the resamples.

    blocks : cumulative counts of each block over the bounds, shape (n_blocks, n_buckets); blocks
        without data left out

    0 and infinity of fewer than MIN_BLOCKS blocks.
    """
    if len(blocks) < MIN_BLOCKS:
        return 0.0, np.inf
    totals = resampled(blocks)
    holding = (totals < q * totals[:, -1:]).sum(axis=1)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = (
        int(np.quantile(holding, tail, method=method))
        for tail, method in zip(tails, ("lower", "higher"), strict=True)
    )
    edges = np.append(0.0, upper_bounds)
    return float(edges[low]), float(edges[min(high, len(upper_bounds) - 1) + 1])
