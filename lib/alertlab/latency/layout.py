"""Which bucket edges, no more than today, would answer the usual questions best?

One metric has one layout for all its methods.  What Prometheus would say with other edges is
reckoned from the curve through the buckets of today (probit.py), also for a service that became
slower or faster: a layout that fits only today is of no use on the day it matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alertlab.errors import BadInput, known_name
from alertlab.latency.buckets import Histogram
from alertlab.latency.layout_search import Questions, best_layout
from alertlab.latency.probit import share_below
from alertlab.latency.quantiles import TOLERANCE_RATIO, Quantile, histogram_quantile, spread_ratio
from alertlab.promql.histogram import bucket_fraction

_QUANTILES = (0.5, 0.9, 0.95, 0.99)
_DRIFT = (0.6, 1.0, 1.6)
_GUARDS_SECONDS = (1.0, 2.5, 10.0)
_EXTRA_EDGES = (1, 2, 4)
_BESIDE_BUCKETS = 3  # series of each label set that are no edge: +Inf, _sum, _count
_WORTH_RATIO = 0.01  # a smaller gain is not worth a break in history
_MANTISSAS = np.array([1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5])
_CODE = {"python": "buckets=({}),", "go": "Buckets: []float64{{{}}},"}


@dataclass(frozen=True)
class Answer:
    """How well one quantile of one method is answered.

    now : what is known of it today
    error_now, error_proposed : relative error of ``histogram_quantile`` at the worst drift; NaN
        where it lies in the first or the +Inf bucket, so that nobody knows what would be right
    """

    method: str
    now: Quantile
    error_now: float
    error_proposed: float


@dataclass(frozen=True)
class MoreEdges:
    """What some edges more would buy, and the series that they would cost."""

    edges: int
    worst_error: float
    series: int


@dataclass(frozen=True)
class LayoutAdvice:
    """Edges that answer better, at the same cost in series.

    edges_now, edges_proposed, edges_common : float64 [s], ascending, finite; the same array if
        today's are as good; history before and after a change is comparable at the common ones
    answers : one per method and quantile
    threshold_error_now : how far Prometheus' share of requests within the SLO threshold is off at
        worst, from 0 to 1; with the proposed edges it is exact
    code_line : to paste into the service
    """

    edges_now: np.ndarray
    edges_proposed: np.ndarray
    edges_common: np.ndarray
    answers: tuple[Answer, ...]
    threshold_seconds: float
    threshold_error_now: float
    series: int
    more: tuple[MoreEdges, ...]
    code_line: str
    notes: tuple[str, ...]

    @property
    def worst_now(self) -> float:
        """The largest error of all answers with today's edges."""
        return float(np.nanmax([one.error_now for one in self.answers]))

    @property
    def worst_proposed(self) -> float:
        """The largest error of all answers with the proposed edges."""
        return float(np.nanmax([one.error_proposed for one in self.answers]))


def advise_layout(
    histograms: Mapping[str, Histogram],
    *,
    slo_threshold_seconds: float,
    quantiles: Sequence[float] = _QUANTILES,
    drift: Sequence[float] = _DRIFT,
    guards: Sequence[float] = _GUARDS_SECONDS,
    weights: Mapping[str, float] | None = None,
    label_sets: int | None = None,
    language: str = "python",
) -> LayoutAdvice:
    """Which edges of the same count make Prometheus' worst answer best?

    histograms : what was observed, by method; all of one metric, so with the same bounds
    drift : factors by which the service may become slower or faster
    guards : edges [s] that stay in any case, as a layout for today is blind above it
    weights : by which a method's errors count more or less, 1 where none is given
    label_sets : how many histograms the service exports, as a rule methods times pods; by default
        one for each method
    language : of the code line, "python" (prometheus_client) or "go" (client_golang)

    Edges come from round numbers and today's; bounds of at most 0 are left out.  A quantile in the
    first or the +Inf bucket has no say, but keeps its edge, and a note tells it.  BadInput if there
    is nothing to go by, or if the count of edges cannot hold those that stay.
    """
    known_name(language, _CODE, "language")
    _check_numbers(slo_threshold_seconds, quantiles, drift, guards)
    used = {name: one for name, one in histograms.items() if one.count}
    now = _edges_now(used)
    known = [(name, histogram_quantile(used[name], q)) for name in used for q in quantiles]
    asked = [(name, one) for name, one in known if _has_a_say(one)]
    fixed = _edges_fixed([slo_threshold_seconds, *guards], known, now)
    if not asked:
        raise BadInput(
            "every quantile lies in the first or the +Inf bucket, so nothing is known of what "
            "better edges would say; put some where the latency is, and ask again"
        )
    questions = _questions(used, asked, np.union1d(now, fixed), drift, weights or {})
    is_now, is_fixed = (np.isin(questions.candidates, edges) for edges in (now, fixed))
    proposed = _worth_it(
        questions, is_now, best_layout(questions, is_now, is_fixed, len(now)), is_fixed
    )
    errors = questions.errors(np.array([is_now, proposed]))
    errors = iter(errors.reshape(2, len(asked), len(drift)).max(axis=2).T.tolist())
    answers = tuple(
        Answer(name, one, *(next(errors) if _has_a_say(one) else (np.nan, np.nan)))
        for name, one in known
    )
    edges = questions.candidates[proposed]
    sets = len(histograms) if label_sets is None else label_sets
    return LayoutAdvice(
        now,
        edges,
        np.intersect1d(now, edges),
        answers,
        slo_threshold_seconds,
        _threshold_error(used, now, slo_threshold_seconds, drift),
        sets * (len(edges) + _BESIDE_BUCKETS),
        tuple(_more(questions, proposed, is_fixed, sets)),
        _CODE[language].format(", ".join(repr(float(edge)) for edge in edges)),
        tuple(_notes(histograms, answers, now, (proposed == is_now).all())),
    )


