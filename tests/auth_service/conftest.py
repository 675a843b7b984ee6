"""A real service on a free port, with hashing cheap enough for tests."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
from prometheus_client import CollectorRegistry

from auth_service.proto.auth_pb2_grpc import AuthServiceStub
from auth_service.server import AuthServer, create_server
from auth_service.settings import Settings
from auth_service.tokens import KeyRing

CHEAP = Settings(argon2_time_cost=1, argon2_memory_kib=8, argon2_parallelism=1, grace_seconds=5.0)
CHEAP_FLAGS = ("--argon2-time-cost=1", "--argon2-memory-kib=8", "--argon2-parallelism=1")
PATIENCE_SECONDS = 30.0


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


class Process(NamedTuple):
    """The service as a process of its own."""

    popen: subprocess.Popen[str]
    target: str
    metrics_url: str
    log: Path


def wait_until(condition: Callable[[], object]) -> None:
    """Return when the condition holds; fail when it does not for very long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


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
def start_process(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Run ``python -m auth_service`` on free ports; killed after the test if still there."""
    processes: list[subprocess.Popen[str]] = []

    def start(*flags: str) -> Process:
        log = tmp_path / f"service-{len(processes)}.log"
        command = [sys.executable, "-m", "auth_service", "--listen", "127.0.0.1:0"]
        with log.open("w") as stderr:
            popen = subprocess.Popen(
                [*command, "--metrics-port", "0", *CHEAP_FLAGS, *flags], stderr=stderr, text=True
            )
        processes.append(popen)
        wait_until(lambda: "metrics on" in log.read_text() or popen.poll() is not None)
        found = re.search(r"gRPC on (\S+)\nmetrics on (\S+)\n", log.read_text())
        assert found, log.read_text()
        return Process(popen, found[1], found[2], log)

    yield start
    for popen in processes:
        popen.kill()
        popen.wait()


@pytest.fixture
def refused() -> Callable[..., object]:
    """Expect a call to fail with a code, and give its details for a closer look."""

    @contextmanager
    def expect(code: grpc.StatusCode) -> Iterator[pytest.ExceptionInfo[grpc.RpcError]]:
        with pytest.raises(grpc.RpcError) as caught:
            yield caught
        assert caught.value.code() is code, caught.value.details()

    return expect
