"""What a Deployment's pods are given now, as kube-state-metrics tells it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alertlab.capacity.resources.resource import Workload
from alertlab.errors import BadInput
from alertlab.sources import Source


@dataclass(frozen=True)
class Allotment:
    """Replicas, and what each pod requests and may use at most; NaN where nothing is set."""

    replicas: int
    cpu_request_cores: float
    cpu_limit_cores: float
    memory_request_bytes: float
    memory_limit_bytes: float


def read_allotment(workload: Workload, source: Source, at_ms: int) -> Allotment:
    """What was each pod of a Deployment given at a time?

    Where pods differ, as in a roll-out, the most counts.  BadInput if nobody knows how many
    replicas there should be.
    """
    replicas = _value(source, workload.replicas, at_ms)
    if math.isnan(replicas) or replicas < 1:
        raise BadInput(
            f"the query of replicas finds none at the end of the data: {workload.replicas}"
        )
    matchers = f'namespace="{workload.namespace}", container="{workload.container}"'
    amounts = (
        _value(
            source, f'max(kube_pod_container_resource_{what}{{{matchers}, resource="{of}"}})', at_ms
        )
        for of in ("cpu", "memory")
        for what in ("requests", "limits")
    )
    return Allotment(int(replicas), *amounts)


def _value(source: Source, query: str, at_ms: int) -> float:
    frame = source.range_query(query, at_ms, at_ms, 1_000)
    return float(frame.values[0, 0]) if frame.present.any() else math.nan
