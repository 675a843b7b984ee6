"""The queries of the PromQL conformance programme, asked of a real Prometheus and here."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from prometheus_server import judging
from ruamel.yaml import YAML

from alertlab.frame import Series
from alertlab.units import label_set

pytestmark = [pytest.mark.oracle, pytest.mark.server]

START_MS = 1_700_000_000_000
COUNT = 1_200
"""Samples of each series, five seconds apart."""
REFUSED = {2: 5, 3: 3}
"""The programme expects five errors; two of them are label names that Prometheus 3 takes."""


def expanded(folder: Path) -> list[str]:
    """Return every query of the programme with every combination of its variants."""
    yaml = YAML(typ="safe")
    variants = yaml.load(folder / "variants.yml")
    cases = yaml.load(folder / "promql-test-queries.yml")["test_cases"]
    queries = []
    for case in cases:
        names = case.get("variant_args", [])
        for values in itertools.product(*(variants[name] for name in names)):
            query = str(case["query"])
            for name, value in zip(names, values, strict=True):
                query = query.replace("{{." + name + "}}", str(value))
            queries.append(query)
    return queries


def demo_series() -> list[Series]:
    """The metrics that the queries name, made up."""
    random = np.random.default_rng(11)
    found = []
    for port in range(3):
        times = START_MS + np.arange(COUNT) * 5_000 + 1_000 * port + random.integers(0, 9, COUNT)

        def add(name: str, values: np.ndarray, *, times=times, port=port, **labels: str) -> None:
            labels |= {"job": "demo", "instance": f"demo.promlabs.com:1000{port}"}
            keep = np.flatnonzero(random.random(len(times)) > 0.02)
            one = label_set({"__name__": name, **labels})
            found.append(Series(one, times[keep], np.asarray(values, dtype=float)[keep]))

        for kind in ("free", "used", "cached", "buffers"):
            add("demo_memory_usage_bytes", random.integers(10**6, 10**9, COUNT), type=kind)
        for mode in ("user", "system", "idle"):
            total = np.cumsum(random.exponential(1, COUNT))
            total[COUNT // 2 :] -= total[COUNT // 2] if port else 0
            add("demo_cpu_usage_seconds_total", total, mode=mode)
        add("demo_num_cpus", np.full(COUNT, 4))
        add("demo_disk_usage_bytes", 1e9 + np.cumsum(random.normal(1e5, 1e5, COUNT)))
        add("demo_disk_total_bytes", np.full(COUNT, 1e12))
        success = START_MS / 1000 + np.arange(COUNT) // 30 * 150
        add("demo_batch_last_success_timestamp_seconds", success)
        add("demo_intermittent_metric", np.where(random.random(COUNT) < 0.5, 1, 0))
        seen = random.multinomial(9, [0.3, 0.3, 0.2, 0.2], COUNT)
        buckets = np.cumsum(np.cumsum(seen, axis=1), axis=0)
        for column, le in enumerate(("0.01", "0.1", "1", "+Inf")):
            add("demo_api_request_duration_seconds_bucket", buckets[:, column], le=le)
        add("demo_api_request_duration_seconds_count", buckets[:, -1])
    return found


def test_all_queries(oracles: Path, server, tmp_path: Path):
    """All queries have the server's answer, or an error where the server has one."""
    queries = expanded(oracles / "compliance")
    assert len(queries) == 539
    times = np.arange(START_MS + 900_000, START_MS + 5_500_000, 61_000, dtype=np.int64)
    differing, answered = [], 0
    with judging(server.program, demo_series(), server.semantics, tmp_path) as judge:
        for query in queries:
            answered += not isinstance(judge.served(query, times), str)
            try:
                judge.assert_same(query, times)
            except AssertionError as error:
                differing.append(f"{query}: {error}")
    assert not differing, "\n".join(differing)
    assert answered == len(queries) - REFUSED[server.semantics]
