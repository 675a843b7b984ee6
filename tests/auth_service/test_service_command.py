"""``python -m auth_service``: flags, addresses, and a stop that finishes what it began."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request

import grpc
import pytest
from prometheus_client import CollectorRegistry

import auth_service.server
from alertlab.errors import BadInput, ServerError
from auth_service.__main__ import parse_flags, serve
from auth_service.cli import run_command
from auth_service.proto import auth_pb2 as pb
from auth_service.proto.auth_pb2_grpc import AuthServiceStub
from auth_service.server import create_server
from auth_service.settings import Settings
from auth_service.tokens import KeyRing

CODE = grpc.StatusCode
CREATE = pb.CreateUserRequest(username="mina", password="long enough")


def run(*flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "auth_service", *flags]
    environment = os.environ | variables
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, env=environment
    )


def test_every_setting_is_a_flag():
    """Each field of the settings can be given, and the defaults are the dataclass's."""
    assert parse_flags([])[1] == Settings()
    given = {
        "database_url": "sqlite:///x.db",
        "issuer": "me",
        "access_token_lifetime_seconds": "5",
        "refresh_token_lifetime_seconds": "6",
        "argon2_time_cost": "7",
        "argon2_memory_kib": "80",
        "argon2_parallelism": "2",
        "workers": "9",
        "hash_workers": "3",
        "grace_seconds": "1.5",
        "fault_file": "slow",
    }
    assert set(given) == {spec.name for spec in dataclasses.fields(Settings)}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    settings = parse_flags(flags)[1]
    assert {name: str(getattr(settings, name)) for name in given} == given


def test_the_fault_file_is_off_by_default():
    """Nobody gets a slow store without asking for it."""
    assert Settings().fault_file is None
    assert parse_flags([])[1].fault_file is None


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--nonsense"], "unrecognized arguments: --nonsense; auth_service --help lists"),
        (["--workers", "many"], "invalid int value: 'many'"),
        (["--workers", "0"], "workers is 0; it must be at least 1"),
        (["--hash-workers", "0"], "hash_workers is 0; it must be at least 1"),
        (["--grace-seconds", "nan"], "grace_seconds is nan; it must be at least 0"),
        (["--argon2-memory-kib", "8", "--argon2-parallelism", "2"], "2 lanes need at least 16"),
        (["--listen", "localhost"], "write it like 127.0.0.1:50051"),
        (["--listen", ":50051"], "write it like 127.0.0.1:50051"),
        (["--listen", "localhost:99999"], "write it like 127.0.0.1:50051"),
        (["--listen", "127.0.0.1:0", "--metrics-port", "99999"], "--metrics-port 99999 is not"),
        (["--database-url", "nonsense"], "write it like sqlite:///auth.db"),
    ],
)
def test_bad_flags_exit_2_with_a_sentence(monkeypatch, capsys, flags, said):
    """One line on stderr says what was wrong."""
    monkeypatch.setattr(sys, "argv", ["auth_service", *flags])
    assert run_command("auth_service", serve) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == "" and line.startswith("auth_service: ") and said in line


def test_a_bad_key_exits_2():
    """Keys in the environment are read before anything is served; no traceback is shown."""
    done = run("--listen", "127.0.0.1:0", AUTH_SIGNING_KEYS="no key")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("auth_service: AUTH_SIGNING_KEYS must hold")


@pytest.mark.parametrize("which", ["grpc", "metrics"])
def test_a_taken_port_exits_1(which):
    """Both ports are refused rather than shared with another process."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = {
            "grpc": ["--listen", f"127.0.0.1:{port}", "--metrics-port", "0"],
            "metrics": ["--listen", "127.0.0.1:0", "--metrics-port", str(port)],
        }[which]
        done = run(*flags)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("auth_service: cannot ")


def test_two_servers_do_not_share_a_port(service):
    """A second service on the same port is an error, not half of the traffic."""
    with pytest.raises(ServerError, match=f"cannot listen on 127.0.0.1:{service.port}"):
        create_server(
            f"127.0.0.1:{service.port}",
            registry=CollectorRegistry(),
            settings=service.settings,
            key_ring=KeyRing.generate(),
        )


@pytest.mark.parametrize(
    ("grace_seconds", "call_ms", "codes"),
    [("20", "1000", {CODE.OK}), ("0", "3000", {CODE.CANCELLED, CODE.UNAVAILABLE})],
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_calls_in_flight(
    start_process, tmp_path, grace_seconds, call_ms, codes, number
):
    """With grace the call in flight is answered; without, cancelled; either way the exit is 0."""
    fault_file = tmp_path / "slow"
    process = start_process("--fault-file", str(fault_file), "--grace-seconds", grace_seconds)
    fault_file.write_text(call_ms)
    with grpc.insecure_channel(process.target) as channel:
        call = AuthServiceStub(channel).CreateUser.future(CREATE, wait_for_ready=True)
        wait_until_started(process)
        process.popen.send_signal(number)
        assert call.code() in codes
        assert process.popen.wait(timeout=30) == 0
        late = AuthServiceStub(channel).CreateUser.future(CREATE)
        assert late.code() is CODE.UNAVAILABLE
    assert process.log.read_text().endswith("stopped\n")
    assert "Traceback" not in process.log.read_text()


def wait_until_started(process) -> None:
    """Return once the service has a call in hand."""
    needle = 'grpc_server_started_total{grpc_method="CreateUser"'
    while True:
        with urllib.request.urlopen(process.metrics_url) as response:
            lines = response.read().decode().splitlines()
        if any(line.startswith(needle) and line.endswith(" 1.0") for line in lines):
            return


@pytest.mark.parametrize(("workers", "both_at_once"), [(2, True), (1, False)])
def test_workers_bound_the_calls_in_hand(
    start_service, tmp_path, monkeypatch, workers, both_at_once
):
    """Two calls meet in the store only if there are two workers."""
    meeting = threading.Barrier(2, timeout=5 if both_at_once else 0.2)
    monkeypatch.setattr(auth_service.server, "delay_while_file_exists", lambda _: meeting.wait())
    service = start_service(workers=workers, fault_file=tmp_path / "any")
    logins = [
        service.stub.Login.future(pb.LoginRequest(username=name, password="long enough"))
        for name in ("a", "b")
    ]
    expected = CODE.UNAUTHENTICATED if both_at_once else CODE.UNKNOWN
    assert [call.code() for call in logins] == [expected, expected]


@pytest.mark.parametrize(("text", "slow"), [("1000", True), ("", False), (None, False)])
def test_the_fault_file_delays_while_it_holds_a_number(start_service, tmp_path, text, slow):
    """The delay is the file's milliseconds; an empty or missing file is no delay."""
    fault_file = tmp_path / "slow"
    if text is not None:
        fault_file.write_text(text)
    service = start_service(fault_file=fault_file)
    service.stub.CreateUser(CREATE)
    spent = service.count(
        "grpc_server_handling_seconds_sum",
        grpc_type="unary",
        grpc_service="immersiverse.auth.v1.AuthService",
        grpc_method="CreateUser",
    )
    assert (spent >= 1.0) == slow


def test_settings_name_the_bound():
    """A value below its bound is refused with the bound."""
    with pytest.raises(BadInput, match="argon2_memory_kib is 7; it must be at least 8"):
        Settings(argon2_memory_kib=7)
