"""A recording with everything that could be told wrongly, and the command that serves it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from alertlab.frame import STALE_NAN, Series
from alertlab.units import DAY_MS, HOUR_MS, label_set

START_MS = 20_000 * DAY_MS + HOUR_MS
"""Of the recording's samples, which go on for an hour."""

ODD = [0.1, 1e-7, -0.0, np.nan, np.inf, -np.inf, 1e21, 123456789012345680.0, 1e-6, 5e-324,
       1.7976931348623157e308, -1.5, 1 / 3, 1e15, 2.5e10]  # fmt: skip


def recorded_series() -> list[Series]:
    """Return series of two jobs, odd numbers, any bits, and one that ends."""
    rng = np.random.default_rng(5)
    times = START_MS + 15_000 * np.arange(240) + 137
    found = []

    def add(name: str, values: np.ndarray, at: np.ndarray = times, **labels: str) -> None:
        found.append(Series(label_set({"__name__": name, **labels}), at, np.asarray(values, float)))

    for instance in "abc":
        target = {"job": "api", "instance": instance}
        add("up", np.ones(240), **target)
        for code in ("200", "500"):
            add("requests_total", rng.integers(0, 20, 240).cumsum(), code=code, **target)
        for le, share in (("0.1", 1), ("1", 3), ("+Inf", 4)):
            add("latency_bucket", share * np.arange(240), le=le, **target)
    add("odd", ODD, START_MS + 15_000 * np.arange(len(ODD)), text='a "q" \\ <b>& \n é 한')
    add("gone", [*range(39), STALE_NAN], times[:40], job="x")
    bits = rng.integers(0, 2**64, 3_600, dtype=np.uint64).view(np.float64)
    bits[np.isnan(bits)] = 1e-5
    bits[::3] = 10.0 ** rng.uniform(-9, 23, 1_200)
    bits[1::6] = np.round(bits[1::6] % 1e17, 3)
    add("bits", bits, START_MS + 1_000 * np.arange(3_600))
    return found


@contextmanager
def serving(path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``alertlab serve`` on a free port; gives the process and the URL that it printed."""
    command = [sys.executable, "-m", "alertlab", "serve", str(path), "--port", "0", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("http://"), process.stderr.read()
            yield process, line.split()[0]
        finally:
            process.kill()
