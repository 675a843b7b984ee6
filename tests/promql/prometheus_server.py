"""A real Prometheus on a free port, filled with given samples."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import requests

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.promql import evaluate, matches_all
from alertlab.units import LabelSet, escape_label, label_set


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
    (folder / "prometheus.yml").write_text("global: {evaluation_interval: 1m}\n")
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", "samples.txt", "data"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    # Without a long retention old samples are deleted at the start.
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    options += ["--storage.tsdb.retention.time=10y", f"--web.listen-address={address}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([prometheus_bin, *options], cwd=folder, stdout=log, stderr=log)
        try:
            _wait_until_ready(f"http://{address}", process)
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_until_ready(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "Prometheus ended"
        try:
            if requests.get(f"{url}/-/ready", timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    raise AssertionError("Prometheus is not ready after 60 s")


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
