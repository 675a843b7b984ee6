"""Regular expressions by RE2: parts of texts, groups, and what is refused."""

from __future__ import annotations

import pytest

from alertlab.re2 import expanded, found_in, group_names, groups_in


def test_found_in():
    """A pattern may match any part of a text; each text has its own answer."""
    assert found_in("b+", ["abba", "b", "c", ""]) == [True, True, False, False]
    assert found_in("^b+$", ["abba", "b"]) == [False, True]
    assert found_in("", []) == []


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("x", "ab", None),
        ("b", "abc", []),
        ("(b)(x)?", "abc", ["b", ""]),  # what took no part is empty
        ("(b+)", "abbcbbb", ["bb"]),  # the first match
        (r"\((.)[(][^)(]([[:alpha:](])\Q(\E(d)", "(x(yz(d", ["x", "z", "d"]),
        ("(?P<n>a)(?:b)(?<m>c)(?i)(D)", "abcd", ["a", "c", "d"]),
        ("[]()](a)[^]()](b)", ")a-b", ["a", "b"]),
        ("(a)" * 12, "a" * 12, ["a"] * 12),
        (r"\Q(", "(", []),
    ],
)
def test_groups_in(pattern: str, text: str, expected: list[str] | None):
    """Groups are counted from the left, whatever else has a parenthesis."""
    assert groups_in(pattern, [text]) == [expected]


def test_group_names():
    """Every group has a place, whether it is named or not."""
    assert group_names(r"(?P<a>.)\((?:x)([(])(?<b_1>(y))(?i:z)\Q(\E[]()]") == ["a", "", "b_1", ""]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a", "missing"),
        ("a++", "bad repetition operator"),
        (r"(a)\1", "invalid escape sequence"),
        (r"\C", "invalid escape sequence"),  # of RE2, not of Go
        (r"\\\C", "invalid escape sequence"),
        ("\udcff", "invalid UTF-8"),
    ],
)
def test_refused(pattern: str, reason: str):
    """A wrong pattern is refused with RE2's reason."""
    with pytest.raises(ValueError, match=reason):
        found_in(pattern, ["a"])


def test_not_refused():
    """A backslash before C is no escape of C."""
    assert found_in(r"\\C", [r"\C", "C"]) == [True, False]


@pytest.mark.parametrize(
    ("template", "text"),
    [("$1-${name}", "a-b"), ("$$1", "$1"), ("$1x", ""), ("${1}x$", "ax$"), ("$nope", "")],
)
def test_expanded(template: str, text: str):
    """Numbers and names of groups; a name is as long as it can be, unknown ones are empty."""
    assert expanded(template, {"1": "a", "name": "b"}) == text
