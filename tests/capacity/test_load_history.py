"""Load and use of every pod over time, from a source."""

from __future__ import annotations

import numpy as np
import pytest

from alertlab.capacity.load import load_history
from alertlab.errors import BadInput
from alertlab.units import HOUR_MS, MINUTE_MS

MINUTES = 121


def _counter(series_of, name: str, per_minute: float, **labels: str):
    text = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return series_of(f"{name}{{{text}}}", " ".join(str(per_minute * at) for at in range(MINUTES)))


def _gauge(series_of, name: str, value: float, **labels: str):
    text = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return series_of(f"{name}{{{text}}}", " ".join([str(value)] * MINUTES))


def _pod(series_of, pod: str, logins_per_minute: float) -> list:
    login = {"grpc_method": "Login", "pod": pod}
    check = {"grpc_method": "ValidateToken", "pod": pod}
    container = {"container": "auth-service", "pod": pod}
    return [
        _counter(
            series_of, "grpc_server_handled_total", logins_per_minute, grpc_code="OK", **login
        ),
        _counter(series_of, "grpc_server_handled_total", 6, grpc_code="INTERNAL", **login),
        _counter(series_of, "grpc_server_handled_total", 600, grpc_code="OK", **check),
        _counter(series_of, "grpc_server_handling_seconds_sum", 30, **login),
        _counter(series_of, "container_cpu_usage_seconds_total", 90, **container),
        _counter(series_of, "container_cpu_usage_seconds_total", 95, pod=pod),  # the whole pod
        _gauge(series_of, "container_memory_working_set_bytes", 2e8, **container),
        _counter(series_of, "auth_hash_seconds_count", logins_per_minute, pod=pod),
        _counter(series_of, "auth_hash_seconds_sum", 24, pod=pod),
        _counter(series_of, "auth_hash_wait_seconds_sum", 12, pod=pod),
        _gauge(series_of, "auth_hash_workers", 4, pod=pod),
    ]


def test_rates_by_pod_and_method(memory_source, series_of):
    """Every rate and gauge stands at its pod and method; the pod's own cgroup is not counted."""
    source = memory_source(_pod(series_of, "a", 60) + _pod(series_of, "b", 120))
    load = load_history(source, 0, 2 * HOUR_MS, step_ms=30 * MINUTE_MS)
    assert load.pods == ("a", "b")
    assert load.methods == ("Login", "ValidateToken")
    assert load.ends_ms.tolist() == [30 * MINUTE_MS * at for at in (1, 2, 3, 4)]
    np.testing.assert_allclose(load.method("Login")[:, 1], [1.1, 2.1])
    np.testing.assert_allclose(load.in_flight[0, :, 1], 0.5)
    assert np.isnan(load.in_flight[1]).all(), "no histogram of token checks was given"
    np.testing.assert_allclose(load.cpu_cores[:, 1], 1.5)
    np.testing.assert_allclose(load.memory_bytes[:, 1], 2e8)
    np.testing.assert_allclose(load.hashes_per_second[:, 1], [1, 2])
    np.testing.assert_allclose(load.waiting[:, 1], 0.2)
    np.testing.assert_allclose(load.hash_use_ratio[:, 1], 0.1)
    with pytest.raises(BadInput, match=r"no method 'Logout'.*: Login, ValidateToken"):
        load.method("Logout")


def test_matchers_choose(memory_source, series_of):
    """Matchers reach every query, also those with matchers of their own."""
    source = memory_source(_pod(series_of, "a", 60) + _pod(series_of, "b", 120))
    load = load_history(source, 0, 2 * HOUR_MS, matchers='pod="b"')
    assert load.pods == ("b",)
    assert len(load.ends_ms) == 8, "a quarter of an hour each"
    assert all('pod="b"' in query for query in load.queries)
    np.testing.assert_allclose(load.cpu_cores[0, 1:], 1.5)


def test_what_is_not_reported_is_unknown(memory_source, series_of):
    """A source without containers and hash workers gives rates of requests, and NaN beside."""
    source = memory_source(_pod(series_of, "a", 60)[:4])
    load = load_history(source, 0, 2 * HOUR_MS)
    assert np.isfinite(load.method("Login")).all()
    for one in (load.cpu_cores, load.memory_bytes, load.hash_use_ratio):
        assert np.isnan(one).all()


def test_nothing_to_read_is_said(memory_source, series_of):
    """No requests, or no whole span, is a sentence."""
    source = memory_source([_gauge(series_of, "up", 1)])
    with pytest.raises(BadInput, match="no series grpc_server_handled_total"):
        load_history(source, 0, HOUR_MS)
    with pytest.raises(BadInput, match="no whole span of 15m"):
        load_history(source, MINUTE_MS, 29 * MINUTE_MS)
