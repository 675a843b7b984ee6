"""The charts of what stands behind the service: one panel for each signal of a part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from alertlab.capacity.dependencies import Watched, spells
from alertlab.capacity.signals import RATIO
from alertlab.report import style
from alertlab.report.figures.parts import literal, mark_incidents, time_axis
from alertlab.report.tables import format_quantity

_PANEL_INCHES = 1.35
_NAMED_LINES = 6  # more names than these hide the chart


def signals_over_time(
    watched: Sequence[Watched], incidents: pd.DataFrame, time_zone: str
) -> Figure:
    """Draw each signal in a panel of its own, its bound as a line; those without data say so."""
    rows = max(1, len(watched))
    figure, panels = style.figure(0.6 + _PANEL_INCHES * rows, rows=rows, sharex=True, squeeze=False)
    for axes, one in zip(panels[:, 0], watched, strict=False):
        mark_incidents(axes, incidents)
        _panel(axes, one)
        time_axis(axes, int(one.times_ms[0]) - one.step_ms, int(one.times_ms[-1]), time_zone)
        if axes is not panels[-1, 0]:
            axes.set_xlabel("")
    return figure


def signals_over_time_alt(watched: Sequence[Watched]) -> str:
    """Say in words what ``signals_over_time`` draws."""
    parts = []
    for one in watched:
        if not one.lines:
            parts.append(f"{one.signal.name}: no data")
            continue
        highest = np.nanmax([np.nanmax(line.values, initial=-np.inf) for line in one.lines])
        beyond = len(spells(one))
        tail = f", {beyond} times beyond its bound" if beyond else ""
        parts.append(
            f"{one.signal.name}: at most {format_quantity(float(highest), one.signal.unit)}{tail}"
        )
    return f"{watched[0].signal.part if watched else 'Nothing'} over time. {'; '.join(parts)}."


def _panel(axes: Axes, watched: Watched) -> None:
    signal = watched.signal
    times = pd.to_datetime(watched.times_ms, unit="ms", utc=True)
    for i, line in enumerate(watched.lines):
        axes.plot(
            times,
            line.values,
            color=style.COLOURS[i % len(style.COLOURS)],
            linestyle=style.LINE_STYLES[i % len(style.LINE_STYLES)],
            linewidth=1.0,
            label=literal(line.name),
        )
    if not watched.lines:
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color=style.MUTED)
    elif signal.bound is not None:
        axes.axhline(signal.bound, color=style.INK, linewidth=0.8, linestyle=(0, (2, 2)))
    unit = f" [{signal.unit}]" if signal.unit not in ("", RATIO) else ""
    axes.set_title(literal(signal.name) + unit, fontsize=9, pad=3)
    axes.set_ylim(bottom=0)
    if signal.unit == RATIO:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    else:
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    if 1 < len(watched.lines) <= _NAMED_LINES:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7)
