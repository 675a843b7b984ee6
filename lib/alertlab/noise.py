"""What the weekly review of alert noise computes: pages per rule and receiver, true and false."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.incidents import Margins, epoch_ms, match_times, owed, starting_within
from alertlab.intervals import share_interval, weekly_rate
from alertlab.notify import AlertmanagerConfig, find_pages, simulate_notifications
from alertlab.replay import EvaluatedRule, evaluate_rule, find_episodes, fired
from alertlab.rules import AlertRule, find_rule
from alertlab.sources import Source
from alertlab.tuning import (
    Constraints,
    Span,
    Tuning,
    detection_delays,
    firing_hours,
    group_level,
    is_night,
    tune_rule,
)
from alertlab.units import DAY_MS, MINUTE_MS, WEEK_MS

FLAP_MS = 30 * MINUTE_MS  # fired again this soon after it resolved
NO_DATA, SILENT, ALWAYS, NOISY, FINE = "no data", "silent", "always firing", "noisy", "fine"
UNLABELLED = "not labelled"  # without any incident nobody can say which pages were worth it
_ALWAYS_RATIO = 0.9
_NOISY_FALSE_PER_WEEK, _NOISY_FEWEST = 1.0, 2


@dataclass(frozen=True)
class NoiseReview:
    """A review's tables; times are UTC.

    episodes : as ``replay_rules``, of all rules
    notifications : as ``simulate_notifications``
    pages : one row per page and rule: ``at``, ``receiver``, ``rule``, ``incident`` (id or None),
        ``false`` (in no incident, though incidents are labelled), ``night``, ``duplicate`` (an
        earlier page told this receiver of the incident)
    rules : one row per rule, noisiest first (columns see ``_rule_row``)
    """

    span: Span
    config: AlertmanagerConfig
    incidents: pd.DataFrame
    margins: Margins
    time_zone: str
    evaluated: dict[str, EvaluatedRule]
    episodes: pd.DataFrame
    notifications: pd.DataFrame
    pages: pd.DataFrame
    rules: pd.DataFrame

    @property
    def labelled(self) -> bool:
        """Whether any incident is labelled; otherwise no page can be called false."""
        return len(self.incidents) > 0

    def weekly(self) -> pd.DataFrame:
        """Return pages per week and receiver: ``week`` (its start), ``receiver``, ``true``,
        ``false``, or ``pages`` alone where no incident is labelled; weeks count back from the
        end, so the last one is this week."""
        weeks_back = (self.span.end_ms - 1 - epoch_ms(self.pages["at"])) // WEEK_MS
        starts = self.span.end_ms - (weeks_back + 1) * WEEK_MS
        receivers = self.config.paging_receivers()
        count = round(np.ceil(self.span.weeks - 1e-9))
        distinct = self.pages.assign(week=starts).drop_duplicates(["at", "receiver", "group"])
        kinds = {"pages": distinct["incident"].isna()}
        if self.labelled:
            kinds = {"true": ~distinct["false"], "false": distinct["false"]}
        rows = []
        for start in (self.span.end_ms - (k + 1) * WEEK_MS for k in reversed(range(count))):
            for receiver in receivers:
                here = (distinct["week"] == start) & (distinct["receiver"] == receiver)
                week = pd.Timestamp(start, unit="ms", tz="UTC")
                rows.append(
                    (week, receiver, *(int((here & kind).sum()) for kind in kinds.values()))
                )
        return pd.DataFrame(rows, columns=["week", "receiver", *kinds])

    def recent_pages(self, *, days: float) -> pd.DataFrame:
        """Return the pages of the last ``days``."""
        recent = epoch_ms(self.pages["at"]) >= self.span.end_ms - days * DAY_MS
        return self.pages[recent].reset_index(drop=True)

    def by_receiver(self) -> pd.DataFrame:
        """Return pages per rule and receiver: this week, and per week in the weeks before."""
        this_week = self.pages["at"] >= pd.Timestamp(
            self.span.end_ms - WEEK_MS, unit="ms", tz="UTC"
        )
        weeks_before = max(self.span.weeks - 1, 0)
        keys = ["rule", "receiver"]
        table = pd.DataFrame(
            {
                "pages_this_week": self.pages[this_week].groupby(keys).size(),
                "false_this_week": self.pages[this_week & self.pages["false"]].groupby(keys).size(),
                "before": self.pages[~this_week].groupby(keys).size(),
            }
        ).fillna(0)
        if not self.labelled:
            table["false_this_week"] = np.nan
        before = table.pop("before")
        # A rate over less than half a week says nothing about weeks.
        table["pages_per_week_before"] = before / weeks_before if weeks_before > 0.5 else np.nan
        return table.sort_values("pages_this_week", ascending=False).reset_index()


def review_noise(
    rules: Iterable[AlertRule],
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    config: AlertmanagerConfig,
    incidents: pd.DataFrame,
    margins: Margins | None = None,
    time_zone: str = "UTC",
    track: Callable[[list], Iterable] = iter,
) -> NoiseReview:
    """Replay all rules through Alertmanager and say which pages were worth it.

    A page is true if it falls into an incident with its margins.  ``track`` wraps the list of
    rules to show progress.
    """
    margins = margins or Margins()
    rules = list(rules)
    if not rules:
        raise BadInput("there is no alerting rule to review; check the rule files")
    for rule in rules:
        find_rule(rules, rule.name)  # pages know a rule by its name only
    evaluated = {rule.name: evaluate_rule(rule, source, start_ms, end_ms) for rule in track(rules)}
    last = max(int(one.frame.times[-1]) + one.rule.interval_ms for one in evaluated.values())
    span = Span(start_ms, last)
    per_rule = {name: find_episodes(one) for name, one in evaluated.items()}
    episodes = pd.concat(per_rule.values(), ignore_index=True)
    notifications = simulate_notifications(episodes, config, end_ms=span.end_ms)
    pages = _pages(notifications, config, incidents, margins, span, time_zone)
    rows = [_rule_row(one, per_rule[name], pages, incidents, margins, span)
            for name, one in evaluated.items()]  # fmt: skip
    table = pd.DataFrame(rows).sort_values(["false_pages", "pages"], ascending=False)
    return NoiseReview(
        span, config, incidents, margins, time_zone, evaluated, episodes, notifications, pages,
        table.reset_index(drop=True),
    )  # fmt: skip


def tune_noisy_rules(
    review: NoiseReview,
    source: Source,
    *,
    constraints: Constraints | None = None,
    most: int = 3,
    track: Callable[[list], Iterable] = iter,
) -> list[Tuning]:
    """Tune the rules with the most false pages (at most ``most`` that have a threshold)."""
    names = [
        row.rule
        for row in review.rules.itertuples()
        if row.state == NOISY and review.evaluated[row.rule].threshold is not None
    ]
    return [
        tune_rule(
            review.evaluated[name].rule,
            source,
            review.span.start_ms,
            review.span.end_ms - 1,
            incidents=review.incidents,
            config=review.config,
            margins=review.margins,
            constraints=constraints,
            time_zone=review.time_zone,
        )
        for name in track(names[:most])
    ]


def _pages(
    notifications: pd.DataFrame,
    config: AlertmanagerConfig,
    incidents: pd.DataFrame,
    margins: Margins,
    span: Span,
    time_zone: str,
) -> pd.DataFrame:
    found = find_pages(notifications, config.paging_receivers())
    at = epoch_ms(found["at"])
    found = found[(at >= span.start_ms) & (at < span.end_ms)].reset_index(drop=True)
    hit = match_times(epoch_ms(found["at"]), incidents, margins)
    ids = np.append(incidents["id"].to_numpy(dtype=object), None)
    names = [sorted({dict(one)["alertname"] for one in firing}) for firing in found["firing"]]
    pages = pd.DataFrame(
        {
            "at": found["at"],
            "receiver": found["receiver"],
            "group": found["group_labels"],
            "rule": pd.Series(names, dtype=object),
            "incident": pd.Series(ids[hit], dtype=object),
            "night": is_night(found["at"], time_zone),
        }
    ).explode("rule", ignore_index=True)
    again = pages.duplicated(["receiver", "rule", "incident"])
    in_none = pages["incident"].isna()
    return pages.assign(false=in_none & (len(incidents) > 0), duplicate=again & ~in_none)


def _rule_row(
    evaluated: EvaluatedRule,
    episodes: pd.DataFrame,
    pages: pd.DataFrame,
    incidents: pd.DataFrame,
    margins: Margins,
    span: Span,
) -> dict[str, object]:
    """Return a rule's line of the review.

    ``false_pages``, their rate and ``precision`` are missing where no incident is labelled;
    ``flaps``: episodes that fired within 30 minutes of the same alert's resolve; ``precision``:
    true pages per page; ``caught`` of ``owed`` incidents fired during them.
    """
    rule, shot = evaluated.rule, fired(episodes)
    own = pages[pages["rule"] == rule.name]
    is_false, labelled = own["false"].to_numpy(bool), len(incidents) > 0
    day = (epoch_ms(own["at"]) - span.start_ms) // DAY_MS
    days = max(1, -(-(span.end_ms - span.start_ms) // DAY_MS))
    owes = starting_within(owed(incidents, rule.name), span.start_ms, span.end_ms)
    hours = firing_hours(shot, span)
    row = {
        "rule": rule.name,
        "severity": rule.severity,
        "state": FINE,
        "episodes": len(shot),
        "pending_only": len(episodes) - len(shot),
        "pages": len(own),
        "false_pages": int(is_false.sum()) if labelled else np.nan,
        "false_pages_per_week": weekly_rate(np.bincount(day[is_false], minlength=days), span.weeks)
        if labelled
        else None,
        "precision": share_interval(int((~is_false).sum()), len(own)) if labelled else None,
        "night_pages": int(own["night"].sum()),
        "duplicate_pages": int(own["duplicate"].sum()),
        "flaps": _flaps(shot),
        "firing_hours": hours,
        "caught": int(np.isfinite(detection_delays(shot, owes, margins)).sum()),
        "owed": len(owes),
        "data_ratio": evaluated.data_ratio,
    }
    level = group_level(evaluated, rule.hold_duration_ms, rule.keep_firing_for_ms)
    firing_ratio = float(evaluated.above(level)[evaluated.reported].mean())
    return row | {"state": _state(row, firing_ratio, span)}


def _state(row: dict[str, object], firing_ratio: float, span: Span) -> str:
    if row["data_ratio"] == 0:
        return NO_DATA
    if not row["episodes"]:
        return SILENT
    if firing_ratio > _ALWAYS_RATIO:
        return ALWAYS
    if row["false_pages_per_week"] is None:
        return UNLABELLED if row["pages"] else FINE
    # One false page in a short history makes a high rate and proves nothing.
    enough = max(_NOISY_FALSE_PER_WEEK * span.weeks, _NOISY_FEWEST)
    if row["false_pages"] >= enough and row["precision"].mid < 0.5:
        return NOISY
    return FINE


def _flaps(shot: pd.DataFrame) -> int:
    """Count episodes that fired within FLAP_MS of the same alert's previous resolve."""
    previous = shot.groupby("labels")["resolved_at"].shift()
    return int((shot["fired_at"] - previous <= pd.Timedelta(FLAP_MS, unit="ms")).sum())
