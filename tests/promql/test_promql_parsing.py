"""What is parsed, what is refused, and in which words."""

from __future__ import annotations

import pytest

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.promql import Matcher, parse, parse_selector
from alertlab.promql.parsing import at_ms, duration_ms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("up", [("__name__", "=", "up")]),
        ('up{job="x"}', [("__name__", "=", "up"), ("job", "=", "x")]),
        ('{job!~"x|y",a="b"}', [("job", "!~", "x|y"), ("a", "=", "b")]),
        ('{"my.name", a=~"b"}', [("__name__", "=", "my.name"), ("a", "=~", "b")]),
        ('x{a=~`\\d+"`}', [("__name__", "=", "x"), ("a", "=~", '\\d+"')]),
        ("x{a='`'} # `", [("__name__", "=", "x"), ("a", "=", "`")]),
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
    ("expr", "sentence"),
    [
        ("sum(", "'sum\\(' is not a PromQL expression: unclosed left parenthesis"),
        ("nosuch(x)", "unknown function"),
        ('x{a="1" or b="2"}', "joins label matchers by 'or'"),
        ("x[0s]", "duration must be greater than 0"),
        ("{}", "at least one non-empty matcher"),
        ('x{a=~"b++"}', "possessive"),
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
        ("x @ -1", "@ with a time before 1970"),
        ("max_over_time(x[5m:1m] @ -1)", "@ with a time before 1970"),
        ("rate(x[5m] anchored)", "anchored"),
        ("rate(x[5m] smoothed)", "smoothed"),
        ("x </ 5", "</"),
        ("rate(x[5m+1m])", "duration arithmetic"),
        ("x offset (1m)", "duration arithmetic"),
        ("x offset 0s", "offset 0s"),
        ("1_000", "digit separators"),
        (r'x{a="\xff"}', "byte above"),
        (r'x{a=~"\\pL"}', r"\\p"),
    ],
)
def test_refused_by_name(expr: str, name: str):
    """PromQL that is not evaluated is refused by name."""
    with pytest.raises(UnsupportedPromQL, match=name):
        parse(expr)


@pytest.mark.parametrize(
    "expr",
    [r'x{a="\\xff"}', r"x{a=~`\xff`}", 'x{a="[1+2]"} + 1', "x{a='info('}", 'x{a="anchored"}'],
)
def test_not_refused(expr: str):
    """Words inside strings are no syntax."""
    parse(expr)
