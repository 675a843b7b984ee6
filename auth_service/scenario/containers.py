"""The pods' containers as cAdvisor and kube-state-metrics tell of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import poisson

from alertlab.units import DAY_MS, SECOND_MS
from auth_service.scenario.events import Effects, random_stream
from auth_service.scenario.exporters import Told
from auth_service.scenario.exposition import RunningTotals
from auth_service.scenario.hashing import HashWork
from auth_service.scenario.model import Scenario
from auth_service.scenario.pods import Target, Timeline
from auth_service.scenario.sampling import Counted

JOB = "kubernetes-cadvisor"
STATE_JOB = "kube-state-metrics"
STATE_INSTANCE = "kube-state-metrics.monitoring.svc.cluster.local:8080"

_CONTAINER, _DEPLOYMENT = "auth-service", "auth-service"
_PERIODS_PER_SECOND = 10  # of the CPU quota: 100 ms each
_LOG_BYTES, _RECEIVED_BYTES, _SENT_BYTES = 240, 1_300, 1_100  # per call
_IMAGE_BYTES = 40 << 20  # what a container has on disk before its first line of log


@dataclass(frozen=True)
class SlotPods:
    """The pods of one slot over the whole scenario; all of shape (n_steps,).

    pod : int: number among the timeline's targets, -1 where there is none
    running : bool: the container runs
    process : int: the process in it
    age_ms : int: of the process
    restarts : int: of the pod's container so far
    """

    pod: np.ndarray
    running: np.ndarray
    process: np.ndarray
    age_ms: np.ndarray
    restarts: np.ndarray


def slot_pods(scenario: Scenario, timeline: Timeline, slot: int) -> SlotPods:
    """Return who runs in a slot when."""
    process = timeline.life[slot]
    running = process >= 0
    pod = np.full(scenario.n_steps, -1)
    restarts = np.zeros(scenario.n_steps, int)
    for number, target in enumerate(timeline.targets):
        if target.slot == slot:
            steps = slice(target.first, target.end)
            pod[steps] = number
            latest = np.maximum.accumulate(process[steps])
            restarts[steps] = latest - np.min(latest[latest >= 0], initial=latest[-1])
    here = np.arange(scenario.n_steps)
    began = np.maximum.accumulate(np.where(np.diff(process, prepend=-2) != 0, here, 0))
    return SlotPods(pod, running, process, (here - began) * scenario.step, restarts)


class Containers:
    """Draws what the containers of one slot use, one day after the other."""

    def __init__(self, scenario: Scenario, effects: Effects, timeline: Timeline, slot: int) -> None:
        self._scenario = scenario
        self._slot = slot
        self._targets = [(i, t) for i, t in enumerate(timeline.targets) if t.slot == slot]
        self._pods = slot_pods(scenario, timeline, slot)
        self._taken, _ = effects.waiting("Login", slot, where=("cpu",))
        self._by_process = RunningTotals(self._pods.process)
        self._by_pod = RunningTotals(self._pods.pod)

    def usage(self, day: int, counted: dict[str, Counted], work: HashWork) -> Iterator[Told]:
        """Yield what cAdvisor tells of the slot's pods."""
        per_day = self._scenario.steps_per_day
        first = day * per_day
        calls = sum(one.buckets.sum(axis=1) for one in counted.values())
        used = self._used(day, calls, work)
        traffic = {
            "container_network_receive_bytes_total": calls * _RECEIVED_BYTES,
            "container_network_transmit_bytes_total": calls * _SENT_BYTES,
        }
        rows = dict(zip(used, self._by_process.day(np.stack([*used.values()]), first), strict=True))
        log_bytes = rows["container_fs_writes_bytes_total"]
        rows["container_fs_usage_bytes"] = _IMAGE_BYTES + log_bytes
        rows["container_memory_working_set_bytes"] = self._memory(day, work)
        added = np.stack([*traffic.values()]).astype(np.float64)
        network = dict(zip(traffic, self._by_pod.day(added, first), strict=True))
        for number, target in self._between(first, first + per_day):
            own = {"namespace": self._scenario.pods.namespace, "pod": target.pod}
            here = self._pods.pod == number
            for name, values in rows.items():
                labels = {"__name__": name, **own, "container": _CONTAINER}
                yield Told(labels, values, here & self._pods.running)
            for name, values in network.items():
                yield Told({"__name__": name, **own, "interface": "eth0"}, values, here)

    def state(self, day: int) -> Iterator[Told]:
        """Yield what kube-state-metrics tells of the slot's pods."""
        per_day = self._scenario.steps_per_day
        first = day * per_day
        given = self._scenario.containers
        for number, target in self._between(first, first + per_day):
            own = {
                "namespace": self._scenario.pods.namespace,
                "pod": target.pod,
                "container": _CONTAINER,
            }
            here = self._pods.pod == number
            for kind, amounts in (("requests", given.requests), ("limits", given.limits)):
                for resource, unit, amount in (
                    ("cpu", "core", amounts.cpu),
                    ("memory", "byte", amounts.memory),
                ):
                    labels = {
                        "__name__": f"kube_pod_container_resource_{kind}",
                        **own,
                        "resource": resource,
                        "unit": unit,
                    }
                    yield Told(labels, np.full(per_day, float(amount)), here)
            name = "kube_pod_container_status_restarts_total"
            restarts = self._pods.restarts[first : first + per_day].astype(np.float64)
            yield Told({"__name__": name, **own}, restarts, here)

    def _between(self, first: int, end: int) -> list[tuple[int, Target]]:
        """Return the pods that were there between two steps, or right before."""
        margin = self._scenario.exporters_step // self._scenario.step
        return [
            (number, target)
            for number, target in self._targets
            if target.first < end and first <= target.end + margin
        ]

    def _used(self, day: int, calls: np.ndarray, work: HashWork) -> dict[str, np.ndarray]:
        """Return what is counted in each step."""
        rng = random_stream(self._scenario, "containers", day, self._slot)
        given, step_seconds = self._scenario.containers, self._scenario.step / SECOND_MS
        per_day = self._scenario.steps_per_day
        taken = np.clip(self._taken[day * per_day : (day + 1) * per_day], 0.0, 1.0)
        wanted = given.cpu_seconds_per_hash * work.hashes + given.cpu_seconds_per_call * calls
        cores = np.minimum(wanted / step_seconds, given.limits.cpu)
        # A period is throttled when more threads want to run in it than the limit has cores.
        crowded = poisson.sf(np.floor(given.limits.cpu), cores)
        periods = np.full(per_day, round(_PERIODS_PER_SECOND * step_seconds))
        throttled = rng.binomial(periods, 1 - (1 - crowded) * (1 - taken))
        return {
            "container_cpu_usage_seconds_total": cores * step_seconds,
            "container_cpu_cfs_periods_total": periods.astype(np.float64),
            "container_cpu_cfs_throttled_periods_total": throttled.astype(np.float64),
            "container_fs_writes_bytes_total": calls * float(_LOG_BYTES),
        }

    def _memory(self, day: int, work: HashWork) -> np.ndarray:
        """Return the working set at each step; it cannot pass the limit."""
        given, per_day = self._scenario.containers, self._scenario.steps_per_day
        age_ms = self._pods.age_ms[day * per_day : (day + 1) * per_day]
        grown = given.memory_growth_per_day * age_ms / DAY_MS
        used = given.memory_base + given.memory_per_hash * work.busy + grown
        return np.round(np.minimum(used, given.limits.memory))


def deployment(scenario: Scenario, timeline: Timeline, day: int) -> Iterator[Told]:
    """Yield what kube-state-metrics tells of the Deployment."""
    per_day = scenario.steps_per_day
    steps = slice(day * per_day, (day + 1) * per_day)
    wanted = np.zeros(scenario.n_steps)
    for target in timeline.targets:
        wanted[target.first : target.end] += 1
    labels = {"namespace": scenario.pods.namespace, "deployment": _DEPLOYMENT}
    for name, values in (
        ("kube_deployment_spec_replicas", wanted[steps]),
        ("kube_deployment_status_replicas_available", timeline.serving.sum(axis=0)[steps]),
    ):
        yield Told({"__name__": name, **labels}, values.astype(np.float64))
