"""Functions of single values, of time, and of labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from promql_helpers import ask, load, steps

from alertlab.errors import BadInput

NAN, INF = math.nan, math.inf
SERIES = load("1m", "x{a='b'} 2.5 -2.5 NaN Inf", "y{a='1', c='u'} 1 2", "y{a='2', c='u'} 3")


def values(expr: str, series=SERIES, times=("0", "1m", "2m", "3m"), **options) -> list:
    """The only row of the result."""
    (row,) = ask(expr, series, steps(*times), **options).values()
    return row


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("abs(x)", [2.5, 2.5, NAN, INF]),
        ("ceil(x)", [3, -2, NAN, INF]),
        ("floor(x)", [2, -3, NAN, INF]),
        ("round(x)", [3, -2, NAN, INF]),  # ties go up
        ("round(x, 2)", [2, -2, NAN, INF]),
        ("sgn(x)", [1, -1, NAN, 1]),
        ("sqrt(x)", [math.sqrt(2.5), NAN, NAN, INF]),
        ("clamp(x, -1, 1)", [1, -1, NAN, 1]),
        ("clamp_min(x, 0)", [2.5, 0, NAN, INF]),
        ("clamp_max(x, 0)", [0, -2.5, NAN, 0]),
        ("exp(x - x)", [1, 1, NAN, NAN]),
        ("deg(x * 0 + pi())", [180, 180, NAN, NAN]),
        ("rad(x * 0 + 180)", [math.pi, math.pi, NAN, NAN]),
        ("-x", [-2.5, 2.5, NAN, -INF]),
        ("time()", [0, 60, 120, 180]),
        ("vector(time())", [0, 60, 120, 180]),
        ("timestamp(x)", [0, 60, 120, 180]),
        ("timestamp(x offset 1m)", [None, 0, 60, 120]),  # the sample's own time
        ("timestamp((x offset 1m))", [None, 0, 60, 120]),
        ("timestamp(-x offset 1m)", [None, 60, 120, 180]),  # the step's
        ("timestamp(x @ 70)", [60, 60, 60, 60]),
        ("scalar(x)", [2.5, -2.5, NAN, INF]),
        ("scalar(y)", [NAN, NAN, NAN, NAN]),  # two elements are not one
        ("vector(7)", [7, 7, 7, 7]),
        ("5", [5, 5, 5, 5]),
        ("absent(nothing{a='b'})", [1, 1, 1, 1]),
        ("sum(absent_over_time(x[30s] offset -5m))", [1, 1, 1, 1]),
    ],
)
def test_values(expr: str, expected: list):
    """Values at four steps."""
    wanted = [NAN if v is None else v for v in expected]
    got = values(expr)
    assert [v is None for v in got] == [v is None for v in expected]
    np.testing.assert_allclose([NAN if v is None else v for v in got], wanted, rtol=1e-15)


def test_clamp_with_crossed_limits_is_empty():
    """clamp gives nothing where the upper limit is below the lower one."""
    assert ask("clamp(x, 1, 0)", SERIES, steps("0")) == {}
    assert ask("clamp(x, time(), 60)", SERIES, steps("0", "2m"))['{a="b"}'] == [2.5, None]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("clamp(x, Inf, NaN)", INF),  # to Go the larger of +Inf and NaN is +Inf
        ("clamp(x, NaN, -Inf)", NAN),
        ("clamp_max(x, NaN)", NAN),
        ("clamp_max(x, -Inf)", -INF),
        ("1 / clamp_min(x * -0, 0)", INF),  # 0 is larger than -0
        ("1 / clamp_min(x * 0, -0)", INF),
        ("1 / clamp_max(x * 0, -0)", -INF),
        ("1 / clamp_max(x * -0, 0)", -INF),
        ("cosh(x * 284)", INF),  # exp(710) is too large, its half were not
        ("sinh(x * -284)", -INF),
        ("sinh(x * -10) / scalar(exp(vector(25)))", -0.5),
        ("cosh(x * -10) / scalar(exp(vector(25)))", 0.5),
    ],
)
def test_the_go_way(expr: str, expected: float):
    """Infinities, zeros and overflow come out as in Go's math package."""
    (got, *_) = values(expr)
    np.testing.assert_equal(got, expected)


@pytest.mark.parametrize(("function", "before"), [("rad", INF), ("deg", INF)])
def test_ratios_that_overflow(function: str, before: float):
    """Before 3.16 the product came first."""
    expr = f"{function}(x * 0 + 1e308)"
    assert values(expr, semantics=2)[0] == before
    ratio = math.pi / 180 if function == "rad" else 180 / math.pi
    assert values(expr)[0] == 1e308 * ratio


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("minute", [0, 59, 30, 59, 0]),
        ("hour", [0, 23, 12, 23, 0]),
        ("day_of_week", [4, 3, 4, 4, 2]),
        ("day_of_month", [1, 31, 29, 31, 1]),
        ("day_of_year", [1, 365, 60, 366, 60]),
        ("days_in_month", [31, 31, 29, 31, 31]),
        ("month", [1, 12, 2, 12, 3]),
        ("year", [1970, 1969, 2024, 2020, 2022]),
    ],
)
def test_calendar(function: str, expected: list):
    """Parts of dates in UTC; fractions of a second are cut off towards zero."""
    moments = "0 -1.5 1709209800 1609459199.9 1646092800"
    assert (
        values(f"{function}(x)", load("1m", f"x{{}} {moments}"), ("0", "1m", "2m", "3m", "4m"))
        == expected
    )
    assert values(f"{function}(vector(time()))") == values(f"{function}()")
    assert ask(f"{function}(nothing)", SERIES, steps("0")) == {}


