"""Why no number of a rule tells incidents from ordinary days, as far as data proves it.

A cause is proved by a rewritten expression: the same rule, split by a label or with a floor of
traffic, of which some setting holds what no setting of the rule as written does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from alertlab.lint.seen import Seen
from alertlab.lint.shapes import (
    COUNTING,
    KIND_OF_WORK,
    has_call,
    is_call,
    parts_under,
    ranges_of,
    selectors_of,
    unscaled,
)
from alertlab.promql import Matcher
from alertlab.rules import (
    AlertRule,
    RuleChange,
    Threshold,
    changed_expr,
    find_threshold,
    text_reading,
)
from alertlab.rules.parts import Part, parts_of
from alertlab.rules.rewriting import aggregated, grouping_of, rewritten, selecting
from alertlab.sources import Source
from alertlab.units import NAME, format_duration

MIXED_METHODS, LOW_TRAFFIC = "mixed-methods", "low-traffic"
WRONG_UNIT, BUCKET_EDGE = "wrong-unit", "bucket-edge"

_MOST_GROUPS, _MOST_LABELS = 20, 4
# Events in a window that people would ask for, tried from the smallest.
_FLOORS = tuple(digit * 10**power for power in range(7) for digit in (2, 5, 10))
_WIDE_RATIO = 0.25  # of its upper bound, as in lint
_APART = 100  # a threshold so many times the largest value is no threshold for such values
_SCALES = {
    60: "minutes", 100: "percent", 1e3: "thousandths", 1e6: "millionths", 1e9: "billionths",
}  # fmt: skip
_FAILURE = re.compile(r"_(?:failures?|failed|errors?|rejected|denied|dropped|refused)(?=_|$)")
_ALL_EVENTS = ("_requests", "_attempts", "", "_all")
_OUTCOME = re.compile(r"code|status|result|outcome|reason|error|success|level")


@dataclass(frozen=True)
class Cause:
    """Why no number helps.

    id : ``mixed-methods``, ``low-traffic``, ``wrong-unit`` or ``bucket-edge``
    reason : one sentence
    expr : the expression that would work, its threshold yet to be tuned; None if none is known
    """

    id: str
    reason: str
    expr: str | None


@dataclass(frozen=True)
class _Case:
    """A rule that no setting mends, and what may be asked of it."""

    rule: AlertRule
    threshold: Threshold
    works: Callable[[str], bool]
    seen: Seen

    @property
    def compared(self) -> Part:
        return unscaled(parts_of(self.threshold.compared))[0]

    @property
    def limit(self) -> str:
        return f"{self.threshold.op} {self.threshold.value:.12g}"

    def values(self, expr: str) -> np.ndarray:
        """Return what an expression is at the rule's intervals, all series together."""
        frame = self.seen.source.range_query(
            expr, self.seen.start_ms, self.seen.end_ms, self.rule.interval_ms
        )
        found = frame.values[frame.present]
        return found[np.isfinite(found)]


def find_cause(
    rule: AlertRule, works: Callable[[str], bool], source: Source, start_ms: int, end_ms: int
) -> Cause | None:
    """Return why no setting of a rule tells incidents from ordinary days, None if unproved.

    works : tells whether any setting of a rewritten expression holds what is asked of the rule;
        it is asked with few expressions, the likeliest first
    source, start_ms, end_ms : the history, asked for labels, traffic and buckets

    BadInput for a rule that compares with no number.
    """
    seen = Seen(source, start_ms, end_ms)
    case = _Case(rule, find_threshold(rule.expr), works, seen)
    for prove in (_mixed_methods, _low_traffic, _wrong_unit, _bucket_edge):
        if cause := prove(case):
            return cause
    return None


def _mixed_methods(case: _Case) -> Cause | None:
    """The expression adds up what behaves differently: split by a label, it works."""
    for label, count in _splitting_labels(case):
        expr = rewritten(parts_of(case.rule.expr), partial(_split, label=label))
        if expr is not None and case.works(expr):
            return Cause(
                MIXED_METHODS,
                f"The expression mixes {count} values of {label} that behave differently; split "
                f"by {label} it tells incidents from ordinary days.",
                expr,
            )
    return None


def _low_traffic(case: _Case) -> Cause | None:
    """A ratio or a percentile over hardly any events: with a floor of traffic it works."""
    traffic, window_ms = _traffic(case.compared), max(ranges_of(case.compared), default=0)
    if traffic is None:
        return None
    events = case.values(traffic)
    if not len(events):
        return None
    usual = np.quantile(events, 0.9)
    for floor in _FLOORS:
        if not events.min() < floor <= usual:
            continue
        expr = f"({case.rule.expr}) and {traffic} >= {floor}"
        if case.works(expr):
            return Cause(
                LOW_TRAFFIC,
                f"Its false alarms come from times with fewer than {floor} events in "
                f"{format_duration(window_ms)}, in which a few decide the value; with that floor "
                "of traffic it tells incidents from ordinary days.",
                expr,
            )
    return None


