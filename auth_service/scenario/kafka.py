"""The log of audit events: what is written, what is read of it, what kafka_exporter tells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alertlab.units import SECOND_MS
from auth_service.scenario.events import random_stream
from auth_service.scenario.exporters import Told, Totals
from auth_service.scenario.model import Scenario
from auth_service.scenario.sampling import Counted

JOB, INSTANCE = "kafka", "kafka-exporter.production.svc.cluster.local:9308"
VOLUME = "data-kafka-0"

_TOPIC, _GROUP = "auth-events", "audit-log"
_POLL_SECONDS = 0.5  # an event is this old, on the average, when a consumer that keeps up reads it
_SEGMENT_BYTES = 1 << 28  # the log is shortened by a whole segment


class Log:
    """The topic's offsets and its consumers' over time.

    ``disk_used_bytes``, (n_steps,), is that of the day told last.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._kafka = scenario.kafka
        partitions = self._kafka.partitions
        self._written, self._read = np.zeros(partitions), np.zeros(partitions)
        self._backlog = np.zeros(partitions)
        self._totals = Totals()
        self.disk_used_bytes = np.zeros(scenario.steps_per_day)

    def day(self, day: int, counted: list[dict[str, Counted]]) -> Iterator[Told]:
        """Yield what kafka_exporter tells of one day; ``counted`` has each slot's calls."""
        per_day, kafka = self._scenario.steps_per_day, self._kafka
        rng = random_stream(self._scenario, "kafka", day)
        events = self._events(rng, counted)
        written, read = self._offsets(rng, events)
        total_bytes = self._totals.add("bytes", events.sum(axis=0) * kafka.bytes_per_event)
        self.disk_used_bytes = np.round(
            kafka.retention - _SEGMENT_BYTES + total_bytes % _SEGMENT_BYTES
        )

        def told(name: str, values: np.ndarray | float, **labels: str) -> Told:
            return Told({"__name__": name, **labels}, np.broadcast_to(np.float64(values), per_day))

        yield told("kafka_brokers", kafka.brokers)
        yield told("kafka_topic_partitions", kafka.partitions, topic=_TOPIC)
        yield told("kafka_consumergroup_members", kafka.consumers, consumergroup=_GROUP)
        for number in range(kafka.partitions):
            one = {"topic": _TOPIC, "partition": str(number)}
            yield told("kafka_topic_partition_current_offset", written[number], **one)
            yield told("kafka_topic_partition_under_replicated_partition", 0, **one)
            group = {"consumergroup": _GROUP, **one}
            yield told("kafka_consumergroup_current_offset", read[number], **group)
            yield told("kafka_consumergroup_lag", written[number] - read[number], **group)

    def _events(self, rng: np.random.Generator, counted: list[dict[str, Counted]]) -> np.ndarray:
        """Draw the events of each step, by partition; (n_partitions, n_steps)."""
        kafka = self._kafka
        mean = 0.0
        for method, per_call in (
            ("Login", kafka.events_per_login),
            ("RefreshToken", kafka.events_per_refresh),
        ):
            mean = mean + per_call * sum(sum(one[method].outcomes.values()) for one in counted)
        # Whole events per call are certain; a fraction is a chance.
        events = np.floor(mean + rng.random(len(mean))).astype(np.int64)
        even = np.full(kafka.partitions, 1 / kafka.partitions)
        return rng.multinomial(events, even).T

    def _offsets(
        self, rng: np.random.Generator, events: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the offsets written and read at each step; both (n_partitions, n_steps).

        What consumers cannot read at once piles up (Lindley's recursion, in closed form).
        """
        kafka, step_seconds = self._kafka, self._scenario.step / SECOND_MS
        most = kafka.events_per_second / kafka.partitions * step_seconds
        surplus = np.cumsum(events - most, axis=1) + self._backlog[:, None]
        lowest = np.minimum(np.minimum.accumulate(surplus, axis=1), 0.0)
        backlog = surplus - lowest
        on_the_way = rng.poisson(events * (_POLL_SECONDS / step_seconds))
        written = self._written[:, None] + np.cumsum(events, axis=1)
        read = np.floor(written - backlog) - on_the_way
        read = np.maximum.accumulate(np.maximum(read, self._read[:, None]), axis=1)
        self._written, self._read, self._backlog = written[:, -1], read[:, -1], backlog[:, -1]
        return written, read
