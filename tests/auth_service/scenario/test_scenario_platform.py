"""What stands behind the pods moves with the same load: hash workers, containers, stores."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from alertlab.frame import is_stale
from alertlab.units import MINUTE_MS
from auth_service.scenario import Scenario, recorded_days

ROOT = Path(__file__).resolve().parents[3]
STEP_SECONDS = 120
DAY = 720  # steps

METRICS = {
    "auth-service": """auth_hash_workers auth_hash_workers_busy auth_hash_queue_length
        auth_hash_seconds_bucket auth_hash_seconds_sum auth_hash_seconds_count
        auth_hash_wait_seconds_bucket auth_hash_wait_seconds_sum auth_hash_wait_seconds_count
        auth_database_pool_size auth_database_pool_in_use auth_database_held_seconds_sum
        auth_database_held_seconds_count""",
    "kubernetes-cadvisor": """up container_cpu_usage_seconds_total
        container_cpu_cfs_periods_total container_cpu_cfs_throttled_periods_total
        container_memory_working_set_bytes container_fs_usage_bytes
        container_fs_writes_bytes_total container_network_receive_bytes_total
        container_network_transmit_bytes_total""",
    "kube-state-metrics": """up kube_pod_container_resource_requests
        kube_pod_container_resource_limits kube_pod_container_status_restarts_total
        kube_deployment_spec_replicas kube_deployment_status_replicas_available""",
    "kubelet": "up kubelet_volume_stats_used_bytes kubelet_volume_stats_capacity_bytes",
    "postgresql": """up pg_up pg_settings_max_connections
        pg_settings_superuser_reserved_connections pg_stat_database_numbackends
        pg_stat_database_xact_commit pg_stat_database_xact_rollback pg_stat_database_deadlocks
        pg_stat_database_blks_hit pg_stat_database_blks_read pg_database_size_bytes
        pg_stat_statements_calls_total pg_stat_statements_seconds_total pg_stat_activity_count""",
    "kafka": """up kafka_brokers kafka_topic_partitions kafka_topic_partition_current_offset
        kafka_topic_partition_under_replicated_partition kafka_consumergroup_current_offset
        kafka_consumergroup_lag kafka_consumergroup_members""",
}


@cache
def base():
    """Return one quiet Monday of the growing service, as a file would hold it."""
    read = YAML(typ="safe").load
    whole = read((ROOT / "data/scenarios/auth-28d.yaml").read_text("utf-8"))
    whole |= read((ROOT / "data/scenarios/auth-12w.yaml").read_text("utf-8"))
    del whole["extends"]
    quiet = {"days": 1, "deploys": [], "incidents": [], "look_alikes": []}
    return whole | quiet | {"scrapes": {"missed_ratio": 0.0}}


def content(**changes):
    """Return that Monday with some keys replaced."""
    return base() | changes


def slow(where):
    """Return a look-alike that slows half of all calls from 6:00 to 8:00."""
    methods = ["CreateUser", "Login", "ValidateToken", "RefreshToken", "RevokeToken"]
    effect = {"effect": "slow", "methods": methods, "share": 0.5, "wait": "60ms", "where": where}
    return {
        "id": "slow",
        "start": "2026-01-05T06:00:00Z",
        "length": "2h",
        "note": "Something is slow.",
        "effects": [effect],
    }


def recorded(**changes):
    """Generate and return {labels: values} of the only day."""
    (day,) = recorded_days(Scenario.model_validate(content(**changes)))
    return {one.labels: one.values for one in day}


def rows(series, name, **labels):
    """Return the values of a metric's series that have these labels, shape (n_series, n_steps)."""
    found = [
        values
        for label_set, values in series.items()
        if (have := dict(label_set))["__name__"] == name and labels.items() <= have.items()
    ]
    assert found, name
    return np.stack(found)


def total(series, name, **labels):
    """Return the sum over such series at each step."""
    return rows(series, name, **labels).sum(axis=0)


