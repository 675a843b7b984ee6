"""What a rule is, once its file has been read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class AlertRule:
    """One alerting rule with everything that its evaluation depends on.

    ``hold_duration_ms`` is the rule's ``for``; ``interval_ms`` is its group's evaluation
    interval; ``labels`` holds the group's labels too, overridden by the rule's; one with an empty
    value takes that label away from the alert.
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

    @property
    def severity(self) -> str:
        """The rule's ``severity`` label, or an empty string."""
        return dict(self.labels).get("severity", "")

    @property
    def where(self) -> str:
        """File, line and name, for messages."""
        return f"{self.file}:{self.line}: rule {self.name}"


@dataclass(frozen=True)
class RecordingRule:
    """One recording rule: ``expr``'s result becomes the series ``name`` with ``labels`` set."""

    name: str
    expr: str
    file: Path
    line: int
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def where(self) -> str:
        """File, line and name, for messages."""
        return f"{self.file}:{self.line}: rule {self.name}"


@dataclass(frozen=True)
class RuleGroup:
    """Rules that are evaluated one after the other; ``limit`` 0 means none."""

    name: str
    file: Path
    line: int
    query_offset_ms: int = 0
    limit: int = 0
    rules: tuple[AlertRule | RecordingRule, ...] = ()

    @property
    def where(self) -> str:
        """File, line and name, for messages."""
        return f"{self.file}:{self.line}: group {self.name}"
