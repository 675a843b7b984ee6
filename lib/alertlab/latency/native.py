"""Native histograms: narrow buckets that Prometheus chooses, as its HTTP API writes them.

The API names the buckets that are not empty, with their bounds, but not the schema that they come
from; so whether they are exponential or custom ones (classic buckets, converted by a scrape) is
read off the bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from alertlab.errors import BadInput
from alertlab.latency.buckets import Histogram, make_histogram
from alertlab.latency.quantiles import Quantile, histogram_quantile
from alertlab.sources import PrometheusSource, Source
from alertlab.units import MINUTE_MS, LabelSet, format_labels

OPEN_LEFT, OPEN_RIGHT, OPEN, CLOSED = range(4)
"""Which ends of a bucket belong to it: (low, high], [low, high), (low, high), [low, high]."""

_LARGEST = np.finfo(float).max  # where the last exponential bucket ends; only infinities lie beyond
_SCHEMAS = range(-4, 9)
_ON_GRID = 1e-6  # how far from a whole number rounding may leave the index of a bound


@dataclass(frozen=True)
class NativeHistogram:
    """The buckets of a native histogram that are not empty, ascending.

    lower, upper : float64 bounds [s], shape (n_buckets,)
    rules : int, same shape; which ends belong to a bucket (OPEN_LEFT …)
    counts : float64, same shape, by themselves, not cumulative
    count : all observations; those that are no number are in no bucket
    sum_seconds : NaN if an observation was
    """

    lower: np.ndarray
    upper: np.ndarray
    rules: np.ndarray
    counts: np.ndarray
    count: float
    sum_seconds: float

    @property
    def custom(self) -> bool:
        """Whether the bounds were chosen by people, so that Prometheus interpolates linearly.

        Bounds that are all the powers of two of an exponential schema are taken for these.
        """
        if (self.rules == OPEN_RIGHT).any() or self.zero_bucket is not None:
            return False
        ordinary = self.lower < _LARGEST
        return not _is_exponential(self.lower[ordinary], self.upper[ordinary])

    @property
    def zero_bucket(self) -> int | None:
        """Index of the bucket around zero, None if it is empty; custom ones have none."""
        found = np.flatnonzero((self.rules == CLOSED) & np.isfinite(self.lower))
        return int(found[0]) if len(found) else None

    @property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds [s], the zero bucket and the first custom one begun or ended at 0.

        They are where nothing lies on the other side (promql/quantile.go, HistogramQuantile).
        """
        lower, upper, zero = self.lower.copy(), self.upper.copy(), self.zero_bucket
        if zero is not None and len(lower) > 1:
            if zero == 0:
                lower[zero] = 0.0
            if zero == len(upper) - 1:
                upper[zero] = 0.0
        if self.custom:
            lower[np.isneginf(lower) & (upper > 0)] = 0.0
        return lower, upper

    def classic(self) -> Histogram:
        """Return the same counts at or below each bound; what is no number counts as +Inf."""
        lower, upper = self.edges
        bounds = np.unique(np.concatenate([lower, upper, [np.inf]]))
        bounds = bounds[bounds > -np.inf]
        reached = np.append(0.0, np.cumsum(self.counts))
        cumulative = reached[np.searchsorted(upper, bounds, "right")]
        cumulative[-1] = max(self.count, cumulative[-1])
        return make_histogram(bounds, cumulative, self.sum_seconds)

    def quantile(self, q: float, *, confidence: float = 0.95) -> Quantile:
        """What do the counts know of quantile ``q``?  As ``latency.quantile``.

        Where a rank is reached exactly before a gap, Prometheus may name the gap's other end,
        outside the bracket.
        """
        known = histogram_quantile(self.classic(), q, confidence)
        prometheus = self.prometheus_quantile(q)
        estimate = known.estimate
        if known.low < 0 and np.isfinite(estimate):  # the curve is one of logarithms
            estimate = float(np.clip(prometheus, known.low, known.high))
        return replace(known, prometheus=prometheus, estimate=estimate)

    def prometheus_quantile(self, q: float) -> float:
        """Return what ``histogram_quantile(q, …)`` says of it since Prometheus 3.0.

        From the middle on it counts downwards.  Inside a bucket it interpolates the logarithm;
        inside the zero bucket and custom ones linearly (promql/quantile.go, HistogramQuantile).
        """
        if q < 0 or q > 1:
            return -np.inf if q < 0 else np.inf
        if np.isnan(q) or not self.count or not len(self.counts):
            return np.nan
        upwards = q < 0.5 or np.isnan(self.sum_seconds)
        rank = (q if upwards else 1 - q) * self.count
        reached = np.cumsum(self.counts if upwards else self.counts[::-1])
        step = min(int(np.searchsorted(reached, rank, "left")), len(reached) - 1)
        bucket = step if upwards else len(reached) - 1 - step
        low, high = (float(ends[bucket]) for ends in self.edges)
        counted = min(float(reached[step]), self.count)
        if self.custom and np.isinf(low):
            return high
        if self.custom and np.isinf(high) and np.isfinite(self.lower[bucket]):
            return low
        if counted < rank:
            return np.nan if np.isnan(self.sum_seconds) else high
        inside = float(self.counts[bucket])
        share = (rank - (counted - inside) if upwards else counted - rank) / inside
        return _interpolated(low, high, share, linear=self.custom or low <= 0 <= high)


