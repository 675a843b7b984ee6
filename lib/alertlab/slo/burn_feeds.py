"""Made-up series that give an objective as many good and bad events as a unit test wants."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, permutations, product

import numpy as np

from alertlab.change.series_text import series_line
from alertlab.errors import BadInput
from alertlab.promql import Matcher, evaluate, matches_all, parse, parse_selector
from alertlab.promql.parsing import kind, selector_matchers
from alertlab.promql.reading import reading_nodes
from alertlab.slo.burn_rules import RATIO_METRIC
from alertlab.slo.objectives import Objective
from alertlab.units import NAME, LabelSet, format_duration, label_set

Steps = tuple[tuple[float, float, int], ...]
"""A history: (events, bad events) of each step, and how many steps so."""

# Where an objective only says which values it does not mean, one of these may do.
_USUAL_VALUES = ("OK", "INTERNAL", "200", "500", "any")
_MOST_TRIED = 20_000
_SOME_WINDOW = "1h"


@dataclass(frozen=True)
class CounterFeed:
    """Counters, of which the steps of the first two make any number of events and of bad ones.

    weights : how often a step of those two is an event (first row) and a bad one, shape (2, 2)

    The others stand still: a sum of which one part has no series at all would have no value.
    """

    objective: Objective
    counters: tuple[LabelSet, ...]
    weights: np.ndarray

    def lines(self, history: Steps, step_ms: int) -> list[tuple[str, str]]:
        """Return a history in the notation of promtool's input series."""
        moves = np.zeros((len(self.counters), len(history)))
        moves[:2] = np.linalg.solve(self.weights, np.array([one[:2] for one in history]).T)
        counts = [one[2] for one in history]
        return [
            (series_line(labels), _counter_text(np.rint(own).astype(int).tolist(), counts))
            for labels, own in zip(self.counters, moves, strict=True)
        ]


@dataclass(frozen=True)
class RatioFeed:
    """Ratios in place of those that recording rules would write, for what no counters can say."""

    objective: Objective
    spans_ms: tuple[int, ...]
    counters: tuple[LabelSet, ...] = ()

    def lines(self, history: Steps, step_ms: int) -> list[tuple[str, str]]:
        """Return the ratio within each window, at every step of a history."""
        totals, bads, counts = zip(*history, strict=True)
        total, bad = (
            np.concatenate([[0.0], np.cumsum(np.repeat(np.array(one, float), counts))])
            for one in (totals, bads)
        )
        found = []
        for span_ms in self.spans_ms:
            back = np.maximum(np.arange(len(total)) - round(span_ms / step_ms), 0)
            within = total - total[back]
            with np.errstate(invalid="ignore"):
                ratios = (bad - bad[back]) / within
            name = f"{RATIO_METRIC}{format_duration(span_ms)}"
            labels = label_set({NAME: name, "slo": self.objective.name})
            text = " ".join("NaN" if np.isnan(one) else f"{one:.9g}" for one in ratios)
            found.append((series_line(labels), text))
        return found


Feed = CounterFeed | RatioFeed


def feed_of(objective: Objective, spans_ms: Sequence[int]) -> Feed | None:
    """Return what feeds an objective, None for one whose expression has values of nothing.

    spans_ms : the windows of its rules
    """
    if objective.total.is_raw and objective.bad.is_raw:
        found = _counters(objective)
        if found is not None:
            return found
    if _speaks_of_nothing(objective):
        return None
    return RatioFeed(objective, tuple(spans_ms))


def short_ratio(ratio: float) -> float:
    """Return a ratio of four digits, as many as annotations show."""
    return float(f"{ratio:.4g}")


def events_of(error_ratio: float, min_bad_events: int) -> tuple[int, int]:
    """Return so many events, and bad ones, that a ratio of four digits is met exactly.

    The bad ones of a single step are not fewer than the minimum, so that the ratio alone decides.
    """
    events = 10 ** (3 - math.floor(math.log10(error_ratio)))
    bad = round(events * error_ratio)
    times = max(1, math.ceil(min_bad_events / bad))
    return events * times, bad * times


