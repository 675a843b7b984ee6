"""The sentences and tables of what to order, and what it costs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alertlab.capacity import Advice, Prices, costs_of
from alertlab.report.tables import format_quantity


def advice_text(advice: Advice) -> str:
    """Say in a sentence what to order, and what to heed first."""
    changed = [
        f"{one.name} {format_amount(one.advised, one.unit)} "
        f"(now {format_amount(one.now, one.unit)})"
        for one in advice.items
        if one.advised != one.now and not np.isnan(one.advised)
    ]
    text = (
        f"To order for {advice.growth_ratio - 1:.0%} more load: {', '.join(changed) or 'nothing'}."
    )
    return " ".join([text, *advice.notes])


def advice_table(advice: Advice) -> pd.DataFrame:
    """Return what there is, what there should be, and by which rule."""
    return pd.DataFrame(
        {
            "item": one.name,
            "now": format_amount(one.now, one.unit),
            "advised": format_amount(one.advised, one.unit),
            "rule": one.rule,
        }
        for one in advice.items
    )


def rejected_text(advice: Advice, prices: Prices | None) -> str:
    """Say what the order costs, if prices are known, and which options were rejected, and why."""
    reasons = " ".join(advice.rejected) or "No fewer replicas were considered."
    return "\n\n".join([*([_costs_text(prices, advice)] if prices else []), f"Rejected: {reasons}"])


def _costs_text(prices: Prices, advice: Advice) -> str:
    now, advised = costs_of(prices, advice)
    if np.isnan(now) or np.isnan(advised):
        return "What the requests cost is not known: CPU or memory has none."
    change = advised - now
    return (
        f"The requests cost {now:,.0f} {prices.currency} a month now and {advised:,.0f} "
        f"{prices.currency} as advised: {abs(change):,.0f} {'more' if change > 0 else 'less'}."
    )


def format_amount(value: float, unit: str) -> str:
    """Write an amount as people order it: bytes as MiB, cores with one digit."""
    if np.isnan(value):
        return "none"
    if unit == "bytes":
        return f"{value / 2**20:,.0f} MiB"
    return format_quantity(round(value, 2), unit)
