"""The charts of the report on capacity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alertlab.capacity import HashQueue, Rung, Scalability, Scorecard, weekly_peaks
from alertlab.report import style
from alertlab.report.figures.parts import literal, mark_incidents, time_axis
from alertlab.report.tables import format_number, format_ratio, format_seconds

_ROW_INCHES = 0.42


def ladder_bars(rungs: Sequence[Rung]) -> Figure:
    """Draw how much of each own threshold the last week's peak used, the first to bind on top."""
    known = [one for one in rungs if np.isfinite(one.peak_ratio)]
    figure, axes = style.figure(1.3 + _ROW_INCHES * max(1, len(known)))
    rows = np.arange(len(known))
    now = np.array([one.peak_ratio / one.threshold_ratio for one in known])
    lost = np.array([one.lost_peak_ratio / one.threshold_ratio for one in known])
    axes.barh(rows, now, height=0.55, color=style.COLOURS[0], label="at the weekly peak")
    axes.barh(
        rows, lost - now, left=now, height=0.55, facecolor="white", edgecolor=style.COLOURS[0],
        hatch="///", linewidth=0.8, label=_lost_words(rungs),
    )  # fmt: skip
    axes.axvline(1, color=style.INK, linestyle=style.LINE_STYLES[1], label="own threshold")
    axes.set_yticks(rows, [literal(one.name) for one in known])
    axes.set_ylim(len(known) - 0.4, -0.6)
    axes.set_xlim(0, max(1.15, 1.05 * float(np.max(lost, initial=0))))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("used of the own threshold")
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def ladder_bars_alt(rungs: Sequence[Rung]) -> str:
    """Say in words what ``ladder_bars`` draws."""
    parts = [
        f"{one.name} {format_ratio(one.peak_ratio / one.threshold_ratio)}"
        + (
            f", {format_ratio(one.lost_peak_ratio / one.threshold_ratio)} {_lost_words([one])}"
            if one.lost_peak_ratio > one.peak_ratio
            else ""
        )
        for one in rungs
        if np.isfinite(one.peak_ratio)
    ]
    return f"Used of the own threshold at the weekly peak: {'; '.join(parts) or 'nothing known'}."


def _lost_words(rungs: Sequence[Rung]) -> str:
    lost = rungs[0].lost_replicas if rungs else 1
    return f"with {lost} of {rungs[0].replicas if rungs else 1} replicas gone"


def resource_forecast(rung: Rung, incidents: pd.DataFrame, time_zone: str) -> Figure:
    """Draw a resource's weekly peak, its forecast with its interval, and the own threshold."""
    figure, axes = style.figure(3.4)
    said, measured = rung.peaks, rung.measured
    mark_incidents(axes, incidents)
    days, peaks = weekly_peaks(measured.times_ms, measured.use_ratio[None], measured.peak_quantile)
    axes.plot(_times(days), peaks[0], color=style.COLOURS[3], linestyle="-", label="weekly peak")
    end_ms = int(measured.times_ms[-1])
    if said is not None and not said.refusal:
        ahead = _times(said.times_ms)
        axes.fill_between(
            ahead, said.low, said.high, color=style.COLOURS[6], alpha=0.5, linewidth=0,
            label=f"{said.confidence:.0%} of the courses",
        )  # fmt: skip
        axes.plot(
            ahead, said.mid, color=style.COLOURS[0], linestyle=style.LINE_STYLES[1],
            label="forecast",
        )  # fmt: skip
        end_ms = int(said.times_ms[-1])
    axes.axhline(
        rung.limit_ratio, color=style.INK, linestyle=style.LINE_STYLES[2],
        label="threshold" + (f" {_lost_words([rung])}" if rung.spared_ratio < 1 else ""),
    )  # fmt: skip
    axes.set_ylim(0, None)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_ylabel(f"{literal(rung.name)} used")
    time_axis(axes, int(measured.times_ms[0]), end_ms, time_zone)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def resource_forecast_alt(rung: Rung) -> str:
    """Say in words what ``resource_forecast`` draws."""
    start = f"Weekly peak of {rung.name}, at last {format_ratio(rung.peak_ratio)} of the limit."
    if rung.forecast is None or rung.forecast.refusal:
        return f"{start} No forecast: {rung.refusal}"
    if not np.isfinite(rung.median_days):
        when = f"is not passed within {rung.forecast.horizon_days:.0f} days"
    else:
        when = f"is passed after {rung.median_days:.0f} days by the median course"
    return f"{start} The threshold of {format_ratio(rung.limit_ratio)} {when}."


