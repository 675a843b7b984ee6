"""A live Prometheus (or what speaks its HTTP API) as a source.

prometheus-api-client owns the connection; pulls go over its session with our own form-encoded
POST, range queries in chunks on one grid, because the client sends no body, never chunks, drops
warnings and makes a Python object of every sample.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import numpy as np
import requests
from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

from alertlab.errors import BadInput, EvaluationFailed, ServerError
from alertlab.frame import STALE_NAN, Frame, FrameBuilder, Series
from alertlab.promql import MAX_SAMPLES
from alertlab.sources.answers import decode, decode_native
from alertlab.sources.credentials import authenticate
from alertlab.sources.grid import put_on_grid, step_times
from alertlab.units import DAY_MS, SECOND_MS, LabelSet

# Prometheus, web/api/v1/api.go: (end - start) / step may not pass 11000 in one request.
MAX_STEPS_PER_REQUEST = 10_999
NATIVE_STEPS_PER_REQUEST = 500  # a native histogram is as long as a hundred floats
LOOKBACK_MS = 300_000  # the server's --query.lookback-delta, unless it was changed
# To connect, and to answer: a little above the server's own --query.timeout of 2m.
_TIMEOUT_SECONDS = (10, 150)
_RETRY = Retry(
    total=3,
    read=False,  # a query that ran into the timeout would do so again
    backoff_factor=0.5,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=None,  # PromQL reads are safe to repeat, POST too
    raise_on_status=False,
    respect_retry_after_header=False,  # nobody should wait an hour without a word
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_AT_START_OR_END = re.compile(r"@\s*(start|end)\s*\(")
_NEVER_MS = np.iinfo(np.int64).max
Answered = TypeVar("Answered")


class PrometheusSource:
    """Range queries and raw samples of a server, with warnings and cost kept for the report."""

    start_ms = 0  # a server does not say how far back it remembers
    max_samples = MAX_SAMPLES

    def __init__(self, url: str, *, token_env: str = "PROMETHEUS_TOKEN") -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.username or parts.password:
            raise BadInput(
                "the source's URL holds credentials; "
                "give them in PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD instead"
            )
        if not parts.hostname or parts.query or parts.fragment:
            raise BadInput(
                "the source's URL must be a scheme, a host and perhaps a path; "
                "write it like http://prometheus:9090"
            )
        self.url = url.rstrip("/")
        self._session = requests.Session()
        if parts.hostname in _LOOPBACK:  # packing takes longer than such a way
            self._session.headers["Accept-Encoding"] = "identity"
        self._secrets = authenticate(self._session, token_env=token_env)
        self._session.hooks["response"].append(self._check)
        PrometheusConnect(self.url, session=self._session, retry=_RETRY)  # mounts the retries
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
        if len(chunks) > 1 and _AT_START_OR_END.search(expr):
            raise BadInput(
                f"{expr!r} uses @ start() or @ end(), which mean something else in each of the "
                f"{len(chunks)} requests needed; choose a larger step or a shorter span"
            )
        started = time.monotonic()
        built = FrameBuilder(times)
        for number, chunk in enumerate(chunks):
            # What @ end() means is the end asked for, which may lie behind the last step.
            last_ms = end_ms if number == len(chunks) - 1 else int(chunk[-1])
            form = {
                "query": expr,
                "start": int(chunk[0]) / SECOND_MS,
                "end": last_ms / SECOND_MS,
                # Of 1.013 s a server makes 1012 ms.
                "step": f"{step_ms}ms",
            }
            for one in self._ask("query_range", form):
                put_on_grid(built, one, times, step_ms)
        self._account(expr, len(times), len(built), len(chunks), started)
        return built.frame()

    def series(
        self, selector: str, start_ms: int, end_ms: int, *, stale_markers: bool = True
    ) -> list[Series]:
        """Return raw samples in ``[start_ms, end_ms]``, with stale markers put back if asked for.

        The API leaves stale markers out.  Where the selector is already empty although a sample
        is younger than the lookback, a marker is put at the target's scrape (its sample of
        ``up``) in that step or, if there is none, at the first empty step: at most one step late.
        Steps have the median distance of the samples, so a series that was away for less is not
        noticed, and an end before ``start_ms`` is not known.  All this takes another query, and
        one for ``up`` where a series of a target ended.
        """
        found = self._raw(selector, start_ms, end_ms)
        if not found or not stale_markers:
            return found
        step_ms = typical_gap_ms(found)
        seen = self.range_query(selector, start_ms, end_ms + step_ms, step_ms)
        rows = dict(zip(seen.labels, seen.present, strict=True))
        never = np.zeros(len(seen.times), bool)
        gone = [_is_gone(one, seen.times, rows.get(one.labels, never)) for one in found]
        ended = [_target(one.labels) for one, away in zip(found, gone, strict=True) if away.any()]
        if not ended:
            return found
        # What rules write has no target; the scrapes of all would be asked for in vain.
        ups = self._raw("up", start_ms, end_ms) if any(map(all, ended)) else []
        scrapes = {_target(up.labels): up.times for up in ups}
        marked = [
            _mark_stale(one, seen.times[away], step_ms, scrapes.get(_target(one.labels)))
            for one, away in zip(found, gone, strict=True)
        ]
        # The last step lies after the end, and its markers may.
        return [_until(one, end_ms) for one in marked]

    def native_histograms(self, expr: str, at_ms: int) -> list[tuple[LabelSet, dict[str, Any]]]:
        """Return the native histograms that ``expr`` gives at a time, as the API writes them.

        Floats among its series are left out.  Raises as ``range_query``.
        """
        started = time.monotonic()
        form = {"query": expr, "time": at_ms / SECOND_MS}
        found = self._ask("query", form, decode_native)
        self._account(expr, 1, len(found), 1, started)
        return [(labels, timed[0][1]) for labels, timed in found]

    def native_range(
        self, expr: str, start_ms: int, end_ms: int, step_ms: int
    ) -> dict[LabelSet, dict[int, dict[str, Any]]]:
        """Return the native histograms that ``expr`` gives at ``start, start + step, … <= end``.

        By labels and time [ms], as the API writes them; floats are left out.  Raises as
        ``range_query``.
        """
        times = step_times(start_ms, end_ms, step_ms)
        chunks = [
            times[i : i + NATIVE_STEPS_PER_REQUEST]
            for i in range(0, len(times), NATIVE_STEPS_PER_REQUEST)
        ]
        started, read = time.monotonic(), partial(decode_native, kind="matrix")
        found: dict[LabelSet, dict[int, dict[str, Any]]] = {}
        for chunk in chunks:
            form = {
                "query": expr,
                "start": int(chunk[0]) / SECOND_MS,
                "end": int(chunk[-1]) / SECOND_MS,
                "step": f"{step_ms}ms",
            }
            for labels, timed in self._ask("query_range", form, read):
                found.setdefault(labels, {}).update(timed)
        self._account(expr, len(times), len(found), len(chunks), started)
        return found

    def rules_answer(self) -> dict[str, Any]:
        """Return the ``data`` object of ``/api/v1/rules``: the rule groups that the server runs.

        web/api/v1/api.go, rules.  Raises ServerError for what is no answer of Prometheus.
        """
        return self._data("rules", exclude_alerts="true")  # known from 2.49 on

    @cached_property
    def semantics(self) -> int:
        """The PromQL that the server speaks: 2 for Prometheus 2, else 3."""
        return 2 if str(self._data("status/buildinfo").get("version")).startswith("2.") else 3

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

    def _data(self, what: str, **parameters: str) -> dict[str, Any]:
        """Return the ``data`` object that ``api/v1/<what>`` answers."""
        with self._told():
            answer = self._session.get(
                f"{self.url}/api/v1/{what}",
                params=parameters,
                timeout=_TIMEOUT_SECONDS,
                verify=self._session.verify,  # as in _ask
            )
            data = json.loads(answer.content)["data"]
            if not isinstance(data, dict):
                raise TypeError
        return data

    def _ask(
        self,
        what: str,
        form: dict[str, Any],
        decoder: Callable[[bytes, str], tuple[dict[str, Any], list[Answered]]] = decode,
    ) -> list[Answered]:
        """Return the series that ``api/v1/<what>`` answers; its notices are kept."""
        with self._told():
            answer = self._session.post(
                f"{self.url}/api/v1/{what}",
                data=form,
                timeout=_TIMEOUT_SECONDS,
                # requests lets REQUESTS_CA_BUNDLE win over the session unless told here
                verify=self._session.verify,
            )
            envelope, series = decoder(answer.content, form["query"])
        notices = [*(envelope.get("warnings") or ()), *(envelope.get("infos") or ())]
        self._warnings += [self._redact(str(one)) for one in notices]
        return series

    def _raw(self, selector: str, start_ms: int, end_ms: int) -> list[Series]:
        """Return the samples of a selector without stale markers, a day a request, by labels."""
        started = time.monotonic()
        starts = range(start_ms, end_ms + 1, DAY_MS)
        parts: dict[LabelSet, list[Series]] = {}
        for start in starts:
            end = min(start + DAY_MS - 1, end_ms)
            window = f"{selector}[{end - start + 1}ms]"
            for one in self._ask("query", {"query": window, "time": end / SECOND_MS}):
                parts.setdefault(one.labels, []).append(one)
        self._account(selector, len(starts), len(parts), len(starts), started)
        found = [_join(labels, part, start_ms) for labels, part in sorted(parts.items())]
        return [one for one in found if len(one.times)]

    def _account(self, expr: str, steps: int, series: int, requests: int, started: float) -> None:
        """Note what a query cost; ``started`` is when it began, on the monotonic clock."""
        seconds = round(time.monotonic() - started, 3)
        self._queries.append(
            {
                "expr": expr,
                "steps": steps,
                "series": series,
                "requests": requests,
                "seconds": seconds,
            }
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the transport raises into one sentence."""
        try:
            yield
        except requests.exceptions.SSLError:
            raise ServerError(
                f"no trusted connection to {self.url}: one side refused the other's certificate; "
                "check PROMETHEUS_CA_FILE, PROMETHEUS_CERT_FILE and PROMETHEUS_KEY_FILE"
            ) from None
        except requests.exceptions.ReadTimeout:
            raise ServerError(
                f"{self.url} did not answer in {_TIMEOUT_SECONDS[1]} s; ask for a shorter span"
            ) from None
        except requests.exceptions.RequestException as error:
            raise ServerError(
                f"no Prometheus server answers at {self.url} ({type(error).__name__}); "
                "check the address and that it is running"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise ServerError(
                f"{self.url} answered something that is not Prometheus' JSON; "
                "is it a Prometheus server?"
            ) from None

    def _check(self, response: requests.Response, **_: Any) -> None:
        """Refuse error answers in a sentence."""
        if response.is_redirect:
            self._check_redirect(response)
            return
        if response.status_code == 200:
            return
        reason = self._redact(str(_json_object(response).get("error") or response.reason))
        if response.status_code in (401, 403):
            raise ServerError(
                f"{self.url} refused access ({response.status_code} {reason}); "
                "give credentials in PROMETHEUS_TOKEN, or PROMETHEUS_USERNAME and _PASSWORD"
            )
        if response.status_code == 400:
            raise BadInput(f"{self.url} refused the query: {reason}")
        if response.status_code == 422:
            raise EvaluationFailed(f"{self.url} could not evaluate the query: {reason}")
        raise ServerError(f"{self.url} failed with {response.status_code}: {reason}")

    def _check_redirect(self, response: requests.Response) -> None:
        """Refuse to follow to another host: our headers may be meant for the first one only."""
        asked = urlsplit(response.url)
        there = urlsplit(urljoin(response.url, response.headers["Location"]))
        if (there.scheme, there.netloc) != (asked.scheme, asked.netloc):
            raise ServerError(
                f"{self.url} redirects to {there.scheme}://{there.hostname}; "
                "if that is the Prometheus server, give its address"
            )

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def typical_gap_ms(series: Sequence[Series]) -> int:
    """Return the median distance between neighbouring samples [ms]; 15 s if there is none."""
    gaps = np.concatenate([np.diff(one.times) for one in series])
    return int(np.median(gaps)) if len(gaps) else 15 * SECOND_MS


def _json_object(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _join(labels: LabelSet, parts: list[Series], start_ms: int) -> Series:
    """Join day parts; Prometheus 2 includes the left edge, so a seam sample can come twice."""
    values = np.concatenate([one.values for one in parts])
    times, first = np.unique(np.concatenate([one.times for one in parts]), return_index=True)
    keep = times >= start_ms
    return Series(labels, times[keep], values[first][keep])


def _target(labels: LabelSet) -> tuple[str | None, str | None]:
    have = dict(labels)
    return have.get("job"), have.get("instance")


def _is_gone(one: Series, grid: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Tell at which steps the series is absent although its newest sample is recent."""
    newest = np.searchsorted(one.times, grid, "right") - 1
    return ~present & (newest >= 0) & (grid - one.times[newest] < LOOKBACK_MS)


def _mark_stale(
    one: Series, gone_ms: np.ndarray, step_ms: int, scrapes: np.ndarray | None
) -> Series:
    """Insert a marker after each sample that is the newest one at steps without the series.

    gone_ms : those steps, increasing; scrapes : when the target was scraped, None if unknown
    """
    newest = np.searchsorted(one.times, gone_ms, "right") - 1
    after, first = np.unique(newest, return_index=True)
    empty = gone_ms[first]
    there = np.maximum(one.times[after], empty - step_ms)
    candidates = np.append(np.empty(0, np.int64) if scrapes is None else scrapes, _NEVER_MS)
    markers = np.minimum(candidates[np.searchsorted(candidates, there, "right")], empty)
    # Never on or after the next sample: at the empty step that one would have been the newest.
    times = np.insert(one.times, after + 1, markers)
    values = np.insert(one.values, after + 1, np.full(len(markers), STALE_NAN))
    return Series(one.labels, times, values)


def _until(one: Series, end_ms: int) -> Series:
    part = slice(np.searchsorted(one.times, end_ms, "right"))
    return Series(one.labels, one.times[part], one.values[part])
