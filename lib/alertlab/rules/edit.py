"""Change one rule in its file's text and leave every other byte as it was."""

from __future__ import annotations

import difflib
import textwrap
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from alertlab.errors import BadInput
from alertlab.rules.model import AlertRule
from alertlab.rules.threshold import find_threshold, with_window
from alertlab.units import format_duration


@dataclass(frozen=True)
class RuleChange:
    """New settings of a rule; None leaves a setting as it is.

    ``expr`` replaces the whole expression before threshold and window are set in it.
    """

    expr: str | None = None
    threshold: float | None = None
    window_ms: int | None = None
    hold_duration_ms: int | None = None
    keep_firing_for_ms: int | None = None


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
        raw = text[start:end]
        if raw.count(rule.expr) != 1:
            raise BadInput(f"{rule.where}: the expression is folded or quoted; edit it by hand")
        edits.append((start, end, raw.replace(rule.expr, new_expr)))
        wanted["expr"] = expr_node.value.replace(rule.expr, new_expr)
    indent = " " * expr_key.start_mark.column
    newline = "\r\n" if "\r\n" in text else "\n"
    for key, duration_ms in (
        ("for", change.hold_duration_ms),
        ("keep_firing_for", change.keep_firing_for_ms),
    ):
        if duration_ms is None or (not duration_ms and key not in keys):
            continue
        wanted[key] = format_duration(duration_ms)
        if key in keys:
            edits.append((*_span(keys[key][1]), wanted[key]))
            continue
        line = f"{indent}{key}: {wanted[key]}"
        end = text.find("\n", _span(expr_node)[1] - 1) + 1
        edits.append((end, end, line + newline) if end else (len(text), len(text), newline + line))
    edited = text
    for start, end, new in sorted(edits, reverse=True):
        edited = edited[:start] + new + edited[end:]
    _check_edit(text, edited, place, wanted, rule)
    return edited


def changed_expr(expr: str, change: RuleChange) -> str:
    """Return the expression with the change applied."""
    expr = expr if change.expr is None else change.expr
    if change.threshold is not None:
        threshold = find_threshold(expr)
        expr = f"{expr[: threshold.start]}{change.threshold:.12g}{expr[threshold.end :]}"
    return expr if change.window_ms is None else with_window(expr, change.window_ms)


def rule_text(rule: AlertRule) -> str:
    """Return a rule as it is written in its file, from its first key to its last value."""
    text = Path(rule.file).read_text(encoding="utf-8")
    _, node = _rule_node(text, rule)
    start = text.rfind("\n", 0, node.start_mark.index) + 1
    last: Node = node  # a block's own end lies behind the comments that follow it
    while isinstance(last, MappingNode) and not last.flow_style and last.value:
        last = last.value[-1][1]
    return textwrap.dedent(text[start : last.end_mark.index]).rstrip() + "\n"


def rule_diff(rule: AlertRule, change: RuleChange) -> str:
    """Return the unified diff of the rule's file for a change."""
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


def _check_edit(
    before: str, after: str, place: tuple[int, int], wanted: dict[str, str], rule: AlertRule
) -> None:
    """Refuse an edit after which the file says anything but what was wanted."""
    yaml, (group, index) = YAML(typ="safe", pure=True), place
    expected = yaml.load(before)
    expected["groups"][group]["rules"][index].update(wanted)
    try:
        same = yaml.load(after) == expected
    except YAMLError:
        same = False
    if not same:
        raise BadInput(f"{rule.where}: its YAML cannot be edited in place; edit it by hand")


def _rule_node(text: str, rule: AlertRule) -> tuple[tuple[int, int], MappingNode]:
    """Return (index of the group, index in the group) of a rule, and its node."""
    document = YAML().compose(text)
    for g, group in enumerate(_entries(document, "groups")):
        for i, node in enumerate(_entries(group, "rules")):
            alert = {key.value: value for key, value in node.value}.get("alert")
            if alert is not None and alert.value == rule.name and _line(node) == rule.line:
                return (g, i), node
    raise BadInput(f"{rule.where}: no longer stands there; load the file again")


def _entries(node: MappingNode, key: str) -> list[MappingNode]:
    return next((list(value.value) for name, value in node.value if name.value == key), [])


def _line(node: Node) -> int:
    return node.start_mark.line + 1


def _span(node: ScalarNode) -> tuple[int, int]:
    return node.start_mark.index, node.end_mark.index
