"""A naive twin of the simulation: Prometheus and Alertmanager, one step of time after the other.

Nothing is skipped, compressed or planned: at each step everything is tidied up, then rules run and
send, then groups that are due are flushed.  All times must be multiples of the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from alertlab.notify.config import AlertmanagerConfig, InhibitRule, Integration, Route
from alertlab.notify.relabel import relabel
from alertlab.notify.sending import Sending
from alertlab.notify.silences import Silence
from alertlab.notify.upkeep import Upkeep
from alertlab.promql import matches_all
from alertlab.units import MINUTE_MS, LabelSet, label_set

RETENTION = 15 * MINUTE_MS  # of resolved alerts in Prometheus
SOURCES_EVERY = 15 * MINUTE_MS


@dataclass
class Active:
    """An alert in the memory of a rule."""

    state: str
    fired_at: int | None = None
    resolved_at: int | None = None
    sent_at: int = -(10**12)


class Rule:
    """One alert of a rule: its state machine, driven by what the episodes say is active."""

    def __init__(self, labels: LabelSet, rows: list, delay: int) -> None:
        self.labels, self.rows, self.delay = labels, rows, delay
        self.interval = rows[0].interval_ms
        self.phase = ms(rows[0].active_at) % self.interval
        self.alert: Active | None = None

    def evaluate(self, now: int) -> tuple[int, int] | None:
        """Run at ``now`` if that is a slot; return StartsAt and EndsAt if the alert is sent."""
        missed = any(start <= now < end for row in self.rows for start, end in row.gaps)
        if now % self.interval != self.phase or missed:
            return None
        row = next(
            (r for r in self.rows if ms(r.active_at) <= now and not ms(r.resolved_at) <= now), None
        )
        if row is not None:
            if self.alert is None or self.alert.state == "inactive":
                self.alert = Active("pending")
            if self.alert.state == "pending" and ms(row.fired_at) <= now:
                self.alert.state, self.alert.fired_at = "firing", now
        elif self.alert is not None:
            self._absent(now)
        return self._send(now)

    def _absent(self, now: int) -> None:
        ended = next(r for r in reversed(self.rows) if ms(r.resolved_at) <= now)
        if self.alert.state == "pending" or (self.alert.state == "firing" and ended.dropped):
            self.alert = None
        elif self.alert.state == "firing":
            self.alert.state, self.alert.resolved_at = "inactive", now
        elif now - self.alert.resolved_at > RETENTION:
            self.alert = None

    def _send(self, now: int) -> tuple[int, int] | None:
        one = self.alert
        if one is None or one.state == "pending":
            return None
        at_once = one.resolved_at is not None and one.resolved_at > one.sent_at
        if not at_once and not one.sent_at + self.delay < now:
            return None
        one.sent_at = now
        until = now + 4 * max(self.interval, self.delay)
        return one.fired_at, until if one.resolved_at is None else one.resolved_at


@dataclass
class Stored:
    """An alert as Alertmanager keeps it."""

    labels: LabelSet
    start: int
    end: int
    put_at: int


@dataclass
class TwinGroup:
    """An aggregation group."""

    route: Route
    labels: LabelSet
    due: int
    flushed: bool = False
    store: dict[LabelSet, Stored] = field(default_factory=dict)


@dataclass
class Twin:
    """One Alertmanager."""

    config: AlertmanagerConfig
    silences: Sequence[Silence]
    upkeep: Upkeep
    alerts: dict[LabelSet, Stored] = field(default_factory=dict)
    groups: dict[tuple, TwinGroup] = field(default_factory=dict)
    log: dict[tuple, tuple] = field(default_factory=dict)
    sources: list[dict[LabelSet, Stored]] = field(init=False)
    index: list[dict[tuple, LabelSet]] = field(init=False)
    rows: list[tuple] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sources = [{} for _ in self.config.inhibit_rules]
        self.index = [{} for _ in self.config.inhibit_rules]

    def tidy(self, now: int) -> None:
        """Forget what is to be forgotten at ``now``."""
        age, upkeep = now - self.upkeep.started_ms, self.upkeep
        if age % upkeep.alerts_interval_ms == 0:
            self.alerts = {k: a for k, a in self.alerts.items() if a.end > now}
        if age % upkeep.log_interval_ms == 0:
            # The expiry is a moment later than a whole step: what expires now stays.
            self.log = {k: e for k, e in self.log.items() if e[3] >= now}
        if age % upkeep.groups_interval_ms == 0 and not self.config.profile.destroys_emptied:
            self.groups = {k: g for k, g in self.groups.items() if g.store}
        if age % SOURCES_EVERY == 0:
            for rule, cache, index in zip(
                self.config.inhibit_rules, self.sources, self.index, strict=True
            ):
                for one in [a for a in cache.values() if a.end <= now]:
                    del cache[one.labels]
                    index.pop(equal_values(rule, one.labels), None)

    def put(self, labels: LabelSet, start: int, end: int, now: int) -> None:
        """Take in one alert."""
        old = self.alerts.get(labels)
        if old and (old.start < end < old.end or old.start < start < old.end):
            start = min(start, old.start)
            if end <= now:
                end = old.end if old.end <= now and old.end > end else end
            else:
                end = max(end, old.end)
        one = self.alerts[labels] = Stored(labels, start, end, now)
        for rule, cache, index in zip(
            self.config.inhibit_rules, self.sources, self.index, strict=True
        ):
            if matches_all(rule.sources, labels):
                cache[labels] = one
                key = equal_values(rule, labels)
                if key not in index or cache[index[key]].end <= end:
                    index[key] = labels
        for route in self.config.route.match(labels):
            self.insert(route, one, now)

    def insert(self, route: Route, one: Stored, now: int) -> None:
        """Add an alert to its group of a route, which may begin with it."""
        key = (route.id, route.group_labels(one.labels))
        created = key not in self.groups
        if created:
            self.groups[key] = TwinGroup(route, key[1], now + route.group_wait_ms)
        group = self.groups[key]
        group.store[one.labels] = one
        checked = created or (self.config.profile.checks_on_insert and not group.flushed)
        if checked and one.start + route.group_wait_ms <= now:
            group.due = now

    def flush_all(self, now: int) -> None:
        """Flush the groups that are due; what one writes the others do not see yet."""
        written = {}
        for key, group in list(self.groups.items()):
            if group.due != now:
                continue
            group.flushed, group.due = True, now + group.route.group_interval_ms
            if group.store:
                self.flush(group, now, written)
            group.store = {k: a for k, a in group.store.items() if a.end > now}
            if not group.store and self.config.profile.destroys_emptied:
                del self.groups[key]
        self.log |= written

    def flush(self, group: TwinGroup, now: int, written: dict) -> None:
        """Tell the integrations of a group's receiver what they want to know."""
        heard = [one for one in group.store.values() if not self.muted(one.labels, group, now)]
        firing = frozenset(one.labels for one in heard if one.end > now)
        resolved = frozenset(one.labels for one in heard if one.end <= now)
        route = group.route
        for one in self.config.receivers[route.receiver] if heard else ():
            key = (route.key, group.labels, route.receiver, one)
            reason = reason_of(self.log.get(key), firing, resolved, one, now, route)
            if reason is None:
                continue
            kept = min(self.upkeep.log_retention_ms, 2 * route.repeat_interval_ms)
            written[key] = (firing, resolved, now, now + kept)
            if firing or one.send_resolved:
                shown = resolved if one.send_resolved else frozenset()
                self.rows.append(
                    (now, route.receiver, one.kind, group.labels, reason, firing, shown)
                )

    def muted(self, labels: LabelSet, group: TwinGroup, now: int) -> bool:
        """Whether an alert is inhibited, silenced, or its route in a mute time."""

        def within(names: Sequence[str]) -> bool:
            at = np.array([now], np.int64)
            return any(self.config.time_intervals[name].contains(at)[0] for name in names)

        active = group.route.active_intervals
        return (
            within(group.route.mute_intervals)
            or (bool(active) and not within(active))
            or any(one.mutes(labels, now) for one in self.silences)
            or self.inhibited(labels, now)
        )

    def inhibited(self, labels: LabelSet, now: int) -> bool:
        """Whether a source fires for this target."""
        for rule, cache, index in zip(
            self.config.inhibit_rules, self.sources, self.index, strict=True
        ):
            if not matches_all(rule.targets, labels):
                continue
            equal = equal_values(rule, labels)
            candidates = [a for a in cache.values() if equal_values(rule, a.labels) == equal]
            if self.config.profile.one_inhibition_source:
                candidates = [cache[index[equal]]] if equal in index else []
            both = matches_all(rule.sources, labels)
            for source in candidates:
                excluded = both and matches_all(rule.targets, source.labels)
                if source.end > now and not excluded:
                    return True
        return False


