"""All that a day's counted requests do to the workers, containers, database and log behind them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alertlab.frame import Series
from auth_service.scenario import containers, kafka, postgresql
from auth_service.scenario.containers import Containers, deployment
from auth_service.scenario.events import Effects
from auth_service.scenario.exporters import Exporter, Told
from auth_service.scenario.exposition import Rows
from auth_service.scenario.hashing import HashWorkers
from auth_service.scenario.model import Scenario
from auth_service.scenario.pods import Timeline, cut_off
from auth_service.scenario.sampling import Counted

_KUBELET = "kubelet"


class Platform:
    """What of a scenario's parts beyond the calls themselves is recorded; days come in order."""

    def __init__(self, scenario: Scenario, effects: Effects, timeline: Timeline) -> None:
        self._scenario, self._timeline = scenario, timeline
        slots = range(len(timeline.life))
        self._workers = HashWorkers(scenario, effects) if scenario.hash_workers else None
        self._pools = postgresql.Pools(scenario, effects, timeline) if scenario.postgresql else None
        self._database = postgresql.Database(scenario, effects) if scenario.postgresql else None
        self._log = kafka.Log(scenario) if scenario.kafka else None
        self._containers = [
            Containers(scenario, effects, timeline, slot) for slot in slots if scenario.containers
        ]
        lost = cut_off(effects, timeline.life.shape)
        # Each slot has a node of its own, the database and the log have one each behind them.
        self._nodes = [
            Exporter(scenario, containers.JOB, f"node-{slot + 1}", ~lost[slot]) for slot in slots
        ]
        self._state = Exporter(scenario, containers.STATE_JOB, containers.STATE_INSTANCE)
        self._exporters = {
            part.JOB: (
                Exporter(scenario, part.JOB, part.INSTANCE),
                Exporter(scenario, _KUBELET, f"node-{len(slots) + 1 + number}"),
            )
            for number, part in enumerate((postgresql, kafka))
        }
        self._hash_work, self._pool_work = [], []

    def of_pods(self, day: int, counted: list[dict[str, Counted]]) -> list[tuple[Rows, Rows]]:
        """Return the counters and gauges that each slot's pods export beside those of calls."""
        exported: list[tuple[Rows, Rows]] = [([], []) for _ in counted]
        if self._workers:
            self._hash_work = [self._workers.day(day, *one) for one in enumerate(counted)]
            for (counters, gauges), work in zip(exported, self._hash_work, strict=True):
                counters.extend(work.counters)
                gauges.extend(work.gauges)
        if self._pools:
            self._pool_work = [self._pools.day(day, *one) for one in enumerate(counted)]
            for (counters, gauges), work in zip(exported, self._pool_work, strict=True):
                counters.extend(work.counters())
                gauges.extend(work.gauges(self._scenario.postgresql.pool_size))
        return exported

    def of_exporters(self, day: int, counted: list[dict[str, Counted]]) -> Iterator[Series]:
        """Yield what the exporters tell of the day that ``of_pods`` was asked for."""
        if self._containers:
            pods = zip(self._containers, self._nodes, counted, self._hash_work, strict=True)
            for one, node, calls, work in pods:
                yield from node.day(day, one.usage(day, calls, work))
            told = [*deployment(self._scenario, self._timeline, day)]
            told += [row for one in self._containers for row in one.state(day)]
            yield from self._state.day(day, told)
        if self._database:
            told = self._database.day(day, self._pool_work)
            capacity = self._scenario.postgresql.disk_capacity
            yield from self._with_volume(day, postgresql, told, self._database, capacity)
        if self._log:
            told = self._log.day(day, counted)
            yield from self._with_volume(
                day, kafka, told, self._log, self._scenario.kafka.disk_capacity
            )

    def _with_volume(
        self, day: int, part, told: Iterator[Told], keeper, capacity: int
    ) -> Iterator[Series]:
        """Yield an exporter's series and the kubelet's of the volume that its server writes to."""
        exporter, kubelet = self._exporters[part.JOB]
        yield from exporter.day(day, told)
        labels = {
            "namespace": self._scenario.pods.namespace,
            "persistentvolumeclaim": part.VOLUME,
        }
        yield from kubelet.day(
            day,
            [
                Told({"__name__": f"kubelet_volume_stats_{what}_bytes", **labels}, values)
                for what, values in (
                    ("used", keeper.disk_used_bytes),
                    ("capacity", np.full(self._scenario.steps_per_day, float(capacity))),
                )
            ],
        )
