"""``alertlab query``: a range query on a recording or a server."""

from __future__ import annotations

from typing import Annotated

import typer

from alertlab.cli import options
from alertlab.cli.output import print_text

_MAX_ROWS = 20


def query(
    expr: Annotated[str, typer.Argument(help="PromQL.")],
    source: options.SourceOption,
    start: options.StartOption = "",
    end: options.EndOption = "",
    step: Annotated[str, typer.Option(help="Resolution, such as 15s.")] = "1m",
    semantics: options.SemanticsOption = 3,
    max_samples: options.MaxSamplesOption = None,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Evaluate PromQL over a stretch of time; JSON as Prometheus' ``data`` object."""
    from alertlab.serve import encode

    opened, start_ms, end_ms = options.open_at(
        source, start, end, semantics=semantics, max_samples=max_samples, token_env=token_env
    )
    frame = opened.range_query(expr, start_ms, end_ms, options.duration(step, "--step"))
    if not json:
        if frame.labels:
            print_text(frame.to_pandas().tail(_MAX_ROWS).to_string())
        print(f"{len(frame.labels)} series, {len(frame.times)} steps (the last {_MAX_ROWS} shown)")
        return
    print(encode.matrix(frame).decode())
