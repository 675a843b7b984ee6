"""``alertlab serve``: Prometheus' read API over a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alertlab.cli import options


def serve(
    recording: Annotated[Path, typer.Argument(help="The recording's folder.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 for any free port.")
    ] = 9090,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    semantics: options.SemanticsOption = 3,
    max_samples: options.MaxSamplesOption = None,
) -> None:
    """Serve a recording as a Prometheus would, until Ctrl-C.

    A query without a time is answered for the end of the recording.
    """
    from alertlab.promql import MAX_SAMPLES
    from alertlab.serve.server import serve as serve_recording
    from alertlab.sources import Recording
    from alertlab.units import format_time

    opened = Recording.open(
        recording,
        semantics=options.known_semantics(semantics),
        max_samples=max_samples or MAX_SAMPLES,
    )
    span = f"{format_time(opened.start_ms)} to {format_time(opened.end_ms)}"
    serve_recording(
        opened,
        host=host,
        port=port,
        announce=lambda url: print(f"{url} serves {recording}: {span}", flush=True),
    )
