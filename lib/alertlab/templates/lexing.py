"""A template's text cut into tokens (text/template/parse/lex.go of Go)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from alertlab.errors import UnsupportedTemplate
from alertlab.templates.values import TemplateError

KEYWORDS = frozenset(
    {
        "block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template",
        "with",
    }
)  # fmt: skip
_SPACES = " \t\r\n"
_RIGHT = re.compile(r"(?P<trim>[ \t\r\n]-)?\}\}")
_TERMINATOR = re.compile(r"[ \t\r\n.,|:()]|\}\}|\Z")
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+?(?=[ \t\r\n]-\}\})|[ \t\r\n]+)"
    r"|(?P<declare>:=)|(?P<assign>=)|(?P<pipe>\|)|(?P<open>\()|(?P<close>\))"
    r'|(?P<string>"(?:\\[^\n]|[^"\\\n])*")|(?P<raw>`[^`]*`)'
    r"|(?P<char>'(?:\\[^\n]|[^'\\\n])*')"
    r"|(?P<variable>\$\w*)|(?P<field>\.(?!\d)\w*)"
    r"|(?P<number>(?=[-+.0-9])[-+]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][-+]?[0-9_]*)?"
    r"|0[oO][0-7_]*|0[bB][01_]*|[0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9_]*)?)i?)"
    r"|(?P<word>\w+)|(?P<other>[!-~])"
)
_IMAGINARY = re.compile(r"(?:[-+][0-9_.]*i?)?")
_WORDS = KEYWORDS | {"bool", "dot", "field", "variable", "word"}
_UNCLOSED = {'"': "quoted string", "`": "raw quoted string", "'": "character constant"}


class Token(NamedTuple):
    """A piece of a template: ``kind`` is ``text``, ``left``, ``right``, a group's name above, a
    keyword, ``bool``, ``dot`` or ``eof``."""

    kind: str
    at: int
    text: str


def tokens(text: str) -> Iterator[Token]:
    """Give a template's tokens, comments left out; raises TemplateError where Go would."""
    at, trimmed = 0, False
    while True:
        left = text.find("{{", at)
        end = len(text) if left < 0 else left
        start, shown = at, text[at:end]
        if trimmed:
            start += len(shown) - len(shown.lstrip(_SPACES))
            shown = shown.lstrip(_SPACES)
        trims_before = left >= 0 and text[left + 2 : left + 3] == "-" and _is_space(text, left + 3)
        shown = shown.rstrip(_SPACES) if trims_before else shown
        if shown:
            yield Token("text", start, shown)
        if left < 0:
            yield Token("eof", len(text), "")
            return
        at = left + (4 if trims_before else 2)
        if text.startswith("/*", at):
            right = _after_comment(text, at)
        else:
            yield Token("left", left, "{{")
            right = yield from _action(text, at)
            yield Token("right", right.end() - 2, "}}")
        at, trimmed = right.end(), right["trim"] is not None


def _is_space(text: str, at: int) -> bool:
    return text[at : at + 1] in tuple(_SPACES)


def _after_comment(text: str, at: int) -> re.Match[str]:
    end = text.find("*/", at + 2)
    if end < 0:
        raise TemplateError("unclosed comment")
    right = _RIGHT.match(text, end + 2)
    if right is None:
        raise TemplateError("comment ends before closing delimiter")
    return right


def _action(text: str, at: int) -> Iterator[Token]:
    """Give the tokens of one action and return its closing delimiter."""
    depth = 0
    while True:
        right = _RIGHT.match(text, at)
        if right:
            if depth:
                raise TemplateError("unclosed left paren")
            return right
        found = _TOKEN.match(text, at)
        if found is None:
            raise TemplateError(_complaint(text, at))
        token = _classified(found)
        depth += {"open": 1, "close": -1}.get(token.kind, 0)
        if depth < 0:
            raise TemplateError("unexpected right paren")
        at = found.end()
        _check_end(token, text, at)
        yield token


def _classified(found: re.Match[str]) -> Token:
    kind, text = str(found.lastgroup), found[0]
    if kind == "field" and text == ".":
        kind = "dot"
    elif kind == "other" and text in _UNCLOSED:
        raise TemplateError(f"unterminated {_UNCLOSED[text]}")
    elif kind == "other" and text == ":":
        raise TemplateError("expected :=")
    elif kind == "word" and text in KEYWORDS:
        kind = text
    elif kind == "word" and text in ("true", "false"):
        kind = "bool"
    return Token(kind, found.start(), text)


def _check_end(token: Token, text: str, at: int) -> None:
    """Refuse what runs into the next word, such as ``$x+2`` or ``12ab``."""
    following = text[at : at + 1]
    if token.kind == "number":
        imaginary = _IMAGINARY.match(text, at)[0]
        if token.text.endswith("i") or imaginary.endswith("i"):
            raise UnsupportedTemplate("complex numbers in templates are not evaluated here")
        if imaginary or following.isalnum() or following == "_":
            raise TemplateError(f'bad number syntax: "{token.text}{imaginary or following}"')
    elif token.kind in _WORDS and not _TERMINATOR.match(text, at):
        raise TemplateError(f"bad character U+{ord(following):04X} {following!r}")


def _complaint(text: str, at: int) -> str:
    if at >= len(text):
        return "unclosed action"
    return f"unrecognized character in action: U+{ord(text[at]):04X} {text[at]!r}"
