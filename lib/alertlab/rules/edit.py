"""Change one rule in its file's text and leave every other byte as it was."""

from __future__ import annotations

import difflib
import io
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from alertlab.errors import BadInput
from alertlab.rules.model import AlertRule
from alertlab.rules.threshold import find_threshold
from alertlab.rules.windows import with_window
from alertlab.units import format_duration

_QUOTES = ("'", '"')
_Path = tuple[str | int, ...]  # keys and indices that lead to a node, the document's number first


@dataclass(frozen=True)
class RuleChange:
    """New settings of a rule; None leaves a setting as it is.

    ``expr`` replaces the whole expression before threshold and window are set in it;
    ``comparison`` says which threshold is meant, as ``find_threshold`` numbers them.
    """

    expr: str | None = None
    threshold: float | None = None
    window_ms: int | None = None
    hold_duration_ms: int | None = None
    keep_firing_for_ms: int | None = None
    comparison: int = 0


def edit_rule(text: str, rule: AlertRule, change: RuleChange) -> str:
    """Return a rule file's text with ``change`` applied to ``rule``.

    Comments, order and quoting stay.  Raises BadInput where the expression's text in the file
    cannot be edited in place (an expression split by YAML folding, for instance).
    """
    place, node = _rule_node(text, rule)
    keys = {key.value: (key, value) for key, value in node.value}
    edits, wanted = [], {}
    expr_key, expr_node = keys["expr"]
    new_expr = changed_expr(rule.expr, change)
    if new_expr != rule.expr:
        start, end = _span(expr_node)
        raw, written = text[start:end], _quoted(rule.expr, expr_node)
        if raw.count(written) != 1:
            raise BadInput(f"{rule.where}: the expression is folded or quoted; edit it by hand")
        edits.append((start, end, raw.replace(written, _quoted(new_expr, expr_node))))
        wanted["expr"] = expr_node.value.replace(rule.expr, new_expr)
    for key, duration_ms in (
        ("for", change.hold_duration_ms),
        ("keep_firing_for", change.keep_firing_for_ms),
    ):
        if duration_ms is None or (not duration_ms and key not in keys):
            continue
        wanted[key] = format_duration(duration_ms)
        if key in keys:
            old = keys[key][1]
            quote = old.style if old.style in _QUOTES else ""
            edits.append((*_span(old), f"{quote}{wanted[key]}{quote}"))
        elif node.flow_style:
            quote = expr_key.style or ""
            end = expr_node.end_mark.index
            edits.append((end, end, f", {quote}{key}{quote}: {quote}{wanted[key]}{quote}"))
        else:
            edits.append(_new_line(text, expr_key, expr_node, f"{key}: {wanted[key]}"))
    edited = text
    for start, end, new in sorted(edits, reverse=True):
        edited = edited[:start] + new + edited[end:]
    _check_edit(text, edited, place, wanted, rule)
    return edited


def changed_expr(expr: str, change: RuleChange) -> str:
    """Return the expression with the change applied."""
    expr = expr if change.expr is None else change.expr
    if change.threshold is not None:
        threshold = find_threshold(expr, change.comparison)
        expr = f"{expr[: threshold.start]}{change.threshold:.12g}{expr[threshold.end :]}"
    return expr if change.window_ms is None else with_window(expr, change.window_ms)


def rule_text(rule: AlertRule) -> str:
    """Return a rule as it is written in its file, from its first key to its last value.

    A rule that a server told of is written out from what was told.
    """
    if rule.server:
        return _written_out(rule)
    text = Path(rule.file).read_text(encoding="utf-8")
    _, node = _rule_node(text, rule)
    start = text.rfind("\n", 0, node.start_mark.index) + 1
    if text[start : node.start_mark.index].strip() not in ("", "-"):  # JSON in one line
        start = node.start_mark.index
    last: Node = node  # a block's own end lies behind the comments that follow it
    while isinstance(last, MappingNode) and not last.flow_style and last.value:
        last = last.value[-1][1]
    return textwrap.dedent(text[start : last.end_mark.index]).rstrip() + "\n"


