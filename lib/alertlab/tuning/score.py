"""What one setting of a rule would have meant for people: pages, incidents, delay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.incidents import Margins, bounds_ms, epoch_ms, match_times, owed, starting_within
from alertlab.intervals import share_interval, weekly_rate
from alertlab.notify import AlertmanagerConfig, find_pages, simulate_notifications
from alertlab.replay import EvaluatedRule, find_episodes, fired
from alertlab.tuning.sweep import Span
from alertlab.units import DAY_MS, HOUR_MS, Interval, format_duration

NIGHT_HOURS = range(22, 24), range(0, 7)  # local time; the hours a page wakes someone


@dataclass(frozen=True)
class Setting:
    """One candidate: the numbers that a tuning session may move; durations in ms.

    ``window_ms`` None means the expression's windows as they are.
    """

    threshold: float
    hold_duration_ms: int
    keep_firing_for_ms: int
    window_ms: int | None

    def apply(self, evaluated: EvaluatedRule) -> EvaluatedRule:
        """Return the evaluated rule with this setting's numbers.

        evaluated : with this setting's window and, if it was evaluated as a whole, threshold
        """
        rule = replace(
            evaluated.rule,
            hold_duration_ms=self.hold_duration_ms,
            keep_firing_for_ms=self.keep_firing_for_ms,
        )
        if evaluated.threshold is None:
            return replace(evaluated, rule=rule)
        threshold = replace(evaluated.threshold, value=self.threshold)
        return replace(evaluated, rule=rule, threshold=threshold)


@dataclass(frozen=True)
class Score:
    """The scorecard of a setting over a span.

    A page is true if it falls into an incident (any, with margins).  ``precision``: true pages
    per page, None without pages.  ``recall``: share of the owed incidents during which the rule
    fired, None without any.  Delays run from the incident's labelled start to the first firing
    evaluation; missed incidents have none and are named in ``missed``.
    ``false_firing_ratio``: share of the time outside incidents at which any alert fired; a rule
    that always fires catches everything and tells nobody anything.
    """

    setting: Setting
    pages: int
    false_pages: int
    night_pages: int
    pages_per_week: Interval
    false_pages_per_week: Interval
    precision: Interval | None
    recall: Interval | None
    critical_recall: Interval | None
    caught: tuple[str, ...]
    missed: tuple[str, ...]
    delay_p50_seconds: float | None
    delay_p90_seconds: float | None
    firing_hours: float
    false_firing_ratio: float

    def to_json(self) -> dict[str, Any]:
        """Return the scorecard as JSON types; intervals as low, mid, high."""
        own = {
            name: {"low": value.low, "mid": value.mid, "high": value.high}
            if isinstance(value, Interval)
            else value
            for name, value in vars(self).items()
            if name != "setting"
        }
        window = self.setting.window_ms
        return {
            "threshold": self.setting.threshold,
            "for": format_duration(self.setting.hold_duration_ms),
            "keep_firing_for": format_duration(self.setting.keep_firing_for_ms),
            "window": None if window is None else format_duration(window),
        } | own


def score_setting(
    evaluated: EvaluatedRule,
    setting: Setting,
    config: AlertmanagerConfig,
    incidents: pd.DataFrame,
    margins: Margins,
    span: Span,
    *,
    time_zone: str,
) -> Score:
    """Replay one setting through Alertmanager and score it within ``span``.

    evaluated : as for ``Setting.apply``
    """
    tuned = setting.apply(evaluated)
    episodes = find_episodes(tuned)
    pages = find_rule_pages(episodes, config, span)
    truth = match_times(epoch_ms(pages["at"]), incidents, margins)
    day = (epoch_ms(pages["at"]) - span.start_ms) // DAY_MS
    days = max(1, -(-(span.end_ms - span.start_ms) // DAY_MS))
    owes = starting_within(owed(incidents, tuned.rule.name), span.start_ms, span.end_ms)
    shot = fired(episodes)
    delays = detection_delays(shot, owes, margins)
    caught = np.isfinite(delays)
    critical = (owes["severity"] == "critical").to_numpy()
    return Score(
        setting=setting,
        pages=len(pages),
        false_pages=int((truth < 0).sum()),
        night_pages=int(is_night(pages["at"], time_zone).sum()),
        pages_per_week=weekly_rate(np.bincount(day, minlength=days), span.weeks),
        false_pages_per_week=weekly_rate(np.bincount(day[truth < 0], minlength=days), span.weeks),
        precision=share_interval(int((truth >= 0).sum()), len(pages)),
        recall=share_interval(int(caught.sum()), len(owes)),
        critical_recall=share_interval(int(caught[critical].sum()), int(critical.sum())),
        caught=tuple(owes["id"][caught]),
        missed=tuple(owes["id"][~caught]),
        delay_p50_seconds=_quantile(delays[caught], 0.5),
        delay_p90_seconds=_quantile(delays[caught], 0.9),
        firing_hours=firing_hours(shot, span),
        false_firing_ratio=_false_firing_ratio(shot, tuned, incidents, margins, span),
    )


def find_rule_pages(episodes: pd.DataFrame, config: AlertmanagerConfig, span: Span) -> pd.DataFrame:
    """Return the pages of one rule's episodes within a span, on the receivers it routes to.

    Where it routes to no paging receiver, every receiver that it reaches counts.
    """
    notifications = simulate_notifications(episodes, config, end_ms=span.end_ms)
    reached = set(notifications["receiver"])
    paging = reached & set(config.paging_receivers())
    pages = find_pages(notifications, paging or reached)
    at = epoch_ms(pages["at"])
    return pages[(at >= span.start_ms) & (at < span.end_ms)].reset_index(drop=True)


def detection_delays(
    fired_episodes: pd.DataFrame, incidents: pd.DataFrame, margins: Margins
) -> np.ndarray:
    """Return seconds from each incident's start to when an alert was firing, shape (n_incidents,).

    0 if one fired already at the start; NaN if none fired within the incident and its margins.
    """
    if fired_episodes.empty or incidents.empty:
        return np.full(len(incidents), np.nan)
    begins, ends = bounds_ms(incidents, margins).T[:, :, None]
    since = epoch_ms(fired_episodes["fired_at"])
    until = _until(fired_episodes, int(ends.max()))
    first = np.where((since < ends) & (until > begins), since, np.inf).min(axis=1)
    starts = epoch_ms(incidents["start"])
    return np.where(np.isinf(first), np.nan, np.maximum(0, first - starts) / 1000)


def is_night(times: pd.Series, time_zone: str) -> np.ndarray:
    """Tell which UTC times are at night (22 to 7 o'clock) in a time zone."""
    try:
        hours = times.dt.tz_convert(time_zone).dt.hour
    except (KeyError, ValueError, IndexError):
        raise BadInput(
            f"{time_zone!r} is not a time zone; write one like UTC or Asia/Seoul"
        ) from None
    return np.isin(hours.to_numpy(), [hour for part in NIGHT_HOURS for hour in part])


def firing_hours(fired_episodes: pd.DataFrame, span: Span) -> float:
    """Return the alert-hours that episodes fired within a span (two alerts count twice)."""
    start = epoch_ms(fired_episodes["fired_at"])
    end = _until(fired_episodes, span.end_ms)
    overlap = np.minimum(end, span.end_ms) - np.maximum(start, span.start_ms)
    return float(np.maximum(0, overlap).sum() / HOUR_MS)


def _false_firing_ratio(
    shot: pd.DataFrame,
    tuned: EvaluatedRule,
    incidents: pd.DataFrame,
    margins: Margins,
    span: Span,
) -> float:
    """Return the share of the evaluations outside incidents at which any alert was firing."""
    times = tuned.frame.times
    starts = np.searchsorted(times, epoch_ms(shot["fired_at"]))
    ends = np.searchsorted(times, _until(shot, int(times[-1]) + 1))
    depth = np.bincount(starts, minlength=len(times) + 1) - np.bincount(
        ends, minlength=len(times) + 1
    )
    firing = np.cumsum(depth)[: len(times)] > 0
    quiet = (match_times(times, incidents, margins) < 0) & (times >= span.start_ms)
    return float(firing[quiet].mean()) if quiet.any() else 0.0


def _until(episodes: pd.DataFrame, end_ms: int) -> np.ndarray:
    """Return when episodes resolved [ms]; ``end_ms`` for those still active."""
    return epoch_ms(episodes["resolved_at"].fillna(pd.Timestamp(end_ms, unit="ms", tz="UTC")))


def _quantile(values: np.ndarray, q: float) -> float | None:
    return float(np.quantile(values, q)) if len(values) else None
