"""Throughput against concurrency in production: fitted, or refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest
from loads import load_of

from alertlab.capacity.scalability import NEAR_SATURATION_RATIO, scalability

SPANS = 24 * 14


def _history(highest: float, sigma: float = 0.03, kappa: float = 0.01):
    """Return a pod whose throughput follows the law exactly, up to a concurrency."""
    concurrency = np.linspace(0.05, highest, SPANS)[None, :]
    throughput = 12 * concurrency
    throughput /= 1 + sigma * (concurrency - 1) + kappa * concurrency * (concurrency - 1)
    hashing = np.minimum(concurrency, 4.0)
    return load_of(
        1, SPANS, {"Login": throughput},
        hashes_per_second=throughput, hashing=hashing, waiting=concurrency - hashing,
    )  # fmt: skip


def test_the_law_is_found_again():
    """A pod under full load shows its law: computed and waiting hashes count as concurrency."""
    found = scalability(_history(16.0))
    assert found.refusal == ""
    assert found.highest_use_ratio == pytest.approx(1)
    assert found.spans.sum() == SPANS
    assert found.fit.sigma == pytest.approx(0.03, rel=0.1)
    assert found.fit.kappa == pytest.approx(0.01, rel=0.1)
    assert found.fit.peak_concurrency == pytest.approx(np.sqrt(0.97 / 0.01), rel=0.05)


def test_a_history_far_from_saturation_is_refused():
    """Half of the workers busy shows a straight line, and the sentence says how far it came."""
    found = scalability(_history(2.0))
    assert found.fit is None
    assert "at most 50%" in found.refusal
    assert scalability(_history(4 * NEAR_SATURATION_RATIO + 0.01)).fit is not None


def test_too_few_levels_and_no_hashes_are_refused():
    """Two levels of load are no curve; a source without the metric is said to be one."""
    two = np.where(np.arange(SPANS) % 2, 1.0, 4.0)[None, :]
    few = load_of(
        1, SPANS, {"Login": two}, hashes_per_second=two, hashing=two, waiting=np.zeros_like(two)
    )
    assert "only 2 levels" in scalability(few).refusal
    assert "auth_hash_seconds" in scalability(load_of(1, SPANS, {"Login": two})).refusal
