"""Matchers as Alertmanager's configuration writes them: three ways, and two parsers for one.

Follows matcher/compat/parse.go (fallback mode, the default since 0.27), matcher/parse, and
pkg/labels/parse.go for the classic parser.  Regular expressions are Go's, anchored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from alertlab.errors import BadInput
from alertlab.go_text import quote, unquote
from alertlab.notify.config.decoding import Place, Values, list_of, map_of, spelled_text, text
from alertlab.promql import Matcher
from alertlab.units import escape_label

_OPS = ("=", "!=", "=~", "!~")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED = r"\s{}!=~,\\\"'`"  # \s is any space of Unicode
_TOKEN = re.compile(
    rf'\s*(?:(?P<mark>[{{}},]|=~|!=|!~|=)|(?P<quoted>"(?:\\.|[^"\\])*")|(?P<bare>[^{_RESERVED}]+))',
    re.DOTALL,
)
_CLASSIC_MATCHER = re.compile(
    r"[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(=~|=|!=|!~)"
    r"[\t\n\f\r ]*(.*?)[\t\n\f\r ]*",
    re.DOTALL,
)
_CLASSIC_VALUE = re.compile(r'"((?:\\.|[^"\\])*)"|((?!")(?:\\.|[^"\\])*\\?)', re.DOTALL)
# A backslash before anything else stays, as in "host-\d+".
_CLASSIC_ESCAPE = re.compile(r'\\([n"\\])')
_ADVICE = 'write it like severity = "page"'


def matchers_list(node: Any, place: Place) -> list[Matcher]:
    """Read ``matchers``: texts, each one matcher or several, in braces or not."""
    found = []
    for i, line in enumerate(list_of(text)(node, place)):
        inside = place.inside(f"[{i}]", place.line)
        try:
            found += parse_matchers(line)
        except ValueError as error:
            raise inside.refusal(str(error)) from None
    return found


def match_map(node: Any, place: Place) -> list[Matcher]:
    """Read ``match``: labels and the values that they must have."""
    return [
        Matcher(_classic_name(name, place), "=", value)
        for name, value in map_of(text)(node, place).items()
    ]


def match_re_map(node: Any, place: Place) -> list[Matcher]:
    """Read ``match_re``: labels and the patterns of their values."""
    return [
        Matcher(_classic_name(name, place), "=~", pattern)
        for name, pattern in map_of(_pattern)(node, place).items()
    ]


def all_matchers(values: Values, prefix: str = "") -> tuple[Matcher, ...]:
    """Return the matchers of all three keys in Alertmanager's order."""
    found = [
        *values[f"{prefix}match"], *values[f"{prefix}match_re"], *values[f"{prefix}matchers"],
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.name, one.value, _OPS.index(one.op))))


def anchored(matcher: Matcher) -> Matcher:
    """Return the matcher with its pattern as Alertmanager compiles it: ``^(?:…)$``.

    What is no pattern by itself, such as ``)(``, may be one so.  A dot is no newline.
    """
    if matcher.op in ("=", "!="):
        return matcher
    return matcher._replace(value=f"^(?:{matcher.value})$").with_old_dot()


def format_matchers(matchers: Iterable[Matcher]) -> str:
    """Write matchers as Alertmanager shows them (pkg/labels/matcher.go, Matchers.String)."""
    return f"{{{','.join(map(_format_matcher, matchers))}}}"


def parse_matchers(line: str) -> list[Matcher]:
    """Return the matchers of one text; ValueError says what is wrong with it.

    Where the two parsers differ the classic one wins (matcher/compat, FallbackMatchersParser).
    """
    try:
        classic = _parse_classic(line)
    except ValueError:
        return _parse_utf8(line)
    return classic


