"""Reads objectives of Sloth: prometheus/v1, and its Kubernetes form PrometheusServiceLevel.

Keys: github.com/slok/sloth, pkg/prometheus/api/v1 and pkg/kubernetes/api/sloth/v1.  What is about
alerts and labels of its generated rules is passed over: rules are generated here.
"""

from __future__ import annotations

from dataclasses import dataclass

from alertlab.slo.events import read_events
from alertlab.slo.fields import Fields, percent_ratio
from alertlab.slo.objectives import Objective, answers_of_queries
from alertlab.units import DAY_MS

VERSION = "prometheus/v1"
KINDS = ("PrometheusServiceLevel", "ManagedPrometheusServiceLevel")
TOLD_BY = f"version: {VERSION} of Sloth, or kind: {KINDS[0]}"

_PERIOD_MS = 30 * DAY_MS  # Sloth's default; it is an option of its command, not of the file
_PASSED_OVER = ("labels", "alerting", "infoLabels", "plugins", "slo_plugins", "sloPlugins")


@dataclass(frozen=True)
class _Keys:
    """The same keys, as the file and the Kubernetes object write them."""

    error_query: str
    total_query: str


_IN_FILE = _Keys("error_query", "total_query")
_IN_OBJECT = _Keys("errorQuery", "totalQuery")


def wrote(document: Fields) -> bool:
    """Tell whether a document is Sloth's."""
    return document.node.get("version") == VERSION or document.node.get("kind") in KINDS


def read(document: Fields) -> list[tuple[Objective, Fields]]:
    """Return the objectives of a document, and where each stands."""
    if document.has("kind"):
        spec = document.only("apiVersion", "kind", "metadata", "spec").inner("spec")
        return _service(spec.called("spec"), _IN_OBJECT)
    return _service(document, _IN_FILE)


def _service(spec: Fields, keys: _Keys) -> list[tuple[Objective, Fields]]:
    spec.only("version", "service", "slos", *_PASSED_OVER)
    service = spec.name("service")
    found = []
    for entry in spec.entries("slos", "an SLO"):
        slo = entry.called(f"SLO {entry.name()}")
        slo.only("name", "description", "objective", "sli", *_PASSED_OVER)
        found.append((_objective(service, slo, keys), slo))
    return found


def _objective(service: str, slo: Fields, keys: _Keys) -> Objective:
    sli = slo.inner("sli")
    if not sli.has("events"):
        given = ", ".join(map(str, sli.node)) or "nothing"
        raise sli.refused(
            next(iter(sli.node), ""),
            f"only events (two queries) can be counted, not {given}; write {keys.error_query} "
            f"and {keys.total_query}",
        )
    events = sli.inner("events").only(keys.error_query, keys.total_query)
    total, bad = (
        events.made(key, read_events) for key in (keys.total_query, keys.error_query)
    )  # fmt: skip
    answers = answers_of_queries(total, bad)
    return Objective(
        name=f"{service}-{slo.name()}",
        kind=answers.kind,
        target_ratio=slo.made("objective", percent_ratio),
        period_ms=_PERIOD_MS,
        description=slo.text("description", ""),
        **answers._asdict(),
    )
