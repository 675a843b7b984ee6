"""Scrape targets beside the pods: exporters that are read now and then, and what they told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from alertlab.frame import STALE_NAN, Series
from alertlab.units import label_set
from auth_service.scenario.events import random_stream
from auth_service.scenario.model import Scenario


class Told(NamedTuple):
    """One series of an exporter on one day.

    labels : with the metric's name
    values : float64, (steps_per_day,): what a scrape at each step would read
    present : bool, (n_steps,) of the whole scenario: the exporter tells it; None: always
    """

    labels: dict[str, str]
    values: np.ndarray
    present: np.ndarray | None = None


class Totals:
    """Counters of something that never restarts."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def add(self, name: str, added: np.ndarray) -> np.ndarray:
        """Return a counter's totals over the next day, float64 of the shape of ``added``."""
        total = self._last.get(name, 0.0) + np.cumsum(added, dtype=np.float64)
        self._last[name] = total[-1]
        return total


class Exporter:
    """One target of a job, scraped every ``scrapes.exporters``.

    A series that a successful scrape lacks, and every series at a failed one, gets a stale marker
    (Prometheus, scrape/scrape.go).  ``reachable`` is bool, (n_steps,).
    """

    def __init__(
        self, scenario: Scenario, job: str, instance: str, reachable: np.ndarray | None = None
    ) -> None:
        rng = random_stream(scenario, "exporter", job, instance)
        self._labels = {"job": job, "instance": instance}
        self._every = scenario.exporters_step // scenario.step
        self._per_day = scenario.steps_per_day
        grid = np.arange(0, scenario.n_steps, self._every)
        self._times = scenario.start + grid * scenario.step
        self._times += int(rng.integers(0, scenario.exporters_step))
        self._succeeded = rng.random(len(grid)) >= scenario.scrapes.missed_ratio
        if reachable is not None:
            self._succeeded &= reachable[grid]

    def day(self, day: int, told: Iterable[Told]) -> Iterator[Series]:
        """Yield the target's series on one day, ``up`` first."""
        first = day * (self._per_day // self._every)
        scrapes = slice(first, first + self._per_day // self._every)
        times = self._times[scrapes]
        up = self._succeeded[scrapes].astype(np.float64)
        yield Series(label_set({"__name__": "up"} | self._labels), times, up)
        for one in told:
            there = self._succeeded
            if one.present is not None:
                there = there & one.present[:: self._every]
            before = np.append(False, there[:-1])[scrapes]
            now = there[scrapes]
            kept = now | before
            values = np.where(now, one.values[:: self._every], STALE_NAN)[kept]
            yield Series(label_set(one.labels | self._labels), times[kept], values)
