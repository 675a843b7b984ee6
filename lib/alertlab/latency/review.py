"""What the latency report tabulates: quantiles of all groups, and what averaging would say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.latency.compare import Comparison, before_after
from alertlab.latency.deploys import Deploy
from alertlab.latency.history import BucketHistory
from alertlab.latency.model_answers import (
    SLOW,
    model_quantile,
    process_quantile,
    slow_share,
    slower,
)
from alertlab.latency.models import ModelChoice
from alertlab.latency.probit import share_below
from alertlab.latency.quantiles import histogram_quantile
from alertlab.latency.resampling import block_interval
from alertlab.promql import bucket_quantile
from alertlab.units import DAY_MS

QUANTILES = (0.5, 0.9, 0.95, 0.99)

AS_IT_IS, ALL_SLOWER, SLOW_SLOWER = "as it is", "every call slower", "slow component slower"
"""The cases of ``what_if_slower``."""


def known_quantiles(
    history: BucketHistory,
    quantiles: Sequence[float] = QUANTILES,
    spans: np.ndarray | slice | None = None,
) -> pd.DataFrame:
    """What is known of each group's quantiles in some spans?

    One row per group and quantile, with the fields of ``Quantile`` and with ``hours_low`` and
    ``hours_high``, the interval by resampled spans [s].  Spans are added up, never averaged.
    """
    rows = []
    for index, name in enumerate(history.names):
        histogram = history.histogram([index], spans)
        bounds, blocks = history.blocks([index], spans)
        for q in quantiles:
            known = histogram_quantile(histogram, q)
            low, high = block_interval(bounds, blocks, q)
            rows.append({"group": name} | vars(known) | {"hours_low": low, "hours_high": high})
    return pd.DataFrame(rows)


def averaged_quantiles(
    history: BucketHistory, q: float, spans: np.ndarray | slice | None = None
) -> pd.DataFrame:
    """What would the mean of the spans' quantiles have said, as a dashboard averages them?

    One row per group: ``averaged`` and ``largest`` of the spans' ``histogram_quantile`` [s],
    ``prometheus``, ``low`` and ``high`` of the whole, and ``off_ratio``: how far the mean lies
    outside the bracket of the truth, relative to its nearer end; 0 within.
    """
    rows = []
    for index, name in enumerate(history.names):
        known = histogram_quantile(history.histogram([index], spans), q)
        bounds, blocks = history.blocks([index], spans)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            each = bucket_quantile(np.full(len(blocks), q), bounds, blocks.T, 3)
        each = each[np.isfinite(each)]
        mean = float(each.mean()) if len(each) else np.nan
        nearest = float(np.clip(mean, known.low, known.high))
        rows.append(
            {
                "group": name,
                "averaged": mean,
                "largest": float(each.max()) if len(each) else np.nan,
                "prometheus": known.prometheus,
                "low": known.low,
                "high": known.high,
                "off_ratio": mean / nearest - 1 if nearest else np.nan,
            }
        )
    return pd.DataFrame(rows)


class AroundDeploy(NamedTuple):
    """A deploy, and its days before and after side by side."""

    deploy: Deploy
    comparison: Comparison


def around_last_deploy(
    history: BucketHistory,
    deploys: Sequence[Deploy],
    *,
    threshold_seconds: float,
    span_ms: int = DAY_MS,
) -> AroundDeploy | None:
    """Compare before and after the last deploy that has ``span_ms`` of history on both sides.

    Another deploy may lie in between; which one it was must then be told otherwise.  None if no
    deploy has so much around it.
    """
    begin_ms, end_ms = int(history.ends_ms[0] - history.step_ms), int(history.ends_ms[-1])
    for deploy in reversed(deploys):
        if begin_ms + span_ms <= deploy.at_ms <= end_ms - span_ms - history.step_ms:
            comparison = before_after(
                history, deploy.at_ms, span_ms, threshold_seconds=threshold_seconds
            )
            return AroundDeploy(deploy, comparison)
    return None


def what_if_slower(
    choice: ModelChoice, factor: float, threshold_seconds: float, q: float = 0.99
) -> pd.DataFrame:
    """What would the slow share and a quantile be, if calls took ``factor`` times as long?

    One row per case: ``case``, ``slow_low``, ``slow``, ``slow_high`` (share beyond the threshold),
    ``low``, ``estimate``, ``high`` of quantile q [s].  The first two need no model: what takes
    longer than ``threshold / factor`` today would be slow then.  That of the slow component alone
    is there only where a model is supported and tells it apart.  Queueing is in none of them.
    """
    if not 0 < factor < np.inf:
        raise BadInput(f"calls cannot take {factor:g} times as long; give a factor above 0")
    rows = []
    for case, times in ((AS_IT_IS, 1.0), (ALL_SLOWER, factor)):
        below = share_below(choice.histogram, threshold_seconds / times)
        known = histogram_quantile(choice.histogram, q)
        if below is not None:
            slow = [1 - below.high, 1 - below.mid, 1 - below.low]
            known = [times * one for one in (known.low, known.estimate, known.high)]
            rows.append((case, *slow, *known))
    if choice.supported and choice.separation.separated:
        after = slower(choice, factor, SLOW).after
        share, quantile = after.share_above(threshold_seconds), after.quantile(q)
        rows.append((SLOW_SLOWER, *[share] * 3, *[quantile] * 3))
    columns = ["case", "slow_low", "slow", "slow_high", "low", "estimate", "high"]
    return pd.DataFrame(rows, columns=columns)


def modelled_numbers(
    choice: ModelChoice, threshold_seconds: float, quantiles: Sequence[float] = (0.99, 0.999)
) -> pd.DataFrame:
    """What does the chosen model say between and beyond the buckets?

    One row per quantile, and one for the share of calls slower than the threshold: ``question``
    (q, or NaN for the share), ``low`` and ``high`` that the counts allow, ``value`` (NaN where the
    model may not be asked), ``process`` (an Interval of the process' quantile, or None).
    """
    rows = [
        (q, *vars(model_quantile(choice, q)).values(), process_quantile(choice, q))
        for q in quantiles
    ]
    rows.append((np.nan, *vars(slow_share(choice, threshold_seconds)).values(), None))
    columns = ["question", "value", "low", "high", "notes", "process"]
    return pd.DataFrame(rows, columns=columns)[["question", "low", "value", "high", "process"]]
