"""Native histograms over time: what every method's histogram grew by in each span."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alertlab.errors import BadInput
from alertlab.latency.buckets import Histogram
from alertlab.latency.history import BucketHistory, first_span_end
from alertlab.latency.native import read_native
from alertlab.sources import PrometheusSource, Source
from alertlab.units import HOUR_MS, format_duration, format_labels

_SAME_RATIO = 1e-9  # bounds of one schema come from powers of two; rounding parts them by less


def native_history(
    source: Source,
    metric: str,
    start_ms: int,
    end_ms: int,
    *,
    by: Sequence[str] = ("grpc_method",),
    matchers: str = "",
    step_ms: int = HOUR_MS,
) -> BucketHistory:
    """What did a native histogram count in each span?  As ``bucket_history``, by one range query.

    The bounds are all those that any span names.  Where a server made buckets wider, so that one
    of them holds another span's bound, the count there is unknown (NaN).

    BadInput if the source is no live server, or has no such native histogram.
    """
    if not isinstance(source, PrometheusSource):
        raise BadInput(
            f"native histograms of {metric} can only be asked of a live server; a recording holds "
            "floats only: count its classic buckets"
        )
    first_ms = first_span_end(start_ms, end_ms, step_ms)
    inside = f"{{{matchers}}}[{format_duration(step_ms)}]"
    expr = f"sum by ({', '.join(by)}) (increase({metric}{inside}))"
    found = source.native_range(expr, first_ms, end_ms, step_ms)
    if not found:
        raise BadInput(f"the source has no native histogram {metric} with {{{matchers}}}")
    ends = np.arange(first_ms, end_ms + 1, step_ms, dtype=np.int64)
    spans = {
        (labels, time_ms): read_native(written, format_labels(labels)).classic()
        for labels, timed in found.items()
        for time_ms, written in timed.items()
    }
    bounds = _all_bounds([one.upper_bounds for one in spans.values()])
    groups = sorted(found)
    cumulative = np.full((len(groups), len(ends), len(bounds)), np.nan)
    sums = np.full((len(groups), len(ends)), np.nan)
    for (labels, time_ms), histogram in spans.items():
        group, span = groups.index(labels), int(np.searchsorted(ends, time_ms))
        cumulative[group, span] = _at_bounds(histogram, bounds)
        sums[group, span] = histogram.sum_seconds
    return BucketHistory(
        metric, tuple(by), tuple(groups), bounds, ends, step_ms,
        cumulative, sums, ("Counted by native histograms.",),
    )  # fmt: skip


def _all_bounds(bounds: Sequence[np.ndarray]) -> np.ndarray:
    """Return every bound once, those that only rounding parts as one."""
    every = np.unique(np.concatenate(bounds))
    apart = np.diff(every, prepend=-np.inf) > _SAME_RATIO * np.abs(every)
    return every[apart | np.isposinf(every)]


def _at_bounds(histogram: Histogram, bounds: np.ndarray) -> np.ndarray:
    """Return the counts at or below bounds; NaN inside a bucket that is not empty."""
    own, counts = histogram.upper_bounds, histogram.counts
    slack = np.where(np.isfinite(bounds), _SAME_RATIO * np.abs(bounds), 0.0)
    below = np.searchsorted(own, bounds + slack, "right")  # buckets that end at or before a bound
    reached = np.append(0.0, histogram.cumulative)[below]
    following = np.minimum(below, len(own) - 1)
    cut = (below < len(own)) & (counts[following] > 0)
    begins = histogram.lower_bounds[following]
    return np.where(cut & (begins + slack < bounds), np.nan, reached)
