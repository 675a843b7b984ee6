"""What one setting of a rule would have meant for people: pages, incidents, delay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from alertlab.incidents import epoch_ms, owed, starting_within
from alertlab.intervals import (
    clustered_share,
    quantile_interval,
    share_interval,
    weekly_amount,
    weekly_rate,
)
from alertlab.replay import EvaluatedRule, find_episodes, fired
from alertlab.tuning.outcomes import (
    daily_firing_hours,
    detection_delays,
    firing_slots,
    flap_times,
    is_night,
    resolve_delays,
)
from alertlab.tuning.setting import Setting, Span
from alertlab.tuning.yardstick import Yardstick
from alertlab.units import Interval, format_duration

MEASURES = (
    ("pages a week", "pages_per_week", "count"),
    ("false pages a week", "false_pages_per_week", "count"),
    ("pages at night a week", "night_pages_per_week", "count"),
    ("precision (true pages per page)", "precision", "ratio"),
    ("recall (incidents caught)", "recall", "ratio"),
    ("median delay", "delay_p50_seconds", "seconds"),
    ("90th percentile of the delay", "delay_p90_seconds", "seconds"),
    ("median time to resolve", "time_to_resolve_p50_seconds", "seconds"),
    ("flaps a week", "flaps_per_week", "count"),
    ("hours firing a week", "firing_hours_per_week", "count"),
    ("share of the time firing", "firing_ratio", "ratio"),
    ("share of the time outside incidents", "false_firing_ratio", "ratio"),
)
"""What a scorecard shows: words, the attribute of ``Score``, and what kind of number it is."""


@dataclass(frozen=True)
class Score:
    """The scorecard of a setting over a span; rates are per week.

    pages : of the receivers that the rule's alerts go to and that wake someone
    false_pages, false_pages_per_week, precision, false_firing_ratio : None where no incident is
        labelled, as nobody can tell then.  A page is true if it falls into an incident (any, with
        margins)
    precision : true pages per page, with clusters of one incident's, or one day's false pages;
        None without pages
    recall, recall_by_severity : share of the owed incidents during which the rule fired; None, or
        no entry, without any owed
    caught, missed : ids of the owed incidents
    delay_p50_seconds, delay_p90_seconds : from an incident's labelled start to the first firing
        evaluation, over the caught; None of none
    time_to_resolve_p50_seconds : from an incident's labelled end until all its alerts were
        resolved, 0 if they were before; over the caught, None of none
    flaps_per_week : alerts firing again within 30 minutes of their resolve
    firing_hours_per_week : alert-hours; two alerts count twice
    firing_ratio, false_firing_ratio : share of all evaluations, and of those outside incidents, at
        which any alert fired; a rule that always fires catches everything and tells nobody anything
    """

    setting: Setting
    pages: int
    false_pages: int | None
    pages_per_week: Interval
    false_pages_per_week: Interval | None
    night_pages_per_week: Interval
    flaps_per_week: Interval
    firing_hours_per_week: Interval
    precision: Interval | None
    recall: Interval | None
    recall_by_severity: dict[str, Interval]
    caught: tuple[str, ...]
    missed: tuple[str, ...]
    delay_p50_seconds: Interval | None
    delay_p90_seconds: Interval | None
    time_to_resolve_p50_seconds: Interval | None
    firing_ratio: float
    false_firing_ratio: float | None

    @property
    def noise(self) -> int:
        """What is to be few: false pages, or all where nobody can tell which are false."""
        return self.pages if self.false_pages is None else self.false_pages

    @property
    def noise_per_week(self) -> Interval:
        """The rate of ``noise``."""
        return self.false_pages_per_week or self.pages_per_week

    def to_json(self) -> dict[str, Any]:
        """Return the scorecard as JSON types; intervals as low, mid, high (None: not known)."""
        own = {name: _json(value) for name, value in vars(self).items() if name != "setting"}
        window = self.setting.window_ms
        return {
            "threshold": self.setting.threshold,
            "for": format_duration(self.setting.hold_duration_ms),
            "keep_firing_for": format_duration(self.setting.keep_firing_for_ms),
            "window": None if window is None else format_duration(window),
        } | own


@dataclass(frozen=True, eq=False)
class Replayed:
    """A rule with a setting, what it fired and whom that paged; tables as the replay has them."""

    setting: Setting
    evaluated: EvaluatedRule
    episodes: pd.DataFrame
    pages: pd.DataFrame


def replay_setting(
    evaluated: EvaluatedRule, setting: Setting, yardstick: Yardstick, span: Span
) -> Replayed:
    """Replay one setting through Alertmanager.

    evaluated : as for ``Setting.apply``
    """
    tuned = setting.apply(evaluated)
    episodes = find_episodes(tuned)
    return Replayed(setting, tuned, episodes, yardstick.pages(episodes, span))


def score_setting(
    evaluated: EvaluatedRule, setting: Setting, yardstick: Yardstick, span: Span
) -> Score:
    """Replay one setting through Alertmanager and score it within ``span``."""
    return score_replayed(replay_setting(evaluated, setting, yardstick, span), yardstick, span)


def score_replayed(replayed: Replayed, yardstick: Yardstick, span: Span) -> Score:
    """Score what a setting did within ``span``."""
    tuned, pages = replayed.evaluated, replayed.pages
    shot = fired(replayed.episodes)
    owes = starting_within(owed(yardstick.incidents, tuned.rule.name), span.start_ms, span.end_ms)
    windows = yardstick.windows_ms(owes)
    delays = detection_delays(shot, owes, windows)
    caught = np.isfinite(delays)
    late = resolve_delays(shot, owes, windows, span.end_ms)[caught]
    severity = owes["severity"].to_numpy(dtype=object)
    return Score(
        setting=replayed.setting,
        pages=len(pages),
        **_worth(pages, yardstick, span),
        night_pages_per_week=_rate(pages["at"][is_night(pages["at"], yardstick.time_zone)], span),
        flaps_per_week=_rate(flap_times(shot), span),
        firing_hours_per_week=weekly_amount(daily_firing_hours(shot, span), span.weeks),
        recall=share_interval(int(caught.sum()), len(owes)),
        recall_by_severity={
            name: share_interval(int(caught[severity == name].sum()), int((severity == name).sum()))
            for name in sorted(set(severity))
        },
        caught=tuple(owes["id"][caught]),
        missed=tuple(owes["id"][~caught]),
        delay_p50_seconds=quantile_interval(delays[caught], 0.5),
        delay_p90_seconds=quantile_interval(delays[caught], 0.9),
        time_to_resolve_p50_seconds=quantile_interval(late, 0.5),
        **_firing_shares(shot, tuned, yardstick, span),
    )


def daily_counts(times: pd.Series, span: Span) -> np.ndarray:
    """Return how many UTC times lie on each day of a span; others are left out."""
    return np.histogram(epoch_ms(times), bins=np.array(span.day_edges_ms))[0]


def page_precision(pages: pd.DataFrame, incident: np.ndarray, span: Span) -> Interval | None:
    """Return true pages per page; pages of one incident, or one day's false ones, are a cluster.

    incident : which incident each page belongs to, -1 for none, shape (n_pages,)
    """
    if pages.empty:
        return None
    true = incident >= 0
    per_incident = np.bincount(incident[true])
    per_day = daily_counts(pages["at"][~true], span)
    hits = np.concatenate([per_incident, np.zeros_like(per_day)])
    return clustered_share(hits, np.concatenate([per_incident, per_day]))


def _worth(pages: pd.DataFrame, yardstick: Yardstick, span: Span) -> dict[str, Any]:
    """Return what a score says of its pages' number and truth."""
    rate = _rate(pages["at"], span)
    if not yardstick.is_labelled:
        unknown = dict.fromkeys(("false_pages", "false_pages_per_week", "precision"))
        return {"pages_per_week": rate} | unknown
    incident = yardstick.incident_of(epoch_ms(pages["at"]))
    return {
        "pages_per_week": rate,
        "false_pages": int((incident < 0).sum()),
        "false_pages_per_week": _rate(pages["at"][incident < 0], span),
        "precision": page_precision(pages, incident, span),
    }


def _firing_shares(
    shot: pd.DataFrame, tuned: EvaluatedRule, yardstick: Yardstick, span: Span
) -> dict[str, float | None]:
    times = tuned.frame.times
    inside = (times >= span.start_ms) & (times < span.end_ms)
    firing = firing_slots(shot, times)
    quiet = inside & (yardstick.incident_of(times) < 0)
    outside = float(firing[quiet].mean()) if quiet.any() else 0.0
    return {
        "firing_ratio": float(firing[inside].mean()),
        "false_firing_ratio": outside if yardstick.is_labelled else None,
    }


def _rate(times: pd.Series, span: Span) -> Interval:
    return weekly_rate(daily_counts(times, span), span.weeks)


def _json(value: Any) -> Any:
    if isinstance(value, Interval):
        ends = {"low": value.low, "mid": value.mid, "high": value.high}
        return {name: end if math.isfinite(end) else None for name, end in ends.items()}
    return {key: _json(one) for key, one in value.items()} if isinstance(value, dict) else value
