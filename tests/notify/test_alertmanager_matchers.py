"""Matchers in Alertmanager's configurations, judged case by case by Alertmanager's own parsers."""

from __future__ import annotations

import pytest

from alertlab.notify.config.matchers import all_matchers, anchored, format_matchers, parse_matchers
from alertlab.promql import Matcher

# A text, and what matcher/compat of Alertmanager 0.34.2 makes of it; None: it is refused.
CASES = [
    ("", "{}"),
    ("{}", "{}"),
    ("a=b", '{a="b"}'),
    ('a="b"', '{a="b"}'),
    ('{a="b", c=~"d"}', '{a="b",c=~"d"}'),
    ("{a=b", '{a="b"}'),
    ("a=b}", '{a="b"}'),
    ("a=b,", '{a="b"}'),
    ("{a=b,}", '{a="b"}'),
    (",", None),
    ("{", "{}"),
    ("}", "{}"),
    ("{{a=b}}", None),
    ("a", None),
    ("=b", None),
    ("a=", '{a=""}'),
    ('a=""', '{a=""}'),
    ('a="', None),
    ('a="b', None),
    ('a=b"c', None),
    ('a="b\\",c"', '{a="b\\",c"}'),
    ('a="b\\\\",c=d', '{a="b\\\\",c="d"}'),
    ('a="\\d\\",c"', '{a="\\\\d\\",c"}'),
    ('a="b,c",d=e', '{a="b,c",d="e"}'),
    ('a="\\d"', '{a="\\\\d"}'),
    ('a="\\x41"', '{a="\\\\x41"}'),
    ('a="x\ny"', '{a="x\\ny"}'),
    ("a=x\ny", '{a="x\\ny"}'),
    ("a\n=b", '{a="b"}'),
    ("a = b c", '{a="b c"}'),
    ("a==b", '{a="=b"}'),
    ("a=~~b", '{a=~"~b"}'),
    ("a!b", None),
    ("a !~ b", '{a!~"b"}'),
    ("a=\\", '{a="\\\\"}'),
    ('a="\\"', None),
    ("a:b=c", '{a:b="c"}'),
    ("1=2", '{1="2"}'),
    ('"a"="b"', '{a="b"}'),
    ('"a b"="b"', '{"a b"="b"}'),
    ("é=ü", '{é="ü"}'),
    ('"é"="\\u00fc"', '{é="ü"}'),
    ('é="\\d"', None),
    ('é="x\ny"', None),
    ('é="\\xff"', None),
    ('é="\\xc3\\xbc"', '{é="ü"}'),
    ('é=~"("', None),
    ('a=~"("', None),
    ('a=~")("', '{a=~")("}'),
    ('é="b" c', None),
    ("é=b,,c=d", None),
    ("{é=b", None),
    ("é=b}", None),
    ("{é=b}", '{é="b"}'),
    ("{é=b,}", '{é="b"}'),
    ("é='b'", None),
    ("é=`b`", None),
    ('é="b', None),
    ("a.b=c", '{a.b="c"}'),
    ('""="x"', '{="x"}'),
    ('é!=b, ü!~c, "=~"=~d', '{"=~"=~"d",é!="b",ü!~"c"}'),
    ("\xa0é=b", '{é="b"}'),
    ("a='b'", "{a=\"'b'\"}"),
    ("é", None),
    ("é=", None),
    ("{é=b}x", None),
    ("é=b c=d", None),
]


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_what_is_a_matcher(line: str, expected: str | None) -> None:
    """The classic parser wins where it understands a text; else the one for any UTF-8 reads it."""
    try:
        found = parse_matchers(line)
    except ValueError as error:
        assert expected is None
        assert repr(line) in str(error) or "not valid in RE2" in str(error)
        return
    values = {"match": [], "match_re": [], "matchers": found}
    assert format_matchers(all_matchers(values)) == expected


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("a|b", ["a", "b"], ["ab", "", "xa"]),
        (")(", [""], ["x"]),
        ("x.y", ["x-y"], ["x\ny", "xxyy"]),
        ("(?s)x.y", ["x\ny"], []),
        ("", [""], ["x"]),
    ],
)
def test_patterns_as_alertmanager_compiles_them(
    pattern: str, taken: list[str], left: list[str]
) -> None:
    """They take whole values, and a dot takes no line feed; only patterns are changed."""
    matcher = anchored(Matcher("a", "=~", pattern))
    assert [matcher.matches(one) for one in taken + left] == [True] * len(taken) + [False] * len(
        left
    )
    assert anchored(Matcher("a", "!=", pattern)) == Matcher("a", "!=", pattern)
