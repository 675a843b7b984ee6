"""Peak memory of queries over 28 days of 300 targets, each in a process of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from measure import peak_bytes, print_table

from alertlab.frame import Frame, Series
from alertlab.sources import Recording, RecordingWriter
from alertlab.units import DAY_MS, SECOND_MS, label_set

DAYS, TARGETS, STEP_MS = 28, 300, 15 * SECOND_MS
START_MS = 1_700_006_400_000 // DAY_MS * DAY_MS
QUERIES = (
    "c_total",
    "rate(c_total[5m])",
    "rate(c_total[5m]) / rate(c_total[1h])",
    "topk(5, rate(c_total[5m]))",
    "max_over_time(rate(c_total[5m])[1d:5m])",
    "sum(rate(c_total[5m]))",
)


def bench_memory() -> None:
    """Every target has timestamps of its own: nothing can be shared."""
    with tempfile.TemporaryDirectory() as name:
        path = _record(Path(name) / "recording")
        rows = []
        for query in QUERIES:
            peak = peak_bytes(ask, path, query)
            rows.append([f"`{query}`", f"{peak / 2**30:.2f} GiB"])
        print_table(
            "Peak memory, 28 days x 300 series at 15s", ["query", "peak of the process"], rows
        )


def ask(path: Path, query: str) -> Frame:
    """Evaluate a query over the whole recording."""
    recording = Recording.open(path)
    return recording.range_query(query, recording.start_ms, recording.end_ms, STEP_MS)


def _record(folder: Path) -> Path:
    random = np.random.default_rng(3)
    steps = np.arange(DAY_MS // STEP_MS)
    totals = np.zeros(TARGETS)
    with RecordingWriter(
        folder, origin="a benchmark", scrape_interval_ms=STEP_MS, synthetic=True
    ) as writer:
        for day in range(DAYS):
            series = []
            for target in range(TARGETS):
                jitter = random.integers(0, 9, len(steps)) + 7 * target
                values = totals[target] + np.cumsum(random.integers(0, 5, len(steps)))
                totals[target] = values[-1]
                times = START_MS + day * DAY_MS + steps * STEP_MS + jitter
                labels = label_set({"__name__": "c_total", "target": str(target)})
                series.append(Series(labels, times, values))
            writer.add_day(series)
    return folder
