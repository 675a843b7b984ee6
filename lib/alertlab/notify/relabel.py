"""Relabelling of alerts before they are sent (model/relabel/relabel.go of Prometheus 3.16)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alertlab.errors import BadInput
from alertlab.notify.config.decoding import (
    Place,
    Reader,
    Struct,
    Values,
    count,
    list_of,
    optional,
    spelled_text,
    text,
)
from alertlab.promql.matchers import Re2, compile_re2
from alertlab.re2 import expanded
from alertlab.templates.functions import to_lower, to_upper
from alertlab.units import LabelSet, label_set

_ANYTHING = "(.*)"
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TEMPLATE_NAME = re.compile(r"(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+", re.ASCII)
_NEEDS_TARGET = {
    "replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal",
}  # fmt: skip


@dataclass(frozen=True)
class Relabel:
    """One step of relabelling, an entry of ``alert_relabel_configs``.

    legacy_names : label names have only the letters that they had before Prometheus 3
    """

    action: str = "replace"
    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    regex: str = _ANYTHING
    modulus: int = 0
    target_label: str = ""
    replacement: str = "$1"
    legacy_names: bool = False


def relabel(labels: LabelSet, steps: Sequence[Relabel]) -> LabelSet | None:
    """Return the labels after all steps, or None if the alert is lost.

    A step drops it, or Alertmanager would refuse it: without labels, or with an empty name.
    """
    found = _Labels(labels)
    for step in steps:
        value = step.separator.join(found.get(name) for name in step.source_labels)
        if not _ACTIONS[step.action](found, step, value):
            return None
    final = label_set(dict(found.items()))
    return final if final and final[0][0] else None


def is_label_name(name: str, legacy: bool, *, template: bool = False) -> bool:
    """Tell whether a label may have this name, or a template (``$1``) may give it one."""
    if not legacy:
        return name != ""
    return bool((_TEMPLATE_NAME if template else _NAME).fullmatch(name))


class _Labels:
    """Labels as they change; those that a step has set come last (labels.Builder, Range)."""

    def __init__(self, labels: LabelSet) -> None:
        self._given, self._set = dict(labels), dict[str, str]()

    def items(self) -> list[tuple[str, str]]:
        return [*self._given.items(), *self._set.items()]

    def get(self, name: str) -> str:
        return self._set.get(name) or self._given.get(name, "")

    def set(self, name: str, value: str) -> bool:
        self._given.pop(name, None)
        if value:
            self._set[name] = value
        else:
            self._set.pop(name, None)
        return True


def _replace(labels: _Labels, step: Relabel, value: str) -> bool:
    (groups,) = _compiled(step.regex).groups([value])
    if groups is not None:
        target = expanded(step.target_label, groups)
        if is_label_name(target, step.legacy_names):
            labels.set(target, expanded(step.replacement, groups))
    return True


def _hashmod(labels: _Labels, step: Relabel, value: str) -> bool:
    digest = hashlib.md5(value.encode(), usedforsecurity=False).digest()
    return labels.set(step.target_label, str(int.from_bytes(digest[8:]) % step.modulus))


def _map_names(labels: _Labels, step: Relabel, value: str) -> bool:
    pairs = labels.items()
    found = _compiled(step.regex).groups([name for name, _ in pairs])
    for (_, one), groups in zip(pairs, found, strict=True):
        if groups is not None:
            labels.set(expanded(step.replacement, groups), one)
    return True


def _remove_names(labels: _Labels, step: Relabel, *, matching: bool) -> bool:
    names = [name for name, _ in labels.items()]
    for name, matches in zip(names, _compiled(step.regex).matches(names), strict=True):
        if matches == matching:
            labels.set(name, "")
    return True


def _compiled(pattern: str) -> Re2:
    """Compile a pattern as Prometheus does: what is none by itself, such as ``)(``, may be one."""
    return compile_re2(f"^(?s:{pattern})$")


def _matches(step: Relabel, value: str) -> bool:
    return _compiled(step.regex).matches([value])[0]


_ACTIONS: dict[str, Callable[[_Labels, Relabel, str], bool]] = {
    "replace": _replace,
    "keep": lambda labels, step, value: _matches(step, value),
    "drop": lambda labels, step, value: not _matches(step, value),
    "keepequal": lambda labels, step, value: labels.get(step.target_label) == value,
    "dropequal": lambda labels, step, value: labels.get(step.target_label) != value,
    "hashmod": _hashmod,
    "labelmap": _map_names,
    "labeldrop": lambda labels, step, value: _remove_names(labels, step, matching=True),
    "labelkeep": lambda labels, step, value: _remove_names(labels, step, matching=False),
    "lowercase": lambda labels, step, value: labels.set(step.target_label, to_lower(value)),
    "uppercase": lambda labels, step, value: labels.set(step.target_label, to_upper(value)),
}


def relabel_reader(*, legacy_names: bool) -> Reader:
    """Return the reader of one relabel_config, which is refused as Prometheus does (Validate)."""

    def read(node: Any, place: Place) -> Relabel:
        if node is None:
            raise place.refusal("this step is empty; write its action or remove it")
        values = _STEP(node, place)
        _check(values, legacy_names, place)
        given = {key: value for key, value in values.items() if value is not None}
        given["source_labels"] = tuple(values["source_labels"] or ())
        return Relabel(**given, legacy_names=legacy_names)

    return read


def _check(values: Values, legacy_names: bool, place: Place) -> None:
    action, target = values["action"], values["target_label"]
    if not action:
        raise place.refusal("the action is null; name one or leave it out")
    if action == "hashmod" and not values["modulus"]:
        raise place.refusal("hashmod needs a modulus other than 0")
    if action in _NEEDS_TARGET:
        takes_template = action == "replace" and "$" in target
        if not is_label_name(target, legacy_names, template=takes_template):
            raise place.refusal(f"{action} needs a target_label that is a label name")
    if action == "labelmap" and not is_label_name(
        values["replacement"], legacy_names, template=True
    ):
        raise place.refusal("labelmap needs a replacement that makes a label name")
    if action in ("lowercase", "uppercase", "keepequal", "dropequal"):
        _only(values, ("source_labels", "target_label", "separator", "regex", "modulus"), place)
    if action in ("keepequal", "dropequal"):
        _only(values, ("source_labels", "target_label"), place)
    if action in ("labeldrop", "labelkeep"):
        _only(values, ("regex",), place)


def _only(values: Values, keys: Sequence[str], place: Place) -> None:
    """Refuse what is not among the keys and differs from its default."""
    plain = _STEP.zero(place) | _STEP.defaults
    for key, value in values.items():
        if key != "action" and key not in keys and value != plain[key]:
            raise place.refusal(f"{values['action']} takes only {', '.join(keys)}; remove {key}")


def _action(node: Any, place: Place) -> str:
    action = text(node, place).lower()
    if node is not None and action not in _ACTIONS:
        raise place.refusal(f"unknown action; known: {', '.join(sorted(_ACTIONS))}")
    return action


def _regex(node: Any, place: Place) -> str:
    pattern = spelled_text(node, place)
    try:
        _compiled(pattern)
    except BadInput:
        raise place.refusal(f"the regular expression {pattern!r} is not valid in RE2") from None
    return pattern


def _label_name(node: Any, place: Place) -> str:
    name = text(node, place)
    if node is not None and not name:
        raise place.refusal("a label's name is empty; write one or remove the entry")
    return name


_STEP = Struct(
    {
        "source_labels": optional(list_of(_label_name)),
        "separator": text,
        "regex": _regex,
        "modulus": count,
        "target_label": text,
        "replacement": text,
        "action": _action,
    },
    {"action": "replace", "separator": ";", "regex": None, "replacement": "$1"},
)
