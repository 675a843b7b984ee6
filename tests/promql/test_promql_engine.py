"""Selection in time: lookback, staleness, offset, @, subqueries, irregular steps."""

from __future__ import annotations

import numpy as np
import pytest
from promql_helpers import ask, load, select_from, steps

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.frame import Series
from alertlab.promql import evaluate

SERIES = load("1m", "x{} 0 1 2 3 4 5 6 7 8 9 10")


@pytest.mark.parametrize(
    ("time", "semantics", "expected"),
    [
        ("0", 3, 1.0),
        ("4m59s999ms", 3, 1.0),
        ("5m", 3, None),  # the lookback is open on the left from 3.0 on
        ("5m", 2, 1.0),
        ("5m1ms", 2, None),
    ],
)
def test_lookback(time: str, semantics: int, expected: float | None):
    """A sample is seen for five minutes; the last millisecond depends on the version."""
    got = ask("x", load("1m", "x{} 1"), steps(time), semantics=semantics)
    assert got == ({} if expected is None else {"x": [expected]})


def test_lookback_is_an_option():
    """A shorter lookback forgets sooner."""
    assert ask("x", load("1m", "x{} 1"), steps("30s"), lookback_ms=30_000) == {}
    assert ask("x", load("1m", "x{} 1"), steps("30s"), lookback_ms=30_001) == {"x": [1.0]}


def test_staleness():
    """A stale marker ends a series at once; an ordinary NaN is a value."""
    series = load("1m", "x{} 1 stale _ NaN _")
    got = ask("x", series, steps("59s", "1m", "2m", "3m", "4m"))["x"]
    assert got[:3] == [1.0, None, None]
    assert np.isnan(got[3])
    assert np.isnan(got[4])


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("x", [3, 4, 10]),
        ("x offset 2m", [1, 2, 8]),
        ("x offset -1m", [4, 5, 10]),
        ("x @ 120", [2, 2, 2]),
        ("x @ 120.5 offset 1m", [1, 1, 1]),
        ("x offset 1m @ 120", [1, 1, 1]),
        ("x @ start()", [3, 3, 3]),
        ("x @ end()", [10, 10, 10]),
        ("sum_over_time(x[2m] @ 120)", [3, 3, 3]),
        ("sum_over_time(x[2m] offset 1m)", [3, 5, 17]),
        ("sum_over_time(x[2m])", [5, 7, 19]),
        # subqueries: points at whole multiples of the step
        ("sum_over_time(x[2m:1m])", [5, 7, 19]),
        ("sum_over_time(x[2m:])", [5, 7, 19]),
        ("count_over_time(x[2m:30s])", [4, 4, 4]),
        ("sum_over_time(x[2m:1m] @ 120)", [3, 3, 3]),
        ("sum_over_time(x[2m:1m] @ end() offset 1m)", [17, 17, 17]),
        ("sum_over_time(x[2m:1m] offset 1m)", [3, 5, 17]),
        ("max_over_time((x @ start())[2m:1m])", [3, 3, 3]),
        ("max_over_time(sum_over_time(x[2m:1m])[2m:1m])", [5, 7, 19]),
        ("sum_over_time(vector(time())[2m:1m])", [300, 420, 1140]),
        ("rate(x[4m:1m])", [0.0125, 1 / 60, 1 / 60]),
    ],
)
def test_where_selectors_look(expr: str, expected: list):
    """Steps at 3m, 4m and 10m: irregular on purpose."""
    (row,) = ask(expr, SERIES, steps("3m", "4m", "10m")).values()
    assert row == [pytest.approx(v) for v in expected]


def test_subquery_edges():
    """Points are at multiples of the step; the left edge is open in 3.x, closed in 2.x."""
    times = steps("4m30s")
    series = load("30s", "x{} 0+1x20")
    # closed [2m30s, 4m30s], whole minutes: 3m and 4m
    assert ask("count_over_time(x[2m:1m])", series, times, semantics=2) == {"{}": [2]}
    # at a whole minute the left edge itself counts in 2.x only
    assert ask("count_over_time(x[2m:1m])", series, steps("4m"), semantics=2) == {"{}": [3]}
    assert ask("count_over_time(x[2m:1m])", series, steps("4m"), semantics=3) == {"{}": [2]}


def test_default_step_of_subqueries_is_an_option():
    """A subquery without a step takes the evaluation interval it is given."""
    expr = "count_over_time(x[4m:])"
    assert ask(expr, SERIES, steps("4m")) == {"{}": [4]}
    assert ask(expr, SERIES, steps("4m"), subquery_step_ms=30_000) == {"{}": [8]}


