"""Made-up series with what real ones do: jitter, missed scrapes, outages, resets, NaN, Inf."""

from __future__ import annotations

import numpy as np

from alertlab.frame import STALE_NAN, Series
from alertlab.units import label_set

START_MS = 1_700_000_040_000  # a whole minute: windows of round length end on samples
MINUTES = 150
INSTANCES = ("a", "b", "c")
CODES = ("200", "404", "500")
BOUNDS = ("0.05", "0.1", "0.25", "0.5", "+Inf")
ODD = [np.nan, np.inf, -np.inf, 1e308, -1e308, 1e-300, 0.0, -0.0]
"""Values that arithmetic stumbles over."""


def made_up(seed: int) -> list[Series]:
    """Return some eighty series over ``MINUTES``, most with a sample every 15 s."""
    return _Maker(np.random.default_rng(seed)).run()


class _Maker:
    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.count = MINUTES * 4
        self.found: list[Series] = []

    def run(self) -> list[Series]:
        for instance in INSTANCES:
            times = self.times(punctual=instance == "c")
            for code in CODES:
                self.by_code(times, instance=instance, code=code)
            self.by_instance(times, instance=instance)
            self.histograms(times, instance=instance)
        self.add("phi", self.random.uniform(-0.05, 1.1, self.count), self.times())
        return self.found

    def by_code(self, times: np.ndarray, **labels: str) -> None:
        random, count = self.random, self.count
        self.add("requests_total", self.counter(random.poisson(2, count)), times, **labels)
        self.add("gauge", random.normal(0.3, 1, count), times, **labels)
        self.add("steps", np.repeat(random.integers(-2, 5, count // 8), 8), times, **labels)

    def by_instance(self, times: np.ndarray, **labels: str) -> None:
        random, count = self.random, self.count
        self.add("float_total", self.counter(random.exponential(0.1, count)), times, **labels)
        usual = random.normal(0, 10, count)
        self.add("wild", self.now_and_then(0.05, ODD, usual), times, **labels)
        self.add("odd_total", self.now_and_then(0.01, ODD, np.cumsum(abs(usual))), times, **labels)
        self.add("flat", np.full(count, random.choice([0.1, 3.0, np.inf])), times, **labels)
        self.add("flapping", self.now_and_then(0.3, [STALE_NAN], usual), times, **labels)
        rare = random.random(count) < 0.02
        self.add("sparse", random.normal(1, 1, count)[rare], times[rare], **labels)
        version = {"version": f"v{labels['instance']}"}
        self.add("build_info", np.ones(count), times, **labels, **version)

    def histograms(self, times: np.ndarray, **labels: str) -> None:
        """A tidy histogram with one reset, and one whose buckets are no counts at all."""
        random, count = self.random, self.count
        seen = random.multinomial(6, [0.2, 0.3, 0.3, 0.15, 0.05], count)
        buckets = np.cumsum(np.cumsum(seen, axis=1), axis=0)
        reset_at = random.integers(count // 4, count)
        buckets[reset_at:] -= buckets[reset_at]
        for column, le in enumerate(BOUNDS):
            self.add("latency_bucket", buckets[:, column], times, le=le, **labels)
        self.add("latency_count", buckets[:, -1], times, **labels)
        self.add("latency_sum", buckets[:, -1] * 0.1234567, times, **labels)
        for le in ("-1", "0", "1e0", "1", "2", "wide", "+Inf"):
            values = self.now_and_then(0.03, ODD, random.integers(0, 9, count).astype(float))
            self.add("odd_bucket", values, times, le=le, **labels)

    def times(self, punctual: bool = False) -> np.ndarray:
        """Return scrape times of one target: with a phase of its own and jitter, or without."""
        if punctual:
            return START_MS + np.arange(self.count) * 15_000
        phase, jitter = self.random.integers(0, 14_000), self.random.integers(0, 40, self.count)
        return START_MS + np.arange(self.count) * 15_000 + phase + jitter

    def counter(self, steps: np.ndarray) -> np.ndarray:
        """Add up steps, falling back to zero now and then."""
        total = np.cumsum(steps)
        for at in sorted(self.random.integers(0, len(steps), 6)):
            total[at:] = total[at:] - total[at]
        return total

    def now_and_then(self, share: float, odd: list[float], usual: np.ndarray) -> np.ndarray:
        """Replace a share of the values by odd ones."""
        chosen = self.random.random(self.count) < share
        return np.where(chosen, self.random.choice(odd, self.count), usual)

    def add(self, name: str, values: np.ndarray, times: np.ndarray, **labels: str) -> None:
        """Keep a series with missed scrapes and an outage, which may begin with a stale marker."""
        random, values = self.random, values.astype(float)
        keep = random.random(len(times)) > 0.03
        begin = random.integers(0, len(times))
        keep[begin : begin + random.integers(5, 60)] = False
        if random.random() < 0.5:
            keep[begin], values[begin] = True, STALE_NAN
        one = label_set({"__name__": name, **labels})
        self.found.append(Series(one, times[keep], values[keep]))
