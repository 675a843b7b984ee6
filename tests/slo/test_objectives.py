"""Objectives: our file, the PromQL and the raw counts of their events, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.promql import matches_all, parse, parse_selector
from alertlab.slo import Events, Objective, Samples, load_objectives, read_counts
from alertlab.slo.events import bound_matcher, read_events
from alertlab.sources import open_source
from alertlab.units import DAY_MS, HOUR_MS, label_set
from auth_service.metrics import (
    CODES_BY_METHOD,
    GRPC_HANDLED,
    GRPC_HANDLING,
    HANDLING_BUCKETS_SECONDS,
    METHODS,
)

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ROOT / "auth_service" / "monitoring" / "slo.yml"
SMALL = ROOT / "data" / "recordings" / "auth-small"

ONE = """objectives:
  - name: login
    kind: availability
    method: Login
    target: 99.9%
    policies: [server-fault, strict]
  - name: login-fast
    kind: latency
    method: Login
    target: 0.99
    threshold: 500ms
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[..., list[Objective]]:
    """A function that loads a file's text, ``old`` in it replaced by ``new``."""

    def load(text: str = ONE, old: str = "", new: str = "") -> list[Objective]:
        assert old in text
        (tmp_path / "slo.yml").write_text(text.replace(old, new, 1))
        return load_objectives(tmp_path / "slo.yml")

    return load


def test_the_services_objectives() -> None:
    """Availability and latency for each method; thresholds are bounds of its histogram."""
    objectives = load_objectives(SERVICE)
    main = [one for one in objectives if not one.beside]
    for kind in ("availability", "latency"):
        assert sorted(one.method for one in main if one.kind == kind) == sorted(METHODS)
    for one in objectives:
        assert one.period_ms == 28 * DAY_MS
        assert 'job="auth-service"' in one.total.rate_expr("5m")
        assert one.description
        parse(one.error_ratio_expr("1h"))
    thresholds = {one.threshold_seconds for one in main if one.kind == "latency"}
    assert thresholds <= set(HANDLING_BUCKETS_SECONDS)
    assert len({one.name for one in objectives}) == len(objectives)


def test_the_default_metrics_are_the_services(loaded: Callable) -> None:
    """Without metrics: the names are those that the service exports."""
    availability, _, latency = loaded()
    assert availability.reads == (f'{GRPC_HANDLED}{{grpc_method="Login"}}',)
    assert latency.total.added == (f'{GRPC_HANDLING}_count{{grpc_method="Login"}}',)


def test_several_policies_stand_side_by_side(loaded: Callable) -> None:
    """The first keeps the name, each other one says whose it is."""
    first, second, _ = loaded()
    assert (first.name, first.policy, first.beside) == ("login", "server-fault", "")
    assert (second.name, second.policy, second.beside) == ("login-strict", "strict", "login")
    assert first.definition != second.definition
    assert first.budget_ratio == 1 - 0.999


@pytest.mark.parametrize(
    ("old", "new", "index", "field", "value"),
    [
        ("99.9%", "0.95", 0, "target_ratio", 0.95),
        ("99.9%", "99.5%", 1, "target_ratio", 0.995),
        ("method: Login\n    target: 99.9%", "target: 99.9%", 0, "method", ""),
        ("kind: availability", "kind: availability\n    period: 7d", 0, "period_ms", 7 * DAY_MS),
        ("objectives:", "period: 90d\nobjectives:", 2, "period_ms", 90 * DAY_MS),
        ("policies: [server-fault, strict]", "policies: [strict]", 0, "policy", "strict"),
        ("policies: [server-fault, strict]", "description: logins", 0, "description", "logins"),
        ("threshold: 500ms", "threshold_seconds: 0.25", 2, "threshold_seconds", 0.25),
        ("threshold: 500ms", "threshold: 1s500ms", 2, "threshold_seconds", 1.5),
        ("objectives:", "matchers: job=\"a\"\nobjectives:", 0, "reads",
         ('grpc_server_handled_total{job="a", grpc_method="Login"}',)),
        ("kind: availability", "kind: availability\n    matchers: zone!=\"b\"", 0, "reads",
         ('grpc_server_handled_total{zone!="b", grpc_method="Login"}',)),
        ("objectives:", "metrics: {handled: calls_total}\nobjectives:", 0, "reads",
         ('calls_total{grpc_method="Login"}',)),
        ("objectives:", "metrics: {handling: took_seconds}\nobjectives:", 2, "reads",
         ('took_seconds_count{grpc_method="Login"}',
          'took_seconds_bucket{grpc_method="Login", le="0.5"}')),
    ],
)  # fmt: skip
def test_every_key_matters(
    loaded: Callable, old: str, new: str, index: int, field: str, value: object
) -> None:
    """Each key of the file changes what is loaded."""
    assert getattr(loaded()[index], field) != value
    assert getattr(loaded(ONE, old, new)[index], field) == value


