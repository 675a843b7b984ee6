"""What every pod was asked for, and what it spent on that, span after span."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import Frame
from alertlab.sources import Source
from alertlab.units import MINUTE_MS, format_duration

_METHOD = "grpc_method"
_IN_CONTAINER = 'container!=""'  # without it cAdvisor's series of the whole pod would add up

# What of a span is asked: the function over it, the metric, and matchers that it needs anyway.
_BY_METHOD = {
    "requests_per_second": ("rate", "grpc_server_handled_total", ""),
    "in_flight": ("rate", "grpc_server_handling_seconds_sum", ""),
}
_BY_POD = {
    "cpu_cores": ("rate", "container_cpu_usage_seconds_total", _IN_CONTAINER),
    "memory_bytes": ("max_over_time", "container_memory_working_set_bytes", _IN_CONTAINER),
    "hashes_per_second": ("rate", "auth_hash_seconds_count", ""),
    "hashing": ("rate", "auth_hash_seconds_sum", ""),
    "waiting": ("rate", "auth_hash_wait_seconds_sum", ""),
    "hash_workers": ("avg_over_time", "auth_hash_workers", ""),
}


@dataclass(frozen=True)
class LoadHistory:
    """Load and use by pod and span; float64, NaN where unknown.

    ends_ms : int64, shape (n_spans,); span k is ``(ends[k] - step, ends[k]]``
    requests_per_second : shape (n_methods, n_pods, n_spans)
    in_flight : same shape; requests under way on average, by Little's law
    cpu_cores, memory_bytes, hashes_per_second : shape (n_pods, n_spans); the memory's highest
    hashing, waiting : same shape; hashes that a worker computes, and that wait for one, on average
    hash_workers : same shape
    """

    methods: tuple[str, ...]
    pods: tuple[str, ...]
    ends_ms: np.ndarray
    step_ms: int
    requests_per_second: np.ndarray
    in_flight: np.ndarray
    cpu_cores: np.ndarray
    memory_bytes: np.ndarray
    hashes_per_second: np.ndarray
    hashing: np.ndarray
    waiting: np.ndarray
    hash_workers: np.ndarray
    queries: tuple[str, ...]

    @property
    def hash_use_ratio(self) -> np.ndarray:
        """Return the share of a pod's hash workers that are busy; shape (n_pods, n_spans)."""
        return self.hashing / self.hash_workers

    def method(self, name: str) -> np.ndarray:
        """Return a method's requests/s; shape (n_pods, n_spans).  BadInput lists the known ones."""
        if name not in self.methods:
            known = ", ".join(self.methods) or "none"
            raise BadInput(f"there is no method {name!r} in the history; there are: {known}")
        return self.requests_per_second[self.methods.index(name)]


def load_history(
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    matchers: str = "",
    step_ms: int = 15 * MINUTE_MS,
    track: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> LoadHistory:
    """What was each pod asked for, and what did it spend, in each span from start to end?

    matchers : PromQL matchers without braces, such as ``namespace="production"``
    track : told of each query, for a progress bar

    BadInput if nothing was asked of any pod, or there is no whole span.
    """
    first_ms = -(-start_ms // step_ms) * step_ms + step_ms
    if first_ms > end_ms:
        raise BadInput(
            f"from start to end there is no whole span of {format_duration(step_ms)}; "
            "ask for a longer time or a shorter step"
        )
    queries = {
        name: _query(labels, *what, matchers, step_ms)
        for labels, table in ((f"pod, {_METHOD}", _BY_METHOD), ("pod", _BY_POD))
        for name, what in table.items()
    }
    frames = {
        name: source.range_query(queries[name], first_ms, end_ms, step_ms)
        for name in track(queries)
    }
    asked = frames["requests_per_second"]
    if not asked.labels:
        raise BadInput(
            f"the source has no series grpc_server_handled_total{{{matchers}}} from start to end"
        )
    pods = sorted({_label(one, "pod") for one in asked.labels})
    methods = sorted({_label(one, _METHOD) for one in asked.labels})
    return LoadHistory(
        tuple(methods), tuple(pods), asked.times, step_ms,
        **{name: _by_method(frames[name], methods, pods) for name in _BY_METHOD},
        **{name: _rows(frames[name], pods) for name in _BY_POD},
        queries=tuple(queries.values()),
    )  # fmt: skip


def _query(
    labels: str, function: str, metric: str, needed: str, matchers: str, step_ms: int
) -> str:
    inside = ", ".join(filter(None, (needed, matchers)))
    return f"sum by ({labels}) ({function}({metric}{{{inside}}}[{format_duration(step_ms)}]))"


def _label(labels: Sequence[tuple[str, str]], name: str) -> str:
    return dict(labels).get(name, "")


def _by_method(frame: Frame, methods: Sequence[str], pods: Sequence[str]) -> np.ndarray:
    return np.stack([_rows(frame, pods, **{_METHOD: one}) for one in methods])


def _rows(frame: Frame, pods: Sequence[str], **labels: str) -> np.ndarray:
    """Return one row for each pod, NaN where the frame has none; shape (n_pods, n_times)."""
    rows = np.full((len(pods), len(frame.times)), np.nan)
    place = {pod: at for at, pod in enumerate(pods)}
    for row, found in enumerate(frame.labels):
        names = dict(found)
        at = place.get(names.get("pod", ""))
        if at is not None and labels.items() <= names.items():
            rows[at] = np.where(frame.present[row], frame.values[row], np.nan)
    return rows
