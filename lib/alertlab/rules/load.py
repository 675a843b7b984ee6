"""Rule files as Prometheus loads them; every refusal names file, line, rule and key.

Follows model/rulefmt/rulefmt.go (Parse, RuleGroups.Validate) of Prometheus.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import ScalarString

from alertlab.errors import BadInput, known_name
from alertlab.promql import parse
from alertlab.rules.documents import GroupsNode, entries, find_groups, line_of, only_keys
from alertlab.rules.model import AlertRule, RecordingRule, RuleGroup
from alertlab.templates import check_template
from alertlab.units import MINUTE_MS, parse_duration

_GROUP_KEYS = frozenset({"name", "interval", "limit", "query_offset", "labels", "rules"})
_RULE_KEYS = frozenset(
    {"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"}
)
_WHOLE = re.compile(r"[-+]?(?:0|[1-9]\d*)")  # YAML has more ways, in which 010 is eight
_NAMES = ("alert", "record")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PATHS = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclass(frozen=True)
class _Defaults:
    """What Prometheus' ``global`` section says for groups that say nothing themselves."""

    interval_ms: int
    query_offset_ms: int


def load_rules(
    paths: _PATHS, *, evaluation_interval_ms: int = MINUTE_MS, query_offset_ms: int = 0
) -> list[AlertRule]:
    """Read the alerting rules of one or several rule files, in file order, for a replay.

    The files are Prometheus' own or hold PrometheusRule objects; ``evaluation_interval_ms`` and
    ``query_offset_ms`` as for ``load_groups``.  Raises BadInput for a file Prometheus would
    refuse and for what is not replayed.
    """
    return alert_rules(
        load_groups(
            paths, evaluation_interval_ms=evaluation_interval_ms, query_offset_ms=query_offset_ms
        )
    )


def load_groups(
    paths: _PATHS, *, evaluation_interval_ms: int = MINUTE_MS, query_offset_ms: int = 0
) -> list[RuleGroup]:
    """Read the groups of one or several rule files with all their rules, in file order.

    ``evaluation_interval_ms`` and ``query_offset_ms`` are Prometheus' ``evaluation_interval`` and
    ``rule_query_offset`` in ``global``, used by groups that state none of their own.
    Raises BadInput for a file Prometheus would refuse.
    """
    if evaluation_interval_ms <= 0:
        raise BadInput("an evaluation interval of 0 never evaluates; give one such as 1m")
    defaults = _Defaults(evaluation_interval_ms, query_offset_ms)
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    return [group for file in files for group in _load_file(Path(file), defaults)]


def alert_rules(groups: Iterable[RuleGroup]) -> list[AlertRule]:
    """Return the alerting rules of groups for a replay, each with all that the groups record.

    BadInput for a label name that is not of letters, digits and underscores.
    """
    named = [
        replace(rule, group_alerts=tuple(one.name for one in _alerts(group.rules)))
        for group in groups
        for rule in group.rules
    ]
    recorded = tuple(rule for rule in named if isinstance(rule, RecordingRule))
    found = [replace(rule, recorded=recorded) for rule in _alerts(named)]
    for rule in found:
        for label, _ in rule.labels:
            if not _LABEL_NAME.fullmatch(label):
                raise BadInput(f"{rule.where}: labels: {label!r} is not a label name")
    return found


def _alerts(rules: Iterable[AlertRule | RecordingRule]) -> list[AlertRule]:
    return [rule for rule in rules if isinstance(rule, AlertRule)]


def find_rule(rules: Iterable[AlertRule], name: str) -> AlertRule:
    """Return the rule called ``name``; BadInput lists the names there are, or the doubles."""
    rules = list(rules)
    known_name(name, {rule.name for rule in rules}, "rule")
    found = [rule for rule in rules if rule.name == name]
    if len(found) > 1:
        places = ", ".join(rule.where.removesuffix(f": rule {name}") for rule in found)
        raise BadInput(f"the rule name {name!r} stands in several places ({places}); rename one")
    return found[0]


def checked_expr(expr: str, where: str) -> str:
    """Return an expression without the blanks around it; BadInput if it cannot be evaluated."""
    if not expr.strip():
        raise BadInput(f"{where}: expr is missing")
    try:
        parse(expr)
    except BadInput as error:
        raise type(error)(f"{where}: expr: {error}") from None
    return expr.strip()


def _load_file(path: Path, defaults: _Defaults) -> list[RuleGroup]:
    found: list[RuleGroup] = []
    for holder in find_groups(path):
        names: set[str] = set()
        for node in entries(holder.node, "groups", f"{path}"):
            group = _load_group(node, holder, path, defaults)
            if group.name in names:
                raise BadInput(
                    f"{group.where}: the group's name stands twice in this file; rename one"
                )
            names.add(group.name)
            found.append(group)
    return found