def test_without_a_policy_the_servers_faults_count(loaded: Callable) -> None:
    """The default is written down, not strict by accident."""
    (first, _) = loaded(ONE, "    policies: [server-fault, strict]\n", "")
    assert (first.policy, first.beside) == ("server-fault", "")


def test_a_policy_of_the_file(loaded: Callable) -> None:
    """An explicit mapping of codes, used by its name."""
    own = "policies:\n  mine: {good: [OK, NotFound], excluded: [Aborted], rest: bad}\n" + ONE
    first, _ = (loaded(own, "[server-fault, strict]", "[mine]")[i] for i in (0, 1))
    assert first.policy == "mine"
    (bad,) = first.bad.added
    matchers = parse_selector(bad)
    for code, is_bad in (("NOT_FOUND", False), ("ABORTED", False), ("INTERNAL", True)):
        labels = {"__name__": GRPC_HANDLED, "grpc_method": "Login", "grpc_code": code}
        assert matches_all(matchers, label_set(labels)) == is_bad


SPELLINGS = ["INVALID_ARGUMENT", "InvalidArgument", "OK", "CANCELLED", "Canceled",
             "RESOURCE_EXHAUSTED", "Teapot", "Internal"]  # fmt: skip


@pytest.mark.parametrize("policy", ["strict", "server-fault", "user-visible"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_each_answer_is_good_bad_or_excluded(loaded: Callable, policy: str, spelling: str) -> None:
    """Total and excluded part all answers; what is no code at all is bad."""
    objective = loaded(ONE, "[server-fault, strict]", f"[{policy}]")[0]
    labels = label_set({"__name__": GRPC_HANDLED, "grpc_method": "Login", "grpc_code": spelling})
    total, bad, excluded = (
        any(matches_all(parse_selector(text), labels) for text in events.added)
        for events in (objective.total, objective.bad, objective.excluded)
    )
    assert total != excluded and total >= bad
    assert excluded == (spelling.startswith("C") and policy != "strict")
    bad_ones = {"strict": {"INVALID_ARGUMENT", "InvalidArgument", "CANCELLED", "Canceled",
                           "RESOURCE_EXHAUSTED"},
                "server-fault": set(), "user-visible": {"RESOURCE_EXHAUSTED"}}  # fmt: skip
    assert bad == (spelling in bad_ones[policy] | {"Teapot", "Internal"})


REFUSED = [
    ("99.9%", "99.9", ":5: objective login: target: 99.9 is no ratio; write 0.999 or 99.9%"),
    ("99.9%", "100%", "100% must lie between 0% and 100%"),
    ("99.9%", "0", "0 must lie between"),
    ("99.9%", "1", "1 must lie between"),
    ("99.9%", "most", "'most' is not a number"),
    ("99.9%", "sNaN", "'sNaN' is not a number"),
    ("99.9%", "1e-400", "1e-400 cannot be told from 0%; write fewer digits"),
    ("99.9%", "99.9999999999999999999%", "cannot be told from 100%; write fewer digits"),
    ("99.9%", "nan", "'nan' is not a number"),
    ("    target: 99.9%\n", "", ":2: objective login: target: is missing"),
    ("method: Login", "methods: Login", ":4: objective login: methods: unknown key"),
    ("[server-fault, strict]", "[lax]", "policies: 'lax' is unknown or stands twice; known: serv"),
    ("[server-fault, strict]", "[strict, strict]", "'strict' is unknown or stands twice"),
    ("[server-fault, strict]", "strict", "policies: is not a list of texts"),
    ("name: login-fast", "name: login", ":7: objective login: name: 'login' stands twice"),
    ("name: login-fast", "name: login-strict", "'login-strict' stands twice"),
    ("name: login-fast", "name: log in!", "name: 'log in!' must be letters and digits"),
    ("kind: latency", "kind: speed", ":8: objective login-fast: kind: unknown kind 'speed'"),
    ("threshold: 500ms", "threshold: 0.5", ":11: objective login-fast: threshold: '0.5' is not a"),
    ("threshold: 500ms", "threshold: 0s", "0s is no time for an answer"),
    ("threshold: 500ms", "threshold_seconds: 500ms", "threshold_seconds: '500ms' is not a number"),
    ("threshold: 500ms", "threshold_seconds: -1", "-1 must be more than 0 seconds"),
    ("threshold: 500ms", "threshold: 1s\n    threshold_seconds: 1", "give either threshold_seco"),
    ("    threshold: 500ms\n", "", "give either threshold_seconds: 0.5 or threshold: 500ms"),
    ("threshold: 500ms", "threshold: 1s\n    policies: [strict]", "policies: unknown key"),
    ("method: Login", "method: Login\n    period: 0d", "period: a period of nothing"),
    ("method: Login", "method: Login\n    matchers: job=", "objective login: matchers: "),
    ("objectives:", "matchers: job=\nobjectives:", ":1: objectives: matchers: "),
    ("objectives:", "metrics: {handled: 'a{b=\"c\"}'}\nobjectives:", "is not a metric's name"),
    ("objectives:", "metrics: {counter: x}\nobjectives:", "counter: unknown key"),
    ("objectives:", "slos: []\nobjectives:", ":1: objectives: slos: unknown key"),
    ("objectives:", "policies: {strict: {rest: bad}}\nobjectives:", "that name is taken by a pol"),
    ("objectives:", "policies: {mine: {good: [OK], bad: [Odd]}}\nobjectives:", "unknown gRPC code"),
    ("objectives:", "policies: {mine: {good: OK, rest: bad}}\nobjectives:", "is not a list of te"),
    ("objectives:", "policies: {? [a, b] : {rest: bad}}\nobjectives:",
     ":1: objectives: policies: ('a', 'b'): ('a', 'b') must be letters"),
    ("objectives:", "policies:\n  a b: {rest: bad}\nobjectives:",
     ":2: objectives: policies: a b: 'a b' must be letters and"),
    ("objectives:", "policies:\n  mine:\n    bad: [Odd]\n    rest: good\nobjectives:",
     ":3: policy mine: bad: unknown gRPC code 'Odd'"),
    ("objectives:", "policies:\n  mine:\n    good: [OK]\n    bad: [OK]\n    rest: bad\nobjectives:",
     ":4: policy mine: bad: OK is both good and bad"),
    ("objectives:", "policies:\n  mine:\n    good: [OK]\n    rest: worse\nobjectives:",
     ":4: policy mine: rest: unknown verdict 'worse'"),
    ("objectives:", "policies:\n  mine:\n    good: [OK]\nobjectives:",
     ":3: policy mine: nothing is said of CANCELLED"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), REFUSED, ids=[new for _, new, _ in REFUSED])
def test_a_wrong_file_is_refused(
    loaded: Callable, tmp_path: Path, old: str, new: str, told: str
) -> None:
    """With its file and line, the objective and the key."""
    with pytest.raises(BadInput) as refused:
        loaded(ONE, old, new)
    assert str(refused.value).startswith(f"{tmp_path / 'slo.yml'}:")
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    target: 99.9%\n", "", "2: objective login: target: is missing"),
        ("target: 99.9%", "target: [1]", "5: objective login: target: is not a text"),
    ],
)
def test_a_place_is_told_once(
    loaded: Callable, tmp_path: Path, old: str, new: str, told: str
) -> None:
    """The whole message."""
    with pytest.raises(BadInput) as refused:
        loaded(ONE, old, new)
    assert str(refused.value) == f"{tmp_path / 'slo.yml'}:{told}"


