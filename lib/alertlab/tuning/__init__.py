"""Sweep every setting of a rule, score it in pages and incidents, recommend one."""

from alertlab.tuning.causes import Cause
from alertlab.tuning.evaluations import Evaluations
from alertlab.tuning.explanation import explain
from alertlab.tuning.grid import HOLD_DURATIONS_MS, KEEP_FIRING_FOR_MS, WINDOWS_MS, human_thresholds
from alertlab.tuning.outcomes import (
    NIGHT_HOURS,
    daily_firing_hours,
    detection_delays,
    flap_times,
    is_night,
)
from alertlab.tuning.recommend import Constraints, best_thresholds
from alertlab.tuning.score import MEASURES, Score, daily_counts, page_precision, score_setting
from alertlab.tuning.setting import Setting, Span
from alertlab.tuning.sweep import group_levels
from alertlab.tuning.tune import Tuning, best_reading, reading_change, tune_rule
from alertlab.tuning.validation import Validation
from alertlab.tuning.verdict import CANNOT_FIX, CHANGE, LEAVE, NOT_ENOUGH_DATA
from alertlab.tuning.yardstick import Yardstick

__all__ = [
    "CANNOT_FIX",
    "CHANGE",
    "HOLD_DURATIONS_MS",
    "KEEP_FIRING_FOR_MS",
    "LEAVE",
    "MEASURES",
    "NIGHT_HOURS",
    "NOT_ENOUGH_DATA",
    "WINDOWS_MS",
    "Cause",
    "Constraints",
    "Evaluations",
    "Score",
    "Setting",
    "Span",
    "Tuning",
    "Validation",
    "Yardstick",
    "best_reading",
    "best_thresholds",
    "daily_counts",
    "daily_firing_hours",
    "detection_delays",
    "explain",
    "flap_times",
    "group_levels",
    "human_thresholds",
    "is_night",
    "page_precision",
    "reading_change",
    "score_setting",
    "tune_rule",
]
