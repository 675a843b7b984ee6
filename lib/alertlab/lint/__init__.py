"""What in a rule makes noise, or means something else than its text."""

from alertlab.lint.remarks import (
    FROM_THE_INTERVAL,
    FROM_THE_RULE,
    FROM_THE_SOURCE,
    REMARK_IDS,
    Remark,
)
from alertlab.lint.run import lint_rule, lint_rules

__all__ = [
    "FROM_THE_INTERVAL",
    "FROM_THE_RULE",
    "FROM_THE_SOURCE",
    "REMARK_IDS",
    "Remark",
    "lint_rule",
    "lint_rules",
]