def test_what_is_merged_from_elsewhere_is_told_where_it_is_used(loaded: Callable) -> None:
    """YAML's << brings keys that have no line of their own."""
    merged = ONE.replace("  - name: login\n", "  - &base\n    name: login\n", 1)
    merged = merged.replace("  - name: login-fast\n", "  - <<: *base\n    name: login-fast\n")
    with pytest.raises(BadInput, match=r":8: objective login-fast: policies: unknown key"):
        loaded(merged)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        ("groups: []", "whose objectives these are cannot be told"),
        ("objectives: []", "is not a list with entries"),
        ("objectives: [1]", "an objective is not a mapping"),
        ("- a", "objectives is not a mapping"),
        (ONE + "---\n" + ONE, "a second document"),
        ("objectives: {", "not valid YAML"),
    ],
)
def test_what_is_no_file_of_objectives_is_refused(loaded: Callable, text: str, told: str) -> None:
    """And the formats that were looked for are named."""
    with pytest.raises(BadInput, match=told):
        loaded(text)
    with pytest.raises(BadInput, match="does not exist"):
        load_objectives("nowhere.yml")


QUERIES = [
    ("sum(rate(a{b=\"c\"}[{{.window}}]))", ('a{b="c"}',), ()),
    ("sum(increase(a[{{ .window }}]))", ("a",), ()),
    ("(sum(rate(a[5m])) - sum(rate(b{le=\"0.4\"}[5m])))", ("a",), ('b{le="0.4"}',)),
    ("sum(rate(a[5m])) - (sum(rate(b[5m])) - sum(rate(c[5m])))", ("a", "c"), ("b",)),
    ("sum(rate(a[5m])) + sum(rate(b[5m]))", ("a", "b"), ()),
    ('sum(rate({__name__=~"a|b"}[5m]))', ('{__name__=~"a|b"}',), ()),
]  # fmt: skip


