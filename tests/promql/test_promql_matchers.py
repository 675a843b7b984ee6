"""Matchers and RE2 patterns."""

from __future__ import annotations

import pytest

from alertlab.errors import BadInput
from alertlab.promql import Matcher, matches_all, matching
from alertlab.promql.matchers import compile_re2, dot_without_newline


@pytest.mark.parametrize(
    ("op", "pattern", "value", "expected"),
    [
        ("=", "a", "a", True),
        ("=", "a", "ab", False),
        ("!=", "a", "b", True),
        ("=~", "a|b", "b", True),
        ("=~", "a", "ab", False),  # anchored at both ends
        ("=~", "a|b", "ac", False),  # in every alternative
        ("=~", "a.*", "a\nb", True),  # a dot is any character in 3.x
        ("!~", "a.*", "b", True),
        ("!~", "a.*", "ab", False),
        ("=~", ".*", "", True),
        ("=~", ".+", "", False),
        ("=", "\udcff", "ÿ", False),  # a byte that is no UTF-8 equals nothing
        ("!=", "\udcff", "ÿ", True),
    ],
)
def test_matches(op: str, pattern: str, value: str, expected: bool):
    """Each operator decides as Prometheus' matcher does, for one value as for many."""
    matcher = Matcher("x", op, pattern)
    assert matcher.matches(value) is expected
    assert matcher.accepted({value}) == ({value} if expected else set())


SERIES = [(("a", "1"), ("b", "2")), (("a", "1"),), (("b", "x"),), ()]


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        ([], [0, 1, 2, 3]),
        ([Matcher("a", "=", "1"), Matcher("b", "=", "2")], [0]),
        ([Matcher("a", "=", "1"), Matcher("b", "=", "3")], []),
        ([Matcher("b", "=", "")], [1, 3]),  # a missing label is empty
        ([Matcher("b", "=~", ".+")], [0, 2]),
        ([Matcher("b", "!=", "x")], [0, 1, 3]),
        ([Matcher("b", "=~", "[0-9]|"), Matcher("a", "!~", "")], [0, 1]),
    ],
)
def test_matching(matchers: list[Matcher], expected: list[int]):
    """A series is taken if it satisfies every matcher, missing labels being empty."""
    assert matching(matchers, SERIES) == expected
    assert [i for i, labels in enumerate(SERIES) if matches_all(matchers, labels)] == expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a(?i)b|c", "aB", True),
        ("a(?i)b|c", "C", True),  # a flag holds to the end of its group, across alternatives
        ("a(?i)b|c", "AB", False),
        ("(a(?i)b)c", "aBC", False),  # and no further
        ("(?i:a)b", "Ab", True),
        ("(?i:a)b", "AB", False),
        ("(?i)é", "É", True),  # case is folded beyond ASCII
        (r"\d+", "١", False),  # digits are ASCII
        (r"\w", "é", False),
        (r"\pL+", "é한", True),
        (r"\p{Greek}", "α", True),
        (r"\PL", "1", True),
        (r"a\z", "a", True),
        ("a$", "a\n", False),  # $ is the very end
        ("(?m)a$\nb", "a\nb", True),
        ("(?-s).", "\n", False),
        ("(?U)a+", "aa", True),
        ("[[:alpha:]_]+", "ab_", True),
        ("[[:^alpha:]]", "1", True),
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
        ("(a|aa)+$", "a" * 40 + "b", False),  # in linear time
    ],
)
def test_re2(pattern: str, text: str, expected: bool):
    """Patterns mean what they mean in RE2, not in Python."""
    assert compile_re2(pattern).matches([text]) == [expected]


def test_dot_and_newline():
    """Before 3.0, and in Alertmanager, a dot does not match a newline unless a flag says so."""
    texts = ["a\nb", "a.b"]
    assert compile_re2("a.b").matches(texts) == [True, True]
    assert compile_re2(dot_without_newline("a.b")).matches(texts) == [False, True]
    assert compile_re2(dot_without_newline("(?s)a.b")).matches(texts) == [True, True]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a", "b", None),
        ("ab", "ab", {"0": "ab"}),
        ("(a)(b)?", "a", {"0": "a", "1": "a", "2": ""}),
        ("(?P<n>a)(?:b)(?<m>c)", "abc", {"0": "abc", "1": "a", "n": "a", "2": "c", "m": "c"}),
        (r"\((.)[(][^)(]([[:alpha:](])\Q(\E(d)", "(x(yz(d", {"1": "x", "2": "z", "3": "d"}),
        ("(?i)(a)(?-i)(b)", "Ab", {"1": "A", "2": "b"}),
        ("(a)" * 12, "a" * 12, {"12": "a"}),
        ("(.)\n(.)", "a\nb", {"1": "a", "2": "b"}),
    ],
)
def test_groups(pattern: str, text: str, expected: dict | None):
    """Groups are counted from the left, whatever else has a parenthesis."""
    (groups,) = compile_re2(pattern).groups([text])
    assert groups == expected if expected is None else expected.items() <= groups.items()


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a++", r"bad repetition operator: \+\+"),
        ("a**", "bad repetition"),
        ("a{2}{3}", "bad repetition"),
        ("a{1001}", "invalid repetition size"),
        ("(?=a)", "invalid perl operator"),
        ("(?<=a)b", "invalid"),
        (r"(a)\1", "invalid escape sequence"),
        ("[a", "missing ]"),
        ("(a", r"missing \)"),
        ("a)|(b", r"unexpected \)"),
        (r"a\\\C", "invalid escape sequence"),
        ("\udcff", "invalid UTF-8"),
    ],
)
def test_refused_patterns(pattern: str, reason: str):
    """What RE2 refuses is bad input, with its reason."""
    with pytest.raises(BadInput, match=f"is not valid: .*{reason}"):
        compile_re2(pattern)
