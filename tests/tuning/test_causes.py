"""Why no number of a rule helps, on data that was made to deserve each answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab.frame import Series
from alertlab.incidents import INCIDENT_COLUMNS
from alertlab.promql import parse, parse_selector
from alertlab.rules import AlertRule
from alertlab.tuning import CANNOT_FIX, CHANGE, LEAVE, Cause, Yardstick, tune_rule
from alertlab.tuning.causes import find_cause
from alertlab.units import DAY_MS, MINUTE_MS, label_set

DAYS = 8
MINUTES = np.arange(DAYS * 1440)
HOUR = MINUTES % 1440 // 60
END_MS = (len(MINUTES) - 1) * MINUTE_MS
NOON = (HOUR == 12) & (MINUTES % 60 < 30)
DAILY = np.isin(MINUTES // 1440, (1, 2, 3, 4, 5, 6))
INCIDENT = NOON & DAILY
NIGHT = (HOUR >= 1) & (HOUR < 3)


def counter(text: str, per_minute: np.ndarray | float) -> Series:
    """Return a counter that grows so much in each minute."""
    labels = label_set({one.name: one.value for one in parse_selector(text)})
    grown = np.cumsum(np.broadcast_to(np.asarray(per_minute, float), len(MINUTES)))
    return Series(labels, MINUTES * MINUTE_MS, grown)


def gauge(text: str, values: np.ndarray) -> Series:
    labels = label_set({one.name: one.value for one in parse_selector(text)})
    return Series(labels, MINUTES * MINUTE_MS, values.astype(float))


def histogram(labels: str, calls: dict[float, object], bounds: list[float]) -> list[Series]:
    """Return buckets, sum and count of calls a minute that take so many seconds each."""
    per_minute = {
        seconds: np.broadcast_to(np.asarray(count, float), len(MINUTES))
        for seconds, count in calls.items()
    }

    def total(most_seconds: float = np.inf, *, seconds_each: bool = False) -> np.ndarray:
        weighed = [
            count * (seconds if seconds_each else 1)
            for seconds, count in per_minute.items()
            if seconds <= most_seconds
        ]
        return np.sum([np.zeros(len(MINUTES)), *weighed], axis=0)

    buckets = [("+Inf" if np.isinf(one) else f"{one:g}", one) for one in [*bounds, np.inf]]
    return [
        *(counter(f'h_seconds_bucket{{le="{le}"{labels}}}', total(one)) for le, one in buckets),
        counter(f"h_seconds_sum{{{labels.lstrip(',')}}}", total(seconds_each=True)),
        counter(f"h_seconds_count{{{labels.lstrip(',')}}}", total()),
    ]


def incidents() -> pd.DataFrame:
    starts = [day * DAY_MS + 720 * MINUTE_MS for day in (1, 2, 3, 4, 5, 6)]
    frame = pd.DataFrame(
        [(f"i{k}", at, at + 30 * MINUTE_MS, "", None, "") for k, at in enumerate(starts)],
        columns=INCIDENT_COLUMNS,
    )
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    return frame


def rule_of(expr: str, text: str = "") -> AlertRule:
    return AlertRule("A", expr, "g", Path("r.yml"), 1, MINUTE_MS, annotations={"summary": text})


@pytest.fixture
def cause_of(memory_source) -> Callable[..., Cause | None]:
    """Tune a rule that no number mends, check that, and return the cause that is found.

    What the cause's expression promises is checked, too: tuned by itself it is mended.
    """

    def run(rule: AlertRule, data: list[Series]) -> Cause | None:
        source, yardstick = memory_source(data), Yardstick(incidents=incidents())

        def tune(one: AlertRule):
            return tune_rule(one, source, 0, END_MS, yardstick=yardstick, windows_ms=())

        tuning = tune(rule)
        assert tuning.verdict == CANNOT_FIX, tuning.reason
        if tuning.cause is not None:
            assert tuning.cause.reason in tuning.reason
            assert tuning.cause.reason.endswith(".")
            if tuning.cause.expr is not None:
                better = tune(replace(rule, expr=tuning.cause.expr))
                assert better.verdict in (CHANGE, LEAVE), better.reason
        return tuning.cause

    return run


P95 = "histogram_quantile(0.95, sum by (le) (rate(h_seconds_bucket[5m]))) > 1"
BOUNDS = [0.1, 0.5, 1.0, 2.5, 5.0]


def two_methods() -> list[Series]:
    """Logins are slow by design and come in crowds; of the checks some turn slow in incidents."""
    check = {0.05: np.where(INCIDENT, 94, 100), 4.0: np.where(INCIDENT, 6, 0)}
    login = {0.8: np.where(NIGHT, 0, 40), 2.0: np.where(NIGHT, 30, 0)}
    return [
        *histogram(',method="check",pod="a"', check, BOUNDS),
        *histogram(',method="login",pod="a"', login, BOUNDS),
    ]


def test_a_percentile_that_mixes_methods(cause_of) -> None:
    """By method the slow checks stand out of what logins always are."""
    cause = cause_of(rule_of(P95), two_methods())
    assert cause.id == "mixed-methods"
    assert "2 values of method" in cause.reason
    assert "sum by (le, method) (rate(h_seconds_bucket[5m]))" in cause.expr


@pytest.mark.parametrize(
    "expr",
    [
        "avg(load) > 5",
        "avg without (shard, job) (load) > 5",
        "sum(rate(bad_total[5m])) / sum(rate(all_total[5m])) > 0.5",
        "max by (job) (avg by (job) (load)) > 5",
    ],
)
def test_other_sums_that_mix(cause_of, expr: str) -> None:
    """One shard of four is high in an incident, all are somewhat high each night."""
    data = []
    for shard in range(4):
        high = np.where(NIGHT, 6, np.where(INCIDENT & (shard == 2), 20, 1))
        labels = f'{{shard="{shard}", job="j"}}'
        data += [gauge(f"load{labels}", high), counter(f"bad_total{labels}", high)]
        data.append(counter(f"all_total{labels}", 100))
    cause = cause_of(rule_of(expr), data)
    assert cause.id == "mixed-methods"
    assert "4 values of shard" in cause.reason


def test_labels_that_behave_the_same_are_no_cause(cause_of) -> None:
    """Every night looks like an incident in each shard."""
    data = [gauge(f'load{{shard="{k}"}}', np.where(NIGHT | INCIDENT, 20, 1)) for k in range(4)]
    assert cause_of(rule_of("avg(load) > 5"), data) is None


RATIO = "sum(rate(bad_total[5m])) / sum(rate(all_total[5m])) > 0.5"


def quiet_nights(calls_at_night: float) -> list[Series]:
    """A few calls fail at night, all of them; in an incident a third of a hundred a minute do."""
    calls = np.where(NIGHT, calls_at_night, 100)
    bad = np.where(NIGHT, calls_at_night, np.where(INCIDENT, 33, 1))
    return [counter("bad_total", bad), counter("all_total", calls)]


def test_a_ratio_over_little_traffic(cause_of) -> None:
    """One call in three minutes: a floor lies above it, and below the day's 500 in five minutes."""
    cause = cause_of(rule_of(RATIO), quiet_nights(1 / 3))
    assert cause.id == "low-traffic"
    assert cause.expr == f"({RATIO}) and sum(increase(all_total[5m])) >= 2"
    assert "fewer than 2 events in 5m" in cause.reason
    assert "increase(all_total[5m])) >= 20" in cause_of(rule_of(RATIO), quiet_nights(3)).expr


