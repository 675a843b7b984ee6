"""What burn-rate alerts do to a service with little traffic, by replaying simulated services.

With few requests a single bad one is a large share.  Services are simulated whose counters grow by
chance (Poisson), and the very rules that ``burn_rules`` writes are replayed over them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.frame import Frame, Series
from alertlab.intervals import quantile_interval, share_interval, weekly_rate
from alertlab.promql import MAX_SAMPLES, Matcher, evaluate, matches_all, parse_selector
from alertlab.replay import fired, replay_rules
from alertlab.rules import AlertRule
from alertlab.slo.burn_rules import windows_of
from alertlab.slo.burn_windows import GOOGLE_WINDOWS, PAGE, BurnWindow, WindowTable, budget_ratio
from alertlab.slo.counts import Samples
from alertlab.slo.events import Events
from alertlab.slo.objectives import DEFAULT_PERIOD_MS, QUERIES, Objective
from alertlab.slo.reading import read_counts
from alertlab.slo.replaying import load_burn_rules
from alertlab.sources import Source
from alertlab.sources.grid import step_times
from alertlab.tuning import Span, daily_counts, detection_delays
from alertlab.units import HOUR_MS, MINUTE_MS, NAME, SECOND_MS, WEEK_MS, Interval

RATES_PER_HOUR = (30, 60, 80, 100, 150, 200, 300, 600)
"""Rates round the critical ones of a target of 99.9%."""
ERROR_RATIOS = (0.02, 0.1, 1.0)
HORIZON_MS = 6 * HOUR_MS
"""A page that comes later counts as none."""

_STEP_MS = 30 * SECOND_MS  # between scrapes; rules are evaluated each minute
_HEALTHY_SHARE = 0.5  # of the budget
_MOST_AN_HOUR, _MOST_WEEKS = 1_000_000_000, 520
_TOTAL, _BAD = "simulated_requests_total", "simulated_bad_requests_total"


@dataclass(frozen=True)
class LowTraffic:
    """What the pages of one objective's burn-rate alerts are like by request rate.

    false_pages : one row per ``requests_per_hour`` and ``min_bad_events``:
        ``pages``, ``false_pages_per_week`` of a healthy service that spends half its budget
    detection : one row per rate, minimum and ``error_ratio``: ``minutes_to_page_p50`` (infinite:
        not within six hours), ``missed_ratio`` (never within six hours)
    critical : one row per pair of windows: ``windows``, ``factor``, ``critical_rate_per_hour``

    A page is an episode of a page alert that starts firing; nothing is grouped or repeated.
    """

    target_ratio: float
    windows: tuple[BurnWindow, ...]
    weeks: float
    runs: int
    seed: int
    false_pages: pd.DataFrame
    detection: pd.DataFrame

    @property
    def critical(self) -> pd.DataFrame:
        """Below which rate does a single bad request exceed the long window's limit?"""
        return critical_rates(self.target_ratio, self.windows)

    def to_json(self) -> dict[str, Any]:
        """Return the tables as one document."""
        return {
            "target_ratio": self.target_ratio,
            "weeks": self.weeks,
            "runs": self.runs,
            "seed": self.seed,
            **{
                name: getattr(self, name).to_dict("records")
                for name in ("critical", "false_pages", "detection")
            },
        }


def low_traffic_table(
    target_ratio: float,
    windows: WindowTable = GOOGLE_WINDOWS,
    *,
    period_ms: int = DEFAULT_PERIOD_MS,
    requests_per_hour: Sequence[float] | None = None,
    error_ratios: Sequence[float] = ERROR_RATIOS,
    min_bad_events: Sequence[int] = (0, 5),
    weeks: float = 26,
    runs: int = 100,
    seed: int = 1,
    track: Callable[[list], Iterable] = iter,
) -> LowTraffic:
    """How often do burn-rate pages come for nothing, and how soon for something, by request rate?

    requests_per_hour : None: RATES_PER_HOUR, scaled as the target allows more or fewer errors
    error_ratios : of the incidents that are to be detected, each ``runs`` times
    weeks : how long the healthy service is watched for false pages
    track : wraps the list of rates to show progress

    A service is healthy for six hours before each incident.  Where an alert fires already as it
    begins, by chance, its page counts as at once.
    """
    objective = _simulated(target_ratio, period_ms)
    pages = tuple(one for one in windows_of(objective, windows) if one.severity == PAGE)
    if not pages:
        raise BadInput(f"no pair of windows pages at a target of {target_ratio * 100:.6g}%")
    paging = replace(windows, windows=tuple(one for one in windows.windows if one.severity == PAGE))
    rules = _rules_by_minimum(objective, paging, min_bad_events)
    healthy_ratio = _HEALTHY_SHARE * budget_ratio(target_ratio)
    quiet_ms = max(one.long_ms for one in pages)
    if requests_per_hour is None:
        scale = budget_ratio(0.999) / budget_ratio(target_ratio)
        requests_per_hour = [float(f"{rate * scale:.2g}") for rate in RATES_PER_HOUR]
    _check(requests_per_hour, error_ratios, weeks, runs)
    false_pages, detection = [], []
    for rate in track(list(requests_per_hour)):
        chance = np.random.default_rng([seed, round(rate * 1_000)])
        service = _Service(rate, healthy_ratio, rules, quiet_ms, chance)
        false_pages += service.false_pages(weeks)
        for ratio in error_ratios:
            detection += service.detections(ratio, runs)
    return LowTraffic(
        target_ratio, pages, weeks, runs, seed, pd.DataFrame(false_pages), pd.DataFrame(detection)
    )


