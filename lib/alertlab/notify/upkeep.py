"""When an Alertmanager tidies up: what it has forgotten depends on it."""

from __future__ import annotations

from dataclasses import dataclass

from alertlab.units import HOUR_MS, MINUTE_MS, SECOND_MS

# inhibit/inhibit.go, Run: no flag changes it.
_SOURCES_INTERVAL_MS = 15 * MINUTE_MS


@dataclass(frozen=True)
class Upkeep:
    """The start of an Alertmanager and the flags of cmd/alertmanager/main.go that make it forget.

    started_ms : everything is tidied up this long after it for the first time (ms since the epoch)
    groups_interval_ms : ``--dispatch.maintenance-interval``, ends empty groups up to 0.31
    log_interval_ms : ``--data.maintenance-interval``, removes expired log entries
    log_retention_ms : ``--data.retention``
    alerts_interval_ms : ``--alerts.gc-interval``, removes resolved alerts
    """

    started_ms: int = 0
    groups_interval_ms: int = 30 * SECOND_MS
    log_interval_ms: int = 15 * MINUTE_MS
    log_retention_ms: int = 120 * HOUR_MS
    alerts_interval_ms: int = 30 * MINUTE_MS

    def groups_after(self, at: float) -> float:
        """Return when empty groups are ended next after ``at``."""
        return self._last(at, self.groups_interval_ms) + self.groups_interval_ms

    def log_after(self, at: float) -> float:
        """Return when expired log entries are removed next after ``at``."""
        return self._last(at, self.log_interval_ms) + self.log_interval_ms

    def alerts_before(self, at: float) -> float:
        """Return when resolved alerts were removed last, at ``at`` or before."""
        return self._last(at, self.alerts_interval_ms)

    def sources_from(self, at: float) -> float:
        """Return when resolved sources of inhibition are removed next, at ``at`` or after."""
        return self._last(at - 1, _SOURCES_INTERVAL_MS) + _SOURCES_INTERVAL_MS

    def _last(self, at: float, every: int) -> float:
        return at - (at - self.started_ms) % every