@pytest.mark.parametrize(("query", "added", "subtracted"), QUERIES)
def test_counters_are_seen_in_queries(query: str, added: tuple, subtracted: tuple) -> None:
    """Sums and differences of rates are counted by the counters themselves."""
    assert read_events(query) == Events(added, subtracted)


@pytest.mark.parametrize(
    ("query", "per_second"),
    [
        ("sum by () (rate(b[{{.window}}]))", True),
        ("sum(sum by (a) (rate(b[{{.window}}])))", True),
        ("scalar(sum by (a) (rate(b[{{.window}}])))", True),
        ("sum by (a) (rate(b[{{.window}}])) * on () sum(c)", True),
        ("sum by (a) (rate(b[{{.window}}])) * ignoring (a) sum(c)", True),
        ("rate(b[{{.window}}]) and on () sum by (a) (c)", True),
        ("histogram_quantile(0.5, sum by (le) (rate(b[{{.window}}])))", True),
        ("sum(rate(a[{{.window}}])) * 2", True),
        ("sum(rate(a[{{.window}}] offset 1m))", True),
        ("max(rate(a[{{.window}}]))", True),
        ("sum_over_time(count(a < 1)[{{.window}}:])", False),
        ("sum(increase(a[{{.window}}])) or vector(0)", False),
    ],
)
def test_other_queries_are_kept(query: str, per_second: bool) -> None:
    """As they are, with the window to be filled in, and the unit that their functions have."""
    events = read_events(query)
    assert not events.is_raw and events.per_second == per_second
    asked = query.replace("{{.window}}", "2h")
    assert events.rate_expr("2h") == (asked if per_second else f"({asked}) / 7200")
    assert events.increase_expr("2h") == (f"({asked}) * 7200" if per_second else asked)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "a query is missing"),
        ("sum(rate(a[", "is not a PromQL expression"),
        ("sum(a)", "has no window to choose"),
        ("- sum(rate(a[5m]))", "has no window to choose"),
        ("sum(rate(a[{{.window}}])) by (b, c)", "a series for each b, c, and one series without"),
        ("sum by (b) (rate(a[5m]))", "one series without labels is needed"),
        ("sum without (b) (rate(a[{{.window}}]))", "a series for each label but b"),
        ("(sum by (b) (rate(a[{{.window}}]))) or vector(0)", "a series for each b"),
        ("2 * sum by (b) (rate(a[{{.window}}]))", "a series for each b"),
        ("topk(3, sum by (b) (rate(a[{{.window}}])))", "a series for each b"),
        ("sum by (b) (rate(a[{{.window}}])) * on (b) sum by (b) (c)", "a series for each b"),
        ("sum by (b) (rate(a[{{.window}}])) * on () group_left () sum(c)", "a series for each b"),
        ("sum(c) * on () group_right () sum by (b) (rate(a[{{.window}}]))", "a series for each b"),
        ("clamp_min(sum by (b) (rate(a[{{.window}}])), 0)", "a series for each b"),
        ('count_values("v", rate(a[{{.window}}]))', "a series for each v"),
        ("sum_over_time(rate(a[1m])[{{.window}}:])", "may be events per second or per window"),
    ],
)
def test_queries_that_count_nothing_are_refused(query: str, told: str) -> None:
    """With the reason."""
    with pytest.raises(BadInput, match=told):
        read_events(query)


def test_a_gauge_is_a_counter_where_the_file_says_so() -> None:
    """OpenSLO's counter: true lets bare selectors be counters."""
    assert read_events("sum(a) - b", is_counter=True) == Events(("a",), ("b",))


@pytest.mark.parametrize(
    ("bound", "written"),
    [(1.0, ["1", "1.0"]), (0.5, ["0.5"]), (1e6, ["1e+06", "1000000"]), (1e-5, ["1e-05"])],
)
def test_a_bound_is_found_however_it_is_written(bound: float, written: list[str]) -> None:
    """Prometheus 2 stored 1, Prometheus 3 stores 1.0; no other bound is taken for it."""
    matcher = bound_matcher(bound)
    assert all(matcher.matches(one) for one in written)
    assert not any(matcher.matches(one) for one in ("10", "1x0", "0x5", "5", ""))


