"""Episodes -> Alertmanager -> notifications: a discrete-event simulation of each alert group.

Follows current Alertmanager (0.32 and later): dispatch/dispatch.go (groups, ticks),
notify/dedup_stage.go (needsUpdate), inhibit/inhibit.go (Mutes).
Not simulated yet: silences, time intervals, expiry of the notification log, restarts.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from alertlab.notify.config import AlertmanagerConfig, Integration, Route
from alertlab.promql import matches_all
from alertlab.replay import fired
from alertlab.units import LabelSet

NOTIFICATION_COLUMNS = [
    "at", "receiver", "integration", "group_labels", "reason", "firing", "resolved",
]  # fmt: skip
FIRST, NEW_ALERTS, RESOLVED, REPEAT = "first", "new alerts", "resolved", "repeat"


@dataclass(frozen=True)
class Alert:
    """One firing of one label set, [start, end) in ms; ``end`` is inf while it still fires."""

    labels: LabelSet
    start: float
    end: float


@dataclass
class LogEntry:
    """What an integration was last told about a group (nflog)."""

    firing: frozenset[LabelSet] = frozenset()
    resolved: frozenset[LabelSet] = frozenset()
    at: float = -math.inf


@dataclass
class Group:
    """The alerts of one group key, and what changes its flushes."""

    route: Route
    labels: LabelSet
    alerts: list[Alert] = field(default_factory=list)


def simulate_notifications(
    episodes: pd.DataFrame, config: AlertmanagerConfig, *, end_ms: int
) -> pd.DataFrame:
    """Return the notifications that Alertmanager would have sent up to ``end_ms``, by time.

    Columns: ``at`` (UTC), ``receiver``, ``integration``, ``group_labels``, ``reason`` (first, new
    alerts, resolved, repeat), ``firing`` and ``resolved`` (tuples of label sets).
    """
    alerts = _alerts(episodes)
    inhibitor = _Inhibitor(alerts, config)
    rows = []
    for group in _groups(alerts, config):
        integrations = config.receivers[group.route.receiver]
        rows += _simulate_group(group, integrations, inhibitor, end_ms)
    rows.sort(key=lambda row: row[:3])
    frame = pd.DataFrame(rows, columns=NOTIFICATION_COLUMNS)
    frame["at"] = pd.to_datetime(frame["at"].astype("int64"), unit="ms", utc=True)
    return frame


def find_pages(notifications: pd.DataFrame, receivers: Iterable[str]) -> pd.DataFrame:
    """Return the pages: first and new-alerts notifications to ``receivers``, one per receiver.

    A receiver with two integrations is told twice but woken once.
    """
    told = notifications[
        notifications["reason"].isin([FIRST, NEW_ALERTS])
        & notifications["receiver"].isin(list(receivers))
    ]
    return told.drop_duplicates(["at", "receiver", "group_labels"]).reset_index(drop=True)


def _alerts(episodes: pd.DataFrame) -> list[Alert]:
    starts = fired(episodes)
    ends = [math.inf if pd.isna(at) else _epoch_ms(at) for at in starts["resolved_at"]]
    begins = [_epoch_ms(at) for at in starts["fired_at"]]
    found = [Alert(*one) for one in zip(starts["labels"], begins, ends, strict=True)]
    return sorted(found, key=lambda alert: (alert.start, alert.labels))


def _epoch_ms(at: pd.Timestamp) -> int:
    return round(at.timestamp() * 1000)


def _groups(alerts: list[Alert], config: AlertmanagerConfig) -> list[Group]:
    groups: dict[tuple[str, LabelSet], Group] = {}
    for alert in alerts:
        for route in config.route.match(alert.labels):
            labels = route.group_labels(alert.labels)
            group = groups.setdefault((route.key, labels), Group(route, labels))
            group.alerts.append(alert)
    return list(groups.values())


def _simulate_group(
    group: Group, integrations: tuple[Integration, ...], inhibitor: _Inhibitor, end_ms: int
) -> list[tuple]:
    """Run one group's life: created by an alert, flushed on ticks, destroyed when empty."""
    route, rows = group.route, []
    log = {one: LogEntry() for one in integrations}
    changes = _change_times(group, inhibitor)
    waiting = 0  # alerts before this index have reached the group
    while waiting < len(group.alerts):
        tick = group.alerts[waiting].start + route.group_wait_ms
        members: dict[LabelSet, Alert] = {}
        while tick <= end_ms:
            while waiting < len(group.alerts) and group.alerts[waiting].start <= tick:
                members[group.alerts[waiting].labels] = group.alerts[waiting]
                waiting += 1
            heard = [one for one in members.values() if not inhibitor.mutes(one.labels, tick)]
            firing = frozenset(one.labels for one in heard if one.end > tick)
            resolved = frozenset(one.labels for one in heard if one.end <= tick)
            # A flush whose alerts are all muted neither tells nor remembers anything.
            for integration, entry in log.items() if heard else ():
                reason = _needs_update(entry, firing, resolved, integration, route, tick)
                if reason is None:
                    continue
                log[integration] = LogEntry(firing, resolved, tick)
                if firing or integration.send_resolved:
                    told = tuple(sorted(resolved)) if integration.send_resolved else ()
                    rows.append(
                        (
                            round(tick), route.receiver, integration.kind, group.labels, reason,
                            tuple(sorted(firing)), told,
                        )
                    )  # fmt: skip
            members = {labels: one for labels, one in members.items() if one.end > tick}
            if not members:
                break
            tick = _next_tick(tick, changes, log, route)
        else:
            break  # the end of the simulated time
    return rows


