"""What a service promises: so many of these events are good, over such a period."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import NamedTuple

from alertlab.promql import Matcher, parse_selector
from alertlab.slo.events import BOUND_LABEL, Events, bound_matcher, one_of, selector
from alertlab.slo.policies import CODE_LABEL, EXCLUDED, GOOD, CodePolicy
from alertlab.units import DAY_MS, NAME

AVAILABILITY, LATENCY, QUERIES = "availability", "latency", "queries"
"""What an objective is about: answers by code, answers within a time, what two queries count."""

METHOD_LABEL = "grpc_method"
HANDLED, HANDLING = "grpc_server_handled_total", "grpc_server_handling_seconds"
DEFAULT_PERIOD_MS = 28 * DAY_MS
_DEFINITION_DIGITS = 12
_SECONDS_BUCKET = "_seconds_bucket"
_NOTHING = Events()


@dataclass(frozen=True)
class Objective:
    """So many of these events are good, over such a period.

    name : letters, digits and hyphens; each once in its file
    kind : AVAILABILITY, LATENCY or QUERIES
    target_ratio : the share of ``total`` that must not be ``bad``, between 0 and 1
    period_ms : over which the budget is shared out
    method : the gRPC method; empty: all of them
    policy : the name of the code policy; empty where codes do not count
    threshold_seconds : what good events of LATENCY last at most
    bound : the bucket bound up to which events are good, where that is how they are told
    excluded : events that are in neither
    beside : the objective that this one is shown beside, under another policy; empty for the
        one that counts
    reads : the selectors that have every series of it
    """

    name: str
    kind: str
    target_ratio: float
    total: Events
    bad: Events
    period_ms: int = DEFAULT_PERIOD_MS
    method: str = ""
    policy: str = ""
    threshold_seconds: float | None = None
    bound: float | None = None
    description: str = ""
    excluded: Events = _NOTHING
    beside: str = ""
    reads: tuple[str, ...] = ()

    @property
    def budget_ratio(self) -> float:
        """The share of events that may be bad."""
        return 1 - self.target_ratio

    @property
    def is_raw(self) -> bool:
        """Whether the counters' own increments tell its events."""
        return self.total.is_raw and self.bad.is_raw

    @property
    def definition(self) -> str:
        """A short digest of what is counted against what target; rows of others do not mix."""
        parts = [
            [list(one.added), list(one.subtracted), one.query, one.per_second]
            for one in (self.total, self.bad, self.excluded)
        ]
        said = json.dumps([self.target_ratio, *parts])
        return hashlib.sha256(said.encode()).hexdigest()[:_DEFINITION_DIGITS]

    def error_ratio_expr(self, window: str) -> str:
        """Return PromQL of one series without labels: bad events per event over ``window``."""
        return " / ".join(
            one.rate_expr(window) if len(one.terms) == 1 else f"({one.rate_expr(window)})"
            for one in (self.bad, self.total)
        )


class Scope(NamedTuple):
    """Which series objectives look at: metrics, further matchers, one method or all."""

    matchers: tuple[Matcher, ...] = ()
    method: str = ""
    handled: str = HANDLED
    handling: str = HANDLING

    def selector(self, metric: str, *more: Matcher) -> str:
        """Write the selector of one metric's series."""
        on_method = [Matcher(METHOD_LABEL, "=", self.method)] if self.method else []
        return selector([Matcher(NAME, "=", metric), *self.matchers, *on_method, *more])


class Answers(NamedTuple):
    """What an objective counts; the fields are those of an Objective."""

    total: Events
    bad: Events
    excluded: Events = _NOTHING
    reads: tuple[str, ...] = ()
    bound: float | None = None
    threshold_seconds: float | None = None

    @property
    def kind(self) -> str:
        """The kind of an objective that two queries make."""
        return QUERIES if self.threshold_seconds is None else LATENCY


def answers_by_code(scope: Scope, policy: CodePolicy) -> Answers:
    """Return the events of an availability objective.

    What is no gRPC code at all is bad: it is told by not being good.
    """
    good, excluded = policy.spellings(GOOD), policy.spellings(EXCLUDED)
    counts = [one_of(CODE_LABEL, excluded, negated=True)] if excluded else []
    return Answers(
        Events((scope.selector(scope.handled, *counts),)),
        Events(
            (scope.selector(scope.handled, one_of(CODE_LABEL, [*good, *excluded], negated=True)),)
        ),
        Events((scope.selector(scope.handled, one_of(CODE_LABEL, excluded)),) if excluded else ()),
        (scope.selector(scope.handled),),
    )


def answers_in_time(scope: Scope, threshold_seconds: float) -> Answers:
    """Return the events of a latency objective: all observations, and those above the bound."""
    count = scope.selector(f"{scope.handling}_count")
    bucket = scope.selector(f"{scope.handling}_bucket", bound_matcher(threshold_seconds))
    return _by_bucket(count, bucket, threshold_seconds, threshold_seconds)


def answers_of_queries(total: Events, bad: Events) -> Answers:
    """Return the events that two queries count; a comparison with one bucket is recognised."""
    bound = _bound(total, bad)
    if bound is None:
        reads = [text for one in (total, bad) for _, text in one.terms]
        return Answers(total, bad, reads=tuple(dict.fromkeys(reads)))
    matchers = parse_selector(bad.subtracted[0])
    by_bound = [bound_matcher(bound) if one.name == BOUND_LABEL else one for one in matchers]
    in_seconds = _name_and_labels(bad.subtracted[0])[0].endswith(_SECONDS_BUCKET)
    return _by_bucket(total.added[0], selector(by_bound), bound, bound if in_seconds else None)


def _by_bucket(count: str, bucket: str, bound: float, threshold_seconds: float | None) -> Answers:
    return Answers(
        Events((count,)),
        Events((count,), (bucket,)),
        reads=(count, bucket),
        bound=bound,
        threshold_seconds=threshold_seconds,
    )


def _bound(total: Events, bad: Events) -> float | None:
    """Return the bound of the one bucket that is good, of a histogram whose count is the total."""
    if len(total.added) != 1 or total.subtracted or bad.added != total.added:
        return None
    if len(bad.subtracted) != 1:
        return None
    (all_name, of_all), (bucket_name, of_bucket) = (
        _name_and_labels(one) for one in (total.added[0], bad.subtracted[0])
    )
    bound = of_bucket.pop(BOUND_LABEL, None)
    base = bucket_name.removesuffix("_bucket")
    is_all = all_name == f"{base}_count" or (
        all_name == bucket_name and of_all.pop(BOUND_LABEL, None) == ("=", "+Inf")
    )
    if not is_all or base == bucket_name or of_all != of_bucket:
        return None
    if bound is None or bound[0] != "=":
        return None
    try:
        return float(bound[1])
    except ValueError:
        return None


def _name_and_labels(text: str) -> tuple[str, dict[str, tuple[str, str]]]:
    labels = {one.name: (one.op, one.value) for one in parse_selector(text)}
    return labels.pop(NAME, ("", ""))[1], labels