def _check_numbers(
    slo_threshold_seconds: float,
    quantiles: Sequence[float],
    drift: Sequence[float],
    guards: Sequence[float],
) -> None:
    """Refuse numbers with which no layout could be judged."""
    if not (len(quantiles) and all(0 < q < 1 for q in quantiles)):
        raise BadInput("the quantiles to answer lie between 0 and 1; give one at least, like 0.95")
    if not (len(drift) and all(0 < one < np.inf for one in drift)):
        raise BadInput("drift is a list of positive factors; 1 alone is a service that stays")
    if not len(guards):
        raise BadInput("a layout without guards is blind above today; give one edge at least")
    if not all(0 < edge < np.inf for edge in (slo_threshold_seconds, *guards)):
        raise BadInput("the threshold and the guards are edges, so positive and finite seconds")


def _edges_fixed(
    given: Sequence[float], known: Sequence[tuple[str, Quantile]], now: np.ndarray
) -> np.ndarray:
    """Return the edges that stay: those given, and today's outer ones that hold a quantile.

    A quantile in the first bucket has no say, but without that bucket's edge less would be known
    of it than today; so has one beyond the last edge.
    """
    outer = [now[0]] if any(one.low <= 0 for _, one in known) else []
    outer += [now[-1]] if any(np.isinf(one.high) for _, one in known) else []
    fixed = np.unique([*given, *outer])
    if len(fixed) > len(now):
        listed = ", ".join(f"{edge:g}" for edge in fixed)
        raise BadInput(
            f"{len(now)} edges cannot hold the threshold, the guards and the outer edges that "
            f"hold a quantile ({listed} s); name fewer guards"
        )
    return fixed


def _edges_now(used: Mapping[str, Histogram]) -> np.ndarray:
    """Return the finite positive edges that all methods have."""
    if not used:
        raise BadInput("there are no observations, so no layout can be advised")
    first, *others = (one.upper_bounds for one in used.values())
    if not ((first > 0) & np.isfinite(first)).any():
        raise BadInput("there is no bucket but +Inf, so no layout can be advised")
    if not all(np.array_equal(first, one) for one in others):
        raise BadInput(
            "the methods have different bounds; those of one metric share a layout, so advise on "
            "each metric by itself"
        )
    return first[(first > 0) & np.isfinite(first)]


def _questions(
    used: Mapping[str, Histogram],
    asked: Sequence[tuple[str, Quantile]],
    given: np.ndarray,
    drift: Sequence[float],
    weights: Mapping[str, float],
) -> Questions:
    """Return what is asked of a layout: each quantile at each drift."""
    for name, weight in weights.items():
        known_name(name, used, "method")
        if not 0 < weight < np.inf:
            raise BadInput(f"the weight of {name} is {weight:g}; give a positive number")
    by_weight = np.array([weights.get(name, 1.0) for name, _ in asked])
    truths = np.outer([one.estimate for _, one in asked], drift).ravel()
    candidates = _candidates(given, truths)
    below = {
        (name, factor): _shares(used[name], candidates / factor)
        for name in {name for name, _ in asked}
        for factor in drift
    }
    return Questions(
        candidates,
        np.array([below[name, factor] for name, _ in asked for factor in drift]),
        np.repeat([one.q for _, one in asked], len(drift)),
        truths,
        np.repeat(by_weight / by_weight.max(), len(drift)),
    )


