"""``alertlab reports``: the page that lists past runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def reports(
    out: Annotated[Path, typer.Option("--out", help="The folder of reports.")] = Path("reports"),
) -> None:
    """Write the index of past runs and print its path."""
    from alertlab.runs import write_index

    print(write_index(out))
