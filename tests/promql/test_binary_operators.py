"""Operators and vector matching: values, labels, presence, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from promql_helpers import ask, load, steps

from alertlab.errors import BadInput

NAN, INF = math.nan, math.inf
TIMES = steps("0", "1m")
SERIES = load(
    "1m",
    "errors{instance='a', code='500'} 1 2",
    "errors{instance='a', code='404'} 3 _",
    "errors{instance='b', code='500'} 5 6",
    "requests{instance='a'} 10 20",
    "requests{instance='b'} 50 _",
    "requests{instance='c'} 7 7",
    "info{instance='a', version='v1', zone='z'} 1 1",
    "info{instance='b', version='v2'} 1 1",
)


def result(expr: str, **options) -> dict:
    return ask(expr, SERIES, TIMES, lookback_ms=30_000, **options)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("1 + 2 * 3 ^ 2", 19),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("1 / 0", INF),
        ("-1 / 0", -INF),
        ("0 / 0", NAN),
        ("1 % 0", NAN),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("1 atan2 1", math.pi / 4),
        ("1 == bool 1", 1),
        ("1 > bool 2", 0),
        ("NaN == bool NaN", 0),
        ("NaN != bool NaN", 1),
        ("2 <= bool 2", 1),
        ("2 < bool 2", 0),
        ("3 >= bool 2", 1),
    ],
)
def test_scalars(expr: str, expected: float):
    """Arithmetic and comparisons between scalars are IEEE's and C's."""
    np.testing.assert_equal(result(expr), {"{}": [expected] * 2})


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("requests{instance='a'} / 10", {'{instance="a"}': [1, 2]}),
        ("10 / requests{instance='a'}", {'{instance="a"}': [1, 0.5]}),
        ("requests > 10", {'requests{instance="a"}': [None, 20],
                           'requests{instance="b"}': [50, None]}),
        ("10 < requests", {'requests{instance="a"}': [None, 20],
                           'requests{instance="b"}': [50, None]}),
        ("requests > bool 10", {'{instance="a"}': [0, 1], '{instance="b"}': [1, None],
                                '{instance="c"}': [0, 0]}),
        ("requests == time() / 6 + 10", {'requests{instance="a"}': [10, 20]}),
    ],
)  # fmt: skip
def test_vector_and_scalar(expr: str, expected: dict):
    """Filters keep the element and its name; arithmetic and bool drop the name."""
    assert result(expr) == expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("requests / requests", {'{instance="a"}': [1, 1], '{instance="b"}': [1, None],
                                 '{instance="c"}': [1, 1]}),
        ("errors{code='500'} / on (instance) requests",
         {'{instance="a"}': [0.1, 0.1], '{instance="b"}': [0.1, None]}),
        ("errors{code='500'} / ignoring (code) requests",
         {'{instance="a"}': [0.1, 0.1], '{instance="b"}': [0.1, None]}),
        ("errors / ignoring (code) group_left requests",
         {'{code="500", instance="a"}': [0.1, 0.1], '{code="404", instance="a"}': [0.3, None],
          '{code="500", instance="b"}': [0.1, None]}),
        ("requests / on (instance) group_right errors{code='500'}",
         {'{code="500", instance="a"}': [10, 10], '{code="500", instance="b"}': [10, None]}),
        # labels taken over from the one side; those it lacks are deleted
        ("errors{code='500'} * on (instance) group_left (version, zone, code) info",
         {'{instance="a", version="v1", zone="z"}': [1, 2],
          '{instance="b", version="v2"}': [5, 6]}),
        # filters: on() keeps only the matching labels, the name goes
        ("requests > on (instance) errors{code='500'}",
         {'{instance="a"}': [10, 20], '{instance="b"}': [50, None]}),
        ("requests > ignoring (code) errors{code='500'}",
         {'requests{instance="a"}': [10, 20], 'requests{instance="b"}': [50, None]}),
        ("requests < bool on (instance) errors{code='500'}",
         {'{instance="a"}': [0, 0], '{instance="b"}': [0, None]}),
        # with group_right a filter gives the left value under the right side's labels
        ("requests > on (instance) group_right errors{code='404'}",
         {'errors{code="404", instance="a"}': [10, None]}),
        ("requests + nothing", {}),
        ("errors{code='500'} and on (instance) requests",
         {'errors{code="500", instance="a"}': [1, 2],
          'errors{code="500", instance="b"}': [5, None]}),
        ("errors{code='500'} unless on (instance) requests",
         {'errors{code="500", instance="b"}': [None, 6]}),
        ("requests{instance='b'} or errors{instance='b'}",
         {'requests{instance="b"}': [50, None], 'errors{code="500", instance="b"}': [5, 6]}),
        ("requests{instance='b'} or on (instance) errors{instance='b'}",
         {'requests{instance="b"}': [50, None], 'errors{code="500", instance="b"}': [None, 6]}),
        ("nothing or vector(1)", {"{}": [1, 1]}),
        ("requests{instance='b'} and on () vector(1)", {'requests{instance="b"}': [50, None]}),
        ("requests{instance='a'} unless vector(1)", {'requests{instance="a"}': [10, 20]}),
    ],
)  # fmt: skip
def test_vector_matching(expr: str, expected: dict):
    """Elements, labels and presence of every kind of matching."""
    got = result(expr)
    assert set(got) == set(expected)
    for labels, row in expected.items():
        assert got[labels] == [None if v is None else pytest.approx(v) for v in row]


@pytest.mark.parametrize(
    ("expr", "sentence"),
    [
        ("requests * on (instance) errors",
         r"found duplicate series for the match group \{instance=\"a\"\} on the right hand-side "
         r"of the operation: \[.*\"404\".*, .*\"500\".*\];many-to-many matching not allowed"),
        ("errors * on (instance) group_right requests", "on the left hand-side"),
        ("errors * on (instance) requests", "many-to-one matching must be explicit"),
        ("errors * ignoring (code) requests", "many-to-one matching must be explicit"),
        ("errors * on (instance) group_left (code) requests", "must ensure unique matches"),
        ("-{__name__=~'requests|info', instance='b'}", None),
        ("-{__name__=~'requests|other', instance='a'}", "same labelset"),
        ("{__name__=~'requests|other'} * 2", "same labelset"),
        ("rate({__name__=~'requests|other'}[5m])", "same labelset"),
    ],
)  # fmt: skip
def test_errors(expr: str, sentence: str | None):
    """Ambiguous matches and equal label sets are errors, in Prometheus' words."""
    series = [*SERIES, *load("1m", "other{instance='a'} 1 2")]
    if sentence is None:
        assert len(ask(expr, series, TIMES)) == 2
        return
    with pytest.raises(BadInput, match=sentence):
        ask(expr, series, TIMES)


