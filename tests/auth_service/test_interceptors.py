"""The code that the interceptor counts is the code that the caller gets."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry

from auth_service.interceptors import MetricsInterceptor
from auth_service.metrics import GRPC_SERVICE, GRPC_TYPE, METHODS, AuthMetrics
from auth_service.proto import auth_pb2 as pb
from auth_service.proto import auth_pb2_grpc

CODE = grpc.StatusCode
LABELS = {"grpc_type": GRPC_TYPE, "grpc_service": GRPC_SERVICE}
ISSUER = {"iss": "immersiverse-auth"}


class Scripted(auth_pb2_grpc.AuthServiceServicer):
    """A servicer whose Login does what the username says."""

    def Login(self, request, context):
        match request.username:
            case "aborts":
                context.abort(CODE.UNAUTHENTICATED, "no")
            case "sets":
                context.set_code(CODE.NOT_FOUND)
            case "raises":
                raise RuntimeError("nobody foresaw this")
            case "sets_ok_and_raises":
                context.set_code(CODE.OK)
                raise RuntimeError("nobody foresaw this either")
            case "sets_and_raises":
                context.set_code(CODE.INTERNAL)
                raise RuntimeError("at least the code was set")
        return pb.LoginResponse()


@pytest.fixture
def scripted() -> Iterator[tuple[grpc.Channel, CollectorRegistry]]:
    """A real server with the interceptor alone before the scripted servicer."""
    registry = CollectorRegistry()
    interceptor = MetricsInterceptor(AuthMetrics(registry))
    server = grpc.server(ThreadPoolExecutor(2), interceptors=[interceptor])
    auth_pb2_grpc.add_AuthServiceServicer_to_server(Scripted(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel, registry
    server.stop(0).wait()


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("returns", CODE.OK),
        ("aborts", CODE.UNAUTHENTICATED),
        ("sets", CODE.NOT_FOUND),
        ("raises", CODE.UNKNOWN),
        ("sets_and_raises", CODE.INTERNAL),
    ],
)
def test_the_counted_code_is_the_callers(scripted, behaviour, code):
    """An abort counts as its code, an exception without one as UNKNOWN; each is timed once."""
    channel, registry = scripted
    call = auth_pb2_grpc.AuthServiceStub(channel).Login.future(pb.LoginRequest(username=behaviour))
    assert call.code() is code
    labels = LABELS | {"grpc_method": "Login"}
    value = registry.get_sample_value
    assert value("grpc_server_handled_total", labels | {"grpc_code": code.name}) == 1
    assert value("grpc_server_started_total", labels) == 1
    assert value("grpc_server_handling_seconds_count", labels) == 1
    counted = [
        sample.value
        for family in registry.collect()
        if family.name == "grpc_server_handled"
        for sample in family.samples
    ]
    assert sum(counted) == 1


def test_a_fault_behind_an_ok_counts_as_unknown(scripted):
    """grpc sends the OK that the handler had set, without a message; the counter is not fooled."""
    channel, registry = scripted
    request = pb.LoginRequest(username="sets_ok_and_raises")
    assert auth_pb2_grpc.AuthServiceStub(channel).Login.future(request).code() is CODE.OK
    labels = LABELS | {"grpc_method": "Login", "grpc_code": "UNKNOWN"}
    assert registry.get_sample_value("grpc_server_handled_total", labels) == 1


def test_names_that_clients_make_up_are_not_counted(service):
    """An unknown method and the health service add no series."""
    invented = service.channel.unary_unary(f"/{GRPC_SERVICE}/Invented")
    with pytest.raises(grpc.RpcError):
        invented(b"")
    health_pb2_grpc.HealthStub(service.channel).Check(health_pb2.HealthCheckRequest())
    samples = [sample for family in service.registry.collect() for sample in family.samples]
    assert {s.labels["grpc_method"] for s in samples if "grpc_method" in s.labels} == set(METHODS)
    assert not any(s.value for s in samples if s.name == "grpc_server_started_total")


def test_bytes_that_are_no_request_leave_started_and_handled_equal(service):
    """A request that cannot be parsed never reaches a handler."""
    login = service.channel.unary_unary(f"/{GRPC_SERVICE}/Login")
    with pytest.raises(grpc.RpcError) as caught:
        login(b"\xff\xff\xff")
    assert caught.value.code() is CODE.INTERNAL
    assert service.count("grpc_server_started_total", grpc_method="Login", **LABELS) == 0
    assert service.count("grpc_server_handling_seconds_count", grpc_method="Login", **LABELS) == 0


def test_waiting_for_a_worker_is_part_of_the_time(start_service, tmp_path):
    """With one worker the second of two slow calls waits for the first, and that is counted."""
    fault_file = tmp_path / "slow"
    service = start_service(workers=1, fault_file=fault_file)
    fault_file.write_text("200")
    token = service.key_ring.sign({"exp": 2**33, "jti": "a", "sub": "b", "use": "access"} | ISSUER)
    request = pb.ValidateTokenRequest(access_token=token)
    calls = [service.stub.ValidateToken.future(request) for _ in range(3)]
    for call in calls:
        call.result()
    total = service.count("grpc_server_handling_seconds_sum", grpc_method="ValidateToken", **LABELS)
    validating = service.count("auth_token_validation_latency_seconds_sum")
    # One after the other: 200 + 400 + 600 ms since their arrival, of which 600 ms is work.
    assert validating >= 0.6
    assert total > 1.5 * validating
