"""Reads a file of resources: what there is only so much of, and how to measure it."""

from __future__ import annotations

import math
from pathlib import Path

from alertlab.capacity.resources.resource import (
    FIXED,
    KINDS,
    Prices,
    Reading,
    Resource,
    ResourceFile,
    Sign,
    Workload,
)
from alertlab.capacity.resources.units import disagreement
from alertlab.errors import BadInput, known_name, require_file
from alertlab.promql import parse
from alertlab.rules.documents import read_yaml
from alertlab.slo.fields import Fields, period_ms, target_ratio

_KEYS = (
    "name", "kind", "owner", "lead_time", "threshold", "use", "limit", "demand", "sign",
    "draws_on", "remedy",
)  # fmt: skip


def load_resources(path: str | Path) -> ResourceFile:
    """Read the resources of a file, in its order, with the Deployment and the prices.

    Raises BadInput with file, line, resource and key for what cannot be measured as it is written.
    """
    file = require_file(path, "the resources file")
    top = Fields.of(read_yaml(file), file, "resources", 1)
    top.only("deployment", "demands", "prices", "resources")
    workload = _workload(top.inner("deployment"))
    demands = _demands(top)
    found = [
        (fields, _resource(fields, demands))
        for fields in (
            entry.called(f"resource {entry.text('name')}")
            for entry in top.entries("resources", "a resource")
        )
    ]
    _check_names(found)
    prices = _prices(top.inner("prices")) if top.has("prices") else None
    return ResourceFile(workload, tuple(one for _, one in found), prices)


def _workload(fields: Fields) -> Workload:
    fields.only("name", "namespace", "container", "replicas")
    return Workload(
        fields.name(),
        fields.name("namespace"),
        fields.name("container"),
        fields.made("replicas", _query),
    )


def _demands(top: Fields) -> dict[str, Reading]:
    if not top.has("demands"):
        return {}
    around = top.inner("demands")
    return {name: _reading(around, name) for name in around.node}


def _resource(fields: Fields, demands: dict[str, Reading]) -> Resource:
    kind = fields.made("kind", lambda text: known_name(text, KINDS, "kind"))
    fields.only(*_KEYS)
    use, limit = _reading(fields, "use"), _reading(fields, "limit")
    mismatch = disagreement(use.unit, limit.unit)
    if mismatch:
        raise fields.refused("limit", mismatch)
    demand = (
        demands[fields.made("demand", lambda text: known_name(text, demands, "demand"))]
        if fields.has("demand")
        else None
    )
    return Resource(
        name=fields.text("name"),
        kind=kind,
        owner=fields.text("owner"),
        lead_time_ms=fields.made("lead_time", period_ms),
        threshold_ratio=fields.made("threshold", target_ratio),
        use=use,
        limit=limit,
        demand=demand,
        sign=_sign(fields.inner("sign")) if fields.has("sign") else None,
        draws_on=fields.text("draws_on", ""),
        remedy=fields.text("remedy", ""),
    )


def _check_names(found: list[tuple[Fields, Resource]]) -> None:
    """Refuse a name that stands twice, and a resource drawn on that cannot be."""
    by_name: dict[str, Resource] = {}
    for fields, one in found:
        if one.name in by_name:
            raise fields.refused("name", f"{one.name!r} stands twice; rename one")
        by_name[one.name] = one
    shared = {name: one for name, one in by_name.items() if one.kind == FIXED}
    for fields, one in found:
        if not one.draws_on:
            continue
        drawn = shared[
            fields.made(
                "draws_on", lambda text: known_name(text, shared, f"resource of kind {FIXED}")
            )
        ]
        if drawn.unit != one.unit:
            raise fields.refused(
                "draws_on", f"{drawn.name} is in {drawn.unit} and this in {one.unit}"
            )


def _reading(around: Fields, key: str) -> Reading:
    fields = around.inner(key).only("query", "unit")
    return Reading(fields.made("query", _query), fields.text("unit"))


def _sign(fields: Fields) -> Sign:
    fields.only("name", "query", "unit", "bound")
    return Sign(
        fields.text("name"),
        fields.made("query", _query),
        fields.text("unit"),
        fields.made("bound", _positive),
    )


def _prices(fields: Fields) -> Prices:
    fields.only("currency", "core_month", "gib_month")
    return Prices(
        fields.name("currency"),
        fields.made("core_month", _positive),
        fields.made("gib_month", _positive),
    )


def _query(text: str) -> str:
    parse(text)
    return text


def _positive(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise BadInput(f"{text!r} must be a number above 0")
    return found
