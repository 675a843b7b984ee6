"""The HTTP source against a server that says what a test wants: requests, answers, refusals."""

from __future__ import annotations

import math
import socket
import threading
from itertools import pairwise

import numpy as np
import pytest
from fake_prometheus import Reply, error, matrix

from alertlab.errors import BadInput, EvaluationFailed, ServerError
from alertlab.frame import is_stale
from alertlab.sources import open_source, prometheus
from alertlab.sources.prometheus import MAX_STEPS_PER_REQUEST
from alertlab.units import parse_duration

T0 = 1_700_000_000
T0_MS = T0 * 1_000


def query(fake, expr: str = "up", *, steps: int = 3, step_ms: int = 15_000):
    """Send a range query of a few steps."""
    source = open_source(fake.url)
    return source.range_query(expr, T0_MS, T0_MS + (steps - 1) * step_ms, step_ms)


# --- requests ---------------------------------------------------------------------------------


def test_a_range_query_is_a_form_in_the_body(fake):
    """POST with everything in the body, times in seconds with their milliseconds."""
    source = open_source(fake.url)
    source.range_query('up{a="ü+&"}', T0_MS + 123, T0_MS + 60_500, 500)
    (asked,) = fake.asked
    assert (asked.method, asked.path, asked.in_url) == ("POST", "/api/v1/query_range", {})
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert asked.headers["Accept-Encoding"] == "identity"  # nothing to gain on loopback
    assert asked.in_body == {
        "query": 'up{a="ü+&"}',
        "start": "1700000000.123",
        "end": "1700000060.5",
        "step": "500ms",
    }


@pytest.mark.parametrize("path", ["", "/", "/prom", "/prom/"])
def test_a_slash_at_the_end_changes_nothing(fake, path):
    """A path before the API stays, an empty one adds no slash."""
    source = open_source(fake.url + path)
    source.range_query("up", 0, 0, 1_000)
    source.series("up", 0, 0)
    prefix = path.rstrip("/")
    expected = [f"{prefix}/api/v1/query_range", f"{prefix}/api/v1/query"]
    assert [asked.path for asked in fake.asked] == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://mina:s3cret@prometheus:9090", "holds credentials"),
        ("http://s3cret@prometheus:9090", "holds credentials"),
        ("http://prometheus:9090/?token=s3cret", "a scheme, a host and perhaps a path"),
        ("http://prometheus:9090/#s3cret", "a scheme, a host and perhaps a path"),
        ("http://", "a scheme, a host and perhaps a path"),
        ("http://[::1", "a scheme, a host and perhaps a path"),
    ],
)
def test_an_unusable_url_is_refused(url, said):
    """In one sentence that does not repeat a secret."""
    with pytest.raises(BadInput, match=said) as caught:
        open_source(url)
    assert "s3cret" not in str(caught.value)


# --- answers ----------------------------------------------------------------------------------


def test_an_answer_becomes_a_frame(fake):
    """Rows by label set, absent where nothing came, special values as they were meant."""
    fake.answer = lambda asked: matrix(
        ({"b": "2", "empty": ""}, [(T0, "1e-07"), (T0 + 30, "+Inf")]),
        ({"a": "1"}, [(T0 + 15, "NaN"), (T0 + 30, "-0")]),
    )
    frame = query(fake)
    assert frame.labels == ((("a", "1"),), (("b", "2"),))
    assert frame.times.tolist() == [T0_MS, T0_MS + 15_000, T0_MS + 30_000]
    assert frame.present.tolist() == [[False, True, True], [True, False, True]]
    assert math.isnan(frame.values[0, 1]) and str(frame.values[0, 2]) == "-0.0"
    assert frame.values[1, [0, 2]].tolist() == [1e-7, math.inf]


def test_an_empty_answer_is_an_empty_frame(fake):
    """The times are there, no series is."""
    frame = query(fake)
    assert (frame.labels, frame.values.shape, len(frame.times)) == ((), (0, 3), 3)


