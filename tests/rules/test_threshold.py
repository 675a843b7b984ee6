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
    find_thresholds,
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
        ("foo > 5 # pages if > 6", "foo", ">", 5),
        ("# 5 < 6\n5 < foo", "foo", ">", 5),
        ("foo2 @ 10 > 3", "foo2 @ 10.000", ">", 3),
        ("rate(x9[5m] offset 2h) > 3", "rate(x9[5m] offset 2h)", ">", 3),
        ('foo{a="b  \\xff"} > 6', 'foo{a="b  \\xff"}', ">", 6),
        ("offset > 5", "offset", ">", 5),
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
    ("expr", "text", "value"),
    [
        ("foo > 5 * 60", "5 * 60", 300),
        ("foo > (5 * 60)", "5 * 60", 300),
        ("(5 + 1) * 60 < foo", "(5 + 1) * 60", 360),
        ("foo > -(5 * 60)", "-(5 * 60)", -300),
        ("foo > 2 ^ 3 ^ 2", "2 ^ 3 ^ 2", 512),
        ("foo > -2 ^ 2", "-2 ^ 2", -4),
        ("foo > - 5", "- 5", -5),
        ("foo > 0x1F", "0x1F", 31),
        ("foo > 1h30m", "1h30m", 5400),
        ("foo > 5 # five\n * 60", "5 # five\n * 60", 300),
        ("quantile(0.9, rate(x[5m])) > 10 % 4", "10 % 4", 2),
    ],
)
def test_constant_arithmetic_is_one_number(expr: str, text: str, value: float) -> None:
    """The place is all of it, so that another number can take it; hex and durations are read."""
    found = find_threshold(expr)
    assert (expr[found.start : found.end], found.value) == (text, value)
    assert find_threshold(changed_expr(expr, RuleChange(threshold=-1.5))).value == -1.5


@pytest.mark.parametrize(
    ("expr", "lhs", "op"),
    [
        ("-(foo > 5) * 100", "foo", ">"),
        ("foo > 5 and bar", "foo and bar", ">"),
        ("bar and on (a) (foo > 5)",
         "group without () (bar) * on (a) group_left () max by (a) (foo)", ">"),
        ("bar unless ignoring (a) foo >= 5",
         "group without () (bar) * ignoring (a) group_left () (max without (a) (foo) >= -Inf) "
         "or group without () (bar) * -Inf", "<"),
        ("foo < 5 or bar", "group without () (bar) * -Inf or foo", "<"),
        ("bar or on (a) foo > 5",
         "group without () (bar) * Inf or (foo unless on (a) bar)", ">"),
        ('count by ("a.b", c) (foo < 5)', 'min by ("a.b", c) (foo)', "<"),
        ("quantile(0.9, foo > 5)", "max(foo)", ">"),
        ("foo == bar > 5", "foo == bar", ">"),
        ("sort_desc(foo > 5) > time()", "foo > time()", ">"),
        ("absent(foo) or foo > 5", "group without () (absent(foo)) * Inf or foo", ">"),
        ("up == 1 and 5 < foo", "group without () (up == 1) * max without () (foo)", ">"),
    ],
)  # fmt: skip
def test_levels(expr: str, lhs: str, op: str) -> None:
    """What the number can be compared with instead; test_threshold_levels proves that it may."""
    found = find_threshold(expr)
    assert (found.lhs, found.op, found.monotone, found.why) == (lhs, op, True, "")
    assert found.is_plain == (found.lhs == found.compared)