def test_a_ratio_that_is_wrong_at_any_traffic(cause_of) -> None:
    """Where the nights are as busy as the days no floor helps."""
    assert cause_of(rule_of(RATIO), quiet_nights(100)) is None


def test_a_percentile_over_little_traffic(cause_of) -> None:
    """The few calls at night are slow ones; the floor counts the calls of the histogram."""
    calls = {
        0.05: np.where(NIGHT, 0, np.where(INCIDENT, 80, 100)),
        0.8: np.where(INCIDENT, 20, 0),
        4.0: np.where(NIGHT, 0.3, 0),
    }
    cause = cause_of(rule_of(P95), histogram("", calls, BOUNDS))
    assert cause.id == "low-traffic"
    assert cause.expr.endswith('and sum(increase(h_seconds_bucket{le="+Inf"}[5m])) >= 2')
    by_pod = P95.replace("(le)", "(le, pod)")
    cause = cause_of(rule_of(by_pod), histogram(',pod="a"', calls, BOUNDS))
    assert 'and sum by (pod) (increase(h_seconds_bucket{pod="a"' not in cause.expr
    assert 'sum by (pod) (increase(h_seconds_bucket{le="+Inf"}[5m]))' in cause.expr


def test_a_rate_whose_text_means_a_count(cause_of) -> None:
    """Each of ten pods fails a little in an incident; every night one of them fails more."""
    data = []
    for pod in range(10):
        failing = np.where(INCIDENT, 30, np.where(NIGHT & (pod == 3), 60, 0))
        data.append(counter(f'x_events_total{{pod="{pod}"}}', failing))
    rule = rule_of("rate(x_events_total[5m]) > 5", "more than 5 in 5 minutes")
    cause = cause_of(rule, data)
    assert cause.id == "wrong-unit"
    assert cause.expr == "sum(increase(x_events_total[5m])) > 5"
    # Where the text agrees with the expression nothing is read into it.
    assert cause_of(replace(rule, annotations={}), data) is None


