"""A slow store on request, so that a rehearsal can show what slowness does to the alerts."""

from __future__ import annotations

import time
from pathlib import Path


def delay_while_file_exists(path: Path) -> None:
    """Sleep for the milliseconds written in the file; not at all if it is missing or empty."""
    try:
        delay_ms = float(path.read_text().strip() or 0)
    except FileNotFoundError:
        return
    time.sleep(delay_ms / 1_000)
