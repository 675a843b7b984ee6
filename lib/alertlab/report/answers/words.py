"""Words that the answers of several reports share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32


def join(names: Sequence[str]) -> str:
    """Write names as a list: ``a``, ``a and b``, ``a, b and c``."""
    *most, last = list(names)
    return f"{', '.join(most)} and {last}" if most else last


def slug_of(name: str) -> str:
    """Return a finding's id for a name, another one for every name."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "rule"
    # What the slug loses (Hangul, for instance) must not make two rules one.
    return slug if slug == name.lower() else f"{slug}-{crc32(name.encode()):08x}"


def plural(count: int, word: str) -> str:
    """Write a count with its noun: ``1 page``, ``2 pages``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
