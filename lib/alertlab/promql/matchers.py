"""Label matchers, and RE2 patterns told to Python's ``re``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.units import LabelSet

_POSIX_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_FLAGS = re.compile(r"\(\?([a-zA-Z]*)(-[a-zA-Z]+)?([:)])")
_COUNT = re.compile(r"\{\d+(,\d*)?\}")
_HEX = re.compile(r"\\x\{([0-9a-fA-F]{1,6})\}")
_POSIX = re.compile(r"\[:(\^?)([a-z]+):\]")


class Matcher(NamedTuple):
    """One condition on a label; ``op`` is ``=``, ``!=``, ``=~`` or ``!~``.

    Regular expressions are RE2's and must match the whole value; a label that a series lacks has
    the empty value (model/labels/matcher.go).
    """

    name: str
    op: str
    value: str

    def matches(self, value: str) -> bool:
        """Tell whether a label with this value (empty if missing) satisfies the matcher."""
        if self.op in ("=", "!="):
            return (value == self.value) == (self.op == "=")
        found = compile_re2(self.value).fullmatch(value) is not None
        return found == (self.op == "=~")


def matches_all(matchers: Iterable[Matcher], labels: LabelSet) -> bool:
    """Tell whether a series with these labels satisfies every matcher."""
    found = dict(labels)
    return all(matcher.matches(found.get(matcher.name, "")) for matcher in matchers)


@lru_cache(maxsize=1024)
def compile_re2(pattern: str, dot_matches_newline: bool = True) -> re.Pattern[str]:
    """Compile an RE2 pattern for use with ``fullmatch``.

    ``dot_matches_newline`` is Prometheus 3's reading.  Raises BadInput for a pattern that RE2
    would refuse and UnsupportedPromQL for one that ``re`` cannot express (``\\pL``).
    """
    flags = re.ASCII | (re.DOTALL if dot_matches_newline else 0)
    try:
        return re.compile(_Re2Translation(pattern).run(), flags)
    except re.error as error:
        raise BadInput(f"the regular expression {pattern!r} is not valid: {error}") from None


class _Re2Translation:
    """One pass over an RE2 pattern that writes what ``re`` reads the same way."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.written: list[str] = []
        # Flags such as (?i) hold to the end of their group, across its alternatives; re wants
        # them scoped, so every alternative gets its own (?i:...).
        self.open_flags: list[list[str]] = [[]]
        self.multiline = False

    def run(self) -> str:
        steps = {"\\": self._escape, "[": self._class, "(": self._group, "{": self._brace}
        while self.at < len(self.pattern):
            char = self.pattern[self.at]
            if char in steps:
                steps[char]()
            else:
                self._plain(char)
        return "".join(self.written) + ")" * len(self.open_flags[0])

    def _write(self, text: str, length: int) -> None:
        self.written.append(text)
        self.at += length

    def _plain(self, char: str) -> None:
        flags = self.open_flags[-1]
        if char == "|":
            self._write(")" * len(flags) + "|" + "".join(flags), 1)
        elif char == ")" and len(self.open_flags) > 1:
            self._write(")" * len(self.open_flags.pop()) + ")", 1)
        elif char == "$" and not self.multiline:
            self._write(r"\Z", 1)
        else:
            self._write(char, 1)
            if char in "*+?":
                self._refuse_possessive()

    def _refuse_possessive(self) -> None:
        if self.pattern.startswith("+", self.at):
            raise BadInput(
                f"the regular expression {self.pattern!r} repeats a repetition at {self.at}; "
                "RE2 has no possessive quantifiers"
            )

    def _escape(self) -> None:
        rest = self.pattern[self.at : self.at + 2]
        hexadecimal = _HEX.match(self.pattern, self.at)
        if hexadecimal:
            self._write(re.escape(chr(int(hexadecimal[1], 16))), len(hexadecimal[0]))
        elif rest == r"\z":
            self._write(r"\Z", 2)
        elif rest == r"\Q":
            end = self.pattern.find(r"\E", self.at)
            end = len(self.pattern) if end < 0 else end
            self._write(re.escape(self.pattern[self.at + 2 : end]), end + 2 - self.at)
        elif rest in (r"\p", r"\P", r"\C"):
            raise UnsupportedPromQL(
                f"the regular expression {self.pattern!r} uses {rest}, which is not evaluated "
                "here; write the characters out as a class"
            )
        elif (rest[1:].isdigit() and rest != r"\0") or rest in (r"\Z", r"\u", r"\U", r"\N"):
            raise BadInput(f"the regular expression {self.pattern!r} uses {rest}, unknown to RE2")
        else:
            self._write(rest, 2)

    def _class(self) -> None:
        start = self.at
        self._write("[", 1)
        if self.pattern.startswith("^", self.at):
            self._write("^", 1)
        if self.pattern.startswith("]", self.at):
            self._write(r"\]", 1)
        while self.at < len(self.pattern) and self.pattern[self.at] != "]":
            posix = _POSIX.match(self.pattern, self.at)
            if posix and posix[2] in _POSIX_CLASSES and not posix[1]:
                self._write(_POSIX_CLASSES[posix[2]], len(posix[0]))
            elif self.pattern[self.at] == "\\":
                self._escape()
            else:
                char = self.pattern[self.at]
                self._write("\\" + char if char in "[&|~" else char, 1)
        if self.at == len(self.pattern):
            raise BadInput(f"the regular expression {self.pattern!r} has no ] for the [ at {start}")
        self._write("]", 1)

    def _group(self) -> None:
        flags = _FLAGS.match(self.pattern, self.at)
        if flags:
            self._flags(flags)
            return
        self.open_flags.append([])
        for named in ("(?P<", "(?<"):
            if self.pattern.startswith(named, self.at) and not self.pattern.startswith(
                ("(?<=", "(?<!"), self.at
            ):
                self._write("(?P<", len(named))
                return
        if self.pattern.startswith("(?", self.at):
            raise BadInput(
                f"the regular expression {self.pattern!r} has a group that RE2 does not know "
                f"at {self.at}"
            )
        self._write("(", 1)

    def _flags(self, flags: re.Match[str]) -> None:
        on, off, end = flags[1], flags[2] or "", flags[3]
        if set(on + off) - set("ims-"):
            raise UnsupportedPromQL(
                f"the regular expression {self.pattern!r} sets flags {flags[0]!r}; "
                "only i, m and s are evaluated here"
            )
        self.multiline |= "m" in on
        opening = f"(?{on}{off}:"
        self._write(opening, len(flags[0]))
        if end == ":":
            self.open_flags.append([])
        else:
            self.open_flags[-1].append(opening)

    def _brace(self) -> None:
        count = _COUNT.match(self.pattern, self.at)
        if count:
            self._write(count[0], len(count[0]))
            self._refuse_possessive()
        else:
            self._write(r"\{", 1)
