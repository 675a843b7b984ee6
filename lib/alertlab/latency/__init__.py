"""Latency from histograms: quantiles with what is known of them, models, layouts, comparisons."""

from alertlab.latency.buckets import Histogram, make_histogram, merge
from alertlab.latency.compare import (
    CHANGED,
    NO_CHANGE,
    TOO_LITTLE,
    Comparison,
    MethodChange,
    ShiftShare,
    before_after,
    compare_spans,
    shift_share,
)
from alertlab.latency.deploys import Deploy, find_deploys
from alertlab.latency.fitting import Fits, fit_many
from alertlab.latency.history import BucketHistory, bucket_history
from alertlab.latency.layout import LayoutAdvice, advise_layout
from alertlab.latency.mixture import Component, Separation, Stability, stable_components
from alertlab.latency.model_answers import (
    ALL,
    SLOW,
    Modelled,
    WhatIf,
    model_quantile,
    process_quantile,
    slow_share,
    slower,
)
from alertlab.latency.model_sums import SumCheck, check_sum
from alertlab.latency.models import FAMILIES, Model, ModelChoice, fit_models
from alertlab.latency.native import Layouts, NativeHistogram, layouts, native_histograms
from alertlab.latency.native_history import native_history
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
from alertlab.latency.resampling import block_interval
from alertlab.latency.review import (
    AroundDeploy,
    around_last_deploy,
    averaged_quantiles,
    known_quantiles,
    modelled_numbers,
    what_if_slower,
)
from alertlab.latency.spells import beside_incidents, heat_map, slow_spells, without_spell

__all__ = [
    "ALL",
    "BEYOND",
    "CHANGED",
    "FAMILIES",
    "FEW",
    "GOOD",
    "NO_CHANGE",
    "SLOW",
    "TOO_LITTLE",
    "WIDE",
    "AroundDeploy",
    "BucketHistory",
    "Comparison",
    "Component",
    "Deploy",
    "Fits",
    "Histogram",
    "LayoutAdvice",
    "Layouts",
    "MethodChange",
    "Model",
    "ModelChoice",
    "Modelled",
    "NativeHistogram",
    "Quantile",
    "Separation",
    "ShiftShare",
    "Stability",
    "SumCheck",
    "WhatIf",
    "advise_layout",
    "around_last_deploy",
    "averaged_quantiles",
    "before_after",
    "beside_incidents",
    "block_interval",
    "bucket_history",
    "check_sum",
    "compare_spans",
    "estimate_quantiles",
    "find_deploys",
    "fit_many",
    "fit_models",
    "heat_map",
    "histogram_quantile",
    "known_quantiles",
    "layouts",
    "make_histogram",
    "merge",
    "model_quantile",
    "modelled_numbers",
    "native_histograms",
    "native_history",
    "process_quantile",
    "quantile",
    "share_below",
    "shift_share",
    "slow_share",
    "slow_spells",
    "slower",
    "stable_components",
    "what_if_slower",
    "without_spell",
]
