"""Rule files: load them, find what can be tuned, change them in place."""

from alertlab.rules.edit import RuleChange, changed_expr, edit_rule, rule_diff
from alertlab.rules.load import find_rule, load_rules, read_yaml
from alertlab.rules.model import AlertRule
from alertlab.rules.threshold import (
    Threshold,
    find_threshold,
    find_windows,
    window_ms_of,
    with_window,
)

__all__ = [
    "AlertRule",
    "RuleChange",
    "Threshold",
    "changed_expr",
    "edit_rule",
    "find_rule",
    "find_threshold",
    "find_windows",
    "load_rules",
    "read_yaml",
    "rule_diff",
    "window_ms_of",
    "with_window",
]
