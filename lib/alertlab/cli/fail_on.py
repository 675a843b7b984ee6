"""``--fail-on 'false_pages_per_week>1'``: findings that end a command with exit code 3."""

from __future__ import annotations

import math
import operator
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Annotated, Any

import typer

from alertlab.errors import BadInput

FailOnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on",
        metavar="KEY>NUMBER",
        help="Exit with 3 if a number of the JSON document crosses a limit; may be repeated.",
    ),
]
FOUND_EXIT_CODE = 3
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_LIMIT = re.compile(r"\s*(?P<key>[^<>=\s]+)\s*(?P<op>>=|<=|>|<)\s*(?P<number>[^<>=\s]+)\s*")


@dataclass(frozen=True)
class Limit:
    """A number of a JSON document, by its dotted path, and what it must not be."""

    key: str
    op: str
    number: float

    def __str__(self) -> str:
        return f"{self.key}{self.op}{self.number:g}"


def parse_limits(texts: Iterable[str] | None) -> list[Limit]:
    """Return the limits that ``--fail-on`` was given; BadInput for what is none."""
    return [_parse(text) for text in texts or ()]


def crossed(limits: Sequence[Limit], document: Any) -> list[str]:
    """Return one sentence for each limit that a JSON document crosses.

    Of an interval its mid counts, of a list how many it holds.  A number that is missing crosses
    nothing, which is said on stderr.  BadInput for a key that the document does not have.
    """
    known = dict(_numbers(document, ""))
    found = []
    for limit in limits:
        number = _number(known, limit)
        if number is None:
            print(f"--fail-on {limit}: {limit.key} is not known here", file=sys.stderr)
        elif _COMPARISONS[limit.op](number, limit.number):
            found.append(f"--fail-on {limit}: {limit.key} is {number:.6g}")
    return found


def _number(known: Mapping[str, float | None], limit: Limit) -> float | None:
    """Return the number that a limit is about, None if it or what it belongs to is missing."""
    parts = limit.key.split(".")
    for length in range(1, len(parts) + 1):
        key = ".".join(parts[:length])
        if key in known and (length == len(parts) or known[key] is None):
            return known[key]
    keys = ", ".join(sorted(known)) or "none"
    raise BadInput(f"--fail-on {limit}: there is no number {limit.key!r}; there are: {keys}")


def leave(sentences: Sequence[str]) -> None:
    """Say what was crossed and end the command with exit code 3; do nothing if nothing was."""
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    if sentences:
        raise typer.Exit(FOUND_EXIT_CODE)


def _parse(text: str) -> Limit:
    found = _LIMIT.fullmatch(text)
    try:
        number = float(found["number"]) if found else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadInput(
            f"--fail-on {text!r} is no limit; write it like 'false_pages_per_week>1', "
            "with >, >=, < or <="
        )
    return Limit(found["key"], found["op"], number)


def _numbers(value: Any, key: str) -> Iterator[tuple[str, float | None]]:
    """Give the dotted paths of a document's numbers; None for one that is missing."""
    if isinstance(value, Mapping):
        if set(value) >= {"low", "mid", "high"}:
            yield key, value["mid"]
            return
        for name, one in value.items():
            yield from _numbers(one, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        yield key, len(value)
    elif value is None or (isinstance(value, Real) and not isinstance(value, bool)):
        yield key, None if value is None or math.isnan(value) else float(value)