def test_ambiguity_is_decided_per_step():
    """Series that never meet may share a key; at the step where they meet it is an error."""
    series = load("1m", "one{n='1'} 1 _ 3", "one{n='2'} _ 2 3", "many{} 10 20 _")
    expr = "many + on () one"
    assert ask(expr, series, steps("0", "1m", "2m"), lookback_ms=30_000) == {"{}": [11, 22, None]}
    series += load("1m", "many{} _ _ 30")
    with pytest.raises(BadInput, match="at 1970-01-01T00:02:00Z"):
        ask(expr, series[:2] + load("1m", "many{} 1 2 3"), steps("0", "1m", "2m"),
            lookback_ms=30_000)  # fmt: skip


def test_filtered_pairs():
    """Before 3.9 a pair that the filter drops made no ambiguity."""
    series = load("1m", "many{n='1'} 1", "many{n='2'} 9", "one{} 5")
    assert ask("many > on () one", series, steps("0"), semantics=2) == {"{}": [9]}
    with pytest.raises(BadInput, match="many-to-one"):
        ask("many > on () one", series, steps("0"), semantics=3)


def test_disjoint_series_of_range_functions():
    """Rows that differ by name only were an error over the whole query, even if they never meet."""
    series = load("1m", "x{} 1 2 _ _ _ _", "y{} _ _ _ _ 5 6")
    times = steps("1m", "5m")
    expr = "count_over_time({__name__=~'x|y'}[1m30s])"
    assert ask(expr, series, times) == {"{}": [2, 2]}
    with pytest.raises(BadInput, match="same labelset"):
        ask(expr, series, times, semantics=2)
    assert ask("{__name__=~'x|y'} + 1", series, times, lookback_ms=60_000) == {"{}": [3, 7]}
    assert ask("-{__name__=~'x|y'}", series, times, lookback_ms=60_000) == {"{}": [-2, -6]}
    with pytest.raises(BadInput, match="same labelset"):
        ask("-{__name__=~'x|y'}", series, times, lookback_ms=59_000, semantics=2)


def test_atan2_and_the_name():
    """2.42 forgets to drop the name after atan2."""
    expr = "requests{instance='a'} atan2 requests"
    assert list(result(expr, semantics=2)) == ['requests{instance="a"}']
    assert list(result(expr, semantics=3)) == ['{instance="a"}']


def test_type_and_unit_go_with_the_name():
    """From 3.5 on the metadata labels are dropped together with the name."""
    series = load("1m", "x{__type__='counter', __unit__='s', a='b'} 1")
    assert list(ask("x * 2", series, steps("0"), semantics=3)) == ['{a="b"}']
    kept = '{__type__="counter", __unit__="s", a="b"}'
    assert list(ask("x * 2", series, steps("0"), semantics=2)) == [kept]
