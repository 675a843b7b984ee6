"""A remark on a rule, and every kind of remark there is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alertlab.rules import AlertRule, RecordingRule

FROM_THE_RULE = (
    "rate-read-as-count",
    "text-disagrees",
    "not-aggregated",
    "mixed-percentile",
    "averaged-percentile",
    "ratio-without-floor",
    "missing-for",
)
"""What the rule alone tells."""

FROM_THE_INTERVAL = ("range-too-short",)
"""What needs the scrape interval: stated, or seen in a source."""

FROM_THE_SOURCE = (
    "threshold-inside-bucket",
    "threshold-beyond-buckets",
    "unknown-metric",
    "unknown-label",
    "unknown-value",
    "never-held",
    "always-held",
)
"""What needs a source and its history."""

REMARK_IDS = (*FROM_THE_RULE, *FROM_THE_INTERVAL, *FROM_THE_SOURCE)


@dataclass(frozen=True)
class Remark:
    """One thing to look at in a rule.

    id : its kind, one of ``REMARK_IDS``
    text, fix : why it makes noise or means something else, and what to write instead
    rule, file, line, where : the rule's name, and where it stands; ``where`` is for messages
    """

    id: str
    text: str
    fix: str
    rule: str
    file: Path
    line: int
    where: str

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``alertlab lint --json`` lists."""
        return {
            "file": str(self.file),
            "line": self.line,
            "rule": self.rule,
            "id": self.id,
            "text": self.text,
            "fix": self.fix,
        }


def remark(rule: AlertRule | RecordingRule, kind: str, text: str, fix: str) -> Remark:
    """Return a remark on a rule."""
    return Remark(kind, text, fix, rule.name, rule.file, rule.line, rule.where)
