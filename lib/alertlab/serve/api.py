"""Prometheus' read API over a recording: parameters in, JSON out (web/api/v1/api.go).

Each endpoint checks its parameters at once, in Prometheus' order, and returns a job: the work
that may take long, for a thread; or the body, where there is nothing to work on.  Nothing here
knows of HTTP.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import version
from threading import active_count
from typing import Any, NamedTuple, TypeVar

import numpy as np

from alertlab.frame import Frame
from alertlab.promql import Matcher, evaluate, instant_query
from alertlab.promql.engine import LOOKBACK_MS
from alertlab.promql.parsing import kind, selector_matchers, unwrapped
from alertlab.serve import encode
from alertlab.serve.failures import ApiError, about, executed, invalid, parsed
from alertlab.serve.parameters import (
    FIRST_MS,
    LAST_MS,
    NS_PER_MS,
    NS_PER_SECOND,
    Form,
    quoted,
    read_duration,
    read_limit,
    read_time,
)
from alertlab.sources import Recording
from alertlab.units import SECOND_MS, LabelSet, format_duration, format_time

TIMEOUT_SECONDS = 120.0  # Prometheus' --query.timeout
MAX_POINTS = 11_000
_PROMETHEUS = {2: "2.42.0", 3: "3.16.0"}
_TRUNCATED = "results truncated due to limit"
_EMPTY = "at least one non-empty matcher"
_NO_VECTORS = {
    "MatrixSelector": "range vector",
    "SubqueryExpr": "range vector",
    "StringLiteral": "string",
}
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_ESCAPED = re.compile(r"__|_([0-9a-fA-F]{1,6})_")

T = TypeVar("T")


class Job(NamedTuple):
    """What is left to do for a request: ``run`` returns the body, or raises ApiError."""

    run: Callable[[], bytes]
    timeout_seconds: float = TIMEOUT_SECONDS


class ReadApi:
    """The endpoints over one recording, in its semantics."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._is_new = recording.semantics >= 3
        self._started_ms = round(time.time() * SECOND_MS)

    def query(self, form: Form) -> Job:
        """Answer an instant query; without ``time`` it is asked at the recording's end."""
        limit = self._limit(form)
        at_ms = self._time(form, "time", self._recording.end_ms)
        timeout_seconds = self._timeout(form)
        lookback_ms = self._lookback(form)
        expr = form.get("query")
        with about("query"):
            parsed(expr)

        def run() -> bytes:
            answer = executed(
                expr,
                lambda: instant_query(
                    expr,
                    self._recording.select,
                    at_ms,
                    semantics=self._recording.semantics,
                    lookback_ms=lookback_ms,
                    max_samples=self._recording.max_samples,
                ),
            )
            series, warnings = _truncated(answer.series, limit)
            return encode.success(encode.instant(replace(answer, series=series)), warnings)

        return Job(run, timeout_seconds)

    def query_range(self, form: Form) -> Job:
        """Answer a range query of at most 11,000 points a series."""
        limit = self._limit(form)
        start_ms = _named("start", read_time, form)
        end_ms = _named("end", read_time, form)
        if end_ms < start_ms:
            raise invalid("end", "end timestamp must not be before start time")
        step_ms = _step_ms(form, start_ms, end_ms)
        timeout_seconds = self._timeout(form)
        lookback_ms = self._lookback(form)
        expr = form.get("query")
        with about("query") if self._is_new else nullcontext():
            _check_type(parsed(expr))

        def run() -> bytes:
            times = np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)
            frame = executed(
                expr,
                lambda: evaluate(
                    expr,
                    self._recording.select,
                    times,
                    semantics=self._recording.semantics,
                    lookback_ms=lookback_ms,
                    end_ms=end_ms,
                    max_samples=self._recording.max_samples,
                ),
            )
            labels, warnings = _truncated(frame.labels, limit)
            some = Frame(times, frame.values[: len(labels)], frame.present[: len(labels)], labels)
            return encode.success(encode.matrix(some), warnings)

        return Job(run, timeout_seconds)

    def series(self, form: Form) -> Job:
        """Answer which series match and have a sample between ``start`` and ``end``."""
        if not form.all("match[]"):
            raise ApiError("bad_data", "no match[] parameter provided")
        limit, span = self._limit(form), self._span(form)
        with about("match[]"):
            selectors = self._selectors(form)

        def listed() -> list[dict[str, str]]:
            return [dict(labels) for labels in sorted(self._found(selectors, span))]

        return _listing(listed, limit)

    def labels(self, form: Form) -> Job:
        """Answer which label names there are."""
        limit, span = self._limit(form), self._span(form)
        selectors = self._selectors(form)

        def listed() -> list[str]:
            found = self._found(selectors or [()], span)
            return sorted({name for labels in found for name, _ in labels})

        return _listing(listed, limit)

    def label_values(self, name: str, form: Form) -> Job:
        """Answer which values a label has."""
        if self._is_new:
            name = _unescaped(name)
        elif not _LABEL_NAME.fullmatch(name):
            raise ApiError("bad_data", f"invalid label name: {quoted(name)}")
        limit, span = self._limit(form), self._span(form)
        selectors = self._selectors(form)

        def listed() -> list[str]:
            found = self._found(selectors or [()], span)
            return sorted({dict(labels)[name] for labels in found if name in dict(labels)})

        return _listing(listed, limit)

    def exemplars(self, form: Form) -> bytes:
        """Answer that there are no exemplars: a recording keeps samples only."""
        return encode.success(b"[]")

    def metadata(self, form: Form) -> bytes:
        """Answer that nothing is known of types and help texts."""
        limit = form.get("limit")
        if limit and not re.fullmatch(r"[+-]?\d+", limit, re.ASCII):
            raise ApiError("bad_data", "limit must be a number")
        return encode.success(b"{}")

    def build_info(self, form: Form) -> bytes:
        """Answer with the Prometheus whose semantics are followed, and who follows them."""
        about = {
            "version": _PROMETHEUS[self._recording.semantics],
            "revision": f"alertlab {version('alertlab')}",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
        return encode.success(encode.encoded(about))

    def runtime_info(self, form: Form) -> bytes:
        """Answer what a client may read of a server's state; a recording has little."""
        started = format_time(self._started_ms)
        about = {
            "startTime": started,
            "CWD": "",
            "reloadConfigSuccess": True,
            "lastConfigTime": started,
            "corruptionCount": 0,
            "goroutineCount": active_count(),
            "GOMAXPROCS": 1,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": "",
        }
        return encode.success(encode.encoded(about))

    def flags(self, form: Form) -> bytes:
        """Answer with the limits that hold for queries."""
        limits = {
            "query.lookback-delta": format_duration(LOOKBACK_MS),
            "query.max-samples": str(self._recording.max_samples),
            "query.timeout": format_duration(int(TIMEOUT_SECONDS * SECOND_MS)),
        }
        return encode.success(encode.encoded(limits))

    def _limit(self, form: Form) -> int:
        return _named("limit", read_limit, form) if self._is_new else 0

    def _time(self, form: Form, name: str, default_ms: int) -> int:
        text = form.get(name)
        if not text:
            return default_ms
        try:
            return read_time(text)
        except ValueError as error:
            said = "invalid" if self._is_new else "Invalid"
            raise invalid(name, f"{said} time value for '{name}': {error}") from None

    def _span(self, form: Form) -> tuple[int, int]:
        return self._time(form, "start", FIRST_MS), self._time(form, "end", LAST_MS)

    def _timeout(self, form: Form) -> float:
        if not form.get("timeout"):
            return TIMEOUT_SECONDS
        timeout_ns = _named("timeout", read_duration, form)
        if timeout_ns <= 0 and self._is_new:
            given = format_duration(timeout_ns // NS_PER_MS)
            raise invalid("timeout", f"timeout must be positive, got {given}")
        return min(timeout_ns / NS_PER_SECOND, TIMEOUT_SECONDS)

    def _lookback(self, form: Form) -> int:
        text = form.get("lookback_delta")
        if not text or not self._is_new:  # a parameter since 2.43
            return LOOKBACK_MS
        try:
            lookback_ms = read_duration(text) // NS_PER_MS
        except ValueError as error:
            reason = f"error parsing lookback delta duration: {error}"
            raise ApiError("bad_data", reason) from None
        return lookback_ms if lookback_ms > 0 else LOOKBACK_MS

    def _selectors(self, form: Form) -> list[tuple[Matcher, ...]]:
        """Return the matchers of every ``match[]`` (parser.ParseMetricSelector)."""
        found = []
        for text in form.all("match[]"):
            try:
                tree = parsed(text)
            except ApiError as error:
                if str(error).endswith(_EMPTY):
                    raise ApiError("bad_data", f"match[] must contain {_EMPTY}") from None
                raise
            if kind(tree) != "VectorSelector" or tree.offset is not None or tree.at is not None:
                raise ApiError("bad_data", f"parse error: {quoted(text)} is not a series selector")
            found.append(selector_matchers(tree, self._recording.semantics))
        return found

    def _found(
        self, selectors: Sequence[tuple[Matcher, ...]], span: tuple[int, int]
    ) -> set[LabelSet]:
        return {
            labels
            for matchers in selectors
            for labels in self._recording.label_sets(matchers, *span)
        }


def _named(name: str, read: Callable[[str], T], form: Form) -> T:
    try:
        return read(form.get(name))
    except ValueError as error:
        raise invalid(name, str(error)) from None


def _check_type(tree: Any) -> None:
    if (name := _NO_VECTORS.get(kind(unwrapped(tree)))) is not None:
        raise ApiError(
            "bad_data",
            f'invalid expression type "{name}" for range query, must be Scalar or instant Vector',
        )


def _step_ms(form: Form, start_ms: int, end_ms: int) -> int:
    step_ns = _named("step", read_duration, form)
    if step_ns <= 0:
        raise invalid(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive "
            "integer",
        )
    if (end_ms - start_ms) * NS_PER_MS // step_ns > MAX_POINTS:
        raise ApiError(
            "bad_data",
            f"exceeded maximum resolution of {MAX_POINTS:,} points per timeseries. Try decreasing "
            "the query resolution (?step=XX)",
        )
    if step_ns < NS_PER_MS:
        raise ApiError("execution", "a step of less than 1ms is none: times have milliseconds")
    return step_ns // NS_PER_MS


def _truncated(results: Sequence[T], limit: int) -> tuple[Sequence[T], list[str]]:
    if limit and len(results) > limit:
        return results[:limit], [_TRUNCATED]
    return results, []


def _listing(listed: Callable[[], list[Any]], limit: int) -> Job:
    def run() -> bytes:
        some, warnings = _truncated(listed(), limit)
        return encode.success(encode.encoded(some), warnings)

    return Job(run)


def _unescaped(name: str) -> str:
    """Return the UTF-8 name that is written ``U__a_2e_b`` in a URL (model.UnescapeName)."""
    if not name.startswith("U__"):
        return name
    return _ESCAPED.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else "_", name.removeprefix("U__")
    )
