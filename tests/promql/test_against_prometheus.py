"""A real Prometheus 2.42 is asked the same queries over the same samples (semantics 2)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from prometheus_server import assert_same_answer, running, served

from alertlab.frame import Series
from alertlab.units import label_set

pytestmark = pytest.mark.server

START_MS = 1_700_000_000_000
HOURS = 3
STEP_MS = 37_000
QUERIES = [
    # selectors
    "requests_total",
    'requests_total{instance=~"a|b", code!="500"}',
    '{__name__=~"gauge|requests_total", instance="a"}',
    "requests_total offset 7m",
    "gauge offset -2m",
    "gauge @ 1700005000.123",
    "gauge @ start() - gauge @ end()",
    "wild",
    # the rate family
    "rate(requests_total[5m])",
    "rate(requests_total[1m30s500ms])",
    "increase(requests_total[10m])",
    "increase(requests_total[15m] offset 3m)",
    "irate(requests_total[2m])",
    "delta(gauge[5m])",
    "idelta(gauge[5m])",
    "rate(wild[5m])",
    "increase(float_total[30m])",
    "changes(steps[20m])",
    "resets(float_total[20m])",
    "deriv(gauge[7m])",
    "predict_linear(gauge[10m], 3600)",
    "deriv(steps[3m])",
    # over time
    "avg_over_time(gauge[6m])",
    "sum_over_time(gauge[6m])",
    "min_over_time(wild[6m])",
    "max_over_time(wild[6m])",
    "avg_over_time(wild[6m])",
    "sum_over_time(requests_total[6m])",
    "count_over_time(gauge[90s])",
    "last_over_time(gauge[90s])",
    "present_over_time(gauge[90s])",
    "stddev_over_time(gauge[6m])",
    "stdvar_over_time(gauge[6m])",
    "quantile_over_time(0.9, gauge[6m])",
    "quantile_over_time(scalar(phi), wild[6m])",
    "holt_winters(gauge[6m], 0.3, 0.6)",
    "absent_over_time(sparse[2m])",
    # aggregations
    "sum(rate(requests_total[5m]))",
    "sum by (code) (rate(requests_total[5m]))",
    "avg without (instance) (gauge)",
    "avg(wild)",
    "min by (instance) (wild)",
    "max(wild)",
    "stddev(gauge)",
    "stdvar by (instance) (wild)",
    "quantile(0.7, gauge)",
    "count by (code) (requests_total > 50)",
    "group(gauge)",
    "topk(2, gauge)",
    "bottomk by (code) (1, rate(requests_total[5m]))",
    "topk(scalar(minute() % 5), gauge)",
    'count_values("value", steps)',
    # histograms
    "histogram_quantile(0.95, sum by (le) (rate(latency_bucket[5m])))",
    "histogram_quantile(0.5, rate(latency_bucket[5m]))",
    "histogram_quantile(0.99, sum by (le, instance) (increase(latency_bucket[3m]))) > 0.2",
    'sum(rate(latency_bucket{le="0.1"}[5m])) / sum(rate(latency_bucket{le="+Inf"}[5m]))',
    "histogram_quantile(scalar(phi), latency_bucket)",
    # operators
    "sum(rate(latency_sum[5m])) / sum(rate(latency_count[5m]))",
    'sum by (instance) (rate(requests_total{code="500"}[5m])) '
    "/ sum by (instance) (rate(requests_total[5m])) > 0.3",
    "gauge > 0 and on (instance) sparse",
    "gauge unless on (instance) sparse",
    "sparse or on (instance) gauge",
    "gauge * on (instance) group_left (version) build_info",
    "build_info * on (instance) group_right (version) requests_total",
    "gauge / ignoring (code) group_left gauge{code='200'}",
    "gauge > bool 0.5",
    "1 < gauge",
    "gauge == gauge",
    "gauge % 0.3",
    "-gauge ^ 2",
    "2 ^ gauge - 1",
    "gauge atan2 gauge",
    "gauge atan2 0.5",
    "{__name__=~'gauge|steps'} > 0",
    "gauge >= on (instance, code) requests_total / 1000",
    # functions of values and labels
    "clamp(gauge, -0.5, scalar(phi))",
    "round(gauge, 0.05)",
    "abs(gauge) + ceil(gauge) + floor(gauge) + sgn(gauge)",
    "sqrt(gauge) + ln(gauge) + exp(gauge) + log2(gauge) + log10(gauge)",
    "timestamp(gauge)",
    "time() - timestamp(sparse)",
    "hour() * 100 + minute(gauge * 1e9)",
    "day_of_week(vector(time())) + day_of_year() + days_in_month() + month() + year()",
    'label_replace(gauge, "short", "$1-x", "instance", "(.).*")',
    'label_join(gauge, "both", "/", "instance", "code")',
    'absent(sparse{instance="a"})',
    "absent(nothing{a='b', c=~'d'})",
    "vector(1) + scalar(sum(gauge))",
    "scalar(gauge)",
    "time() / 2",
    # subqueries
    "max_over_time(rate(requests_total[2m])[20m:1m])",
    "avg_over_time(gauge[10m:45s])",
    "rate(requests_total[10m:30s])",
    "sum_over_time((gauge > 0)[10m:])",
    "quantile_over_time(0.5, sum(gauge)[15m:1m] offset 2m)",
    "max_over_time(gauge[10m:1m] @ 1700006000)",
]


def made_up(seed: int = 7) -> list[Series]:
    """Random series with jitter, missed scrapes, outages, resets, NaN and Inf."""
    random = np.random.default_rng(seed)
    found = []

    def add(name: str, values: np.ndarray, times: np.ndarray, **labels: str) -> None:
        keep = random.random(len(times)) > 0.03
        begin = random.integers(0, len(times))
        keep[begin : begin + random.integers(5, 60)] = False
        one = label_set({"__name__": name, **labels})
        found.append(Series(one, times[keep], values[keep].astype(float)))

    count = HOURS * 240
    for instance in ("a", "b", "c"):
        grid = START_MS + np.arange(count) * 15_000
        times = grid + random.integers(0, 14_000) + random.integers(0, 40, count)
        for code in ("200", "404", "500"):
            add(
                "requests_total", counter(random, random.poisson(2, count)), times,
                instance=instance, code=code,
            )  # fmt: skip
            add("gauge", random.normal(0.3, 1, count), times, instance=instance, code=code)
        add(
            "float_total", counter(random, random.exponential(0.1, count)), times, instance=instance
        )
        add("steps", np.repeat(random.integers(0, 5, count // 8), 8), times, instance=instance)
        odd = random.choice([np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0], count)
        wild = np.where(random.random(count) < 0.05, odd, random.normal(0, 10, count))
        add("wild", wild, times, instance=instance)
        rare = random.random(count) < 0.02
        add("sparse", random.normal(1, 1, count)[rare], times[rare], instance=instance)
        add("build_info", np.ones(count), times, instance=instance, version=f"v{instance}")
        seen = random.multinomial(6, [0.2, 0.3, 0.3, 0.15, 0.05], count)
        reset_at = random.integers(count // 4, count)
        buckets = np.cumsum(np.cumsum(seen, axis=1), axis=0)
        buckets[reset_at:] -= buckets[reset_at]
        for column, le in enumerate(("0.05", "0.1", "0.25", "0.5", "+Inf")):
            add("latency_bucket", buckets[:, column], times, instance=instance, le=le)
        add("latency_count", buckets[:, -1], times, instance=instance)
        add("latency_sum", buckets[:, -1] * 0.1234567, times, instance=instance)
    add("phi", random.uniform(-0.05, 1.1, count), grid)
    return found


def counter(random: np.random.Generator, steps: np.ndarray) -> np.ndarray:
    """Add up steps, falling back to zero now and then."""
    total = np.cumsum(steps)
    for at in sorted(random.integers(0, len(steps), 6)):
        total[at:] = total[at:] - total[at]
    return total


@pytest.fixture(scope="module")
def samples() -> list[Series]:
    return made_up()


@pytest.fixture(scope="module")
def server(
    prometheus_bin: str, promtool: str, samples: list[Series], tmp_path_factory
) -> Iterator[str]:
    """A Prometheus that holds the samples; gives its address."""
    folder = tmp_path_factory.mktemp("prometheus")
    with running(prometheus_bin, promtool, samples, folder) as url:
        yield url


TIMES = np.arange(START_MS - 60_000, START_MS + HOURS * 3_600_000, STEP_MS, dtype=np.int64)


@pytest.mark.parametrize("query", QUERIES)
def test_same_answer(server: str, samples: list[Series], query: str):
    """Label sets and presence are identical, values equal to 1e-12 of their size."""
    assert not isinstance(served(server, query, TIMES), str)
    assert_same_answer(server, samples, query, TIMES)


@pytest.mark.parametrize(
    "query",
    [
        "{__name__=~'gauge|requests_total'} * 2",
        "-{__name__=~'gauge|requests_total'}",
        "rate({__name__=~'gauge|requests_total'}[5m])",
        "gauge * on (instance) requests_total",
        "gauge * on (instance) phi",
        "build_info * on (instance) gauge",
        "gauge * on (instance) build_info",
        "gauge * on (instance) group_left (version, code) build_info",
        "label_replace(gauge, 'instance', '', 'instance', '.*')",
        "label_join(gauge, 'a-b', '', 'instance')",
        "topk(NaN, gauge)",
        "topk(NaN, nothing)",
        "holt_winters(gauge[5m], 1, 0.5)",
        "count_values('', gauge)",
        "histogram_quantile(0.9, {__name__=~'latency_bucket|other_bucket'})",
        "gauge[5m]",
        "'text'",
        "sum(gauge",
        "gauge > 'a'",
    ],
)
def test_same_refusal(server: str, samples: list[Series], query: str):
    """Where the server answers with an error there is one here, and an answer where not."""
    assert_same_answer(server, samples, query, TIMES)


@pytest.mark.parametrize(
    "query",
    [
        "rate(requests_total[5m])",
        "increase(float_total[30m])",
        "histogram_quantile(0.95, sum by (le, instance) (rate(latency_bucket[5m])))",
        "avg_over_time(gauge[6m])",
        "stddev_over_time(wild[6m])",
        "predict_linear(gauge[10m], 3600)",
        "sum by (code) (rate(requests_total[5m]))",
    ],
)
def test_same_bits(server: str, samples: list[Series], query: str):
    """What rules stand on carries the very bits of the server."""
    assert_same_answer(server, samples, query, TIMES, rtol=0)
