"""Instant queries: every type of result, its order and its samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from promql_helpers import load, select_from, table

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.promql import InstantAnswer, evaluate, instant_query
from alertlab.units import format_labels

MINUTE = 60_000
SERIES = load(
    "1m",
    "x{n='a'} 1 2 3 4 5",
    "x{n='b'} 5 4 _ 2 stale",
    "x{n='c'} NaN NaN 7 NaN NaN",
    "x{n='d'} 9 8 7 6 5",
)


def at(expr: str, minutes: float = 3, **options) -> InstantAnswer:
    """Evaluate over the series above."""
    return instant_query(expr, select_from(SERIES), int(minutes * MINUTE), **options)


def samples(answer: InstantAnswer) -> dict[str, list[tuple[float, float]]]:
    """Return (minute, value) by series."""
    return {
        format_labels(one.labels): [
            (t / MINUTE, v) for t, v in zip(one.times.tolist(), one.values.tolist(), strict=True)
        ]
        for one in answer.series
    }


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("topk(3, x)", ["d", "a", "b"]),
        ("bottomk(3, x)", ["b", "a", "d"]),
        ("sort(x)", ["b", "a", "d", "c"]),
        ("sort_desc(x)", ["d", "a", "b", "c"]),
        ("sort(topk(2, x))", ["a", "d"]),
        ("sort_desc(-x)", ["b", "a", "d", "c"]),
        ("sort(x) > 3", ["a", "d"]),
    ],
)
def test_order(expr: str, expected: list[str]):
    """A sort, topk or bottomk shows in the order, NaN last."""
    answer = at(expr)
    assert [dict(one.labels)["n"] for one in answer.series] == expected
    assert answer.kind == "vector"


def test_order_of_groups():
    """Groups come in the order of their first element that exists."""
    series = load("1m", "x{n='a', z='2'} 1 stale", "x{n='b', z='1'} 2 2", "x{n='c', z='2'} 3 3")
    for at_ms, expected in ((0, ["c", "a", "b"]), (MINUTE, ["b", "c"])):
        answer = instant_query("topk by (z) (2, x)", select_from(series), at_ms, lookback_ms=1)
        assert [dict(one.labels)["n"] for one in answer.series] == expected


def test_order_without_delay():
    """Upstream's order holds for both ways of dropping names."""
    for delayed in (False, True):
        order = [dict(one.labels) for one in at("sort(-x)", delayed_names=delayed).series]
        assert order == [{"n": name} for name in "dabc"]


def test_vector():
    """Every element has one sample, at the time of the query; what is stale has none."""
    answer = at("x", 4.5)
    assert (answer.kind, answer.at_ms, answer.text) == ("vector", 270_000, "")
    found = samples(answer)
    assert found.pop('x{n="c"}')[0][0] == 4.5
    assert found == {'x{n="a"}': [(4.5, 5.0)], 'x{n="d"}': [(4.5, 5.0)]}
    assert at("nothing") == InstantAnswer("vector", 180_000)


def test_scalar():
    """A scalar is one series without labels."""
    for expr, value in (("1 + 2", 3.0), ("time()", 180.0), ("scalar(x{n='a'})", 4.0)):
        answer = at(expr)
        assert answer.kind == "scalar"
        assert samples(answer) == {"{}": [(3.0, value)]}


def test_string():
    """A string is its text; bytes that no label could have are refused by name."""
    assert at(r'("a\n")') == InstantAnswer("string", 180_000, text="a\n")
    with pytest.raises(UnsupportedPromQL, match=r'not UTF-8 \("\\xff"\)'):
        at(r'"\xff"')


