"""Tables of past forecasts, of the models behind them, and of what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from alertlab.capacity import Change, Rung, Scorecard
from alertlab.report.tables import MISSING, format_moment, format_number, format_ratio

FORECASTS_FORMATS = {
    "forecast": "ratio",
    "actual": "ratio",
    "error": "ratio",
    "error of the week before": "ratio",
}
_ENOUGH_COVERAGE_RATIO = 0.8


def forecasts_table(card: Scorecard) -> pd.DataFrame:
    """Return past forecasts beside what became of them; its formats are FORECASTS_FORMATS."""
    return pd.DataFrame(
        [
            {
                "week until (UTC)": format_moment(row.end_ms),
                "forecast": row.forecast,
                "actual": row.actual,
                "error": row.error_ratio,
                "error of the week before": row.naive_error_ratio,
                "held": row.covered,
            }
            for row in card.rows
        ],
        columns=[
            "week until (UTC)", "forecast", "actual", "error", "error of the week before", "held",
        ],
    )  # fmt: skip


def forecasts_text(card: Scorecard, name: str, *, made_afterwards: bool) -> str:
    """Say how right the forecasts of a resource were."""
    n = len(card.rows)
    if not n:
        return f"No forecast of {name} can be judged yet."
    begin = (
        f"What this method would have forecast of {name}"
        if made_afterwards
        else f"What reports forecast of {name}"
    )
    text = (
        f"{begin}: {card.covered} of {n} intervals held the actual peak; the error was "
        f"{format_ratio(card.mean_error_ratio)} on average, that of taking the week before "
        f"{format_ratio(card.naive_mean_error_ratio)}."
    )
    alarm = (
        f" That is less than {format_ratio(_ENOUGH_COVERAGE_RATIO)}: do not trust the dates above."
    )
    return text + alarm if card.alarm else text


def models_errors_table(rung: Rung) -> pd.DataFrame:
    """Return the rolling-origin error of each model for a resource, the chosen one marked."""
    said = rung.forecast
    errors = said.errors if said else {}
    return pd.DataFrame(
        [
            {"model": name, "error": error, "chosen": bool(said and name == said.model)}
            for name, error in sorted(errors.items(), key=lambda one: one[1])
        ],
        columns=["model", "error", "chosen"],
    )


def capacity_changes_table(changes: Sequence[Change]) -> pd.DataFrame:
    """Return what became of each resource since the report before."""
    return pd.DataFrame(
        [
            {
                "resource": one.resource,
                "headroom then": _ratio_of(one.before, "headroom_ratio"),
                "headroom now": _ratio_of(one.now, "headroom_ratio"),
                "days then": _number_of(one.before, "days_median"),
                "days now": _number_of(one.now, "days_median"),
            }
            for one in changes
        ],
        columns=["resource", "headroom then", "headroom now", "days then", "days now"],
    )


def _ratio_of(state: Any, field: str) -> str:
    value = getattr(state, field, None)
    return MISSING if value is None else format_ratio(value)


def _number_of(state: Any, field: str) -> str:
    value = getattr(state, field, None)
    return MISSING if value is None else format_number(round(value))