def scalability_curve(found: Scalability) -> Figure:
    """Draw throughput against concurrency, one dot a level, and the fitted law."""
    figure, axes = style.figure(3.2)
    if len(found.concurrency):
        sizes = 12 + 60 * np.sqrt(found.spans / found.spans.max())
        axes.scatter(
            found.concurrency, found.throughput, s=sizes, color=style.COLOURS[0], zorder=3,
            label="history; a larger dot holds more spans",
        )  # fmt: skip
    if found.fit is not None:
        reach = 1.5 * float(found.concurrency.max())
        levels = np.linspace(1e-9, reach, 200)
        axes.plot(
            levels, found.fit.throughput(levels), color=style.COLOURS[1],
            linestyle=style.LINE_STYLES[1], label="Universal Scalability Law",
        )  # fmt: skip
    axes.set_xlim(0, None)
    axes.set_ylim(0, None)
    axes.set_xlabel("hashes under way in a pod")
    axes.set_ylabel("hashes/s of a pod")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def scalability_curve_alt(found: Scalability) -> str:
    """Say in words what ``scalability_curve`` draws."""
    if not len(found.concurrency):
        return "No history of hashes."
    text = (
        f"Throughput of a pod against its concurrency at {len(found.concurrency)} levels, up to "
        f"{format_number(float(found.throughput.max()))} hashes/s."
    )
    return f"{text} {found.refusal or 'The fitted law runs through them.'}"


def queue_waits(queue: HashQueue) -> Figure:
    """Draw mean waits for a hash worker against the workers' use: measured, and by the model."""
    figure, axes = style.figure(3.0)
    axes.plot(
        queue.use_ratio, queue.measured_wait_seconds, color=style.COLOURS[0], marker="o",
        linestyle="", label="measured",
    )  # fmt: skip
    stable = np.isfinite(queue.modelled_wait_seconds)
    scaled = queue.modelled_wait_seconds[stable] * queue.wait_factor.mid
    axes.plot(
        queue.use_ratio[stable], scaled, color=style.COLOURS[1], linestyle=style.LINE_STYLES[1],
        label=f"Allen and Cunneen's model times {queue.wait_factor.mid:.2g}",
    )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, None)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.yaxis.set_major_formatter(lambda value, _: format_seconds(value))
    axes.set_xlabel("busy hash workers of a pod")
    axes.set_ylabel("mean wait")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def queue_waits_alt(queue: HashQueue) -> str:
    """Say in words what ``queue_waits`` draws."""
    if not len(queue.use_ratio):
        return f"No waits were measured. {queue.refusal}"
    return (
        f"Mean wait for a hash worker at {len(queue.use_ratio)} levels of use, at most "
        f"{format_seconds(float(queue.measured_wait_seconds.max()))} with "
        f"{format_ratio(float(queue.use_ratio[-1]))} of the workers busy."
    )


def forecasts_judged(card: Scorecard) -> Figure:
    """Draw past forecasts with their intervals beside what became of them."""
    figure, axes = style.figure(2.8)
    rows = np.arange(len(card.rows))
    mid, low, high, actual = (
        np.array([one(row) for row in card.rows], dtype=float)
        for one in (
            lambda row: row.forecast.mid,
            lambda row: row.forecast.low,
            lambda row: row.forecast.high,
            lambda row: row.actual,
        )
    )
    axes.errorbar(
        rows, mid, yerr=[mid - low, high - mid], color=style.COLOURS[0], linestyle="", marker="s",
        capsize=4, label="forecast and interval",
    )  # fmt: skip
    axes.plot(
        rows, actual, color=style.COLOURS[1], linestyle="", marker="X", markersize=7,
        label="what it was",
    )  # fmt: skip
    axes.set_xticks(rows, [f"{pd.Timestamp(row.end_ms, unit='ms'):%m-%d}" for row in card.rows])
    axes.margins(y=0.2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("end of the week forecast (UTC)")
    axes.set_ylabel("peak use of the limit")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def forecasts_judged_alt(card: Scorecard) -> str:
    """Say in words what ``forecasts_judged`` draws."""
    return (
        f"{len(card.rows)} forecasts of a week's peak beside what it was; "
        f"{card.covered} of them held it."
    )


def _times(times_ms: np.ndarray) -> pd.DatetimeIndex:
    return pd.to_datetime(times_ms, unit="ms", utc=True)
