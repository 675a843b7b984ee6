"""An Alertmanager configuration: routes, receivers, inhibition; the rest is refused by name.

Follows config/config.go and dispatch/route.go (newRoute, Route.Match) of Alertmanager.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alertlab.errors import BadInput, require_file
from alertlab.promql import Matcher, matches_all
from alertlab.rules import read_yaml
from alertlab.units import HOUR_MS, MINUTE_MS, SECOND_MS, LabelSet, parse_duration

PAGING_INTEGRATIONS = ("pagerduty", "opsgenie", "slack")
_SILENT_ON_RESOLVE = ("email", "slack", "wechat", "rocketchat")  # send_resolved defaults to false
# dispatch/route.go, DefaultRouteOpts
_ROOT_DEFAULTS: dict[str, Any] = {
    "group_wait": 30 * SECOND_MS,
    "group_interval": 5 * MINUTE_MS,
    "repeat_interval": 4 * HOUR_MS,
    "group_by": frozenset[str](),
    "receiver": None,
}
# config/config.go and config/notifiers.go; what Alertmanager does not know it refuses to load.
_TOP_KEYS = {
    "global", "route", "receivers", "inhibit_rules", "templates", "mute_time_intervals",
    "time_intervals", "tracing", "event_recorder",
}  # fmt: skip
_ROUTE_KEYS = {
    "receiver", "group_by", "matchers", "match", "match_re", "continue", "routes", "group_wait",
    "group_interval", "repeat_interval", "mute_time_intervals", "active_time_intervals", "labels",
}  # fmt: skip
_INHIBIT_KEYS = {
    "name", "source_match", "source_match_re", "source_matchers", "target_match",
    "target_match_re", "target_matchers", "equal", "sources",
}  # fmt: skip
_MATCHER = re.compile(
    r'\s*"?(?P<name>[^\s"=!~{},]+)"?\s*(?P<op>=~|!~|!=|=)\s*'
    r'(?:"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<bare>[^,}"]*?))\s*(?:,|$)'
)
# pkg/labels/parse.go: a backslash before anything else stays, as in "host-\d+".
_ESCAPE = re.compile(r'\\([n"\\])')


@dataclass(frozen=True)
class Integration:
    """One way a receiver is told: ``kind`` such as ``slack``, ``index`` among its kind."""

    kind: str
    index: int
    send_resolved: bool


@dataclass(frozen=True)
class Route:
    """A node of the route tree with what it inherits filled in; durations in ms.

    ``group_by`` is None for ``['...']``, all labels.  ``key`` is the path's matchers.
    """

    key: str
    receiver: str
    matchers: tuple[Matcher, ...]
    continues: bool
    group_by: frozenset[str] | None
    group_wait_ms: int
    group_interval_ms: int
    repeat_interval_ms: int
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


@dataclass(frozen=True)
class InhibitRule:
    """Alerts that match ``targets`` are muted while one that matches ``sources`` fires."""

    sources: tuple[Matcher, ...]
    targets: tuple[Matcher, ...]
    equal: tuple[str, ...]


@dataclass(frozen=True)
class AlertmanagerConfig:
    """What decides who is told and when."""

    route: Route
    receivers: dict[str, tuple[Integration, ...]]
    inhibit_rules: tuple[InhibitRule, ...]

    def paging_receivers(self) -> list[str]:
        """Return the receivers that wake someone: those with a paging integration."""
        return [
            name
            for name, integrations in self.receivers.items()
            if any(one.kind in PAGING_INTEGRATIONS for one in integrations)
        ]


def single_receiver() -> AlertmanagerConfig:
    """Return a configuration that pages one receiver per alert name, for when none is given."""
    node = {"receiver": "pages", "group_by": ["alertname"]}
    route = _route(node, _ROOT_DEFAULTS, "", "route")
    return AlertmanagerConfig(route, {"pages": (Integration("pagerduty", 0, True),)}, ())


def load_alertmanager(path: str | Path) -> AlertmanagerConfig:
    """Read an Alertmanager configuration; BadInput names what is wrong or not simulated."""
    file = require_file(path, "the Alertmanager configuration")
    document = read_yaml(file)
    if not isinstance(document, dict) or not isinstance(document.get("route"), dict):
        raise BadInput(f"{file}: an Alertmanager configuration needs a route")
    _only(document, _TOP_KEYS, f"{file}")
    receivers: dict[str, tuple[Integration, ...]] = {}
    for one in _mappings(document, "receivers", f"{file}"):
        name = str(one.get("name"))
        if name in receivers:
            raise BadInput(f"{file}: the receiver {name!r} stands twice; rename one")
        receivers[name] = tuple(_integrations(one, f"{file}: receiver {name}"))
    if any(document["route"].get(key) for key in ("matchers", "match", "match_re")):
        raise BadInput(f"{file}: route: the root route takes every alert; move its matchers below")
    route = _route(document["route"], _ROOT_DEFAULTS, "", f"{file}: route")
    for name in _receivers_of(route):
        if name not in receivers:
            raise BadInput(f"{file}: the route names the receiver {name!r}, which is not defined")
    inhibit = tuple(
        InhibitRule(
            _matchers(one, "source_", f"{file}: inhibit_rules"),
            _matchers(one, "target_", f"{file}: inhibit_rules"),
            _equal(one, f"{file}: inhibit_rules"),
        )
        for one in _mappings(document, "inhibit_rules", f"{file}")
    )
    return AlertmanagerConfig(route, receivers, inhibit)


def _only(node: dict[str, Any], known: set[str], where: str) -> None:
    for key in node:
        if key not in known:
            raise BadInput(f"{where}: unknown key {key!r}; known: {', '.join(sorted(known))}")


def _equal(node: dict[str, Any], where: str) -> tuple[str, ...]:
    _only(node, _INHIBIT_KEYS, where)
    if node.get("sources"):
        raise BadInput(f"{where}: sources is not simulated here; write source_matchers")
    names = node.get("equal") or []
    if not isinstance(names, list):
        raise BadInput(f"{where}: equal is not a list of label names")
    return tuple(map(str, names))


def _route(node: dict[str, Any], inherited: dict[str, Any], path: str, where: str) -> Route:
    _only(node, _ROUTE_KEYS, where)
    for key in ("mute_time_intervals", "active_time_intervals"):
        if node.get(key):
            raise BadInput(f"{where}: {key} is not simulated here; remove it to replay the rest")
    own = dict(inherited)
    for key in ("group_wait", "group_interval", "repeat_interval"):
        if key in node:
            try:
                own[key] = parse_duration(str(node[key]))
            except BadInput as error:
                raise BadInput(f"{where}: {key}: {error}") from None
            if own[key] == 0 and key != "group_wait":
                raise BadInput(f"{where}: {key} is 0; give it a length such as 5m")
    if (names := node.get("group_by")) is not None:  # an empty list counts since Alertmanager 0.31
        if not isinstance(names, list):
            raise BadInput(f"{where}: group_by is not a list of label names")
        if "..." in names and len(names) > 1:
            raise BadInput(f"{where}: group_by has '...', which means all labels, beside others")
        own["group_by"] = None if names == ["..."] else frozenset(map(str, names))
    own["receiver"] = node.get("receiver", own["receiver"])
    if own["receiver"] is None:
        raise BadInput(f"{where}: the root route needs a receiver")
    matchers = _matchers(node, "", where)
    key = f"{path}/{{{','.join(f'{m.name}{m.op}{m.value!r}' for m in matchers)}}}"
    return Route(
        key=key,
        receiver=str(own["receiver"]),
        matchers=matchers,
        continues=_is_true(node.get("continue")),
        group_by=own["group_by"],
        group_wait_ms=own["group_wait"],
        group_interval_ms=own["group_interval"],
        repeat_interval_ms=own["repeat_interval"],
        children=tuple(
            _route(child, own, f"{key}/{i}", f"{where}.routes[{i}]")
            for i, child in enumerate(_mappings(node, "routes", where))
        ),
    )


def _matchers(node: dict[str, Any], prefix: str, where: str) -> tuple[Matcher, ...]:
    """Read the old (match, match_re) and the new (matchers) way of writing matchers."""
    found = []
    for key, op in ((f"{prefix}match", "="), (f"{prefix}match_re", "=~")):
        pairs = node.get(key) or {}
        if not isinstance(pairs, dict):
            raise BadInput(f"{where}: {key} is not a mapping of label names to values")
        found += [Matcher(str(name), op, str(value)) for name, value in pairs.items()]
    for text in node.get(f"{prefix}matchers") or []:
        found += _parse_matchers(str(text), where)
    for one in found:
        try:
            one.matches("")
        except BadInput as error:
            raise type(error)(f"{where}: {one.name}: {error}") from None
    return tuple(one.with_old_dot() for one in found)


def _parse_matchers(text: str, where: str) -> list[Matcher]:
    """Read one entry of ``matchers``: ``a = "b"``, or a list ``{a="b", c=~"d"}``."""
    inner = text.strip().removeprefix("{").removesuffix("}").strip()
    found, at = [], 0
    while at < len(inner):
        match = _MATCHER.match(inner, at)
        if match is None:
            raise BadInput(f'{where}: {text!r} is not a matcher; write it like severity = "page"')
        quoted = match["quoted"]
        value = match["bare"] if quoted is None else _ESCAPE.sub(_unescape, quoted)
        found.append(Matcher(match["name"], match["op"], value))
        at = match.end()
    return found


def _unescape(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


def _integrations(receiver: dict[str, Any], where: str) -> list[Integration]:
    return [
        Integration(kind, i, _is_true(one.get("send_resolved", kind not in _SILENT_ON_RESOLVE)))
        for key in receiver
        if key.endswith("_configs")
        for kind in [key.removesuffix("_configs")]
        for i, one in enumerate(_mappings(receiver, key, where))
    ]


def _mappings(node: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """Return a list of mappings of a configuration, empty if it is not there."""
    entries = node.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise BadInput(f"{where}: {key} is not written as Alertmanager expects; check its indent")
    return entries


def _is_true(value: Any) -> bool:
    return str(value).lower() in ("true", "yes", "on")


def _receivers_of(route: Route) -> set[str]:
    return {route.receiver}.union(*(_receivers_of(child) for child in route.children))
