"""Aggregations: values, groups, presence, and what differs between the versions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from promql_helpers import ask, load, steps

from alertlab.errors import BadInput

NAN, INF = math.nan, math.inf


def over(op: str, *numbers: str, semantics: int = 3) -> float:
    """Aggregate one value each of several series."""
    series = load("1m", *(f"x{{n='{i:02}'}} {number}" for i, number in enumerate(numbers)))
    (row,) = ask(op.format("x"), series, steps("0"), semantics=semantics).values()
    return row[0]


@pytest.mark.parametrize(
    ("op", "numbers", "expected"),
    [
        ("sum({})", "1 2 4", 7),
        ("avg({})", "1 2 6", 3),
        ("min({})", "3 1 2", 1),
        ("max({})", "3 1 2", 3),
        ("count({})", "3 NaN 2", 3),
        ("group({})", "3 NaN 2", 1),
        ("stdvar({})", "0 2 4", 8 / 3),
        ("stddev({})", "0 2 4", math.sqrt(8 / 3)),
        ("quantile(0.5, {})", "4 1 3 2", 2.5),
        ("quantile(-1, {})", "4 1", -INF),
        ("quantile(NaN, {})", "4 1", NAN),
        ("quantile(0.5, {})", "NaN 1 2", 1),
        ("min({})", "NaN 2 1", 1),
        ("max({})", "1 NaN 2", 2),
        ("max({})", "NaN NaN", NAN),
        ("avg({})", "Inf 1 Inf", INF),
        ("avg({})", "Inf -Inf", NAN),
        ("avg({})", "1e308 1e308 1e308", 1e308),
        ("sum({})", "1 NaN", NAN),
        ("sum({})", "Inf 1", INF),
    ],
)
def test_values(op: str, numbers: str, expected: float):
    """Both versions agree on these."""
    for semantics in (2, 3):
        got = over(op, *numbers.split(), semantics=semantics)
        np.testing.assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("op", "numbers", "before", "now"),
    [
        ("sum({})", "1 1e100 1 -1e100", 0, 2),  # compensated since 2.54
        ("stdvar({})", "NaN", 0, NAN),
        ("stddev({})", "Inf", 0, NAN),
    ],
)
def test_versions(op: str, numbers: str, before: float, now: float):
    """What 2.42 computed differently."""
    np.testing.assert_equal(over(op, *numbers.split(), semantics=2), before)
    np.testing.assert_equal(over(op, *numbers.split(), semantics=3), now)


SERIES = load(
    "1m",
    "x{a='1', b='u'} 1 2 _",
    "x{a='1', b='v'} 10 _ _",
    "x{a='2', b='u'} 100 200 300",
    "x{b='w'} _ 7 _",
)
TIMES = steps("0", "1m", "2m")


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("sum(x)", {"{}": [111, 209, 300]}),
        (
            "sum by (a) (x)",
            {'{a="1"}': [11, 2, None], '{a="2"}': [100, 200, 300], "{}": [None, 7, None]},
        ),
        (
            "sum without (a) (x)",
            {
                '{b="u"}': [101, 202, 300],
                '{b="v"}': [10, None, None],
                '{b="w"}': [None, 7, None],
            },
        ),
        ("count by (__name__) (x)", {"x": [3, 3, 1]}),
        ("max without (a, b) (x)", {"{}": [100, 200, 300]}),
        (
            "topk(2, x)",
            {
                'x{a="1", b="v"}': [10, None, None],
                'x{a="2", b="u"}': [100, 200, 300],
                'x{b="w"}': [None, 7, None],
            },
        ),
        ("bottomk by (b) (1, x > 5)", {
            'x{a="1", b="v"}': [10, None, None],
            'x{a="2", b="u"}': [100, 200, 300],
            'x{b="w"}': [None, 7, None],
        }),
        ("topk(0, x)", {}),
        ("topk(time() / 60, x)", {
            'x{a="2", b="u"}': [None, 200, 300],
        }),
        ("quantile by (a) (time() / 60, x)", {
            '{a="1"}': [1, 2, None], '{a="2"}': [100, 200, INF], "{}": [None, 7, None],
        }),
        ("sum(nothing)", {}),
    ],
)  # fmt: skip
def test_groups(expr: str, expected: dict):
    """Groups, their labels, and at which steps they exist."""
    assert ask(expr, SERIES, TIMES, lookback_ms=30_000) == expected


def test_first_parameter_beside_what_never_changes():
    """Where @ fixes the operand, a server takes the parameter's first value for all steps."""
    series = load("1m", "x{n='a'} 1", "x{n='b'} 2", "x{n='c'} 3")
    times = steps("1m", "2m")
    assert ask("count(topk(time() / 60, x))", series, times) == {"{}": [1, 2]}
    assert ask("count(topk(time() / 60, x @ 0))", series, times) == {"{}": [1, 1]}
    # A subquery has a first step of its own: 1m, where the query's is 2m.
    inner = "count(topk(time() / 60, x @ 0))"
    both = f"{inner} + max_over_time({inner}[90s:1m])"
    assert ask(both, series, steps("2m", "3m")) == {"{}": [3, 3]}


