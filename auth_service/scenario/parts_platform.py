"""The parts of a scenario that a pod stands on: its hash workers, container, database and log.

Each may be left out; what it would make is then not recorded.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ByteSize, Field, model_validator

from auth_service.scenario.parts import Part, Positive

Bytes = Annotated[ByteSize, Field(gt=0)]  # such as 512MiB
Count = Annotated[int, Field(ge=1)]


class HashWorkers(Part):
    """The threads of a pod that hash passwords, all together ``latency.hashes_per_second``.

    ``queue`` says how long hashes wait for a worker: ``stretch`` as the latencies of logins do
    without this part, ``erlang`` by the formula for queues with several servers, which then
    makes the latencies of logins, too.
    """

    workers: Annotated[int, Field(ge=2)]  # per pod
    service_sigma: Positive  # spread of the logarithm of one hash's time
    queue: Literal["stretch", "erlang"] = "stretch"
    arrival_cv2: Positive = 1.0  # burstiness of arrivals, 1 is Poisson's; for erlang alone


class Resources(Part):
    """What Kubernetes is told about a container."""

    cpu: Positive  # cores
    memory: Bytes


class Containers(Part):
    """What one pod is given and what its work costs."""

    requests: Resources
    limits: Resources
    cpu_seconds_per_hash: Positive
    cpu_seconds_per_call: Positive  # of every call, hash or not
    memory_base: Bytes
    memory_per_hash: Bytes  # while it is computed
    memory_growth_per_day: Bytes  # of a process, until it ends

    @model_validator(mode="after")
    def _limits_hold_requests(self) -> Containers:
        for what in ("cpu", "memory"):
            if getattr(self.limits, what) < getattr(self.requests, what):
                raise ValueError(f"limits.{what} is below requests.{what}")
        if self.limits.memory <= self.memory_base:
            raise ValueError("limits.memory leaves nothing above memory_base")
        return self


class PostgreSQL(Part):
    """The database server, and the pool of connections to it that every pod has."""

    max_connections: Count
    reserved_connections: Annotated[int, Field(ge=0)]  # for superusers
    other_connections: Annotated[int, Field(ge=0)]  # of jobs and exporters
    pool_size: Annotated[int, Field(ge=2)]  # connections that a pod may open
    hold_ms: Positive  # mean time that a transaction holds one
    size_at_start: Bytes
    bytes_per_login: Positive
    disk_capacity: Bytes

    @model_validator(mode="after")
    def _fits(self) -> PostgreSQL:
        if self.size_at_start >= self.disk_capacity:
            raise ValueError("size_at_start does not fit into disk_capacity")
        return self

    @property
    def usable_connections(self) -> int:
        """Return how many connections ordinary users may open."""
        return self.max_connections - self.reserved_connections


class Kafka(Part):
    """The log of audit events and the group of consumers that reads it."""

    brokers: Count
    partitions: Count
    consumers: Count
    events_per_login: Positive
    events_per_refresh: Positive
    consumer_events_per_second: Positive  # of one consumer
    bytes_per_event: Positive
    retention: Bytes  # what the log keeps on disk
    disk_capacity: Bytes

    @model_validator(mode="after")
    def _fits(self) -> Kafka:
        if self.retention >= self.disk_capacity:
            raise ValueError("retention does not fit into disk_capacity")
        return self

    @property
    def events_per_second(self) -> float:
        """Return what the consumers can read; those beyond the partitions have nothing to do."""
        return min(self.consumers, self.partitions) * self.consumer_events_per_second
