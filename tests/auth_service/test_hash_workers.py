"""The pool of hash workers: its bound, its line, and what it tells of both."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from prometheus_client import CollectorRegistry

from auth_service.hash_workers import HashWorkers
from auth_service.metrics import AuthMetrics
from auth_service.passwords import Passwords
from auth_service.proto import auth_pb2 as pb
from auth_service.settings import Settings

CODE = grpc.StatusCode
LOGIN = pb.LoginRequest(username="nobody", password="long enough")
PATIENCE_SECONDS = 20


class Pool:
    """Hash workers with metrics of their own."""

    def __init__(self, count: int) -> None:
        self.registry = CollectorRegistry()
        self.workers = HashWorkers(count, AuthMetrics(self.registry))

    def told(self, name: str) -> float:
        return self.registry.get_sample_value(f"auth_hash_{name}")


def wait_until(condition) -> None:
    """Return once a condition holds; fail if it takes long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize(("count", "busy", "waiting"), [(1, 1, 4), (2, 2, 3), (8, 5, 0)])
def test_busy_workers_and_the_line_are_told(count, busy, waiting):
    """Of five hashes as many run as there are workers; idle again, only the counts remain."""
    pool, go_on = Pool(count), threading.Event()
    with ThreadPoolExecutor(5) as callers:
        hashes = [callers.submit(pool.workers.compute, go_on.wait) for _ in range(5)]
        wait_until(lambda: pool.told("workers_busy") + pool.told("queue_length") == 5)
        wait_until(lambda: pool.told("workers_busy") == busy)
        assert pool.told("queue_length") == waiting
        assert pool.told("workers") == count
        assert pool.told("wait_seconds_count") == busy and pool.told("seconds_count") == 0
        go_on.set()
        assert all(hash_.result() for hash_ in hashes)
    assert pool.told("workers_busy") == pool.told("queue_length") == 0
    assert pool.told("wait_seconds_count") == pool.told("seconds_count") == 5


def test_the_times_are_the_waits_and_the_work():
    """One worker, three hashes at once: the second waits for one, the third for two."""
    pool, took = Pool(1), []

    def work() -> None:
        began = time.perf_counter()
        time.sleep(0.1)
        took.append(time.perf_counter() - began)

    with ThreadPoolExecutor(3) as callers:
        list(callers.map(lambda _: pool.workers.compute(work), range(3)))
    assert pool.told("seconds_sum") == pytest.approx(sum(took), abs=0.05)
    assert pool.told("wait_seconds_sum") == pytest.approx(2 * took[0] + took[1], abs=0.05)


def test_the_line_is_served_in_its_order():
    """First come, first served."""
    pool, go_on, served = Pool(1), threading.Event(), []
    with ThreadPoolExecutor(6) as callers:
        callers.submit(pool.workers.compute, go_on.wait)
        for place in range(5):
            wait_until(lambda place=place: pool.told("queue_length") == place)
            callers.submit(pool.workers.compute, lambda place=place: served.append(place))
            wait_until(lambda place=place: pool.told("queue_length") == place + 1)
        go_on.set()
    assert served == [0, 1, 2, 3, 4]


def test_a_hash_that_fails_is_the_callers_and_counted():
    """Its exception comes through, and the worker is free again."""
    pool = Pool(1)
    with pytest.raises(ZeroDivisionError):
        pool.workers.compute(lambda: 1 // 0)
    assert pool.workers.compute(lambda: "next") == "next"
    assert pool.told("seconds_count") == pool.told("wait_seconds_count") == 2
    assert pool.told("workers_busy") == pool.told("queue_length") == 0


def test_other_threads_run_while_one_hashes():
    """Argon2 releases the interpreter's lock: this thread goes on at its pace all the while."""
    passwords, turns = Passwords(Settings(argon2_parallelism=1), Pool(1).workers), 0
    with ThreadPoolExecutor(1) as caller:
        hash_ = caller.submit(passwords.hash, "long enough")
        while not hash_.done():
            time.sleep(0.001)
            turns += 1
    assert turns > 5


@pytest.mark.parametrize("hash_workers", [1, 3])
def test_no_more_hashes_at_once_than_workers(start_service, monkeypatch, hash_workers):
    """Twelve logins at once keep every worker busy, never more, and each is hashed once."""
    service = start_service(hash_workers=hash_workers)
    seen, verify = [], PasswordHasher.verify

    def watched(*args) -> bool:
        seen.append(service.count("auth_hash_workers_busy"))
        time.sleep(0.01)
        return verify(*args)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    calls = [service.stub.Login.future(LOGIN) for _ in range(12)]
    assert {call.code() for call in calls} == {CODE.UNAUTHENTICATED}
    assert max(seen) == service.count("auth_hash_workers") == hash_workers
    assert len(seen) == service.count("auth_hash_seconds_count") == 12
    assert service.count("auth_hash_workers_busy") == service.count("auth_hash_queue_length") == 0


def test_what_is_hashed_and_what_is_not(service, refused):
    """One hash for an account, a right or a wrong password, or nobody's; none for a bad field."""
    user = {"username": "mina", "password": "long enough"}
    service.stub.CreateUser(pb.CreateUserRequest(**user))
    service.stub.Login(pb.LoginRequest(**user))
    for username in ("mina", "nobody"):
        with refused(CODE.UNAUTHENTICATED):
            service.stub.Login(pb.LoginRequest(username=username, password="not hers"))
    with refused(CODE.INVALID_ARGUMENT):
        service.stub.Login(pb.LoginRequest(username="mina"))
    with refused(CODE.INVALID_ARGUMENT):
        service.stub.CreateUser(pb.CreateUserRequest(username="mina", password="short"))
    assert service.count("auth_hash_seconds_count") == 4
    assert service.count("auth_hash_wait_seconds_count") == 4


@pytest.mark.parametrize(
    ("grace_seconds", "codes"),
    [(PATIENCE_SECONDS, {CODE.UNAUTHENTICATED}), (0, {CODE.CANCELLED, CODE.UNAVAILABLE})],
)
def test_a_stop_finishes_the_hashes_in_flight(start_service, monkeypatch, grace_seconds, codes):
    """One at work, two in line: all are computed before the stop is over, with grace answered."""
    service, go_on = start_service(hash_workers=1), threading.Event()

    def slow(*_) -> None:
        go_on.wait()
        raise VerifyMismatchError

    monkeypatch.setattr(PasswordHasher, "verify", slow)
    calls = [service.stub.Login.future(LOGIN) for _ in range(3)]
    wait_until(lambda: service.count("auth_hash_queue_length") == 2)
    with ThreadPoolExecutor(1) as operator:
        stop = operator.submit(service.server.stop, grace_seconds)
        time.sleep(0.1)
        assert not stop.done() and service.count("auth_hash_seconds_count") == 0
        go_on.set()
        stop.result()
    assert {call.code() for call in calls} <= codes
    assert service.count("auth_hash_seconds_count") == 3
    assert service.count("auth_hash_queue_length") == service.count("auth_hash_workers_busy") == 0
    assert not [one for one in threading.enumerate() if one.name.startswith("hash")]


def test_by_default_every_core_hashes():
    """The setting follows the machine."""
    cores = getattr(os, "process_cpu_count", os.cpu_count)()
    assert Settings().hash_workers == cores
