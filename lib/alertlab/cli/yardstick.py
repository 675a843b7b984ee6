"""The options by which pages and incidents are measured, for ``tune`` and ``diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alertlab.cli import options

if TYPE_CHECKING:
    from alertlab.tuning import Yardstick

IncidentsOption = Annotated[
    Path | None,
    typer.Option("--incidents", help="Labelled incidents: YAML, CSV or a paging tool's export."),
]
MarginBeforeOption = Annotated[
    str, typer.Option("--margin-before", help="A page so long before an incident belongs to it.")
]
MarginAfterOption = Annotated[
    str, typer.Option("--margin-after", help="A page so long after an incident belongs to it.")
]
TimeZoneOption = Annotated[
    str, typer.Option("--time-zone", help="Where people sleep, for night pages.")
]


def yardstick_of(
    *,
    incidents: Path | None,
    margin_before: str,
    margin_after: str,
    alertmanager: Path | None,
    alertmanager_version: str,
    prometheus: Path | None,
    silences: Path | None,
    paging_receivers: str,
    time_zone: str = "UTC",
) -> Yardstick:
    """Return what settings are measured by, as the options say."""
    from alertlab import load_alertmanager, load_incidents
    from alertlab.incidents import Margins, no_incidents
    from alertlab.notify import CURRENT, load_silences, single_receiver
    from alertlab.tuning import Yardstick

    version = alertmanager_version or CURRENT
    config = single_receiver()
    if alertmanager is not None:
        config = load_alertmanager(alertmanager, version=version)
    return Yardstick(
        incidents=no_incidents() if incidents is None else load_incidents(incidents),
        margins=Margins(
            options.duration(margin_before, "--margin-before"),
            options.duration(margin_after, "--margin-after"),
        ),
        config=config,
        sending=options.sending(prometheus),
        silences=() if silences is None else load_silences(silences),
        time_zone=time_zone,
        paging_receivers=tuple(options.receivers(paging_receivers, config)),
    )
