"""An Alertmanager configuration, loaded or refused as Alertmanager 0.34.2 does.

Follows config/config.go (Config.UnmarshalYAML).  The release that is simulated only changes what
an empty ``group_by`` means; keys and matchers are read as the current release reads them.  Files
that the configuration names (secrets, templates) are never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alertlab.errors import require_file
from alertlab.notify.config.decoding import (
    Place,
    Reader,
    Struct,
    Values,
    all_keys,
    deferred,
    list_of,
    optional,
    read_document,
    text,
)
from alertlab.notify.config.matchers import (
    all_matchers,
    anchored,
    match_map,
    match_re_map,
    matchers_list,
)
from alertlab.notify.config.receivers import SETTINGS, Integration, integrations_of, receiver_reader
from alertlab.notify.config.routes import Route, build_route, label_name, route_reader
from alertlab.notify.config.server_settings import EVENT_RECORDER, TRACING
from alertlab.notify.config.time_intervals import NAMED, TimeInterval, time_interval
from alertlab.notify.profiles import CURRENT, Profile, profile_of
from alertlab.promql import Matcher
from alertlab.units import MINUTE_MS

PAGING_INTEGRATIONS = ("pagerduty", "opsgenie", "slack")


@dataclass(frozen=True)
class InhibitRule:
    """Alerts that match ``targets`` are muted while one that matches ``sources`` fires."""

    sources: tuple[Matcher, ...]
    targets: tuple[Matcher, ...]
    equal: tuple[str, ...]


@dataclass(frozen=True)
class AlertmanagerConfig:
    """What decides who is told and when.

    resolve_timeout_ms : after which an alert resolves that came without an end
    profile : the release that is simulated
    """

    route: Route
    receivers: dict[str, tuple[Integration, ...]]
    inhibit_rules: tuple[InhibitRule, ...]
    time_intervals: Mapping[str, TimeInterval] = field(default_factory=dict)
    resolve_timeout_ms: int = 5 * MINUTE_MS
    profile: Profile = field(default_factory=lambda: profile_of(CURRENT))

    def paging_receivers(self) -> list[str]:
        """Return the receivers that wake someone: those with a paging integration."""
        return [
            name
            for name, integrations in self.receivers.items()
            if any(one.kind in PAGING_INTEGRATIONS for one in integrations)
        ]


def single_receiver() -> AlertmanagerConfig:
    """Return a configuration that pages one receiver per alert name, for when none is given."""
    values = route_reader((), ()).zero(Place(Path()))
    values |= {"receiver": "pages", "group_by": ["alertname"]}
    route = build_route(values, profile_of(CURRENT))
    return AlertmanagerConfig(route, {"pages": (Integration("pagerduty", 0, True),)}, ())


def load_alertmanager(path: str | Path, *, version: str = CURRENT) -> AlertmanagerConfig:
    """Read an Alertmanager configuration, to be simulated as by the release ``version``.

    BadInput names the place of what Alertmanager would refuse, and what to do.
    """
    profile = profile_of(version)
    place = Place(require_file(path, "the Alertmanager configuration"))
    names: set[str] = set()
    values = _parts(names)(read_document(place.file), place)
    settings = values["global"] or SETTINGS({}, place)
    receivers = list_of(_unique(receiver_reader(settings), set()))(*values["receivers"])
    route = _root(*values["route"], {one["name"] for one in receivers}, names)
    return AlertmanagerConfig(
        route=build_route(route, profile),
        receivers={one["name"]: integrations_of(one) for one in receivers},
        inhibit_rules=tuple(map(_inhibit_rule, values["inhibit_rules"])),
        time_intervals={
            one["name"]: time_interval(one)
            for one in values["mute_time_intervals"] + values["time_intervals"]
        },
        resolve_timeout_ms=settings["resolve_timeout"],
        profile=profile,
    )


def _parts(names: set[str]) -> Struct:
    """Return the reader of a document; receivers and routes wait until the rest is known.

    ``names`` takes up the names of the time intervals.
    """
    return Struct(
        {
            "global": optional(SETTINGS),
            "route": deferred,
            "receivers": deferred,
            "inhibit_rules": list_of(_INHIBIT_RULE),
            "templates": list_of(text),
            "mute_time_intervals": list_of(_unique(NAMED, names)),
            "time_intervals": list_of(_unique(NAMED, names)),
            "tracing": TRACING,
            "event_recorder": EVENT_RECORDER,
        }
    )


def _unique(reader: Reader, names: set[str]) -> Reader:
    """Return the reader of something whose name must not be among ``names`` yet."""

    def read(node: Any, place: Place) -> Values:
        values = reader(node, place)
        if values["name"] in names:
            raise place.refusal(f"the name {values['name']!r} stands twice; rename one")
        names.add(values["name"])
        return values

    return read


def _root(node: Any, place: Place, receivers: set[str], intervals: set[str]) -> Values:
    """Read the root route, which takes every alert."""
    if node is None:
        raise place.refusal("an Alertmanager configuration needs a route; add route:")
    values = route_reader(receivers, intervals)(node, place)
    if not values["receiver"]:
        raise place.refusal("the root route needs a receiver; name one")
    for key in ("match", "match_re", "matchers", "mute_time_intervals", "active_time_intervals"):
        if values[key]:
            raise place.refusal(f"the root route takes every alert; move its {key} below")
    if values["continue"]:
        raise place.refusal("the root route has no sibling to continue with; remove continue")
    return values


def _inhibit_rule(values: Values) -> InhibitRule:
    sources, targets = (
        tuple(map(anchored, all_matchers(values, side))) for side in ("source_", "target_")
    )
    return InhibitRule(sources, targets, tuple(values["equal"]))


_INHIBIT_RULE = Struct(
    {"name": text, "equal": list_of(label_name)}
    | all_keys(match_map, "source_match target_match")
    | all_keys(match_re_map, "source_match_re target_match_re")
    | all_keys(matchers_list, "source_matchers target_matchers")
)
