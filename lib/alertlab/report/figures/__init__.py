"""The charts of the reports; each takes frames and returns a figure with its own words."""

from alertlab.report.figures.dependencies import signals_over_time, signals_over_time_alt
from alertlab.report.figures.latency import (
    latency_heat_map,
    latency_heat_map_alt,
    quantile_brackets,
    quantile_brackets_alt,
)
from alertlab.report.figures.noise import (
    page_hours,
    page_hours_alt,
    timeline,
    timeline_alt,
    weekly_pages,
    weekly_pages_alt,
)
from alertlab.report.figures.slo import budgets_left, budgets_left_alt
from alertlab.report.figures.tuning import (
    rule_values,
    rule_values_alt,
    setting_text,
    trade_off,
    trade_off_alt,
)

__all__ = [
    "budgets_left",
    "budgets_left_alt",
    "latency_heat_map",
    "latency_heat_map_alt",
    "page_hours",
    "page_hours_alt",
    "quantile_brackets",
    "quantile_brackets_alt",
    "rule_values",
    "rule_values_alt",
    "setting_text",
    "signals_over_time",
    "signals_over_time_alt",
    "timeline",
    "timeline_alt",
    "trade_off",
    "trade_off_alt",
    "weekly_pages",
    "weekly_pages_alt",
]
