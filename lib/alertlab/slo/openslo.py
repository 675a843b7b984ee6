"""Reads objectives of OpenSLO v1: SLO objects with an indicator of their own or of an SLI object.

Keys: github.com/OpenSLO/OpenSLO, README.md, Specification.  Objects of other kinds in the file are
passed over, as are alert policies: rules are generated here.
"""

from __future__ import annotations

import re

from alertlab.slo.events import WINDOW, Events, read_events
from alertlab.slo.fields import Fields, percent_ratio, plain_ratio
from alertlab.slo.objectives import (
    DEFAULT_PERIOD_MS,
    Answers,
    Objective,
    answers_of_queries,
)
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS

VERSION = "openslo/v1"
TOLD_BY = f"apiVersion: {VERSION}"

_KINDS = ("SLO", "SLI", "Service", "DataSource", "AlertPolicy", "AlertCondition",
          "AlertNotificationTarget")  # fmt: skip
_SLO_KEYS = ("description", "service", "indicator", "indicatorRef", "timeWindow",
             "budgetingMethod", "objectives", "alertPolicies")  # fmt: skip
_TARGET_KEYS = ("displayName", "target", "targetPercent")
_OF_COMPOSITES = "a composite SLO, with an indicator for each objective, is not read; split it"
_OF_THRESHOLDS = "it is compared with a thresholdMetric, which has no events to count; leave it out"
_OF_SLICES = "slices of time are not counted here, but events; leave it out"
_UNREAD = {
    "indicator": _OF_COMPOSITES,
    "indicatorRef": _OF_COMPOSITES,
    "compositeWeight": _OF_COMPOSITES,
    "op": _OF_THRESHOLDS,
    "value": _OF_THRESHOLDS,
    "timeSliceTarget": _OF_SLICES,
    "timeSliceWindow": _OF_SLICES,
}
_DURATION = re.compile(r"(\d+)([mhdwMQY])")
_UNITS_MS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": WEEK_MS}


def wrote(document: Fields) -> bool:
    """Tell whether a document is an object of OpenSLO, of whatever version."""
    return str(document.node.get("apiVersion")).startswith(("openslo/", "openslo.com/"))


def read(documents: list[Fields]) -> list[tuple[Objective, Fields]]:
    """Return the objectives of a file's SLO objects, and where each stands."""
    by_kind: dict[str, list[Fields]] = {}
    for one in documents:
        version, kind = one.text("apiVersion"), one.text("kind")
        if version != VERSION:
            raise one.refused("apiVersion", f"{version} is not read; write it as {VERSION}")
        if kind not in _KINDS:
            raise one.refused("kind", f"unknown kind {kind!r}; there are: {', '.join(_KINDS)}")
        one.only("apiVersion", "kind", "metadata", "spec")
        by_kind.setdefault(kind, []).append(one)
    if "SLO" not in by_kind:
        raise documents[0].refused("kind", "no document is of kind SLO; add one")
    indicators = {_name(one): one.inner("spec") for one in by_kind.get("SLI", [])}
    return [pair for one in by_kind["SLO"] for pair in _slo(one, indicators)]


def _name(document: Fields) -> str:
    return document.inner("metadata").name()


def _slo(document: Fields, indicators: dict[str, Fields]) -> list[tuple[Objective, Fields]]:
    name = _name(document)
    spec = document.inner("spec").called(f"SLO {name}").only(*_SLO_KEYS)
    method = spec.text("budgetingMethod", "Occurrences")
    if method != "Occurrences":
        raise spec.refused(
            "budgetingMethod",
            f"{method} is not counted here: it needs slices of time, not events; use Occurrences",
        )
    targets = [_readable(one) for one in spec.entries("objectives", f"SLO {name}: an objective")]
    answers = _answers(_indicator(spec, indicators))
    found = []
    for number, target in enumerate(targets, start=1):
        objective = Objective(
            name=name if len(targets) == 1 else f"{name}-{number}",
            kind=answers.kind,
            target_ratio=_target(target),
            period_ms=_period_ms(spec),
            description=target.text("displayName", "") or spec.text("description", ""),
            **answers._asdict(),
        )
        found.append((objective, target))
    return found