def _wrong_unit(case: _Case) -> Cause | None:
    """What is compared is not what is meant: a rate for a count, a count for a share, ms for s."""
    reading = text_reading(case.rule)
    if reading is not None and case.works(reading):
        return Cause(
            WRONG_UNIT,
            "The text means a count over the window, the expression compares each series' rate "
            "per second; the count tells incidents from ordinary days.",
            reading,
        )
    for expr in _shares(case):
        if case.works(expr):
            return Cause(
                WRONG_UNIT,
                "The count grows with the traffic, so that a busy hour has more of it than an "
                "incident in a quiet one; its share of all events tells them apart.",
                expr,
            )
    return _apart(case)


def _bucket_edge(case: _Case) -> Cause | None:
    """All that the percentile says is one bucket, or that it lies beyond the last one.

    Where the source has the histogram's sum, only the mean proves that incidents differ at all.
    """
    call = case.compared
    if not is_call(call, "histogram_quantile") or len(selectors_of(call)) != 1:
        return None
    found = map(float, case.seen.values_of(selectors_of(call)[0].text, "le"))
    bounds = np.array(sorted(one for one in found if math.isfinite(one)))
    values = case.values(call.text)
    if not len(bounds) or not len(values):
        return None
    # At the last bound lies what is beyond it, too.
    beyond = values >= bounds[-1] * (1 - 1e-9)
    bucket = np.where(beyond, len(bounds), np.searchsorted(bounds, values))
    usual, highest = int(np.median(bucket)), int(bucket.max())
    if usual != highest and highest < len(bounds):
        return None
    mean = _mean(case)
    if mean is None and usual == highest and _is_wide(bounds, highest):
        return Cause(
            BUCKET_EDGE,
            f"All its values lie {_bucket_text(bounds, highest)}, so that the histogram cannot "
            "tell whether incidents differ from ordinary days.",
            None,
        )
    if mean is None or not case.works(mean):
        return None
    return Cause(
        BUCKET_EDGE,
        f"Incidents and ordinary days both lie {_bucket_text(bounds, highest)}, so that the "
        "percentile cannot tell them apart; the mean, which knows no buckets, does.",
        mean,
    )


def _is_wide(bounds: np.ndarray, bucket: int) -> bool:
    lower = bounds[bucket - 1] if bucket else 0.0
    return bucket == len(bounds) or bounds[bucket] - lower > _WIDE_RATIO * bounds[bucket]


def _splitting_labels(case: _Case) -> Iterator[tuple[str, int]]:
    """Give labels that all series have and the expression adds up, kinds of work first."""
    selectors = selectors_of(case.compared)
    aggregations = [one for one in parts_under(case.compared) if one.kind == "AggregateExpr"]
    if not aggregations or not selectors:
        return
    sets = [[dict(one) for one in case.seen.labels_of(selector.text)] for selector in selectors]
    if not all(sets):
        return
    common = set.intersection(*(set(one) for found in sets for one in found))
    counts = {
        name: max(len({one.get(name, "") for one in found}) for found in sets)
        for name in common - {NAME, "le"}
        if not all(_keeps(one, name) for one in aggregations)
    }
    few = [name for name in counts if 2 <= counts[name] <= _MOST_GROUPS]
    few.sort(key=lambda name: (KIND_OF_WORK.search(name) is None, counts[name], name))
    for name in few[:_MOST_LABELS]:
        yield name, counts[name]


def _keeps(aggregation: Part, label: str) -> bool:
    word, labels = grouping_of(aggregation)
    return label in labels if word == "by" else word == "without" and label not in labels


def _split(part: Part, texts: list[str], *, label: str) -> str | None:
    """Return an aggregation that keeps a label, too; None for what is none."""
    if part.kind != "AggregateExpr" or _keeps(part, label):
        return None
    word, labels = grouping_of(part)
    kept = [one for one in labels if one != label] if word == "without" else [*labels, label]
    return aggregated(part.op, word or "by", kept, texts)


def _traffic(compared: Part) -> str | None:
    """Return the events in the window that a ratio or a percentile rests on, None without any."""
    if is_call(compared, "histogram_quantile"):
        return _calls(compared.children[1].bare)
    if compared.kind != "BinaryExpr" or compared.op != "/":
        return None
    if not all(has_call(side, *COUNTING) for side in compared.children):
        return None
    return rewritten(compared.children[1], _counted)


