"""What the latency report tabulates: quantiles of all groups, and what averaging would say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from alertlab.latency.history import BucketHistory
from alertlab.latency.quantiles import histogram_quantile
from alertlab.latency.resampling import block_interval
from alertlab.promql import bucket_quantile

QUANTILES = (0.5, 0.9, 0.95, 0.99)


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
