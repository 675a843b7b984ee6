"""The charts of the latency report: what is known of quantiles, and latency over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from alertlab.latency import BucketHistory, heat_map
from alertlab.report import style
from alertlab.report.figures.parts import literal, time_axis
from alertlab.report.tables import format_seconds

_ROW_INCHES = 0.24
_MOST_ROWS = 24  # of a heat map; native histograms have hundreds of buckets
_LEAST_SHARE = 1e-4  # of a span's calls, the palest cell


def quantile_brackets(known: pd.DataFrame, threshold_seconds: float) -> Figure:
    """Draw what is known of each quantile: the bracket, Prometheus' number and the estimate.

    known : as ``latency.known_quantiles``; groups without calls have no row
    """
    known = known[known["count"] > 0]
    figure, axes = style.figure(1.4 + _ROW_INCHES * len(known))
    edges = known[["low", "high"]].to_numpy()
    inner = np.append(edges[np.isfinite(edges) & (edges > 0)], threshold_seconds)
    floor, ceiling = inner.min() / 2, inner.max() * 2
    rows = np.arange(len(known))
    low, high = np.maximum(edges[:, 0], floor), np.minimum(edges[:, 1], ceiling)
    axes.barh(rows, high - low, left=low, height=0.55, color="#c3dcec", label="bracket: certain")
    axes.plot(
        known["prometheus"], rows, linestyle="", marker="x", color=style.COLOURS[1],
        markeredgewidth=1.8, label="what Prometheus says",
    )  # fmt: skip
    shown = known["estimate"].where(known["low"] > 0)
    axes.plot(
        shown, rows, linestyle="", marker="o", color=style.COLOURS[0], markersize=4.5,
        label="estimate",
    )  # fmt: skip
    axes.axvline(
        threshold_seconds, color=style.INK, linestyle=style.LINE_STYLES[1], linewidth=1.2,
        label=f"objective {format_seconds(threshold_seconds)}",
    )  # fmt: skip
    _seconds_axis(axes, floor, ceiling)
    names = [f"{literal(one.group)}  p{100 * one.q:g}" for one in known.itertuples()]
    axes.set_yticks(rows, names, fontsize=8)
    axes.set_ylim(len(known) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def quantile_brackets_alt(known: pd.DataFrame) -> str:
    """Say in words what ``quantile_brackets`` draws."""
    parts = [
        f"{one.group} p{100 * one.q:g} between {format_seconds(one.low)} and "
        f"{format_seconds(one.high)}, Prometheus says {format_seconds(one.prometheus)}"
        for one in known[known["count"] > 0].itertuples()
    ]
    return "What is known of the quantiles. " + "; ".join(parts) + "."


def latency_heat_map(
    history: BucketHistory, group: int, incidents: pd.DataFrame, time_zone: str
) -> Figure:
    """Draw which share of a group's calls fell into each bucket, span by span."""
    figure, axes = style.figure(3.6)
    shares = heat_map(history, group)
    seen = np.flatnonzero(np.nansum(shares, axis=0) > 0)
    used = slice(seen[0], seen[-1] + 1) if len(seen) else slice(None)
    shares, bounds = _coarse(shares[:, used], history.upper_bounds[used])
    edges = np.append(history.ends_ms[0] - history.step_ms, history.ends_ms)
    rows = np.arange(len(bounds) + 1)
    mesh = axes.pcolormesh(
        pd.to_datetime(edges, unit="ms", utc=True), rows,
        np.maximum(shares.T, _LEAST_SHARE * 1.0001), cmap="Greys",
        norm=LogNorm(_LEAST_SHARE, 1),
    )  # fmt: skip
    names = ["more" if np.isinf(bound) else f"to {format_seconds(bound)}" for bound in bounds]
    axes.set_yticks(rows[:-1] + 0.5, names, fontsize=8)
    axes.set_ylabel("call took")
    axes.tick_params(axis="y", length=0)
    time_axis(axes, int(edges[0]), int(edges[-1]), time_zone)
    axes.grid(visible=False)
    _mark_above(axes, incidents, edges, float(rows[-1]))
    bar = figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.set_ticks([1e-4, 1e-3, 1e-2, 1e-1, 1], labels=["≤ 0.01%", "0.1%", "1%", "10%", "100%"])
    bar.set_label("share of the span's calls")
    bar.outline.set_visible(False)
    return figure


def latency_heat_map_alt(history: BucketHistory, group: int, threshold_seconds: float) -> str:
    """Say in words what ``latency_heat_map`` draws."""
    within = history.cumulative[group][:, history.upper_bounds <= threshold_seconds]
    counts = history.counts[group]
    slow = 1 - within[:, -1] / np.where(counts > 0, counts, np.nan) if within.size else counts
    worst = np.nanmax(slow) if np.isfinite(slow).any() else np.nan
    return (
        f"Latency of {history.names[group]} over time. In {(slow > 0.05).sum()} of "
        f"{np.isfinite(counts).sum()} spans more than 5% of the calls took longer than "
        f"{format_seconds(threshold_seconds)}; in the worst one {worst:.0%} did."
    )


def _coarse(shares: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Join neighbouring buckets until there are few enough rows; shares (n_spans, n_buckets)."""
    together = -(-len(bounds) // _MOST_ROWS)
    first = np.arange(0, len(bounds), together)
    last = np.append(first[1:], len(bounds)) - 1
    return np.add.reduceat(shares, first, axis=1), bounds[last]


def _mark_above(axes: Axes, incidents: pd.DataFrame, edges: np.ndarray, top: float) -> None:
    """Draw incidents as bars over the map, which bands behind it would not survive."""
    first, last = pd.to_datetime(edges[[0, -1]], unit="ms", utc=True)
    inside = incidents[(incidents["end"] > first) & (incidents["start"] < last)]
    axes.hlines(
        np.full(len(inside), top + 0.35), inside["start"], inside["end"], color=style.COLOURS[5],
        linewidth=6, clip_on=False, label="incident",
    )  # fmt: skip
    axes.set_ylim(0, top + 0.7)
    if len(inside):
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), handlelength=1.5)


def _seconds_axis(axes: Axes, low: float, high: float) -> None:
    """Make the x axis one of latencies, logarithmic, with ticks that people say."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [base * 10.0**power for power in range(-5, 4) for base in (1, 2, 5)]
    shown = [tick for tick in ticks if low <= tick <= high]
    axes.set_xticks(shown[:: max(1, len(shown) // 9)])
    axes.xaxis.set_major_formatter(lambda value, _: format_seconds(value))
    axes.minorticks_off()
    axes.set_xlabel("latency")
