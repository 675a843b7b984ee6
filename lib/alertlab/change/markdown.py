"""Markdown for pull requests, in which label values and names cannot do anything but be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from alertlab.units import Interval, format_duration

MISSING = "–"
_SPECIAL = re.compile(r"([\\`*_\[\]|~])")
_FENCE = re.compile(r"`+")
_LINKED = re.compile(r"[@#].|://|www\.")  # what a forge makes links and mentions of
_NOTHING = "\u200b"


def code(text: str) -> str:
    """Return untrusted text as an inline code span: no markup, no mention, no link comes of it."""
    line = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    if not line:
        return "` `"
    ticks = "`" * (1 + max((len(run) for run in _FENCE.findall(line)), default=0))
    pad = " " if len(ticks) > 1 else ""
    # In a table a bar ends the cell, in code too, but for an escaped one.
    return f"{ticks}{pad}{line.replace('|', chr(92) + '|')}{pad}{ticks}"


def plain(text: str) -> str:
    """Return a sentence of ours as text, whatever it quotes."""
    line = " ".join(text.split())
    for letter, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        line = line.replace(letter, entity)
    line = _SPECIAL.sub(r"\\\1", line)
    return _LINKED.sub(lambda found: f"{found[0][:-1]}{_NOTHING}{found[0][-1]}", line)


def block(text: str, language: str) -> str:
    """Return text as a fenced block that nothing within it can end."""
    longest = max((len(run) for run in _FENCE.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """Return a table of cells that are Markdown already; the first ``words`` columns stand left."""
    sides = [*[":---"] * words, *["---:"] * (len(headings) - words)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headings, sides, *rows))


def number(value: float | Interval | None, unit: str = "") -> str:
    """Return a number, with its interval if it has one; ``%`` takes ratios, ``s`` seconds."""
    if value is None:
        return MISSING
    if not isinstance(value, Interval):
        return _number(value, unit)
    ends = f"{_number(value.low, unit)} to {_number(value.high, unit)}"
    return f"{_number(value.mid, unit)} ({ends})"


def source_label(provenance: dict[str, object]) -> str:
    """Return where numbers come from, without what an address may hold of secrets."""
    location = str(provenance.get("location", ""))
    if "://" in location:
        parts = urlsplit(location)
        port = f":{parts.port}" if parts.port else ""
        location = f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
    return f"{provenance.get('kind', 'source')} {location}"


def _number(value: float, unit: str) -> str:
    if value == float("inf"):
        return "unknown"
    if unit == "%":
        return f"{value:.0%}"
    if unit == "s":
        return format_duration(round(value) * 1000)
    return f"{value:,.1f}"
