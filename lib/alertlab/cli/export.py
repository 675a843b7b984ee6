"""``alertlab export``: a recording in a foreign format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from alertlab.cli.options import progress_of

app = typer.Typer(no_args_is_help=True, help="Write a recording in a foreign format.")


@app.callback()
def _export() -> None:
    """Write a recording in a foreign format."""


@app.command()
def openmetrics(
    recording: Annotated[Path, typer.Argument(help="The recording's folder.")],
    out: Annotated[Path, typer.Option("--out", help="The text file.")],
) -> None:
    """Export OpenMetrics text, for promtool tsdb create-blocks-from openmetrics."""
    from alertlab.sources import Recording
    from alertlab.sources.openmetrics_export import export_openmetrics

    opened = Recording.open(recording)
    with progress_of("writing", opened.meta["samples"], " samples") as advance:
        written = export_openmetrics(opened, out, advance=advance)
    if written.stale_markers:
        print(
            f"{written.stale_markers:,} stale markers are lost, because the format has none: a "
            "series that ended stays visible for 5m",
            file=sys.stderr,
        )
    print(
        f"{out}: {written.samples:,} samples of {written.series:,} series, {written.bytes:,} bytes"
    )
