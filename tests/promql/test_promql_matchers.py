"""Matchers and RE2 patterns."""

from __future__ import annotations

import pytest

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.promql import Matcher, matches_all
from alertlab.promql.matchers import compile_re2


@pytest.mark.parametrize(
    ("op", "pattern", "value", "expected"),
    [
        ("=", "a", "a", True),
        ("=", "a", "ab", False),
        ("!=", "a", "b", True),
        ("=~", "a|b", "b", True),
        ("=~", "a", "ab", False),  # anchored at both ends
        ("=~", "a.*", "a\nb", True),  # a dot is any character in 3.x
        ("!~", "a.*", "b", True),
        ("!~", "a.*", "ab", False),
        ("=~", ".*", "", True),
        ("=~", ".+", "", False),
    ],
)
def test_matches(op: str, pattern: str, value: str, expected: bool):
    """Each operator decides as Prometheus' matcher does."""
    assert Matcher("x", op, pattern).matches(value) is expected


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        ([Matcher("a", "=", "1"), Matcher("b", "=", "2")], True),
        ([Matcher("a", "=", "1"), Matcher("b", "=", "3")], False),
        ([Matcher("missing", "=", "")], True),  # a missing label is empty
        ([Matcher("missing", "=~", ".+")], False),
        ([Matcher("missing", "!=", "x")], True),
    ],
)
def test_matches_all(matchers: list[Matcher], expected: bool):
    """A series is taken if it satisfies every matcher, missing labels being empty."""
    assert matches_all(matchers, (("a", "1"), ("b", "2"))) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a(?i)b|c", "aB", True),
        ("a(?i)b|c", "C", True),  # a flag holds to the end of its group, across alternatives
        ("a(?i)b|c", "AB", False),
        ("(a(?i)b)c", "aBC", False),  # and no further
        ("(?i:a)b", "Ab", True),
        ("(?i:a)b", "AB", False),
        (r"\d+", "١", False),  # digits are ASCII
        (r"a\z", "a", True),
        ("a$", "a\n", False),  # $ is the very end
        ("(?m)a$\nb", "a\nb", True),
        ("[[:alpha:]_]+", "ab_", True),
        ("[[:digit:]]", "a", False),
        ("[]a]+", "]a", True),
        ("[^]a]", "]", False),
        (r"[a\]]+", "a]", True),
        ("[[a]+", "[a", True),
        (r"\Qa.b\E+", "a.bbb", True),
        (r"\Qa.b\E", "axb", False),
        ("a{,2}", "a{,2}", True),  # no count without a lower bound in RE2
        ("a{1,2}", "aa", True),
        (r"\x{48}i", "Hi", True),
        ("(?P<n>a)|(?<m>b)", "b", True),
        ("a??b", "b", True),
    ],
)
def test_re2(pattern: str, text: str, expected: bool):
    """Patterns mean what they mean in RE2, not in Python."""
    assert (compile_re2(pattern).fullmatch(text) is not None) is expected


def test_dot_and_newline():
    """Before 3.0 a dot does not match a newline."""
    assert compile_re2("a.b", True).fullmatch("a\nb")
    assert not compile_re2("a.b", False).fullmatch("a\nb")


@pytest.mark.parametrize(
    ("pattern", "error", "sentence"),
    [
        ("a++", BadInput, "possessive"),
        ("a{2}+", BadInput, "possessive"),
        ("(?=a)", BadInput, "does not know"),
        ("(?<=a)b", BadInput, "does not know"),
        (r"(a)\1", BadInput, "unknown to RE2"),
        ("[a", BadInput, "has no ]"),
        ("(a", BadInput, "not valid"),
        (r"\pL", UnsupportedPromQL, "as a class"),
        ("(?U)a*", UnsupportedPromQL, "flags"),
    ],
)
def test_refused_patterns(pattern: str, error: type, sentence: str):
    """What RE2 refuses is bad input; what re cannot say is refused by name."""
    with pytest.raises(error, match=sentence):
        compile_re2(pattern)
