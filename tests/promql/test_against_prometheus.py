"""Prometheus 2.42 and 3 are asked the same queries over the same samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from prometheus_server import Judge, judging
from random_series import MINUTES, START_MS, made_up

from alertlab.sources import open_source

pytestmark = pytest.mark.server

STEP_MS = 37_000
TIMES = np.arange(START_MS - 60_000, START_MS + MINUTES * 60_000 + 600_000, STEP_MS, dtype=np.int64)
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
    "absent(nothing{a!='b', a='c', d='e', d='f', g=~'h', g='h'})",
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
ONLY_IN = {
    2: ["holt_winters(gauge[6m], 0.3, 0.6)"],
    3: [
        "double_exponential_smoothing(gauge[6m], 0.3, 0.6)",
        "first_over_time(gauge[90s])",
        "mad_over_time(wild[6m])",
        "ts_of_first_over_time(gauge[90s]) - ts_of_last_over_time(gauge[90s])",
        "histogram_fraction(0.07, scalar(phi), rate(latency_bucket[5m]))",
    ],
}


@pytest.fixture(scope="module")
def judge(server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    folder = tmp_path_factory.mktemp("prometheus")
    with judging(server.program, made_up(7), server.semantics, folder) as running:
        yield running


@pytest.mark.parametrize("query", QUERIES)
def test_same_answer(judge: Judge, query: str):
    """Label sets and presence are identical, values equal to 1e-12 of their size."""
    assert not isinstance(judge.served(query, TIMES), str)
    judge.assert_same(query, TIMES)


def test_same_answer_of_one_version(judge: Judge):
    """What only one of the two knows, too."""
    for query in ONLY_IN[judge.semantics]:
        assert not isinstance(judge.served(query, TIMES), str), query
        judge.assert_same(query, TIMES)


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
def test_same_refusal(judge: Judge, query: str):
    """Where the server answers with an error there is one here, and an answer where not."""
    judge.assert_same(query, TIMES)


@pytest.mark.parametrize(
    "query",
    [
        "rate(requests_total[5m])",
        "rate(wild[5m])",
        "increase(float_total[30m])",
        "irate(float_total[2m])",
        "delta(gauge[5m])",
        "deriv(gauge[7m])",
        "predict_linear(gauge[10m], 3600)",
        "sum_over_time(gauge[6m])",
        "avg_over_time(gauge[6m])",
        "avg_over_time(wild[6m])",
        "stddev_over_time(wild[6m])",
        "quantile_over_time(0.9, gauge[6m])",
        "rate(gauge[10m:30s])",
        "sum by (code) (rate(requests_total[5m]))",
        "avg by (code) (gauge)",
        "stddev(gauge)",
        "histogram_quantile(0.5, rate(latency_bucket[5m]))",
        "histogram_quantile(0.95, sum by (le, instance) (rate(latency_bucket[5m])))",
    ],
)
def test_same_bits(judge: Judge, query: str):
    """What rules stand on carries the very bits of the server."""
    judge.assert_same(query, TIMES, rtol=0)


def test_odd_steps_through_the_source(judge: Judge):
    """A live query has the steps that were asked for: of 1.013 s a server would make 1012 ms."""
    times = START_MS + 1_013 * np.arange(500)
    live = open_source(judge.url).range_query("gauge", START_MS, int(times[-1]), 1_013)
    here = judge.evaluated("gauge", times)
    assert live.labels == here.labels
    np.testing.assert_array_equal(live.times, here.times)
    np.testing.assert_array_equal(live.present, here.present)
    np.testing.assert_array_equal(live.values[live.present], here.values[here.present])