def _load_group(node: Any, holder: GroupsNode, path: Path, defaults: _Defaults) -> RuleGroup:
    if not isinstance(node, CommentedMap) or not node.get("name"):
        raise BadInput(f"{path}: a group has no name; add name: …")
    group = RuleGroup(_text(node, "name", f"{path}:{line_of(node)}"), path, line_of(node))
    where = group.where
    only_keys(node, _GROUP_KEYS | holder.ignored, where)
    stated_ms, offset_ms = _duration(node, "interval", where), defaults.query_offset_ms
    if node.get("query_offset") is not None:  # 0s overrides the default, too
        offset_ms = _duration(node, "query_offset", where)
    group = replace(
        group,
        interval_ms=stated_ms or defaults.interval_ms,
        query_offset_ms=offset_ms,
        limit=_limit(node, where),
    )
    group_labels = _texts(node, "labels", where)
    return group.with_rules(
        _load_rule(rule, group, group_labels, states_interval=stated_ms > 0)
        for rule in entries(node, "rules", where)
    )


def _load_rule(
    node: Any, group: RuleGroup, group_labels: Mapping[str, str], *, states_interval: bool
) -> AlertRule | RecordingRule:
    if not isinstance(node, CommentedMap):
        raise BadInput(f"{group.where}: a rule is no mapping of keys to values")
    alert, record = (_text(node, key, f"{group.file}:{line_of(node)}") for key in _NAMES)
    if bool(alert) == bool(record):
        raise BadInput(f"{group.where}: each rule needs either alert: or record:")
    name = alert or record
    where = f"{group.file}:{line_of(node)}: rule {name}"
    only_keys(node, _RULE_KEYS, where)
    expr = checked_expr(_text(node, "expr", where), where)
    own_labels = _texts(node, "labels", where)
    labels = {**group_labels, **own_labels}
    for label in labels:
        if label in ("", "__name__"):
            raise BadInput(f"{where}: labels: {label!r} is not a label name")
    sorted_labels = tuple(sorted(labels.items()))
    annotations = _texts(node, "annotations", where)
    durations = [_duration(node, key, where) for key in ("for", "keep_firing_for")]
    if record:
        _check_recording(node, name, where)
        return RecordingRule(name, expr, group.file, line_of(node), sorted_labels)
    if "" in annotations:
        raise BadInput(f"{where}: annotations: '' is not a name")
    _check_templates("labels", own_labels, name, where)
    _check_templates("annotations", annotations, name, where)
    return AlertRule(
        name=name,
        expr=expr,
        group=group.name,
        file=group.file,
        line=line_of(node),
        interval_ms=group.interval_ms,
        hold_duration_ms=durations[0],
        keep_firing_for_ms=durations[1],
        labels=sorted_labels,
        annotations=annotations,
        states_interval=states_interval,
    )


def _check_recording(node: CommentedMap, name: str, where: str) -> None:
    for key in ("annotations", "for", "keep_firing_for"):
        if node.get(key) and (key == "annotations" or _duration(node, key, where)):
            raise BadInput(f"{where}: a recording rule takes no {key}")
    if "{" in name or "}" in name:
        raise BadInput(f"{where}: a recording rule's name is no expression; move it to expr")


def _check_templates(key: str, texts: Mapping[str, str], alert: str, where: str) -> None:
    for name, text in texts.items():
        try:
            check_template(text, alert)
        except BadInput as error:
            raise type(error)(f"{where}: {key}: {name}: {error}") from None


def _text(node: CommentedMap, key: str, where: str) -> str:
    value = node.get(key)
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{where}: {key} is not a text")
    return "" if value is None else str(value)


def _duration(node: CommentedMap, key: str, where: str) -> int:
    if node.get(key) is None:
        return 0
    try:
        return parse_duration(_text(node, key, where))
    except BadInput as error:
        raise BadInput(f"{where}: {key}: {error}") from None


def _limit(node: CommentedMap, where: str) -> int:
    text = _text(node, "limit", where)
    if node.get("limit") is None:
        return 0
    if isinstance(node["limit"], ScalarString) or not _WHOLE.fullmatch(text):
        raise BadInput(f"{where}: limit: {text!r} is not a whole number")
    return int(text)


def _texts(node: CommentedMap, key: str, where: str) -> dict[str, str]:
    mapping = node.get(key)
    if mapping is None:
        return {}
    if not isinstance(mapping, CommentedMap):
        raise BadInput(f"{where}: {key} is not a mapping of names to texts")
    return {str(name): _text(mapping, name, f"{where}: {key}") for name in mapping}
