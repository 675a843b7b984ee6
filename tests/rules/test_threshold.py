"""The number a rule compares with: found where it is, refused where it cannot be located."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertlab.errors import BadInput
from alertlab.promql import parse
from alertlab.rules import (
    RuleChange,
    changed_expr,
    counter_selectors,
    find_threshold,
    find_windows,
    window_ms_of,
    with_window,
)
from alertlab.units import MINUTE_MS


@pytest.mark.parametrize(
    ("expr", "lhs", "op", "value"),
    [
        ("foo > 5", "foo", ">", 5),
        ("foo>=5", "foo", ">=", 5),
        ("foo < 0.30", "foo", "<", 0.3),
        ("foo <= .5", "foo", "<=", 0.5),
        ("5 < foo", "foo", ">", 5),
        ("5 <= foo", "foo", ">=", 5),
        ("5 > foo", "foo", "<", 5),
        ("-5 >= foo", "foo", "<=", -5),
        ("foo > -1.5e-3", "foo", ">", -0.0015),
        ("foo > +5", "foo", ">", 5),
        ("foo > 5.", "foo", ">", 5),
        ("(foo > 5)", "foo", ">", 5),
        ("((5 < (foo)))", "(foo)", ">", 5),
        ("foo\n  > 5\n", "foo", ">", 5),
        ("a > 1 > 2", "a > 1", ">", 2),
        ('foo{a="> 5"} > 6', 'foo{a="> 5"}', ">", 6),
        ("foo # > 4\n > 5", "foo", ">", 5),
        ("sum by (a) (rate(x[5m] offset 1h)) / 2 > 7", None, ">", 7),
        ("time() - x > 3600", "time() - x", ">", 3600),
    ],
)
def test_thresholds_that_are_found(expr: str, lhs: str | None, op: str, value: float) -> None:
    """Left or right, in parentheses, signed, on several lines; the place is the number's own."""
    found = find_threshold(expr)
    assert (found.op, found.value) == (op, value)
    assert lhs is None or found.lhs == lhs
    assert float(expr[found.start : found.end]) == value
    assert (found.rising, found.strict) == (op[0] == ">", len(op) == 1)


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ("foo", "its outermost part is no comparison"),
        ("up == 0", "its outermost part is no comparison"),
        ("foo > 5 and bar", "its outermost part is no comparison"),
        ("foo > 5 or vector(1)", "its outermost part is no comparison"),
        ("absent(foo > 5)", "its outermost part is no comparison"),
        ("foo > bar", "it does not compare with a number"),
        ("foo > 5 * 2", "it does not compare with a number"),
        ("foo > scalar(bar)", "it does not compare with a number"),
        ("foo > bool 5", "remove bool"),
        ("1 > bool 2", "remove bool"),
        ("foo > 0x1F", "cannot be located in its text"),
        ("foo > Inf", "cannot be located in its text"),
        ("foo > 5 # pages if > 5", "cannot be located in its text"),
        ("# 5 < 6\n5 < foo", "cannot be located in its text"),
        ("foo >", "is not a PromQL expression"),
    ],
)
def test_thresholds_that_are_refused(expr: str, reason: str) -> None:
    """Nothing is guessed: a number in a comment is not the threshold."""
    with pytest.raises(BadInput, match=re.escape(reason)):
        find_threshold(expr)


LHS = st.sampled_from(["foo", 'x{a="> 3", b=~"[5m]"}', "sum(rate(x[5m])) by (a)", "(a - b)"])
NUMBER = st.integers(-(10**6), 10**6).map(lambda n: n / 64)


@given(LHS, st.sampled_from([">", ">=", "<", "<="]), NUMBER, NUMBER, st.booleans(), st.booleans())
def test_a_changed_threshold_is_the_only_change(
    lhs: str, op: str, old: float, new: float, turned: bool, in_parentheses: bool
) -> None:
    """After the edit the same rule compares with the new number, and nothing else moved."""
    expr = f"{old:g} {op} {lhs}" if turned else f"{lhs} {op} {old:g}"
    expr = f"( {expr} )" if in_parentheses else expr
    before = find_threshold(expr)
    edited = changed_expr(expr, RuleChange(threshold=new))
    after = find_threshold(edited)
    assert (after.lhs, after.op) == (before.lhs, before.op)
    assert after.value == pytest.approx(new, rel=1e-11)
    assert edited[: before.start] == expr[: before.start]
    assert edited.removeprefix(edited[: after.end]) == expr[before.end :]


@pytest.mark.parametrize(
    ("expr", "windows", "one_ms"),
    [
        ("foo", [], None),
        ("rate(x[5m])", ["5m"], 5 * MINUTE_MS),
        ("rate(x[ 5m ])", ["5m"], 5 * MINUTE_MS),
        ("rate(x[300])", ["300"], 5 * MINUTE_MS),
        ("rate(x[5m]) / rate(y[5m])", ["5m"], 5 * MINUTE_MS),
        ("rate(x[5m]) / rate(y[300s])", ["5m", "300s"], 5 * MINUTE_MS),
        ("rate(x[5m]) / rate(y[1h])", ["5m", "1h"], None),
        ("max_over_time(rate(x[5m])[1h:1m])", ["5m"], 5 * MINUTE_MS),
        ("""rate(x{a="[1m]", b='[2m]', c=`[3m]`}[5m])""", ["5m"], 5 * MINUTE_MS),
        ("rate(x[5m]) # see [9m]", ["5m"], 5 * MINUTE_MS),
    ],
)
def test_windows(expr: str, windows: list[str], one_ms: int | None) -> None:
    """Range selectors only: not subqueries, not text in quotes, not comments."""
    assert find_windows(expr) == windows
    assert window_ms_of(expr) == one_ms


def test_a_window_is_replaced_everywhere_but_in_text() -> None:
    """Every range selector moves together, so that a ratio stays one."""
    expr = 'rate(x{a="[5m]"}[5m]) / rate(y[ 5m ]) > 1 # [5m]'
    assert with_window(expr, 90_000) == 'rate(x{a="[5m]"}[1m30s]) / rate(y[1m30s]) > 1 # [5m]'
    assert with_window("foo > 1", 90_000) == "foo > 1"


def test_a_change_sets_expression_then_threshold_then_window() -> None:
    """A new reading of the rule gets the new numbers."""
    change = RuleChange(expr="sum(increase(x[5m])) > 5", threshold=40, window_ms=10 * MINUTE_MS)
    assert changed_expr("rate(x[5m]) > 5", change) == "sum(increase(x[10m])) > 40"
    assert changed_expr("rate(x[5m]) > 5", RuleChange()) == "rate(x[5m]) > 5"


@pytest.mark.parametrize(("threshold", "text"), [(0.1 + 0.2, "0.3"), (1e6, "1000000"), (-2, "-2")])
def test_thresholds_are_written_as_people_do(threshold: float, text: str) -> None:
    """No binary rest, no exponent where none is needed."""
    assert changed_expr("foo > 5", RuleChange(threshold=threshold)) == f"foo > {text}"


def test_counters_of_an_expression() -> None:
    """What rate, irate and increase read, each once; gauges are not counters."""
    expr = 'sum(rate(a{x="y"}[5m])) / sum(rate(b[1m])) + increase(b[5m]) + irate(c[1m]) > avg(d)'
    assert counter_selectors(expr) == ['a{x="y"}', "b", "c"]
    assert all(parse(one) is not None for one in counter_selectors(expr))