def per_second(series, name, **labels):
    """Return how fast such counters grow together, shape (n_steps - 1,)."""
    return np.diff(total(series, name, **labels)) / STEP_SECONDS


@pytest.fixture(scope="module")
def quiet():
    """One Monday on which nothing happens."""
    return recorded()


@pytest.fixture(scope="module")
def busy():
    """The same with a burst of logins that keeps nearly all hash workers at work."""
    burst = slow("elsewhere") | {
        "effects": [
            {"effect": "requests", "method": "Login", "per_second": 88, "outcomes": {"ok": 1.0}}
        ]
    }
    return recorded(look_alikes=[burst])


BURST = slice(190, 235)  # well inside 6:00 to 8:00


def test_names_and_jobs(quiet):
    """Each job's series are named as its exporter names them, none is missing."""
    names = defaultdict(set)
    for labels in quiet:
        names[dict(labels)["job"]].add(dict(labels)["__name__"])
    for job, wanted in METRICS.items():
        if job == "auth-service":
            assert set(wanted.split()) <= names[job]
        else:
            assert names[job] == set(wanted.split())


def test_labels(quiet):
    """Labels are those that the exporters give."""
    have = {dict(labels)["__name__"]: set(dict(labels)) for labels in quiet}
    pod = {"__name__", "job", "instance", "namespace", "pod"}
    assert have["container_cpu_usage_seconds_total"] == pod | {"container"}
    assert have["container_network_receive_bytes_total"] == pod | {"interface"}
    assert have["kube_pod_container_resource_limits"] == pod | {"container", "resource", "unit"}
    assert have["auth_hash_workers_busy"] == pod
    base = {"__name__", "job", "instance"}
    assert have["pg_stat_activity_count"] == base | {"datname", "state"}
    assert have["kafka_consumergroup_lag"] == base | {"consumergroup", "topic", "partition"}
    assert have["kubelet_volume_stats_used_bytes"] == base | {"namespace", "persistentvolumeclaim"}


def test_busy_workers_follow_logins(busy):
    """Workers' seconds per second are hashes times 5 / 48 s, and so are those seen at work."""
    hashes = per_second(busy, "auth_hash_seconds_count")
    work = per_second(busy, "auth_hash_seconds_sum")
    logins = per_second(busy, "grpc_server_handled_total", grpc_method="Login")
    assert np.corrcoef(hashes, logins)[0, 1] > 0.99
    assert work.sum() == pytest.approx(hashes.sum() * 5 / 48, rel=0.005)
    seen = total(busy, "auth_hash_workers_busy")[1:]
    assert seen.mean() == pytest.approx(work.mean(), rel=0.03)
    assert rows(busy, "auth_hash_workers_busy").max() == 5


def test_queue_is_littles(busy):
    """Those who wait at a scrape are as many as arrive during one mean wait."""
    waiting = total(busy, "auth_hash_queue_length")[BURST].mean()
    expected = per_second(busy, "auth_hash_wait_seconds_sum")[BURST].mean()
    assert expected > 3
    assert waiting == pytest.approx(expected, rel=0.35)


def test_cpu_per_hash_and_call(quiet):
    """CPU time is 75 ms a hash and 1.1 ms a call."""
    cores = per_second(quiet, "container_cpu_usage_seconds_total")
    hashes = per_second(quiet, "auth_hash_seconds_count")
    calls = per_second(quiet, "grpc_server_handled_total")
    assert np.allclose(cores, 0.075 * hashes + 0.0011 * calls, rtol=1e-6)


def test_pool_and_backends_stay_within_their_limits(busy):
    """Connections in use are at most the pool's, backends at most the server's."""
    in_use, size = rows(busy, "auth_database_pool_in_use"), rows(busy, "auth_database_pool_size")
    assert (in_use <= size).all() and in_use.max() > 3
    backends = total(busy, "pg_stat_database_numbackends")
    assert (backends <= total(busy, "pg_settings_max_connections")).all()
    assert np.array_equal(backends, total(busy, "pg_stat_activity_count"))


