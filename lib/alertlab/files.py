"""Files that are written whole or not at all, by one writer at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other writers of a folder waiting.

    The folder is locked, as a lock of a file would be lost when that is replaced.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a file to write beside ``target``, which it then replaces with the same permissions.

    Its name ends as the target's does.  Nothing is left behind where writing fails; a new file
    may be read by all.
    """
    descriptor, name = tempfile.mkstemp(f"-{target.name}", ".", target.parent)
    os.close(descriptor)
    fresh = Path(name)
    try:
        fresh.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        yield fresh
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
