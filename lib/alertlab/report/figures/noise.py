"""The charts of the noise review: pages by week and hour, and what happened when."""

from __future__ import annotations

from typing import Any

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from alertlab.noise import ALWAYS, NoiseReview
from alertlab.replay import fired
from alertlab.report import style
from alertlab.report.figures.parts import literal, mark_incidents, time_axis
from alertlab.tuning import NIGHT_HOURS
from alertlab.units import DAY_MS

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DARKEST = 0.85  # of the grey scale, for the fullest cell
# An edge of its own keeps a bar of a minute visible in a week.
_FIRING = {"facecolor": style.INK, "edgecolor": style.INK, "linewidth": 1.0}
_MUTED = {"facecolor": "#aab2ba", "edgecolor": "#aab2ba", "linewidth": 1.0}
_MARKS: dict[str, dict[str, Any]] = {
    "page in an incident": {"color": style.COLOURS[0], "marker": "o", "markersize": 6},
    "page": {"color": style.COLOURS[0], "marker": "o", "markersize": 6},
    "false page": {
        "color": style.COLOURS[1],
        "marker": "x",
        "markersize": 6,
        "markeredgewidth": 1.8,
    },
    "repeat": {"color": style.INK, "marker": "D", "markersize": 4, "markerfacecolor": "white"},
}
_TOO_NEAR = 0.012  # of the time shown: nearer marks would lie on each other


