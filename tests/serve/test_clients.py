"""Clients of Prometheus, unchanged: prometheus-api-client, promtool, and alertlab itself."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import numpy as np
import pytest
from prometheus_api_client import (
    MetricRangeDataFrame,
    PrometheusApiClientException,
    PrometheusConnect,
)
from served_recording import START_MS

from alertlab.frame import is_stale
from alertlab.sources import Recording, open_source

T = START_MS // 1000
START, END = (datetime.fromtimestamp(t, UTC) for t in (T, T + 3_600))


@pytest.fixture
def client(served) -> PrometheusConnect:
    """The library that notebooks know."""
    return PrometheusConnect(served(3))


def test_prometheus_api_client_looks_round(client):
    """Connection, names of metrics and labels, series, and what a recording has none of."""
    assert client.check_prometheus_connection()
    assert client.all_metrics() == ["bits", "gone", "latency_bucket", "odd", "requests_total", "up"]
    assert client.get_label_names() == ["__name__", "code", "instance", "job", "le", "text"]
    assert client.get_label_values("job") == ["api", "x"]
    assert client.get_series(START, END, {"match[]": "gone"}) == [{"__name__": "gone", "job": "x"}]
    assert client.get_targets() == {"activeTargets": [], "droppedTargets": []}
    assert client.get_scrape_pools() == []
    assert client.get_target_metadata({"job": "api"}) == []


def test_prometheus_api_client_asks(client):
    """Current values (at the recording's end), ranges, any query, aggregations."""
    values = client.get_current_metric_value("up", {"instance": "a"})
    assert values == [
        {
            "metric": {"__name__": "up", "instance": "a", "job": "api"},
            "value": [T + 3_599, "1"],
        }
    ]
    found = client.get_metric_range_data("up", {"job": "api"}, START, END)
    frame = MetricRangeDataFrame(found)
    assert len(frame) == 3 * 240 and set(frame["value"]) == {1.0}
    ranges = client.custom_query_range("sum(up)", START, END, "60s")
    assert [value for _, value in ranges[0]["values"]] == ["3"] * 60
    assert client.custom_query("count(up)", {"time": T + 60})[0]["value"] == [T + 60, "3"]
    assert client.get_metric_aggregation("up", ["sum", "max"], START, END, "60s") == {
        "sum": 180.0,
        "max": 1.0,
    }


def test_prometheus_api_client_hears_errors(client):
    """With status and body."""
    with pytest.raises(PrometheusApiClientException, match=r"400 .*unclosed left parenthesis"):
        client.custom_query("sum(")
    with pytest.raises(PrometheusApiClientException, match=r"422 .*many-to-many"):
        client.custom_query("up + on (job) up")


@pytest.fixture(params=["promtool", "promtool3"])
def any_promtool(request) -> str:
    """The installed promtool, then a current one."""
    return request.getfixturevalue(request.param)


def ask(promtool: str, *arguments: object) -> str:
    """Run ``promtool query`` and return what it prints; a failure is an error."""
    command = [promtool, "query", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.server
def test_promtool_asks(any_promtool, served):
    """All four commands that the installed one has."""
    url = served(3)
    instant = ask(any_promtool, "instant", "--time", T + 60, url, "sum by (job) (up)")
    assert instant == f'{{job="api"}} => 3 @[{T + 60}]\n'
    ranges = ask(
        any_promtool, "range", "--start", T, "--end", T + 60, "--step", "30s", url, "count(up)"
    )
    assert ranges == f"{{}} =>\n3 @[{T + 30}]\n3 @[{T + 60}]\n"
    series = ask(any_promtool, "series", "--match", "gone", "--start", T, "--end", T + 60, url)
    assert series == '{__name__="gone", job="x"}\n'
    labels = ask(any_promtool, "labels", "--start", T, "--end", T + 60, url, "instance")
    assert labels == "a\nb\nc\n"


@pytest.mark.server
def test_promtool_hears_errors(any_promtool, served):
    """In Prometheus' words."""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        ask(any_promtool, "instant", served(2), "up{")
    assert failed.value.stderr == (
        'query error: bad_data: invalid parameter "query": parse error: unexpected end of input '
        "inside braces\n"
    )


@pytest.mark.parametrize("semantics", [2, 3])
def test_a_served_recording_is_a_source_like_itself(served, recording_path, semantics):
    """The same frames over HTTP, and the same raw samples, the stale marker put back."""
    live = open_source(served(semantics))
    kept = Recording.open(recording_path, semantics=semantics)
    for expr in ("odd", "gone", "rate(requests_total[1m])", "sum by (le) (latency_bucket) / 3"):
        span = START_MS - 60_000, START_MS + 3_600_000, 5_000
        theirs, ours = live.range_query(expr, *span), kept.range_query(expr, *span)
        assert theirs.labels == ours.labels
        np.testing.assert_array_equal(theirs.present, ours.present)
        there = ours.present
        np.testing.assert_array_equal(theirs.values[there], ours.values[there])
    span = START_MS, START_MS + 3_600_000
    for name in ("bits", "gone"):
        (theirs,), (ours,) = live.series(name, *span), kept.series(name, *span)
        np.testing.assert_array_equal(is_stale(theirs.values), is_stale(ours.values))
        fresh = ~is_stale(ours.values)
        np.testing.assert_array_equal(theirs.times[fresh], ours.times[fresh])
        np.testing.assert_array_equal(theirs.values[fresh], ours.values[fresh])