@pytest.mark.parametrize(
    ("expr", "failures", "total", "share"),
    [
        (
            "sum(rate(login_failure_total[5m])) > 1",
            "login_failure_total",
            "login_requests_total",
            "sum(rate(login_failure_total[5m])) / sum(rate(login_requests_total[5m])) > 1",
        ),
        (
            'increase(http_total{code=~"5..", job="a"}[5m]) > 1',
            'http_total{code="500", job="a"}',
            'http_total{code="200", job="a"}',
            'sum(increase(http_total{code=~"5..", job="a"}[5m])) / '
            'sum(increase(http_total{job="a"}[5m])) > 1',
        ),
    ],
)
def test_a_count_that_grows_with_the_traffic(
    cause_of, expr: str, failures: str, total: str, share: str
) -> None:
    """Two percent of a busy hour are more than half of a quiet one."""
    calls = np.where(NIGHT, 1000, 20)
    data = [counter(failures, np.where(INCIDENT, 10, 0.02 * calls)), counter(total, calls)]
    cause = cause_of(rule_of(expr), data)
    assert (cause.id, cause.expr) == ("wrong-unit", share)
    # Of failures alone nobody knows the share.
    assert cause_of(rule_of(expr), data[:1]) is None


def test_a_threshold_in_another_unit(cause_of) -> None:
    """Nanoseconds: no threshold of their size means anything to values in seconds."""
    data = [gauge("lag_seconds", np.where(INCIDENT, 0.05, 0.01))]
    cause = cause_of(rule_of("lag_seconds > 40000000"), data)
    assert (cause.id, cause.expr) == ("wrong-unit", "lag_seconds > 0.04")
    assert "no value above 0.05" in cause.reason
    assert "billionths" in cause.reason


