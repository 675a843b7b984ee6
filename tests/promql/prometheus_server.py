"""A real Prometheus on a free port, filled with given samples."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import requests

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.promql import evaluate, matches_all
from alertlab.units import LabelSet, escape_label, label_set
from auth_service.stack import run_prometheus


def openmetrics(series: Sequence[Series]) -> str:
    """Write series for ``promtool tsdb create-blocks-from openmetrics``."""
    families: dict[str, list[Series]] = {}
    for one in series:
        families.setdefault(dict(one.labels)["__name__"], []).append(one)
    lines = []
    for family, members in families.items():
        lines.append(f"# TYPE {family} unknown")
        for one in members:
            pairs = [f'{k}="{escape_label(v)}"' for k, v in one.labels if k != "__name__"]
            for t, v in zip(one.times.tolist(), one.values.tolist(), strict=True):
                lines.append(f"{family}{{{','.join(pairs)}}} {v!r} {t // 1000}.{t % 1000:03}")
    return "\n".join([*lines, "# EOF", ""])


@contextmanager
def running(
    prometheus_bin: str, promtool: str, series: Sequence[Series], folder: Path
) -> Iterator[str]:
    """Run a server that holds the samples; gives its address."""
    (folder / "samples.txt").write_text(openmetrics(series))
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", "samples.txt", "data"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    config = {"global": {"evaluation_interval": "1m"}}
    with run_prometheus(folder, config, program=prometheus_bin) as url:
        yield url


def served(url: str, query: str, times: np.ndarray) -> dict[LabelSet, dict[int, float]] | str:
    """Ask the server on an even grid; values by label set and time [ms], or its error."""
    answer = requests.post(
        f"{url}/api/v1/query_range",
        data={
            "query": query,
            "start": times[0] / 1000,
            "end": times[-1] / 1000,
            "step": (times[1] - times[0]) / 1000,
        },
        timeout=60,
    ).json()
    if answer["status"] == "error":
        return answer["error"]
    return {
        label_set(one["metric"]): {round(t * 1000): float(v) for t, v in one["values"]}
        for one in answer["data"]["result"]
    }


def assert_same_answer(
    url: str, series: Sequence[Series], query: str, times: np.ndarray, *, rtol: float = 1e-12
) -> None:
    """Compare label sets, presence and values with the server's, or that both refuse."""

    def select(matchers, start_ms, end_ms):
        return [one for one in series if matches_all(matchers, one.labels)]

    expected = served(url, query, times)
    try:
        frame = evaluate(query, select, times, semantics=2)
    except BadInput as error:
        assert isinstance(expected, str), f"the server answers, but here: {error}"
        return
    assert not isinstance(expected, str), expected
    assert set(frame.labels) == set(expected)
    for labels, values, present in zip(frame.labels, frame.values, frame.present, strict=True):
        wanted = expected[labels]
        assert set(times[present].tolist()) == set(wanted), labels
        want = np.array([wanted[t] for t in times[present].tolist()])
        np.testing.assert_allclose(values[present], want, rtol=rtol, atol=0, err_msg=str(labels))
