"""A live Prometheus (or what speaks its HTTP API) as a source.

prometheus-api-client owns the connection and instant queries; range pulls go over its session
with our own form-encoded POST in chunks on one grid, because the client sends no body, never
chunks and drops warnings.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import requests
from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

from alertlab.errors import BadInput, ServerError
from alertlab.frame import STALE_NAN, Frame, Series
from alertlab.sources.credentials import authenticate
from alertlab.sources.grid import step_times
from alertlab.units import DAY_MS, SECOND_MS, LabelSet, format_duration, format_time, label_set

# Prometheus, web/api/v1/api.go: (end - start) / step may not pass 11000 in one request.
MAX_STEPS_PER_REQUEST = 10_999
LOOKBACK_MS = 300_000  # the server's --query.lookback-delta, unless it was changed
_TIMEOUT_SECONDS = 150  # a little above the server's own --query.timeout of 2m
_RETRY = Retry(
    total=3,
    backoff_factor=0.5,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=None,  # PromQL reads are safe to repeat, POST too
    raise_on_status=False,
)


class PrometheusSource:
    """Range queries and raw samples of a server, with warnings and cost kept for the report."""

    start_ms = 0  # a server does not say how far back it remembers

    def __init__(self, url: str, *, token_env: str = "PROMETHEUS_TOKEN") -> None:
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise BadInput(
                "the source's URL holds credentials; "
                "give them in PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD instead"
            )
        if not parts.hostname:
            raise BadInput(f"{url!r} is not a URL with a host; write http://prometheus:9090")
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._secrets = authenticate(self._session, token_env=token_env)
        self._session.hooks["response"].append(self._check)
        self._client = PrometheusConnect(
            self.url, session=self._session, retry=_RETRY, timeout=_TIMEOUT_SECONDS
        )
        self._queries: list[dict[str, Any]] = []
        self._warnings: list[str] = []
        self.end_ms = round(time.time() * SECOND_MS)

    def range_query(self, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Frame:
        """Ask the server for ``expr`` at ``start, start + step, … <= end``, in aligned chunks.

        Raises BadInput for a query the server refuses, ServerError for everything else.
        """
        times = step_times(start_ms, end_ms, step_ms)
        chunks = [
            times[i : i + MAX_STEPS_PER_REQUEST]
            for i in range(0, len(times), MAX_STEPS_PER_REQUEST)
        ]
        if len(chunks) > 1 and ("start()" in expr or "end()" in expr):
            raise BadInput(
                f"{expr!r} uses @ start() or @ end(), which mean something else in each of the "
                f"{len(chunks)} requests needed; choose a larger step or a shorter span"
            )
        started = time.monotonic()
        rows: dict[LabelSet, tuple[np.ndarray, np.ndarray]] = {}
        for number, chunk in enumerate(chunks):
            base = number * MAX_STEPS_PER_REQUEST
            for item in self._range(expr, chunk, step_ms):
                labels = label_set(item["metric"])
                if labels not in rows:
                    rows[labels] = np.zeros(len(times)), np.zeros(len(times), bool)
                values, present = rows[labels]
                at = base + _grid_index(item, chunk[0], step_ms)
                values[at] = [float(text) for _, text in item["values"]]
                present[at] = True
        self._queries.append(
            {
                "expr": expr,
                "steps": len(times),
                "series": len(rows),
                "requests": len(chunks),
                "seconds": round(time.monotonic() - started, 3),
            }
        )
        if not rows:
            return Frame.empty(times)
        labels = tuple(sorted(rows))
        values = np.stack([rows[one][0] for one in labels])
        present = np.stack([rows[one][1] for one in labels])
        return Frame(times, values, present, labels)

    def series(self, selector: str, start_ms: int, end_ms: int) -> list[Series]:
        """Return raw samples in ``[start_ms, end_ms]``, with stale markers put back.

        The API leaves stale markers out; where the selector is already empty although a sample
        is younger than the lookback, a marker is inserted at the first such scrape.
        """
        raw: dict[LabelSet, list[np.ndarray]] = {}
        for start in range(start_ms, end_ms + 1, DAY_MS):
            end = min(start + DAY_MS - 1, end_ms)
            for item in self._instant(f"{selector}[{end - start + 1}ms]", end):
                pairs = np.array(item["values"], dtype=object)
                samples = np.stack([pairs[:, 0].astype(float), pairs[:, 1].astype(float)])
                raw.setdefault(label_set(item["metric"]), []).append(samples)
        found = [_join(labels, parts, start_ms) for labels, parts in sorted(raw.items())]
        found = [one for one in found if len(one.times)]
        if not found:
            return []
        gaps = np.concatenate([np.diff(one.times) for one in found])
        step_ms = int(np.median(gaps)) if len(gaps) else 15 * SECOND_MS
        seen = self.range_query(selector, start_ms, end_ms, step_ms)
        rows = dict(zip(seen.labels, seen.present, strict=True))
        never = np.zeros(len(seen.times), bool)
        return [_mark_stale(one, seen.times, rows.get(one.labels, never)) for one in found]

    def provenance(self) -> dict[str, Any]:
        """Say where the numbers come from, for manifests and reports."""
        return {
            "kind": "prometheus",
            "location": self.url,
            "origin": "a live server's HTTP API",
            "synthetic": False,
            "queries": list(self._queries),
            "warnings": list(dict.fromkeys(self._warnings)),
        }

    def _range(self, expr: str, chunk: np.ndarray, step_ms: int) -> list[dict[str, Any]]:
        form = {
            "query": expr,
            "start": chunk[0] / SECOND_MS,
            "end": chunk[-1] / SECOND_MS,
            "step": step_ms / SECOND_MS,
        }
        with self._told():
            answer = self._session.post(
                f"{self.url}/api/v1/query_range",
                data=form,
                timeout=_TIMEOUT_SECONDS,
                # requests lets REQUESTS_CA_BUNDLE win over the session unless told here
                verify=self._session.verify,
            )
            data = answer.json()["data"]
        for item in data["result"]:
            if "histograms" in item:
                raise BadInput(
                    f"{expr!r} returned native histograms, which are not read here; "
                    "query classic buckets or apply histogram_quantile() in the expression"
                )
        return data["result"]

    def _instant(self, expr: str, at_ms: int) -> list[dict[str, Any]]:
        with self._told():
            return self._client.custom_query(expr, {"time": at_ms / SECOND_MS})

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the transport raises into one sentence."""
        try:
            yield
        except requests.exceptions.JSONDecodeError:
            raise ServerError(
                f"{self.url} answered something that is not JSON; is it a Prometheus server?"
            ) from None
        except requests.exceptions.Timeout:
            raise ServerError(
                f"{self.url} did not answer in {_TIMEOUT_SECONDS} s; ask for a shorter span"
            ) from None
        except requests.exceptions.RequestException as error:
            raise ServerError(
                f"no Prometheus server answers at {self.url} ({type(error).__name__}); "
                "check the address and that it is running"
            ) from None

    def _check(self, response: requests.Response, **_: Any) -> None:
        """Refuse error answers in a sentence and keep the server's warnings."""
        try:
            body = response.json()
        except ValueError:
            body = {}
        if not isinstance(body, dict):
            body = {}
        self._warnings += [*body.get("warnings", ()), *body.get("infos", ())]
        if response.status_code == 200 or response.is_redirect:
            return
        reason = self._redact(str(body.get("error") or response.reason))
        if response.status_code in (401, 403):
            raise ServerError(
                f"{self.url} refused access ({response.status_code} {reason}); "
                "give credentials in PROMETHEUS_TOKEN, or PROMETHEUS_USERNAME and _PASSWORD"
            )
        if response.status_code in (400, 422):
            raise BadInput(f"{self.url} refused the query: {reason}")
        raise ServerError(f"{self.url} failed with {response.status_code}: {reason}")

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _grid_index(item: dict[str, Any], start_ms: int, step_ms: int) -> np.ndarray:
    seconds = np.fromiter((pair[0] for pair in item["values"]), float, len(item["values"]))
    offsets = np.rint(seconds * SECOND_MS).astype(np.int64) - start_ms
    index, rest = np.divmod(offsets, step_ms)
    if rest.any():
        off = format_time(int(start_ms + offsets[np.flatnonzero(rest)[0]]))
        raise ServerError(
            f"the server answered at {off}, which is not on the asked grid of "
            f"{format_duration(step_ms)}; a proxy in front of it may align queries"
        )
    return index


def _join(labels: LabelSet, parts: list[np.ndarray], start_ms: int) -> Series:
    """Join day parts; Prometheus 2 includes the left edge, so a seam sample can come twice."""
    seconds, values = np.concatenate(parts, axis=1)
    times, first = np.unique(np.rint(seconds * SECOND_MS).astype(np.int64), return_index=True)
    keep = times >= start_ms
    return Series(labels, times[keep], values[first][keep])


def _mark_stale(one: Series, grid: np.ndarray, present: np.ndarray) -> Series:
    newest = np.searchsorted(one.times, grid, "right") - 1
    age = grid - one.times[newest]
    gone = ~present & (newest >= 0) & (age < LOOKBACK_MS)
    after, first = np.unique(newest[gone], return_index=True)
    markers = grid[gone][first]
    # A marker never stands on or after the next sample: that sample would have been seen.
    times = np.insert(one.times, after + 1, markers)
    values = np.insert(one.values, after + 1, np.full(len(markers), STALE_NAN))
    return Series(one.labels, times, values)
