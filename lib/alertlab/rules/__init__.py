"""Rule files: load them, find what can be tuned, change them in place."""

from alertlab.rules.documents import read_yaml
from alertlab.rules.edit import RuleChange, changed_expr, edit_rule, rule_diff, rule_text
from alertlab.rules.live import groups_of_answer
from alertlab.rules.load import alert_rules, find_rule, load_groups, load_rules
from alertlab.rules.model import AlertRule, RecordingRule, RuleGroup
from alertlab.rules.reading import compared_unit, text_reading
from alertlab.rules.threshold import Threshold, find_threshold, find_thresholds
from alertlab.rules.windows import counter_selectors, find_windows, window_ms_of, with_window

__all__ = [
    "AlertRule",
    "RecordingRule",
    "RuleChange",
    "RuleGroup",
    "Threshold",
    "alert_rules",
    "changed_expr",
    "compared_unit",
    "counter_selectors",
    "edit_rule",
    "find_rule",
    "find_threshold",
    "find_thresholds",
    "find_windows",
    "groups_of_answer",
    "load_groups",
    "load_rules",
    "read_yaml",
    "rule_diff",
    "rule_text",
    "text_reading",
    "window_ms_of",
    "with_window",
]