def test_gaps_in_subqueries():
    """Where the inner expression has no element there is no point."""
    assert ask("count_over_time((x > 5)[4m:1m])", SERIES, steps("4m", "7m", "9m")) == {
        "{}": [None, 2, 4]
    }
    assert ask("count_over_time(x[10s:1m])", SERIES, steps("4m30s")) == {}


def test_each_irregular_step_is_an_instant_query():
    """The steps' spacing plays no part: together they give what each gives alone."""
    times = np.array([61_000, 61_001, 180_000, 337_123, 600_000], dtype=np.int64)
    series = load("17s", "x{a='1'} 0+3x9 1+7x30", "x{a='2'} _x5 3 9 stale 4 NaN 5 8x20")
    for expr in ("rate(x[3m])", "x", "sum(x)", "quantile_over_time(0.3, x[1m])", "absent(x > 60)"):
        together = ask(expr, series, times)
        for column, time in enumerate(times):
            alone = ask(expr, series, times[column : column + 1])
            cut = {k: row[column : column + 1] for k, row in together.items()}
            np.testing.assert_equal({k: v for k, v in cut.items() if v != [None]}, alone)
            assert time in times


def test_range_results_are_sorted_by_labels():
    """Upper case sorts before __name__, as bytes do."""
    series = load("1m", "x{b='1'} 1", "x{A='1'} 1", "a{b='1'} 1")
    frame = evaluate("{__name__=~'a|x'}", select_from(series), steps("0"))
    assert [dict(labels)["__name__"] for labels in frame.labels] == ["x", "a", "x"]
    assert frame.labels == tuple(sorted(frame.labels))


def test_select_is_asked_for_what_is_needed():
    """The source gets the selector's matchers and the times that its samples can come from."""
    asked = []

    def select(matchers, start_ms, end_ms):
        asked.append((matchers[0].value, start_ms, end_ms))
        return []

    times = np.array([1_000_000, 2_000_000], dtype=np.int64)
    evaluate("a offset 1s + rate(b[10s]) + c @ 50", select, times)
    evaluate("max_over_time(d[100s:10s] offset 5s)", select, times)
    assert [a for a in asked if a[0] != "d"] == [
        ("a", 1_000_000 - 1_000 - 300_000, 2_000_000 - 1_000),
        ("b", 1_000_000 - 10_000, 2_000_000),
        ("c", 50_000 - 300_000, 50_000),
    ]
    ((_, start, end),) = [a for a in asked if a[0] == "d"]
    # first point after 895 s is 900 s, last one up to 1995 s is 1990 s
    assert (start, end) == (900_000 - 300_000, 1_990_000)


def test_no_steps():
    """No steps, no series."""
    frame = evaluate("x", select_from(SERIES), np.array([], dtype=np.int64))
    assert frame.values.shape == (0, 0)


@pytest.mark.parametrize(
    ("expr", "options", "error", "sentence"),
    [
        ("x[5m]", {}, BadInput, 'invalid expression type "range vector" for range query'),
        ("'text'", {}, BadInput, 'invalid expression type "string" for range query'),
        ("x", {"semantics": 1}, BadInput, "semantics must be 2 or 3"),
        (
            "quantile_over_time(time(), x[5m] @ 10)",
            {"semantics": 2},
            UnsupportedPromQL,
            "a range with @ beside an argument that changes",
        ),
        ("first_over_time(x[5m])", {"semantics": 2}, UnsupportedPromQL, "does not exist in"),
    ],
)
def test_sentences(expr: str, options: dict, error: type, sentence: str):
    """Bad input is told in one sentence that names the expression."""
    with pytest.raises(error, match=sentence) as caught:
        ask(expr, SERIES, steps("1m", "2m"), **options)
    assert type(caught.value) is error
    if "semantics must" not in sentence:
        assert str(caught.value).startswith(repr(expr))


def test_the_end_of_a_query_may_lie_behind_its_last_step() -> None:
    """``@ end()`` is the end that was asked for, as in Prometheus."""
    series = Series((("__name__", "x"),), np.arange(5) * 60_000, np.arange(5.0))

    def select(*_: object) -> list[Series]:
        return [series]

    times = np.array([0, 60_000], np.int64)
    assert evaluate("x @ end()", select, times).values[0].tolist() == [1, 1]
    assert evaluate("x @ end()", select, times, end_ms=190_000).values[0].tolist() == [3, 3]
