"""What several charts share: incidents behind them, a time axis, names that stay names."""

from __future__ import annotations

import matplotlib.dates as mdates
import pandas as pd
from matplotlib.axes import Axes

from alertlab.incidents import is_harmless
from alertlab.report import style
from alertlab.units import find_zone

_INCIDENT = {"color": style.COLOURS[5], "alpha": 0.35, "linewidth": 0}
_HARMLESS = {"facecolor": "none", "edgecolor": style.MUTED, "hatch": "///", "linewidth": 0}


def literal(text: str) -> str:
    """Return a text of someone else's, in which a dollar sign starts no formula."""
    return text.replace("$", r"\$")


def mark_incidents(axes: Axes, incidents: pd.DataFrame) -> None:
    """Draw a band behind everything from each incident's start to its end, hatched if harmless."""
    harmless = is_harmless(incidents)
    for name, rows, look in (
        ("incident", incidents[~harmless], _INCIDENT),
        ("harmless", incidents[harmless], _HARMLESS),
    ):
        for i, row in enumerate(rows.itertuples()):
            axes.axvspan(row.start, row.end, label=name if i == 0 else None, **look)


def time_axis(axes: Axes, start_ms: int, end_ms: int, time_zone: str) -> None:
    """Make the x axis one of time, with ticks at round times of the zone; BadInput if none."""
    find_zone(time_zone)
    limits = pd.to_datetime([start_ms, end_ms], unit="ms", utc=True)
    axes.set_xlim(*limits)
    locator = mdates.AutoDateLocator(tz=time_zone, minticks=4, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, tz=time_zone))
    axes.set_xlabel(f"time ({time_zone})")
    axes.grid(axis="y", visible=False)
