"""``alertlab import``: foreign data into a recording."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alertlab.cli.options import progress_of

if TYPE_CHECKING:
    from alertlab.sources.gathered import Imported

app = typer.Typer(no_args_is_help=True, help="Write foreign data into a recording.")

_File = Annotated[Path, typer.Argument(help="The file to read.")]
_Out = Annotated[Path, typer.Option("--out", help="The recording's folder.")]


@app.command()
def openmetrics(file: _File, out: _Out) -> None:
    """Import OpenMetrics text, or Prometheus' text format, with timestamps.

    What ends with "# EOF" is OpenMetrics, in seconds; else timestamps are milliseconds.
    """
    from alertlab.sources.openmetrics_import import import_openmetrics

    _report(file, out, lambda advance: import_openmetrics(file, out, advance=advance))


@app.command()
def csv(
    file: _File,
    out: _Out,
    metric: Annotated[str, typer.Option("--metric", help="The name of all series.")] = "",
    wide: Annotated[bool, typer.Option("--wide", help="A time, then one column a series.")] = False,
    timezone: Annotated[
        str, typer.Option("--timezone", help="Of times that state none, such as Asia/Seoul.")
    ] = "",
) -> None:
    """Import a CSV table: timestamp, value, and labels in all other columns.

    With --wide every column but the first is a series, named like up{job="a"}.

    With --wide and --metric any header is the value of the label "column".

    Times: RFC 3339, unix seconds or YYYY-MM-DD HH:MM:SS.  Empty cells are missing samples.
    """
    from alertlab.sources.csv_import import import_csv

    _report(
        file,
        out,
        lambda advance: import_csv(
            file, out, metric=metric, wide=wide, zone=timezone, advance=advance
        ),
    )


def _report(file: Path, out: Path, imported: Callable[[Callable[[int], object]], Imported]) -> None:
    size = file.stat().st_size if file.is_file() else 0
    with progress_of("reading", size, "B") as advance:
        meta, notices = imported(advance)
    for notice in notices:
        print(notice, file=sys.stderr)
    print(
        f"{out}: {meta['samples']:,} samples of {meta['series']:,} series, "
        f"{meta['bytes'] / meta['samples']:.2f} bytes a sample"
    )
