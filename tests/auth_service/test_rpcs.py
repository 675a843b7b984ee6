"""Every RPC over a real channel: what it answers, which code, what it counts."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import grpc
import jwt
import pytest
from argon2 import PasswordHasher
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from alertlab.errors import BadInput, ServerError
from auth_service.metrics import GRPC_SERVICE, METHODS
from auth_service.proto import auth_pb2 as pb
from auth_service.tokens import KeyRing

USER = {"username": "mina", "password": "long enough"}
CODE = grpc.StatusCode


def signed_in(service) -> pb.TokenPair:
    service.stub.CreateUser(pb.CreateUserRequest(**USER))
    return service.stub.Login(pb.LoginRequest(**USER)).tokens


def claims(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def test_a_user_is_created_once(service, refused):
    """The second account of a name is refused with ALREADY_EXISTS."""
    assert service.stub.CreateUser(pb.CreateUserRequest(**USER)).user_id
    with refused(CODE.ALREADY_EXISTS):
        service.stub.CreateUser(pb.CreateUserRequest(**USER))


@pytest.mark.parametrize(
    ("username", "password", "said"),
    [
        ("", "long enough", "username"),
        ("two words", "long enough", "username"),
        ("x" * 65, "long enough", "username"),
        ("mina", "7 chars", "password"),
        ("mina", "x" * 129, "password"),
    ],
)
def test_create_user_refuses_a_bad_field(service, refused, username, password, said):
    """The answer names the field that is out of bounds."""
    with refused(CODE.INVALID_ARGUMENT) as error:
        service.stub.CreateUser(pb.CreateUserRequest(username=username, password=password))
    assert error.value.details().startswith(said)


def test_longest_and_shortest_fields_are_accepted(service):
    """The bounds themselves are inside."""
    for username, password in (("x" * 64, "8 chars."), ("y", "x" * 128)):
        service.stub.CreateUser(pb.CreateUserRequest(username=username, password=password))
        login = service.stub.Login(pb.LoginRequest(username=username, password=password))
        assert login.tokens.access_token


def test_login_gives_two_tokens_of_the_user(start_service):
    """Both tokens name the user, their use, the issuer, and expire as the settings say."""
    service = start_service(
        issuer="here", access_token_lifetime_seconds=60, refresh_token_lifetime_seconds=3600
    )
    user_id = service.stub.CreateUser(pb.CreateUserRequest(**USER)).user_id
    tokens = service.stub.Login(pb.LoginRequest(**USER)).tokens
    access, refresh = claims(tokens.access_token), claims(tokens.refresh_token)
    assert (access["use"], refresh["use"]) == ("access", "refresh")
    assert access["sub"] == refresh["sub"] == user_id
    assert access["iss"] == refresh["iss"] == "here"
    assert access["exp"] - access["iat"] == 60
    assert refresh["exp"] - refresh["iat"] == 3600
    assert (tokens.access_expires_at, tokens.refresh_expires_at) == (access["exp"], refresh["exp"])
    assert service.count("auth_tokens_issued_total") == 2


def test_wrong_password_and_unknown_user_look_the_same(service, refused, monkeypatch):
    """Code, text and metadata agree and both are hashed; only the counter tells them apart."""
    service.stub.CreateUser(pb.CreateUserRequest(**USER))
    hashed, verify = [], PasswordHasher.verify
    monkeypatch.setattr(
        PasswordHasher, "verify", lambda self, *args: hashed.append(args) or verify(self, *args)
    )
    seen = []
    for username, password in (("mina", "not hers at all"), ("nobody", "long enough")):
        with refused(CODE.UNAUTHENTICATED) as error:
            service.stub.Login(pb.LoginRequest(username=username, password=password))
        seen.append((error.value.details(), error.value.trailing_metadata()))
    assert seen[0] == seen[1]
    assert [password for _, password in hashed] == ["not hers at all", "long enough"]
    assert hashed[0][0].split("$")[:4] == hashed[1][0].split("$")[:4], "the same hashing cost"
    assert service.count("auth_login_failure_total", reason="bad_password") == 1
    assert service.count("auth_login_failure_total", reason="unknown_user") == 1


@pytest.mark.parametrize(
    ("username", "password"), [("", "long enough"), ("mina", ""), ("mina", "x" * 129)]
)
def test_login_refuses_a_bad_field(service, refused, username, password):
    """A login that cannot be tried is an attempt and a failure of its own reason."""
    with refused(CODE.INVALID_ARGUMENT):
        service.stub.Login(pb.LoginRequest(username=username, password=password))
    assert service.count("auth_login_requests_total") == 1
    assert service.count("auth_login_failure_total", reason="invalid_request") == 1


def test_validate_names_the_user(service):
    """A fresh access token is valid for its user until it expires."""
    tokens = signed_in(service)
    answer = service.stub.ValidateToken(pb.ValidateTokenRequest(access_token=tokens.access_token))
    assert answer.user_id == claims(tokens.access_token)["sub"]
    assert answer.expires_at == tokens.access_expires_at
    assert service.count("auth_token_validation_latency_seconds_count") == 1


def refusals(service) -> list[tuple[str, str]]:
    """Tokens that must not be accepted, each with the reason."""
    good = signed_in(service).access_token
    body = claims(good)
    header, payload, signature = good.split(".")
    swapped = "A" if signature[5] != "A" else "B"
    sign, other = service.key_ring.sign, KeyRing.generate()
    kid = jwt.get_unverified_header(good)["kid"]
    return [
        ("not a token", "malformed"),
        (sign({k: v for k, v in body.items() if k != "exp"}), "malformed"),
        (f"{header}.{payload}.{signature[:5]}{swapped}{signature[6:]}", "bad_signature"),
        (jwt.encode(body, "x" * 32, algorithm="HS256", headers={"kid": kid}), "bad_signature"),
        (jwt.encode(body, None, algorithm="none", headers={"kid": kid}), "bad_signature"),
        (other.sign(body), "unknown_key"),
        (jwt.encode(body, "x" * 32, algorithm="HS256"), "unknown_key"),
        (sign(body | {"exp": body["iat"] - 1}), "expired"),
        (sign(body | {"iss": "elsewhere"}), "wrong_issuer"),
        (sign(body | {"use": "refresh"}), "wrong_type"),
    ]


def test_every_bad_token_is_refused_with_its_reason(service, refused):
    """Tampered, foreign, expired and misused tokens: UNAUTHENTICATED, counted by reason."""
    for token, reason in refusals(service):
        before = service.count("auth_token_errors_total", reason=reason)
        with refused(CODE.UNAUTHENTICATED) as error:
            service.stub.ValidateToken(pb.ValidateTokenRequest(access_token=token))
        assert error.value.details() == f"token refused: {reason}"
        assert service.count("auth_token_errors_total", reason=reason) == before + 1


def test_a_token_expires_by_itself(start_service, refused):
    """The clock, not only a forged claim, ends a token."""
    service = start_service(access_token_lifetime_seconds=1)
    token = signed_in(service).access_token
    request = pb.ValidateTokenRequest(access_token=token)
    with refused(CODE.UNAUTHENTICATED) as error:
        while True:
            service.stub.ValidateToken(request)
    assert error.value.details() == "token refused: expired"


def test_a_refresh_token_works_once(service, refused):
    """Refreshing gives new tokens and uses up the old one."""
    old = signed_in(service)
    request = pb.RefreshTokenRequest(refresh_token=old.refresh_token)
    new = service.stub.RefreshToken(request).tokens
    assert {new.access_token, new.refresh_token}.isdisjoint({old.access_token, old.refresh_token})
    with refused(CODE.UNAUTHENTICATED) as error:
        service.stub.RefreshToken(request)
    assert error.value.details() == "token refused: revoked"
    service.stub.RefreshToken(pb.RefreshTokenRequest(refresh_token=new.refresh_token))
    assert service.count("auth_tokens_issued_total") == 6


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///{folder}/auth.db"])
def test_of_simultaneous_refreshes_one_wins(start_service, tmp_path, url):
    """However many callers hold the same refresh token, one gets new tokens."""
    service = start_service(database_url=url.format(folder=tmp_path))
    request = pb.RefreshTokenRequest(refresh_token=signed_in(service).refresh_token)

    def refresh(_: int) -> grpc.StatusCode:
        try:
            service.stub.RefreshToken(request)
        except grpc.RpcError as error:
            return error.code()
        return CODE.OK

    with ThreadPoolExecutor(8) as callers:
        codes = list(callers.map(refresh, range(8)))
    assert sorted(code.name for code in codes) == ["OK"] + 7 * ["UNAUTHENTICATED"]


def test_an_access_token_does_not_refresh(service, refused):
    """Only refresh tokens are exchanged."""
    token = signed_in(service).access_token
    with refused(CODE.UNAUTHENTICATED) as error:
        service.stub.RefreshToken(pb.RefreshTokenRequest(refresh_token=token))
    assert error.value.details() == "token refused: wrong_type"


def test_a_revoked_token_is_over(service, refused):
    """Both kinds can be revoked, also twice; then neither is accepted."""
    tokens = signed_in(service)
    for token in (tokens.access_token, tokens.refresh_token) * 2:
        service.stub.RevokeToken(pb.RevokeTokenRequest(token=token))
    with refused(CODE.UNAUTHENTICATED):
        service.stub.ValidateToken(pb.ValidateTokenRequest(access_token=tokens.access_token))
    with refused(CODE.UNAUTHENTICATED):
        service.stub.RefreshToken(pb.RefreshTokenRequest(refresh_token=tokens.refresh_token))
    assert service.count("auth_token_errors_total", reason="revoked") == 2


def test_a_refresh_token_the_store_does_not_know(service, refused):
    """A genuine one that was never stored: NOT_FOUND to revoke, UNAUTHENTICATED to use."""
    body = claims(signed_in(service).refresh_token)
    stranger = service.key_ring.sign(body | {"jti": "0" * 32})
    with refused(CODE.NOT_FOUND):
        service.stub.RevokeToken(pb.RevokeTokenRequest(token=stranger))
    with refused(CODE.UNAUTHENTICATED):
        service.stub.RefreshToken(pb.RefreshTokenRequest(refresh_token=stranger))
    assert service.count("auth_token_errors_total", reason="unknown_token") == 2


@pytest.mark.parametrize(
    ("method", "request_type"),
    [
        ("ValidateToken", pb.ValidateTokenRequest),
        ("RefreshToken", pb.RefreshTokenRequest),
        ("RevokeToken", pb.RevokeTokenRequest),
    ],
)
def test_a_missing_token_is_an_invalid_request(service, refused, method, request_type):
    """No token is not a refused token: it is counted by its code only."""
    with refused(CODE.INVALID_ARGUMENT) as error:
        getattr(service.stub, method)(request_type())
    assert error.value.details().endswith("token is missing")
    assert service.count("auth_token_validation_latency_seconds_count") == 0


def test_a_failing_store_is_internal(start_service, refused, tmp_path):
    """The caller learns that the store failed, and nothing of its statements."""
    service = start_service(database_url=f"sqlite:///{tmp_path}/auth.db")
    with sqlite3.connect(tmp_path / "auth.db") as database:
        database.execute("DROP TABLE users")
    for call, request in (("CreateUser", pb.CreateUserRequest), ("Login", pb.LoginRequest)):
        with refused(CODE.INTERNAL) as error:
            getattr(service.stub, call)(request(**USER))
        assert error.value.details() == "the store failed; try again later"
    assert service.count("auth_login_failure_total", reason="internal") == 1


def test_an_unforeseen_fault_is_unknown_and_keeps_its_text(start_service, refused, tmp_path):
    """A damaged hash in the store is nobody's plan: UNKNOWN, counted, and not told to callers."""
    service = start_service(database_url=f"sqlite:///{tmp_path}/auth.db")
    service.stub.CreateUser(pb.CreateUserRequest(**USER))
    with sqlite3.connect(tmp_path / "auth.db") as database:
        database.execute("UPDATE users SET password_hash = 'damaged'")
    with refused(CODE.UNKNOWN) as error:
        service.stub.Login(pb.LoginRequest(**USER))
    assert error.value.details() == "an unforeseen fault; it has been logged"
    assert service.count("auth_login_failure_total", reason="internal") == 1


