"""Episodes -> Alertmanager -> notifications: a discrete-event simulation of all alert groups.

Follows dispatch/dispatch.go, notify/notify.go and what they call, from release 0.25 on (profiles).
Not simulated: restarts and reloads, clusters, failed or slow sends, limits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import pandas as pd

from alertlab.notify.config import AlertmanagerConfig, Integration, Route
from alertlab.notify.dedup import FIRST, NEW_ALERTS, LogEntry, NotificationLog, reason_to_tell
from alertlab.notify.groups import Group
from alertlab.notify.ingest import merge_posts
from alertlab.notify.muting import Muting
from alertlab.notify.sending import Post, Sending
from alertlab.notify.silences import Silence
from alertlab.notify.upkeep import Upkeep
from alertlab.units import LabelSet

NOTIFICATION_COLUMNS = [
    "at", "receiver", "integration", "group_labels", "reason", "firing", "resolved",
]  # fmt: skip


def simulate_notifications(
    episodes: pd.DataFrame,
    config: AlertmanagerConfig,
    *,
    end_ms: int,
    sending: Sending = Sending(),  # noqa: B008 (frozen)
    silences: Sequence[Silence] = (),
    upkeep: Upkeep = Upkeep(),  # noqa: B008 (frozen)
) -> pd.DataFrame:
    """Return the notifications that Alertmanager would have sent up to ``end_ms``, by time.

    episodes : as of ``replay_rules``, those that stayed pending too

    Columns: ``at`` (UTC), ``receiver``, ``integration``, ``group_labels``, ``reason`` (first, new
    alerts, resolved, repeat), ``firing`` and ``resolved`` (tuples of label sets).  At one time
    receivers and their integrations stand in the order of ``config.receivers``.
    """
    order = {name: i for i, name in enumerate(config.receivers)}
    rows: list[tuple] = []
    for groups in _groups(episodes, config, end_ms, sending, silences, upkeep):
        rows += _run(groups, config.receivers[groups[0].route.receiver], upkeep, end_ms)
    rows.sort(key=lambda row: (row[0], order[row[1]]))
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


def _groups(
    episodes: pd.DataFrame,
    config: AlertmanagerConfig,
    end_ms: int,
    sending: Sending,
    silences: Sequence[Silence],
    upkeep: Upkeep,
) -> list[list[Group]]:
    """Return the groups that the alerts fall into, together those that share a notification log.

    It does not know routes with the same matchers and receiver apart, though they may group by
    other labels and so tell of other alerts.
    """
    received = {
        labels: merge_posts(posts, upkeep)
        for labels, posts in sending.posts(episodes, end_ms).items()
    }
    muting = Muting(received, config, silences, upkeep, end_ms)
    posts_of: dict[tuple[str, LabelSet], list[Post]] = defaultdict(list)
    routes: dict[str, Route] = {}
    for labels, posts in received.items():
        for route in config.route.match(labels):
            routes[route.id] = route
            posts_of[route.id, route.group_labels(labels)] += posts
    sharing: dict[tuple[str, str, LabelSet], list[Group]] = defaultdict(list)
    for (route_id, labels), posts in posts_of.items():
        route = routes[route_id]
        group = Group(route, labels, posts, muting, upkeep, config.profile)
        sharing[route.key, route.receiver, labels].append(group)
    return list(sharing.values())


def _run(
    groups: Sequence[Group], integrations: Sequence[Integration], upkeep: Upkeep, end_ms: int
) -> list[tuple]:
    """Run the lives of groups that share a notification log; return rows of notifications."""
    rows: list[tuple] = []
    log = NotificationLog(upkeep)
    while (now := min(group.due for group in groups)) <= end_ms:
        flushed = [group for group in groups if group.due == now]
        told: dict[Integration, LogEntry] = {}
        for group in flushed:
            heard = group.flush(now)
            for integration in integrations if any(heard) else ():
                entry = log.find(integration, now)
                reason = reason_to_tell(entry, *heard, integration, group.route, now)
                if reason is not None:
                    told[integration] = log.new_entry(*heard, now, group.route)
                    rows += _row(int(now), group, integration, reason, *heard)
        log.entries.update(told)  # after all flushes of this moment: sending takes one
        for group in flushed:
            group.plan(log.changes_after(now, group.route))
        if told and len(groups) > 1:
            for group in groups:
                group.look_again(now)
    return rows


def _row(
    at: int,
    group: Group,
    integration: Integration,
    reason: str,
    firing: frozenset[LabelSet],
    resolved: frozenset[LabelSet],
) -> list[tuple]:
    """Return the notification, if there is one: a resolve may only be written down."""
    if not firing and not integration.send_resolved:
        return []
    told = (firing, resolved if integration.send_resolved else ())
    alerts = (tuple(sorted(some)) for some in told)
    return [(at, group.route.receiver, integration.kind, group.labels, reason, *alerts)]
