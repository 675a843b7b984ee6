"""Silences: which alerts they mute, and when; read from what Alertmanager tells of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alertlab.errors import BadInput, require_file
from alertlab.notify.config.matchers import anchored
from alertlab.promql import Matcher, matches_all
from alertlab.rules import read_yaml
from alertlab.units import LabelSet, parse_time

_OPS = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}


@dataclass(frozen=True)
class Silence:
    """Mutes the alerts that satisfy every matcher from ``start_ms`` to ``end_ms``, both included.

    silence/silence.go, getState.
    """

    matchers: tuple[Matcher, ...]
    start_ms: int
    end_ms: int
    id: str = ""
    comment: str = ""

    def mutes(self, labels: LabelSet, at_ms: float) -> bool:
        """Tell whether an alert with these labels is silenced at a time."""
        return self.start_ms <= at_ms <= self.end_ms and matches_all(self.matchers, labels)


def load_silences(path: str | Path) -> tuple[Silence, ...]:
    """Read silences, expired ones too, in the file's order.

    The file is what ``amtool silence query -o json`` (``--expired`` for the past) or
    ``GET /api/v2/silences`` gives, or YAML of the same shape: a list of ``matchers`` (``name``,
    ``value``, ``isRegex``, ``isEqual``), ``startsAt`` and ``endsAt`` (RFC 3339), ``id``,
    ``comment``; other keys are passed over.  BadInput names what Alertmanager would refuse.
    """
    file = require_file(path, "the file of silences")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        document = read_yaml(file)
    if not isinstance(document, list):
        raise BadInput(f"{file}: the file is not a list of silences, as amtool writes it")
    return tuple(_silence(one, f"{file}: silence {i}") for i, one in enumerate(document, 1))


def _silence(node: Any, where: str) -> Silence:
    if not isinstance(node, Mapping):
        raise BadInput(f"{where}: a silence is a mapping of matchers, startsAt and endsAt")
    entries = node.get("matchers")
    if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
        raise BadInput(f"{where}: matchers is not a list of name, value, isRegex and isEqual")
    matchers = tuple(_matcher(one, f"{where}: matcher {i}") for i, one in enumerate(entries, 1))
    if all(one.op in ("=", "=~") and one.matches("") for one in matchers):
        raise BadInput(f"{where}: one of its matchers must not match the empty value; add one")
    start_ms, end_ms = (_time(node, key, where) for key in ("startsAt", "endsAt"))
    if end_ms < start_ms:
        raise BadInput(f"{where}: endsAt is before startsAt; correct one of them")
    return Silence(
        matchers, start_ms, end_ms, str(node.get("id") or ""), str(node.get("comment") or "")
    )


def _matcher(node: Mapping[str, Any], where: str) -> Matcher:
    name, value = node.get("name"), node.get("value")
    if not isinstance(name, str) or not name or not isinstance(value, str):
        raise BadInput(f"{where}: it needs a name and a value, both texts")
    op = _OPS[_flag(node, "isEqual", True, where), _flag(node, "isRegex", False, where)]
    matcher = anchored(Matcher(name, op, value))
    try:
        matcher.matches("")
    except BadInput:
        raise BadInput(f"{where}: the regular expression {value!r} is not valid in RE2") from None
    return matcher


def _flag(node: Mapping[str, Any], key: str, default: bool, where: str) -> bool:
    """Read a truth value, which JSON has and of which YAML is read as its text."""
    value = node.get(key, default)
    if value not in (True, False, "true", "false"):
        raise BadInput(f"{where}: {key} is neither true nor false")
    return value in (True, "true")


def _time(node: Mapping[str, Any], key: str, where: str) -> int:
    try:
        return parse_time(node.get(key, ""))
    except BadInput as error:
        raise BadInput(f"{where}: {key}: {error}") from None