def test_a_failed_statement_is_logged_without_its_parameters(start_service, tmp_path, caplog):
    """Password hashes and usernames do not reach the log."""
    service = start_service(database_url=f"sqlite:///{tmp_path}/auth.db")
    with sqlite3.connect(tmp_path / "auth.db") as database:
        database.execute("DROP TABLE users")
    with pytest.raises(grpc.RpcError):
        service.stub.CreateUser(pb.CreateUserRequest(**USER))
    assert "no such table" in caplog.text
    assert "mina" not in caplog.text and "argon2id" not in caplog.text


def test_users_outlive_the_service_in_a_file(start_service, tmp_path):
    """A file keeps accounts; memory does not."""
    url = f"sqlite:///{tmp_path}/auth.db"
    signed_in(start_service(database_url=url))
    again = start_service(database_url=url)
    assert again.stub.Login(pb.LoginRequest(**USER)).tokens.access_token


def test_expired_rows_are_forgotten(start_service, tmp_path):
    """The tables of token ids hold no token that its age refuses anyway."""
    service = start_service(database_url=f"sqlite:///{tmp_path}/auth.db")
    token = signed_in(service).access_token
    with sqlite3.connect(tmp_path / "auth.db") as database:
        database.execute("UPDATE refresh_tokens SET expires_at = 1")
        database.execute("INSERT INTO revoked_access_tokens VALUES ('old', 1)")
    service.stub.RevokeToken(pb.RevokeTokenRequest(token=token))
    service.stub.Login(pb.LoginRequest(**USER))
    with sqlite3.connect(tmp_path / "auth.db") as database:
        for table in ("refresh_tokens", "revoked_access_tokens"):
            rows = database.execute(f"SELECT expires_at > 1 FROM {table}").fetchall()
            assert rows == [(1,)]


