"""String literals: what they mean, and that the parser does not change it."""

from __future__ import annotations

import promql_parser
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alertlab.errors import UnsupportedPromQL
from alertlab.go_text import quote
from alertlab.promql import parse
from alertlab.promql.parsing import string_value
from alertlab.promql.string_literals import is_utf8, to_parser, unquoted

TEXTS = st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ('"a"', "a"),
        (r'"\a\b\f\n\r\t\v\\\""', '\a\b\f\n\r\t\v\\"'),
        (r"'\''", "'"),
        (r'"\x41\101\u00e9\U0001F600"', "AAé😀"),
        (r'"\xec\x9d\xb8"', "인"),  # bytes make up a character
        (r'"\xc5z\377"', "\udcc5z\udcff"),  # or do not
        ("`\\n\\x41\"'`", "\\n\\x41\"'"),
        ("`a\r\nb`", "a\r\nb"),
    ],
)
def test_literals(literal: str, text: str):
    """Escapes are Go's; in backticks there are none."""
    assert unquoted(literal) == text
    assert string_value(parse(literal)) == text


@pytest.mark.parametrize("inner", [r"\e", r"\'", r"\x4", r"\400", r"\ud800", r"\U00110000"])
def test_wrong_escapes(inner: str):
    """What Go refuses is left to the parser, which refuses it in its own words."""
    assert to_parser(f'"{inner}"') == f'"{inner}"'
    with pytest.raises(ValueError):
        promql_parser.parse(f'"{inner}"')


@given(TEXTS)
def test_every_text_survives_the_parser(text: str):
    """Whatever a literal says, bytes and all, is what is evaluated."""
    assume(all(ord(char) < 0x10FF80 for char in text))
    assert is_utf8(to_parser(quote(text)))
    assert string_value(parse(quote(text))) == text


@given(TEXTS)
def test_is_utf8(text: str):
    """A label name or value is UTF-8 if it can be written as such."""
    assert is_utf8(text) == (text.encode("utf-8", "replace").decode() == text)


def test_private_characters():
    """The characters that stand for bytes cannot stand for themselves."""
    with pytest.raises(UnsupportedPromQL, match="last private characters"):
        to_parser('"\U0010ffc5"')