def test_zeros_keep_their_sign():
    """A sum of 2.42 starts with its first value, be it -0; one of 3.x starts from 0."""
    for op in ("sum({})", "avg({})"):
        assert over(f"1 / {op}", "-0", semantics=2) == -INF
        assert over(f"1 / {op}", "-0", semantics=3) == INF


def test_without_and_the_metadata():
    """What goes with the name goes by ``without``, too."""
    series = load("1m", "x{a='1', b='2', __unit__='s'} 1")
    assert list(ask("sum without (a) (x)", series, steps("0"))) == ['{b="2"}']
    both = ['{__unit__="s", b="2"}']
    assert list(ask("sum without (a) (x)", series, steps("0"), semantics=2)) == both


def test_topk_ranks_nan_last():
    """NaN only fills up, in topk and in bottomk."""
    series = load("1m", "x{n='a'} NaN", "x{n='b'} 1", "x{n='c'} 2")
    assert set(ask("topk(2, x)", series, steps("0"))) == {'x{n="b"}', 'x{n="c"}'}
    assert set(ask("bottomk(2, x)", series, steps("0"))) == {'x{n="b"}', 'x{n="c"}'}
    assert len(ask("bottomk(3, x)", series, steps("0"))) == 3


def test_bad_k():
    """NaN and what no integer holds are no number of series, even if there are none."""
    with pytest.raises(BadInput, match="Parameter value is NaN"):
        ask("topk(NaN, nothing)", SERIES, TIMES)
    with pytest.raises(BadInput, match="overflows int64"):
        ask("bottomk(1e100, x)", SERIES, TIMES)


def test_count_values():
    """Values become labels, written as the shortest decimal; equal groups count together."""
    series = load(
        "1m", "x{a='1'} 6 6.5", "x{a='2'} 6 NaN", "x{a='3'} 1e21 Inf", "x{a='4'} 0.000001 _"
    )
    times = steps("0", "1m")
    assert ask('count_values("v", x)', series, times, lookback_ms=30_000) == {
        '{v="6"}': [2, None],
        '{v="6.5"}': [None, 1],
        '{v="NaN"}': [None, 1],
        '{v="1000000000000000000000"}': [1, None],
        '{v="+Inf"}': [None, 1],
        '{v="0.000001"}': [1, None],
    }
    # the new label replaces one that the group has, or goes with it
    assert ask('count_values by (a) ("a", x)', series, steps("0"))['{a="6"}'] == [2]
    assert ask('count_values without (a) ("a", x)', series, steps("0")) == {"{}": [4]}


def test_summed_in_label_order():
    """Before compensation the order of summation decides: it is that of the labels."""
    forward = load("1m", "x{n='1'} 1", "x{n='2'} 1e16", "x{n='3'} -1e16")
    backward = forward[::-1]
    for series in (forward, backward):
        assert ask("sum(x)", series, steps("0"), semantics=2) == {"{}": [0.0]}
    assert (-1e16 + 1e16) + 1.0 == 1.0  # what the other order would give
