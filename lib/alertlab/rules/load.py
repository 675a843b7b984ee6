"""Rule files as Prometheus loads them; every refusal names file, line, rule and key.

Follows model/rulefmt/rulefmt.go (Parse, RuleGroups.Validate) of Prometheus.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver

from alertlab.errors import BadInput, known_name, require_file
from alertlab.promql import parse
from alertlab.rules.model import AlertRule, RecordingRule, RuleGroup
from alertlab.templates import check_template, has_template
from alertlab.units import MINUTE_MS, parse_duration

_GROUP_KEYS = {"name", "interval", "limit", "query_offset", "labels", "rules"}
_RULE_KEYS = {
    "alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations",
}  # fmt: skip
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PATHS = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def load_rules(paths: _PATHS, *, evaluation_interval_ms: int = MINUTE_MS) -> list[AlertRule]:
    """Read the alerting rules of one or several rule files, in file order, for a replay.

    ``evaluation_interval_ms`` is Prometheus' ``global.evaluation_interval``, used by groups that
    state no interval of their own.  Recording rules are checked but not returned: their results
    are read from the source like any other metric.  Raises BadInput for a file Prometheus would
    refuse and for what is not replayed.
    """
    groups = load_groups(paths, evaluation_interval_ms=evaluation_interval_ms)
    for group in groups:
        if group.limit:
            raise BadInput(
                f"{group.where}: limit is not replayed here; remove it to replay the group"
            )
    rules = [rule for group in groups for rule in group.rules if isinstance(rule, AlertRule)]
    for rule in rules:
        for label, value in rule.labels:
            if not _LABEL_NAME.fullmatch(label):
                raise BadInput(f"{rule.where}: labels: {label!r} is not a label name")
            if has_template(value):
                raise BadInput(
                    f"{rule.where}: labels: the template in {label} is not replayed here"
                )
    return rules


def load_groups(paths: _PATHS, *, evaluation_interval_ms: int = MINUTE_MS) -> list[RuleGroup]:
    """Read the groups of one or several rule files with all their rules, in file order.

    Raises BadInput for a file Prometheus would refuse.
    """
    if evaluation_interval_ms <= 0:
        raise BadInput("an evaluation interval of 0 never evaluates; give one such as 1m")
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    return [group for file in files for group in _load_file(Path(file), evaluation_interval_ms)]


def find_rule(rules: Iterable[AlertRule], name: str) -> AlertRule:
    """Return the rule called ``name``; BadInput lists the names there are, or the doubles."""
    rules = list(rules)
    known_name(name, {rule.name for rule in rules}, "rule")
    found = [rule for rule in rules if rule.name == name]
    if len(found) > 1:
        places = ", ".join(f"{rule.file}:{rule.line}" for rule in found)
        raise BadInput(f"the rule name {name!r} stands in several places ({places}); rename one")
    return found[0]


class _TextResolver(VersionedResolver):
    """Takes every plain scalar for the text it is: ``010`` and ``true`` are label values."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        is_text = kind is ScalarNode and value not in ("<<", "", "~", "null", "Null", "NULL")
        return super().resolve(kind, value, (False, False) if is_text else implicit)


def read_yaml(path: Path, *, keep_quotes: bool = False) -> Any:
    """Read a YAML file with line numbers kept and every scalar but null as its text.

    With ``keep_quotes`` a quoted scalar is a ``ScalarString``, by which it can be told from a
    plain one.  BadInput says where the file is broken.
    """
    yaml = YAML()
    yaml.preserve_quotes = keep_quotes
    yaml.Resolver = _TextResolver
    try:
        return yaml.load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise BadInput(f"{path}{line}: not valid YAML: {error.problem or error.context}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not valid YAML: {error}") from None


def _load_file(path: Path, evaluation_interval_ms: int) -> list[RuleGroup]:
    document = read_yaml(require_file(path, "the rule file"))
    if document is None:
        return []
    if not isinstance(document, CommentedMap) or set(document) - {"groups"}:
        raise BadInput(f"{path}: a rule file holds one key, groups; check what stands beside it")
    groups: dict[str, RuleGroup] = {}
    for node in _entries(document, "groups", f"{path}"):
        group = _load_group(node, path, evaluation_interval_ms)
        if group.name in groups:
            raise BadInput(f"{group.where}: the group's name stands twice in this file; rename one")
        groups[group.name] = group
    return list(groups.values())


