"""The tree of routes (dispatch/route.go and config/config.go of Alertmanager)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from alertlab.notify.config.decoding import (
    Place,
    Struct,
    Values,
    boolean,
    duration,
    list_of,
    map_of,
    optional,
    text,
)
from alertlab.notify.config.matchers import (
    all_matchers,
    anchored,
    format_matchers,
    match_map,
    match_re_map,
    matchers_list,
)
from alertlab.notify.profiles import Profile
from alertlab.promql import Matcher, matches_all
from alertlab.units import HOUR_MS, MINUTE_MS, SECOND_MS, LabelSet

_ALL_LABELS = "..."


@dataclass(frozen=True)
class Route:
    """A node of the route tree with what it inherits filled in; durations in ms.

    ``group_by`` is None for ``['...']``, all labels.  ``id`` is unique in the tree.  ``key`` is the
    path's matchers, which siblings may share: the notification log knows a route by it.
    """

    id: str
    key: str
    receiver: str
    matchers: tuple[Matcher, ...]
    continues: bool
    group_by: frozenset[str] | None
    group_wait_ms: int
    group_interval_ms: int
    repeat_interval_ms: int
    mute_intervals: tuple[str, ...]
    active_intervals: tuple[str, ...]
    children: tuple[Route, ...]

    def match(self, labels: LabelSet) -> list[Route]:
        """Return the routes that an alert takes, depth first (dispatch/route.go, Match)."""
        if not matches_all(self.matchers, labels):
            return []
        found: list[Route] = []
        for child in self.children:
            below = child.match(labels)
            found += below
            if below and not child.continues:
                break
        return found or [self]

    def group_labels(self, labels: LabelSet) -> LabelSet:
        """Return the labels by which this route groups an alert."""
        if self.group_by is None:
            return labels
        return tuple(pair for pair in labels if pair[0] in self.group_by)

    def walk(self) -> Iterator[Route]:
        """Yield this route and all below it, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()


class Inherited(NamedTuple):
    """What a route takes from the one above it (dispatch/route.go, DefaultRouteOpts)."""

    receiver: str = ""
    group_by: frozenset[str] | None = frozenset()
    group_wait: int = 30 * SECOND_MS
    group_interval: int = 5 * MINUTE_MS
    repeat_interval: int = 4 * HOUR_MS


def build_route(
    values: Values, profile: Profile, above: Inherited | None = None, key: str = "", place: str = ""
) -> Route:
    """Return a route and all below it; ``key`` and ``place`` lead to it from the root.

    Muting and active intervals are not inherited.
    """
    written = {name: values[name] for name in Inherited._fields if values[name] not in (None, "")}
    if values["group_by"] or (values["group_by"] is not None and profile.overrides_group_by):
        everything = _ALL_LABELS in values["group_by"]
        written["group_by"] = None if everything else frozenset(values["group_by"])
    else:
        written.pop("group_by", None)
    own = (above or Inherited())._replace(**written)
    matchers = all_matchers(values)
    key = f"{key}{'/' * (above is not None)}{format_matchers(matchers)}"
    return Route(
        id=f"{place}{key}",
        key=key,
        receiver=own.receiver,
        matchers=tuple(map(anchored, matchers)),
        continues=values["continue"],
        group_by=own.group_by,
        group_wait_ms=own.group_wait,
        group_interval_ms=own.group_interval,
        repeat_interval_ms=own.repeat_interval,
        mute_intervals=tuple(values["mute_time_intervals"]),
        active_intervals=tuple(values["active_time_intervals"]),
        children=tuple(
            build_route(child, profile, own, key, f"{place}{i}/")
            for i, child in enumerate(values["routes"])
        ),
    )


def label_name(node: Any, place: Place) -> str:
    """Read a label's name, which may be any text but the empty one."""
    if not (name := text(node, place)):
        raise place.refusal("a label's name is empty; write one or remove the entry")
    return name


def route_reader(receivers: Collection[str], intervals: Collection[str]) -> Struct:
    """Return the reader of a route that may name these receivers and time intervals."""

    def child(node: Any, place: Place) -> Values:
        if node is None:
            raise place.refusal("this route is empty; write its settings or remove it")
        return reader(node, place)

    def check(values: Values, place: Place) -> None:
        _check_own(values, place)
        if values["receiver"] and values["receiver"] not in receivers:
            raise place.refusal(f"the receiver {values['receiver']!r} is not defined; add it")
        for name in values["mute_time_intervals"] + values["active_time_intervals"]:
            if name not in intervals:
                raise place.refusal(f"the time interval {name!r} is not defined; add it")

    reader = Struct(
        {
            "receiver": text,
            "group_by": optional(list_of(label_name)),
            "matchers": matchers_list,
            "match": match_map,
            "match_re": match_re_map,
            "mute_time_intervals": list_of(text),
            "active_time_intervals": list_of(text),
            "continue": boolean,
            "routes": list_of(child),
            "group_wait": optional(duration),
            "group_interval": optional(duration),
            "repeat_interval": optional(duration),
            "labels": map_of(text),
        },
        check=check,
    )
    return reader


def _check_own(values: Values, place: Place) -> None:
    for key in ("group_interval", "repeat_interval"):
        if values[key] == 0:
            raise place.refusal(f"{key} is 0; give it a length such as 5m")
    names = values["group_by"] or []
    if _ALL_LABELS in names and set(names) != {_ALL_LABELS}:
        raise place.refusal("group_by has '...', which means all labels, beside others")
    if _ALL_LABELS not in names and len(set(names)) < len(names):
        raise place.refusal("group_by has a label twice; remove one")
    if "" in values["labels"]:
        raise place.refusal("labels has an empty name; remove it")
