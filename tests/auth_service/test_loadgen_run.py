"""The load generator against a real service: its account is the counters, exactly."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from alertlab.units import LabelSet, label_set
from auth_service.cli import run_command
from auth_service.loadgen import drive
from auth_service.loadgen.__main__ import generate_load, parse_load
from auth_service.loadgen.account import expected_counters


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "auth_service.loadgen", *flags]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


def exported(url: str) -> dict[LabelSet, float]:
    """Return the service's counters and histogram counts by label set."""
    with urllib.request.urlopen(url) as response:
        families = text_string_to_metric_families(response.read().decode())
    return {
        label_set({"__name__": sample.name, **sample.labels}): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith(("auth_", "grpc_")) and sample.name.endswith(("_total", "_count"))
    }


def expected(account: dict) -> dict[LabelSet, float]:
    """Return what ``exported`` must be: the account, its hashes and its transactions."""
    login, errors = account["calls"]["Login"], account["token_errors"]
    hashes = sum(account["calls"]["CreateUser"].values()) + sum(login.values())
    # A login that succeeds also stores its refresh token; a malformed token asks nothing.
    transactions = sum(sum(codes.values()) for codes in account["calls"].values())
    transactions += login["OK"] - errors.get("malformed", 0)
    more = {
        "auth_hash_seconds_count": hashes,
        "auth_hash_wait_seconds_count": hashes,
        "auth_database_held_seconds_count": transactions,
    }
    return expected_counters(account) | {
        label_set({"__name__": name}): count for name, count in more.items()
    }


def test_the_account_is_what_the_service_counted(start_process, tmp_path):
    """Every counter and every histogram count, after rates, a burst and a slow spell."""
    fault_file = tmp_path / "slow"
    process = start_process("--fault-file", str(fault_file))
    done = run(
        *("--target", process.target, "--duration", "12", "--users", "5", "--seed", "3"),
        *("--logins-per-second", "10", "--failed-logins-per-second", "1"),
        *("--validations-per-second", "30", "--bad-tokens-per-second", "3"),
        *("--refreshes-per-second", "5", "--revocations-per-second", "3"),
        *("--failure-burst", "2:4:20", "--slow-spell", "8:3:120", "--fault-file", str(fault_file)),
    )
    assert done.returncode == 0, done.stderr
    assert "calls answered" in done.stderr
    account = json.loads(done.stdout)
    assert account["unanswered"] == 0
    assert exported(process.metrics_url) == expected(account)

    assert account["calls"]["CreateUser"] == {"OK": 5}
    assert min(account["login_failure"][reason] for reason in ("bad_password", "unknown_user")) > 0
    assert set(account["token_errors"]) == {"malformed", "revoked"}
    assert account["calls"]["RefreshToken"]["OK"] and account["calls"]["RevokeToken"]["OK"]
    check_phases({phase["kind"]: phase for phase in account["phases"]}, account)
    assert not fault_file.exists()


def check_phases(phases: dict, account: dict) -> None:
    """The phases lie where the flags put them, and the spells did what they say."""
    assert set(phases) == {"setup", "load", "drain", "failure_burst", "slow_spell"}
    began = phases["load"]["start"]
    assert phases["setup"]["end"] <= began <= phases["load"]["end"] - 12
    burst, spell = phases["failure_burst"], phases["slow_spell"]
    assert began + 2 <= burst["start"] < burst["end"]
    # 4 s at 20 a second, within five Poisson deviations; the rest are the steady failures.
    assert abs(burst["calls"] - 80) < 45
    assert burst["calls"] < sum(account["login_failure"].values())
    assert spell["delay_ms"] == 120
    assert began + 8 <= spell["start"] <= spell["end"] - 3
    # A quarter of the validations fell into the spell, so the slowest twentieth did.
    assert account["latency"]["ValidateToken"]["p95_ms"] >= 120


def test_a_run_without_sessions_says_what_it_skipped(start_process):
    """Sessions that are all revoked leave nothing to refresh: that is counted, not sent."""
    process = start_process()
    done = run(
        *("--target", process.target, "--duration", "2", "--users", "1", "--logins-per-second=0"),
        *("--revocations-per-second", "20", "--refreshes-per-second", "20"),
        *("--validations-per-second", "20"),
    )
    account = json.loads(done.stdout)
    assert account["calls"]["RevokeToken"] == {"OK": 1}
    assert set(account["skipped"]) == {"refresh", "revoke", "validate"}
    assert exported(process.metrics_url) == expected(account)


def test_an_interrupted_run_leaves_no_slow_store_behind(start_process, tmp_path):
    """SIGINT in a slow spell removes the fault file, and exits without a traceback."""
    fault_file = tmp_path / "slow"
    process = start_process("--fault-file", str(fault_file))
    command = [sys.executable, "-m", "auth_service.loadgen", "--target", process.target]
    command += ["--users", "1", "--slow-spell", "0:60:1", "--fault-file", str(fault_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as loadgen:
        while not fault_file.exists():
            assert loadgen.poll() is None, loadgen.stderr.read()
        loadgen.send_signal(signal.SIGINT)
        out, err = loadgen.communicate(timeout=60)
    assert (loadgen.returncode, out) == (130, b"")
    assert b"Traceback" not in err
    assert not fault_file.exists()


def test_nobody_at_the_target_exits_1(monkeypatch, capsys):
    """One sentence with the address."""
    monkeypatch.setattr(drive, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(sys, "argv", ["loadgen", "--target", "127.0.0.1:1"])
    assert run_command("auth_service.loadgen", generate_load) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == ("auth_service.loadgen: no gRPC service answers at 127.0.0.1:1 within 0.3 s\n")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "the following arguments are required: --target"),
        (["--target", "x", "--duration", "0"], "--duration: 0 is too short"),
        (["--target", "x", "--duration", "soon"], "--duration: soon is not a number from 0 up"),
        (["--target", "x", "--users", "0"], "--users: 0 is not a whole number from 1 up"),
        (["--target", "x", "--logins-per-second=-1"], "-1 is not a number from 0 up"),
        (["--target", "x", "--failure-burst", "1:2"], "1:2 is not of the form start_seconds:"),
        (["--target", "x", "--failure-burst", "50:20:5"], "50:20:5 ends after --duration 60"),
        (["--target", "x", "--slow-spell", "1:2:3"], "--slow-spell needs --fault-file"),
        (["--target", "x", "--slow-spell=1:2:3", "--fault-file=/no/such/f"], "folder that exists"),
    ],
)
def test_bad_flags_exit_2_with_a_sentence(monkeypatch, capsys, flags, said):
    """One line on stderr, nothing on stdout."""
    monkeypatch.setattr(sys, "argv", ["loadgen", *flags])
    assert run_command("auth_service.loadgen", generate_load) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == "" and line.startswith("auth_service.loadgen: ") and said in line


def test_every_rate_is_a_flag():
    """Each flag changes its own rate only."""
    names = ("logins", "validations", "refreshes", "revocations", "bad-tokens")
    actions = ("login", "validate", "refresh", "revoke", "bad_token")
    plain = parse_load(["--target", "x"])[1]
    for name, action in zip(names, actions, strict=True):
        changed = parse_load(["--target", "x", f"--{name}-per-second", "7.5"])[1]
        assert changed.rates_per_second == {**plain.rates_per_second, action: 7.5}
    changed = parse_load(["--target", "x", "--failed-logins-per-second", "7.5"])[1]
    assert changed.failed_logins_per_second == 7.5
    assert changed.rates_per_second == plain.rates_per_second
