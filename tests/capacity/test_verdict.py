"""How many logins are possible: the path of a login, and the tightest of all limits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from loads import load_of
from made_resources import measured_of, resource_of
from made_series import grown
from scipy.stats import lognorm

from alertlab.capacity import (
    Limit,
    LoginPath,
    Queue,
    hash_queue,
    joint_verdict,
    login_limits,
    login_path,
    when_pods_go,
)
from alertlab.errors import BadInput
from alertlab.latency import BucketHistory, make_histogram
from alertlab.units import HOUR_MS, Interval

PATH = LoginPath(
    workers=5,
    service_seconds=0.1,
    service_cv2=1.0,
    wait_factor=Interval(1.0, 1.0, 1.0),
    unloaded_seconds=Interval(0.2, 0.2, 0.2),
    logins_per_hash=1.0,
    threshold_seconds=0.5,
    quantile=0.99,
)


def test_most_logins_are_those_of_the_queue() -> None:
    """On two pods twice the rate at which one pod's wait takes what the work leaves."""
    most = PATH.most_logins(2)
    wait = Queue(most.mid / 2, 0.1, 5).wait_seconds(0.995)
    assert float(wait) == pytest.approx(0.3, rel=1e-6)
    assert most.low == most.mid == most.high
    assert PATH.most_logins(3).mid == pytest.approx(1.5 * most.mid)


@pytest.mark.parametrize(
    ("field", "value", "more"),
    [
        ("workers", 6, True),
        ("threshold_seconds", 0.6, True),
        ("service_seconds", 0.12, False),
        ("service_cv2", 2.0, False),
        ("quantile", 0.999, False),
        ("logins_per_hash", 0.9, False),
        ("wait_factor", Interval(2.0, 2.0, 2.0), False),
        ("unloaded_seconds", Interval(0.3, 0.3, 0.3), False),
    ],
)
def test_each_number_moves_the_most_logins(field: str, value: object, more: bool) -> None:
    """More workers and patience allow more; slower, burstier or stricter allows less."""
    other = replace(PATH, **{field: value}).most_logins(2).mid
    assert (other > PATH.most_logins(2).mid) is more


def test_doubts_make_the_interval() -> None:
    """The worse ends of all doubts give the low end, the better ones the high end."""
    doubtful = replace(
        PATH, wait_factor=Interval(0.8, 1, 1.5, 0.9), unloaded_seconds=Interval(0.1, 0.2, 0.25)
    )
    found = doubtful.most_logins(2)
    assert found.low < found.mid < found.high
    assert found.confidence == 0.9
    worst = replace(
        PATH, wait_factor=Interval(1.5, 1.5, 1.5), unloaded_seconds=Interval(0.25, 0.25, 0.25)
    )
    assert found.low == worst.most_logins(2).mid


def test_fewer_pods_and_a_queue_that_grows() -> None:
    """Half the pods, twice the use; too few of them and the queue has no end."""
    two, one, none = (PATH.at(60.0, pods) for pods in (4, 2, 1))
    assert one.use_ratio == pytest.approx(2 * two.use_ratio)
    assert one.quantile_seconds > two.quantile_seconds > PATH.unloaded_seconds.mid
    assert none.quantile_seconds == math.inf
    assert none.waiting_ratio == 1


def made_history(busiest: float = 0.8) -> tuple:
    """Return load, hashes and latencies of a pod whose logins work 0.15 s and wait as modelled."""
    spans, edges = 24 * 21, np.array([0.05, 0.1, 0.14, 0.16, 0.18, 0.2, 0.3, 0.5, 1.0, np.inf])
    use = busiest * (0.55 - 0.45 * np.cos(np.arange(spans) / 24 * 2 * np.pi))[None]
    rate = use * 50
    waits = Queue(rate, 0.1, 5, service_cv2=0.04).mean_wait_seconds
    load = load_of(
        1, spans, {"Login": 0.9 * rate, "CreateUser": 0.1 * rate}, hashes_per_second=rate,
        hashing=use * 5, waiting=rate * waits, hash_workers=np.full_like(use, 5.0),
    )  # fmt: skip
    hashes = make_histogram(edges, 1e6 * lognorm(0.2, scale=0.1).cdf(edges))
    counts = 0.9 * rate[0][:, None] * 3_600 * lognorm(0.1, scale=0.15).cdf(edges)
    logins = BucketHistory(
        "grpc_server_handling_seconds", ("grpc_method",), ((("grpc_method", "Login"),),), edges,
        load.ends_ms, HOUR_MS, counts[None], np.full((1, spans), np.nan),
    )  # fmt: skip
    return load, hashes, logins


