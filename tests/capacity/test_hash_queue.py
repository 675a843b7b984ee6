"""Hash workers as a queue: waits that follow the model are found again, others refused."""

from __future__ import annotations

import numpy as np
import pytest
from loads import load_of
from scipy.stats import lognorm

from alertlab.capacity import Queue, hash_queue
from alertlab.capacity.hash_queue import service_variation
from alertlab.latency import make_histogram

SPANS, WORKERS, SERVICE = 24 * 14, 4, 0.1
EDGES = np.array([0.05, 0.08, 0.1, 0.125, 0.16, 0.25, 0.5, np.inf])


def hashes(sigma: float = 0.3):
    """Return the histogram of lognormal hashes of 0.1 s."""
    return make_histogram(EDGES, 1e6 * lognorm(sigma, scale=SERVICE).cdf(EDGES))


def history(factor: float = 1.0, busiest: float = 0.9, cv2: float | None = None):
    """Return a pod's two weeks whose mean waits are a multiple of the model's."""
    hour = np.arange(SPANS)
    use = busiest * (0.55 - 0.45 * np.cos(hour / 24 * 2 * np.pi))[None, :]
    rate = use * WORKERS / SERVICE
    variation = service_variation(hashes()) if cv2 is None else cv2
    waits = Queue(rate, SERVICE, WORKERS, service_cv2=variation).mean_wait_seconds * factor
    return load_of(
        1, SPANS, {"Login": rate},
        hashes_per_second=rate, hashing=use * WORKERS, waiting=rate * waits,
    )  # fmt: skip


def test_waits_of_the_model_are_found_again():
    """The factor is 1, and every number of the queue is what the history was made of."""
    found = hash_queue(history(), hashes())
    assert found.refusal == ""
    assert found.workers == WORKERS
    assert found.service_seconds == pytest.approx(SERVICE)
    assert found.wait_factor.mid == pytest.approx(1)
    assert found.wait_factor.low == pytest.approx(1)
    busy = found.use_ratio > 0.3
    np.testing.assert_allclose(
        found.measured_wait_seconds[busy], found.modelled_wait_seconds[busy], rtol=0.1
    )


def test_longer_waits_are_a_factor_and_too_long_ones_a_refusal():
    """Bursts double waits; ten times as long is something else."""
    assert hash_queue(history(2.0), hashes()).wait_factor.mid == pytest.approx(2)
    assert "10 times as long" in hash_queue(history(10.0), hashes()).refusal
    assert "0.1 times as long" in hash_queue(history(0.1), hashes()).refusal


def test_the_spread_of_hashes_counts():
    """The same waits are shorter than those of hashes that differ more."""
    assert hash_queue(history(), hashes(0.9)).wait_factor.mid < 0.9


def test_days_that_differ_make_the_interval_wider():
    """Waits that double every other day leave the factor in doubt."""
    load = history()
    days = np.arange(SPANS) // 24 % 2 + 1.0
    uneven = load_of(
        1, SPANS, {"Login": load.hashes_per_second[0]}, hashes_per_second=load.hashes_per_second,
        hashing=load.hashing, waiting=load.waiting * days,
    )  # fmt: skip
    found = hash_queue(uneven, hashes()).wait_factor
    assert 1 < found.low < found.mid < found.high < 2
    wider = hash_queue(uneven, hashes(), confidence=0.99).wait_factor
    assert wider.low < found.low


def test_workers_that_are_never_busy_are_refused():
    """Without waits there is nothing to check; without the metric nothing is known."""
    assert "never 30% busy" in hash_queue(history(busiest=0.2), hashes()).refusal
    silent = load_of(1, SPANS, {"Login": np.ones((1, SPANS))})
    assert "No pod reported" in hash_queue(silent, hashes()).refusal


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.8])
def test_variation_of_a_lognormal(sigma: float):
    """exp(sigma^2) - 1, as far as buckets tell."""
    assert service_variation(hashes(sigma)) == pytest.approx(np.expm1(sigma**2), rel=0.35)
