"""Pairs of windows in which an error budget must not burn too fast, as data with their sources.

Burn rate: the error ratio divided by the ratio that the objective allows.  At a burn rate of 1 the
budget lasts exactly its period.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from alertlab.errors import BadInput
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, format_duration

PAGE, TICKET = "critical", "warning"
"""The severities by which Alertmanager routes: what wakes someone, and what can wait."""


@dataclass(frozen=True)
class BurnWindow:
    """One pair: an alert while the burn rate exceeds ``factor`` in both windows.

    severity : PAGE or TICKET
    budget_ratio : the share of the period's budget that is gone when a steady burn fires it
    long_ms, short_ms : the long window makes sure that the loss matters, the short one that it
        still goes on
    hold_duration_ms : the alert's ``for``
    """

    severity: str
    budget_ratio: float
    long_ms: int
    short_ms: int
    factor: float
    hold_duration_ms: int = 0

    @property
    def name(self) -> str:
        """The pair as people write it: ``1h/5m``."""
        return f"{format_duration(self.long_ms)}/{format_duration(self.short_ms)}"

    def limit_ratio(self, target_ratio: float) -> float:
        """Return the error ratio above which the pair alerts; 1 or more: it never can."""
        return self.factor * budget_ratio(target_ratio)

    def seconds_to_fire(self, target_ratio: float, error_ratio: float) -> float:
        """How long does a steady error ratio burn, at steady traffic, before the pair fires?

        Counted from a service without errors; infinite for a ratio that never fires it.
        """
        limit = self.limit_ratio(target_ratio)
        if error_ratio <= limit:
            return math.inf
        return (limit * self.long_ms / error_ratio + self.hold_duration_ms) / SECOND_MS

    def critical_rate_per_hour(self, target_ratio: float) -> float:
        """Below how many requests an hour does a single bad one exceed the long window's limit?"""
        return HOUR_MS / (self.limit_ratio(target_ratio) * self.long_ms)


@dataclass(frozen=True)
class WindowTable:
    """Pairs for objectives over ``period_ms``, and what they become over another period.

    durations_scale : durations grow with the period (in whole minutes) and factors stay; else
        durations and shares of the budget stay and factors follow from them
    """

    name: str
    source: str
    period_ms: int
    windows: tuple[BurnWindow, ...]
    durations_scale: bool = False

    def over(self, period_ms: int) -> tuple[BurnWindow, ...]:
        """Return the pairs for objectives over a period.

        Raises BadInput where a long window does not fit into the period, or where a short one
        would be nothing.
        """
        found = tuple(self._over(one, period_ms) for one in self.windows)
        for one in found:
            if one.long_ms >= period_ms or one.short_ms <= 0:
                raise BadInput(
                    f"the windows {one.name} of the table {self.name!r} do not fit an objective "
                    f"over {format_duration(period_ms)}; choose a longer period"
                )
        return found

    def _over(self, window: BurnWindow, period_ms: int) -> BurnWindow:
        if not self.durations_scale:
            # Rounded, so that 0.02 * 720 is 14.4 and not 14.400000000000002.
            factor = round(window.budget_ratio * period_ms / window.long_ms, 9)
            return replace(window, factor=factor)
        long_ms, short_ms, hold_ms = (
            round(one * period_ms / self.period_ms / MINUTE_MS) * MINUTE_MS
            for one in (window.long_ms, window.short_ms, window.hold_duration_ms)
        )
        share = window.factor * long_ms / period_ms
        return BurnWindow(window.severity, share, long_ms, short_ms, window.factor, hold_ms)


GOOGLE_WINDOWS = WindowTable(
    "google",
    "Google, The Site Reliability Workbook, chapter 5, as Sloth 0.16 has it "
    "(internal/alert/windows/google-30d.yaml)",
    30 * DAY_MS,
    (
        BurnWindow(PAGE, 0.02, HOUR_MS, 5 * MINUTE_MS, 14.4),
        BurnWindow(PAGE, 0.05, 6 * HOUR_MS, 30 * MINUTE_MS, 6.0),
        BurnWindow(TICKET, 0.1, DAY_MS, 2 * HOUR_MS, 3.0),
        BurnWindow(TICKET, 0.1, 3 * DAY_MS, 6 * HOUR_MS, 1.0),
    ),
)
PYRRA_WINDOWS = WindowTable(
    "pyrra",
    "Pyrra 0.10 (slo/rules.go, Windows)",
    28 * DAY_MS,
    (
        BurnWindow(PAGE, 14 / (28 * 24), HOUR_MS, 5 * MINUTE_MS, 14.0, 2 * MINUTE_MS),
        BurnWindow(PAGE, 7 / (28 * 4), 6 * HOUR_MS, 30 * MINUTE_MS, 7.0, 15 * MINUTE_MS),
        BurnWindow(TICKET, 2 / 28, DAY_MS, 2 * HOUR_MS, 2.0, HOUR_MS),
        BurnWindow(TICKET, 4 / 28, 4 * DAY_MS, 6 * HOUR_MS, 1.0, 3 * HOUR_MS),
    ),
    durations_scale=True,
)
WINDOW_TABLES = {table.name: table for table in (GOOGLE_WINDOWS, PYRRA_WINDOWS)}


def budget_ratio(target_ratio: float) -> float:
    """Return the share of bad events that an objective allows, without the dust of 1 - 0.999."""
    return float(f"{1 - target_ratio:.9g}")


def able_to_fire(windows: Iterable[BurnWindow], target_ratio: float) -> list[BurnWindow]:
    """Return the pairs that can fire: at low targets a limit may lie beyond any error ratio."""
    return [one for one in windows if one.limit_ratio(target_ratio) < 1]
