"""The ladder: what runs out first, what next, and how long there is to do something about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from alertlab.capacity.forecasting import (
    Crossing,
    Forecast,
    crossing,
    forecast,
    forecast_peaks,
    predict_linear,
)
from alertlab.capacity.resources import Measured
from alertlab.errors import BadInput
from alertlab.units import DAY_MS, WEEK_MS

LINE_MS = WEEK_MS
"""Over this time people let ``predict_linear`` look: a week, so that the days of it weigh alike."""


@dataclass(frozen=True)
class Rung:
    """One resource: how much of it is left, and until when.

    replicas, lost_replicas : how many there are, and how many may be gone at any time
    spared_ratio : share of the capacity that is left without those; 1 where others need not take
        their part over
    peak_ratio : use by limit at the peak of the last week, of the hottest pod, all being there
    forecast, peaks : of the hours ahead, and of the weekly peak at each day's end
    crossing : days until the weekly peak passes the owner's threshold while those replicas are gone
    line_days : the same by a straight line through the last week; infinite where it does not rise
    """

    measured: Measured
    replicas: int
    lost_replicas: int
    spared_ratio: float
    peak_ratio: float
    forecast: Forecast | None
    peaks: Forecast | None
    crossing: Crossing | None
    line_days: float

    @property
    def name(self) -> str:
        """Return the resource's name."""
        return self.measured.resource.name

    @property
    def threshold_ratio(self) -> float:
        """Return the owner's threshold, of the limit."""
        return self.measured.resource.threshold_ratio

    @property
    def limit_ratio(self) -> float:
        """Return the use at which the threshold is passed once the lost replicas are gone."""
        return self.threshold_ratio * self.spared_ratio

    @property
    def lost_peak_ratio(self) -> float:
        """Return what the peak would be with the lost replicas gone."""
        return self.peak_ratio / self.spared_ratio

    @property
    def headroom_ratio(self) -> float:
        """Return what is left of the threshold with the lost replicas gone; below 0: passed."""
        return 1 - self.lost_peak_ratio / self.threshold_ratio

    @property
    def lead_days(self) -> float:
        """Return how long it takes to get more."""
        return self.measured.resource.lead_time_ms / DAY_MS

    @property
    def median_days(self) -> float:
        """Return the median days to the threshold; 0 if it is passed, NaN if nobody knows."""
        if self.lost_peak_ratio >= self.threshold_ratio:
            return 0.0
        return self.crossing.median_days if self.crossing else math.nan

    @property
    def earliest_days(self) -> float:
        """Return the earliest plausible days to the threshold, as ``median_days``."""
        if self.lost_peak_ratio >= self.threshold_ratio:
            return 0.0
        return self.crossing.earliest_days if self.crossing else math.nan

    @property
    def slack_days(self) -> float:
        """Return how long an order may wait: below 0 it comes too late."""
        return self.median_days - self.lead_days

    @property
    def refusal(self) -> str:
        """Say why there is no date; empty if there is one, or none is needed."""
        if self.measured.refusal:
            return self.measured.refusal
        return self.forecast.refusal if self.forecast and self.median_days != 0 else ""


def build_ladder(
    measured: Sequence[Measured],
    *,
    horizon_ms: int,
    lost_replicas: int = 1,
    excluded: np.ndarray | None = None,
    level_shifts_ms: Sequence[int] = (),
    track: Callable[[Iterable[Measured]], Iterable[Measured]] = iter,
) -> list[Rung]:
    """Which resource binds first?  Least slack first; what has no date stands last.

    horizon_ms : how far ahead; cut to half of the history, which is as far as a forecast looks
    lost_replicas : the threshold is to hold while so many replicas are gone (N-1 by default)
    excluded : bool, a mark for each of the measured times, of hours that teach nothing
    level_shifts_ms : times of deploys, after which levels may have moved
    track : told of each resource, for a progress bar

    BadInput if fewer than one replica would be left.
    """
    rungs = [
        _rung(one, horizon_ms, lost_replicas, excluded, level_shifts_ms) for one in track(measured)
    ]
    return sorted(rungs, key=_order)


def _rung(
    measured: Measured,
    horizon_ms: int,
    lost: int,
    excluded: np.ndarray | None,
    level_shifts_ms: Sequence[int],
) -> Rung:
    present = measured.replicas[np.isfinite(measured.replicas)]
    replicas = int(present[-1]) if len(present) else 1
    spared = _spared(measured, replicas, lost)
    peak_ratio = measured.peak_ratio
    if measured.refusal:
        return Rung(measured, replicas, lost, spared, peak_ratio, None, None, None, math.nan)
    limit = measured.resource.threshold_ratio * spared
    whole_days = (measured.times_ms[-1] - measured.times_ms[0]) // DAY_MS
    said = forecast(
        measured.times_ms,
        measured.use_ratio,
        horizon_ms=int(min(horizon_ms, whole_days * DAY_MS // 2)),
        excluded=excluded,
        level_shifts_ms=level_shifts_ms,
    )
    peaks = forecast_peaks(said, measured.times_ms, measured.use_ratio, measured.peak_quantile)
    date = None if said.refusal else crossing(peaks, limit, said.made_ms)
    line_days = _line_days(measured.times_ms, measured.use_ratio, limit)
    return Rung(measured, replicas, lost, spared, peak_ratio, said, peaks, date, line_days)


def _spared(measured: Measured, replicas: int, lost: int) -> float:
    """Return the share of capacity that is left without the lost replicas.

    What no demand drives, such as a pod's memory, does not go over to the others.
    """
    if not measured.resource.is_horizontal or measured.resource.demand is None:
        return 1.0
    if not 0 <= lost < replicas:
        raise BadInput(
            f"with {lost} of {replicas} replicas gone none would be left; "
            f"lost_replicas is at least 0 and less than {replicas}"
        )
    return (replicas - lost) / replicas


def _line_days(times_ms: np.ndarray, ratios: np.ndarray, limit: float) -> float:
    """Return the days until PromQL's line through the last week meets a limit."""
    last = times_ms > times_ms[-1] - LINE_MS
    now, tomorrow = (predict_linear(times_ms[last], ratios[last], ahead) for ahead in (0, DAY_MS))
    if math.isnan(tomorrow):
        return math.nan
    if now >= limit:
        return 0.0
    return (limit - now) / (tomorrow - now) if tomorrow > now else math.inf


def _order(rung: Rung) -> tuple[bool, float, float]:
    """Sort by slack; of what is not in sight, what has less headroom first."""
    unknown = math.isnan(rung.slack_days)
    return unknown, 0.0 if unknown else rung.slack_days, rung.headroom_ratio