def _load_group(node: Any, path: Path, evaluation_interval_ms: int) -> RuleGroup:
    if not isinstance(node, CommentedMap) or not node.get("name"):
        raise BadInput(f"{path}: a group has no name; add name: …")
    group = RuleGroup(str(node["name"]), path, _line(node))
    _only(node, _GROUP_KEYS, group.where)
    limit = str(node.get("limit") or "0")
    if not re.fullmatch(r"[-+]?\d+", limit):
        raise BadInput(f"{group.where}: limit: {limit!r} is not a whole number")
    return replace(
        group,
        query_offset_ms=_duration(node, "query_offset", group.where),
        limit=int(limit),
        rules=tuple(
            _load_rule(rule, node, group, evaluation_interval_ms)
            for rule in _entries(node, "rules", group.where)
        ),
    )


def _load_rule(
    rule: Any, group_node: CommentedMap, group: RuleGroup, evaluation_interval_ms: int
) -> AlertRule | RecordingRule:
    if not isinstance(rule, CommentedMap) or bool(rule.get("alert")) == bool(rule.get("record")):
        raise BadInput(f"{group.where}: each rule needs either alert: or record:")
    name = str(rule.get("alert") or rule["record"])
    where = f"{group.file}:{_line(rule)}: rule {name}"
    _only(rule, _RULE_KEYS, where)
    expr = _expression(rule, where)
    own_labels = _texts(rule, "labels", where)
    labels = {**_texts(group_node, "labels", where), **own_labels}
    for label in labels:
        if label in ("", "__name__"):
            raise BadInput(f"{where}: labels: {label!r} is not a label name")
    sorted_labels = tuple(sorted(labels.items()))
    if rule.get("record"):
        _check_recording(rule, name, where)
        return RecordingRule(name, expr, group.file, _line(rule), sorted_labels)
    annotations = _texts(rule, "annotations", where)
    _check_templates("labels", own_labels, name, where)
    _check_templates("annotations", annotations, name, where)
    return AlertRule(
        name=name,
        expr=expr,
        group=group.name,
        file=group.file,
        line=_line(rule),
        interval_ms=_duration(group_node, "interval", where) or evaluation_interval_ms,
        hold_duration_ms=_duration(rule, "for", where),
        keep_firing_for_ms=_duration(rule, "keep_firing_for", where),
        query_offset_ms=_duration(group_node, "query_offset", where),
        labels=sorted_labels,
        annotations=annotations,
    )


def _expression(rule: CommentedMap, where: str) -> str:
    expr = rule.get("expr")
    if expr is None or str(expr).strip() == "":
        raise BadInput(f"{where}: expr is missing")
    try:
        parse(str(expr))
    except BadInput as error:
        raise type(error)(f"{where}: expr: {error}") from None
    return str(expr).strip()


def _check_recording(rule: CommentedMap, name: str, where: str) -> None:
    for key in ("annotations", "for", "keep_firing_for"):
        if rule.get(key) and (key == "annotations" or _duration(rule, key, where)):
            raise BadInput(f"{where}: a recording rule takes no {key}")
    if "{" in name or "}" in name:
        raise BadInput(f"{where}: a recording rule's name is no expression; move it to expr")


def _check_templates(key: str, texts: Mapping[str, str], alert: str, where: str) -> None:
    for name, text in texts.items():
        try:
            check_template(text, alert)
        except BadInput as error:
            raise type(error)(f"{where}: {key}: {name}: {error}") from None


def _entries(node: CommentedMap, key: str, where: str) -> list[Any]:
    entries = node.get(key) or []
    if not isinstance(entries, list):
        raise BadInput(f"{where}: {key} is not a list")
    return entries


def _duration(node: CommentedMap, key: str, where: str) -> int:
    try:
        return parse_duration(str(node.get(key) or "0"))
    except BadInput as error:
        raise BadInput(f"{where}: {key}: {error}") from None


def _texts(node: CommentedMap, key: str, where: str) -> dict[str, str]:
    mapping = node.get(key) or {}
    if not isinstance(mapping, CommentedMap | dict):
        raise BadInput(f"{where}: {key} is not a mapping of names to texts")
    return {str(name): "" if text is None else str(text) for name, text in mapping.items()}


def _only(node: CommentedMap, known: set[str], where: str) -> None:
    for key in node:
        if key not in known:
            line = node.lc.key(key)[0] + 1
            raise BadInput(f"{where}: line {line}: unknown key {key!r}; known: {sorted(known)}")


def _line(node: CommentedMap) -> int:
    return node.lc.line + 1
