"""Go's strings, which are bytes, and their literals, read and written (strconv/quote.go of Go).

PromQL's literals are the same, but for single quotes, which hold any text there.
"""

from __future__ import annotations

import math
import re

_SHORT = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
    "\\": "\\\\",
}  # fmt: skip
_LONG = {escape[1]: char for char, escape in _SHORT.items()}
_ESCAPE = re.compile(
    rb"\\(?:([abfnrtv\\\"'])|x([0-9a-fA-F]{2})|([0-7]{3})"
    rb"|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))",
    re.DOTALL,
)
_FLOAT = re.compile(
    r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf|infinity|nan)", re.IGNORECASE | re.ASCII
)
_HEX_FLOAT = re.compile(
    r"[-+]?0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)p[-+]?\d+", re.IGNORECASE | re.ASCII
)
_SEPARATOR = re.compile(r"(?<=\d)_(?=\d)", re.ASCII)
_HEX_SEPARATOR = re.compile(r"(?<=[0-9a-fx])_(?=[0-9a-f])", re.IGNORECASE)


def parse_float(text: str) -> float:
    """Return the number that a text spells (strconv.ParseFloat).

    Raises ValueError with ``invalid syntax`` or ``value out of range``.
    """
    digits = (_HEX_SEPARATOR if "x" in text[:3].lower() else _SEPARATOR).sub("", text)
    if _HEX_FLOAT.fullmatch(digits):
        try:
            number = float.fromhex(digits)
        except OverflowError:
            number = math.inf
    elif _FLOAT.fullmatch(digits):
        number = float(digits)
    else:
        raise ValueError("invalid syntax")
    if math.isinf(number) and "inf" not in digits.lower():
        raise ValueError("value out of range")
    return number


def to_bytes(text: str) -> bytes:
    """Return a string's bytes; what ``from_bytes`` could not decode comes back unchanged."""
    return text.encode("utf-8", "surrogateescape")


def from_bytes(raw: bytes) -> str:
    """Return the string of bytes that need not be UTF-8."""
    return raw.decode("utf-8", "surrogateescape")


def quote(text: str, *, ascii_only: bool = False, backquoted: bool = False) -> str:
    """Return a string as a Go literal, in backquotes if wanted and possible."""
    if backquoted and _can_backquote(text):
        return f"`{text}`"
    return '"' + "".join(_escaped(char, '"', ascii_only) for char in text) + '"'


def quote_rune(rune: str, *, ascii_only: bool = False) -> str:
    """Return a character as a Go literal."""
    return f"'{_escaped(rune, chr(39), ascii_only)}'"


def unquote(literal: str) -> str:
    """Return the string that a literal, whose quotes fit, stands for.

    Raises ValueError for an escape that is unknown or stands for no character.
    """
    if literal.startswith("`"):
        return literal[1:-1].replace("\r", "")
    mark = literal[0].encode()

    def plain(found: re.Match[bytes]) -> bytes:
        simple, byte, octal, short, long, unknown = found.groups()
        if simple in (b'"', b"'") and simple != mark:
            unknown = simple
        if unknown is not None:
            raise ValueError("invalid syntax")
        if simple:
            return simple if simple == mark else _LONG[simple.decode()].encode()
        if byte or octal:
            code = int(byte, 16) if byte else int(octal, 8)
            if code > 255:
                raise ValueError("invalid syntax")
            return bytes([code])
        code = int(short or long, 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise ValueError("invalid syntax")
        return chr(code).encode()

    return from_bytes(_ESCAPE.sub(plain, to_bytes(literal[1:-1])))


def _can_backquote(text: str) -> bool:
    return all(
        char == "\t" or (char >= " " and char not in "`\x7f\ufeff" and not _is_raw_byte(char))
        for char in text
    )


def _is_raw_byte(char: str) -> bool:
    """Tell whether a character stands for a byte that was no UTF-8."""
    return "\udc80" <= char <= "\udcff"


def _escaped(char: str, mark: str, ascii_only: bool) -> str:
    if char == mark:
        return "\\" + char
    if char in _SHORT:
        return _SHORT[char]
    if _is_raw_byte(char):
        return f"\\x{ord(char) - 0xDC00:02x}"
    if char.isprintable() and (char.isascii() or not ascii_only):
        return char
    if char < " " or char == "\x7f":
        return f"\\x{ord(char):02x}"
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
