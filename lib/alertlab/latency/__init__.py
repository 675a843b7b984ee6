"""Latency from histograms: quantiles with what is known of them, models, layouts, comparisons."""

from alertlab.latency.buckets import Histogram, make_histogram, merge
from alertlab.latency.history import BucketHistory, bucket_history
from alertlab.latency.probit import estimate_quantiles, share_below
from alertlab.latency.quantiles import (
    BEYOND,
    FEW,
    GOOD,
    WIDE,
    Quantile,
    histogram_quantile,
    quantile,
)
from alertlab.latency.resampling import block_interval, block_share

__all__ = [
    "BEYOND",
    "FEW",
    "GOOD",
    "WIDE",
    "BucketHistory",
    "Histogram",
    "Quantile",
    "block_interval",
    "block_share",
    "bucket_history",
    "estimate_quantiles",
    "histogram_quantile",
    "make_histogram",
    "merge",
    "quantile",
    "share_below",
]
