"""Rule files as Prometheus loads them; every refusal names file, line, rule and key.

Follows model/rulefmt/rulefmt.go (Parse, RuleGroups.Validate) of Prometheus.  Recording rules are
checked but not returned: their results are read from the source like any other metric.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver

from alertlab.errors import BadInput, known_name, require_file
from alertlab.promql import parse
from alertlab.rules.model import AlertRule
from alertlab.units import MINUTE_MS, parse_duration

_GROUP_KEYS = {"name", "interval", "limit", "query_offset", "labels", "rules"}
_RULE_KEYS = {
    "alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations",
}  # fmt: skip
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def load_rules(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    evaluation_interval_ms: int = MINUTE_MS,
) -> list[AlertRule]:
    """Read the alerting rules of one or several rule files, in file order.

    ``evaluation_interval_ms`` is Prometheus' ``global.evaluation_interval``, used by groups that
    state no interval of their own.  Raises BadInput for a file Prometheus would refuse.
    """
    if evaluation_interval_ms <= 0:
        raise BadInput("an evaluation interval of 0 never evaluates; give one such as 1m")
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    return [rule for file in files for rule in _load_file(Path(file), evaluation_interval_ms)]


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


def read_yaml(path: Path) -> Any:
    """Read a YAML file with line numbers kept and every scalar but null as its text.

    BadInput says where the file is broken.
    """
    yaml = YAML()
    yaml.Resolver = _TextResolver
    try:
        return yaml.load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise BadInput(f"{path}{line}: not valid YAML: {error.problem or error.context}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not valid YAML: {error}") from None


def _load_file(path: Path, evaluation_interval_ms: int) -> list[AlertRule]:
    document = read_yaml(require_file(path, "the rule file"))
    if document is None:
        return []
    if not isinstance(document, CommentedMap) or set(document) - {"groups"}:
        raise BadInput(f"{path}: a rule file holds one key, groups; check what stands beside it")
    rules, names = [], set()
    for group in _entries(document, "groups", f"{path}"):
        if not isinstance(group, CommentedMap) or not group.get("name"):
            raise BadInput(f"{path}: a group has no name; add name: …")
        where = f"{path}:{_line(group)}: group {group['name']}"
        _only(group, _GROUP_KEYS, where)
        if str(group["name"]) in names:
            raise BadInput(f"{where}: the group's name stands twice in this file; rename one")
        names.add(str(group["name"]))
        if (group.get("limit") or "0") != "0":
            raise BadInput(f"{where}: limit is not replayed here; remove it to replay the group")
        for rule in _entries(group, "rules", where):
            loaded = _load_rule(rule, group, path, where, evaluation_interval_ms)
            rules += [loaded] if loaded else []
    return rules


def _load_rule(
    rule: Any, group: CommentedMap, path: Path, group_where: str, evaluation_interval_ms: int
) -> AlertRule | None:
    if not isinstance(rule, CommentedMap) or bool(rule.get("alert")) == bool(rule.get("record")):
        raise BadInput(f"{group_where}: each rule needs either alert: or record:")
    name = str(rule.get("alert") or rule["record"])
    where = f"{path}:{_line(rule)}: rule {name}"
    _only(rule, _RULE_KEYS, where)
    expr = rule.get("expr")
    if expr is None or str(expr).strip() == "":
        raise BadInput(f"{where}: expr is missing")
    try:
        parse(str(expr))
    except BadInput as error:
        raise type(error)(f"{where}: expr: {error}") from None
    if rule.get("record"):
        return None
    labels = {**_texts(group, "labels", where), **_texts(rule, "labels", where)}
    for label, value in labels.items():
        if not _LABEL_NAME.fullmatch(label) or label == "__name__":
            raise BadInput(f"{where}: labels: {label!r} is not a label name")
        if "{{" in value:
            raise BadInput(f"{where}: labels: the template in {label} is not replayed here")
    return AlertRule(
        name=name,
        expr=str(expr).strip(),
        group=str(group["name"]),
        file=path,
        line=_line(rule),
        interval_ms=_duration(group, "interval", where) or evaluation_interval_ms,
        hold_duration_ms=_duration(rule, "for", where),
        keep_firing_for_ms=_duration(rule, "keep_firing_for", where),
        query_offset_ms=_duration(group, "query_offset", where),
        labels=tuple(sorted(labels.items())),
        annotations=_texts(rule, "annotations", where),
    )


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