def test_all_in_one_bucket(cause_of) -> None:
    """Two and nine seconds lie in one bucket, so that the percentile is the same; the mean not."""
    calls = {2.0: np.where(INCIDENT, 0, 100), 9.0: np.where(INCIDENT, 100, 0)}
    rule = rule_of(P95)
    cause = cause_of(rule, histogram("", calls, [0.1, 1.0, 10.0]))
    assert cause.id == "bucket-edge"
    assert "in one bucket, from 1 to 10," in cause.reason
    assert cause.expr == "sum(rate(h_seconds_sum[5m])) / sum(rate(h_seconds_count[5m])) > 1"
    beyond = cause_of(rule, histogram("", calls, [0.1, 1.0]))
    assert "beyond the largest finite bound, 1," in beyond.reason
    # Without a sum the buckets are as wide, but nothing better is known.
    buckets = [one for one in histogram("", calls, [0.1, 1.0, 10.0]) if len(one.labels) > 1]
    blind = cause_of(rule, buckets)
    assert (blind.id, blind.expr) == ("bucket-edge", None)
    assert "cannot tell whether incidents differ" in blind.reason


def test_peaks_beyond_the_last_bound(cause_of) -> None:
    """Nights reach three seconds and incidents forty: both are read as one second."""
    calls = {
        0.05: np.where(INCIDENT | NIGHT, 50, 100),
        3.0: np.where(NIGHT, 50, 0),
        40.0: np.where(INCIDENT, 50, 0),
    }
    cause = cause_of(rule_of(P95), histogram("", calls, [0.1, 1.0]))
    assert cause.id == "bucket-edge"
    assert "beyond the largest finite bound, 1," in cause.reason
    assert "the mean, which knows no buckets, does" in cause.reason


def test_histograms_that_tell_are_no_cause(cause_of) -> None:
    """Nights as slow as incidents lie in fine buckets, and the mean says the same."""
    calls = {0.05: np.where(INCIDENT | NIGHT, 50, 100), 0.8: np.where(INCIDENT | NIGHT, 50, 0)}
    assert cause_of(rule_of(P95), histogram("", calls, BOUNDS)) is None


def test_latency_that_incidents_do_not_change(cause_of) -> None:
    """All in one wide bucket, but the mean says that there is nothing to see in it."""
    steady = {2.0: 100}
    data = histogram("", steady, [0.1, 1.0, 10.0])
    assert cause_of(rule_of(P95), data) is None
    # In a narrow bucket there is nothing to see either, whatever else is known.
    narrow = [one for one in histogram("", steady, [1.9, 2.1]) if len(one.labels) > 1]
    assert cause_of(rule_of(P95), narrow) is None


def test_only_few_expressions_are_tried(memory_source) -> None:
    """Each try is a tuning; all are PromQL, and none is tried twice."""
    data = [
        *two_methods(),
        *histogram(',method="check",pod="b",zone="x"', {0.05: 100}, BOUNDS),
        *histogram(',method="login",pod="b",zone="y"', {0.8: 40}, BOUNDS),
    ]
    tried: list[str] = []

    def works(expr: str) -> bool:
        tried.append(expr)
        return False

    assert find_cause(rule_of(P95), works, memory_source(data), 0, END_MS) is None
    assert len(tried) == len(set(tried)) <= 16
    for expr in tried:
        parse(expr)
    assert "by (le, method)" in tried[0]  # the likeliest first


def test_a_label_that_most_series_lack_splits_nothing(memory_source) -> None:
    """Nor one with hundreds of values, nor one that the rule keeps already."""
    data = [
        gauge(f'load{{user="{k}", kept="{k % 3}", {"some" if k else "none"}="1"}}', NIGHT)
        for k in range(30)
    ]
    tried: list[str] = []
    find_cause(
        rule_of("avg by (kept) (load) > 5"), lambda expr: bool(tried.append(expr)),
        memory_source(data), 0, END_MS,
    )  # fmt: skip
    assert tried == []


def test_matched_operands_are_left_as_they_are(memory_source) -> None:
    """Splitting one side of on() would break it."""
    data = [gauge(f'{name}{{m="{k}"}}', NIGHT) for name in "ab" for k in range(3)]
    tried: list[str] = []
    find_cause(
        rule_of("sum(a) / on() sum(b) > 5"), lambda expr: bool(tried.append(expr)),
        memory_source(data), 0, END_MS,
    )  # fmt: skip
    assert tried == []
