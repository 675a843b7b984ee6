"""label_replace, label_join and the labels of absent: templates, bytes, and both versions."""

from __future__ import annotations

import pytest
from promql_helpers import ask, load, steps

from alertlab.errors import BadInput, UnsupportedPromQL

SERIES = load("1m", "x{src='ab\\ncd'} 1", "y{src='é1'} 1")
AT_ZERO = steps("0")


def replaced(selector: str, replacement: str, pattern: str, semantics: int = 3) -> str | None:
    """Return what label_replace writes into a label, None where it writes nothing."""
    expr = f"label_replace({selector}, 'dst', '{replacement}', 'src', `{pattern}`)"
    (name,) = ask(expr, SERIES, AT_ZERO, semantics=semantics)
    return name.partition('dst="')[2].partition('"')[0] or None


@pytest.mark.parametrize(
    ("replacement", "pattern", "expected"),
    [
        ("$1", "(.)1", "é"),
        ("$1x", "(.)1", None),  # the group 1x, which is none
        ("${1}x", "(.)1", "éx"),
        ("$01", "(.)1", None),  # no number begins with a zero
        ("$0-$2", "(.)(1)", "é1-1"),
        ("$3", "(.)(1)", None),
        ("$a$b", "(?P<a>.)(?<b>1)", "é1"),
        ("$none", "(.)1", None),
        ("$$1", "(.)1", "$1"),
        ("$", ".*", "$"),
        ("${1", "(.)1", "${1"),
        ("${}", ".*", "${}"),
        ("$10$11", "(é)(1)" + "()" * 7 + "(|x)()", None),
        ("$2", r"(?i)(É)(\d)", "1"),
        ("$1", r"(\pL)\pN", "é"),
        ("v", "nothing", None),
    ],
)
def test_templates(replacement: str, pattern: str, expected: str | None):
    """Templates are Go's, patterns RE2's."""
    assert replaced("y", replacement, pattern) == expected


def test_dot_and_newline():
    """Before 3.0 a dot matches no newline, in label_replace and in matchers."""
    assert replaced("x", "$1", "(.).*") == "a"
    assert replaced("x", "$1", "(.).*", semantics=2) is None
    assert ask("x{src=~'ab.cd'}", SERIES, AT_ZERO)
    assert not ask("x{src=~'ab.cd'}", SERIES, AT_ZERO, semantics=2)
    assert ask("x{src!~'ab.cd'}", SERIES, AT_ZERO, semantics=2)


@pytest.mark.parametrize(
    ("expr", "semantics", "sentence"),
    [
        ("label_replace(x, 'a', '', 'b', '(.*')", 3, r"invalid regular expression in label_re.*\("),
        (r"label_replace(x, '\xff', '', 'b', '')", 3, r"name in label_replace\(\): \\xff"),
        (r"label_join(x, 'a', '', '\xc5z')", 3, r"source label name in label_join\(\): \\xc5z"),
        (r"label_join(x, '\xff', '', 'a')", 3, r"destination label name in label_join\(\): \\xff"),
        (r"count_values('a\xc5z', x)", 3, r'invalid label name "a\\xc5z"'),
        ("count_values('a-b', x)", 2, 'invalid label name "a-b"'),
        ("count_values('', x)", 3, 'invalid label name ""'),
    ],
)
def test_refused_as_in_prometheus(expr: str, semantics: int, sentence: str):
    """Names and patterns are refused in Prometheus' words."""
    with pytest.raises(BadInput, match=sentence) as caught:
        ask(expr, SERIES, AT_ZERO, semantics=semantics)
    assert not isinstance(caught.value, UnsupportedPromQL)


@pytest.mark.parametrize(
    "expr",
    [
        r"label_replace(x, 'a', '\xff', 'b', '')",
        r"label_join(y, 'a', '\xff', 'src', 'src')",
        r"absent(z{a='\xff'})",
    ],
)
def test_results_that_are_no_text(expr: str):
    """A label value that is no UTF-8 is refused by name rather than written."""
    with pytest.raises(UnsupportedPromQL, match=r'bytes that are not UTF-8 \(".*\\xff.*"\)'):
        ask(expr, SERIES, AT_ZERO)


def test_bytes_that_change_nothing():
    """Bytes that are only compared, or not used, do no harm."""
    assert len(ask(r"{__name__=~'x|y', src!='\xff'}", SERIES, AT_ZERO)) == 2
    assert not ask(r"x{src='\xff'}", SERIES, AT_ZERO)
    assert (
        ask(r"label_replace(x, 'a', '\xff', 'src', 'no')", SERIES, AT_ZERO).keys()
        == ask("x", SERIES, AT_ZERO).keys()
    )
    assert ask(r"label_replace(x, 'a', 'v', '\xff', 'no')", SERIES, AT_ZERO)
    assert ask(r"count_values('a b', y)", SERIES, AT_ZERO)


def test_before_1970():
    """An @ before 1970 sees the samples of that time."""
    assert ask("x offset 5m @ -1", SERIES, AT_ZERO) == {}
    assert ask("count_over_time(x[10m] offset -1m @ -1)", SERIES, AT_ZERO) != {}
    assert ask("x @ -60 offset -2m", SERIES, AT_ZERO) != {}