def equal_values(rule: InhibitRule, labels: LabelSet) -> tuple[str, ...]:
    """Return the values of a rule's equal labels."""
    return tuple(dict(labels).get(name, "") for name in rule.equal)


def reason_of(entry, firing, resolved, one: Integration, now: int, route: Route) -> str | None:
    """Return why an integration is told, after the table of needsUpdate."""
    if entry is None:
        return "first" if firing else None
    was_firing, was_resolved, at, _ = entry
    if firing - was_firing:
        return "new alerts" if was_firing else "first"
    if not firing:
        return "resolved" if was_firing else None
    if one.send_resolved and resolved - was_resolved:
        return "resolved"
    # The log is written a moment after the flush, so an interval later is not yet older.
    return "repeat" if now - at > route.repeat_interval_ms else None


def ms(at: pd.Timestamp) -> float:
    """Return ms since the epoch, later than anything for no time."""
    return float("inf") if pd.isna(at) else round(at.timestamp() * 1000)


def rules_of(episodes: pd.DataFrame, sending: Sending) -> list[Rule]:
    """Return the alerts that send, those that end in one label set one after the other."""
    rules = []
    for (_, own), rows in episodes.groupby(["rule", "labels"], sort=False):
        labels = label_set({**dict(sending.external_labels), **dict(own)})
        final = relabel(labels, sending.alert_relabel)
        if final is not None:
            listed = sorted(rows.itertuples(), key=lambda row: row.active_at)
            rules.append(Rule(final, listed, sending.resend_delay_ms))
    order = {labels: i for i, labels in enumerate(dict.fromkeys(rule.labels for rule in rules))}
    return sorted(rules, key=lambda rule: order[rule.labels])


def step_through(
    episodes: pd.DataFrame,
    config: AlertmanagerConfig,
    *,
    end_ms: int,
    step_ms: int,
    sending: Sending,
    silences: Sequence[Silence],
    upkeep: Upkeep,
) -> list[tuple]:
    """Return rows (ms, receiver, kind, group labels, reason, firing, resolved), by time."""
    rules, twin = rules_of(episodes, sending), Twin(config, silences, upkeep)
    for now in range(0, end_ms + 1, step_ms):
        twin.tidy(now)
        for rule in rules:
            if sent := rule.evaluate(now):
                twin.put(rule.labels, *sent, now)
        twin.flush_all(now)
    return twin.rows
