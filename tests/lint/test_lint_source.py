"""Rules held against a source: what exists, how often it is scraped, what its history was."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_server import fill

from alertlab.frame import Series
from alertlab.lint import FROM_THE_INTERVAL, FROM_THE_SOURCE, Remark, lint_rules
from alertlab.promql import parse_selector
from alertlab.rules import AlertRule, RecordingRule
from alertlab.sources import PrometheusSource
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, label_set
from auth_service.stack import run_prometheus

DAYS = 2
END_MS = DAYS * DAY_MS


def series(
    text: str, values: object = 1.0, *, step_ms: int = MINUTE_MS, since_ms: int = 0
) -> Series:
    """Return a series of ``name{a="b"}`` with one value or many, at each step to the end."""
    times = np.arange(since_ms, END_MS + 1, step_ms, dtype=np.int64)
    labels = label_set({one.name: one.value for one in parse_selector(text)})
    return Series(labels, times, np.broadcast_to(np.asarray(values, float), len(times)).copy())


def counter(text: str, per_minute: float, *, step_ms: int = MINUTE_MS) -> Series:
    """Return a counter that grows evenly."""
    steps = END_MS // step_ms + 1
    return series(text, np.arange(steps) * per_minute * step_ms / MINUTE_MS, step_ms=step_ms)


def rule_of(expr: str, **fields: object) -> AlertRule:
    return AlertRule(
        "A", expr, "g", Path("r.yml"), 7, MINUTE_MS, **{"hold_duration_ms": MINUTE_MS} | fields
    )


@pytest.fixture
def lint(memory_source):
    """Return what needs the source, of one rule against series."""

    def run(expr: str, *data: Series, start_ms: int = 0, end_ms: int = END_MS, **fields: object):
        found = lint_rules([rule_of(expr, **fields)], memory_source(list(data)), start_ms, end_ms)
        return [one for one in found if one.id in (*FROM_THE_SOURCE, *FROM_THE_INTERVAL)]

    return run


def ids(found: list[Remark]) -> list[str]:
    return [one.id for one in found]


LOGINS = [
    counter('logins_total{code="200", pod="a"}', 60),
    counter('logins_total{code="500", pod="a"}', 1),
]


@pytest.mark.parametrize(
    ("expr", "expected", "part"),
    [
        ("sum(rate(logins_total[5m])) > 0", [], ""),
        ("sum(rate(login_total[5m])) > 0", ["unknown-metric"], "a metric login_total:"),
        ('{__name__=~"log.*"} > 0', [], ""),
        ('{__name__=~"lag.*"} > 0', ["unknown-metric"], "a series {"),
        ('rate(logins_total{code="500"}[5m]) > 1', [], ""),
        ('rate(logins_total{code="404"}[5m]) > 0', ["unknown-value"], 'code="404"'),
        ('rate(logins_total{code=~"4.."}[5m]) > 0', ["unknown-value"], "values are 200, 500."),
        ('rate(logins_total{code=~"5.."}[5m]) > 1', [], ""),
        ('rate(logins_total{code!="200", pod="a"}[5m]) > 1', [], ""),
        ('rate(logins_total{code!~"200|500"}[5m]) > 0', ["unknown-value"], 'code!~"200|500"'),
        ('rate(logins_total{code="200", pod="b"}[5m]) > 0', [], ""),
        ('rate(logins_total{code="500", pod="b"}[5m]) > 0', ["unknown-value"], "has code="),
        ('rate(logins_total{method="x"}[5m]) > 0', ["unknown-label"], "the label method."),
        ('rate(logins_total{method=""}[5m]) > 1', [], ""),
        ('rate(logins_total{method="", code="404"}[5m]) > 1', ["unknown-value"], 'code="404"'),
        ("sum by (method) (rate(logins_total[5m])) > 2", ["unknown-label"], "label method."),
        ("sum by (code, pod) (rate(logins_total[5m])) > 2", [], ""),
        ("sum without (method) (rate(logins_total[5m])) > 2", [], ""),
        ("sum by (method) (rate(login_total[5m])) > 2", ["unknown-metric"], ""),
        ('sum by (x) (label_replace(logins_total, "x", "$1", "pod", "(.*)")) < 0', [], ""),
        ('count by (x) (count_values by (pod) ("x", logins_total)) < 0', [], ""),
        ("absent(login_total)", [], ""),
        ("logins_total < 0 or login_total < 0", [], ""),
        ("logins_total < 0 unless login_total", [], ""),
        ("login_total < 0 unless logins_total", ["unknown-metric"], ""),
        ('ALERTS{alertname="B"} > 0', [], ""),
        ('{__name__="odd name"} > 0', ["unknown-metric"], "a metric odd name"),
        ('logins_total{code="a offset 5m @ 3"} offset 5m > 0', ["unknown-value"], "@ 3"),
        ("job:logins:sum > 0", [], ""),
    ],
)
def test_what_exists(lint, expr: str, expected: list[str], part: str) -> None:
    """Metrics, labels and values that no series has; not what may be missing on purpose."""
    data = [*LOGINS, counter('logins_total{code="200", pod="b"}', 60)]
    recorded = RecordingRule("job:logins:sum", "sum(logins_total)", Path("r.yml"), 1)
    found = lint(expr, *data, recorded=(recorded,))
    assert [one.id for one in found if one.id.startswith("unknown-")] == expected
    assert part in " ".join(one.text for one in found)


def test_what_a_recording_rule_reads_must_exist(lint) -> None:
    """Its own metric is missing, so that nobody wonders about the alert."""
    recorded = RecordingRule("job:login:sum", "sum(login_total)", Path("r.yml"), 1)
    (found,) = lint("job:login:sum > 0", *LOGINS, recorded=(recorded,))
    assert (found.id, found.rule, found.line) == ("unknown-metric", "job:login:sum", 1)


def test_what_was_there_for_a_minute_exists(lint) -> None:
    """A short life between the moments that are looked at is found all the same."""
    step_ms = END_MS // 200
    born = 3 * step_ms + 8 * MINUTE_MS
    short = Series(label_set({"__name__": "x"}), np.array([born]), np.array([7.0]))
    assert ids(lint("x > 100", short, LOGINS[0])) == ["never-held"]
    # Outside the history that is looked at it does not.
    later = lint("x > 100", short, LOGINS[0], start_ms=born + 6 * MINUTE_MS)
    assert ids(later) == ["unknown-metric"]
    last = Series(label_set({"__name__": "x"}), np.array([END_MS]), np.array([7.0]))
    assert "unknown-metric" not in ids(lint("x > 100", last, LOGINS[0]))


@pytest.mark.parametrize(
    ("step_seconds", "window", "expected"),
    [
        (15, "30s", False),
        (15, "29s", True),
        (60, "2m", False),
        (60, "119s", True),
        (30, "1m", False),
    ],
)
def test_the_scrape_interval_is_seen(lint, step_seconds: int, window: str, expected: bool) -> None:
    """Two samples are needed, and the source tells how often there is one."""
    data = counter("x_total", 60, step_ms=step_seconds * SECOND_MS)
    found = lint(f"sum(rate(x_total[{window}])) > 77", data)
    assert ("range-too-short" in ids(found)) == expected
    if expected:
        assert f"a sample every {'1m' if step_seconds == 60 else '15s'}," in found[0].text


def test_an_interval_that_is_stated_wins(memory_source) -> None:
    """The option is not asked for in vain."""
    rules, source = [rule_of("sum(rate(x_total[1m])) > 77")], memory_source([counter("x_total", 6)])
    assert "range-too-short" in ids(lint_rules(rules, source))
    assert "range-too-short" not in ids(lint_rules(rules, source, scrape_interval_ms=15_000))


def test_a_series_that_comes_and_goes_tells_no_long_interval(lint) -> None:
    """Its fullest hour counts, not the one with three samples."""
    whole = counter("x_total", 60, step_ms=15 * SECOND_MS)
    steps = np.arange(len(whole.times))
    for first, last in ((0, 600), (4000, 5000), (len(steps) - 600, len(steps))):
        kept = (steps % 60 == 0) | ((steps >= first) & (steps < last))
        data = Series(whole.labels, whole.times[kept], whole.values[kept])
        assert "range-too-short" not in ids(lint("sum(rate(x_total[30s])) > 77", data))


def test_two_samples_tell_no_interval(lint) -> None:
    """Of a history of a minute nothing is known."""
    data = counter("x_total", 60)
    assert lint("sum(rate(x_total[30s])) > 77", data, end_ms=MINUTE_MS) == []


@pytest.mark.parametrize(
    ("expr", "values", "expected", "part"),
    [
        ("x > 5", 3, "never-held", "highest value was 3."),
        ("5 < x", 3, "never-held", "highest value was 3."),
        ("x < 5", 9, "never-held", "lowest value was 9."),
        ("x > 5", 9, "always-held", "lowest value was 9."),
        ("x < 5", 3, "always-held", "highest value was 3."),
        ("x > 5 and x > 2", 3, "never-held", "> 5 never held in 2d. That"),
        ("x > 5", [3, 9], None, ""),
        ("x > 1", 0.5, None, ""),
        ("x > 0", 0, None, ""),
        ("x == 5", 3, None, ""),
        ("x == 5", 5, "always-held", ""),
        ("absent(x)", 5, None, ""),
        ("absent(y)", 5, "always-held", ""),
        ("vector(1)", 5, None, ""),
    ],
)
def test_never_and_always(lint, expr: str, values: object, expected: str, part: str) -> None:
    """Thresholds that the history never or always passes; states and events may wait."""
    many = np.resize(values, END_MS // MINUTE_MS + 1)
    found = lint(expr, series("x", many), series("up"))
    assert ids(found) == ([expected] if expected else [])
    if expected:
        assert part in found[0].text
    if expected == "never-held":
        assert "no proof" in found[0].text


def test_a_short_history_says_nothing_of_never(lint) -> None:
    """An hour without an alert is an hour."""
    assert lint("x > 5", series("x", 3), end_ms=DAY_MS - MINUTE_MS) == []
    assert ids(lint("x > 5", series("x", 3), end_ms=DAY_MS)) == ["never-held"]


def test_no_data_is_not_never(lint) -> None:
    """A join that finds no partner has no values to compare; that is another matter."""
    data = [series('x{a="1"}', 3), series('y{a="2"}', 3)]
    assert lint("x / y > 5", *data) == []


def test_a_rule_that_cannot_be_replayed_is_told(lint, caplog: pytest.LogCaptureFixture) -> None:
    """The other remarks on it are there all the same."""
    later = RecordingRule("r", "sum(x)", Path("r.yml"), 9, group="g", index=3)
    with caplog.at_level(logging.WARNING):
        found = lint("r > 5 and z > 3", series("x", 3), recorded=(later,))
    assert ids(found) == ["unknown-metric"]
    assert "not compared with the history" in caplog.text


def histogram(bounds: list[str]) -> list[Series]:
    """Return a histogram whose calls lie evenly in its buckets."""
    return [
        counter(f'h_seconds_bucket{{le="{bound}", job="{job}"}}', 60 * (k + 1))
        for k, bound in enumerate(bounds)
        for job in "ab"
    ]


BOUNDS = ["0.1", "0.5", "1", "2.5", "+Inf"]
P95 = "histogram_quantile(0.95, sum by (le) (rate(h_seconds_bucket[5m])))"


@pytest.mark.parametrize(
    ("expr", "expected", "part"),
    [
        (f"{P95} > 0.7", "threshold-inside-bucket", "bucket from 0.5 to 1:"),
        (f"{P95} >= 0.05", "threshold-inside-bucket", "bucket from 0 to 0.1:"),
        (f"{P95} < 2", "threshold-inside-bucket", "bucket from 1 to 2.5:"),
        (f"{P95} * 1000 > 700", "threshold-inside-bucket", "0.7 lies inside"),
        (f"0.7 < {P95}", "threshold-inside-bucket", "bucket from 0.5 to 1:"),
        (f"{P95} > 0.5", "", ""),
        (f"{P95} > 2.5", "threshold-beyond-buckets", "bound is 2.5"),
        (f"{P95} >= 2.5", "", ""),
        (f"{P95} > 5", "threshold-beyond-buckets", "> 5 can never hold"),
        (f"{P95} * 1000 > 5000", "threshold-beyond-buckets", "> 5 can never hold"),
        (f"{P95} < 5", "", ""),
        (f"{P95} == 5", "", ""),
        ("max(h_seconds_bucket) > 0.7", "", ""),
    ],
)
def test_a_threshold_and_its_bucket(lint, expr: str, expected: str, part: str) -> None:
    """Inside a bucket that is wide beside it, and beyond the last bound."""
    found = [one for one in lint(expr, *histogram(BOUNDS)) if one.id.startswith("threshold-")]
    assert ids(found) == ([expected] if expected else [])
    assert part in " ".join(one.text for one in found)


def test_a_narrow_bucket_is_fine(lint) -> None:
    """A quarter of the threshold is narrow."""
    for bounds, expected in ((["0.9", "1.1", "+Inf"], 0), (["0.8", "1.2", "+Inf"], 1)):
        found = lint(f"{P95} > 1", *histogram(bounds))
        assert ids(found).count("threshold-inside-bucket") == expected


def test_a_percentile_beyond_the_buckets_never_holds(memory_source) -> None:
    """What the remark says, seen: all calls lie beyond 2.5, and the percentile is 2.5."""
    slow = [
        counter(f'h_seconds_bucket{{le="{bound}"}}', 60 if bound == "+Inf" else 0)
        for bound in BOUNDS
    ]
    frame = memory_source(slow).range_query(P95, HOUR_MS, END_MS, HOUR_MS)
    assert frame.values.max() == 2.5


def test_only_selected_buckets_count(lint) -> None:
    """Of another job's histogram nothing is said."""
    other = [counter(f'h_seconds_bucket{{le="{bound}", job="c"}}', 60) for bound in ("9", "+Inf")]
    expr = P95.replace("h_seconds_bucket", 'h_seconds_bucket{job="a"}')
    assert "threshold-beyond-buckets" in ids(lint(f"{expr} > 5", *histogram(BOUNDS), *other))
    assert "threshold-beyond-buckets" not in ids(lint(f"{P95} > 5", *histogram(BOUNDS), *other))


