"""A real Prometheus on a free port, filled with given samples: what it answers and what we do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pyarrow as pa
import requests

from alertlab.errors import BadInput
from alertlab.frame import STALE_NAN, Frame, Series
from alertlab.promql import evaluate, matches_all
from alertlab.units import LabelSet, label_set
from auth_service.stack import run_prometheus

messages = grpc.protos("remote_write.proto")

HOUR_MS = 3_600_000
BATCH_MS = 10 * 60_000

Answer = dict[LabelSet, dict[int, float]] | str
"""Values by label set and time [ms], or the server's error."""


@dataclass(frozen=True)
class Judge:
    """A server that holds ``series``, and the semantics in which it answers."""

    url: str
    series: Sequence[Series]
    semantics: int

    def served(self, query: str, times: np.ndarray, after_ms: int = 0) -> Answer:
        """Ask the server on an even grid that ends ``after_ms`` behind the last step."""
        step_ms = int(times[1] - times[0]) if len(times) > 1 else 1_000
        # As seconds, 1013 ms would be read as 1012.
        end = (int(times[-1]) + after_ms) / 1000
        grid = {"start": times[0] / 1000, "end": end, "step": f"{step_ms}ms"}
        data = self._ask("query_range", query, **grid)
        return data if isinstance(data, str) else _by_labels(data["result"], "values")

    def served_at(self, query: str, at_ms: int) -> tuple[str, Answer]:
        """Ask for one time; gives the type of the result, or ``"error"``, before it."""
        data = self._ask("query", query, time=at_ms / 1000)
        if isinstance(data, str):
            return "error", data
        kind, result = data["resultType"], data["result"]
        if kind == "string":
            return kind, result[1]
        if kind == "scalar":
            result = [{"metric": {}, "value": result}]
        return kind, _by_labels(result, "values" if kind == "matrix" else "value")

    def _ask(self, endpoint: str, query: str, **times: float | str) -> Any:
        url = f"{self.url}/api/v1/{endpoint}"
        answer = requests.post(url, data={"query": query, **times}, timeout=60).json()
        return answer["error"] if answer["status"] == "error" else answer["data"]

    def select(self, matchers: Sequence[Any], start_ms: int, end_ms: int) -> list[Series]:
        """Give the evaluator the samples that the server has."""
        return [one for one in self.series if matches_all(matchers, one.labels)]

    def evaluated(self, query: str, times: np.ndarray, after_ms: int = 0) -> Frame:
        """Evaluate here what is asked there.  Raises BadInput."""
        end_ms = int(times[-1]) + after_ms
        return evaluate(query, self.select, times, semantics=self.semantics, end_ms=end_ms)

    def assert_same(
        self, query: str, times: np.ndarray, after_ms: int = 0, *, rtol: float = 1e-12
    ) -> int:
        """Compare label sets, presence and values with the server's, or that both refuse.

        Returns the number of samples in the answer.
        """
        expected = self.served(query, times, after_ms)
        try:
            frame = self.evaluated(query, times, after_ms)
        except BadInput as error:
            assert isinstance(expected, str), f"the server answers, but here: {error}"
            return 0
        assert not isinstance(expected, str), f"only the server refuses: {expected}"
        found = {
            labels: dict(zip(times[there].tolist(), values[there].tolist(), strict=True))
            for labels, values, there in zip(frame.labels, frame.values, frame.present, strict=True)
        }
        assert_same_samples(found, expected, rtol)
        return sum(map(len, expected.values()))


def assert_same_samples(found: Answer, expected: Answer, rtol: float) -> None:
    """Compare label sets, presence and values; ``rtol=0`` wants the very bits, of zeros too."""
    only = set(found) ^ set(expected)
    assert not only, f"only one side has {sorted(only)[:3]}, {len(only)} in all"
    for labels, wanted in expected.items():
        only = sorted(set(found[labels]) ^ set(wanted))
        assert not only, f"{labels}: only one side has times {only[:3]}, {len(only)} in all"
        have = np.array(list(found[labels].values()))
        want = np.array([wanted[time] for time in found[labels]])
        np.testing.assert_allclose(have, want, rtol=rtol, atol=0, err_msg=str(labels))
        if rtol == 0:
            zero = have == 0
            signs = np.signbit(want[zero])
            np.testing.assert_array_equal(np.signbit(have[zero]), signs, f"signs of 0 in {labels}")


def _by_labels(result: list[dict[str, Any]], field: str) -> Answer:
    found = {}
    for one in result:
        samples = one[field] if field == "values" else [one[field]]
        found[label_set(one["metric"])] = {round(t * 1000): float(v) for t, v in samples}
    return found


@contextmanager
def judging(
    program: str, series: Sequence[Series], semantics: int, folder: Path
) -> Iterator[Judge]:
    """Run a server that holds the samples."""
    config = {"global": {"evaluation_interval": "1m"}}
    flags = ["--web.enable-remote-write-receiver"]
    if semantics >= 3:
        flags.append("--enable-feature=promql-experimental-functions")
    with run_prometheus(folder, config, *flags, program=program) as url:
        fill(url, series)
        yield Judge(url, series, semantics)


def fill(url: str, series: Sequence[Series]) -> None:
    """Send samples through the remote-write receiver in the order of time, bits as they are.

    A backfilled block would turn stale markers into ordinary NaN.  Every series is announced
    by a stale marker that no query sees, in label order: a server adds up series in the order in
    which it met them, so that floating point sums have one right answer.
    """
    series = sorted((one for one in series if len(one.times)), key=lambda one: one.labels)
    first = min(int(one.times[0]) for one in series)
    last = max(int(one.times[-1]) for one in series)
    marker = np.array([STALE_NAN])
    _send(url, [Series(one.labels, np.array([first - HOUR_MS]), marker) for one in series])
    for start in range(first, last + 1, BATCH_MS):
        _send(url, [_between(one, start, start + BATCH_MS) for one in series])


def _between(one: Series, start_ms: int, end_ms: int) -> Series:
    low, high = np.searchsorted(one.times, [start_ms, end_ms])
    return Series(one.labels, one.times[low:high], one.values[low:high])


def _send(url: str, series: Sequence[Series]) -> None:
    request = messages.WriteRequest()
    for one in series:
        if len(one.times):
            sent = request.timeseries.add()
            for name, value in one.labels:
                sent.labels.add(name=name, value=value)
            for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True):
                sent.samples.add(timestamp=time, value=value)
    packed = pa.compress(request.SerializeToString(), codec="snappy", asbytes=True)
    headers = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    answer = requests.post(f"{url}/api/v1/write", data=packed, headers=headers, timeout=60)
    assert answer.ok, f"the receiver refuses samples: {answer.status_code} {answer.text}"