def test_warnings_are_kept_once(fake):
    """Range and instant queries; infos of Prometheus 3 too."""
    fake.answer = lambda asked: matrix(warnings=["partial"], infos=["not a counter"])
    source = open_source(fake.url)
    source.range_query("up", 0, 0, 1_000)
    source.series("up", 0, 0)
    assert source.provenance()["warnings"] == ["partial", "not a counter"]


def test_the_word_warnings_in_a_label_is_no_warning(fake):
    """Only the answer's own key counts."""
    fake.answer = lambda asked: matrix(({"kind": '"warnings"'}, [(T0, "1")]))
    source = open_source(fake.url)
    source.range_query("up", T0_MS, T0_MS, 1_000)
    assert source.provenance()["warnings"] == []


def test_the_cost_is_in_the_provenance(fake):
    """One entry per query with steps, series, requests and seconds."""
    fake.answer = lambda asked: matrix(({}, [(T0, "1")]))
    source = open_source(fake.url)
    source.range_query("vector(1)", T0_MS, T0_MS + 2_000, 1_000)
    (entry,) = source.provenance()["queries"]
    seconds = entry.pop("seconds")
    assert entry == {"expr": "vector(1)", "steps": 3, "series": 1, "requests": 1}
    assert seconds >= 0


@pytest.mark.parametrize(
    "times",
    [[T0 + 7], [T0 - 15], [T0 + 45], [T0, T0 + 15.001]],
    ids=["between", "before", "after", "a_millisecond"],
)
def test_an_answer_off_the_grid_is_refused(fake, times):
    """A proxy that aligns queries would otherwise move every sample."""
    fake.answer = lambda asked: matrix(({}, [(t, "1") for t in times]))
    with pytest.raises(ServerError, match="not on the asked grid of 15s; a proxy"):
        query(fake)


@pytest.mark.parametrize("ask", ["range", "series"])
def test_native_histograms_are_refused_by_name(fake, ask):
    """They are not silently left out."""
    histogram = {"metric": {}, "histograms": [[T0, {"count": "1", "sum": "2"}]]}
    data = {"resultType": "matrix", "result": [histogram]}
    fake.answer = lambda asked: Reply({"status": "success", "data": data})
    source = open_source(fake.url)
    with pytest.raises(BadInput, match="native histograms, which are not read here"):
        if ask == "range":
            source.range_query("h", T0_MS, T0_MS, 1_000)
        else:
            source.series("h", T0_MS, T0_MS)


def test_the_rules_of_a_server(fake):
    """One GET without the active alerts; the data object as it is."""
    data = {"groups": [{"name": "g"}]}
    fake.answer = lambda asked: Reply({"status": "success", "data": data})
    assert open_source(fake.url + "/prom").rules_answer() == data
    (asked,) = fake.asked
    assert (asked.method, asked.path) == ("GET", "/prom/api/v1/rules")
    assert (asked.in_url, asked.in_body) == ({"exclude_alerts": "true"}, {})


@pytest.mark.parametrize(("version", "semantics"), [("2.42.0", 2), ("3.16.0", 3), ("", 3)])
def test_the_semantics_of_a_server(fake, version, semantics):
    """Asked once, when first needed; who does not tell is taken for a current one."""
    fake.answer = lambda asked: Reply({"status": "success", "data": {"version": version}})
    source = open_source(fake.url)
    assert not fake.asked
    assert (source.semantics, source.semantics) == (semantics, semantics)
    assert [asked.path for asked in fake.asked] == ["/api/v1/status/buildinfo"]


@pytest.mark.parametrize("body", [b"<html>", {"status": "success"}, {"data": []}])
def test_rules_in_another_form_are_told(fake, body):
    """Whoever answers is no Prometheus."""
    fake.answer = lambda asked: Reply(body)
    with pytest.raises(ServerError, match="something that is not Prometheus' JSON"):
        open_source(fake.url).rules_answer()


# --- chunks -----------------------------------------------------------------------------------


def on_the_grid(asked) -> Reply:
    """Answer a range query with the step's number at every step that was asked for."""
    start, end = float(asked.in_body["start"]), float(asked.in_body["end"])
    step = parse_duration(asked.in_body["step"]) / 1000
    count = round((end - start) / step) + 1
    times = [start + k * step for k in range(count)]
    return matrix(({}, [(t, str(round((t - T0) / step))) for t in times]))


