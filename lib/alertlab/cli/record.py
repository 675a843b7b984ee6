"""``alertlab record``: raw samples of a live server into a recording."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from alertlab.cli import options


def record(
    source: Annotated[str, typer.Option("--source", help="The http(s) URL of a Prometheus.")],
    out: Annotated[Path, typer.Option("--out", help="The recording's folder.")],
    match: Annotated[list[str], typer.Option("--match", help="A selector; may be repeated.")],
    start: options.StartOption = "",
    end: options.EndOption = "",
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Copy raw samples of a live server into a folder that every command reads."""
    from alertlab.sources.record import record as copy

    opened, start_ms, end_ms = options.open_at(source, start, end, token_env=token_env)
    meta = copy(opened, match, start_ms, end_ms, out)
    for warning in meta["warnings"]:
        print(f"warning of the server: {warning}", file=sys.stderr)
    print(
        f"{out}: {meta['samples']:,} samples of {meta['series']:,} series, "
        f"{meta['bytes'] / meta['samples']:.2f} bytes a sample"
    )
