"""label_replace, label_join, and the labels of absent (promql/functions.go)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from alertlab.errors import BadInput
from alertlab.promql.context import NAME, Context
from alertlab.promql.matchers import Matcher, compile_re2
from alertlab.promql.values import Vector, merged
from alertlab.units import LabelSet, label_set

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")


def label_replace(
    context: Context, vector: Vector, target: str, replacement: str, source: str, pattern: str
) -> Vector:
    """Set ``target`` to ``replacement`` where ``source`` matches; an empty result deletes it.

    ``$1``, ``${1}`` and ``$name`` refer to groups; an unbraced name is as long as it can be.
    """
    _check_label_name(context, target, "destination label name in label_replace()")
    regex = compile_re2(pattern, context.semantics >= 3)

    def replaced(labels: dict[str, str]) -> str | None:
        match = regex.fullmatch(labels.get(source, ""))
        return None if match is None else _expanded(match, replacement)

    return _relabelled(context, vector, target, replaced)


def label_join(
    context: Context, vector: Vector, target: str, separator: str, *sources: str
) -> Vector:
    """Set ``target`` to the joined values of ``sources``; an empty result deletes it."""
    _check_label_name(context, target, "destination label name in label_join()")
    for source in sources:
        _check_label_name(context, source, "source label name in label_join()")
    return _relabelled(
        context,
        vector,
        target,
        lambda labels: separator.join(labels.get(source, "") for source in sources),
    )


def absent_labels(matchers: Iterable[Matcher]) -> LabelSet:
    """Return the labels of absent() over a selector: what its ``=`` matchers say just once."""
    labels: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in matchers:
        if matcher.name == NAME:
            continue
        if matcher.op == "=" and matcher.name not in seen:
            labels[matcher.name] = matcher.value
        else:
            labels.pop(matcher.name, None)
        seen.add(matcher.name)
    return label_set(labels)


def _relabelled(
    context: Context,
    vector: Vector,
    target: str,
    value_of: Callable[[dict[str, str]], str | None],
) -> Vector:
    labels, nameless = [], []
    for one, drop in zip(vector.labels, vector.nameless, strict=True):
        found = dict(one)
        value = value_of(found)
        if value is not None:
            found[target] = value
        labels.append(label_set(found) if value is not None else one)
        # A name that was just written is to stay.
        nameless.append(drop and not (value is not None and target == NAME))
    changed = replace(vector, labels=tuple(labels), nameless=tuple(nameless))
    return merged(changed, context.times)


def _expanded(match: re.Match[str], template: str) -> str:
    """Expand a template as Go's Regexp.Expand does; unknown groups are empty."""
    groups = match.re.groupindex

    def group(reference: re.Match[str]) -> str:
        name = reference[2] or reference[3]
        if reference[1]:
            return "$"
        if name.isdecimal():
            return (match[int(name)] or "") if int(name) <= match.re.groups else ""
        return (match[name] or "") if name in groups else ""

    return _REFERENCE.sub(group, template)


def _check_label_name(context: Context, name: str, what: str) -> None:
    valid = bool(name) if context.semantics >= 3 else _LABEL_NAME.fullmatch(name)
    if not valid:
        raise BadInput(f"invalid {what}: {name}")
