"""``alertlab query``: a range query on a recording or a server."""

from __future__ import annotations

from typing import Annotated

import typer

from alertlab.cli import options
from alertlab.cli.output import print_json, print_text
from alertlab.units import SECOND_MS

_MAX_ROWS = 20


def query(
    expr: Annotated[str, typer.Argument(help="PromQL.")],
    source: options.SourceOption,
    start: options.StartOption = "",
    end: options.EndOption = "",
    step: Annotated[str, typer.Option(help="Resolution, such as 15s.")] = "1m",
    semantics: options.SemanticsOption = 3,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Evaluate PromQL over a stretch of time; JSON as Prometheus' ``data`` object."""
    opened, start_ms, end_ms = options.open_at(
        source, start, end, semantics=semantics, token_env=token_env
    )
    frame = opened.range_query(expr, start_ms, end_ms, options.duration(step, "--step"))
    if not json:
        if frame.labels:
            print_text(frame.to_pandas().tail(_MAX_ROWS).to_string())
        print(f"{len(frame.labels)} series, {len(frame.times)} steps (the last {_MAX_ROWS} shown)")
        return
    result = [
        {
            "metric": dict(labels),
            "values": [
                [time_ms / SECOND_MS, _text(value)]
                for time_ms, value in zip(
                    frame.times[there].tolist(), values[there].tolist(), strict=True
                )
            ],
        }
        for labels, values, there in zip(frame.labels, frame.values, frame.present, strict=True)
    ]
    print_json({"resultType": "matrix", "result": result})


def _text(value: float) -> str:
    """Write a sample as Prometheus' API does: the shortest text that reads back equal."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value).removesuffix(".0")
