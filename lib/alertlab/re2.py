"""Regular expressions by RE2 itself, whose syntax and answers are Go's; Arrow brings it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_GROUP = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\."  # quoted text and escapes are passed over,
    r"|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]"  # so are classes;
    r"|\((?:\?P?<(?P<name>\w+)>|(?!\?))",  # what remains opens a group
    re.DOTALL,
)
_GROUP_IN_TEMPLATE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")
_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))|\\")
_LAST_GROUP = 9  # that a replacement may name
_ANY_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\C")


def found_in(pattern: str, texts: Sequence[str]) -> list[bool]:
    """Tell for each text whether the pattern matches a part of it (Regexp.MatchString).

    Raises ValueError with RE2's reason for a pattern that it, or Go, refuses.
    """
    if _ANY_BYTE.search(pattern):
        raise ValueError("invalid escape sequence: \\C")
    return _call("match_substring_regex", texts, pattern)


def groups_in(pattern: str, texts: Sequence[str]) -> list[list[str] | None]:
    """Return what the groups of the first match hold, None where a text has no match.

    A group that took no part is empty.  Raises ValueError as ``found_in``.
    """
    count = 0

    def numbered(opened: re.Match[str]) -> str:
        nonlocal count
        count += opened[0].startswith("(")
        return f"(?P<_{count}>" if opened[0].startswith("(") else opened[0]

    # Arrow wants all groups to have names, and one group at least.
    named = "(?P<_>)" + _GROUP.sub(numbered, pattern)
    found = _call("extract_regex", texts, named)
    numbers = [f"_{number}" for number in range(1, count + 1)]
    return [None if one is None else [one[number] for number in numbers] for one in found]


def group_names(pattern: str) -> list[str]:
    """Return the names of a pattern's groups, empty for those without (Regexp.SubexpNames)."""
    return [one["name"] or "" for one in _GROUP.finditer(pattern) if one[0].startswith("(")]


def expanded(template: str, groups: Mapping[str, str]) -> str:
    """Return a template with its groups put in, unknown ones empty (Regexp.Expand)."""

    def group(reference: re.Match[str]) -> str:
        return "$" if reference[1] else groups.get(reference[2] or reference[3], "")

    return _GROUP_IN_TEMPLATE.sub(group, template)


def replaced_in(pattern: str, replacement: str, texts: Sequence[str]) -> list[str]:
    """Return the texts with every match replaced (Regexp.ReplaceAllString).

    ``$1`` and ``${name}`` in the replacement are groups, unknown ones empty.  Raises ValueError as
    ``found_in``, and for a group beyond the ninth.
    """
    names = group_names(pattern)

    def rewritten(reference: re.Match[str]) -> str:
        dollar, name = reference[1], reference[2] or reference[3]
        if not name:
            return dollar or r"\\"
        number = int(name) if name.isdecimal() else names.index(name) + 1 if name in names else -1
        if _LAST_GROUP < number <= len(names):
            raise ValueError(f"group {number} in a replacement; 9 is the last that can be named")
        return f"\\{number}" if 0 <= number <= len(names) else ""

    return _call("replace_substring_regex", texts, pattern, _REFERENCE.sub(rewritten, replacement))


def _call(function: str, texts: Sequence[str], pattern: str, *more: str) -> list[Any]:
    # Takes 0.15 s to import: only who has a regular expression waits for it.
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return getattr(pc, function)(pa.array(texts, pa.string()), pattern, *more).to_pylist()
    except UnicodeEncodeError:
        raise ValueError("invalid UTF-8") from None
    except pa.ArrowInvalid as error:
        raise ValueError(str(error).removeprefix("Invalid regular expression: ")) from None
