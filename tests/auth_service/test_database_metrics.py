"""What the service tells of its database connections: how many, in use, held how long."""

from __future__ import annotations

import sqlite3
import time

import grpc
import pytest

from auth_service.proto import auth_pb2 as pb

CODE = grpc.StatusCode
USER = {"username": "mina", "password": "long enough"}
PATIENCE_SECONDS = 20


@pytest.mark.parametrize(("url", "size"), [("sqlite://", 1), ("sqlite:///{folder}/auth.db", 15)])
def test_the_pool_may_open_so_many(start_service, tmp_path, url, size):
    """In memory there is one connection; to a file five are kept and ten more may be opened."""
    service = start_service(database_url=url.format(folder=tmp_path))
    assert service.count("auth_database_pool_size") == size
    assert service.count("auth_database_pool_in_use") == 0


def test_every_transaction_holds_a_connection_once(service, refused):
    """One for an account, also one that is refused; two for a login, one if it fails; and so on."""
    held = []

    def add() -> None:
        held.append(service.count("auth_database_held_seconds_count"))
        assert service.count("auth_database_pool_in_use") == 0

    add()
    service.stub.CreateUser(pb.CreateUserRequest(**USER))
    add()
    with refused(CODE.ALREADY_EXISTS):
        service.stub.CreateUser(pb.CreateUserRequest(**USER))
    add()
    tokens = service.stub.Login(pb.LoginRequest(**USER)).tokens
    add()
    with refused(CODE.UNAUTHENTICATED):
        service.stub.Login(pb.LoginRequest(username="nobody", password="long enough"))
    add()
    service.stub.ValidateToken(pb.ValidateTokenRequest(access_token=tokens.access_token))
    add()
    service.stub.RefreshToken(pb.RefreshTokenRequest(refresh_token=tokens.refresh_token))
    add()
    service.stub.RevokeToken(pb.RevokeTokenRequest(token=tokens.access_token))
    add()
    assert held == [0, 1, 2, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("writers", [1, 3])
def test_connections_in_use_and_how_long(start_service, tmp_path, writers):
    """Writers that wait for a locked database hold a connection each, until it is free."""
    service = start_service(database_url=f"sqlite:///{tmp_path}/auth.db")
    locking = sqlite3.connect(tmp_path / "auth.db", isolation_level=None)
    locking.execute("BEGIN IMMEDIATE")
    calls = [
        service.stub.CreateUser.future(pb.CreateUserRequest(username=f"u{n}", password="x" * 8))
        for n in range(writers)
    ]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while service.count("auth_database_pool_in_use") < writers:
        assert time.monotonic() < deadline
    time.sleep(0.2)
    assert service.count("auth_database_pool_in_use") == writers
    assert service.count("auth_database_held_seconds_count") == 0
    locking.execute("ROLLBACK")
    locking.close()
    assert {call.code() for call in calls} == {CODE.OK}
    assert service.count("auth_database_pool_in_use") == 0
    assert service.count("auth_database_held_seconds_count") == writers
    assert service.count("auth_database_held_seconds_sum") >= 0.2 * writers
