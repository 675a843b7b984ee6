"""The same requests to a real Prometheus with the same samples: status, type and JSON body.

What is not compared: where in an expression a syntax error is (the parser does not say), the order
of a vector's elements (Prometheus has none, but for sort and topk), and the remarks that a
Prometheus 3 makes on expressions.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest
import requests
from prometheus_server import judging
from served_recording import START_MS

pytestmark = pytest.mark.server

T = START_MS // 1000
QUERY, RANGE = "api/v1/query", "api/v1/query_range"
SERIES, LABELS = "api/v1/series", "api/v1/labels"
ORDERED = re.compile(r"^(sort|sort_desc|topk|bottomk)\(")


class Both(NamedTuple):
    """A real server and ours."""

    theirs: str
    ours: str


@pytest.fixture(scope="module")
def both(server, series, served, tmp_path_factory):
    """Both with the same samples and semantics."""
    folder = tmp_path_factory.mktemp("judge")
    with judging(server.program, series, server.semantics, folder) as judge:
        yield Both(judge.url, served(server.semantics))


def assert_same(both: Both, method: str, path: str, **request: Any) -> Any:
    """Send a request to both, compare the answers, and return our body."""
    answers = [
        requests.request(method, f"{url}/{path}", allow_redirects=False, timeout=60, **request)
        for url in both
    ]
    theirs, ours = (
        (
            one.status_code,
            one.headers.get("Content-Type"),
            one.headers.get("Allow"),
            _comparable(one, request),
        )
        for one in answers
    )
    assert ours == theirs
    return ours[-1]


def _comparable(answer: requests.Response, request: dict[str, Any]) -> Any:
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return answer.text
    body = answer.json()
    if "error" in body:
        body["error"] = re.sub(
            r"(\d+:\d+|unknown position): parse error", "parse error", body["error"]
        )
    for remarks in ("infos", "warnings"):
        kept = [one for one in body.pop(remarks, []) if not one.startswith("PromQL")]
        body |= {remarks: kept} if kept else {}
    data = body.get("data")
    expr = (request.get("params") or request.get("data") or {}).get("query", "")
    if isinstance(data, dict) and data.get("resultType") == "vector" and not ORDERED.match(expr):
        data["result"].sort(key=lambda one: json.dumps(one["metric"], sort_keys=True))
    return body


EXPRESSIONS = [
    "up",
    "odd",
    "-odd / 3",
    "bits",
    "1 / 0",
    "NaN",
    "-0",
    "1e21",
    "1e-9",
    "time()",
    "vector(1e-9)",
    "scalar(odd)",
    "gone",
    "gone or up",
    "nothing",
    "absent(nothing{a='b'})",
    "up > 1",
    "requests_total offset 5m",
    "requests_total @ end()",
    "rate(requests_total[1m])",
    "sum by (code) (rate(requests_total[5m]))",
    "histogram_quantile(0.9, sum by (le) (rate(latency_bucket[1m])))",
    "topk(2, sum by (instance) (requests_total))",
    "sort_desc(requests_total)",
    "count_values('v', odd)",
    "label_replace(up, 'x', '$1-é', 'instance', '(.*)')",
    "requests_total / on (job, instance) group_left up",
    "avg_over_time(up[5m:30s])",
    "max_over_time(odd[1m])",
    "changes(gone[10m])",
]
REFUSED = [
    "",
    "up{",
    "sum(",
    "nofunction(up)",
    "rate(up)",
    "{}",
    "{job=~'.*'}",
    "up + on (job) up",
    "up + on (job) group_left requests_total",
    "sum_over_time(up[1m]) or label_replace(up, 'instance', 'z', '', '')",
    "label_replace(up, 'instance', 'z', '', '')",
]


@pytest.mark.parametrize("expr", [*EXPRESSIONS, *REFUSED, '"text é"', "odd[1m]", "bits[1h]"])
@pytest.mark.parametrize("at", [T + 30, f"{T + 600}.123", "2024-10-04T01:30:00.5+00:00", 5])
def test_instant_queries(both, expr, at):
    """All four kinds of answers, and the errors of expressions."""
    assert_same(both, "GET", QUERY, params={"query": expr, "time": at})


@pytest.mark.parametrize("expr", [*EXPRESSIONS, *REFUSED, '"text"', "odd[1m]", "odd[5m:1m]"])
@pytest.mark.parametrize(
    ("method", "where", "start", "step"),
    [("GET", "params", T - 30, 15), ("POST", "data", f"{T}.137", "7s777ms")],
)
def test_range_queries(both, expr, method, where, start, step):
    """By GET and as a form."""
    grid = {"start": start, "end": T + 700, "step": step}
    assert_same(both, method, RANGE, **{where: {"query": expr, **grid}})


@pytest.mark.parametrize("expr", ["1 +", "bool", "up{a='b}", "up @", "sum(up) by (a) by (b)"])
def test_other_words_for_the_same_mistake(both, expr):
    """Where the parser has words of its own, they stand in the same kind of error."""
    form = {"query": expr, "start": T, "end": T, "step": 1}
    for path in (QUERY, RANGE):
        theirs, ours = (requests.get(f"{url}/{path}", form, timeout=60) for url in both)
        assert ours.status_code == theirs.status_code == 400
        assert ours.json()["errorType"] == theirs.json()["errorType"] == "bad_data"
        assert "parse error: " in ours.json()["error"]


def test_every_number_is_written_as_prometheus_writes_it(both):
    """Thousands of bit patterns, in a range vector."""
    body = assert_same(both, "GET", QUERY, params={"query": "bits[1h]", "time": T + 3_599.5})
    texts = [text for _, text in body["data"]["result"][0]["values"]]
    assert len(texts) > 3_500
    assert {bool(re.search(r"e[-+]\d+$", text)) for text in texts} == {True, False}


TIMES = [
    "x", "1e3", "1.0005", "-5.25", "0.009", "0.0089999", "-0.0006", ".5", "5.", "+5", " 1", "0x10",
    "2024-10-04", "2024-10-04T01:00:00", "2024-10-04 01:00:00Z", "2024-10-04T01:00:00.9999999Z",
    "2024-10-04T01:00Z", "2024-10-04t01:00:00z", "2024-13-04T01:00:00Z",
    "2024-10-04T01:00:00.123456-09:30",
]  # fmt: skip


@pytest.mark.parametrize("time", TIMES)
def test_times(both, time):
    """Unix seconds and RFC 3339, cut off or rounded as there; anything else in the same words."""
    assert_same(both, "GET", QUERY, params={"query": "time()", "time": time})
    assert_same(both, "GET", RANGE, params={"query": "1", "start": time, "end": time, "step": 1})
    assert_same(both, "GET", LABELS, params={"start": time})


STEPS = [
    "", "0", "-1", "x", "1.5", "1.013", "0.0157", "1013ms", "1s", "1m1s", "1s1m", "1.5m", "-1s",
    " 1", "01", "+1", "1e-9", "9e9", "1e300", "100y", "300y", "1w2d", "0s",
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_durations(both, step):
    """Float seconds, cut off to milliseconds, and Prometheus' durations."""
    grid = {"start": 0, "end": 4}
    assert_same(both, "GET", RANGE, params={"query": "time()", **grid, "step": step})


