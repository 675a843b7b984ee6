"""The load generator's schedule and account, without a service."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlab.errors import BadInput
from auth_service.loadgen.account import Account
from auth_service.loadgen.plan import (
    UNKNOWN_USER,
    WRONG_PASSWORD,
    FailureBurst,
    Load,
    SlowSpell,
    schedule,
)


def load(**changes) -> Load:
    """A load of nothing, but for the changes."""
    nothing = {
        "duration_seconds": 100.0,
        "users": 1,
        "rates_per_second": {},
        "failed_logins_per_second": 0.0,
        "failure_bursts": (),
        "slow_spells": (),
        "seed": 1,
    }
    return Load(**(nothing | changes))


rates = st.floats(0, 20)


@settings(max_examples=30, deadline=None)
@given(rates, rates, rates, st.floats(1, 50), st.integers(0, 2**32))
def test_a_schedule_is_in_order_and_inside_the_run(logins, failures, extra, duration, seed):
    """Whatever the rates: rising offsets, all inside the run, burst steps inside the burst."""
    burst = FailureBurst(duration / 4, duration / 2, extra)
    steps = schedule(
        load(
            duration_seconds=duration,
            rates_per_second={"login": logins},
            failed_logins_per_second=failures,
            failure_bursts=(burst,),
            seed=seed,
        )
    )
    offsets = [step.offset_seconds for step in steps]
    assert offsets == sorted(offsets)
    assert all(0 <= offset <= duration for offset in offsets)
    for step in steps:
        if step.burst == 0:
            assert duration / 4 <= step.offset_seconds <= duration * 3 / 4
            assert step.action in (WRONG_PASSWORD, UNKNOWN_USER)
        elif step.action == "login":
            assert logins > 0


@pytest.mark.parametrize(
    ("changes", "action", "expected"),
    [
        ({"rates_per_second": {"validate": 50.0}}, "validate", 5_000),
        ({"failed_logins_per_second": 50.0}, WRONG_PASSWORD, 4_000),
        ({"failed_logins_per_second": 50.0}, UNKNOWN_USER, 1_000),
        ({"failure_bursts": (FailureBurst(10, 20, 100.0),)}, WRONG_PASSWORD, 1_600),
        ({"duration_seconds": 10.0, "rates_per_second": {"login": 50.0}}, "login", 500),
    ],
)
def test_rates_are_per_second(changes, action, expected):
    """The number of calls is rate times time, within five Poisson deviations."""
    count = sum(step.action == action for step in schedule(load(**changes)))
    assert abs(count - expected) < 5 * expected**0.5


def test_the_seed_fixes_the_schedule():
    """The same seed gives the same calls, another one others."""
    busy = {"rates_per_second": {"login": 5.0}, "failed_logins_per_second": 1.0}
    first, again, other = (schedule(load(**busy, seed=seed)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"failure_bursts": (FailureBurst(90, 11, 1),)}, "90:11:1 ends after --duration 100"),
        ({"slow_spells": (SlowSpell(100, 1, 5),)}, "100:1:5 ends after --duration 100"),
        ({"slow_spells": (SlowSpell(20, 5, 1), SlowSpell(10, 11, 1))}, "must not overlap"),
    ],
)
def test_impossible_spells_are_refused(changes, said):
    """A spell that would be cut off or end another one is not run in part."""
    with pytest.raises(BadInput, match=said):
        load(**changes)


def test_spells_may_touch():
    """One slow spell may begin when the other ends, and bursts may overlap anything."""
    assert load(
        slow_spells=(SlowSpell(10, 10, 1), SlowSpell(20, 80, 2)),
        failure_bursts=(FailureBurst(0, 100, 1), FailureBurst(50, 50, 1)),
    )


def test_the_account_counts_as_the_service_does():
    """Derived numbers follow from the answers; what ended on the way is only unanswered."""
    account = Account()
    for method, code, details, reason in (
        ("Login", "OK", "", ""),
        ("Login", "UNAUTHENTICATED", "wrong username or password", "bad_password"),
        ("Login", "INTERNAL", "the store failed; try again later", "bad_password"),
        ("Login", "UNAVAILABLE", "connection refused", "bad_password"),
        ("RefreshToken", "OK", "", ""),
        ("RefreshToken", "UNAUTHENTICATED", "token refused: revoked", ""),
        ("ValidateToken", "DEADLINE_EXCEEDED", "token refused: never said", ""),
        ("ValidateToken", "UNAUTHENTICATED", "token refused: expired", ""),
    ):
        account.record(method, code, details, 2.0, reason)
    summary = account.summary()
    assert summary["login_requests"] == 3
    assert summary["login_success"] == 1
    assert summary["login_failure"] == {"bad_password": 1, "internal": 1}
    assert summary["tokens_issued"] == 4
    assert summary["token_errors"] == {"revoked": 1, "expired": 1}
    assert summary["token_validations"] == 1
    assert summary["unanswered"] == 2
    assert summary["calls"]["ValidateToken"] == {"DEADLINE_EXCEEDED": 1, "UNAUTHENTICATED": 1}


def test_latency_is_of_all_calls_of_a_method():
    """Quantiles in ms, and the mean and deviation of their natural logarithms."""
    account = Account()
    for latency_ms in (1.0, 100.0, 10_000.0):
        account.record("Login", "OK", "", latency_ms, "")
    latency = account.summary()["latency"]["Login"]
    assert latency["count"] == 3
    assert latency["p50_ms"] == 100.0
    assert latency["p50_ms"] < latency["p95_ms"] < latency["p99_ms"] < 10_000.0
    assert latency["lognormal_mu_log_ms"] == pytest.approx(4.605170186)  # ln 100
    assert latency["lognormal_sigma_log_ms"] == pytest.approx(3.760105745)  # ln 100 * (2/3)**0.5


def test_phases_are_in_order_of_time():
    """The account lists phases by their start, however they were noted."""
    account = Account()
    account.phases += [{"kind": kind, "start": start} for kind, start in (("b", 2.0), ("a", 1.0))]
    starts = [phase["start"] for phase in account.summary()["phases"]]
    assert all(low <= high for low, high in itertools.pairwise(starts))
