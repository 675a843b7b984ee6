"""The options that several commands share, in the words of the glossary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alertlab.errors import BadInput
from alertlab.units import parse_duration

if TYPE_CHECKING:
    from alertlab.sources import Source

SourceOption = Annotated[
    str, typer.Option("--source", help="A recording's folder, or the http(s) URL of a Prometheus.")
]
StartOption = Annotated[
    str, typer.Option("--start", help="RFC 3339 or unix seconds; default: 28d before the end.")
]
EndOption = Annotated[
    str, typer.Option("--end", help="RFC 3339 or unix seconds; default: the end of the data.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SemanticsOption = Annotated[
    int, typer.Option("--semantics", help="PromQL of Prometheus 3 or 2 (2.42), on recordings.")
]
MaxSamplesOption = Annotated[
    int | None,
    typer.Option(min=1, help="What a query may hold at once, on recordings."),
]
IntervalOption = Annotated[
    str,
    typer.Option("--evaluation-interval", help="Of rule groups that state none (Prometheus: 1m)."),
]
SlotOffsetOption = Annotated[
    str, typer.Option("--slot-offset", help="Moves evaluation times from start + k * interval.")
]
TokenEnvOption = Annotated[
    str, typer.Option("--token-env", help="NAME of the variable that holds the bearer token.")
]
RulesArgument = Annotated[list[Path], typer.Argument(help="Rule files.")]
AlertmanagerOption = Annotated[
    Path | None, typer.Option("--alertmanager", help="Alertmanager's configuration.")
]


def open_at(
    where: str,
    start: str,
    end: str,
    *,
    semantics: int = 3,
    max_samples: int | None = None,
    token_env: str = "PROMETHEUS_TOKEN",
) -> tuple[Source, int, int]:
    """Open a source and return it with start and end [ms], filled in where not given."""
    from alertlab.promql import MAX_SAMPLES
    from alertlab.sources import history_span, open_source

    source = open_source(
        where,
        semantics=known_semantics(semantics),
        max_samples=max_samples or MAX_SAMPLES,
        token_env=token_env,
    )
    start_ms, end_ms = history_span(source.start_ms, source.end_ms, start=start, end=end)
    return source, start_ms, end_ms


def known_semantics(semantics: int) -> int:
    """Return ``--semantics`` if it is 2 or 3; else refuse it."""
    if semantics not in (2, 3):
        raise BadInput(f"--semantics is 2 or 3, not {semantics}")
    return semantics


def duration(text: str, option: str) -> int:
    """Return an option's duration [ms]; BadInput names the option."""
    try:
        return parse_duration(text)
    except BadInput as error:
        raise BadInput(f"{option}: {error}") from None


def progress(what: str) -> object:
    """Return a wrapper for long lists that shows a bar on stderr, on terminals only."""
    from tqdm import tqdm

    def track(items: list) -> Iterable:
        return tqdm(items, desc=what, leave=False, disable=None)

    return track


@contextmanager
def progress_of(what: str, total: int, unit: str) -> Iterator[Callable[[int], object]]:
    """Give a function that moves a bar on stderr by so many units, on terminals only."""
    from tqdm import tqdm

    bar = tqdm(desc=what, total=total, unit=unit, unit_scale=True, leave=False, disable=None)
    with bar:
        yield bar.update
