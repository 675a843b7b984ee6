"""A real service on a free port, with hashing cheap enough for tests."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
from prometheus_client import CollectorRegistry

from auth_service.proto.auth_pb2_grpc import AuthServiceStub
from auth_service.server import AuthServer, create_server
from auth_service.settings import Settings
from auth_service.stack import CHEAP_HASHING, Service, run_service
from auth_service.tokens import KeyRing

CHEAP = Settings(argon2_time_cost=1, argon2_memory_kib=8, argon2_parallelism=1, grace_seconds=5.0)


class Running(NamedTuple):
    """A started service and the ways to talk to it."""

    server: AuthServer
    port: int
    stub: AuthServiceStub
    channel: grpc.Channel
    registry: CollectorRegistry
    key_ring: KeyRing
    settings: Settings

    def count(self, name: str, **labels: str) -> float:
        """Return a sample's value; a missing sample fails the test."""
        value = self.registry.get_sample_value(name, labels)
        assert value is not None, f"no sample {name} {labels}"
        return value


@pytest.fixture
def start_service() -> Iterator[Callable[..., Running]]:
    """Start services with changed settings; all are stopped after the test."""
    started: list[Running] = []

    def start(**changes: object) -> Running:
        settings, registry = dataclasses.replace(CHEAP, **changes), CollectorRegistry()
        key_ring = KeyRing.generate()
        server, port = create_server(
            "127.0.0.1:0", registry=registry, settings=settings, key_ring=key_ring
        )
        server.start()
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        stub = AuthServiceStub(channel)
        started.append(Running(server, port, stub, channel, registry, key_ring, settings))
        return started[-1]

    yield start
    for running in started:
        running.channel.close()
        running.server.stop(0)


@pytest.fixture
def service(start_service: Callable[..., Running]) -> Running:
    """A service with cheap hashing and nothing else changed."""
    return start_service()


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Run ``python -m auth_service`` on free ports; stopped after the test if still there."""
    with ExitStack() as processes:

        def start(*flags: str) -> Service:
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            return processes.enter_context(run_service(folder, *CHEAP_HASHING, *flags))

        yield start


@pytest.fixture
def refused() -> Callable[..., object]:
    """Expect a call to fail with a code, and give its details for a closer look."""

    @contextmanager
    def expect(code: grpc.StatusCode) -> Iterator[pytest.ExceptionInfo[grpc.RpcError]]:
        with pytest.raises(grpc.RpcError) as caught:
            yield caught
        assert caught.value.code() is code, caught.value.details()

    return expect