def test_lag_grows_only_where_more_is_written_than_read():
    """Consumers that are too slow fall behind by just what they cannot read."""
    kafka = content()["kafka"] | {"consumers": 1, "consumer_events_per_second": 80}
    slow_ones = recorded(kafka=kafka)
    lag = total(slow_ones, "kafka_consumergroup_lag")
    written = per_second(slow_ones, "kafka_topic_partition_current_offset")
    grown = np.diff(lag)
    assert lag.max() > 1_000
    assert (grown[written > 90] > 0).all() and (written > 90).any()
    assert (grown[(written < 70) & (lag[:-1] > 20_000)] < 0).all()
    read = per_second(slow_ones, "kafka_consumergroup_current_offset")
    assert np.allclose((written - read) * STEP_SECONDS, grown)


def test_lag_is_small_where_consumers_keep_up(quiet):
    """Otherwise only the last half second is unread."""
    lag = total(quiet, "kafka_consumergroup_lag").mean()
    events = per_second(quiet, "kafka_topic_partition_current_offset").mean()
    assert lag == pytest.approx(0.5 * events, rel=0.1)


SIGNALS = {
    "cpu": ("auth_hash_seconds_sum", "container_cpu_cfs_throttled_periods_total"),
    "locks": ("auth_database_held_seconds_sum", "pg_stat_database_deadlocks"),
    "disk": ("auth_database_held_seconds_sum", "pg_stat_database_blks_read"),
    "elsewhere": (),
}


@pytest.mark.parametrize("where", SIGNALS)
def test_trouble_shows_where_it_is(quiet, where):
    """A slow spell moves the signals of its place by a fifth or more, and no other's."""
    spell = recorded(look_alikes=[slow(where)])
    for name in {one for names in SIGNALS.values() for one in names}:
        inside = per_second(spell, name)[BURST].mean()
        usual = per_second(quiet, name)[BURST].mean()
        if name in SIGNALS[where]:
            assert inside > 1.2 * usual + 1e-4
        else:
            assert inside == pytest.approx(usual, rel=0.03, abs=1e-2)


def test_counters_begin_anew_with_a_process():
    """A crash resets what the process counts, not what its pod or the servers count."""
    crash = slow("elsewhere") | {
        "length": "4m",
        "effects": [{"effect": "crashing", "pods": 1, "every": "1d"}],
    }
    series = recorded(look_alikes=[crash])
    falls = defaultdict(int)
    for labels, values in series.items():
        name = dict(labels)["__name__"]
        kept = values[~is_stale(values)]
        if name.endswith(("_total", "_count", "_sum", "_xact_commit", "_offset")):
            falls[name] = max(falls[name], int((np.diff(kept) < 0).sum()))
    assert falls["container_cpu_usage_seconds_total"] == 1
    assert falls["auth_hash_seconds_sum"] == falls["auth_database_held_seconds_count"] == 1
    for name in (
        "container_network_receive_bytes_total",
        "kube_pod_container_status_restarts_total",
        "pg_stat_database_xact_commit",
        "kafka_topic_partition_current_offset",
    ):
        assert falls[name] == 0
    assert rows(series, "kube_pod_container_status_restarts_total").max() == 1


