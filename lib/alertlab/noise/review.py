"""The review of alert noise: every rule through Alertmanager, every page true or false."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.incidents import epoch_ms
from alertlab.noise.verdicts import NOISY, rule_row
from alertlab.notify import REPEAT, AlertmanagerConfig, Silence, find_pages, rules_by_alert
from alertlab.replay import EvaluatedRule, evaluate_rule, find_episodes
from alertlab.rules import AlertRule, find_rule
from alertlab.sources import Source
from alertlab.tuning import Constraints, Span, Tuning, Yardstick, is_night, tune_rule
from alertlab.units import DAY_MS, WEEK_MS, LabelSet

PAGE_COLUMNS = (
    "at", "receiver", "group", "rule", "incident", "night", "false", "duplicate",
)  # fmt: skip


@dataclass(frozen=True)
class NoiseReview:
    """A review's tables; times are UTC.

    episodes : as ``replay_rules``, of all rules
    notifications : as ``simulate_notifications``, those within the span
    pages : one row per page and rule: ``at``, ``receiver``, ``group``, ``rule``, ``incident`` (id
        or None), ``false`` (in no incident, though incidents are labelled), ``night``,
        ``duplicate`` (an earlier page told this receiver of the incident)
    rules : one row per rule, noisiest first (columns see ``verdicts.rule_row``)
    """

    span: Span
    yardstick: Yardstick
    evaluated: dict[str, EvaluatedRule]
    episodes: pd.DataFrame
    notifications: pd.DataFrame
    pages: pd.DataFrame
    rules: pd.DataFrame

    @property
    def distinct_pages(self) -> pd.DataFrame:
        """The pages, one row each: one that names several rules stands under its first."""
        return self.pages.drop_duplicates(["at", "receiver", "group"]).reset_index(drop=True)

    def simulate(self, config: AlertmanagerConfig, silences: Sequence[Silence]) -> pd.DataFrame:
        """Return the notifications within the span under another configuration and silences."""
        other = replace(self.yardstick, config=config, silences=silences)
        return other.notifications(self.episodes, self.span)

    def repeats(self) -> pd.DataFrame:
        """Return repeats to paging receivers, one row per rule: ``at``, ``receiver``, ``rule``."""
        paging = self.notifications["receiver"].isin(self.yardstick.waking)
        repeats = self.notifications[paging & (self.notifications["reason"] == REPEAT)]
        distinct = repeats.drop_duplicates(["at", "receiver", "group_labels"])
        rules = rules_by_alert(self.episodes, self.yardstick.sending)
        return _per_rule(distinct, rules)[["at", "receiver", "rule"]]

    def weekly(self) -> pd.DataFrame:
        """Return pages per week and receiver: ``week`` (its start), ``receiver``, ``true``,
        ``false``, or ``pages`` alone where no incident is labelled; weeks count back from the
        end, so the last one is this week."""
        distinct = self.distinct_pages
        weeks_back = (self.span.end_ms - 1 - epoch_ms(distinct["at"])) // WEEK_MS
        starts = self.span.end_ms - (weeks_back + 1) * WEEK_MS
        receivers = self.yardstick.waking
        count = round(np.ceil(self.span.weeks - 1e-9))
        kinds = {"pages": distinct["incident"].isna()}
        if self.yardstick.is_labelled:
            kinds = {"true": ~distinct["false"], "false": distinct["false"]}
        rows = []
        for start in (self.span.end_ms - (k + 1) * WEEK_MS for k in reversed(range(count))):
            for receiver in receivers:
                here = (starts == start) & (distinct["receiver"] == receiver)
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
        if not self.yardstick.is_labelled:
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
    yardstick: Yardstick,
    track: Callable[[list], Iterable] = iter,
) -> NoiseReview:
    """Replay all rules through Alertmanager and say which pages were worth it.

    A page is true if it falls into an incident with its margins.  ``track`` wraps the list of
    rules to show progress.
    """
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
    sent = yardstick.notifications(episodes, span)
    pages = _pages(sent, rules_by_alert(episodes, yardstick.sending), yardstick)
    rows = [
        rule_row(one, per_rule[name], pages, yardstick, span) for name, one in evaluated.items()
    ]
    table = pd.DataFrame(rows).sort_values(["false_pages", "pages"], ascending=False)
    return NoiseReview(
        span, yardstick, evaluated, episodes, sent, pages, table.reset_index(drop=True)
    )


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
            yardstick=review.yardstick,
            constraints=constraints,
        )
        for name in track(names[:most])
    ]


def _pages(
    notifications: pd.DataFrame, rules_of: Mapping[LabelSet, set[str]], yardstick: Yardstick
) -> pd.DataFrame:
    found = find_pages(notifications, yardstick.waking)
    hit = yardstick.incident_of(epoch_ms(found["at"]))
    ids = np.append(yardstick.incidents["id"].to_numpy(dtype=object), None)
    pages = found.assign(
        group=found["group_labels"],
        incident=pd.Series(ids[hit], dtype=object),
        night=is_night(found["at"], yardstick.time_zone),
    )
    in_none = pages["incident"].isna()
    again = pages.duplicated(["receiver", "incident"]) & ~in_none
    pages = pages.assign(false=in_none & yardstick.is_labelled, duplicate=again)
    return _per_rule(pages, rules_of)[list(PAGE_COLUMNS)]


def _per_rule(notifications: pd.DataFrame, rules_of: Mapping[LabelSet, set[str]]) -> pd.DataFrame:
    """Return notifications with their firing alerts' ``rule``, a row for each rule."""
    rules = [
        sorted(set().union(*map(rules_of.__getitem__, told))) for told in notifications["firing"]
    ]
    named = notifications.assign(rule=pd.Series(rules, index=notifications.index, dtype=object))
    return named.explode("rule", ignore_index=True)
