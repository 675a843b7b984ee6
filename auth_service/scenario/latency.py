"""How calls of a given expected latency spread over histogram buckets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from auth_service.scenario.parts import Lognormal

Delays = Sequence[tuple[np.ndarray | float, np.ndarray | float]]
"""Shares of the calls, which sum to 1, and how long each share stands in a queue [s]."""
AT_ONCE: Delays = ((1.0, 0.0),)

_NO_TIME = 1e-300  # seconds left of an edge behind a longer wait; its logarithm exists


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
    delays: Delays = AT_ONCE,
) -> Spread:
    """Cut a mixture of lognormals at bucket edges, for each step by itself.

    ``base`` is the mixture when nothing is wrong; ``load_factor`` stretches it; ``waiting_share``
    of the calls take ``wait_ms`` longer instead (a lognormal too, of spread ``wait_sigma``).
    All arrays have shape (n_steps,).  Before all that, calls stand in a queue for their ``delays``.
    """
    n_steps = len(load_factor)
    edges = np.asarray(edges_seconds)
    at_or_below = np.zeros((n_steps, len(edges)))
    partial_mean = np.zeros((n_steps, len(edges)))
    total_mean = np.zeros(n_steps)

    def add(
        share: np.ndarray, median_seconds: np.ndarray, sigma: float, delay: np.ndarray | float
    ) -> None:
        left = np.maximum(edges - np.expand_dims(delay, -1), _NO_TIME)
        z = (np.log(left) - np.log(median_seconds)[:, None]) / sigma
        mean = median_seconds * np.exp(sigma**2 / 2)
        below = share[:, None] * ndtr(z)
        at_or_below[...] += below
        # E[X; X <= u] of a lognormal is its mean times Phi(z - sigma).
        partial_mean[...] += (share * mean)[:, None] * ndtr(z - sigma)
        partial_mean[...] += np.expand_dims(delay, -1) * below
        total_mean[...] += share * (mean + delay)

    for one in base:
        median = one.median_ms / 1_000 * load_factor
        for queueing_share, delay in delays:
            add(one.share * (1 - waiting_share) * queueing_share, median, one.sigma, delay)
            if waiting_share.any():
                share = one.share * waiting_share * queueing_share
                add(share, median + wait_ms / 1_000, wait_sigma, delay)
    return between(edges, at_or_below, partial_mean, total_mean)


def between(
    edges: np.ndarray, at_or_below: np.ndarray, partial_mean: np.ndarray, total_mean: np.ndarray
) -> Spread:
    """Return the buckets between edges, of shape (n_edges,), from what lies at or below each.

    ``at_or_below`` (probability) and ``partial_mean`` (E[X; X <= edge]) have shape
    (n_steps, n_edges), ``total_mean`` has (n_steps,).
    """
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


def mean_seconds(mixture: Sequence[Lognormal]) -> float:
    """Return the mean of a mixture when nothing is wrong."""
    return sum(one.share * one.median_ms / 1_000 * np.exp(one.sigma**2 / 2) for one in mixture)


def draw_latencies(
    rng: np.random.Generator,
    calls: np.ndarray,
    cut: Spread,
    edges_seconds: Sequence[float],
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many of the calls fall into each bucket, and the sum of their latencies [s]."""
    buckets = rng.multinomial(calls, cut.probability)
    return buckets, observed_sum(rng, buckets, edges_seconds, cut.mean_seconds)
