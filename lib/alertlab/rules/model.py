"""What a rule is, once its file has been read and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from alertlab.units import MINUTE_MS


@dataclass(frozen=True)
class RecordingRule:
    """One recording rule: ``expr``'s result becomes the series ``name`` with ``labels`` set.

    The other fields mean what they do in ``AlertRule``.
    """

    name: str
    expr: str
    file: Path
    line: int
    labels: tuple[tuple[str, str], ...] = ()
    group: str = ""
    interval_ms: int = MINUTE_MS
    query_offset_ms: int = 0
    limit: int = 0
    index: int = 0
    group_alerts: tuple[str, ...] = field(default=(), repr=False)
    server: str = ""

    @property
    def where(self) -> str:
        """File, line and name, for messages."""
        return _where(self.server, self.file, self.line, f"rule {self.name}")


@dataclass(frozen=True)
class AlertRule:
    """One alerting rule with everything that its evaluation depends on.

    ``hold_duration_ms`` is the rule's ``for``.  ``labels`` holds the group's labels too,
    overridden by the rule's; one with an empty value takes that label away from the alert.
    ``recorded`` are the recording rules that were loaded with it, in file order, and
    ``group_alerts`` the names of all alerts of its group.

    Of its group: ``interval_ms``, the evaluation interval, and whether the group states one
    itself (``states_interval``); ``query_offset_ms``; ``limit``, the most alerts the rule may
    have, 0 for any number; and ``index``, the rule's place in the order of evaluation.

    ``server`` is the address of the server that told of the rule, with 0 for the line of the
    ``file`` there; empty for a rule from a file here.
    """

    name: str
    expr: str
    group: str
    file: Path
    line: int
    interval_ms: int
    hold_duration_ms: int = 0
    keep_firing_for_ms: int = 0
    query_offset_ms: int = 0
    labels: tuple[tuple[str, str], ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    limit: int = 0
    states_interval: bool = False
    index: int = 0
    recorded: tuple[RecordingRule, ...] = field(default=(), repr=False)
    group_alerts: tuple[str, ...] = field(default=(), repr=False)
    server: str = ""

    @property
    def severity(self) -> str:
        """The rule's ``severity`` label, or an empty string."""
        return dict(self.labels).get("severity", "")

    @property
    def where(self) -> str:
        """File, line and name, for messages."""
        return _where(self.server, self.file, self.line, f"rule {self.name}")


@dataclass(frozen=True)
class RuleGroup:
    """Rules that are evaluated one after the other; ``limit`` 0 means none."""

    name: str
    file: Path
    line: int
    query_offset_ms: int = 0
    limit: int = 0
    rules: tuple[AlertRule | RecordingRule, ...] = ()
    interval_ms: int = MINUTE_MS
    server: str = ""

    @property
    def where(self) -> str:
        """File, line and name, for messages."""
        return _where(self.server, self.file, self.line, f"group {self.name}")

    def with_rules(self, rules: Iterable[AlertRule | RecordingRule]) -> RuleGroup:
        """Return the group with its rules in this order, each with what it has of the group."""
        own = {
            "group": self.name,
            "interval_ms": self.interval_ms,
            "query_offset_ms": self.query_offset_ms,
            "limit": self.limit,
            "server": self.server,
        }
        told = (replace(rule, index=index, **own) for index, rule in enumerate(rules))
        return replace(self, rules=tuple(told))


def _where(server: str, file: Path, line: int, what: str) -> str:
    return f"{server}: {what} in {file}" if server else f"{file}:{line}: {what}"
