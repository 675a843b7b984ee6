"""Sweep every setting of a rule, score it in pages and incidents, recommend one."""

from alertlab.tuning.recommend import Constraints, best_thresholds
from alertlab.tuning.score import (
    Score,
    Setting,
    detection_delays,
    find_rule_pages,
    firing_hours,
    is_night,
    score_setting,
)
from alertlab.tuning.sweep import Span, group_level
from alertlab.tuning.tune import Tuning, best_reading, reading_change, tune_rule
from alertlab.tuning.verdict import CANNOT_FIX, CHANGE, LEAVE, NOT_ENOUGH_DATA, Validation

__all__ = [
    "CANNOT_FIX",
    "CHANGE",
    "LEAVE",
    "NOT_ENOUGH_DATA",
    "Constraints",
    "Score",
    "Setting",
    "Span",
    "Tuning",
    "Validation",
    "best_reading",
    "best_thresholds",
    "detection_delays",
    "find_rule_pages",
    "firing_hours",
    "group_level",
    "is_night",
    "reading_change",
    "score_setting",
    "tune_rule",
]
