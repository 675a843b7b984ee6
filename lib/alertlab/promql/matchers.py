"""Label matchers and anchored regular expressions (model/labels/matcher.go and regexp.go)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from alertlab.errors import BadInput
from alertlab.go_text import quote
from alertlab.re2 import found_in, group_names, groups_in
from alertlab.units import LabelSet

_PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Matcher(NamedTuple):
    """One condition on a label; ``op`` is ``=``, ``!=``, ``=~`` or ``!~``.

    Regular expressions must match the whole value; a label that a series lacks has the empty
    value (model/labels/matcher.go, Matches).
    """

    name: str
    op: str
    value: str

    def matches(self, value: str) -> bool:
        """Tell whether a label with this value (empty if missing) satisfies the matcher.

        model/labels/matcher.go, Matches.
        """
        if self.op in ("=", "!="):
            return (value == self.value) == (self.op == "=")
        return _matches_whole(self.value, value) == (self.op == "=~")

    def accepted(self, values: Collection[str]) -> set[str]:
        """Return those of the values that satisfy the matcher, in one go."""
        if self.op in ("=", "!="):
            return {value for value in values if self.matches(value)}
        found = compile_re2(self.value).matches(list(values))
        return {value for value, yes in zip(values, found, strict=True) if yes == (self.op == "=~")}

    def with_old_dot(self) -> Matcher:
        """Return the matcher as before 3.0 and in Alertmanager, where a dot is no newline."""
        if self.op in ("=", "!="):
            return self
        return self._replace(value=dot_without_newline(self.value))


def selector_text(matchers: Iterable[Matcher]) -> str:
    """Write matchers as a PromQL selector (promql/parser/printer.go)."""
    parts = (f"{_written_name(one.name)}{one.op}{quote(one.value)}" for one in matchers)
    return "{" + ", ".join(parts) + "}"


def _written_name(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else quote(name)  # quoted: from Prometheus 3 on


def matches_all(matchers: Iterable[Matcher], labels: LabelSet) -> bool:
    """Tell whether a series with these labels satisfies every matcher (labels.Selector)."""
    found = dict(labels)
    return all(matcher.matches(found.get(matcher.name, "")) for matcher in matchers)


def matching(matchers: Iterable[Matcher], series: Sequence[LabelSet]) -> list[int]:
    """Return the positions of the series that satisfy every matcher (tsdb/querier.go)."""
    found = [dict(labels) for labels in series]
    kept = list(range(len(series)))
    for matcher in matchers:
        values = [found[i].get(matcher.name, "") for i in kept]
        accepted = matcher.accepted(set(values))
        kept = [i for i, value in zip(kept, values, strict=True) if value in accepted]
    return kept


def dot_without_newline(pattern: str) -> str:
    """Return the pattern as before 3.0 and in Alertmanager, where a dot is no newline."""
    return f"(?-s:{pattern})"


class Re2:
    """A regular expression that must match whole texts; its dot matches a newline, too.

    Raises BadInput for what RE2 refuses (model/labels/regexp.go, NewFastRegexMatcher).
    """

    def __init__(self, pattern: str) -> None:
        self._names = group_names(pattern)
        self._anchored = f"^(?s:{pattern})$"
        try:
            found_in(pattern, [""])
            found_in(self._anchored, [""])
        except ValueError as error:
            raise BadInput(f"the regular expression {pattern!r} is not valid: {error}") from None

    def matches(self, texts: Sequence[str]) -> list[bool]:
        """Tell for each text whether the pattern matches all of it.

        model/labels/regexp.go, MatchString.
        """
        return found_in(self._anchored, texts)

    def groups(self, texts: Sequence[str]) -> list[dict[str, str] | None]:
        """Return what the groups of each text that matches hold, by number and by name (x).

        Group 0 is the text; a group that took no part is empty (regexp.Regexp.Expand).
        """
        found = groups_in(self._anchored, texts)
        return [
            None if values is None else self._by_name([text, *values])
            for text, values in zip(texts, found, strict=True)
        ]

    def _by_name(self, values: list[str]) -> dict[str, str]:
        named = {name: value for name, value in zip(self._names, values[1:], strict=True) if name}
        return named | {str(number): value for number, value in enumerate(values)}


@lru_cache(maxsize=1024)
def compile_re2(pattern: str) -> Re2:
    """Return the compiled pattern; raises BadInput for what RE2 refuses."""
    return Re2(pattern)


@lru_cache(maxsize=65_536)
def _matches_whole(pattern: str, value: str) -> bool:
    return compile_re2(pattern).matches([value])[0]
