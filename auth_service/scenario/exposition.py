"""What Prometheus would have stored of the counted requests: cumulative series with their gaps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from prometheus_client.utils import floatToGoString

from alertlab.frame import STALE_NAN, Series
from alertlab.units import label_set
from auth_service import metrics
from auth_service.scenario.model import Scenario
from auth_service.scenario.parts import OUTCOMES
from auth_service.scenario.pods import Target, Timeline
from auth_service.scenario.sampling import Counted

_JOB = "auth-service"
_TOKENS_PER_PAIR = 2  # an access and a refresh token

Rows = list[tuple[dict[str, str], np.ndarray]]
"""Metric name and labels, and what is added in each step, float64 of shape (n_steps,)."""


def counter_rows(counted: dict[str, Counted], validations: tuple[np.ndarray, np.ndarray]) -> Rows:
    """Return every counter of one slot with its increments on one day."""
    rows: Rows = []

    def add(name: str, increments: np.ndarray, **labels: str) -> None:
        rows.append(({"__name__": name, **labels}, increments.astype(np.float64)))

    for method, one in counted.items():
        labels = {
            "grpc_type": metrics.GRPC_TYPE,
            "grpc_service": metrics.GRPC_SERVICE,
            "grpc_method": method,
        }
        add(metrics.GRPC_STARTED, one.started, **labels)
        for code, calls in _by_code(method, one).items():
            add(metrics.GRPC_HANDLED, calls, **labels, grpc_code=code)
        rows += histogram_rows(
            metrics.GRPC_HANDLING,
            metrics.HANDLING_BUCKETS_SECONDS,
            one.buckets,
            one.seconds,
            **labels,
        )
    login = dict(counted["Login"].outcomes)
    add(metrics.LOGIN_REQUESTS, sum(login.values()))
    add(metrics.LOGIN_SUCCESS, login.pop("ok"))
    for reason, calls in login.items():
        add(metrics.LOGIN_FAILURE, calls, reason=reason)
    pairs = counted["Login"].outcomes["ok"] + counted["RefreshToken"].outcomes["ok"]
    add(metrics.TOKENS_ISSUED, _TOKENS_PER_PAIR * pairs)
    for reason, calls in _refused_tokens(counted).items():
        add(metrics.TOKEN_ERRORS, calls, reason=reason)
    rows += histogram_rows(
        metrics.TOKEN_VALIDATION_LATENCY, metrics.VALIDATION_BUCKETS_SECONDS, *validations
    )
    return rows


def histogram_rows(
    name: str, edges: tuple[float, ...], buckets: np.ndarray, seconds: np.ndarray, **labels: str
) -> Rows:
    """Return the counters of one histogram; ``buckets`` (n_steps, n_edges + 1), not cumulative."""
    cumulative = np.cumsum(buckets, axis=1, dtype=np.float64)
    rows: Rows = [
        ({"__name__": f"{name}_bucket", **labels, "le": le}, cumulative[:, column])
        for column, le in enumerate(map(floatToGoString, (*edges, np.inf)))
    ]
    rows.append(({"__name__": f"{name}_count", **labels}, cumulative[:, -1]))
    rows.append(({"__name__": f"{name}_sum", **labels}, seconds))
    return rows


def _by_code(method: str, one: Counted) -> dict[str, np.ndarray]:
    by_code: dict[str, np.ndarray] = {}
    for outcome, calls in one.outcomes.items():
        code = OUTCOMES[method][outcome]
        by_code[code] = by_code.get(code, 0) + calls
    return by_code


def _refused_tokens(counted: dict[str, Counted]) -> dict[str, np.ndarray]:
    refused: dict[str, np.ndarray] = {}
    for one in counted.values():
        for outcome, calls in one.outcomes.items():
            if outcome in metrics.TOKEN_ERROR_REASONS:
                refused[outcome] = refused.get(outcome, 0) + calls
    return refused


class RunningTotals:
    """Counters that begin at zero whenever ``owner`` changes: a process, or a pod."""

    def __init__(self, owner: np.ndarray) -> None:
        self._owner = owner
        self._carried: np.ndarray | float = 0.0

    def day(self, added: np.ndarray, first: int) -> np.ndarray:
        """Return the totals from step ``first`` on; shape of added.  Days come in order."""
        end = first + added.shape[1]
        if first and self._owner[first] == self._owner[first - 1]:
            added[:, 0] += self._carried
        totals = np.empty_like(added)
        changes = np.flatnonzero(np.diff(self._owner[first:end])) + 1
        for start, stop in pairwise([0, *changes.tolist(), end - first]):
            np.cumsum(added[:, start:stop], axis=1, out=totals[:, start:stop])
        self._carried = totals[:, -1]
        return totals


class SlotExposition:
    """Turns a slot's increments into the samples of its pods, day after day, in order.

    A counter lives as long as its process; a scrape that fails leaves ``up`` 0 and stale markers
    where there were samples (Prometheus, scrape/scrape.go, ``scrapeAndReport``); a pod that ends
    leaves stale markers for all its series, ``up`` included (``endOfRunStaleness``).
    """

    def __init__(self, scenario: Scenario, timeline: Timeline, slot: int) -> None:
        self._scenario = scenario
        self._targets = [one for one in timeline.targets if one.slot == slot]
        self._totals = RunningTotals(timeline.life[slot])
        self._scraped = timeline.scraped[slot]

    def day(self, day: int, counters: Rows, gauges: Rows) -> Iterator[Series]:
        """Yield the series of one day; of ``gauges`` the rows are values."""
        first = day * self._scenario.steps_per_day
        end = first + self._scenario.steps_per_day
        names = [labels for labels, _ in (*counters, *gauges)]
        totals = self._totals.day(np.stack([added for _, added in counters]), first)
        totals = np.vstack([totals, *(values for _, values in gauges)])
        for target in self._targets:
            if target.first < end and first <= target.end:
                # A pod that has ended is seen once more, by its stale markers.
                steps = np.arange(max(first, target.first), min(end, target.end + 1))
                yield from self._samples(target, names, totals[:, steps - first], steps)

    def _samples(
        self, target: Target, names: list[dict[str, str]], totals: np.ndarray, steps: np.ndarray
    ) -> Iterator[Series]:
        step_ms = self._scenario.step
        ended = steps == target.end
        # Prometheus notices the end of a pod between two scrapes.
        offsets = np.where(ended, (target.offset_ms + step_ms) // 2, target.offset_ms)
        times = self._scenario.start + steps * step_ms + offsets
        succeeded = self._scraped[steps] & ~ended
        stale = ~succeeded & self._scraped[steps - 1] & (steps > target.first)
        kept = succeeded | stale
        labels = {
            "job": _JOB,
            "instance": target.instance,
            "namespace": self._scenario.pods.namespace,
            "pod": target.pod,
        }
        up = np.where(ended, STALE_NAN, succeeded.astype(np.float64))
        yield Series(label_set({"__name__": "up"} | labels), times, up)
        values = totals[:, kept]
        values[:, stale[kept]] = STALE_NAN
        times = times[kept]
        for name, row in zip(names, values, strict=True):
            yield Series(label_set(name | labels), times, row)
