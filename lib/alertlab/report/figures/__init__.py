"""The charts of the reports; each takes frames and returns a figure with its own words."""

from alertlab.report.figures.capacity import (
    forecasts_judged,
    forecasts_judged_alt,
    ladder_bars,
    ladder_bars_alt,
    queue_waits,
    queue_waits_alt,
    resource_forecast,
    resource_forecast_alt,
    scalability_curve,
    scalability_curve_alt,
)
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
    "forecasts_judged",
    "forecasts_judged_alt",
    "ladder_bars",
    "ladder_bars_alt",
    "latency_heat_map",
    "latency_heat_map_alt",
    "page_hours",
    "page_hours_alt",
    "quantile_brackets",
    "quantile_brackets_alt",
    "queue_waits",
    "queue_waits_alt",
    "resource_forecast",
    "resource_forecast_alt",
    "rule_values",
    "rule_values_alt",
    "scalability_curve",
    "scalability_curve_alt",
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