def weekly_pages(review: NoiseReview) -> Figure:
    """Draw pages per week, one panel per receiver, true ones below false ones."""
    weekly = review.weekly()
    receivers = list(dict.fromkeys(weekly["receiver"]))
    figure, panels = style.figure(3.0, columns=max(1, len(receivers)), sharey=True, squeeze=False)
    for axes in panels[0]:
        axes.set_xlabel("week beginning")
        axes.grid(axis="x", visible=False)
    for axes, receiver in zip(panels[0], receivers, strict=False):
        axes.set_title(literal(receiver))
        own = weekly[weekly["receiver"] == receiver]
        names = own["week"].dt.tz_convert(review.yardstick.time_zone).dt.strftime("%d %b")
        if not review.yardstick.is_labelled:
            axes.bar(names, own["pages"], color=style.MUTED, label="not labelled")
            continue
        axes.bar(names, own["true"], color=style.COLOURS[0], label="in an incident")
        axes.bar(
            names, own["false"], bottom=own["true"], color="white", hatch=style.HATCHES[1],
            edgecolor=style.COLOURS[1], label="false",
        )  # fmt: skip
    panels[0][0].set_ylabel("pages")
    panels[0][0].yaxis.get_major_locator().set_params(integer=True)
    if receivers:
        panels[0][-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def weekly_pages_alt(review: NoiseReview) -> str:
    """Say in words what ``weekly_pages`` draws."""
    weekly = review.weekly()
    if not review.yardstick.is_labelled:
        weekly["text"] = weekly["pages"].astype(str)
    else:
        weekly["text"] = [
            f"{one.true} in incidents and {one.false} false" for one in weekly.itertuples()
        ]
    parts = [
        f"{receiver}: {', '.join(own['text'])}" for receiver, own in weekly.groupby("receiver")
    ]
    return "Pages per week, oldest first. " + "; ".join(parts) + "."


def page_hours(hours: pd.DataFrame, review: NoiseReview) -> Figure:
    """Draw pages by weekday and hour of the review's time zone, one panel per paged receiver.

    hours : as ``noise.pages_by_hour``
    """
    receivers = list(dict.fromkeys(hours["receiver"]))
    count = max(1, len(receivers))
    figure, panels = style.figure(0.5 + 1.75 * count, rows=count, sharex=True, squeeze=False)
    most = hours["pages"].max() if len(hours) else 1
    for axes, receiver in zip(panels[:, 0], receivers or ["nobody was paged"], strict=True):
        own = hours[hours["receiver"] == receiver]
        _week_grid(axes, own, most)
        axes.set_title(literal(receiver))
    panels[-1, 0].set_xlabel(f"hour of the day ({review.yardstick.time_zone})")
    return figure


def page_hours_alt(hours: pd.DataFrame, review: NoiseReview) -> str:
    """Say in words what ``page_hours`` draws."""
    parts = []
    for receiver, own in hours.groupby("receiver"):
        by_hour = own.groupby("hour")["pages"].sum()
        parts.append(
            f"{receiver}: {own['pages'].sum()} pages, {own['pages'][own['night']].sum()} of them "
            f"at night, most from {by_hour.idxmax()} o'clock ({by_hour.max()})"
        )
    return (
        f"Pages by weekday and hour ({review.yardstick.time_zone}). {'; '.join(parts) or 'None'}."
    )


def _week_grid(axes: Axes, cells: pd.DataFrame, most: int) -> None:
    """Draw one receiver's pages, a cell for each hour of the week, its count in it."""
    grid = np.zeros((7, 24))
    grid[cells["weekday"], cells["hour"]] = cells["pages"]
    axes.pcolormesh(
        np.arange(25), np.arange(8), grid * _DARKEST / most, cmap="Greys", vmin=0, vmax=1,
        edgecolors=style.GRID, linewidth=0.5,
    )  # fmt: skip
    for day, hour in zip(*np.nonzero(grid), strict=True):
        shade = grid[day, hour] / most
        axes.text(
            hour + 0.5, day + 0.5, f"{grid[day, hour]:.0f}", ha="center", va="center", fontsize=8,
            color="white" if shade > 0.5 else style.INK,
        )  # fmt: skip
    for part in NIGHT_HOURS:
        axes.hlines(7.25, part.start, part.stop, color=style.INK, linewidth=3, clip_on=False)
    axes.set_yticks(np.arange(7) + 0.5, _WEEKDAYS, fontsize=8)
    axes.set_xticks(np.arange(0, 25, 3))
    axes.set_ylim(7.3, 0)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def timeline(review: NoiseReview, muted: pd.DataFrame, *, days: float = 7) -> Figure:
    """Draw the last ``days``: when each rule fired and was muted, its pages, incidents behind.

    muted : as ``noise.muted_time``
    """
    end_ms = review.span.end_ms
    start_ms = max(review.span.start_ms, end_ms - int(days * DAY_MS))
    start, end = (pd.Timestamp(ms, unit="ms", tz="UTC") for ms in (start_ms, end_ms))
    shot = fired(review.episodes)
    shot = shot[~(shot["resolved_at"] < start)]
    told = review.rules[review.rules["state"] != ALWAYS]
    names = [name for name in told["rule"] if name in set(shot["rule"])]
    figure, axes = style.figure(1.6 + 0.48 * max(1, len(names)))
    mark_incidents(axes, review.yardstick.incidents)
    _name_incidents(axes, review.yardstick.incidents, start, end)
    marks = _marks(review, start)
    for y, name in enumerate(names):
        own, still = shot[shot["rule"] == name], muted[muted["rule"] == name]
        _bars(axes, y, own["fired_at"], own["resolved_at"].fillna(end), **_FIRING)
        _bars(axes, y, still["start"], still["end"], **_MUTED)
        for kind in _MARKS:
            at = marks["at"][(marks["rule"] == name) & (marks["kind"] == kind)]
            _mark(axes, y, at, (end - start) * _TOO_NEAR, kind)
    _timeline_legend(figure, axes, set(marks["kind"]), is_muted=(muted["end"] > start).any())
    axes.set_yticks(range(len(names)), [literal(name) for name in names])
    axes.set_ylim(len(names) - 0.35, -0.9)
    time_axis(axes, start_ms, end_ms, review.yardstick.time_zone)
    return figure


def timeline_alt(review: NoiseReview, muted: pd.DataFrame, *, days: float = 7) -> str:
    """Say in words what ``timeline`` draws."""
    pages = review.recent_pages(days=days)
    counts = pages.groupby("rule")["incident"].agg(["size", "count"])
    parts = [
        f"{name} {row['size']} ({row['count']} in incidents)" for name, row in counts.iterrows()
    ]
    start = pd.Timestamp(review.span.end_ms - int(days * DAY_MS), unit="ms", tz="UTC")
    repeats = int((review.repeats()["at"] >= start).sum())
    still = sorted(set(muted["rule"][muted["end"] > start]))
    return (
        f"Pages of the last {days:g} days per rule: {', '.join(parts) or 'none'}. "
        f"Repeats: {repeats or 'none'}. Muted for a time: {', '.join(still) or 'none'}."
    )


def _name_incidents(
    axes: Axes, incidents: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp
) -> None:
    """Write the incidents' ids above the axes; one too near the last is left without."""
    last = start - (end - start)
    for row in incidents.itertuples():
        if start <= row.start < end and row.start - last > (end - start) * _TOO_NEAR * 2:
            axes.annotate(
                literal(row.id), (row.start, 1.01), xycoords=("data", "axes fraction"),
                rotation=30, ha="left", va="bottom", fontsize=7.5, color=style.MUTED,
                rotation_mode="anchor",
            )  # fmt: skip
            last = row.start


def _marks(review: NoiseReview, start: pd.Timestamp) -> pd.DataFrame:
    """Return what is marked from ``start`` on: ``at``, ``rule``, ``kind`` (of _MARKS)."""
    page = "page in an incident" if review.yardstick.is_labelled else "page"
    pages = review.pages.assign(kind=np.where(review.pages["false"], "false page", page))
    marks = pd.concat([pages, review.repeats().assign(kind="repeat")], ignore_index=True)
    return marks.loc[marks["at"] >= start, ["at", "rule", "kind"]]


def _bars(axes: Axes, y: float, since: pd.Series, until: pd.Series, **look: Any) -> None:
    left, right = mdates.date2num(since), mdates.date2num(until)
    axes.barh([y] * len(left), right - left, left=left, height=0.34, **look)


def _mark(axes: Axes, y: float, at: pd.Series, too_near: pd.Timedelta, kind: str) -> None:
    """Mark times above a row, repeats below; those too near a mark are counted beside it."""
    lane = y + 0.36 if kind == "repeat" else y - 0.42
    rest = at.sort_values()
    while len(rest):
        first = rest.iloc[0]
        count = int((rest < first + too_near).sum())
        axes.plot(first, lane, linestyle="", **_MARKS[kind])
        if count > 1:
            axes.annotate(
                str(count), (first, lane), xytext=(5, 0), fontsize=8,
                textcoords="offset points", va="center",
            )  # fmt: skip
        rest = rest.iloc[count:]


def _timeline_legend(figure: Figure, axes: Axes, kinds: set[str], *, is_muted: bool) -> None:
    """Explain what is drawn, and nothing else."""
    handles = axes.get_legend_handles_labels()[0]
    handles.append(Patch(label="firing", **_FIRING))
    if is_muted:
        handles.append(Patch(label="firing, but muted", **_MUTED))
    handles += [
        Line2D([], [], linestyle="", label=kind, **look)
        for kind, look in _MARKS.items()
        if kind in kinds
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