@pytest.mark.parametrize(
    ("expr", "semantics", "expected"),
    [
        ("x{n='a'}[2m]", 3, [(2, 3), (3, 4)]),
        ("x{n='a'}[2m]", 2, [(1, 2), (2, 3), (3, 4)]),  # closed on both sides before 3.0
        ("x{n='a'}[2m] offset 1m", 3, [(1, 2), (2, 3)]),
        ("x{n='a'}[90s] offset -1m", 3, [(3, 4), (4, 5)]),
        ("x{n='a'}[2m] @ 120", 3, [(1, 2), (2, 3)]),
        ("x{n='a'}[2m] @ 120 offset 1m", 3, [(0, 1), (1, 2)]),
        ("x{n='a'}[1m] @ start()", 3, [(3, 4)]),
        ("x{n='b'}[10m]", 3, [(0, 5), (1, 4), (3, 2)]),
        ("x{n='b'}[10m] offset -1m", 3, [(0, 5), (1, 4), (3, 2)]),  # no stale marker
        ("x{n='a'}[2m:90s]", 3, [(1.5, 2), (3, 4)]),
        ("x{n='a'}[2m:]", 3, [(2, 3), (3, 4)]),
        ("(x{n='a'} * 2)[1m:30s] @ 60", 3, [(0.5, 2), (1, 4)]),
    ],
)
def test_raw_windows(expr: str, semantics: int, expected: list):
    """A range selector gives its samples with their own times, a subquery those of its steps."""
    answer = at(expr, semantics=semantics)
    assert (answer.kind, answer.at_ms) == ("matrix", 180_000)
    assert list(samples(answer).values()) == [expected]


def test_raw_windows_by_labels():
    """Series come sorted by labels, and only those with a sample."""
    assert list(samples(at("x[30s]"))) == [f'x{{n="{name}"}}' for name in "abcd"]
    assert list(samples(at("x[30s]", 2))) == [f'x{{n="{name}"}}' for name in "acd"]
    assert list(samples(at("x[30s]", 4))) == [f'x{{n="{name}"}}' for name in "acd"]  # b is stale
    assert at("x[1m]", 20) == InstantAnswer("matrix", 20 * MINUTE)
    renamed = "label_replace(x, 'n', 'z', 'n', 'a')[1m:1m]"
    assert list(samples(at(renamed))) == [f'x{{n="{name}"}}' for name in "bcdz"]
    assert samples(at("(-x)[1m:1m]")).keys() == {f'{{n="{name}"}}' for name in "abcd"}


def test_raw_windows_keep_bits():
    """An ordinary NaN is a sample like any other."""
    (one,) = at("x{n='c'}[2m]").series
    assert one.times.tolist() == [120_000, 180_000]
    assert one.values[0] == 7.0 and math.isnan(one.values[1])


def test_names_that_go_late_join_windows():
    """With names removed at the end, windows that become equal join, unless they overlap."""
    series = load("1m", "p _ _ _ 4", "q 1 2 _ _")
    ranges = '(-{__name__=~"p|q"})[2m:1m]'
    (one,) = instant_query(
        ranges, select_from(series), 3 * MINUTE, lookback_ms=MINUTE, delayed_names=True
    ).series
    assert (one.labels, one.times.tolist()) == ((), [180_000])
    answer = instant_query(
        '(-{__name__=~"p|q"})[4m:1m]',
        select_from(series),
        3 * MINUTE,
        lookback_ms=MINUTE,
        delayed_names=True,
    )
    assert samples(answer) == {"{}": [(0, -1), (1, -2), (3, -4)]}
    with pytest.raises(BadInput, match="same labelset"):
        instant_query(
            ranges, select_from(series), 3 * MINUTE, lookback_ms=3 * MINUTE, delayed_names=True
        )


def test_options_matter():
    """Lookback, subquery step and semantics are those that are asked for."""
    assert at("x", 8.5).series
    assert not at("x", 8.5, lookback_ms=4 * MINUTE).series
    assert len(at("x{n='a'}[2m:]", subquery_step_ms=30_000).series[0].times) == 4
    with pytest.raises(UnsupportedPromQL, match="does not exist in Prometheus 2"):
        at("first_over_time(x[5m])", semantics=2)
    with pytest.raises(BadInput, match="semantics must be 2 or 3"):
        at("x", semantics=1)


def test_errors_name_the_expression():
    """What cannot be evaluated is told with the expression."""
    with pytest.raises(BadInput, match=r"'abs\(\{__name__=~\"p\|q\"\}\)' cannot be evaluated: "):
        instant_query('abs({__name__=~"p|q"})', select_from(load("1m", "p 1", "q 1")), 0)


@pytest.mark.parametrize(
    "expr", ["x", "sum(x)", "rate(x[3m])", "x > 3", "topk(2, x)", "time()", "absent(x{n='z'})"]
)
def test_agrees_with_a_range_query(expr: str):
    """An instant query is a range query of one step, but for the order."""
    answer = at(expr)
    frame = evaluate(expr, select_from(SERIES), np.array([3 * MINUTE]))
    found = {labels: [value for _, value in points] for labels, points in samples(answer).items()}
    np.testing.assert_equal(found, table(frame))
