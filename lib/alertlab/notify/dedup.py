"""What was told and what is worth telling: notification log and deduplication.

Follows notify/dedup_stage.go (needsUpdate), notify/set_notifies_stage.go and nflog/nflog.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from alertlab.notify.config import Integration, Route
from alertlab.notify.upkeep import Upkeep
from alertlab.units import LabelSet

FIRST, NEW_ALERTS, RESOLVED, REPEAT = "first", "new alerts", "resolved", "repeat"


@dataclass(frozen=True)
class LogEntry:
    """What an integration was last told about a group, when, and until when that is known.

    Sending takes a moment: the entry is written a little after ``at``.
    """

    firing: frozenset[LabelSet]
    resolved: frozenset[LabelSet]
    at: float
    removed_at: float

    def repeats_at(self, route: Route) -> float:
        """Return the first ms at which the entry is older than the repeat interval."""
        return self.at + route.repeat_interval_ms + 1


@dataclass
class NotificationLog:
    """The entries of one group key and receiver."""

    upkeep: Upkeep
    entries: dict[Integration, LogEntry] = field(default_factory=dict)

    def find(self, integration: Integration, now: float) -> LogEntry | None:
        """Return what an integration was last told, unless that is forgotten by ``now``."""
        entry = self.entries.get(integration)
        return None if entry is None or entry.removed_at <= now else entry

    def new_entry(
        self, firing: frozenset[LabelSet], resolved: frozenset[LabelSet], at: float, route: Route
    ) -> LogEntry:
        """Return an entry that expires as Alertmanager's do; it stays until the next removal."""
        expires = at + min(self.upkeep.log_retention_ms, 2 * route.repeat_interval_ms)
        return LogEntry(firing, resolved, at, self.upkeep.log_after(expires))

    def changes_after(self, now: float, route: Route) -> list[float]:
        """Return the times after ``now`` from which an entry may make the same flush tell more."""
        return [
            at
            for entry in self.entries.values()
            for at in (entry.repeats_at(route), entry.removed_at)
            if at > now
        ]


def reason_to_tell(
    entry: LogEntry | None,
    firing: frozenset[LabelSet],
    resolved: frozenset[LabelSet],
    integration: Integration,
    route: Route,
    now: float,
) -> str | None:
    """Return why an integration is told now, or None; the first reason that holds is the one."""
    if entry is None:
        return FIRST if firing else None
    if not firing <= entry.firing:
        return NEW_ALERTS if entry.firing else FIRST
    if not firing:
        return RESOLVED if entry.firing else None
    if integration.send_resolved and not resolved <= entry.resolved:
        return RESOLVED
    return REPEAT if entry.repeats_at(route) <= now else None
