"""Rules as a running server tells them: the answer of its ``/api/v1/rules``.

Follows RuleGroup, AlertingRule and RecordingRule in web/api/v1/api.go of Prometheus.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alertlab.errors import BadInput, ServerError
from alertlab.rules.load import checked_expr
from alertlab.rules.model import AlertRule, RecordingRule, RuleGroup
from alertlab.units import SECOND_MS


def groups_of_answer(data: Mapping[str, Any], where: str) -> list[RuleGroup]:
    """Return the groups in the ``data`` object of ``/api/v1/rules``, in the server's order.

    where : the server's address, for messages; each rule has it as ``server``

    The server tells files as it knows them and no lines; expressions as it prints them; labels
    with the group's among them; and the interval that a group runs at, whoever stated it.  It
    does not tell query offsets: they are 0 here.  Raises ServerError for what is no such answer,
    and BadInput for a rule that is none of Prometheus' or cannot be evaluated.
    """
    try:
        return [_group(group, where) for group in data["groups"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ServerError(
            f"{where} answered rules that are not in Prometheus' form; is it a Prometheus server?"
        ) from None


def _group(told: Mapping[str, Any], where: str) -> RuleGroup:
    group = RuleGroup(
        name=told["name"],
        file=Path(told["file"]),
        line=0,
        limit=int(told.get("limit", 0)),
        interval_ms=_milliseconds(told["interval"]),
        server=where,
    )
    return group.with_rules(_rule(rule, group) for rule in told["rules"])


def _rule(told: Mapping[str, Any], group: RuleGroup) -> AlertRule | RecordingRule:
    name, labels = told["name"], tuple(sorted((told.get("labels") or {}).items()))
    where = f"{group.server}: rule {name} in {group.file}"
    if told["type"] not in ("alerting", "recording"):
        raise BadInput(f"{where}: {told['type']!r} is no type of rules of Prometheus")
    expr = checked_expr(told["query"], where)
    if told["type"] == "recording":
        return RecordingRule(name, expr, group.file, 0, labels)
    return AlertRule(
        name=name,
        expr=expr,
        group=group.name,
        file=group.file,
        line=0,
        interval_ms=group.interval_ms,
        hold_duration_ms=_milliseconds(told["duration"]),
        keep_firing_for_ms=_milliseconds(told.get("keepFiringFor", 0)),
        labels=labels,
        annotations=dict(told.get("annotations") or {}),
        states_interval=True,
    )


def _milliseconds(seconds: float) -> int:
    return round(float(seconds) * SECOND_MS)
