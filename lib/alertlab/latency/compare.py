"""Two stretches of time side by side: what changed, in which method, and was it only the traffic?

The share of slow requests is split exactly (shift-share); a quantile of all methods could not be.
Whether a method changed is judged on shares at bounds of buckets, which are counted, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy.special import logit

from alertlab.errors import BadInput
from alertlab.latency.buckets import Histogram
from alertlab.latency.history import BucketHistory
from alertlab.latency.probit import share_below
from alertlab.latency.quantiles import Quantile, histogram_quantile
from alertlab.latency.resampling import MIN_BLOCKS, resampled
from alertlab.units import HOUR_MS, Interval, format_duration, format_time

CHANGED = "changed"
NO_CHANGE = "no change seen"
TOO_LITTLE = "not enough data"

_QUANTILES = (0.5, 0.95, 0.99)
_TINY = 1e-9  # a share nearer to 0 or 1 is as far from any quantile as can be


@dataclass(frozen=True)
class ShiftShare:
    """The change of the slow share of all methods together, as a sum of parts.

    before, after : the slow shares; ``mix`` and ``latency`` add up to their difference
    mix, latency : float64, shape (n_methods,); what each method's share of the traffic, and what
        its own slow share, adds to the change
    """

    before: float
    after: float
    mix: np.ndarray
    latency: np.ndarray


@dataclass(frozen=True)
class Side:
    """One method before or after.

    hours : hours with requests; slow : share of requests beyond the threshold, None of none
    """

    histogram: Histogram
    hours: int
    quantiles: tuple[Quantile, ...]
    slow: Interval | None


@dataclass(frozen=True)
class Change:
    """Did the share of requests that took longer than some bounds change?

    bounds_seconds : of buckets, so that the shares are counted
    differences : after less before at each of them, with the interval by resampled hours
    """

    bounds_seconds: tuple[float, ...]
    differences: tuple[Interval, ...]
    verdict: str


@dataclass(frozen=True)
class MethodChange:
    """One method on both sides.

    slow : its change at the threshold; quantiles : at the bounds next to each quantile
    verdict : CHANGED if any of them is, at one confidence for all of them together; TOO_LITTLE if
        either side has fewer than MIN_BLOCKS hours with requests
    """

    name: str
    before: Side
    after: Side
    slow: Change
    quantiles: tuple[Change, ...]
    verdict: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """All methods on both sides; ``shift`` has a part of each, and is None without requests."""

    threshold_seconds: float
    methods: tuple[MethodChange, ...]
    shift: ShiftShare | None
    notes: tuple[str, ...] = ()


def shift_share(
    counts_before: np.ndarray,
    slow_before: np.ndarray,
    counts_after: np.ndarray,
    slow_after: np.ndarray,
) -> ShiftShare | None:
    """How much of the change of the slow share is traffic, how much is latency?

    Requests and slow ones among them per method, shape (n_methods,).  Each part weighs with the
    mean of before and after, so that nothing is left over (Marshall-Edgeworth weights).  A method
    that has no requests on one side is all traffic.  None if a side has no requests at all.
    """
    counts = np.array([counts_before, counts_after], float)
    slow = np.array([slow_before, slow_after], float)
    totals = counts.sum(axis=1, keepdims=True)
    if not totals.all():
        return None
    traffic = counts / totals
    shares = np.divide(slow, counts, out=np.zeros_like(slow), where=counts > 0)
    # Nobody knows how slow a method would have been that was not called: as on the other side.
    shares = np.where(counts > 0, shares, shares[::-1])
    before, after = (slow.sum(axis=1) / totals[:, 0]).tolist()
    mix = shares.mean(axis=0) * np.diff(traffic, axis=0)[0]
    latency = traffic.mean(axis=0) * np.diff(shares, axis=0)[0]
    return ShiftShare(before, after, mix, latency)


def compare_spans(
    history: BucketHistory,
    before: np.ndarray,
    after: np.ndarray,
    *,
    threshold_seconds: float,
    quantiles: tuple[float, ...] = _QUANTILES,
    confidence: float = 0.95,
) -> Comparison:
    """What changed in each method between two sets of spans, such as two weeks?

    before, after : bool masks over the history's spans, which share none
    confidence : of each method's verdict and of all intervals of quantiles

    Whole hours are drawn again, so that what differs from hour to hour anyway is no change.
    BadInput for a threshold beyond the last finite bound, and for spans on both sides.
    """
    threshold_bound(history, threshold_seconds)
    if (before & after).any():
        raise BadInput("a span lies both before and after; compare spans that do not overlap")
    methods = tuple(
        _method(history, group, (before, after), threshold_seconds, quantiles, confidence)
        for group in range(len(history.groups))
    )
    counts, slow = np.zeros((2, 2, len(methods)))
    for i, method in enumerate(methods):
        for k, side in enumerate((method.before, method.after)):
            counts[k, i] = side.histogram.count
            slow[k, i] = side.slow.mid * side.histogram.count if side.slow else 0.0
    shift = shift_share(counts[0], slow[0], counts[1], slow[1])
    return Comparison(threshold_seconds, methods, shift, history.notes)


def before_after(
    history: BucketHistory,
    moment_ms: int,
    span_ms: int,
    *,
    threshold_seconds: float,
    quantiles: tuple[float, ...] = _QUANTILES,
    confidence: float = 0.95,
) -> Comparison:
    """As ``compare_spans``, of the time ``span_ms`` before and after a moment, such as a deploy.

    The span of the history in which the moment lies belongs to neither; ``span_ms`` is counted
    from its ends.
    """
    ends = history.ends_ms
    starts = ends - history.step_ms
    before, after = ends <= moment_ms, starts >= moment_ms
    before &= ends.max(where=before, initial=0) - starts <= span_ms
    after &= ends - starts.min(where=after, initial=moment_ms + span_ms) <= span_ms
    if not (before.any() and after.any()):
        raise BadInput(
            f"the history has no whole span of {format_duration(history.step_ms)} within "
            f"{format_duration(span_ms)} on both sides of {format_time(moment_ms)}"
        )
    return compare_spans(
        history,
        before,
        after,
        threshold_seconds=threshold_seconds,
        quantiles=quantiles,
        confidence=confidence,
    )


def threshold_bound(history: BucketHistory, threshold_seconds: float) -> int:
    """Return the index of the first bound at or above a threshold; BadInput if none is finite."""
    bounds = history.upper_bounds
    if not threshold_seconds > 0:
        raise BadInput(f"slow is longer than some time above 0, not {threshold_seconds:g} s")
    at = int(np.searchsorted(bounds, threshold_seconds))
    if at == len(bounds) or np.isinf(bounds[at]):
        finite = bounds[np.isfinite(bounds)]
        largest = f"{finite[-1]:g} s" if len(finite) else "+Inf alone"
        raise BadInput(
            f"what took longer than {threshold_seconds:g} s cannot be told: the bounds of "
            f"{history.metric} end at {largest}"
        )
    return at


def _method(
    history: BucketHistory,
    group: int,
    spans: tuple[np.ndarray, np.ndarray],
    threshold_seconds: float,
    quantiles: tuple[float, ...],
    confidence: float,
) -> MethodChange:
    """Judge one method: at the threshold, and at the bounds next to its quantiles."""
    name = history.names[group]
    bounds, blocks = zip(*(_hour_blocks(history, group, one) for one in spans), strict=True)
    before, after = (
        _side(history.histogram([group], one), len(own), threshold_seconds, quantiles, confidence)
        for one, own in zip(spans, blocks, strict=True)
    )
    common = np.intersect1d(*bounds)
    common = common[np.isfinite(common)]
    if min(before.hours, after.hours) < MIN_BLOCKS or not len(common):
        unknown = Change((), (), TOO_LITTLE)
        notes = tuple(_hours_notes(name, before, after))
        return MethodChange(
            name, before, after, unknown, (unknown,) * len(quantiles), TOO_LITTLE, notes
        )
    kept = [part[:, np.append(np.isin(own[:-1], common), True)]
            for own, part in zip(bounds, blocks, strict=True)]  # fmt: skip
    beside = [_beside(kept, q) for q in quantiles]
    at = min(int(np.searchsorted(common, threshold_seconds)), len(common) - 1)
    tested = np.unique([at, *chain.from_iterable(beside)])
    intervals = _differences(kept, tested, 1 - (1 - confidence) / len(tested))
    slow, *others = (
        _change(common[list(where)], [intervals[one] for one in where]) for where in ([at], *beside)
    )
    changed = any(one.verdict == CHANGED for one in (slow, *others))
    notes = ()
    if common[at] != threshold_seconds:
        notes = (
            f"{name} is compared at {common[at]:g} s, as {threshold_seconds:g} s is no bound of "
            "all its buckets.",
        )
    return MethodChange(
        name, before, after, slow, tuple(others), CHANGED if changed else NO_CHANGE, notes
    )


def _hour_blocks(
    history: BucketHistory, group: int, spans: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return common bounds, and the cumulative counts of each hour in which there were requests."""
    bounds, blocks = history.blocks([group], spans)
    ends = history.ends_ms[spans][np.isfinite(history.counts[group, spans])]
    if len(ends):
        first = np.flatnonzero(np.diff((ends - 1) // HOUR_MS, prepend=-1))
        blocks = np.add.reduceat(blocks, first, axis=0)
    return bounds, blocks[blocks[:, -1] > 0]


def _side(
    histogram: Histogram,
    hours: int,
    threshold_seconds: float,
    quantiles: tuple[float, ...],
    confidence: float,
) -> Side:
    known = tuple(histogram_quantile(histogram, q, confidence) for q in quantiles)
    below = share_below(histogram, threshold_seconds)
    slow = below and Interval(1 - below.high, 1 - below.mid, 1 - below.low, below.confidence)
    return Side(histogram, hours, known, slow)


def _hours_notes(name: str, before: Side, after: Side) -> Iterator[str]:
    """Say where the hours of a method are that a verdict would need."""
    for when, side in (("before", before), ("after", after)):
        if not side.histogram.count:
            yield f"{name} had no requests {when}."
        elif side.hours < MIN_BLOCKS:
            yield (
                f"{name} had requests in {side.hours} hours {when}; fewer than {MIN_BLOCKS} do not "
                "tell how much hours differ."
            )


def _beside(blocks: Sequence[np.ndarray], q: float) -> list[int]:
    """Return the finite bounds whose shares are nearest to a quantile, before and after."""
    found = []
    for part in blocks:
        shares = part.sum(axis=0)[:-1] / part[:, -1].sum()
        away = np.abs(
            logit(np.clip(shares, _TINY, 1 - _TINY)) - logit(np.clip(q, _TINY, 1 - _TINY))
        )
        found.append(int(np.argmin(away)))
    return sorted(set(found))


def _differences(
    blocks: Sequence[np.ndarray], tested: np.ndarray, confidence: float
) -> dict[int, Interval]:
    """Return how much the share beyond each tested bound grew, with its interval."""
    before, after = (_beyond(part.sum(axis=0, keepdims=True), tested)[0] for part in blocks)
    drawn_before, drawn_after = (_beyond(resampled(part), tested) for part in blocks)
    # The draws of both sides come from one seed; turned round, none meets its own twin.
    drawn = drawn_after[::-1] - drawn_before
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    mid = after - before
    ends = np.minimum(low, mid), mid, np.maximum(high, mid)
    return {
        int(one): Interval(*(float(end[i]) for end in ends), confidence)
        for i, one in enumerate(tested)
    }


def _beyond(cumulative: np.ndarray, tested: np.ndarray) -> np.ndarray:
    return 1 - cumulative[:, tested] / cumulative[:, -1:]


def _change(bounds: np.ndarray, differences: list[Interval]) -> Change:
    # Sums in another order differ by some rounding; that is no change.
    changed = any(one.low > _TINY or one.high < -_TINY for one in differences)
    return Change(tuple(bounds.tolist()), tuple(differences), CHANGED if changed else NO_CHANGE)
