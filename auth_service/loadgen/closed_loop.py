"""Logins in steps of concurrency, a closed loop: who gets an answer asks again at once.

So the load falls when the service slows, and a slow answer delays the calls behind it, which are
never sent (coordinated omission).  That finds the most that a service can do; what users wait
at a given rate an open loop tells, which is the load generator's other command.
"""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import grpc
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from alertlab.errors import ServerError
from auth_service import metrics
from auth_service.loadgen.drive import CONNECT_SECONDS, DEADLINE_SECONDS, PASSWORD
from auth_service.proto import auth_pb2 as pb
from auth_service.proto import auth_pb2_grpc

_CPU_SECONDS = "process_cpu_seconds_total"
_COUNTERS = (
    f"{metrics.HASH_SECONDS}_sum",
    f"{metrics.HASH_SECONDS}_count",
    f"{metrics.HASH_WAIT_SECONDS}_sum",
    f"{metrics.HASH_WAIT_SECONDS}_count",
    _CPU_SECONDS,
)

Snapshot = Mapping[str, float]
"""Values of samples without labels, by name."""


@dataclass(frozen=True)
class LoadStep:
    """What one step measured; latencies at the client, hashes and CPU by the service's metrics.

    logins_per_second : answers in ``seconds``; ``p50_seconds`` and so on are theirs
    busy_workers : hash workers at work on average; ``hash_seconds`` one hash, ``wait_seconds`` one
        wait for a worker, both means
    cpu_cores : CPU seconds of the service's process per second
    """

    concurrency: int
    seconds: float
    logins: int
    logins_per_second: float
    mean_seconds: float
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float
    busy_workers: float
    hash_seconds: float
    wait_seconds: float
    cpu_cores: float

    @property
    def in_flight(self) -> float:
        """Return the logins under way by Little's law, which is the concurrency if all is told."""
        return self.logins_per_second * self.mean_seconds


async def measure_steps(
    concurrencies: Sequence[int],
    log_in: Callable[[], Awaitable[None]],
    scrape: Callable[[], Snapshot],
    *,
    step_seconds: float,
    warm_up_seconds: float,
    done: Callable[[float], object],
) -> list[LoadStep]:
    """Log in at each concurrency for ``warm_up_seconds`` that do not count and a step that does.

    ``done`` is told the seconds of load after each step.
    """
    steps = []
    for concurrency in concurrencies:
        steps.append(
            await _measure_step(concurrency, log_in, scrape, step_seconds, warm_up_seconds)
        )
        done(step_seconds + warm_up_seconds)
    return steps


async def _measure_step(
    concurrency: int,
    log_in: Callable[[], Awaitable[None]],
    scrape: Callable[[], Snapshot],
    step_seconds: float,
    warm_up_seconds: float,
) -> LoadStep:
    answered: list[tuple[float, float]] = []  # when, and after how long
    over = asyncio.Event()

    async def caller() -> None:
        while not over.is_set():
            began = time.perf_counter()
            await log_in()
            now = time.perf_counter()
            answered.append((now, now - began))

    async def watch() -> tuple[float, float, Snapshot, Snapshot]:
        await asyncio.sleep(warm_up_seconds)
        before = await asyncio.to_thread(scrape)
        start = time.perf_counter()
        await asyncio.sleep(step_seconds)
        end = time.perf_counter()
        after = await asyncio.to_thread(scrape)
        over.set()
        return start, end, before, after

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrency):
                tasks.create_task(caller())
            watching = tasks.create_task(watch())
    except BaseExceptionGroup as failures:
        told = failures.subgroup(ServerError)
        if told is None:
            raise
        raise told.exceptions[0] from None
    start, end, before, after = watching.result()
    latencies = [seconds for when, seconds in answered if start < when <= end]
    return step_of(concurrency, end - start, latencies, before, after)


def step_of(
    concurrency: int,
    seconds: float,
    latencies_seconds: Sequence[float],
    before: Snapshot,
    after: Snapshot,
) -> LoadStep:
    """Put together what a step measured.  Raises ServerError if nothing was answered or hashed."""
    grew = {name: after[name] - before[name] for name in _COUNTERS}
    hash_sum, hashes, wait_sum, waits, cpu_seconds = (grew[name] for name in _COUNTERS)
    if not (latencies_seconds and hashes > 0 and waits > 0):
        raise ServerError(
            f"no login was answered in the {seconds:.3g} s at concurrency {concurrency}; "
            "give longer steps, and see that --metrics-url is the target's"
        )
    p50, p95, p99 = np.quantile(latencies_seconds, (0.5, 0.95, 0.99)).tolist()
    return LoadStep(
        concurrency, seconds, len(latencies_seconds), len(latencies_seconds) / seconds,
        float(np.mean(latencies_seconds)), p50, p95, p99,
        hash_sum / seconds, hash_sum / hashes, wait_sum / waits, cpu_seconds / seconds,
    )  # fmt: skip


async def drive_steps(
    target: str,
    metrics_url: str,
    concurrencies: Sequence[int],
    *,
    step_seconds: float,
    warm_up_seconds: float,
    done: Callable[[float], object],
) -> tuple[int, list[LoadStep]]:
    """Measure a running service; return its number of hash workers and the steps.

    Raises ServerError if it does not answer, refuses a login, or lacks a metric.
    """
    async with grpc.aio.insecure_channel(target) as channel:
        try:
            await asyncio.wait_for(channel.channel_ready(), CONNECT_SECONDS)
        except TimeoutError:
            raise ServerError(
                f"no gRPC service answers at {target} within {CONNECT_SECONDS:g} s"
            ) from None
        stub = auth_pb2_grpc.AuthServiceStub(channel)
        user = f"steps-{uuid.uuid4().hex[:8]}"  # a store that remembers must not clash

        async def call(method: str, request: object) -> None:
            try:
                await getattr(stub, method)(request, timeout=DEADLINE_SECONDS)
            except grpc.aio.AioRpcError as error:
                raise ServerError(
                    f"{method} at {target} failed: {error.code().name}, {error.details()}"
                ) from error

        await call("CreateUser", pb.CreateUserRequest(username=user, password=PASSWORD))
        workers = int(read_metrics(metrics_url)[metrics.HASH_WORKERS])
        login = pb.LoginRequest(username=user, password=PASSWORD)
        return workers, await measure_steps(
            concurrencies,
            lambda: call("Login", login),
            lambda: read_metrics(metrics_url),
            step_seconds=step_seconds,
            warm_up_seconds=warm_up_seconds,
            done=done,
        )


def read_metrics(url: str) -> dict[str, float]:
    """Return the samples without labels on a page of metrics.  Raises ServerError."""
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response:
            text = response.read().decode()
        families = list(text_string_to_metric_families(text))
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise ServerError(f"no metrics of the service at {url}: {error}") from error
    found = {one.name: one.value for family in families for one in family.samples if not one.labels}
    missing = [name for name in (metrics.HASH_WORKERS, *_COUNTERS) if name not in found]
    if missing:
        raise ServerError(f"{url} lacks {', '.join(missing)}; is it the authentication service's?")
    return found