def test_health_and_reflection_answer(service):
    """The service says that it serves, and what it serves."""
    health = health_pb2_grpc.HealthStub(service.channel)
    for name in ("", GRPC_SERVICE):
        answer = health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    database = ProtoReflectionDescriptorDatabase(service.channel)
    assert GRPC_SERVICE in database.get_services()
    described = database.FindFileContainingSymbol(GRPC_SERVICE).service[0]
    assert tuple(method.name for method in described.method) == METHODS


def test_the_hashing_cost_is_that_of_the_settings(start_service, tmp_path):
    """The stored hash states Argon2id and each of the three costs."""
    service = start_service(
        database_url=f"sqlite:///{tmp_path}/auth.db",
        argon2_time_cost=2,
        argon2_memory_kib=64,
        argon2_parallelism=3,
    )
    service.stub.CreateUser(pb.CreateUserRequest(**USER))
    with sqlite3.connect(tmp_path / "auth.db") as database:
        (stored,) = database.execute("SELECT password_hash FROM users").fetchone()
    assert stored.startswith("$argon2id$v=19$m=64,t=2,p=3$")


@pytest.mark.parametrize("url", ["nonsense", "sqlite3:///auth.db"])
def test_a_url_of_no_database_is_bad_input(start_service, url):
    """The sentence shows how to write it, and not what was given: it may hold a password."""
    with pytest.raises(BadInput, match="write it like sqlite:///") as caught:
        start_service(database_url=url)
    assert url not in str(caught.value)


def test_a_database_that_does_not_open(start_service, tmp_path):
    """A path in a missing folder is told in one sentence."""
    with pytest.raises(ServerError, match="cannot be opened: unable to open database file"):
        start_service(database_url=f"sqlite:///{tmp_path}/missing/auth.db")
