"""The endpoints without HTTP: answers, kinds of errors, and where the two semantics differ."""

from __future__ import annotations

import json
from typing import Any

import pytest
from served_recording import START_MS

from alertlab.serve.api import TIMEOUT_SECONDS, ReadApi
from alertlab.serve.failures import ApiError
from alertlab.serve.parameters import Form
from alertlab.sources import Recording

T = START_MS // 1000
GRID = {"start": T, "end": T + 60, "step": 30}


@pytest.fixture(params=[2, 3])
def semantics(request) -> int:
    """Both."""
    return request.param


@pytest.fixture
def api(recording_path, semantics) -> ReadApi:
    """The endpoints over the recording."""
    return ReadApi(Recording.open(recording_path, semantics=semantics))


def form(**values: Any) -> Form:
    """Build a form; ``match`` stands for ``match[]``."""
    named = {"match[]" if name == "match" else name: value for name, value in values.items()}
    return Form({name: v if isinstance(v, list) else [str(v)] for name, v in named.items()})


def data(job) -> Any:
    """Run a job and return the data of its answer."""
    body = json.loads(job.run())
    assert body["status"] == "success"
    return body["data"]


def refused(endpoint, **values: Any) -> tuple[str, str]:
    """Return kind and words of the error of a request."""
    with pytest.raises(ApiError) as failed:
        endpoint(form(**values)).run()
    return failed.value.kind, str(failed.value)


def test_queries(api):
    """At a time, and over a span."""
    up = {"metric": {"job": "api"}, "value": [T + 60, "3"]}
    asked = form(query="sum by (job) (up)", time=T + 60)
    assert data(api.query(asked)) == {"resultType": "vector", "result": [up]}
    answer = data(api.query_range(form(query="sum(up)", **GRID)))
    assert answer["result"] == [{"metric": {}, "values": [[T + 30, "3"], [T + 60, "3"]]}]


def test_listings(api):
    """Of all, of some, and of a span in which only some have samples."""
    assert data(api.labels(form())) == ["__name__", "code", "instance", "job", "le", "text"]
    assert data(api.labels(form(match="gone"))) == ["__name__", "job"]
    assert data(api.label_values("job", form())) == ["api", "x"]
    assert data(api.series(form(match=["gone", "odd"], end=T + 10)))[0] == {
        "__name__": "gone",
        "job": "x",
    }
    assert data(api.series(form(match=["gone", "odd"], start=T + 1_800))) == []
    assert data(api.label_values("__name__", form(start=T + 1_800))) == [
        "bits",
        "latency_bucket",
        "requests_total",
        "up",
    ]


def test_kinds_of_errors(api):
    """What is no PromQL is bad data, what fails or is not evaluated here is an execution error."""
    kind, words = refused(api.query, query="rate(up)", time=T)
    assert kind == "bad_data"
    assert words == (
        'invalid parameter "query": parse error: expected type range vector in call to function '
        '"rate", got instant vector'
    )
    kind, words = refused(api.query, query="up + on (job) up", time=T + 60)
    assert kind == "execution"
    assert words.startswith("found duplicate series for the match group") and "(at" not in words
    kind, words = refused(api.query_range, query="info(up)", **GRID)
    assert kind == "execution" and words.startswith("info()")
    assert refused(api.series, match="info(up)")[0] == "execution"


def test_too_many_samples(recording_path):
    """A query beyond the budget is refused as Prometheus does."""
    api = ReadApi(Recording.open(recording_path, max_samples=100))
    kind, words = refused(api.query_range, query="up", **GRID | {"step": 1})
    assert kind == "execution"
    assert words.startswith("query processing would load too many samples into memory")


def test_where_the_semantics_differ(api, semantics):
    """Parameters that 2.42 does not know, and errors that it words otherwise."""
    limited = json.loads(api.query(form(query="up", time=T + 60, limit=1)).run())
    assert len(limited["data"]["result"]) == (3 if semantics == 2 else 1)
    assert limited.get("warnings") == (
        None if semantics == 2 else ["results truncated due to limit"]
    )
    seen = data(api.query(form(query="up", time=T + 10, lookback_delta="1s")))["result"]
    assert len(seen) == (3 if semantics == 2 else 0)
    said = "Invalid" if semantics == 2 else "invalid"
    assert refused(api.query, query="up", time="x")[1] == (
        f'invalid parameter "time": {said} time value for \'time\': cannot parse "x" to a valid '
        "timestamp"
    )
    reason = 'invalid expression type "string" for range query, must be Scalar or instant Vector'
    assert refused(api.query_range, query='"a"', **GRID)[1] == (
        reason if semantics == 2 else f'invalid parameter "query": {reason}'
    )


def test_label_names(api, semantics):
    """2.42 has letters, digits and underscores only; 3 has any, written so or escaped."""
    if semantics == 2:
        with pytest.raises(ApiError, match=r'invalid label name: "a\.b"'):
            api.label_values("a.b", form())
    else:
        assert data(api.label_values("a.b", form())) == []
        assert data(api.label_values("U__in_73_tance", form())) == ["a", "b", "c"]


def test_patience(api, semantics):
    """As long as asked for, at most two minutes; nothing and less is refused in 3."""
    asked = {"query": "up", "time": T}
    assert api.query(form(**asked)).timeout_seconds == TIMEOUT_SECONDS
    assert api.query(form(**asked, timeout="1500ms")).timeout_seconds == 1.5
    assert api.query(form(**asked, timeout="1h")).timeout_seconds == TIMEOUT_SECONDS
    if semantics == 2:
        assert api.query(form(**asked, timeout="-1")).timeout_seconds == -1
    else:
        said = 'invalid parameter "timeout": timeout must be positive, got -1s'
        assert refused(api.query, **asked, timeout="-1") == ("bad_data", said)


def test_steps(api):
    """Up to 11,000 of them, none shorter than times can tell."""
    data(api.query_range(form(query="1", start=0, end=11_000, step=1)))
    kind, words = refused(api.query_range, query="1", start=0, end=11_001, step=1)
    assert kind == "bad_data" and words.startswith("exceeded maximum resolution of 11,000 points")
    assert refused(api.query_range, query="1", start=0, end=1, step=0.0005)[0] == "execution"


def test_about_itself(api, semantics):
    """Which Prometheus is followed, and by whom; the limits."""
    about = json.loads(api.build_info(form()))["data"]
    assert about["version"] == {2: "2.42.0", 3: "3.16.0"}[semantics]
    assert about["revision"].startswith("alertlab ")
    limits = json.loads(api.flags(form()))["data"]
    assert limits["query.timeout"] == "2m" and limits["query.max-samples"] == "100000000"
