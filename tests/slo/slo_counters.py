"""Counters and objectives for the tests of the ledger and the budget, and their naive count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from alertlab.frame import Series
from alertlab.slo.objectives import (
    AVAILABILITY,
    LATENCY,
    Objective,
    Scope,
    answers_by_code,
    answers_in_time,
)
from alertlab.slo.policies import POLICIES
from alertlab.units import DAY_MS, label_set, parse_time

MONDAY_MS = parse_time("2026-03-02T00:00:00Z")  # of 2026-W10


def counter(name: str, times: Sequence[int], values: Sequence[float], **labels: str) -> Series:
    """Return the series of a counter; times in ms."""
    return Series(
        label_set({"__name__": name, **labels}),
        np.asarray(times, np.int64),
        np.asarray(values, np.float64),
    )


def handled(times: Sequence[int], values: Sequence[float], code: str, pod: str = "a") -> Series:
    """Return how often a method answered with a code."""
    return counter(
        "grpc_server_handled_total", times, values, grpc_method="Login", grpc_code=code, pod=pod
    )


def histogram(
    times: Sequence[int], by_bound: dict[str, Sequence[float]], pod: str = "a"
) -> list[Series]:
    """Return the series of a latency histogram; the bound +Inf is its count, too."""
    name, labels = "grpc_server_handling_seconds", {"grpc_method": "Login", "pod": pod}
    buckets = [
        counter(f"{name}_bucket", times, values, le=bound, **labels)
        for bound, values in by_bound.items()
    ]
    return [*buckets, counter(f"{name}_count", times, by_bound["+Inf"], **labels)]


def availability(
    policy: str = "strict", target: float = 0.99, name: str = "login", period_ms: int = 28 * DAY_MS
) -> Objective:
    """Return an objective on the codes of Login."""
    answers = answers_by_code(Scope(method="Login"), POLICIES[policy])
    return Objective(
        name, AVAILABILITY, target, policy=policy, period_ms=period_ms, **answers._asdict()
    )


def latency(threshold_seconds: float = 0.5, target: float = 0.99) -> Objective:
    """Return an objective on the latency of Login."""
    answers = answers_in_time(Scope(method="Login"), threshold_seconds)
    return Objective("login-fast", LATENCY, target, **answers._asdict())


def naive_steps(one: Series) -> Iterable[tuple[int, float]]:
    """Give each step of a counter with its later time, one pair of samples after the other."""
    known = [(int(t), float(v)) for t, v in zip(one.times, one.values, strict=True) if v == v]
    for (before_ms, before), (at_ms, value) in pairwise(known):
        if at_ms - before_ms <= DAY_MS:
            yield at_ms, value if value < before else value - before