def _readable(target: Fields) -> Fields:
    for key in target.node:
        if key in _UNREAD:
            raise target.refused(key, _UNREAD[key])
    return target.only(*_TARGET_KEYS)


def _target(fields: Fields) -> float:
    if fields.has("target") == fields.has("targetPercent"):
        raise fields.refused("target", "give either target: 0.999 or targetPercent: 99.9")
    if fields.has("target"):
        return fields.made("target", plain_ratio)
    return fields.made("targetPercent", percent_ratio)


def _indicator(spec: Fields, indicators: dict[str, Fields]) -> Fields:
    if spec.has("indicator") == spec.has("indicatorRef"):
        raise spec.refused("indicator", "give either indicator or indicatorRef")
    if spec.has("indicator"):
        return spec.inner("indicator").only("metadata", "spec").inner("spec")
    name = spec.text("indicatorRef")
    if name not in indicators:
        known = ", ".join(sorted(indicators)) or "none"
        raise spec.refused(
            "indicatorRef", f"no SLI object of this file is called {name!r}; there are: {known}"
        )
    return indicators[name]


def _answers(indicator: Fields) -> Answers:
    indicator.only("description", "thresholdMetric", "ratioMetric")
    if not indicator.has("ratioMetric"):
        raise indicator.refused(
            "thresholdMetric",
            "a thresholdMetric has no events to count; write a ratioMetric with good or bad and "
            "total",
        )
    ratio = indicator.inner("ratioMetric")
    if ratio.has("raw") or ratio.has("rawType"):
        raise ratio.refused("raw", "a ratio has no events to count; write good or bad and total")
    ratio.only("counter", "good", "bad", "total")
    if ratio.has("good") == ratio.has("bad"):
        raise ratio.refused("good", "give either good or bad")
    is_counter = ratio.flag("counter", default=False)
    total = _events(ratio.inner("total"), is_counter)
    if ratio.has("bad"):
        return answers_of_queries(total, _events(ratio.inner("bad"), is_counter))
    good = _events(ratio.inner("good"), is_counter)
    return answers_of_queries(total, _rest(total, good, ratio))


def _events(metric: Fields, is_counter: bool) -> Events:
    source = metric.only("metricSource").inner("metricSource")
    source.only("metricSourceRef", "type", "spec")
    if source.text("type", "Prometheus").lower() != "prometheus":
        raise source.refused("type", f"{source.text('type')} is not read; only Prometheus is")
    query = source.inner("spec")
    return query.made("query", lambda text: read_events(text, is_counter=is_counter))


def _rest(total: Events, good: Events, ratio: Fields) -> Events:
    """Return the events of the total that are not good."""
    if total.is_raw and good.is_raw:
        return Events((*total.added, *good.subtracted), (*total.subtracted, *good.added))
    units = {one.per_second for one in (total, good) if not one.is_raw}
    if len(units) > 1:
        raise ratio.refused("good", "good and total have different units; use rate in both")
    (per_second,) = units
    of_all, of_good = (
        one.rate_expr(WINDOW) if per_second else one.increase_expr(WINDOW) for one in (total, good)
    )
    # Without any good event there may be no series of them; then all are bad.
    return Events(query=f"(({of_all}) - ({of_good})) or ({of_all})", per_second=per_second)


def _period_ms(spec: Fields) -> int:
    if not spec.has("timeWindow"):
        return DEFAULT_PERIOD_MS
    windows = spec.entries("timeWindow", f"{spec.what}: timeWindow")
    if len(windows) > 1:
        raise spec.refused("timeWindow", "more than one window; leave one")
    window = windows[0].only("duration", "isRolling", "calendar")
    if window.has("calendar") or not window.flag("isRolling", default=True):
        raise window.refused("isRolling", "only rolling windows are read; the ledger has months")
    text = window.text("duration")
    found = _DURATION.fullmatch(text)
    if not found or found[2] not in _UNITS_MS or not int(found[1]):
        raise window.refused("duration", f"{text!r} is no rolling window; write it like 28d or 4w")
    return int(found[1]) * _UNITS_MS[found[2]]
