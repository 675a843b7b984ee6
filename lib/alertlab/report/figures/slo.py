"""The charts of the report on objectives: what is left of each error budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alertlab.report import style
from alertlab.report.figures.parts import literal, mark_incidents, time_axis
from alertlab.slo import BurnHistory

_LOWEST = -1.0  # of the budget; an objective further down is drawn at the edge


def budgets_left(
    histories: Sequence[BurnHistory], incidents: pd.DataFrame, time_zone: str
) -> Figure:
    """Draw how much of each budget was left, hour by hour, one panel for each kind of objective."""
    kinds = list(dict.fromkeys(one.objective.kind for one in histories))
    figure, panels = style.figure(
        0.8 + 2.2 * max(1, len(kinds)), rows=max(1, len(kinds)), sharex=True, squeeze=False
    )
    for axes, kind in zip(panels[:, 0], kinds, strict=False):
        own = [one for one in histories if one.objective.kind == kind]
        mark_incidents(axes, incidents)
        _budgets(axes, own)
        axes.set_title(kind)
        time_axis(axes, int(own[0].times_ms[0]), int(own[0].times_ms[-1]), time_zone)
        if axes is not panels[-1, 0]:
            axes.set_xlabel("")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
    return figure


def budgets_left_alt(histories: Sequence[BurnHistory]) -> str:
    """Say in words what ``budgets_left`` draws."""
    parts = [
        f"{one.objective.name} {one.left.low:.0%}" if one.left else f"{one.objective.name} unknown"
        for one in histories
    ]
    return f"Error budgets over time; left at the end: {', '.join(parts)}."


def _budgets(axes: Axes, histories: Sequence[BurnHistory]) -> None:
    for i, one in enumerate(histories):
        axes.plot(
            pd.to_datetime(one.times_ms, unit="ms", utc=True),
            np.maximum(one.budget_left_ratio, _LOWEST),
            color=style.COLOURS[i % len(style.COLOURS)],
            linestyle=style.LINE_STYLES[i % len(style.LINE_STYLES)],
            label=literal(one.objective.name),
        )
    axes.axhline(0, color=style.INK, linewidth=1)
    lowest = np.nanmin([np.nanmin(one.budget_left_ratio, initial=1.0) for one in histories])
    axes.set_ylim(max(_LOWEST, min(0.0, float(lowest))) - 0.05, 1.05)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_ylabel("budget left")
