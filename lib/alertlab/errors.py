"""What can go wrong, as sentences for people; each class knows its exit code."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar


class AlertlabError(Exception):
    """A failure that is told in one sentence: what, where, what to do."""

    exit_code: ClassVar[int] = 1


class ServerError(AlertlabError):
    """A server could not be reached or refused; the input may be fine."""


class RunError(AlertlabError):
    """A notebook run or another job of ours failed."""


class BadInput(AlertlabError):
    """Something the user gave is wrong: a file, a rule, a parameter, a time."""

    exit_code: ClassVar[int] = 2


class EvaluationFailed(BadInput):
    """An expression fails on the data of some time; at other times it may not."""


class UnsupportedPromQL(BadInput):
    """An expression needs a part of PromQL that is not evaluated here."""


class UnsupportedTemplate(BadInput):
    """A label or annotation needs a part of Go's templates that is not expanded here."""


def require_file(path: str | os.PathLike[str], what: str) -> Path:
    """Return ``path`` as a Path, or refuse it in a sentence that says what it should have been."""
    found = Path(path)
    if not found.is_file():
        raise BadInput(f"{what} {found} does not exist or is not a file")
    return found


def known_name(name: str, known: Iterable[str], what: str) -> str:
    """Return ``name`` if it is one of ``known``; else refuse it and list the known ones."""
    names = sorted(known)
    if name not in names:
        raise BadInput(f"unknown {what} {name!r}; there are: {', '.join(names) or 'none'}")
    return name