def test_calendar_of_no_date():
    """NaN and what no int64 holds are the wrapped-round last second, as on amd64."""
    series = load("1m", "x{} NaN Inf -1e30")
    for function, expected in (("year", 292277026596.0), ("minute", 30.0), ("day_of_month", 4.0)):
        assert values(f"{function}(x)", series, ("0", "1m", "2m")) == [expected] * 3


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ('nothing{job="a", x="b"}', '{job="a", x="b"}'),
        ('nothing{job="a", job="b", y="c"}', '{y="c"}'),
        ('nothing{job="a", job=~"b"}', "{}"),
        ('nothing{job=~"a", y="c"}', '{y="c"}'),
        ('nothing{job=~"a", job="a"}', '{job="a"}'),
        ("sum(nothing{job='a'})", "{}"),
        ('(nothing{job="a"})', '{job="a"}'),
    ],
)
def test_absent_labels(argument: str, expected: str):
    """absent() takes the labels that the selector pins down by one equality."""
    assert ask(f"absent({argument})", SERIES, steps("0")) == {expected: [1.0]}


def test_absent_labels_by_version():
    """What takes series away comes last in 3.x, and metadata labels do not count."""
    argument = 'nothing{job!="a", job="b", __type__="counter"}'
    assert ask(f"absent({argument})", SERIES, steps("0")) == {"{}": [1.0]}
    assert ask(f"absent({argument})", SERIES, steps("0"), semantics=2) == {
        '{__type__="counter", job="b"}': [1.0]
    }


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("x @ 179 offset 100s", None),  # at 79s, 60s was read; that is too old for 179s
        ("x @ 90 offset 30s", 60),
        ("x @ 110 offset -20s", 60),  # 120s was read, but lies behind 110s
    ],
)
def test_timestamp_forgets_the_offset_of_a_fixed_time(selector: str, expected: float | None):
    """With @ and an offset ``timestamp`` sees what both of them see."""
    for semantics in (2, 3):
        got = ask(f"timestamp({selector})", SERIES, steps("0"), lookback_ms=90_000,
                  semantics=semantics)  # fmt: skip
        assert got == ({} if expected is None else {'{a="b"}': [expected]})


def test_absent_is_decided_per_step():
    """absent() is there exactly at the steps where nothing is."""
    series = load("1m", "x{a='1'} 1 _ stale 4", "x{a='2'} _ 2 stale _")
    times = steps("0", "1m", "2m", "3m")
    assert ask("absent(x)", series, times) == {"{}": [None, None, 1.0, None]}
    # windows (-30s, 0], (30s, 60s], ...: markers are no samples
    assert ask("absent_over_time(x[30s])", series, times) == {"{}": [None, None, 1.0, None]}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('"new", "$1-$2", "src", "(.)(.)"', 'x{new="a-b", src="ab"}'),
        ('"new", "${1}x", "src", "(.)."', 'x{new="ax", src="ab"}'),
        ('"new", "$1x", "src", "(.)."', 'x{src="ab"}'),  # no group is called 1x
        ('"new", "$name$$", "src", "(?P<name>.)."', 'x{new="a$", src="ab"}'),
        ('"new", "v", "src", "a"', 'x{src="ab"}'),  # the whole value must match
        ('"new", "v", "missing", ""', 'x{new="v", src="ab"}'),
        ('"src", "", "src", ".*"', "x{}"),
        ('"__name__", "y", "src", ".*"', 'y{src="ab"}'),
    ],
)
def test_label_replace(arguments: str, expected: str):
    """Groups are expanded as Go does; empty values delete the label."""
    result = ask(f"label_replace(x, {arguments})", load("1m", "x{src='ab'} 1"), steps("0"))
    assert result == {expected.replace("x{}", "x"): [1.0]}


def test_label_join():
    """Values are joined in the order given; missing labels are empty."""
    series = load("1m", "x{a='1', b='2'} 1")
    assert ask('label_join(x, "c", "-", "b", "no", "a")', series, steps("0")) == {
        'x{a="1", b="2", c="2--1"}': [1.0]
    }
    assert ask('label_join(x, "a", "-")', series, steps("0")) == {'x{b="2"}': [1.0]}


def test_bad_label_names():
    """2.x wants classic label names, 3.x any that is not empty."""
    series = load("1m", "x{a='1'} 1")
    with pytest.raises(BadInput, match="invalid destination label name"):
        ask('label_replace(x, "a-b", "v", "a", ".*")', series, steps("0"), semantics=2)
    assert ask('label_replace(x, "a-b", "v", "a", ".*")', series, steps("0")) == {
        'x{a="1", a-b="v"}': [1.0]
    }
    with pytest.raises(BadInput, match="invalid destination label name"):
        ask('label_join(x, "", "-", "a")', series, steps("0"))


def test_labels_that_become_equal():
    """Two series that become one are an error only where both exist."""
    series = load("1m", "x{a='1'} 1 _ 3", "x{a='2'} _ 2 _")
    expr = 'label_replace(x, "a", "", "a", ".*")'
    times = steps("0", "1m", "2m")
    assert ask(expr, series, times, lookback_ms=30_000) == {"x": [1.0, 2.0, 3.0]}
    with pytest.raises(BadInput, match=r"same labelset \(at 1970-01-01T00:01:00Z\)"):
        ask(expr, series, times)