PARAMETERS = [
    {"start": T},
    {"start": T, "end": "q"},
    {"start": T, "end": T - 1, "step": "zz"},
    {"start": T, "end": T + 60},
    {"start": T, "end": T + 11_000 * 15, "step": 15, "query": "1"},
    {"start": T, "end": T + 11_001 * 15, "step": 15, "query": "up{"},
    {"start": T, "end": T + 60, "step": 15, "query": "up{", "timeout": "x"},
    {"start": T, "end": T + 60, "step": 15, "query": "up{", "lookback_delta": "x"},
    {"start": T, "end": T + 60, "step": 15, "query": "up", "timeout": "1e300"},
    {"start": T, "end": T + 60, "step": 15, "query": "up", "timeout": "5m"},
    {"start": T, "end": T + 60, "step": 15, "query": "up", "lookback_delta": "7s"},
    {"start": T, "end": T + 60, "step": 15, "query": "up", "lookback_delta": "-7"},
    {"start": "x", "end": "x", "step": "x", "timeout": "x", "limit": "x"},
    *({"start": T, "end": T + 60, "step": 30, "query": "up", "limit": limit}
      for limit in ("", "0", "1", "+2", "3", "x", "-1", "1.0", "9" * 20)),
]  # fmt: skip


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_parameters(both, parameters):
    """What is missing or wrong is refused in Prometheus' order and words."""
    assert_same(both, "GET", RANGE, params=parameters)
    instant = {name: value for name, value in parameters.items() if name not in ("start", "step")}
    instant["time"] = instant.pop("end", "")
    if instant["time"]:  # without one, each has its own idea of now
        assert_same(both, "GET", QUERY, params=instant)


