"""How calls of a given expected latency spread over histogram buckets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from auth_service.scenario.parts import Lognormal


class Spread(NamedTuple):
    """A latency distribution per step, cut at a histogram's edges.

    probability : float64, (n_steps, n_edges + 1): share of the calls in each bucket, not
        cumulative; the last one is ``le="+Inf"``
    mean_seconds : float64, same shape: mean latency of the calls in each bucket
    """

    probability: np.ndarray
    mean_seconds: np.ndarray


def spread(
    edges_seconds: Sequence[float],
    base: Sequence[Lognormal],
    *,
    load_factor: np.ndarray,
    waiting_share: np.ndarray,
    wait_ms: np.ndarray,
    wait_sigma: float,
) -> Spread:
    """Cut a mixture of lognormals at bucket edges, for each step by itself.

    ``base`` is the mixture when nothing is wrong; ``load_factor`` stretches it; ``waiting_share``
    of the calls take ``wait_ms`` longer instead (a lognormal too, of spread ``wait_sigma``).
    The three arrays have shape (n_steps,).
    """
    n_steps = len(load_factor)
    edges = np.asarray(edges_seconds)
    log_edges = np.log(edges)
    at_or_below = np.zeros((n_steps, len(edges)))
    partial_mean = np.zeros((n_steps, len(edges)))
    total_mean = np.zeros(n_steps)

    def add(share: np.ndarray, median_seconds: np.ndarray, sigma: float) -> None:
        z = (log_edges - np.log(median_seconds)[:, None]) / sigma
        mean = median_seconds * np.exp(sigma**2 / 2)
        at_or_below[...] += share[:, None] * ndtr(z)
        # E[X; X <= u] of a lognormal is its mean times Phi(z - sigma).
        partial_mean[...] += (share * mean)[:, None] * ndtr(z - sigma)
        total_mean[...] += share * mean

    for one in base:
        median = one.median_ms / 1_000 * load_factor
        add(one.share * (1 - waiting_share), median, one.sigma)
        if waiting_share.any():
            add(one.share * waiting_share, median + wait_ms / 1_000, wait_sigma)
    return _between(edges, at_or_below, partial_mean, total_mean)


def _between(
    edges: np.ndarray, at_or_below: np.ndarray, partial_mean: np.ndarray, total_mean: np.ndarray
) -> Spread:
    column = np.ones((len(total_mean), 1))
    probability = np.diff(np.hstack([0 * column, at_or_below, column]), axis=1)
    probability = np.clip(probability, 0.0, None)
    probability /= probability.sum(axis=1, keepdims=True)
    weighted = np.diff(np.hstack([0 * column, partial_mean, total_mean[:, None]]), axis=1)
    lower, upper = np.append(0.0, edges), np.append(edges, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(probability > 1e-9, weighted / probability, lower)
    return Spread(probability, np.clip(mean, lower, upper))


def observed_sum(
    rng: np.random.Generator,
    counts: np.ndarray,
    edges_seconds: Sequence[float],
    mean_seconds: np.ndarray,
) -> np.ndarray:
    """Return a latency sum [s] per step that the counts of its buckets allow; shape (n_steps,).

    ``counts`` and ``mean_seconds`` have shape (n_steps, n_edges + 1), not cumulative.
    """
    edges = np.asarray(edges_seconds)
    lower, upper = np.append(0.0, edges), np.append(edges, np.inf)
    # Calls lie in their bucket with about a uniform's deviation; the last one has no width.
    deviation = np.append(np.diff(np.append(0.0, edges)), edges[-1] / 2) / np.sqrt(12)
    noise = rng.standard_normal(len(counts)) * np.sqrt(counts @ deviation**2)
    most = np.where(counts[:, -1] > 0, np.inf, counts[:, :-1] @ upper[:-1])
    return np.clip((counts * mean_seconds).sum(axis=1) + noise, counts @ lower, most)
