"""Bucket counts over time: what every method's histogram grew by in each hour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import Frame
from alertlab.go_text import parse_float
from alertlab.latency.buckets import Histogram, layouts_note, make_histogram
from alertlab.sources import Source
from alertlab.units import HOUR_MS, LabelSet, format_duration, label_set

_BOUND = "le"


@dataclass(frozen=True)
class BucketHistory:
    """Counts of a classic histogram, by group and span of time.

    by : the labels that tell the groups apart; groups : their label sets
    upper_bounds : float64 [s], ascending, shape (n_buckets,)
    ends_ms : int64, shape (n_spans,); span k is what happened in ``(ends[k] - step, ends[k]]``
    cumulative : float64, shape (n_groups, n_spans, n_buckets); NaN where there are no data, or
        where series that were added up do not all have the bound
    sums_seconds : float64, shape (n_groups, n_spans)
    """

    metric: str
    by: tuple[str, ...]
    groups: tuple[LabelSet, ...]
    upper_bounds: np.ndarray
    ends_ms: np.ndarray
    step_ms: int
    cumulative: np.ndarray
    sums_seconds: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What people call the groups: the values of their labels."""
        return tuple(" ".join(dict(one).get(name, "") for name in self.by) for one in self.groups)

    @property
    def counts(self) -> np.ndarray:
        """All observations of each group and span, NaN where unknown; (n_groups, n_spans)."""
        return self.cumulative[:, :, -1]

    def index(self, name: str) -> int:
        """Return the place of the group of that name; BadInput lists the known ones."""
        if name not in self.names:
            known = ", ".join(self.names) or "none"
            raise BadInput(f"{self.metric} has no {'/'.join(self.by)} {name!r}; there are: {known}")
        return self.names.index(name)

    def histogram(
        self, groups: Sequence[int] | None = None, spans: np.ndarray | slice | None = None
    ) -> Histogram:
        """Return one histogram of all that some groups counted in some spans.

        groups : indices, all by default; spans : a mask or slice, all by default
        """
        bounds, blocks = self.blocks(groups, spans)
        sums = self._part(self.sums_seconds, groups, spans)
        total = float(np.nansum(sums)) if np.isfinite(sums).any() else np.nan
        notes = self.notes
        if len(bounds) < len(self.upper_bounds):
            notes += (layouts_note(np.setdiff1d(self.upper_bounds, bounds)),)
        return make_histogram(bounds, blocks.sum(axis=0), total, notes=notes)

    def blocks(
        self, groups: Sequence[int] | None = None, spans: np.ndarray | slice | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return common bounds, and the cumulative counts over them of each span with data.

        The first has shape (n_common,), the second (n_spans_with_data, n_common).
        """
        part = self._part(self.cumulative, groups, spans)
        there = np.isfinite(part[:, :, -1])
        common = (
            np.isfinite(part[there]).all(axis=0)
            if there.any()
            else np.full(len(self.upper_bounds), True)
        )
        summed = np.where(there[:, :, None], part[:, :, common], 0.0).sum(axis=0)
        return self.upper_bounds[common], summed[there.any(axis=0)]

    def _part(
        self,
        array: np.ndarray,
        groups: Sequence[int] | None,
        spans: np.ndarray | slice | None,
    ) -> np.ndarray:
        chosen = array if groups is None else array[list(groups)]
        return chosen if spans is None else chosen[:, spans]


def bucket_history(
    source: Source,
    metric: str,
    start_ms: int,
    end_ms: int,
    *,
    by: Sequence[str] = ("grpc_method",),
    matchers: str = "",
    step_ms: int = HOUR_MS,
    track: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> BucketHistory:
    """What did a histogram count in each span of ``step_ms`` from start to end, per group?

    metric : the histogram's name without ``_bucket``; its unit is seconds
    by : labels to tell apart (a method, a pod, a code, as far as the metric has them)
    matchers : PromQL matchers without braces, such as ``job="auth-service"``
    track : told of each query, for a progress bar

    Spans begin at whole multiples of the step in UTC; what start and end leave over is not asked
    for.  Three range queries of ``increase()``, so counter resets are seen and counts are
    fractional.  BadInput if the source has no such histogram, or there is no whole span.
    """
    first_ms = first_span_end(start_ms, end_ms, step_ms)
    inside = f"{{{matchers}}}[{format_duration(step_ms)}]"
    labels = ", ".join(by)
    with_bound = ", ".join((*by, _BOUND))
    queries = (
        f"sum by ({with_bound}) (increase({metric}_bucket{inside}))",
        f"count by ({with_bound}) (increase({metric}_bucket{inside}))",
        f"sum by ({labels}) (increase({metric}_sum{inside}))",
    )
    counts, parts, sums = (
        source.range_query(one, first_ms, end_ms, step_ms) for one in track(queries)
    )
    found = _bounds(counts)
    if not found:
        raise BadInput(
            f"the source has no classic histogram {metric}: no series {metric}_bucket with le "
            f"and {{{matchers}}} from start to end"
        )
    groups = sorted({_group(labels, by) for labels, _ in found})
    bounds = np.unique([bound for _, bound in found])
    cumulative = _by_bound(counts, groups, bounds, by)
    series = _by_bound(parts, groups, bounds, by)
    unlike = np.isfinite(cumulative) & (series < series[:, :, -1:])
    cumulative[unlike] = np.nan
    return BucketHistory(
        metric, tuple(by), tuple(groups), bounds, counts.times, step_ms, cumulative,
        _of_groups(sums, groups, by), _notes(bounds, unlike),
    )  # fmt: skip


def first_span_end(start_ms: int, end_ms: int, step_ms: int) -> int:
    """Return the end [ms] of the first whole span; BadInput if there is none."""
    first_ms = -(-start_ms // step_ms) * step_ms + step_ms
    if end_ms < first_ms:
        raise BadInput(
            f"from start to end there is no whole span of {format_duration(step_ms)}; "
            "ask for a longer time or a shorter step"
        )
    return first_ms


def _notes(bounds: np.ndarray, unlike: np.ndarray) -> tuple[str, ...]:
    if not unlike.any():
        return ()
    where = ", ".join(f"{bound:g}" for bound in bounds[unlike.any(axis=(0, 1))])
    spans = int(unlike.any(axis=(0, 2)).sum())
    return (
        f"In {spans} of {unlike.shape[1]} spans not all pods had the buckets le {where}: their "
        "layouts differ, and these counts are left out.",
    )


def _bounds(counts: Frame) -> list[tuple[LabelSet, float]]:
    """Return the label set and bound of each bucket; what has no number as ``le`` is no bucket."""
    found = []
    for labels in counts.labels:
        try:
            bound = parse_float(dict(labels).get(_BOUND, ""))
        except ValueError:
            continue
        if not np.isnan(bound):
            found.append((labels, bound))
    return found


def _group(labels: LabelSet, by: Sequence[str]) -> LabelSet:
    return label_set({name: value for name, value in labels if name in by})


def _by_bound(
    frame: Frame, groups: Sequence[LabelSet], bounds: np.ndarray, by: Sequence[str]
) -> np.ndarray:
    """Return (n_groups, n_times, n_bounds); ``1`` and ``1.0`` are one bound, and add up."""
    values = np.where(frame.present, frame.values, np.nan)
    rows = {labels: values[row] for row, labels in enumerate(frame.labels)}
    answer = np.full((len(groups), len(frame.times), len(bounds)), np.nan)
    for labels, bound in _bounds(frame):
        group, at = groups.index(_group(labels, by)), int(np.searchsorted(bounds, bound))
        cell, row = answer[group, :, at], rows[labels]
        answer[group, :, at] = np.where(
            np.isnan(cell), row, np.where(np.isnan(row), cell, cell + row)
        )
    return answer


def _of_groups(frame: Frame, groups: Sequence[LabelSet], by: Sequence[str]) -> np.ndarray:
    answer = np.full((len(groups), len(frame.times)), np.nan)
    for row, labels in enumerate(frame.labels):
        if (group := _group(labels, by)) in groups:
            answer[groups.index(group)] = np.where(frame.present[row], frame.values[row], np.nan)
    return answer
