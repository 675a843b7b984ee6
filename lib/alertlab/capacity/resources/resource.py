"""What a resource is: something that a service uses, and of which there is only so much."""

from __future__ import annotations

from dataclasses import dataclass

PODS, FIXED, DISK = "pods", "fixed", "disk"
KINDS = (PODS, FIXED, DISK)
"""Who has the limit: each pod its own; all together; a volume, where what is used stays used."""


@dataclass(frozen=True)
class Reading:
    """A query and the unit of what it returns."""

    query: str
    unit: str


@dataclass(frozen=True)
class Sign:
    """Something that shows when a resource hurts already: its query passes a bound."""

    name: str
    query: str
    unit: str
    bound: float


@dataclass(frozen=True)
class Resource:
    """One resource; use and limit are one value, or one for each pod.

    kind : one of KINDS; more replicas help where it is PODS
    threshold_ratio : of the limit, where the owner wants to act
    lead_time_ms : from an order until it is there
    demand : what drives the use
    draws_on : the FIXED resource of which each pod may take as much as its own limit
    """

    name: str
    kind: str
    owner: str
    lead_time_ms: int
    threshold_ratio: float
    use: Reading
    limit: Reading
    demand: Reading | None = None
    sign: Sign | None = None
    draws_on: str = ""
    remedy: str = ""

    @property
    def is_horizontal(self) -> bool:
        """Whether more replicas of the service help."""
        return self.kind == PODS

    @property
    def unit(self) -> str:
        """The unit of use and limit."""
        return self.use.unit


@dataclass(frozen=True)
class Workload:
    """The Deployment whose replicas share the load."""

    name: str
    namespace: str
    container: str
    replicas: str  # PromQL: how many are there


@dataclass(frozen=True)
class Prices:
    """Prices of what is requested, in one currency."""

    currency: str
    per_core_month: float
    per_gib_month: float


@dataclass(frozen=True)
class ResourceFile:
    """What a file of resources says."""

    workload: Workload
    resources: tuple[Resource, ...]
    prices: Prices | None = None
