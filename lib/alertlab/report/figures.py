"""The charts of the reports; each takes frames and returns a figure with its own words."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alertlab.noise import ALWAYS, NoiseReview
from alertlab.replay import EvaluatedRule, fired
from alertlab.report import style
from alertlab.tuning import Score, Tuning
from alertlab.units import DAY_MS, format_duration

_INCIDENT = {"color": style.COLOURS[5], "alpha": 0.35, "linewidth": 0}
_ALWAYS_RATIO = 0.5  # of the time outside incidents
_MAX_POINTS = 4_000  # more than twice a figure's pixels across


def weekly_pages(review: NoiseReview) -> Figure:
    """Draw pages per week, one panel per receiver, true ones below false ones."""
    weekly = review.weekly()
    receivers = list(dict.fromkeys(weekly["receiver"]))
    figure, panels = style.figure(3.0, columns=max(1, len(receivers)), sharey=True, squeeze=False)
    for axes in panels[0]:
        axes.set_xlabel("week beginning")
        axes.grid(axis="x", visible=False)
    for axes, receiver in zip(panels[0], receivers, strict=False):
        axes.set_title(_literal(receiver))
        own = weekly[weekly["receiver"] == receiver]
        names = own["week"].dt.tz_convert(review.time_zone).dt.strftime("%d %b")
        if not review.labelled:
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
    if not review.labelled:
        weekly["text"] = weekly["pages"].astype(str)
    else:
        weekly["text"] = [
            f"{one.true} in incidents and {one.false} false" for one in weekly.itertuples()
        ]
    parts = [
        f"{receiver}: {', '.join(own['text'])}" for receiver, own in weekly.groupby("receiver")
    ]
    return "Pages per week, oldest first. " + "; ".join(parts) + "."


def timeline(review: NoiseReview, *, days: float = 7) -> Figure:
    """Draw the last ``days``: when each rule fired, its pages, and the incidents behind them."""
    end_ms = review.span.end_ms
    start_ms = max(review.span.start_ms, end_ms - int(days * DAY_MS))
    shot = fired(review.episodes)
    shot = shot[~(shot["resolved_at"] < pd.Timestamp(start_ms, unit="ms", tz="UTC"))]
    told = review.rules[review.rules["state"] != ALWAYS]
    names = [name for name in told["rule"] if name in set(shot["rule"])]
    figure, axes = style.figure(0.9 + 0.34 * max(1, len(names)))
    _mark_incidents(axes, review.incidents)
    last = pd.Timestamp(end_ms, unit="ms", tz="UTC")
    told_page = {"color": style.COLOURS[0], "marker": "o", "linestyle": ""}
    false_page = {"color": style.COLOURS[1], "marker": "x", "linestyle": ""}
    for y, name in enumerate(names):
        own = shot[shot["rule"] == name]
        since, until = own["fired_at"], own["resolved_at"].fillna(last)
        axes.barh(
            [y] * len(own), mdates.date2num(until) - mdates.date2num(since),
            left=mdates.date2num(since), height=0.5, color=style.INK,
        )  # fmt: skip
        pages = review.pages[review.pages["rule"] == name]
        for chosen, marks in ((~pages["false"], told_page), (pages["false"], false_page)):
            at = pages["at"][chosen]
            axes.plot(at, [y - 0.36] * len(at), markersize=5, **marks)
    axes.plot([], [], label="page in an incident" if review.labelled else "page", **told_page)
    if review.labelled:
        axes.plot([], [], label="false page", **false_page)
    axes.set_yticks(range(len(names)), [_literal(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.8)
    _time_axis(axes, start_ms, end_ms, review.time_zone)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def timeline_alt(review: NoiseReview, *, days: float = 7) -> str:
    """Say in words what ``timeline`` draws."""
    pages = review.recent_pages(days=days)
    counts = pages.groupby("rule")["incident"].agg(["size", "count"])
    parts = [
        f"{name} {row['size']} ({row['count']} in incidents)" for name, row in counts.iterrows()
    ]
    return f"Pages of the last {days:g} days per rule: {', '.join(parts) or 'none'}."


def rule_values(
    evaluated: EvaluatedRule, incidents: pd.DataFrame, *, time_zone: str, unit: str
) -> Figure:
    """Draw what a rule compares (largest series at each time) with its threshold and incidents."""
    frame = evaluated.frame
    shown = evaluated.reported
    threshold = evaluated.threshold
    worst = np.fmax if threshold.rising else np.fmin
    values = np.where(frame.present, frame.values, np.nan)
    line = worst.reduce(values, axis=0, initial=np.nan)[shown]
    times, line = _thin(frame.times[shown], line, worst)
    figure, axes = style.figure(3.2)
    _mark_incidents(axes, incidents)
    axes.plot(pd.to_datetime(times, unit="ms", utc=True), line, linewidth=0.9, linestyle="-")
    axes.axhline(
        threshold.value, color=style.COLOURS[1], linestyle=style.LINE_STYLES[1],
        label=f"threshold {threshold.op} {threshold.value:g}",
    )  # fmt: skip
    axes.set_ylabel(_literal(unit))
    axes.set_ylim(bottom=np.min(line, initial=0.0, where=np.isfinite(line)))
    _time_axis(axes, int(times[0]), int(times[-1]), time_zone)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def rule_values_alt(evaluated: EvaluatedRule, incidents: pd.DataFrame) -> str:
    """Say in words what ``rule_values`` draws."""
    above = evaluated.above_share()
    limit = evaluated.threshold
    return (
        f"The compared value lies beyond the threshold {limit.op} {limit.value:g} at "
        f"{above:.2%} of the evaluations; {len(incidents)} incidents are marked."
    )


def trade_off(tunings: Sequence[tuple[str, Tuning]]) -> Figure:
    """Draw incidents caught against false pages a week: fronts, current and recommended points."""
    figure, axes = style.figure(3.6)
    for i, (reading, tuning) in enumerate(tunings):
        name = _literal(reading)
        colour, marker = style.COLOURS[i], style.MARKERS[i]
        front = sorted(tuning.front, key=_trade)
        axes.plot(
            *zip(*map(_trade, front), strict=True) if front else ((), ()),
            color=colour, linestyle=style.LINE_STYLES[i], marker=marker, label=f"{name}: settings",
        )  # fmt: skip
        if not _always_fires(tuning.current):
            axes.plot(
                *_trade(tuning.current), "*", color=colour, markersize=15, linestyle="",
                markeredgecolor=style.INK, label=f"{name}: current",
            )  # fmt: skip
        if tuning.recommended is not None:
            axes.plot(
                *_trade(tuning.recommended), "o", markersize=16, markerfacecolor="none",
                markeredgecolor=colour, markeredgewidth=2, linestyle="",
                label=f"{name}: recommended", clip_on=False,
            )  # fmt: skip
    axes.set_xlabel("false pages a week")
    axes.set_ylabel("incidents caught")
    axes.set_xlim(left=-0.2)
    axes.set_ylim(bottom=0, top=axes.get_ylim()[1] + 0.5)
    axes.yaxis.get_major_locator().set_params(integer=True)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def trade_off_alt(tunings: Sequence[tuple[str, Tuning]]) -> str:
    """Say in words what ``trade_off`` draws."""
    parts = []
    for name, tuning in tunings:
        if _always_fires(tuning.current):
            parts.append(f"{name}: fires nearly always now")
        else:
            x, y = _trade(tuning.current)
            parts.append(f"{name}: now {y} incidents caught at {x:.1f} false pages a week")
        if tuning.recommended is not None:
            x, y = _trade(tuning.recommended)
            parts.append(f"recommended {y} at {x:.1f}")
    return "; ".join(parts) + "."


def setting_text(score: Score) -> str:
    """Write a setting in words: ``threshold 5, window 5m, for 2m``."""
    setting = score.setting
    parts = [f"threshold {setting.threshold:g}"]
    if setting.window_ms is not None:
        parts.append(f"window {format_duration(setting.window_ms)}")
    parts.append(f"for {format_duration(setting.hold_duration_ms)}")
    if setting.keep_firing_for_ms:
        parts.append(f"keep_firing_for {format_duration(setting.keep_firing_for_ms)}")
    return ", ".join(parts)


def _always_fires(score: Score) -> bool:
    """A rule that fires nearly always catches everything and says nothing: no point to compare."""
    return score.false_firing_ratio > _ALWAYS_RATIO


def _literal(text: str) -> str:
    """Return a text of someone else's, in which a dollar sign starts no formula."""
    return text.replace("$", r"\$")


def _trade(score: Score) -> tuple[float, int]:
    return score.false_pages_per_week.mid, len(score.caught)


def _mark_incidents(axes: Axes, incidents: pd.DataFrame) -> None:
    for i, row in enumerate(incidents.itertuples()):
        axes.axvspan(row.start, row.end, label="incident" if i == 0 else None, **_INCIDENT)


def _time_axis(axes: Axes, start_ms: int, end_ms: int, time_zone: str) -> None:
    limits = pd.to_datetime([start_ms, end_ms], unit="ms", utc=True)
    axes.set_xlim(*limits)
    locator = mdates.AutoDateLocator(tz=time_zone, minticks=4, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, tz=time_zone))
    axes.set_xlabel(f"time ({time_zone})")
    axes.grid(axis="y", visible=False)


def _thin(times: np.ndarray, values: np.ndarray, worst: np.ufunc) -> tuple[np.ndarray, np.ndarray]:
    """Keep the worst value of each stretch, so that a short peak is never thinned away."""
    each = max(1, len(times) // _MAX_POINTS)
    return times[::each], worst.reduceat(values, np.arange(0, len(times), each))