@pytest.mark.parametrize(
    ("steps", "requests_sent"),
    [(MAX_STEPS_PER_REQUEST, 1), (MAX_STEPS_PER_REQUEST + 1, 2), (25_000, 3)],
)
def test_long_ranges_come_in_chunks_on_one_grid(fake, steps, requests_sent):
    """Each chunk starts one step after the last; no point twice, none missing."""
    fake.answer = on_the_grid
    frame = query(fake, steps=steps, step_ms=500)
    assert len(fake.asked) == requests_sent
    bounds = [(float(one.in_body["start"]), float(one.in_body["end"])) for one in fake.asked]
    assert bounds[0][0] == T0 and bounds[-1][1] == T0 + (steps - 1) / 2
    for (_, end), (start, _) in pairwise(bounds):
        assert start == end + 0.5
    assert all(end - start <= 0.5 * 11_000 for start, end in bounds)
    assert frame.values[0].tolist() == list(range(steps)) and frame.present.all()


def test_a_series_of_one_chunk_is_absent_in_the_others(fake):
    """Rows are laid over the whole grid."""
    fake.answer = lambda asked: (
        matrix(({"a": "1"}, [(T0, "1")])) if asked.in_body["start"] == f"{T0}.0" else matrix()
    )
    frame = query(fake, steps=MAX_STEPS_PER_REQUEST + 5)
    assert np.flatnonzero(frame.present[0]).tolist() == [0]


@pytest.mark.parametrize("expr", ["up @ start()", "up @  end ( )", "rate(up[5m] @ start())"])
def test_a_moving_anchor_is_refused_only_when_chunked(fake, expr):
    """@ start() would be another time in each request."""
    assert query(fake, expr).labels == ()
    with pytest.raises(BadInput, match=r"in each of the 2 requests needed; choose a larger step"):
        query(fake, expr, steps=MAX_STEPS_PER_REQUEST + 1)
    assert len(fake.asked) == 1


def test_a_label_that_looks_like_an_anchor_is_not_refused(fake):
    """Only the modifier is meant."""
    query(fake, 'up{note="start()"}', steps=MAX_STEPS_PER_REQUEST + 1)
    assert len(fake.asked) == 2


# --- refusals ---------------------------------------------------------------------------------

REFUSALS = [  # id, status, message, class, exit code, sentence, requests
    ("unauthorized", 401, "no token", ServerError, 1, "refused access (401 no token); give", 1),
    ("forbidden", 403, "no role", ServerError, 1, "refused access (403 no role); give", 1),
    ("bad_request", 400, "1:3: parse error", BadInput, 2, "refused the query: 1:3: parse error", 1),
    (
        "unprocessable",
        422,
        "many-to-many",
        EvaluationFailed,
        2,
        "could not evaluate the query: many",
        1,
    ),
    ("internal", 500, "disk", ServerError, 1, "failed with 500: disk", 1),
    ("unavailable", 503, "starting", ServerError, 1, "failed with 503: starting", 4),
    ("too_many", 429, "slower", ServerError, 1, "failed with 429: slower", 4),
    ("not_found", 404, "what", ServerError, 1, "failed with 404: what", 1),
]


@pytest.mark.parametrize("what", ["range_query", "series"])
@pytest.mark.parametrize(
    ("status", "message", "kind", "exit_code", "said", "sent"),
    [case[1:] for case in REFUSALS],
    ids=[case[0] for case in REFUSALS],
)
def test_a_refusal_is_one_sentence(fake, what, status, message, kind, exit_code, said, sent):
    """The server's reason is in it; what may pass is asked again, POST (range) as well as GET."""
    fake.answer = lambda asked: error(status, message)
    source = open_source(fake.url)
    with pytest.raises(kind) as caught:
        if what == "range_query":
            source.range_query("up", 0, 0, 1_000)
        else:
            source.series("up", 0, 0)
    assert caught.value.exit_code == exit_code
    assert str(caught.value).startswith(f"{fake.url} {said}")
    assert "\n" not in str(caught.value)
    assert len(fake.asked) == sent


