"""What is watched of the things behind the service: containers, PostgreSQL and Kafka.

Metric names are those of cAdvisor, kube-state-metrics, the kubelet, postgres_exporter and
kafka_exporter.  A bound is where the finding begins; where a project publishes one, it is that.
"""

from __future__ import annotations

from dataclasses import dataclass

CONTAINERS = "containers"
POSTGRESQL = "PostgreSQL"
KAFKA = "Kafka"

COUNT = ""
RATIO = "ratio"
BYTES = "bytes"
BYTES_PER_SECOND = "bytes/s"
PER_SECOND = "1/s"
SECONDS = "s"


@dataclass(frozen=True)
class Signal:
    """One thing that is watched.

    expr : PromQL; ``$matchers`` stands for what chooses the namespace and the deployment's pods,
        ``$namespace`` for the namespace alone
    by : the label that tells its lines apart, empty for a single one
    bound : beyond it something is wrong; None: only shown
    """

    part: str
    name: str
    unit: str
    expr: str
    by: str = ""
    bound: float | None = None
    below: bool = False


_CONTAINER = 'container!="", $matchers'

SIGNALS = (
    Signal(
        CONTAINERS, "CPU, of the limit", RATIO,
        f"max(sum by (pod) (rate(container_cpu_usage_seconds_total{{{_CONTAINER}}}[$window]))"
        ' / on (pod) sum by (pod) (kube_pod_container_resource_limits{resource="cpu", $matchers}))',
        bound=0.8,
    ),
    Signal(
        # kubernetes-mixin, CPUThrottlingHigh: a quarter of the periods.
        CONTAINERS, "throttled periods", RATIO,
        f"sum(rate(container_cpu_cfs_throttled_periods_total{{{_CONTAINER}}}[$window])) / "
        f"sum(rate(container_cpu_cfs_periods_total{{{_CONTAINER}}}[$window]))",
        bound=0.25,
    ),
    Signal(
        CONTAINERS, "memory, of the limit", RATIO,
        f"max(sum by (pod) (container_memory_working_set_bytes{{{_CONTAINER}}}) / on (pod) "
        'sum by (pod) (kube_pod_container_resource_limits{resource="memory", $matchers}))',
        bound=0.9,
    ),
    Signal(
        CONTAINERS, "network received", BYTES_PER_SECOND,
        "sum(rate(container_network_receive_bytes_total{$matchers}[$window]))",
    ),
    Signal(
        CONTAINERS, "network sent", BYTES_PER_SECOND,
        "sum(rate(container_network_transmit_bytes_total{$matchers}[$window]))",
    ),
    Signal(
        CONTAINERS, "disk writes", BYTES_PER_SECOND,
        f"sum(rate(container_fs_writes_bytes_total{{{_CONTAINER}}}[$window]))",
    ),
    Signal(
        CONTAINERS, "restarts", COUNT,
        "sum(increase(kube_pod_container_status_restarts_total{$matchers}[1h]))",
        bound=0.5,
    ),
    Signal(
        CONTAINERS, "replicas missing", COUNT,
        "sum(kube_deployment_spec_replicas{$namespace}) - "
        "sum(kube_deployment_status_replicas_available{$namespace})",
        bound=0.5,
    ),
    Signal(
        POSTGRESQL, "mean query time", SECONDS,
        "sum(rate(pg_stat_statements_seconds_total[$window])) / "
        "sum(rate(pg_stat_statements_calls_total[$window]))",
        bound=0.05,
    ),
    Signal(
        POSTGRESQL, "transactions", PER_SECOND,
        "sum(rate(pg_stat_database_xact_commit[$window])) + "
        "sum(rate(pg_stat_database_xact_rollback[$window]))",
    ),
    Signal(
        POSTGRESQL, "rolled back", RATIO,
        "sum(rate(pg_stat_database_xact_rollback[$window])) / "
        "(sum(rate(pg_stat_database_xact_commit[$window])) + "
        "sum(rate(pg_stat_database_xact_rollback[$window])))",
        bound=0.05,
    ),
    Signal(
        # What superusers keep back is nobody else's.
        POSTGRESQL, "connections, of those to be had", RATIO,
        "sum(pg_stat_database_numbackends) / "
        "(max(pg_settings_max_connections) - max(pg_settings_superuser_reserved_connections))",
        bound=0.8,
    ),
    Signal(
        POSTGRESQL, "deadlocks in an hour", COUNT,
        "sum(increase(pg_stat_database_deadlocks[1h]))",
        bound=2.5,  # a few are retried
    ),
    Signal(
        POSTGRESQL, "blocks from memory", RATIO,
        "sum(rate(pg_stat_database_blks_hit[$window])) / "
        "(sum(rate(pg_stat_database_blks_hit[$window])) + "
        "sum(rate(pg_stat_database_blks_read[$window])))",
        bound=0.9, below=True,
    ),
    Signal(POSTGRESQL, "up", COUNT, "min(pg_up)", bound=0.5, below=True),
    Signal(
        POSTGRESQL, "volume used", RATIO,
        'kubelet_volume_stats_used_bytes{persistentvolumeclaim=~".*postgres.*", $namespace} / '
        'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim=~".*postgres.*", $namespace}',
        by="persistentvolumeclaim", bound=0.85,
    ),
    Signal(
        KAFKA, "messages in", PER_SECOND,
        "sum by (topic) (rate(kafka_topic_partition_current_offset[$window]))",
        by="topic",
    ),
    Signal(
        KAFKA, "messages consumed", PER_SECOND,
        "sum by (consumergroup) (rate(kafka_consumergroup_current_offset[$window]))",
        by="consumergroup",
    ),
    Signal(
        # How far behind the readers are, in time rather than in messages.
        KAFKA, "lag, in time at the present rate", SECONDS,
        "sum by (consumergroup) (kafka_consumergroup_lag) / "
        "sum by (consumergroup) (rate(kafka_consumergroup_current_offset[$window]))",
        by="consumergroup", bound=60,
    ),
    Signal(
        KAFKA, "partitions without all copies", COUNT,
        "sum(kafka_topic_partition_under_replicated_partition)",
        bound=0.5,
    ),
    Signal(KAFKA, "brokers", COUNT, "max(kafka_brokers)"),
    Signal(
        KAFKA, "volume used", RATIO,
        'kubelet_volume_stats_used_bytes{persistentvolumeclaim=~".*kafka.*", $namespace} / '
        'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim=~".*kafka.*", $namespace}',
        by="persistentvolumeclaim", bound=0.85,
    ),
)  # fmt: skip
"""The signals by default: section by section, in the order of a report."""