def _parse_classic(line: str) -> list[Matcher]:
    line = line.removeprefix("{").removesuffix("}")
    parts, start, quoted, escaped = [], 0, False, False
    for i, char in enumerate(line):
        if char == "," and not quoted:
            parts.append(line[start:i])
            start = i + 1
        elif char == '"':
            quoted ^= not escaped
            escaped = False
        elif char != ",":
            escaped = char == "\\" and not escaped
    if last := line[start:].strip():
        parts.append(last)
    return [_parse_classic_matcher(part) for part in parts]


def _parse_classic_matcher(part: str) -> Matcher:
    found = _CLASSIC_MATCHER.fullmatch(part)
    value = found and _CLASSIC_VALUE.fullmatch(found[3])
    if not found or not value:
        raise ValueError(f"{part!r} is not a matcher; {_ADVICE}")
    written = value[2] if value[1] is None else value[1]
    plain = _CLASSIC_ESCAPE.sub(lambda one: "\n" if one[1] == "n" else one[1], written)
    return _checked(Matcher(found[1], found[2], plain))


def _parse_utf8(line: str) -> list[Matcher]:
    """Read ``{name op value, …}``; braces, and a comma at the end, may be there or not."""
    tokens = _tokens(line)
    in_braces = tokens[:1] == ["{"]
    if in_braces != (tokens[-1:] == ["}"]):
        raise ValueError(f"{line!r} opens or closes a brace without its partner")
    if in_braces:
        tokens = tokens[1:-1]
    found = []
    while tokens:
        if len(tokens) < 3 or tokens[1] not in _OPS or not all(map(_is_word, tokens[0:3:2])):
            raise ValueError(f"{line!r} is not a matcher or a list of them; {_ADVICE}")
        found.append(_checked(Matcher(_plain(tokens[0], line), tokens[1], _plain(tokens[2], line))))
        if tokens[3:4] not in ([], [","]):
            raise ValueError(f"{line!r} needs a comma between two matchers")
        tokens = tokens[4:]
    return found


def _tokens(line: str) -> list[str]:
    tokens, at = [], 0
    rest = line.rstrip()
    while at < len(rest):
        found = _TOKEN.match(rest, at)
        if found is None:
            raise ValueError(f"{line!r} holds a character that must stand in double quotes")
        tokens.append(found[0].strip())
        at = found.end()
    return tokens


def _is_word(token: str) -> bool:
    return token not in ("", "{", "}", ",", *_OPS)


def _plain(token: str, line: str) -> str:
    if not token.startswith('"'):
        return token
    try:
        if "\n" in token:
            raise ValueError("a literal has no line feed")
        plain = unquote(token)
        plain.encode()  # bytes that are no UTF-8 are no label value
    except ValueError:
        raise ValueError(f"{line!r} holds an escape that double quotes do not know") from None
    return plain


def _checked(matcher: Matcher) -> Matcher:
    try:
        anchored(matcher).matches("")
    except BadInput:
        raise ValueError(
            f"the regular expression of {matcher.name}, {matcher.value!r}, is not valid in RE2"
        ) from None
    return matcher


def _pattern(node: Any, place: Place) -> str:
    if node is None:
        raise place.refusal('the regular expression is missing; write "" for the empty value')
    pattern = spelled_text(node, place)
    try:
        anchored(Matcher("", "=~", pattern)).matches("")
    except BadInput:
        raise place.refusal(f"the regular expression {pattern!r} is not valid in RE2") from None
    # Alertmanager keeps the anchored form, by which it also sorts and writes these matchers.
    return f"^(?:{pattern})$"


def _classic_name(name: str, place: Place) -> str:
    if not _LABEL_NAME.fullmatch(name):
        raise place.refusal(f"{name!r} is not a label name")
    return name


def _format_matcher(matcher: Matcher) -> str:
    if re.search(f"[{_RESERVED}]", matcher.name):
        return f"{quote(matcher.name)}{matcher.op}{quote(matcher.value)}"
    return f'{matcher.name}{matcher.op}"{escape_label(matcher.value)}"'