def _needs_update(
    entry: LogEntry,
    firing: frozenset[LabelSet],
    resolved: frozenset[LabelSet],
    integration: Integration,
    route: Route,
    now: float,
) -> str | None:
    """Return why an integration is told now, or None (notify/dedup_stage.go, needsUpdate)."""
    if not firing <= entry.firing:
        return NEW_ALERTS if entry.firing else FIRST
    if not firing:
        return RESOLVED if entry.firing else None
    if integration.send_resolved and not resolved <= entry.resolved:
        return RESOLVED
    # Strict, and sending takes a moment: a repeat due exactly at a tick goes out one tick later.
    return REPEAT if entry.at < now - route.repeat_interval_ms else None


def _change_times(group: Group, inhibitor: _Inhibitor) -> list[float]:
    """Return, sorted, the times at which a flush may see something new."""
    own = {t for alert in group.alerts for t in (alert.start, alert.end)}
    return sorted(own.union(inhibitor.change_times()))


def _next_tick(
    tick: float, changes: list[float], log: dict[Integration, LogEntry], route: Route
) -> float:
    """Return the next tick ``tick + k * group_interval`` at which something can happen."""
    after = bisect_right(changes, tick)
    due = [changes[after]] if after < len(changes) else []
    # A repeat needs the log entry to be strictly older than the interval.
    due += [entry.at + route.repeat_interval_ms + 1 for entry in log.values() if entry.firing]
    wait = min(due, default=math.inf) - tick
    if math.isinf(wait):
        return math.inf
    return tick + max(1, math.ceil(wait / route.group_interval_ms)) * route.group_interval_ms


class _Inhibitor:
    """Tells which alerts are muted because another one fires."""

    def __init__(self, alerts: list[Alert], config: AlertmanagerConfig) -> None:
        self._rules = [
            (rule, [alert for alert in alerts if matches_all(rule.sources, alert.labels)])
            for rule in config.inhibit_rules
        ]

    def change_times(self) -> set[float]:
        return {t for _, sources in self._rules for one in sources for t in (one.start, one.end)}

    def mutes(self, labels: LabelSet, now: float) -> bool:
        have = dict(labels)
        for rule, sources in self._rules:
            if not matches_all(rule.targets, labels):
                continue
            two_sided = matches_all(rule.sources, labels)
            for source in sources:
                if not source.start <= now < source.end:
                    continue
                # An alert on both sides is not inhibited by others that are on both sides.
                if two_sided and matches_all(rule.targets, source.labels):
                    continue
                given = dict(source.labels)
                if all(have.get(name, "") == given.get(name, "") for name in rule.equal):
                    return True
        return False