def critical_rates(target_ratio: float, windows: Iterable[BurnWindow]) -> pd.DataFrame:
    """Below which rate does one bad request exceed the limit of each pair's long window?

    One row per pair: ``windows``, ``severity``, ``factor``, ``critical_rate_per_hour``.
    """
    return pd.DataFrame(
        [
            {
                "windows": one.name,
                "severity": one.severity,
                "factor": one.factor,
                "critical_rate_per_hour": one.critical_rate_per_hour(target_ratio),
            }
            for one in windows
        ]
    )


def traffic_of(
    objectives: Iterable[Objective],
    source: Source,
    start_ms: int,
    end_ms: int,
    windows: WindowTable = GOOGLE_WINDOWS,
) -> pd.DataFrame:
    """Has each objective enough traffic that a single bad request cannot page?

    One row per objective: ``objective``, ``method``, ``requests_per_hour`` (mean of whole hours
    with samples; NaN where there are none), ``critical_rate_per_hour`` (the highest of its page
    alerts), ``below_ratio`` (share of the hours with fewer requests than that).
    """
    edges = np.arange(start_ms, end_ms + 1, HOUR_MS)
    rows = []
    for one in objectives:
        hourly = read_counts(one, Samples(source, start_ms, end_ms)).within(edges).total
        hourly = hourly[~np.isnan(hourly)]
        critical = max(
            (
                pair.critical_rate_per_hour(one.target_ratio)
                for pair in windows_of(one, windows)
                if pair.severity == PAGE
            ),
            default=0.0,  # nothing pages
        )
        rows.append(
            {
                "objective": one.name,
                "method": one.method,
                "requests_per_hour": float(hourly.mean()) if len(hourly) else math.nan,
                "critical_rate_per_hour": critical,
                "below_ratio": float((hourly < critical).mean()) if len(hourly) else math.nan,
            }
        )
    return pd.DataFrame(rows)


def _check(
    requests_per_hour: Sequence[float], error_ratios: Sequence[float], weeks: float, runs: int
) -> None:
    if not requests_per_hour or not all(0 < one <= _MOST_AN_HOUR for one in requests_per_hour):
        raise BadInput(f"requests an hour are above 0 and at most {_MOST_AN_HOUR:,}; give others")
    if not all(0 <= one <= 1 for one in error_ratios):
        raise BadInput("error ratios are shares between 0 and 1; give others")
    if not 0 < weeks <= _MOST_WEEKS or runs < 1:
        raise BadInput(f"simulate at most {_MOST_WEEKS} weeks, and one run at least")


def _simulated(target_ratio: float, period_ms: int) -> Objective:
    if not 0 < target_ratio < 1:
        raise BadInput(f"a target of {target_ratio} is no share between 0 and 1")
    return Objective(
        "simulated", QUERIES, target_ratio, Events((_TOTAL,)), Events((_BAD,)), period_ms
    )


def _rules_by_minimum(
    objective: Objective, windows: WindowTable, min_bad_events: Sequence[int]
) -> dict[int, list[AlertRule]]:
    """Return the page alerts for each minimum; all of them read the same recorded ratios."""
    found: dict[int, list[AlertRule]] = {}
    recorded = None
    for minimum in min_bad_events:
        rules = load_burn_rules([objective], windows, min_bad_events=minimum, interval_ms=MINUTE_MS)
        recorded = recorded or rules[0].recorded
        found[minimum] = [replace(rule, recorded=recorded) for rule in rules]
    return found


