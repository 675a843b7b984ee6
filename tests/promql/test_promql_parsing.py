"""What is parsed, what is refused, and in which words."""

from __future__ import annotations

import pytest

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.promql import Matcher, parse, parse_selector
from alertlab.promql.parsing import at_ms, duration_ms, selector_matchers, string_value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("up", [("__name__", "=", "up")]),
        ('up{job="x"}', [("__name__", "=", "up"), ("job", "=", "x")]),
        ('{job!~"x|y",a="b"}', [("job", "!~", "x|y"), ("a", "=", "b")]),
        ('{"my.name", a=~"b"}', [("__name__", "=", "my.name"), ("a", "=~", "b")]),
        ('x{a=~`\\d+"`}', [("__name__", "=", "x"), ("a", "=~", '\\d+"')]),
        ("x{a='`'} # `", [("__name__", "=", "x"), ("a", "=", "`")]),
        (r'x{a="\xec\x9d\xb8"}', [("__name__", "=", "x"), ("a", "=", "인")]),
        (r'{"x",a!="\xff"}', [("__name__", "=", "x"), ("a", "!=", "\udcff")]),
    ],
)
def test_parse_selector(text: str, expected: list):
    """A selector's matchers come in its own order, its name first."""
    assert parse_selector(text) == tuple(Matcher(*one) for one in expected)


@pytest.mark.parametrize("text", ["up offset 5m", "up[5m]", "sum(up)", "1", "up @ 5"])
def test_parse_selector_refuses(text: str):
    """Anything but a bare selector is bad input."""
    with pytest.raises(BadInput, match="not a bare series selector"):
        parse_selector(text)


def test_durations_and_times():
    """Durations are whole milliseconds, @ times rounded to them."""
    node = parse("max_over_time(x[1001ms] @ 10.1234 offset -1m)").args[0]
    assert duration_ms(node.range) == 1001
    assert duration_ms(node.vector_selector.offset) == -60_000
    assert at_ms(node.vector_selector, 5, 9) == 10_123
    assert at_ms(parse("x @ start()"), 5, 9) == 5
    assert at_ms(parse("x @ end()"), 5, 9) == 9


@pytest.mark.parametrize(
    ("expr", "expected_ms"),
    [
        ("x @ -1", -1000),
        ("x @ -0.0015 offset 5s", -5002),
        ("x offset 5s @ - 1e1", -15_000),
        ("x offset -2m@-0x10", 104_000),
        ("x offset 1h30m @ -1 # offset 5m", -5_401_000),
        ("x offset 2.5 @ -1", -3500),
        ("x @ -0", 0),
        ("x @ -3 offset -3s", 0),
        ("x @ 3 offset 3s", 0),
        ("x{a='offset 5m @ -1'} @ -7", -7000),
        ("-x @ -7 + 5", -7000),
    ],
)
def test_times_before_1970(expr: str, expected_ms: int):
    """A negative @ looks at the same time as an offset from 1970, which the parser can say."""
    node = parse(expr)
    while not hasattr(node, "at"):
        node = node.lhs if hasattr(node, "lhs") else node.expr
    assert at_ms(node, 5, 9) - duration_ms(node.offset) == expected_ms


def test_windows_before_1970():
    """Range selectors and subqueries may look there, too."""
    node = parse("max_over_time(x[5m] @ -1) + max_over_time((x @ -2)[5m:1m] offset 1s @ -3)")
    window, subquery = node.lhs.args[0], node.rhs.args[0]
    assert at_ms(window.vector_selector, 5, 9) - duration_ms(window.vector_selector.offset) == -1000
    assert at_ms(subquery, 5, 9) - duration_ms(subquery.offset) == -4000
    assert duration_ms(subquery.expr.expr.offset) == 2000


def test_offset_given_twice():
    """The parser's words for what Prometheus refuses, too."""
    with pytest.raises(BadInput, match="offset may not be set multiple times"):
        parse("x offset 1s @ -1 offset 2s")


def test_bytes_in_strings():
    """A string literal keeps bytes that are no UTF-8."""
    assert string_value(parse(r'"a\xc5z"')) == "a\udcc5z"


def test_dot_in_semantics_2():
    """Before 3.0 a dot in a matcher matches no newline."""
    (_, matcher) = selector_matchers(parse('x{a=~"b.c"}'), semantics=2)
    assert matcher.matches("b-c") and not matcher.matches("b\nc")
    (_, matcher) = selector_matchers(parse('x{a=~"b.c"}'), semantics=3)
    assert matcher.matches("b\nc")


@pytest.mark.parametrize(
    ("expr", "sentence"),
    [
        ("sum(", "'sum\\(' is not a PromQL expression: unclosed left parenthesis"),
        ("nosuch(x)", "unknown function"),
        ('x{a="1" or b="2"}', "joins label matchers by 'or'"),
        ("x[0s]", "duration must be greater than 0"),
        ("{}", "at least one non-empty matcher"),
        ('x{a=~"b++"}', "bad repetition operator"),
        (r'x{a=~"\xff"}', "invalid UTF-8"),
        (r'sum by ("\xff") (x)', r'invalid label name for grouping: "\\xff"'),
        (r'x + on ("\xff") y', "invalid label name for grouping"),
        (r'x + ignoring (a) group_left ("\xff") y', "invalid label name for grouping"),
        (r'"\e"', "unknown escape sequence"),
        ("x @ -Inf", "timestamp out of bounds"),
        ("x @ -1e306", "timestamp out of bounds"),
        ("x[1e400]", "value is either too big or NaN"),
        ("x offset 1e400 @ -1", "value is either too big or NaN"),
    ],
)
def test_bad_expressions(expr: str, sentence: str):
    """What is not PromQL is bad input, in the parser's words."""
    with pytest.raises(BadInput, match=sentence) as caught:
        parse(expr)
    assert not isinstance(caught.value, UnsupportedPromQL)


@pytest.mark.parametrize(
    ("expr", "name"),
    [
        ("info(x)", r"info\(\)"),
        ("1 + sum(limitk(1, x))", r"limitk\(\)"),
        ("limit_ratio(0.5, x)", r"limit_ratio\(\)"),
        ('sort_by_label(x, "a")', r"sort_by_label\(\)"),
        ("histogram_count(x)", r"histogram_count\(\)"),
        ("x + fill(0) y", r"fill\(\)"),
        ("x @ 1e12", "@ with a time after the year 9999"),
        ("max_over_time(x[5m:1m] @ 1e12)", "@ with a time after the year 9999"),
        ("rate(x[5m] anchored)", "anchored"),
        ("rate(x[5m] smoothed)", "smoothed"),
        ("x </ 5", "</"),
        ("rate(x[5m+1m])", "duration arithmetic"),
        ("x offset (1m)", "duration arithmetic"),
        ("x offset 0s", "offset 0s"),
        ("1_000", "digit separators"),
        ('x{a="\U0010ffc5"}', "last private characters"),
    ],
)
def test_refused_by_name(expr: str, name: str):
    """PromQL that is not evaluated is refused by name."""
    with pytest.raises(UnsupportedPromQL, match=name):
        parse(expr)


@pytest.mark.parametrize(
    "expr",
    [
        r'x{a="\\xff"}',
        r"x{a=~`\pL\z`}",
        'x{a=~"(?U)b+"}',
        'x{a="[1+2]"} + 1',
        "x{a='info('}",
        'x{a="anchored"}',
    ],
)
def test_not_refused(expr: str):
    """Words inside strings are no syntax."""
    parse(expr)
