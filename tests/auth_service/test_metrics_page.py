"""What Prometheus reads: the agreed names, known label values, and nobody's data."""

from __future__ import annotations

import itertools
import urllib.request

import grpc
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from auth_service import metrics
from auth_service.metrics import AuthMetrics
from auth_service.proto import auth_pb2 as pb

AGREED = {  # the operations guide's names, and those of gRPC interceptors: name -> labels
    "auth_login_requests_total": set(),
    "auth_login_success_total": set(),
    "auth_login_failure_total": {"reason"},
    "auth_token_validation_latency_seconds_bucket": {"le"},
    "auth_token_validation_latency_seconds_count": set(),
    "auth_token_validation_latency_seconds_sum": set(),
    "auth_tokens_issued_total": set(),
    "auth_token_errors_total": {"reason"},
    "grpc_server_started_total": {"grpc_type", "grpc_service", "grpc_method"},
    "grpc_server_handled_total": {"grpc_type", "grpc_service", "grpc_method", "grpc_code"},
    "grpc_server_handling_seconds_bucket": {"grpc_type", "grpc_service", "grpc_method", "le"},
    "grpc_server_handling_seconds_count": {"grpc_type", "grpc_service", "grpc_method"},
    "grpc_server_handling_seconds_sum": {"grpc_type", "grpc_service", "grpc_method"},
    "auth_hash_workers": set(),
    "auth_hash_workers_busy": set(),
    "auth_hash_queue_length": set(),
    "auth_hash_seconds_bucket": {"le"},
    "auth_hash_seconds_count": set(),
    "auth_hash_seconds_sum": set(),
    "auth_hash_wait_seconds_bucket": {"le"},
    "auth_hash_wait_seconds_count": set(),
    "auth_hash_wait_seconds_sum": set(),
    "auth_database_pool_size": set(),
    "auth_database_pool_in_use": set(),
    "auth_database_held_seconds_count": set(),
    "auth_database_held_seconds_sum": set(),
}


def samples(page: str):
    families = text_string_to_metric_families(page)
    return [sample for family in families for sample in family.samples]


def series(page: str) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    return {(sample.name, frozenset(sample.labels.items())) for sample in samples(page)}


def test_names_and_labels_are_the_agreed_ones():
    """Exactly these sample names with exactly these labels, all at zero before any call."""
    registry = CollectorRegistry()
    AuthMetrics(registry)
    found = samples(generate_latest(registry).decode())
    assert {sample.name for sample in found} == set(AGREED)
    for sample in found:
        assert set(sample.labels) == AGREED[sample.name]
        assert sample.value == 0


@pytest.mark.parametrize("render", [generate_latest, generate_openmetrics])
def test_no_created_series(render):
    """In neither format does a counter export its time of creation."""
    registry = CollectorRegistry()
    AuthMetrics(registry)
    assert b"_created" not in render(registry)


@pytest.mark.parametrize(
    ("edges", "threshold_seconds"),
    [(metrics.HANDLING_BUCKETS_SECONDS, 0.5), (metrics.VALIDATION_BUCKETS_SECONDS, 0.05)],
)
def test_buckets_are_fine_around_the_threshold(edges, threshold_seconds):
    """The threshold is an edge, its neighbours are within half of it, and edges rise."""
    place = edges.index(threshold_seconds)
    assert edges[place - 1] >= threshold_seconds / 2
    assert edges[place + 1] <= threshold_seconds * 3 / 2
    assert all(low < high for low, high in itertools.pairwise(edges))
    assert len(edges) <= 14


@pytest.mark.parametrize(
    ("edges", "lowest", "highest"),
    [(metrics.HASH_BUCKETS_SECONDS, 0.01, 1.0), (metrics.HASH_WAIT_BUCKETS_SECONDS, 0.001, 2.5)],
)
def test_hash_buckets_span_what_a_hash_takes(edges, lowest, highest):
    """From a cheap hash, or no wait, to a second and more, with few edges that rise."""
    assert (edges[0], edges[-1]) == (lowest, highest)
    assert all(low < high for low, high in itertools.pairwise(edges))
    assert len(edges) <= 9


def test_every_code_is_a_grpc_code():
    """The tables of labels name real methods and real codes."""
    assert tuple(metrics.CODES_BY_METHOD) == metrics.METHODS
    known = {code.name for code in grpc.StatusCode}
    assert known.issuperset(itertools.chain.from_iterable(metrics.CODES_BY_METHOD.values()))


def test_calls_of_every_kind_add_no_series_and_no_user_data(start_process):
    """After good and bad calls, the page has the series it began with, and no caller's word."""
    process = start_process()

    def page() -> str:
        with urllib.request.urlopen(process.metrics_url) as response:
            return response.read().decode()

    before = page()
    name, password = "someone-unmistakable", "a secret unmistakable"
    with grpc.insecure_channel(process.target) as channel:
        call = {m: channel.unary_unary(f"/{metrics.GRPC_SERVICE}/{m}") for m in metrics.METHODS}
        user = pb.CreateUserRequest(username=name, password=password).SerializeToString()
        user_id = pb.CreateUserResponse.FromString(call["CreateUser"](user)).user_id
        tokens = pb.LoginResponse.FromString(call["Login"](user)).tokens
        texts = (tokens.access_token, tokens.refresh_token, "made-up-unmistakable", "")
        for method, text in itertools.product(metrics.METHODS[2:] * 2, texts):
            request = pb.RevokeTokenRequest(token=text).SerializeToString()
            call[method].future(request).code()
        wrong = pb.LoginRequest(username=name, password="unmistakable too")
        call["Login"].future(wrong.SerializeToString()).code()
        call["CreateUser"].future(user).code()
    after = page()
    assert series(after) == series(before)
    changed = [s for s in samples(after) if s.name == "grpc_server_handled_total" and s.value]
    assert len(changed) >= 11, "the calls above were of many kinds"
    for private in ("unmistakable", user_id, *tokens.access_token.split(".")):
        assert private not in after


def test_the_process_is_watched_too(start_process):
    """CPU, memory and start time of the process are on the page, for capacity and restarts."""
    with urllib.request.urlopen(start_process().metrics_url) as response:
        found = {sample.name for sample in samples(response.read().decode())}
    assert found >= {"process_cpu_seconds_total", "process_start_time_seconds"}
