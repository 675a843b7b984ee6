"""When an alert is muted because another one fires (inhibit/inhibit.go of Alertmanager)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from alertlab.notify.config import InhibitRule
from alertlab.notify.sending import Post
from alertlab.notify.spans import Spans
from alertlab.notify.upkeep import Upkeep
from alertlab.promql import matches_all
from alertlab.units import LabelSet

Span = tuple[float, float]
Received = Mapping[LabelSet, Sequence[Post]]


class Inhibition:
    """The inhibition rules with the alerts that were received, from which sources are taken.

    one_source : of the sources with equal labels Alertmanager looks only at the one it has indexed
    """

    def __init__(
        self, rules: Sequence[InhibitRule], received: Received, upkeep: Upkeep, *, one_source: bool
    ) -> None:
        self._rules = [_Rule(rule, received, upkeep, one_source) for rule in rules]

    def spans(self, labels: LabelSet) -> list[Spans]:
        """Return when each of the rules mutes an alert with these labels."""
        return [rule.spans(labels) for rule in self._rules if matches_all(rule.of.targets, labels)]


@dataclass
class _Rule:
    of: InhibitRule
    received: Received
    upkeep: Upkeep
    one_source: bool
    sources: dict[tuple[str, ...], list[LabelSet]] = field(init=False)
    known: dict[tuple, Spans] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.sources = {}
        for labels in self.received:
            if matches_all(self.of.sources, labels):
                self.sources.setdefault(self._equal(labels), []).append(labels)

    def _equal(self, labels: LabelSet) -> tuple[str, ...]:
        found = dict(labels)
        return tuple(found.get(name, "") for name in self.of.equal)

    def spans(self, target: LabelSet) -> Spans:
        # An alert on both sides is not inhibited by others that are on both sides.
        one_sided = matches_all(self.of.sources, target)
        key = (self._equal(target), one_sided)
        if key not in self.known:
            self.known[key] = Spans(self._firing(*key))
        return self.known[key]

    def _firing(self, equal: tuple[str, ...], one_sided: bool) -> Iterator[Span]:
        """Yield when a source fires that counts."""
        sources = {labels: self.received[labels] for labels in self.sources.get(equal, ())}
        single = self.one_source and len(sources) > 1
        firing = _indexed(sources, self.upkeep) if single else _each(sources)
        for labels, span in firing:
            if not (one_sided and matches_all(self.of.targets, labels)):
                yield span


def _each(sources: Received) -> Iterator[tuple[LabelSet, Span]]:
    """Yield when each source is known and not resolved: from a send to its end or the next send."""
    for labels, posts in sources.items():
        starts = [post.sends[0] for post in posts]
        for post, (start, following) in zip(posts, pairwise([*starts, math.inf]), strict=True):
            yield labels, (start, min(post.end, following))


def _indexed(sources: Received, upkeep: Upkeep) -> Iterator[tuple[LabelSet, Span]]:
    """Yield when which source is the indexed one and not resolved (0.30: updateIndex, gcCallback).

    Another one takes its place when it is sent with an end that is not earlier.  Removing any
    resolved source leaves no source indexed, although others may fire.
    """
    sends = sorted(
        (one for posts in sources.values() for post in posts for one in post.singles()),
        key=lambda one: one.sends[0],
    )
    starts = [one.sends[0] for one in sends]
    ends: dict[LabelSet, float] = {}
    removals: dict[LabelSet, float] = {}
    indexed: LabelSet | None = None
    for one, (at, following) in zip(sends, pairwise([*starts, math.inf]), strict=True):
        if indexed is None or ends[indexed] <= one.end:
            indexed = one.labels
        ends[one.labels] = one.end
        removals[one.labels] = upkeep.sources_from(max(one.end, at + 1))
        removal = min(removals.values())
        yield indexed, (at, min(ends[indexed], removal, following))
        if removal <= following:
            indexed = None
            removals = {labels: at for labels, at in removals.items() if at > following}