class SimulatedCounters:
    """Counters of requests that come by chance at a steady rate, in memory as a source."""

    semantics, max_samples, start_ms = 3, MAX_SAMPLES, 0

    def __init__(self, bad_ratios: np.ndarray, per_hour: float, chance: np.random.Generator):
        """Let each step have so many requests by chance, and of these a share that is bad.

        bad_ratios : chance of each request to be bad, by step, shape (n_steps,)
        """
        requests = chance.poisson(per_hour * _STEP_MS / HOUR_MS, len(bad_ratios))
        bad = chance.binomial(requests, bad_ratios)
        times = np.arange(1, len(bad_ratios) + 1, dtype=np.int64) * _STEP_MS
        self.end_ms = int(times[-1])
        self._series = [
            Series(((NAME, name),), times, np.cumsum(steps, dtype=np.float64))
            for name, steps in ((_BAD, bad), (_TOTAL, requests))
        ]

    def range_query(self, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Frame:
        """Evaluate ``expr`` at ``start, start + step, … <= end``."""
        times = step_times(start_ms, end_ms, step_ms)
        return evaluate(expr, self._select, times, semantics=self.semantics)

    def series(
        self, selector: str, start_ms: int, end_ms: int, *, stale_markers: bool = True
    ) -> list[Series]:
        """Return the samples of the counters that a selector takes; none is a marker."""
        return self._select(parse_selector(selector), start_ms, end_ms)

    def provenance(self) -> dict[str, Any]:
        """Say where the numbers come from."""
        return {"origin": "simulated counters"}

    def _select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Series]:
        found = []
        for one in self._series:
            if matches_all(matchers, one.labels):
                first, last = np.searchsorted(one.times, [start_ms, end_ms + 1])
                found.append(Series(one.labels, one.times[first:last], one.values[first:last]))
        return found


@dataclass(frozen=True)
class _Service:
    """A service of one request rate, and the alerts that watch it, by their minimum.

    quiet_ms : how long it takes until what has been is out of every window
    """

    per_hour: float
    healthy_ratio: float
    rules: dict[int, list[AlertRule]]
    quiet_ms: int
    chance: np.random.Generator

    def false_pages(self, weeks: float) -> list[dict[str, Any]]:
        """Return the rows of ``LowTraffic.false_pages``."""
        span = Span(self.quiet_ms, self.quiet_ms + round(weeks * WEEK_MS))
        ratios = np.full(span.end_ms // _STEP_MS, self.healthy_ratio)
        return [
            {
                "requests_per_hour": self.per_hour,
                "min_bad_events": minimum,
                "pages": len(shot),
                "false_pages_per_week": weekly_rate(
                    daily_counts(shot["fired_at"], span), span.weeks
                ),
            }
            for minimum, shot in self._fired(ratios)
        ]

    def detections(self, error_ratio: float, runs: int) -> list[dict[str, Any]]:
        """Return the rows of ``LowTraffic.detection`` for incidents of one error ratio."""
        quiet, lasting = self.quiet_ms // _STEP_MS, HORIZON_MS // _STEP_MS
        ratios = np.tile(np.repeat([self.healthy_ratio, error_ratio], [quiet, lasting]), runs)
        onsets = self.quiet_ms + np.arange(runs) * (self.quiet_ms + HORIZON_MS)
        incidents = pd.DataFrame({"start": pd.to_datetime(onsets, unit="ms", utc=True)})
        windows_ms = np.stack([onsets, onsets + HORIZON_MS], axis=1)
        rows = []
        for minimum, shot in self._fired(ratios):
            seconds = detection_delays(shot, incidents, windows_ms)
            missed = np.isnan(seconds)
            rows.append(
                {
                    "requests_per_hour": self.per_hour,
                    "min_bad_events": minimum,
                    "error_ratio": error_ratio,
                    "minutes_to_page_p50": _median_minutes(np.where(missed, np.inf, seconds)),
                    "missed_ratio": share_interval(int(missed.sum()), runs),
                }
            )
        return rows

    def _fired(self, bad_ratios: np.ndarray) -> Iterator[tuple[int, pd.DataFrame]]:
        """Give each minimum's episodes that fired, all on the same counters."""
        counters = SimulatedCounters(bad_ratios, self.per_hour, self.chance)
        for minimum, rules in self.rules.items():
            yield minimum, fired(replay_rules(rules, counters, self.quiet_ms, counters.end_ms))


def _median_minutes(seconds: np.ndarray) -> Interval:
    """Return the median with its interval; an end that lies among what was missed is infinite."""
    latest = HORIZON_MS / SECOND_MS  # no page is as late as this
    found = quantile_interval(np.minimum(seconds, latest), 0.5)
    low, mid, high = (math.inf if one >= latest else one / 60 for one in found[:3])
    return Interval(low, mid, high, found.confidence)
