"""Which alert each result of a rule's expression is."""

from __future__ import annotations

import re

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import Frame, FrameBuilder
from alertlab.replay.levels import signed_values
from alertlab.rules import AlertRule, Threshold
from alertlab.sources import Source
from alertlab.templates import AlertContext, QueryResult, Sample, StringMap, expand, has_template
from alertlab.units import NAME, LabelSet, label_set

# Beside what names a label, anything may depend on the value or the time; so does the bare dot.
_LABELS = re.compile(r"\$labels\.\w+|\.Labels\.\w+")
_OF_THE_SERVER = re.compile(r"external(?:Labels|URL)|pathPrefix", re.IGNORECASE)
_MAY_VARY = re.compile(r"[$.]|\bquery\b|\bnow\b")

_LOWEST = np.finfo(np.float64).min


def alert_identity(
    rule: AlertRule,
    labels: LabelSet,
    *,
    value: float = np.nan,
    at_ms: int = 0,
    source: Source | None = None,
) -> LabelSet:
    """Return the labels of the alert that a result element makes (rules/alerting.go, Eval).

    value, at_ms, source : what the templates of the rule's labels may ask for
    """

    def query(expr: str) -> QueryResult:
        frame = source.range_query(expr, at_ms, at_ms, 1)
        return QueryResult(
            Sample(StringMap(dict(one)), float(row[0]))
            for one, row in zip(frame.labels, frame.values, strict=True)
        )

    context = AlertContext(rule.name, dict(labels), value, at_ms, query)
    merged = {name: text for name, text in labels if name != NAME}
    merged |= {name: expand(text, context) for name, text in rule.labels}
    return label_set(merged | {"alertname": rule.name})


def check_labels(rule: AlertRule) -> None:
    """Raise BadInput for labels that depend on what only the server's configuration tells."""
    for name, text in rule.labels:
        if has_template(text) and _OF_THE_SERVER.search(text):
            raise BadInput(
                f"{rule.where}: labels: {name}: external labels and the external URL are not "
                "known here; write the text itself"
            )


def labels_vary(rule: AlertRule) -> bool:
    """Tell whether a template makes the labels of one series' alert depend on value or time."""
    return any(
        _MAY_VARY.search(_LABELS.sub("", action))
        for _, text in rule.labels
        if has_template(text)
        for action in re.findall(r"\{\{.*?\}\}", text, re.DOTALL)
    )


def merge_rows(
    frame: Frame, identities: list[LabelSet], threshold: Threshold | None
) -> tuple[Frame, np.ndarray | None]:
    """Return a frame of one row per alert, and the level below which the evaluation fails.

    identities : the alert that each row of the frame makes
    threshold : what the frame's values are compared with, None if all that is present alerts

    Where several rows make one alert, at most one may be an element of the result: two of them
    are an error (ErrDuplicateAlertLabelSet), so an evaluation fails where the threshold is below
    the second largest (signed, see replay.levels); None if no alert has several rows.
    """
    rows: dict[LabelSet, list[int]] = {}
    for i, identity in enumerate(identities):
        rows.setdefault(identity, []).append(i)
    labels = tuple(sorted(rows))
    order = [rows[identity][0] for identity in labels]
    if len(rows) == len(identities):
        if order == sorted(order):
            return Frame(frame.times, frame.values, frame.present, labels), None
        return Frame(frame.times, frame.values[order], frame.present[order], labels), None
    values, present = frame.values[order], frame.present[order]
    rival = np.full(len(frame.times), -np.inf)
    for k, identity in enumerate(labels):
        these = rows[identity]
        if len(these) == 1:
            continue
        # Present before absent, whatever the value.
        signed = signed_values(frame.values[these], frame.present[these], threshold)
        rank = np.where(frame.present[these], np.maximum(signed, _LOWEST), -np.inf)
        first = np.argmax(rank, axis=0)
        values[k] = frame.values[these][first, np.arange(len(frame.times))]
        present[k] = frame.present[these].any(axis=0)
        np.maximum(rival, np.partition(signed, -2, axis=0)[-2], out=rival)
    return Frame(frame.times, values, present, labels), rival


def expand_rows(frame: Frame, rule: AlertRule, source: Source) -> tuple[Frame, np.ndarray]:
    """Return which alerts a result makes at each slot, for a rule whose labels vary.

    Values are those of the result; the second array is inf where an evaluation fails because two
    elements make one alert, else -inf.
    """
    built = FrameBuilder(frame.times)
    rival = np.full(len(frame.times), -np.inf)
    for i, t in zip(*np.nonzero(frame.present), strict=True):
        identity = alert_identity(
            rule,
            frame.labels[i],
            value=float(frame.values[i, t]),
            at_ms=int(frame.times[t]),
            source=source,
        )
        values, present = built.row(identity)
        if present[t]:
            rival[t] = np.inf
        values[t], present[t] = frame.values[i, t], True
    return built.frame(), rival