SELECTORS = [
    [],
    ["up"],
    ["up", "gone"],
    ["up", '{job="api",__name__="up"}'],
    ['{__name__=~"r.*"}'],
    ['{instance!="a",job=~".+"}'],
    ['{text=~"a.*한"}'],
    ["nothing"],
    ["up{"],
    ["{}"],
    ['{job=~".*"}'],
    ["up", "up{"],
]
SPANS = [{}, {"start": T, "end": T + 3_600}, {"start": 5, "end": 10}, {"start": 5, "end": 1}]


@pytest.mark.parametrize("span", SPANS, ids=str)
@pytest.mark.parametrize("selectors", SELECTORS, ids=str)
def test_listings(both, selectors, span):
    """Series, label names and label values, of all and of some series."""
    parameters = {"match[]": selectors, **span}
    assert_same(both, "GET", SERIES, params=parameters)
    assert_same(both, "POST", SERIES, data=parameters)
    assert_same(both, "GET", LABELS, params=parameters)
    assert_same(both, "POST", LABELS, data=parameters)
    for name in ("__name__", "instance", "le", "text", "nothing"):
        assert_same(both, "GET", f"api/v1/label/{name}/values", params=parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {"start": "x", "end": "x", "limit": "x"},
        {"match[]": "up{", "start": "x", "end": "x", "limit": "x"},
        {"match[]": "up{", "start": "x", "end": "x"},
        {"match[]": "up{", "end": "x"},
        {"match[]": "up", "limit": "1"},
        {"match[]": "up", "limit": "-2"},
        {"match": "up"},
    ],
    ids=str,
)
def test_parameters_of_listings(both, parameters):
    """In Prometheus' order and words."""
    for path in (SERIES, LABELS, "api/v1/label/instance/values", "api/v1/label/1x/values"):
        assert_same(both, "GET", path, params=parameters)


@pytest.mark.parametrize("name", ["1x", "a b", "a.b", "U__a_2e_b", "%C3%A9", "__name__"])
def test_label_names(both, name):
    """Which names may be asked for."""
    assert_same(both, "GET", f"api/v1/label/{name}/values")


@pytest.mark.parametrize(
    "path",
    [
        QUERY, RANGE, LABELS, "api/v1/label/job/values", "api/v1/metadata",
        "api/v1/status/buildinfo", "api/v1/nothing", "api/v1/", "nothing", "-/healthy", "-/ready",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_methods(both, path, method):
    """Which methods a path knows, and what it says of the others."""
    theirs, ours = (
        requests.request(method, f"{url}/{path}", data={"query": "1", "time": 1}, timeout=60)
        for url in both
    )
    if ours.status_code == 200:
        assert theirs.status_code == 200
        return
    assert ours.status_code == theirs.status_code
    assert ours.headers.get("Allow") == theirs.headers.get("Allow")
    if ours.status_code != 400:
        assert ours.text == theirs.text


def test_forms_come_before_the_url(both):
    """And a form of another type is none."""
    asked = {"params": {"query": "2", "time": 5}, "data": {"query": "1"}}
    assert assert_same(both, "POST", QUERY, **asked)["data"]["result"] == [5, "1"]
    assert_same(both, "POST", QUERY, json={"query": "1"})


@pytest.mark.parametrize(
    "path",
    [
        "-/healthy", "-/ready", "api/v1/metadata", "api/v1/metadata?limit=x", "api/v1/rules",
        "api/v1/alerts", "api/v1/alertmanagers", "api/v1/targets/metadata", "api/v1/scrape_pools",
        "api/v1/query_exemplars?query=up&start=1&end=2", "api/v1/nothing", "nothing",
    ],
)  # fmt: skip
def test_what_a_server_without_targets_and_rules_has(both, path):
    """Nothing, in the same form."""
    assert_same(both, "GET", path)


@pytest.mark.parametrize("name", ["buildinfo", "runtimeinfo", "flags"])
def test_what_a_server_tells_of_itself(both, name):
    """Of the same form: no key that Prometheus has not, values of the same types."""
    theirs, ours = (
        requests.get(f"{url}/api/v1/status/{name}", timeout=60).json()["data"] for url in both
    )
    assert ours and ours.keys() <= theirs.keys()
    assert {key: type(value) for key, value in ours.items()} == {
        key: type(theirs[key]) for key in ours
    }
    if name == "flags":
        assert ours["query.lookback-delta"] == theirs["query.lookback-delta"]
        assert ours["query.timeout"] == theirs["query.timeout"]
