"""Advice as a patch for the Deployment, to be read, reviewed and applied by people."""

from __future__ import annotations

import math

from alertlab.capacity.advice import Advice, Item
from alertlab.capacity.resources import Workload
from alertlab.slo.burn_rules import quoted, yaml_text

_MEBI = 2**20


def kubernetes_patch(workload: Workload, advice: Advice) -> str:
    """Return a strategic merge patch, as YAML, that makes a Deployment what is advised.

    For ``kubectl patch deployment NAME --patch-file FILE``.
    """
    resources = {
        kind: {
            name: quantity
            for name, item in (("cpu", cpu), ("memory", memory))
            if (quantity := _quantity(item))
        }
        for kind, cpu, memory in (
            ("requests", advice.cpu_request, advice.memory_request),
            ("limits", advice.cpu_limit, advice.memory_limit),
        )
    }
    container = {"name": quoted(workload.container), "resources": resources}
    return yaml_text(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": quoted(workload.name), "namespace": quoted(workload.namespace)},
            "spec": {
                "replicas": int(advice.replicas.advised),
                "template": {"spec": {"containers": [container]}},
            },
        }
    )


def _quantity(item: Item) -> str:
    """Write an amount as Kubernetes does: ``1500m`` cores, ``768Mi`` bytes; empty if unknown."""
    if math.isnan(item.advised):
        return ""
    if item.unit == "cores":
        return f"{round(item.advised * 1_000)}m"
    return f"{round(item.advised / _MEBI)}Mi"
