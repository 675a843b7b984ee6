"""PromQL over 28 days: here, and by real servers that hold the same samples."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import requests
from measure import best_seconds, memory_bandwidth, print_table
from peers import as_blocks, servers, serving

from alertlab.frame import Frame, Series
from alertlab.sources import Recording, RecordingWriter, open_source
from alertlab.sources.prometheus import MAX_STEPS_PER_REQUEST
from alertlab.units import DAY_MS, SECOND_MS, label_set

DAYS, STEP_MS = 28, 15 * SECOND_MS
START_MS = 1_700_006_400_000 // DAY_MS * DAY_MS
END_MS = START_MS + DAYS * DAY_MS - STEP_MS
BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf")
SAMPLE_BYTES, VALUE_BYTES = 16, 9  # a time and a value; a value and whether it is there
QUERIES = (
    "rate(x_bucket[5m])",
    "rate(x_bucket[1d])",
    "histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))",
    "quantile_over_time(0.95, x_bucket[1h])",
)

HEAD = (
    "query",
    "values",
    "here",
    "from disk",
    "HTTP + JSON to arrays",
    "ratio",
    "HTTP + our decoder",
    "ratio",
    "of memory bandwidth",
)


def bench_queries() -> None:
    """Queries over twenty counters: ours against each server's answers made into arrays."""
    with tempfile.TemporaryDirectory() as name:
        path = _record(Path(name) / "recording")
        blocks = as_blocks(Recording.open(path), Path(name))
        for program, version, semantics in servers():
            with serving(blocks, program) as url:
                _compare(path, url, version, semantics)


def _record(folder: Path) -> Path:
    """Record twenty counters, the buckets of two targets: jitter, missed scrapes and resets."""
    random = np.random.default_rng(1)
    totals = np.zeros((2, len(BOUNDS)))
    count = DAY_MS // STEP_MS
    with RecordingWriter(
        folder, origin="a benchmark", scrape_interval_ms=STEP_MS, synthetic=True
    ) as writer:
        for day in range(DAYS):
            series = []
            for target, total in enumerate(totals):
                jitter = random.integers(0, 20, count) + 137 * target
                times = START_MS + day * DAY_MS + np.arange(count) * STEP_MS + jitter
                seen = random.multinomial(9, [1 / len(BOUNDS)] * len(BOUNDS), count)
                buckets = total + np.cumsum(np.cumsum(seen, axis=1), axis=0)
                if day % 9 == target:
                    buckets[count // 3 :] -= buckets[count // 3]
                total[:] = buckets[-1]
                kept = random.random(count) > 0.002
                for column, le in enumerate(BOUNDS):
                    labels = {"__name__": "x_bucket", "instance": str(target), "le": le}
                    series.append(Series(label_set(labels), times[kept], buckets[kept, column]))
            writer.add_day(series)
    return folder


def _compare(path: Path, url: str, version: str, semantics: int) -> None:
    recording = Recording.open(path, semantics=semantics)
    server = open_source(url)
    bandwidth = memory_bandwidth()
    samples = recording.meta["samples"]
    rows = []
    for query in QUERIES:
        span = (query, START_MS, END_MS, STEP_MS)
        from_disk = best_seconds(
            lambda span=span: Recording.open(path, semantics=semantics).range_query(*span)
        )
        here = best_seconds(lambda span=span: recording.range_query(*span))
        frame = recording.range_query(*span)
        _check(frame, server.range_query(*span))  # the server has read its blocks after this
        decoded = best_seconds(lambda span=span: server.range_query(*span), 1)
        plain = best_seconds(lambda query=query: _plain_answer(url, query), 1)
        least = (samples * SAMPLE_BYTES + frame.values.size * VALUE_BYTES) / bandwidth
        rows.append(
            [
                f"`{query}`",
                f"{frame.present.sum() / 1e6:.2f} M",
                f"{here:.3f} s",
                f"{from_disk:.3f} s",
                f"{plain:.2f} s",
                f"**{plain / here:.0f} x**",
                f"{decoded:.2f} s",
                f"{decoded / here:.0f} x",
                f"{here / least:.1f} x",
            ]
        )
    print_table(
        f"28 days, 20 counters, step 15s: against {version} over HTTP",
        HEAD,
        rows,
    )
    print(f"\nOne core copies {bandwidth / 1e9:.1f} GB/s (read and written) on this machine.")


def _plain_answer(url: str, query: str) -> list[np.ndarray]:
    """Ask as a script would: chunks of the size that servers allow, JSON to arrays of floats."""
    arrays = []
    chunk_ms = MAX_STEPS_PER_REQUEST * STEP_MS
    for start in range(START_MS, END_MS + 1, chunk_ms):
        end = min(start + chunk_ms - STEP_MS, END_MS)
        form = {"query": query, "start": start / 1000, "end": end / 1000, "step": STEP_MS / 1000}
        answer = requests.post(
            f"{url}/api/v1/query_range", form, headers={"Accept-Encoding": "identity"}, timeout=900
        )
        for one in json.loads(answer.content)["data"]["result"]:
            arrays.append(np.array([(t, float(value)) for t, value in one["values"]]))
    return arrays


def _check(ours: Frame, theirs: Frame) -> None:
    """Fail unless both answers are the same: a fast wrong answer is no answer."""
    assert ours.labels == theirs.labels
    np.testing.assert_array_equal(ours.present, theirs.present)
    np.testing.assert_allclose(
        ours.values[ours.present], theirs.values[ours.present], rtol=1e-12, atol=0
    )
