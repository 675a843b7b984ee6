"""Stale markers, which no backfill can carry, judged by ``promtool test rules`` (2.42)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from promql_helpers import load, select_from

from alertlab.promql import evaluate
from alertlab.units import format_duration, format_labels

pytestmark = pytest.mark.server

INTERVAL = "15s"
SERIES = [
    "x{a='1', b='u'} 0 1 stale 2+0x3 _ 7 7 stale _ _ _ 1 4 9 16",
    "x{a='2', b='u'} 5 _ _ _ 6 8 stale stale 1 2 3 _ _ _ stale 2",
    "x{a='2', b='v'} 1+1x18 stale",
    "x{a='3', b='v'} _x20 3 1 stale",
    "h_bucket{le='1'} 1+1x9 stale _x9 1+1x5",
    "h_bucket{le='+Inf'} 2+2x9 stale _x9 2+2x5",
]
QUERIES = [
    "x",
    "x offset 31s",
    "sum by (a) (x)",
    "count(x)",
    "sum_over_time(x[1m])",
    "count_over_time(x[45s])",
    "last_over_time(x[2m])",
    "rate(x[1m])",
    "increase(x[2m])",
    "changes(x[90s])",
    "x - on (a, b) group_left sum by (a, b) (x)",
    "x unless x offset 1m",
    "absent(x{a='3'})",
    "absent_over_time(x{a='3'}[30s])",
    "max_over_time(x[1m:15s])",
    "count_over_time((x > 1)[2m:30s])",
    "histogram_quantile(0.5, h_bucket)",
    "timestamp(x)",
    "topk(1, x)",
]


def test_promtool_agrees(promtool: str, tmp_path: Path):
    """promtool finds our values, to the bit, and no others, at every quarter minute and between."""
    select = select_from(load(INTERVAL, *SERIES))
    times = np.unique(np.concatenate([np.arange(0, 540_000, 15_000), [7_000, 301_000, 307_001]]))
    checks = [check for query in QUERIES for check in checks_of(query, select, times)]
    assert any(not check["exp_samples"] for check in checks)
    document = {
        "evaluation_interval": INTERVAL,
        "tests": [
            {
                "interval": INTERVAL,
                "input_series": [
                    dict(zip(("series", "values"), split(line), strict=True)) for line in SERIES
                ],
                "promql_expr_test": checks,
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(json.dumps(document))  # JSON is YAML
    run = subprocess.run(
        [promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]


def split(line: str) -> tuple[str, str]:
    series, _, values = line.partition("} ")
    return series + "}", values


def checks_of(query: str, select, times: np.ndarray) -> list[dict]:
    """Return promtool's checks that our answers are the right ones, one per time."""
    frame = evaluate(query, select, times.astype(np.int64), semantics=2)
    return [
        {
            "expr": query,
            "eval_time": format_duration(int(time)),
            "exp_samples": [
                {"labels": format_labels(labels) or "{}", "value": float(values[column])}
                for labels, values, present in zip(
                    frame.labels, frame.values, frame.present, strict=True
                )
                if present[column]
            ],
        }
        for column, time in enumerate(times)
    ]
