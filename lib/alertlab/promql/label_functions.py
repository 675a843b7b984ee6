"""label_replace, label_join, and the labels of absent (promql/functions.go)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.go_text import quote
from alertlab.promql.context import Context
from alertlab.promql.matchers import Matcher, Re2, compile_re2, dot_without_newline
from alertlab.promql.string_literals import is_utf8
from alertlab.promql.values import Vector, merged
from alertlab.re2 import expanded
from alertlab.units import NAME, LabelSet, label_set

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def label_replace(
    context: Context, vector: Vector, target: str, replacement: str, source: str, pattern: str
) -> Vector:
    """Set ``target`` to ``replacement`` where ``source`` matches; an empty result deletes it.

    promql/functions.go, evalLabelReplace.

    ``$1``, ``${1}`` and ``$name`` refer to groups; an unbraced name is as long as it can be.
    """
    regex = _compiled(context, pattern)
    _check_name(context, target, "destination label name in label_replace()")
    found = regex.groups([dict(labels).get(source, "") for labels in vector.labels])
    values = [None if groups is None else expanded(replacement, groups) for groups in found]
    return _relabelled(context, vector, target, values)


def label_join(
    context: Context, vector: Vector, target: str, separator: str, *sources: str
) -> Vector:
    """Set ``target`` to the joined values of ``sources``; an empty result deletes it.

    promql/functions.go, evalLabelJoin.
    """
    for source in sources:
        _check_name(context, source, "source label name in label_join()")
    _check_name(context, target, "destination label name in label_join()")
    found = [dict(labels) for labels in vector.labels]
    values = [separator.join(one.get(source, "") for source in sources) for one in found]
    return _relabelled(context, vector, target, values)


def absent_labels(context: Context, matchers: Iterable[Matcher]) -> LabelSet:
    """Return the labels of absent() over a selector: what its ``=`` matchers say just once.

    promql/functions.go, createLabelsForAbsentFunction.  By then the storage of 3.x has put last the
    matchers that take series away (tsdb/querier.go, PostingsForMatchers).
    """
    matchers = list(matchers)
    if context.semantics >= 3:
        needed = {matcher.name for matcher in matchers if not matcher.matches("")}
        matchers.sort(
            key=lambda one: one.name not in needed or (one.op in ("!=", "!~") and one.matches(""))
        )
    labels: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in matchers:
        if matcher.name in context.metadata_labels:
            continue
        if matcher.op == "=" and matcher.name not in seen:
            labels[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            labels.pop(matcher.name, None)
    for value in labels.values():
        check_text(value)
    return label_set(labels)


def is_label_name(context: Context, name: str) -> bool:
    """Tell whether a label may have this name (model.IsValidLabelName): any UTF-8 since 3.0."""
    return bool(name and is_utf8(name) if context.semantics >= 3 else _LABEL_NAME.fullmatch(name))


def check_text(text: str) -> str:
    """Return what is to be part of a result, or refuse it by name if it is no UTF-8."""
    if not is_utf8(text):
        raise UnsupportedPromQL(
            f"a result with bytes that are not UTF-8 ({quote(text)}) is not evaluated here; "
            "write the expression without them"
        )
    return text


def _check_name(context: Context, name: str, what: str) -> None:
    if not is_label_name(context, name):
        raise BadInput(f"invalid {what}: {quote(name)[1:-1]}")


def _compiled(context: Context, pattern: str) -> Re2:
    try:
        regex = compile_re2(pattern)
    except BadInput as error:
        raise BadInput(
            f"invalid regular expression in label_replace(): {pattern} ({error})"
        ) from None
    return regex if context.semantics >= 3 else compile_re2(dot_without_newline(pattern))


def _relabelled(
    context: Context, vector: Vector, target: str, values: Sequence[str | None]
) -> Vector:
    """Set a label to one value per series; None leaves the series as it is."""
    labels, nameless = [], []
    for one, value, drop in zip(vector.labels, values, vector.nameless, strict=True):
        changed = one if value is None else label_set({**dict(one), target: check_text(value)})
        labels.append(changed)
        # A name that was just written is to stay.
        nameless.append(drop and not (value is not None and target == NAME))
    changed = replace(vector, labels=tuple(labels), nameless=tuple(nameless))
    return merged(changed, context.times)