@pytest.mark.parametrize(
    ("expr", "lhs", "why"),
    [
        ("up == 0", "up", "it compares by =="),
        ("0 != up", "up", "it compares by !="),
        ("foo > 0.9 * bar", "foo / bar", "the number stands in arithmetic"),
        ("foo * on (a) bar < 3 * baz", "(foo * on (a) bar) / baz", "in arithmetic"),
        ("baz * 3 < ignoring (b) group_left (c) foo",
         "foo / ignoring (b) group_left (c) baz", "in arithmetic"),
        ("foo > bar + 3", "foo - bar", "in arithmetic"),
        ("foo > bar - 3", "-(foo - bar)", "in arithmetic"),
        ("foo > 3 - bar", "foo + bar", "in arithmetic"),
        ("foo > 3 / bar", "foo * bar", "in arithmetic"),
        ("foo > bar / 3", "1 / (foo / bar)", "in arithmetic"),
        ("vector(scalar(foo) < bool 3 * scalar(bar)) == 1",
         "vector(scalar(foo) / scalar(bar))", "bool"),
        ("vector(scalar(foo) > bool 3) == 1", "vector(scalar(foo))", "bool"),
        ("absent(foo > 5)", "foo", "under absent()"),
        ("topk(3, foo > 5)", "foo", "under topk()"),
        ("sum(foo > bool 5) > bar", "foo", "compares with bool"),
        ("abs(foo > 5) > 3", "foo", "changed and compared again"),
        ("(foo > 5) / bar", "foo", "combined with other series"),
        ("(foo > 5) > bar", "foo", "combined with other series"),
        ("foo > 5 or on (a) bar", "foo", "other series stand in"),
        ("bar and on (__name__) (foo > 5)", "foo", "by their name"),
        ("sum by (__name__) (foo > 5)", "foo", "under sum()"),
        ("max_over_time((foo > 5)[1h:1m])", "foo", "in a subquery"),
        ("clamp_max(bar, scalar(foo > 5))", "foo", "under scalar()"),
    ],
)  # fmt: skip
def test_thresholds_without_a_level(expr: str, lhs: str, why: str) -> None:
    """They are found, too, and say why each number must be tried by itself."""
    found = next(one for one in find_thresholds(expr) if not one.monotone)
    assert (found.lhs, found.is_plain) == (lhs, False)
    assert why in found.why
    parse(found.lhs)


def test_several_thresholds_from_left_to_right() -> None:
    """All of them, wherever they stand; the outermost comparison is the rule's own."""
    expr = "(a > 1) * 2 and (sum by (c) (b == 3) < 4) unless 5 < d"
    assert [one.value for one in find_thresholds(expr)] == [1, 3, 4, 5]
    assert [find_threshold(expr, n).value for n in range(4)] == [1, 4, 5, 3]
    assert [find_threshold("a > 1 > 2", n).value for n in range(2)] == [2, 1]
    assert [find_threshold("up == 1 > 2 == 3", n).value for n in range(3)] == [3, 2, 1]
    assert [find_threshold("sum(a > bool 1) > 2", n).value for n in range(2)] == [2, 1]
    assert find_threshold("3 < (a > 5)", 1).lhs == "3 < a"
    with pytest.raises(BadInput, match="has 1 thresholds, numbered from 0; there is no 1"):
        find_threshold("a > 1", 1)
    with pytest.raises(BadInput, match="there is no -1"):
        find_threshold("a > 1", -1)


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ("foo", "it does not compare with a number"),
        ("foo > bar", "it does not compare with a number"),
        ("foo > scalar(bar)", "it does not compare with a number"),
        ("foo > Inf", "it does not compare with a number"),
        ("topk(3, foo) > on () bar", "it does not compare with a number"),
        ("absent(foo)", "it does not compare with a number"),
        ("foo > bool 5", "remove bool"),
        ("-(foo == bool 5)", "remove bool"),
        ("1 > bool 2", "remove bool"),
        ("offset - 5 > 3", "the threshold 3 cannot be located in the text"),
        ("foo >", "is not a PromQL expression"),
    ],
)
def test_expressions_without_a_threshold(expr: str, reason: str) -> None:
    """The parameter of a quantile is none, nor is what every value passes."""
    for find in (find_threshold, find_thresholds):
        with pytest.raises(BadInput, match=re.escape(reason)):
            find(expr)


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