def test_the_whole_source_is_the_default_history(memory_source) -> None:
    """Without times, from its first to its last sample."""
    source = memory_source([series("x", np.arange(END_MS // MINUTE_MS + 1))])
    assert ids(lint_rules([rule_of("x > 5000")], source)) == ["never-held"]
    assert ids(lint_rules([rule_of("x > 2000")], source)) == []
    assert ids(lint_rules([rule_of("x > 2000")], source, end_ms=DAY_MS)) == ["never-held"]
    assert ids(lint_rules([rule_of("x > 1000")], source, start_ms=DAY_MS)) == ["always-held"]


@pytest.mark.server
def test_a_live_server_says_the_same(memory_source, server: Any, tmp_path: Path) -> None:
    """Each remark that samples in memory lead to, word for word, and few queries for it."""
    data = [
        *LOGINS,
        *histogram(BOUNDS),
        counter("x_total", 60, step_ms=30 * SECOND_MS),
        series("x", 3),
    ]
    now = round(time.time()) // 60 * MINUTE_MS
    data = [Series(one.labels, one.times + now - END_MS, one.values) for one in data]
    rules = [
        rule_of(expr)
        for expr in (
            'rate(logins_total{code="404"}[5m]) > 0',
            'sum by (method) (rate(login_total{method="x"}[5m])) > 0',
            'sum by (method) (rate(logins_total{shard="x"}[5m])) > 0',
            "sum(rate(x_total[59s])) > 1",
            f"{P95} > 0.7",
            f"{P95} > 7",
            "x > 5",
            "x < 5",
        )
    ]
    here = memory_source(data, start_ms=now - END_MS, semantics=server.semantics)
    expected = lint_rules(rules, here, now - 30 * HOUR_MS, now)
    assert {one.id for one in expected} >= {*FROM_THE_SOURCE, *FROM_THE_INTERVAL}
    flags = ["--web.enable-remote-write-receiver"]
    with run_prometheus(tmp_path, {}, *flags, program=server.program) as url:
        fill(url, data)
        live = PrometheusSource(url)
        assert lint_rules(rules, live, now - 30 * HOUR_MS, now) == expected
        queries = live.provenance()["queries"]
    asked = [one for one in queries if one["expr"].startswith(("count", "max(count_over_time"))]
    assert len(asked) <= 3 * len(rules)
    assert max(one["steps"] for one in asked) <= 201