KEYS = [
    ("hash_workers", "workers", 6, "auth_hash_workers"),
    ("hash_workers", "service_sigma", 0.6, "auth_hash_seconds_bucket"),
    ("hash_workers", "arrival_cv2", 4, "auth_hash_wait_seconds_sum"),
    ("hash_workers", "queue", "stretch", "auth_hash_wait_seconds_sum"),
    ("containers", "cpu_seconds_per_hash", 0.08, "container_cpu_usage_seconds_total"),
    ("containers", "cpu_seconds_per_call", 0.002, "container_cpu_usage_seconds_total"),
    ("containers", "memory_base", "300MiB", "container_memory_working_set_bytes"),
    ("containers", "memory_per_hash", "32MiB", "container_memory_working_set_bytes"),
    ("containers", "memory_growth_per_day", "60MiB", "container_memory_working_set_bytes"),
    (
        "containers",
        "requests",
        {"cpu": 2, "memory": "1GiB"},
        "kube_pod_container_resource_requests",
    ),
    ("containers", "limits", {"cpu": 9, "memory": "2GiB"}, "kube_pod_container_resource_limits"),
    ("postgresql", "max_connections", 200, "pg_settings_max_connections"),
    ("postgresql", "reserved_connections", 5, "pg_settings_superuser_reserved_connections"),
    ("postgresql", "other_connections", 9, "pg_stat_database_numbackends"),
    ("postgresql", "pool_size", 20, "auth_database_pool_size"),
    ("postgresql", "hold_ms", 10, "auth_database_held_seconds_sum"),
    ("postgresql", "size_at_start", "10GiB", "pg_database_size_bytes"),
    ("postgresql", "bytes_per_login", 400, "pg_database_size_bytes"),
    ("postgresql", "disk_capacity", "200GiB", "kubelet_volume_stats_capacity_bytes"),
    ("kafka", "brokers", 5, "kafka_brokers"),
    ("kafka", "partitions", 3, "kafka_topic_partitions"),
    ("kafka", "consumers", 2, "kafka_consumergroup_members"),
    ("kafka", "events_per_login", 3, "kafka_topic_partition_current_offset"),
    ("kafka", "events_per_refresh", 2, "kafka_topic_partition_current_offset"),
    ("kafka", "consumer_events_per_second", 10, "kafka_consumergroup_lag"),
    ("kafka", "bytes_per_event", 900, "kubelet_volume_stats_used_bytes"),
    ("kafka", "retention", "10GiB", "kubelet_volume_stats_used_bytes"),
    ("kafka", "disk_capacity", "60GiB", "kubelet_volume_stats_capacity_bytes"),
]


@pytest.mark.parametrize(("part", "key", "value", "name"), KEYS)
def test_each_key_changes_what_is_told(quiet, part, key, value, name):
    """No key is without effect."""
    changed = recorded(**{part: content()[part] | {key: value}})
    assert not np.array_equal(total(changed, name), total(quiet, name))


@pytest.mark.parametrize(
    ("part", "changes", "sentence"),
    [
        (
            "containers",
            {"limits": {"cpu": 1, "memory": "2GiB"}},
            "limits.cpu is below requests.cpu",
        ),
        ("containers", {"memory_base": "2GiB"}, "leaves nothing above memory_base"),
        ("postgresql", {"size_at_start": "400GiB"}, "does not fit into disk_capacity"),
        ("postgresql", {"pool_size": 60}, "may open 186 connections"),
        ("kafka", {"retention": "60GiB"}, "retention does not fit"),
        ("hash_workers", {"workers": 1}, "greater than or equal to 2"),
        ("scrapes", {"exporters": "3m"}, "must be a multiple of step"),
    ],
)
def test_bad_keys_get_a_sentence(part, changes, sentence):
    """What cannot be is refused, and the sentence says what."""
    with pytest.raises(ValidationError, match=sentence):
        Scenario.model_validate(content(**{part: content()[part] | changes}))


def test_exporters_may_be_read_less_often(quiet):
    """With ``exporters`` their series are sparser, those of pods are not."""
    sparse = recorded(scrapes={"missed_ratio": 0.0, "exporters": f"{4 * MINUTE_MS}ms"})
    assert rows(sparse, "pg_up").shape[1] * 2 == rows(quiet, "pg_up").shape[1] == DAY
    assert rows(sparse, "auth_hash_workers").shape[1] == DAY
