"""An answer of 50 series x 11,000 points: into a frame, and into a MetricRangeDataFrame."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import requests
from measure import best_seconds, extra_bytes, print_table
from peers import as_blocks, servers, serving
from prometheus_api_client import MetricRangeDataFrame, PrometheusConnect

from alertlab.frame import Frame, FrameBuilder, Series
from alertlab.sources import Recording, RecordingWriter
from alertlab.sources.answers import decode
from alertlab.sources.grid import put_on_grid, step_times
from alertlab.sources.prometheus import PrometheusSource
from alertlab.units import DAY_MS, SECOND_MS, label_set

STEP_MS, STEPS, SERIES = 15 * SECOND_MS, 11_000, 50
START_MS = 1_700_006_400_000 // DAY_MS * DAY_MS
END_MS = START_MS + (STEPS - 1) * STEP_MS
QUERY = "x"


def bench_decoding() -> None:
    """Decode one real answer both ways; then ask and decode, with and without compression."""
    with tempfile.TemporaryDirectory() as name:
        blocks = as_blocks(_record(Path(name) / "recording"), Path(name))
        program, version, _ = next(servers())
        with serving(blocks, program) as url:
            body = Path(name) / "answer.json"
            body.write_bytes(_ask(url, "identity").content)
            _decode_alone(body)
            _end_to_end(url, version)


def _record(folder: Path) -> Recording:
    random = np.random.default_rng(2)
    steps = np.arange(DAY_MS // STEP_MS)
    with RecordingWriter(
        folder, origin="a benchmark", scrape_interval_ms=STEP_MS, synthetic=True
    ) as writer:
        for day in range(2):
            times = START_MS + day * DAY_MS + steps * STEP_MS
            writer.add_day(
                Series(
                    label_set({"__name__": "x", "pod": str(k)}), times, random.random(len(steps))
                )
                for k in range(SERIES)
            )
    return Recording.open(folder)


def ours(body: bytes) -> Frame:
    """Bytes to a frame."""
    times = step_times(START_MS, END_MS, STEP_MS)
    built = FrameBuilder(times)
    for one in decode(body, QUERY)[1]:
        put_on_grid(built, one, times, STEP_MS)
    return built.frame()


def theirs(body: bytes) -> MetricRangeDataFrame:
    """Bytes to prometheus-api-client's data frame."""
    return MetricRangeDataFrame(json.loads(body)["data"]["result"])


def _decode_alone(path: Path) -> None:
    body = path.read_bytes()
    assert ours(body).values.shape == (SERIES, STEPS)
    assert len(theirs(body)) == SERIES * STEPS
    seconds = [best_seconds(lambda work=work: work(body)) for work in (ours, theirs)]
    extra = [extra_bytes(work, Path.read_bytes, path) for work in (ours, theirs)]
    print_table(
        f"Decoding {SERIES} series x {STEPS:,} points ({len(body) / 1e6:.0f} MB of JSON)",
        ["", "here", "MetricRangeDataFrame", "ratio"],
        [
            ["time", *(f"{s:.2f} s" for s in seconds), f"**{seconds[1] / seconds[0]:.1f} x**"],
            [
                "extra memory",
                *(f"{b / 1e6:.0f} MB" for b in extra),
                f"**{extra[1] / extra[0]:.1f} x**",
            ],
        ],
    )


def _end_to_end(url: str, version: str) -> None:
    source = PrometheusSource(url)
    client = PrometheusConnect(url)

    def by_client() -> None:
        span = {
            "start_time": datetime.fromtimestamp(START_MS / SECOND_MS, UTC),
            "end_time": datetime.fromtimestamp(END_MS / SECOND_MS, UTC),
            "step": "15",
        }
        MetricRangeDataFrame(client.custom_query_range(QUERY, **span))

    rows = [
        [
            "here (no compression on loopback)",
            lambda: source.range_query(QUERY, START_MS, END_MS, STEP_MS),
        ],
        ["here, compressed by gzip", lambda: ours(_ask(url, "gzip").content)],
        ["prometheus-api-client (gzip)", by_client],
    ]
    print_table(
        f"The same from {version}, asking and sending included",
        ["", "time"],
        [[what, f"{best_seconds(work):.2f} s"] for what, work in rows],
    )


def _ask(url: str, encoding: str) -> requests.Response:
    form = {"query": QUERY, "start": START_MS / 1000, "end": END_MS / 1000, "step": STEP_MS / 1000}
    headers = {"Accept-Encoding": encoding}
    answer = requests.post(f"{url}/api/v1/query_range", form, headers=headers, timeout=300)
    answer.raise_for_status()
    return answer