def test_expressions(loaded: Callable) -> None:
    """What Prometheus is asked, as people would write it."""
    _, strict, latency = loaded()
    assert strict.error_ratio_expr("5m") == (
        'sum(rate(grpc_server_handled_total{grpc_method="Login", grpc_code!="OK"}[5m])) / '
        'sum(rate(grpc_server_handled_total{grpc_method="Login"}[5m]))'
    )
    count, bucket = latency.reads
    assert latency.error_ratio_expr("1h") == (
        f"(sum(rate({count}[1h])) - sum(rate({bucket}[1h]))) / sum(rate({count}[1h]))"
    )
    assert latency.bad.increase_expr("2m") == (
        f"sum(increase({count}[2m])) - sum(increase({bucket}[2m]))"
    )


def test_events_are_counted_by_raw_steps(memory_source: type, series_of: Callable) -> None:
    """A step belongs to its later sample, a fall is a reset, missing samples are passed over."""
    source = memory_source(
        [series_of('a{x="1"}', "0 5 2 _ stale 7 NaN 9"), series_of('a{x="2"}', "1 1 1 2 2 2 2 2")]
    )
    minute = 60_000
    assert Events(("a",)).counted(source, 0, 7 * minute) == 5 + 2 + 5 + 2 + 1
    assert Events(("a",)).counted(source, minute, 5 * minute) == 2 + 5 + 1
    only_second = Events(("a",), ('a{x="1"}',))
    assert only_second.counted(source, 0, 7 * minute) == 1
    with pytest.raises(BadInput, match="has no raw counts"):
        Events(query="x[{{window}}]").counted(source, 0, minute)


def test_prometheus_says_the_same_of_the_small_recording() -> None:
    """Hour by hour: the ratio that a query gives lies where the raw counts say."""
    if not (SMALL / "meta.json").is_file():
        pytest.skip("the recording is not made (make recordings)")
    source = open_source(str(SMALL))
    start, end = source.end_ms // DAY_MS * DAY_MS - DAY_MS, source.end_ms // DAY_MS * DAY_MS
    edges = np.arange(start, end + 1, HOUR_MS)
    by_name = {one.name: one for one in load_objectives(SERVICE)}
    for name in ("login-availability", "login-availability-strict", "validate-token-latency"):
        objective = by_name[name]
        spans = read_counts(objective, Samples(source, start, end)).within(edges)
        frame = source.range_query(objective.error_ratio_expr("1h"), start + HOUR_MS, end, HOUR_MS)
        assert frame.present.all() and frame.labels == ((),)
        # A query misses the step across its window's start, half a scrape of 120 in the mean, and
        # adds as much by extrapolation; pods that start or end within the hour make it worse.
        aside = np.abs(frame.values[0] * spans.total - spans.bad) / np.sqrt(spans.bad / 60 + 1)
        assert np.quantile(aside, 0.8) < 2


def test_the_services_codes_are_seen(memory_source: type) -> None:
    """Every code that a method answers is good, bad or excluded under each policy."""
    times, once = np.array([0, 1000], np.int64), np.array([0.0, 1.0])
    same = {"__name__": GRPC_HANDLED, "job": "auth-service"}
    series = [
        Series(label_set(same | {"grpc_method": method, "grpc_code": code}), times, once)
        for method, codes in CODES_BY_METHOD.items()
        for code in codes
    ]
    source = memory_source(series)
    for one in load_objectives(SERVICE):
        if one.kind == "availability":
            counts = read_counts(one, Samples(source, 0, 1000))
            assert counts.total.sum() == len(CODES_BY_METHOD[one.method])
            bad = {"strict": len(CODES_BY_METHOD[one.method]) - 1}.get(one.policy, 2)
            assert counts.bad.sum() == bad and counts.notes == ()


def test_a_counter_that_is_not_there_yet_hides_no_other(memory_source, series_of):
    """Timeouts have not happened; errors have, and must be seen."""
    source = memory_source([series_of("errors_total", "0 60 120 180 240 300")])
    both = read_events(
        "sum(rate(errors_total[{{.window}}])) + sum(rate(timeouts_total[{{.window}}]))"
    )
    found = source.range_query(both.rate_expr("5m"), 300_000, 300_000, 60_000)
    assert found.values.tolist() == [[pytest.approx(1.0)]]