class Layouts(NamedTuple):
    """In which kinds a source has a histogram, and that as a sentence for a report."""

    classic: bool
    native: bool
    sentence: str


def layouts(source: Source, metric: str, at_ms: int, *, matchers: str = "") -> Layouts:
    """Has the source classic buckets of a histogram at a time, native ones, both or none?

    metric, matchers : as for ``bucket_history``
    """
    buckets = f"count({metric}_bucket{{{matchers}}})"
    classic = bool(source.range_query(buckets, at_ms, at_ms, MINUTE_MS).present.any())
    if not isinstance(source, PrometheusSource):
        has = "classic buckets" if classic else "no buckets"
        told = f"{metric} has {has} here; a recording holds no native histograms, only floats."
        return Layouts(classic, False, told)
    native = bool(source.native_histograms(f"{metric}{{{matchers}}}", at_ms))
    if classic and native:
        told = f"{metric} has classic buckets and native histograms."
    elif classic or native:
        there, missing = "classic buckets", "native histograms"
        if native:
            there, missing = missing, there
        told = f"{metric} has {there}, and no {missing}."
    else:
        told = f"{metric} has neither classic buckets nor native histograms."
    return Layouts(classic, native, told)


def native_histograms(source: Source, expr: str, at_ms: int) -> dict[LabelSet, NativeHistogram]:
    """Return the native histograms that an expression gives at a time, by labels.

    expr : such as ``sum by (grpc_method) (increase(grpc_server_handling_seconds[1w]))``

    BadInput if the source is no live server, for a recording holds floats only.
    """
    if not isinstance(source, PrometheusSource):
        raise BadInput(
            f"native histograms of {expr!r} can only be asked of a live server; "
            "a recording holds floats only: use the classic buckets"
        )
    found = source.native_histograms(expr, at_ms)
    return {labels: read_native(written, format_labels(labels)) for labels, written in found}


def read_native(written: Mapping[str, Any], where: str) -> NativeHistogram:
    """Read a histogram as the HTTP API writes it (util/jsonutil, MarshalHistogram).

    BadInput, naming ``where``, for what is no such thing or has counts below 0.
    """
    try:
        count, total = float(written["count"]), float(written["sum"])
        table = np.array(written.get("buckets", ()), float).reshape(-1, 4)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{where}: no native histogram as Prometheus writes it ({error})") from None
    rules, lower, upper, counts = table.T
    falls = (lower > upper).any() or (np.diff(upper) < 0).any()
    if falls or np.isnan(table).any() or not np.isin(rules, (0, 1, 2, 3)).all():
        raise BadInput(f"{where}: the bounds of the native histogram are not in order")
    if (counts < 0).any() or not count >= 0:
        raise BadInput(
            f"{where}: the native histogram has counts below 0; it has quantiles only as a sum or "
            "an increase of counters"
        )
    return NativeHistogram(lower, upper, rules.astype(int), counts, count, total)


def _is_exponential(lower: np.ndarray, upper: np.ndarray) -> bool:
    """Tell whether all buckets are of one schema: bounds at whole powers of 2 ** 2 ** -schema."""
    if not ((lower > 0) & np.isfinite(upper)).all():
        return False
    low, high = np.log2(lower), np.log2(upper)
    for schema in _SCHEMAS:
        index = high * 2.0**schema
        one_wide = np.abs((high - low) * 2.0**schema - 1) < _ON_GRID
        if (one_wide & (np.abs(index - np.rint(index)) < _ON_GRID)).all():
            return True
    return False


def _interpolated(low: float, high: float, share: float, *, linear: bool) -> float:
    if linear:
        return low + (high - low) * share
    if low > 0:
        return float(2.0 ** (np.log2(low) + (np.log2(high) - np.log2(low)) * share))
    return float(-(2.0 ** (np.log2(-high) + (np.log2(-low) - np.log2(-high)) * (1 - share))))