def test_a_server_that_recovers_is_forgiven(fake):
    """Two 503s, then the answer."""
    replies = [error(503, "starting"), error(503, "starting"), matrix(({}, [(T0, "4")]))]
    fake.answer = lambda asked: replies.pop(0)
    assert query(fake).values[0, 0] == 4


def test_a_server_cannot_ask_for_an_hour_of_patience(fake):
    """Retry-After is not obeyed: the run would hang without a word."""
    fake.answer = lambda asked: error(503, "later")._replace(headers=(("Retry-After", "3600"),))
    with pytest.raises(ServerError, match="failed with 503: later"):
        query(fake)


def test_a_token_is_asked_for_by_the_server(fake, monkeypatch):
    """401 without one, an answer with it."""
    fake.answer = lambda asked: (
        matrix() if asked.headers.get("Authorization") == "Bearer right" else error(401, "who?")
    )
    with pytest.raises(ServerError, match="give credentials in PROMETHEUS_TOKEN, or"):
        query(fake)
    monkeypatch.setenv("PROMETHEUS_TOKEN", "wrong")
    with pytest.raises(ServerError, match="401 who"):
        query(fake)
    monkeypatch.setenv("PROMETHEUS_TOKEN", "right")
    assert query(fake).labels == ()


@pytest.mark.parametrize("ask", ["range", "series"])
@pytest.mark.parametrize(
    "body",
    [b"<html>login</html>", b"", {"status": "success"}, {"data": None}, []],
    ids=["html", "nothing", "no_data", "null", "list"],
)
def test_an_answer_that_is_not_prometheus_is_told(fake, ask, body):
    """A login page, or another API that speaks JSON."""
    fake.answer = lambda asked: Reply(body)
    source = open_source(fake.url)
    with pytest.raises(ServerError, match="is it a Prometheus server") as caught:
        if ask == "range":
            source.range_query("up", 0, 0, 1_000)
        else:
            source.series("up", 0, 0)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"[1]"])
def test_an_error_page_is_told_by_its_status(fake, body):
    """Without Prometheus' JSON the status line is the reason."""
    fake.answer = lambda asked: Reply(body, status=500)
    with pytest.raises(ServerError, match="failed with 500: Internal Server Error"):
        query(fake)