def are_apart(one: Feed, other: Feed) -> bool:
    """Tell whether two objectives can be fed at once: neither reads what feeds the other."""
    return not (_reads(one.objective, other.counters) or _reads(other.objective, one.counters))


def _reads(objective: Objective, counters: Iterable[LabelSet]) -> bool:
    nodes = reading_nodes(parse(objective.error_ratio_expr(_SOME_WINDOW)))
    selectors = [selector_matchers(one) for one in nodes if kind(one) == "VectorSelector"]
    return any(matches_all(matchers, labels) for matchers in selectors for labels in counters)


def _counters(objective: Objective) -> CounterFeed | None:
    """Find two series whose steps, together, can be any good and bad events."""
    kinds: dict[tuple[int, int], LabelSet] = {}
    idle: dict[str, LabelSet] = {}
    for selector, labels in islice(_candidates(objective), _MOST_TRIED):
        kinds.setdefault(_weight(objective, labels), labels)
        idle.setdefault(selector, labels)
    for pair in permutations(kinds, 2):
        weights = np.array(pair, float).T
        if abs(np.linalg.det(weights)) < 0.5:  # whole numbers: 0, or at least 1
            continue
        extremes = np.linalg.solve(weights, np.array([[1.0, 1.0], [0.0, 1.0]]))
        if (extremes >= 0).all():
            moving = [kinds[one] for one in pair]
            still = (
                labels
                for text, labels in idle.items()
                if not any(matches_all(parse_selector(text), one) for one in moving)
            )
            return CounterFeed(objective, tuple(dict.fromkeys([*moving, *still])), weights)
    return None


def _weight(objective: Objective, labels: LabelSet) -> tuple[int, int]:
    """Return what a step of a series counts as event and as bad event."""
    return tuple(
        sum(sign for sign, text in events.terms if matches_all(parse_selector(text), labels))
        for events in (objective.total, objective.bad)
    )


def _candidates(objective: Objective) -> Iterator[tuple[str, LabelSet]]:
    """Give the objective's selectors, each with label sets that it takes, likely ones first."""
    texts = [text for one in (objective.total, objective.bad) for _, text in one.terms]
    selectors = {text: parse_selector(text) for text in texts}
    values: dict[str, dict[str, None]] = {}
    for matcher in (one for matchers in selectors.values() for one in matchers):
        values.setdefault(matcher.name, {}).update(dict.fromkeys(_values(matcher)))
    for text, own in selectors.items():
        names = dict.fromkeys(value for one in own if one.name == NAME for value in _values(one))
        labels = [name for name in values if name in {one.name for one in own} - {NAME}]
        choices = [[*values[name], *_USUAL_VALUES, ""] for name in labels]
        for name, chosen in product(names, product(*choices)):
            found = label_set({NAME: name, **dict(zip(labels, chosen, strict=True))})
            if matches_all(own, found) and _is_readable(found):
                yield text, found


def _values(matcher: Matcher) -> list[str]:
    """Return the values that a matcher names; of a regular expression its plain alternatives."""
    if matcher.op in ("=", "!="):
        return [matcher.value]
    return [re.sub(r"\\(.)", r"\1", one) for one in matcher.value.split("|")]


def _counter_text(moves: Sequence[int], counts: Sequence[int]) -> str:
    """Write a counter that moves so much a step, so many steps, as promtool reads it."""
    value, words = 0, ["0"]
    for move, count in zip(moves, counts, strict=True):
        if count:
            words.append(f"{value + move}{f'+{move}' if move else ''}x{count - 1}")
            value += move * count
    return " ".join(words)


def _speaks_of_nothing(objective: Objective) -> bool:
    """Tell whether the objective's ratio has a value where there is no series at all."""
    expr = objective.error_ratio_expr(_SOME_WINDOW)
    return bool(evaluate(expr, lambda *_: [], np.zeros(1, np.int64)).present.any())


def _is_readable(labels: LabelSet) -> bool:
    try:
        series_line(labels)
    except BadInput:
        return False
    return True
