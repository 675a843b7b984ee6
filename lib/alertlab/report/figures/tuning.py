"""The charts of the tuning session: what a rule compares, and what each setting trades."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alertlab.incidents import is_harmless
from alertlab.replay import EvaluatedRule
from alertlab.report import style
from alertlab.report.figures.parts import literal, mark_incidents, time_axis
from alertlab.tuning import Score, Setting, Tuning, Yardstick
from alertlab.units import format_duration

_ALWAYS_RATIO = 0.5
_MAX_POINTS = 4_000  # more than twice a figure's pixels across


def rule_values(compared: EvaluatedRule, yardstick: Yardstick, *, unit: str) -> Figure:
    """Draw what a rule compares (largest series at each time) with its threshold and incidents.

    compared : as ``Tuning.compared``
    """
    frame, threshold = compared.frame, compared.threshold
    shown = compared.reported
    worst = np.fmin if threshold.op in ("<", "<=") else np.fmax
    # Infinities stand for what alerts whatever the threshold is.
    values = np.where(frame.present & np.isfinite(frame.values), frame.values, np.nan)
    line = worst.reduce(values, axis=0, initial=np.nan)[shown]
    times, line = _thin(frame.times[shown], line, worst)
    figure, axes = style.figure(3.2)
    mark_incidents(axes, yardstick.incidents)
    axes.plot(pd.to_datetime(times, unit="ms", utc=True), line, linewidth=0.9, linestyle="-")
    axes.axhline(
        threshold.value, color=style.COLOURS[1], linestyle=style.LINE_STYLES[1],
        label=f"threshold {threshold.op} {threshold.value:g}",
    )  # fmt: skip
    axes.set_ylabel(literal(unit))
    axes.set_ylim(bottom=np.min(line, initial=0.0, where=np.isfinite(line)))
    time_axis(axes, int(times[0]), int(times[-1]), yardstick.time_zone)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def rule_values_alt(tuning: Tuning) -> str:
    """Say in words what ``rule_values`` draws."""
    above = tuning.evaluated.above_share()
    limit = tuning.compared.threshold
    return (
        f"The rule's condition, {limit.op} {limit.value:g}, holds at {above:.2%} of the "
        f"evaluations; {(~is_harmless(tuning.yardstick.incidents)).sum()} incidents are marked."
    )


def trade_off(tunings: Sequence[tuple[str, Tuning]]) -> Figure:
    """Draw incidents caught against false pages a week: fronts, current and recommended points."""
    figure, axes = style.figure(3.6)
    for i, (reading, tuning) in enumerate(tunings):
        name = literal(reading)
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


def setting_text(setting: Setting) -> str:
    """Write a setting in words: ``threshold 5, window 5m, for 2m``."""
    parts = [f"threshold {setting.threshold:g}"]
    if setting.window_ms is not None:
        parts.append(f"window {format_duration(setting.window_ms)}")
    parts.append(f"for {format_duration(setting.hold_duration_ms)}")
    if setting.keep_firing_for_ms:
        parts.append(f"keep_firing_for {format_duration(setting.keep_firing_for_ms)}")
    return ", ".join(parts)


def _always_fires(score: Score) -> bool:
    """A rule that fires nearly always catches everything and says nothing: no point to compare."""
    return score.firing_ratio > _ALWAYS_RATIO


def _trade(score: Score) -> tuple[float, int]:
    return score.noise_per_week.mid, len(score.caught)


def _thin(times: np.ndarray, values: np.ndarray, worst: np.ufunc) -> tuple[np.ndarray, np.ndarray]:
    """Keep the worst value of each stretch, so that a short peak is never thinned away."""
    each = max(1, len(times) // _MAX_POINTS)
    return times[::each], worst.reduceat(values, np.arange(0, len(times), each))