def _has_a_say(one: Quantile) -> bool:
    """Tell whether a quantile lies between two edges, so that the curve is held on both sides."""
    return one.low > 0 and np.isfinite(one.high)


def _candidates(given: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Return the given edges and round ones, from well below the truths to beyond them."""
    smallest = truths.min() / 4
    first, last = np.floor(np.log10([smallest, truths.max()])).astype(int)
    exponents = np.arange(first, last + 2)
    # Written and read again, 3e-05 is the number that people write.
    round_ones = np.array([float(f"{m}e{e}") for e in exponents for m in _MANTISSAS])
    largest = max(given[-1], round_ones[np.searchsorted(round_ones, truths.max())])
    return np.union1d(given, round_ones[(round_ones >= smallest) & (round_ones <= largest)])


def _shares(histogram: Histogram, edges: np.ndarray) -> np.ndarray:
    """Return the shares at or below edges; nothing lies beyond one that exceeds today's bounds."""
    found = [share_below(histogram, edge) for edge in edges.tolist()]
    return np.array([one.high if np.isnan(one.mid) else one.mid for one in found])


def _worth_it(
    questions: Questions, now: np.ndarray, best: np.ndarray, fixed: np.ndarray
) -> np.ndarray:
    """Return today's layout if it has the fixed edges and is nearly as good as the best."""
    loss_now, loss_best = questions.loss(np.array([now, best]))
    keep = not (fixed & ~now).any() and loss_now - loss_best < _WORTH_RATIO
    return now if keep else best


def _threshold_error(
    used: Mapping[str, Histogram], now: np.ndarray, threshold: float, drift: Sequence[float]
) -> float:
    """Return how far the share that Prometheus says is within the threshold may be off."""
    at = np.union1d(now, [threshold])
    below = np.array([_shares(one, at / factor) for one in used.values() for factor in drift]).T
    counts = np.append(below[np.isin(at, now)], np.ones((1, below.shape[1])), axis=0)
    ends = np.repeat([[0.0], [threshold]], below.shape[1], axis=1)
    said = bucket_fraction(*ends, np.append(now, np.inf), counts)
    return float(np.abs(said - below[at == threshold]).max())


def _more(
    questions: Questions, proposed: np.ndarray, fixed: np.ndarray, sets: int
) -> Iterator[MoreEdges]:
    for extra in _EXTRA_EDGES:
        n_edges = int(proposed.sum()) + extra
        if n_edges <= len(proposed):
            layout = best_layout(questions, proposed, fixed, n_edges)
            worst = float(questions.errors(layout[None]).max())
            yield MoreEdges(extra, worst, sets * (n_edges + _BESIDE_BUCKETS))


def _notes(
    histograms: Mapping[str, Histogram],
    answers: Sequence[Answer],
    now: np.ndarray,
    is_kept: bool,
) -> Iterator[str]:
    """Say what has no say, and how much of the truth is a guess."""
    if is_kept:
        yield "Today's edges are as good as any found: leave them."
    if silent := ", ".join(name for name, one in histograms.items() if not one.count):
        yield f"Without observations, these have no say: {silent}."
    first = [one for one in answers if one.now.low <= 0]
    if first:
        yield (
            f"In the first bucket, up to {now[0]:g} s, nobody knows where they lie: "
            f"{_listed(first)}. Give an edge below it as a guard to learn it."
        )
    beyond = [one for one in answers if np.isinf(one.now.high)]
    if beyond:
        yield (
            f"Beyond the last edge, {now[-1]:g} s, nobody knows where they lie: {_listed(beyond)}. "
            "Give a guard further out to learn it."
        )
    doubts = {
        one: doubt
        for one in answers
        if _has_a_say(one.now)
        and (doubt := spread_ratio(one.now.low, one.now.high)) > TOLERANCE_RATIO
    }
    if doubts:
        worst = max(doubts.values())
        yield (
            f"Read off a curve inside today's wide buckets, which may be off by up to {worst:.0%}: "
            f"{_listed(list(doubts))}. Ask again when the new edges have counted for a week."
        )


def _listed(answers: Sequence[Answer]) -> str:
    return ", ".join(f"{one.method} p{100 * one.now.q:g}" for one in answers)