@pytest.mark.parametrize(("ask", "step"), [("range_query", (1_000,)), ("series", ())])
def test_no_server_at_the_address(fake, ask, step):
    """Connection refused, after retries, is a sentence and not a traceback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ServerError, match=f"no Prometheus server answers at {url} ") as caught:
            getattr(open_source(url), ask)("up", 0, 0, *step)
    assert caught.value.exit_code == 1


def test_a_silent_server_is_given_up_once(fake, monkeypatch):
    """A query that timed out is not sent again, and the sentence says how long it took."""
    monkeypatch.setattr(prometheus, "_TIMEOUT_SECONDS", (10, 0.05))
    asleep = threading.Event()

    def answer(asked):
        asleep.wait(5)
        return matrix()

    fake.answer = answer
    with pytest.raises(ServerError, match=r"did not answer in 0\.05 s; ask for a shorter span"):
        query(fake)
    asleep.set()
    assert len(fake.asked) == 1


# --- raw samples ------------------------------------------------------------------------------


def test_raw_samples_are_read_day_by_day(fake):
    """Windows meet without a gap; a seam sample that 2.x sends twice is there once."""
    day = 86_400
    seam = T0 + day - 0.001

    def answer(asked):
        if asked.path.endswith("query_range"):
            return matrix()
        end = float(asked.in_body["time"])
        samples = [(t, "5") for t in (T0 - 0.001, T0, seam, T0 + day) if t <= end]
        # Prometheus 2 closes the window on its left: the day's first read reaches T0 - 1 ms.
        window = float(asked.in_body["query"].removeprefix("up[").removesuffix("ms]")) / 1_000
        return matrix(({}, [one for one in samples if one[0] >= end - window - 1e-6]))

    fake.answer = answer
    (series,) = open_source(fake.url).series("up", T0_MS, T0_MS + day * 1_000 + 60_000)
    reads = [one.in_body for one in fake.asked if one.path.endswith("query")][:2]
    assert reads == [
        {"query": "up[86400000ms]", "time": f"{T0 + day - 0.001}"},
        {"query": "up[60001ms]", "time": f"{T0 + day + 60}.0"},
    ]
    kept = series.times[~is_stale(series.values)]
    assert kept.tolist() == [T0_MS, T0_MS + day * 1_000 - 1, T0_MS + day * 1_000]


CASES = [  # id, samples of m [s], end, steps where m is seen, scrapes (samples of up), markers
    ("alive", [0, 10, 20], 20, [0, 10, 20, 30], [], []),
    ("gone_at_a_scrape", [0, 10, 20], 40, [0, 10, 20], [0, 10, 20, 28], [28]),
    ("gone_without_up", [0, 10], 30, [0, 10], [], [20]),
    ("gone_late", [0, 10], 50, [0, 10, 20, 30], [0, 10, 20, 35], [35]),
    ("gone_after_the_end", [3, 13, 23], 23, [10, 20], [3, 13, 23, 33], []),
    ("gone_after_the_last_step", [0, 10, 20], 29, [0, 10, 20], [0, 10, 20, 28], [28]),
    ("away_for_a_while", [0, 10, 50, 60], 60, [0, 10, 50, 60, 70], [0, 10, 17, 27, 50], [17]),
    ("never_seen", [5], 40, [], [5], [15]),
    ("beyond_the_lookback", [0, 10, 400, 410], 410, [*range(0, 301, 10), 400, 410, 420], [], []),
]


@pytest.mark.parametrize(
    ("samples", "end", "seen", "scrapes", "markers"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_stale_markers_are_put_back(fake, samples, end, seen, scrapes, markers):
    """At the target's scrape in the first empty step; without one, at that step."""
    target = {"job": "j", "instance": "i"}

    def answer(asked):
        if asked.path.endswith("query_range"):
            start, last = float(asked.in_body["start"]), float(asked.in_body["end"])
            step = parse_duration(asked.in_body["step"]) / 1000
            grid = np.arange(start, last + 0.001, step)
            return matrix((target, [(t, "1") for t in grid if t - T0 in seen]))
        of = scrapes if asked.in_body["query"].startswith("up") else samples
        return matrix((target, [(T0 + t, "1") for t in of])) if of else matrix()

    fake.answer = answer
    (series,) = open_source(fake.url).series("m", T0_MS, T0_MS + end * 1_000)
    stale = is_stale(series.values)
    assert [(t - T0_MS) / 1_000 for t in series.times[stale].tolist()] == markers
    assert [(t - T0_MS) / 1_000 for t in series.times[~stale].tolist()] == samples
    assert np.all(np.diff(series.times) > 0)


@pytest.mark.parametrize(
    ("labels", "stale_markers", "asked_for"),
    [
        ({"job": "j", "instance": "i"}, True, ["m", "m", "up"]),
        ({"alertname": "A"}, True, ["m", "m"]),
        ({"job": "j"}, True, ["m", "m"]),
        ({"job": "j", "instance": "i"}, False, ["m"]),
    ],
    ids=["of_a_target", "of_a_rule", "of_a_job", "without_markers"],
)
def test_markers_are_asked_for_only_where_they_tell(fake, labels, stale_markers, asked_for):
    """The scrapes of all targets are read only for a target that went away."""

    def answer(asked):
        if asked.path.endswith("query_range"):
            return matrix((labels, [(T0, "1")]))
        return matrix((labels, [(T0, "1"), (T0 + 10, "1")]))

    fake.answer = answer
    source = open_source(fake.url)
    (series,) = source.series("m", T0_MS, T0_MS + 40_000, stale_markers=stale_markers)
    assert [asked.in_body["query"].partition("[")[0] for asked in fake.asked] == asked_for
    assert is_stale(series.values).any() == stale_markers
