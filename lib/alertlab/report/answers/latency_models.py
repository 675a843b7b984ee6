"""What the latency report says of models, of slower calls, and of other bucket bounds."""

from __future__ import annotations

import pandas as pd

from alertlab.latency import LayoutAdvice, ModelChoice, Stability
from alertlab.report.answers.words import join
from alertlab.report.findings import Finding
from alertlab.report.tables import MISSING, format_cell, format_ratio, format_seconds

_WORTH_RATIO = 0.1  # a layout that gains less is no finding

MODELS_FORMATS = {"mean": "seconds", "mean is off by": "ratio"}
WHAT_IF_FORMATS = {
    "slow calls, at least": "ratio",
    "estimate": "ratio",
    "at most": "ratio",
    "p99 more than": "seconds",
    "p99 at most": "seconds",
}
LAYOUT_FORMATS = {"error now": "ratio", "error with new bounds": "ratio"}


def models_table(choice: ModelChoice) -> pd.DataFrame:
    """Return the fitted families, best first; formats MODELS_FORMATS."""
    table = choice.table
    return pd.DataFrame(
        {
            "distribution": table["family"],
            "fit": table["status"],
            "AIC above best": table["aic_above_best"],
            "G² per degree of freedom": table["g2"] / table["dof"],
            "mean": table["mean_seconds"],
            "mean is off by": table["mean_error_ratio"],
        }
    )


def model_text(choice: ModelChoice, stability: Stability) -> str:
    """Say whether a model may be asked, and whether there are two kinds of calls.

    stability : of the components now and before
    """
    said = f"No model may be asked. {choice.reason}"
    if choice.supported:
        said = f"The best model, {choice.best.family.name}, may be asked."
    kinds = [choice.separation.reason, *([stability.reason] if choice.separation.separated else [])]
    return "\n\n".join([said, " ".join(kinds), *choice.notes])


def modelled_table(numbers: pd.DataFrame, threshold_seconds: float) -> pd.DataFrame:
    """Return what a model says, as ``latency.modelled_numbers``, in words with units."""
    rows = []
    for one in numbers.itertuples():
        is_share = pd.isna(one.question)
        form = format_ratio if is_share else format_seconds
        at_least, at_most = (MISSING if pd.isna(end) else form(end) for end in (one.low, one.high))
        rows.append(
            {
                "asked": f"slower than {format_seconds(threshold_seconds)}"
                if is_share
                else f"p{100 * one.question:g}",
                "at least": at_least,
                "the model says": MISSING if pd.isna(one.value) else form(one.value),
                "at most": at_most,
                "of the process": format_cell(one.process, "seconds"),
            }
        )
    return pd.DataFrame(rows)


def what_if_table(cases: pd.DataFrame) -> pd.DataFrame:
    """Return what slower calls would do, formats WHAT_IF_FORMATS."""
    return pd.DataFrame(
        {
            "case": cases["case"],
            "slow calls, at least": cases["slow_low"],
            "estimate": cases["slow"],
            "at most": cases["slow_high"],
            "p99 more than": cases["low"],
            "p99 at most": cases["high"],
        }
    )


def layout_table(advice: LayoutAdvice | None) -> pd.DataFrame:
    """Return each quantile's error with the edges of now and with others; LAYOUT_FORMATS."""
    told = advice.answers if advice else ()
    return pd.DataFrame(
        {
            "method": [one.method for one in told],
            "quantile": [f"p{100 * one.now.q:g}" for one in told],
            "error now": [one.error_now for one in told],
            "error with new bounds": [one.error_proposed for one in told],
        }
    )


def layout_text(advice: LayoutAdvice | None) -> str:
    """Say what other bounds would buy and cost; without classic buckets there is no advice."""
    if advice is None:
        return "There are no classic buckets; the bounds of native histograms need no choice."
    more = "; ".join(
        f"{one.edges} more would bring it to {format_ratio(one.worst_error)} for "
        f"{one.series} series" for one in advice.more
    )  # fmt: skip
    return "\n\n".join(
        [
            f"With {len(advice.edges_proposed)} other bounds the worst error of Prometheus' "
            f"percentiles falls from {format_ratio(advice.worst_now)} to "
            f"{format_ratio(advice.worst_proposed)}, for the same {advice.series} series of each "
            f"pod; {more}.",
            f"History stays comparable at {len(advice.edges_common)} common bounds: "
            f"{join([format_seconds(one) for one in advice.edges_common])}.",
            *advice.notes,
        ]
    )


def layout_findings(advice: LayoutAdvice | None) -> list[Finding]:
    """Return the advice as a finding, if new bounds are worth it."""
    if advice is None or advice.worst_now - advice.worst_proposed < _WORTH_RATIO:
        return []
    title = (
        f"The histogram's bounds answer badly: up to {format_ratio(advice.worst_now)} off, with "
        f"others up to {format_ratio(advice.worst_proposed)} at the same cost."
    )
    return [Finding("bucket-layout", "action", title, f"Change the code to {advice.code_line}")]
