"""Queues against a simulation of each single request (ciw)."""

from __future__ import annotations

import math

import ciw
import numpy as np
import pytest

from alertlab.capacity import Queue

SECONDS, WARM_UP_SECONDS = 700.0, 30.0


def simulated_waits(rate: float, service: ciw.dists.Distribution, servers: int) -> np.ndarray:
    """Return the waits of all requests that came after the warm-up."""
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate)],
        service_distributions=[service],
        number_of_servers=[servers],
    )
    ciw.seed(11)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(SECONDS)
    records = simulation.get_all_records()
    return np.array([one.waiting_time for one in records if one.arrival_date > WARM_UP_SECONDS])


def test_exponential_services_wait_as_erlang_says() -> None:
    """M/M/6 at 70 % use: share that waits, mean wait and the wait's tail."""
    waits = simulated_waits(50.0, ciw.dists.Exponential(1 / 0.084), 6)
    queue = Queue(50.0, 0.084, 6)
    assert np.mean(waits > 0) == pytest.approx(float(queue.waiting_probability), abs=0.02)
    assert waits.mean() == pytest.approx(float(queue.mean_wait_seconds), rel=0.12)
    assert np.quantile(waits, 0.99) == pytest.approx(float(queue.wait_seconds(0.99)), rel=0.15)


@pytest.mark.parametrize("sigma", [0.06, 0.8])
def test_lognormal_services_wait_as_allen_and_cunneen_say(sigma: float) -> None:
    """Hashes of about equal length and of very different ones; the tail is never too short."""
    mean = 0.084
    service = ciw.dists.Lognormal(math.log(mean) - sigma**2 / 2, sigma)
    waits = simulated_waits(50.0, service, 6)
    queue = Queue(50.0, mean, 6, 1.0, math.expm1(sigma**2))
    assert waits.mean() == pytest.approx(float(queue.mean_wait_seconds), rel=0.2)
    assert 0.85 < float(queue.wait_seconds(0.99)) / np.quantile(waits, 0.99) < 1.45
