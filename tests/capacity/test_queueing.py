"""Queues against closed forms, and how they answer to each of their numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertlab.capacity import Queue, erlang_b, erlang_c, most_arrivals, servers_for
from alertlab.errors import BadInput

LOADS = st.floats(0.01, 0.99)


@pytest.mark.parametrize(
    ("servers", "load", "waiting"),
    [
        (1, 0.5, 0.5),
        (2, 1.0, 1 / 3),
        (5, 4.0, 0.5541125541),
        (10, 8.0, 0.4091801508),
        (100, 90.0, 0.2169404809),
        (1000, 960.0, 0.1336917801),
        (3, 0.0, 0.0),
        (3, 3.0, 1.0),
        (3, 5.0, 1.0),
    ],
)
def test_erlang_c_known_values(servers: int, load: float, waiting: float) -> None:
    """Values by exact fractions and by the recursion in high precision."""
    assert float(erlang_c(servers, load)) == pytest.approx(waiting, abs=6e-11)


@given(servers=st.integers(1, 60), load=st.floats(0, 80))
def test_erlang_b_is_the_recursion(servers: int, load: float) -> None:
    """B(k) = a B(k-1) / (k + a B(k-1)), from B(0) = 1 (Erlang)."""
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    assert float(erlang_b(servers, load)) == pytest.approx(blocked, rel=1e-9, abs=1e-300)


@given(use=LOADS, service=st.floats(0.001, 10))
def test_one_server_is_mm1(use: float, service: float) -> None:
    """M/M/1: P(wait) = rho, Wq = rho s / (1 - rho), responses exponential."""
    queue = Queue(use / service, service, 1)
    assert float(queue.waiting_probability) == pytest.approx(use)
    assert float(queue.mean_wait_seconds) == pytest.approx(use * service / (1 - use))
    assert float(queue.response_share_above(2 * service)) == pytest.approx(
        math.exp(-2 * (1 - use)), rel=1e-6
    )
    if use > 0.05:
        wait = float(queue.wait_seconds(0.95))
        assert use * math.exp(-wait * (1 - use) / service) == pytest.approx(0.05)


def test_two_servers_and_the_limit_of_equal_rates() -> None:
    """With c - 1 = a the formula of the response time has a hole, which its limit fills."""
    exact, near = Queue(1.0, 1.0, 2), Queue(1.0 + 1e-7, 1.0, 2)
    share = float(exact.response_share_above(1.5))
    assert share == pytest.approx(math.exp(-1.5) * (1 + 1.5 / 3))
    assert float(near.response_share_above(1.5)) == pytest.approx(share, rel=1e-5)


def test_variation_scales_the_waits() -> None:
    """Allen and Cunneen: half the sum of the variations, of mean and of quantiles."""
    even = Queue(50, 0.0826, 6, 1, 0)
    poisson = Queue(50, 0.0826, 6)
    assert float(even.mean_wait_seconds) == pytest.approx(float(poisson.mean_wait_seconds) / 2)
    bursty = Queue(50, 0.0826, 6, 3, 1)
    assert float(bursty.wait_seconds(0.99)) == pytest.approx(2 * float(poisson.wait_seconds(0.99)))
    assert float(bursty.waiting_probability) == float(poisson.waiting_probability)
    with pytest.raises(BadInput, match="M/M/c only"):
        even.response_share_above(1.0)


def test_arrays_and_a_queue_that_grows() -> None:
    """Arrays are taken element by element; at full use waits are infinite."""
    queue = Queue(np.array([10.0, 20.0, 30.0]), 0.1, 2)
    np.testing.assert_allclose(queue.use_ratio, [0.5, 1.0, 1.5])
    assert np.isfinite(queue.mean_wait_seconds[0])
    assert np.isinf(queue.mean_wait_seconds[1:]).all()
    assert np.isinf(queue.wait_seconds(0.5)[1:]).all()
    assert queue.wait_seconds(0.5)[0] == 0
    assert queue.response_share_above(1.0)[2] == 1


@given(use=LOADS, more=st.floats(1.0, 1.01), servers=st.integers(1, 20), q=st.floats(0.5, 0.999))
def test_waits_grow_with_load_and_shrink_with_servers(
    use: float, more: float, servers: int, q: float
) -> None:
    """More arrivals never wait less; one more server never makes them wait longer."""
    rate = use * servers
    queue, busier, wider = (
        Queue(rate, 1.0, servers),
        Queue(rate * more, 1.0, servers),
        Queue(rate, 1.0, servers + 1),
    )
    for one in (lambda it: it.mean_wait_seconds, lambda it: it.wait_seconds(q)):
        assert one(wider) <= one(queue) * (1 + 1e-12)
        assert one(queue) <= one(busier) * (1 + 1e-9)


@given(
    service=st.floats(0.01, 1),
    servers=st.integers(1, 40),
    spare=st.floats(0.01, 5),
    q=st.floats(0.9, 0.999),
    cv2=st.floats(0.1, 3),
)
def test_most_arrivals_just_keep_the_threshold(
    service: float, servers: int, spare: float, q: float, cv2: float
) -> None:
    """At the answer the wait takes exactly what the service leaves; a little more breaks it."""
    most = most_arrivals(
        service, servers, 2 * service + spare, q,
        service_quantile_seconds=2 * service, arrival_cv2=cv2,
    )  # fmt: skip
    half = 1 - (1 - q) / 2
    assert Queue(most, service, servers, cv2).wait_seconds(half) <= spare * (1 + 1e-6)
    assert Queue(most * 1.001, service, servers, cv2).wait_seconds(half) > spare * (1 - 1e-9)


def test_each_number_moves_the_most_arrivals() -> None:
    """A longer threshold allows more; slower work, a higher quantile and bursts allow less."""

    def most(**changed: float) -> float:
        given = {
            "service_seconds": 0.1, "servers": 5, "threshold_seconds": 0.5, "q": 0.99,
            "service_quantile_seconds": 0.2, "arrival_cv2": 1.0, "service_cv2": 1.0,
        }  # fmt: skip
        return most_arrivals(**{**given, **changed})

    base = most()
    assert most(threshold_seconds=0.6) > base
    assert most(servers=6) > base
    for worse in (
        {"service_seconds": 0.12}, {"q": 0.999}, {"service_quantile_seconds": 0.3},
        {"arrival_cv2": 2.0}, {"service_cv2": 2.0},
    ):  # fmt: skip
        assert most(**worse) < base
    assert most(service_quantile_seconds=0.51) == 0
    with pytest.raises(BadInput, match="no end of arrivals"):
        most(service_seconds=0.0)


def test_servers_for_is_the_least_number() -> None:
    """One server fewer waits too long, also where thousands are needed."""
    for rate, wait in ((50.0, 0.2), (0.0, 0.0), (5_000.0, 0.01), (7.0, 3.0)):
        servers = servers_for(rate, 0.1, wait_seconds=wait, q=0.95)
        assert Queue(rate, 0.1, servers).wait_seconds(0.95) <= wait
        if servers > 1:
            assert Queue(rate, 0.1, servers - 1).wait_seconds(0.95) > wait
    assert servers_for(50.0, 0.1, wait_seconds=0.2, q=0.999) > servers_for(
        50.0, 0.1, wait_seconds=0.2, q=0.9
    )
    assert servers_for(50.0, 0.1, wait_seconds=0.02, arrival_cv2=9) > servers_for(
        50.0, 0.1, wait_seconds=0.02
    )
    assert servers_for(50.0, 0.1, wait_seconds=0.02, service_cv2=9) > servers_for(
        50.0, 0.1, wait_seconds=0.02
    )
    with pytest.raises(BadInput, match="more than 1,000,000 servers"):
        servers_for(1e9, 1.0, wait_seconds=0.1)


def test_what_is_no_queue_gets_a_sentence() -> None:
    """No servers, negative rates and quantiles that are none."""
    with pytest.raises(BadInput, match="one server or more, not 0"):
        erlang_b(0, 1.0)
    with pytest.raises(BadInput, match="offered load must be 0 or more, not -1"):
        erlang_c(2, np.array([1.0, -1.0]))
    with pytest.raises(BadInput, match="arrivals_per_second must be 0 or more, not nan"):
        Queue(math.nan, 1.0, 2)
    with pytest.raises(BadInput, match="below 1, not 1"):
        Queue(1.0, 0.5, 2).wait_seconds(1.0)
    with pytest.raises(BadInput, match="wait_seconds must be 0 or more"):
        servers_for(1.0, 1.0, wait_seconds=-1)