def test_a_login_path_is_learned_from_history() -> None:
    """Work from quiet hours, waits from busy ones, logins as their share of the hashes."""
    load, hashes, logins = made_history()
    queue = hash_queue(load, hashes)
    path = login_path(load, queue, logins, threshold_seconds=0.5)
    assert path.logins_per_hash == pytest.approx(0.9)
    assert path.workers == 5
    assert path.unloaded_seconds.mid == pytest.approx(lognorm(0.1, scale=0.15).ppf(0.995), rel=0.03)
    assert (path.unloaded_seconds.low, path.unloaded_seconds.high) == (0.18, 0.2)
    later = login_path(load, queue, logins, threshold_seconds=0.5, quantile=0.9)
    assert later.unloaded_seconds.mid < path.unloaded_seconds.mid
    states = when_pods_go(path, load, 1)
    assert [one.pods for one in states] == [1]
    assert states[0].use_ratio == pytest.approx(0.8, rel=0.02)
    assert [one.pods for one in when_pods_go(path, load, 4)] == [4, 3, 2]


def test_what_was_never_quiet_or_never_checked_is_refused() -> None:
    """Without quiet hours nobody knows the work; without busy ones nobody knows the wait."""
    load, hashes, logins = made_history()
    busy = replace(load, hashing=np.maximum(load.hashing, 2.0))
    path = login_path(busy, hash_queue(busy, hashes), logins, threshold_seconds=0.5)
    assert path.refusal.startswith("In no span were fewer than 30%")
    quiet, *_ = made_history(0.2)
    path = login_path(quiet, hash_queue(quiet, hashes), logins, threshold_seconds=0.5)
    assert "never 30% busy" in path.refusal
    assert when_pods_go(path, quiet, 3) == []
    with pytest.raises(BadInput, match="no grpc_method 'Logon'"):
        login_path(load, hash_queue(load, hashes), logins, threshold_seconds=0.5, method="Logon")


def test_the_tightest_limit_is_the_verdict() -> None:
    """The least of each end: what seems to break second may be the first."""
    verdict = joint_verdict(
        [
            Limit("unknown", None, "why"),
            Limit("second", Interval(40, 70, 200)),
            Limit("first", Interval(60, 65, 90)),
        ]
    )
    assert [one.name for one in verdict.limits] == ["first", "second", "unknown"]
    assert verdict.first.name == "first"
    assert verdict.logins_per_second == Interval(40, 65, 90)
    nothing = joint_verdict([Limit("unknown", None, "why")])
    assert nothing.first is None
    assert nothing.logins_per_second is None


def test_limits_of_the_promise_and_of_what_demand_drives() -> None:
    """Fewer replicas allow fewer logins; what no demand drives has no say; reasons are kept."""
    use = grown(14, 1)
    of = [
        measured_of(use, 400.0, demand=3 * use),
        measured_of(np.full(14 * 24, np.nan), resource=resource_of("silent")),
        measured_of(use, 400.0, demand=3 * use, resource=resource_of("memory", demand=None)),
    ]
    limits = login_limits(PATH, of, replicas=3)
    assert [one.name.split(" passes")[0] for one in limits] == [
        "p99 of logins",
        "hash workers",
        "silent",
    ]
    assert limits[0].logins_per_second == PATH.most_logins(2)
    assert limits[1].logins_per_second.mid == pytest.approx(0.8 * 400 * 2, rel=0.02)
    assert "finds nothing" in limits[2].reason
    fewer = login_limits(PATH, of, replicas=3, lost_replicas=2)
    for one, other in zip(limits[:2], fewer[:2], strict=True):
        assert one.logins_per_second.mid == pytest.approx(2 * other.logins_per_second.mid)
    refused = login_limits(replace(PATH, refusal="No waits."), of, replicas=3)
    assert (refused[0].logins_per_second, refused[0].reason) == (None, "No waits.")