def rule_diff(rule: AlertRule, change: RuleChange) -> str:
    """Return the unified diff of the rule's file for a change.

    Of a rule that a server told of, the diff of the rule alone.
    """
    if rule.server:
        before, after = _written_out(rule), _written_out(changed_rule(rule, change))
    else:
        with Path(rule.file).open(encoding="utf-8", newline="") as file:  # line ends as they are
            before = file.read()
        after = edit_rule(before, rule, change)
    name = Path(rule.file).name
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), name, name, n=2
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def changed_rule(rule: AlertRule, change: RuleChange) -> AlertRule:
    """Return the rule that a change leads to."""
    durations = {
        name: value
        for name in ("hold_duration_ms", "keep_firing_for_ms")
        if (value := getattr(change, name)) is not None
    }
    return replace(rule, expr=changed_expr(rule.expr, change), **durations)


def _written_out(rule: AlertRule) -> str:
    """Return a rule as YAML."""
    settings = {
        "alert": rule.name,
        "expr": rule.expr,
        "for": format_duration(rule.hold_duration_ms) if rule.hold_duration_ms else "",
        "keep_firing_for": format_duration(rule.keep_firing_for_ms)
        if rule.keep_firing_for_ms
        else "",
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
    }
    yaml, stream = YAML(), io.StringIO()
    yaml.width = 4096  # one line for an expression
    yaml.dump([{key: value for key, value in settings.items() if value}], stream)
    return stream.getvalue()


def _check_edit(
    before: str, after: str, place: _Path, wanted: dict[str, str], rule: AlertRule
) -> None:
    """Refuse an edit after which the file says anything but what was wanted."""
    yaml = YAML(typ="safe", pure=True)
    expected = found = list(yaml.load_all(before))
    for key in place:
        found = found[key]
    found.update(wanted)
    try:
        same = list(yaml.load_all(after)) == expected
    except YAMLError:
        same = False
    if not same:
        raise BadInput(f"{rule.where}: its YAML cannot be edited in place; edit it by hand")


def _rule_node(text: str, rule: AlertRule) -> tuple[_Path, MappingNode]:
    """Return where a rule stands in a file's documents, and its node."""
    if rule.server:
        raise BadInput(f"{rule.where}: a server told of it; load its file to edit it there")
    found = [
        ((*path, "rules", index), node)
        for number, document in enumerate(YAML().compose_all(text))
        for path, group in _group_nodes(document, (number,))
        if _text(group, "name") == rule.group
        for index, node in _items(_values(group).get("rules"))[rule.index : rule.index + 1]
        if _text(node, "alert") == rule.name and node.start_mark.line + 1 == rule.line
    ]
    if not found:
        raise BadInput(f"{rule.where}: no longer stands there; load the file again")
    if len(found) > 1:
        raise BadInput(f"{rule.where}: its group stands twice in that line; edit it by hand")
    return found[0]


def _group_nodes(node: Node | None, path: _Path) -> Iterator[tuple[_Path, Node]]:
    """Give the groups of a document, those of Kubernetes' objects, too."""
    values = _values(node)
    for i, group in _items(values.get("groups")):
        yield (*path, "groups", i), group
    if "spec" in values:
        yield from _group_nodes(values["spec"], (*path, "spec"))
    for i, item in _items(values.get("items")):
        yield from _group_nodes(item, (*path, "items", i))


def _values(node: Node | None) -> dict[str, Node]:
    return {k.value: v for k, v in node.value} if isinstance(node, MappingNode) else {}


def _text(node: Node, key: str) -> str | None:
    found = _values(node).get(key)
    return found.value if isinstance(found, ScalarNode) else None


def _items(node: Node | None) -> list[tuple[int, Node]]:
    """Return the mappings in a list with their places; empty entries count for nothing."""
    nodes = node.value if isinstance(node, SequenceNode) else []
    return [(i, one) for i, one in enumerate(nodes) if isinstance(one, MappingNode)]


def _quoted(text: str, node: ScalarNode) -> str:
    """Return a text as it stands in a scalar of this node's style."""
    if node.style == '"':
        return json.dumps(text, ensure_ascii=False)[1:-1]
    return text.replace("'", "''") if node.style == "'" else text


def _new_line(text: str, key: ScalarNode, value: ScalarNode, line: str) -> tuple[int, int, str]:
    """Return the edit that puts a line behind a value, indented as its key."""
    newline = "\r\n" if "\r\n" in text else "\n"
    line = " " * key.start_mark.column + line
    end = text.find("\n", value.end_mark.index - 1) + 1
    return (end, end, line + newline) if end else (len(text), len(text), newline + line)


def _span(node: ScalarNode) -> tuple[int, int]:
    return node.start_mark.index, node.end_mark.index
