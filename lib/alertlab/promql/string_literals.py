"""String literals on their way through promql_parser, which knows no bytes.

Escapes such as ``\\xff`` stand for bytes (util/strutil/quote.go, Unquote).  Bytes that are no UTF-8
are lone surrogates here, as in ``go_text``: they equal no label value, and nothing is lost.
"""

from __future__ import annotations

from alertlab.errors import UnsupportedPromQL
from alertlab.go_text import quote, unquote

# In the parser's hands the bytes 0x80 to 0xff are the last private characters of Unicode.
_TO_PARSER = {0xDC00 + byte: 0x10FF00 + byte for byte in range(0x80, 0x100)}
_FROM_PARSER = {private: surrogate for surrogate, private in _TO_PARSER.items()}


def unquoted(literal: str) -> str:
    """Return the text of a literal in any of the three quotes; ValueError for a wrong escape.

    util/strutil/quote.go, Unquote.
    """
    return literal[1:-1] if literal.startswith("`") else unquote(literal)


def is_utf8(text: str) -> bool:
    """Tell whether a text can be a label name or value at all (model.UTF8Validation)."""
    return not any(ord(char) in _TO_PARSER for char in text)


def to_parser(literal: str) -> str:
    """Return the literal in the one form that promql_parser reads as Prometheus does."""
    try:
        text = unquoted(literal)
    except ValueError:
        return literal  # the parser has its own words for it
    if any(ord(char) in _FROM_PARSER for char in text):
        raise UnsupportedPromQL(
            f"the string {literal} holds one of the last private characters of Unicode, "
            "which is not evaluated here; write the expression without it"
        )
    return quote(text.translate(_TO_PARSER))


def from_parser(text: str) -> str:
    """Return a string of promql_parser's tree with its bytes."""
    return text.translate(_FROM_PARSER)
