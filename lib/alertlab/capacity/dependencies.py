"""Is what stands behind the service healthy: its containers, its database, its message broker?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from string import Template

import numpy as np

from alertlab.capacity.signals import SIGNALS, Signal
from alertlab.errors import BadInput
from alertlab.sources import Source
from alertlab.units import MINUTE_MS, escape_label, format_duration


@dataclass(frozen=True)
class Line:
    """One line of a signal; values are NaN where the source knew nothing, shape (n_times,)."""

    name: str
    values: np.ndarray


@dataclass(frozen=True)
class Watched:
    """A signal over time.

    times_ms : int64, shape (n_times,); each value tells of the window that ends there
    lines : none where the source has no such metric
    """

    signal: Signal
    query: str
    times_ms: np.ndarray
    step_ms: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Spell:
    """A stretch of time beyond a bound: from ``start_ms`` to ``end_ms``, at worst ``worst``."""

    line: str
    start_ms: int
    end_ms: int
    worst: float
    worst_ms: int


def watch(
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    namespace: str,
    pods: str,
    signals: Sequence[Signal] = SIGNALS,
    step_ms: int = 10 * MINUTE_MS,
    track: Callable[[Iterable[Signal]], Iterable[Signal]] = iter,
) -> list[Watched]:
    """Read every signal from start to end, one query each.

    namespace : of the service and its stores, in Kubernetes
    pods : regular expression of the service's pods' names
    track : told of each signal, for a progress bar
    """
    if step_ms <= 0 or start_ms > end_ms:
        raise BadInput("a span runs from start to end, in steps of at least 1ms")
    in_namespace = f'namespace="{escape_label(namespace)}"'
    names = {
        "namespace": in_namespace,
        "matchers": f'{in_namespace}, pod=~"{escape_label(pods)}"',
        "window": format_duration(step_ms),
    }
    watched = []
    for one in track(signals):
        query = Template(one.expr).substitute(names)
        frame = source.range_query(query, start_ms, end_ms, step_ms)
        values = np.where(frame.present, frame.values, np.nan)
        lines = (
            Line(dict(labels).get(one.by, "") if one.by else one.name, row)
            for labels, row in zip(frame.labels, values, strict=True)
        )
        watched.append(Watched(one, query, frame.times, step_ms, tuple(lines)))
    return watched


def spells(watched: Watched) -> list[Spell]:
    """When was a signal beyond its bound?  In order of time; none for a signal without a bound.

    Steps without data end a spell: nobody knows what was then.
    """
    bound = watched.signal.bound
    if bound is None:
        return []
    sign = -1.0 if watched.signal.below else 1.0
    found = []
    for line in watched.lines:
        height = sign * line.values
        beyond = height > sign * bound
        edges = np.flatnonzero(np.diff(beyond, prepend=False, append=False)).reshape(-1, 2)
        for first, end in edges.tolist():
            worst = first + int(np.argmax(height[first:end]))
            found.append(
                Spell(
                    line.name,
                    int(watched.times_ms[first]) - watched.step_ms,
                    int(watched.times_ms[end - 1]),
                    float(line.values[worst]),
                    int(watched.times_ms[worst]),
                )
            )
    return sorted(found, key=lambda one: (one.start_ms, one.line))


def known_ratio(watched: Watched) -> float:
    """Return the share of steps at which the source knew a value, of all lines together."""
    if not watched.lines:
        return 0.0
    known = np.any([np.isfinite(line.values) for line in watched.lines], axis=0)
    return float(known.mean())