def _calls(buckets: Part) -> str | None:
    """Return the calls in the window that a histogram's buckets hold."""
    all_calls = Matcher("le", "=", "+Inf")

    def change(part: Part, texts: list[str]) -> str | None:
        if part.kind == "MatrixSelector":
            (selector,) = selectors_of(part)
            text = selecting((*selector.matchers, all_calls))
            return f"{text}[{format_duration(ranges_of(part)[0])}]"
        if part.kind == "AggregateExpr":
            word, labels = grouping_of(part)
            kept = [one for one in labels if one != "le"] + (["le"] if word == "without" else [])
            return aggregated(part.op, word or "by", kept, texts)
        return _counted(part, texts)

    text = rewritten(buckets, change)
    if text is None or not has_call(buckets, *COUNTING):
        return None
    return text if buckets.kind == "AggregateExpr" else f"sum without (le) ({text})"


def _counted(part: Part, texts: list[str]) -> str | None:
    return f"increase({texts[0]})" if is_call(part, "rate", "irate") else None


def _shares(case: _Case) -> Iterator[str]:
    """Give what may be the share of a counter in all events, as far as the source has them."""
    compared = case.compared
    selectors = selectors_of(compared)
    calls = [one for one in parts_under(compared) if is_call(one, *COUNTING)]
    if len(selectors) != 1 or len(calls) != 1 or compared.kind not in ("AggregateExpr", "Call"):
        return
    summed = "{}" if compared.kind == "AggregateExpr" else "sum({})"
    for total in _totals(selectors[0].matchers):
        if case.seen.has(total):
            events, traffic = (
                summed.format(rewritten(compared, partial(_of, selector=one)))
                for one in (selectors[0].text, total)
            )
            yield f"{events} / {traffic} {case.limit}"


def _totals(matchers: tuple[Matcher, ...]) -> Iterator[str]:
    """Give selectors of what may count all events, of which some are selected."""
    others = tuple(one for one in matchers if not _OUTCOME.search(one.name))
    if len(others) < len(matchers):
        yield selecting(others)
    metric = next((one for one in matchers if one.name == NAME and one.op == "="), None)
    if metric is None or not _FAILURE.search(metric.value):
        return
    rest = tuple(one for one in others if one is not metric)
    for word in _ALL_EVENTS:
        name = _FAILURE.sub(word, metric.value)
        yield selecting((Matcher(NAME, "=", name), *rest))


def _apart(case: _Case) -> Cause | None:
    """The threshold lies far above all values: on their own scale, one works."""
    values = np.abs(case.values(case.threshold.compared))
    highest = values.max(initial=0)
    if not 0 < highest * _APART < abs(case.threshold.value):
        return None
    factor = min(_SCALES, key=lambda one: abs(math.log(abs(case.threshold.value) / one / highest)))
    expr = changed_expr(case.rule.expr, RuleChange(threshold=case.threshold.value / factor))
    if not case.works(expr):
        return None
    return Cause(
        WRONG_UNIT,
        f"The threshold is {case.threshold.value:g} and no value above {highest:.3g}, as if it "
        f"were given in {_SCALES[factor]} of their unit; on the scale of the values one works.",
        expr,
    )


def _mean(case: _Case) -> str | None:
    """Return the mean in place of a histogram's percentile, None if the source has no sum."""
    buckets = case.compared.children[1].bare
    (selector,) = selectors_of(buckets)
    if not selector.metric.endswith("_bucket") or not has_call(buckets, *COUNTING):
        return None
    base = selector.metric.removesuffix("_bucket")
    rest = tuple(one for one in selector.matchers if one.name not in (NAME, "le"))
    sides = []
    for suffix in ("_sum", "_count"):
        text = selecting((Matcher(NAME, "=", base + suffix), *rest))
        if not case.seen.has(text):
            return None
        sides.append(rewritten(buckets, partial(_of, selector=text)))
    return None if None in sides else f"{sides[0]} / {sides[1]} {case.limit}"


def _of(part: Part, texts: list[str], *, selector: str) -> str | None:
    """Return a part of a histogram's buckets as the same of another selector, without ``le``."""
    if part.kind == "MatrixSelector":
        return f"{selector}[{format_duration(ranges_of(part)[0])}]"
    if part.kind == "AggregateExpr":
        word, labels = grouping_of(part)
        return aggregated(part.op, word, [one for one in labels if one != "le"], texts)
    return None


def _bucket_text(bounds: np.ndarray, bucket: int) -> str:
    if bucket == len(bounds):
        return f"beyond the largest finite bound, {bounds[-1]:g}"
    lower = bounds[bucket - 1] if bucket else 0.0
    return f"in one bucket, from {lower:g} to {bounds[bucket]:g}"
