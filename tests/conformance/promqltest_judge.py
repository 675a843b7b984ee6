"""Judge the evaluator by one case of a script: it passes, fails, or is refused for a reason.

An instant case is judged in all the ways in which Prometheus' own runner judges it
(promql/promqltest/test.go, ``execInstantEval``): as it is, as the middle step of a range query, and
with ``@`` its time added to every selector, evaluated at other times.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import promql_parser
from promqltest_reader import Case, Store
from promqltest_reasons import NATIVE, names_in, reason_to_refuse

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.frame import Frame, Series, is_stale
from alertlab.go_text import quote
from alertlab.promql import InstantAnswer, evaluate, instant_query, parse
from alertlab.promql.parsing import kind
from alertlab.promql.string_literals import from_parser
from alertlab.units import MINUTE_MS, LabelSet

_STEP_DEPENDENT = {
    # promql/functions.go, AtModifierUnsafeFunctions
    *("day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month"),
    *("predict_linear", "time", "timestamp", "year"),
}
_TOLERANCE = 1e-6

Points = dict[LabelSet, dict[int, float]]


class Verdict(NamedTuple):
    """What became of one case: ``passed``, ``failed`` or ``refused``, and why."""

    outcome: str
    why: str = ""


class Wrong(Exception):
    """What was evaluated is not what is expected."""


def judge(case: Case, store: Store, semantics: int) -> Verdict:
    """Evaluate a case in every way and compare with what the script expects."""
    reason = reason_to_refuse(case, store, semantics)
    if reason == NATIVE and case.message:
        # What fails over nothing in the expected words does so whatever the samples are.
        verdict = judge(case, Store(), semantics)
        if verdict.outcome == "passed":
            return verdict
    if reason is not None:
        return Verdict("refused", reason)
    try:
        if case.is_range:
            _judge_range(case, store, semantics)
        else:
            for query, at in ways(case):
                _judge_instant(case, query, at, store, semantics)
    except Wrong as wrong:
        return Verdict("failed", str(wrong))
    return Verdict("passed")


def ways(case: Case) -> Iterator[tuple[str, int]]:
    """Give the queries that an instant case stands for, each with its time."""
    at = case.at_ms
    yield case.query, at
    if not _STEP_DEPENDENT & set(names_in(parse(case.query))):
        query = pinned(case.query, at)
        for other in (-10 * at, 0, at // 5, at, 10 * at) if at else (-1000, 0, 1000):
            yield query, other


def pinned(query: str, at: int) -> str:
    """Add ``@`` to every selector and subquery that has none and is in no subquery."""
    depth = 0

    def before(node: Any) -> None:
        nonlocal depth
        depth += kind(node) == "SubqueryExpr"

    def after(node: Any) -> Any:
        nonlocal depth
        depth -= kind(node) == "SubqueryExpr"
        if depth or kind(node) not in ("VectorSelector", "SubqueryExpr") or node.at is not None:
            return None
        return promql_parser.parse(f"{node.prettify()} @ {at / 1000:.3f}")

    text = promql_parser.transform(parse(query), before, after).prettify()
    return "".join(quote(c)[1:-1] if "\udc80" <= c <= "\udcff" else c for c in from_parser(text))


def _judge_instant(case: Case, query: str, at: int, store: Store, semantics: int) -> None:
    where = f"{query} at {at / 1000:g}s"
    options = {"semantics": semantics, "delayed_names": semantics >= 3}
    try:
        answer = instant_query(query, store.select, at, **options)
    except BadInput as error:
        _check_error(case, error, where)
        return
    if case.fails:
        raise Wrong(f"{where} was expected to fail")
    _check_answer(case, answer, where)
    if case.raw or case.text is not None:
        return
    times = np.array([at - MINUTE_MS, at, at + MINUTE_MS], np.int64)
    try:
        frame = evaluate(query, store.select, times, **options)
    except BadInput as error:
        if (
            semantics < 3
            and isinstance(error, UnsupportedPromQL)
            and "a range with @" in str(error)
        ):
            return  # 2.42 moves such a window along with the steps of a range query
        raise Wrong(f"{where}, within a range query: {error}") from None
    if not case.ordered:
        middle = {labels: points for labels, points in _points(frame).items() if at in points}
        got = {labels: {at: points[at]} for labels, points in middle.items()}
        _check_points(_expected(case, at), got, f"{where}, within a range query")


def _judge_range(case: Case, store: Store, semantics: int) -> None:
    options = {"semantics": semantics, "delayed_names": semantics >= 3}
    try:
        frame = evaluate(case.query, store.select, case.times, **options)
    except BadInput as error:
        _check_error(case, error, case.query)
        return
    if case.fails:
        raise Wrong(f"{case.query} was expected to fail")
    _check_points(case.rows, _points(frame), case.query)


def _check_error(case: Case, error: BadInput, where: str) -> None:
    if not case.fails or isinstance(error, UnsupportedPromQL):
        raise Wrong(f"{where}: {error}")
    if case.message not in str(error) or not re.search(case.pattern, str(error)):
        raise Wrong(f"{where}: expected {case.message or case.pattern!r}, got {error}")


def _check_answer(case: Case, answer: InstantAnswer, where: str) -> None:
    kinds = {"string": case.text is not None, "matrix": case.raw, "scalar": case.scalar is not None}
    wanted = next((name for name, expected in kinds.items() if expected), "vector")
    if answer.kind != wanted:
        raise Wrong(f"{where}: expected a {wanted}, got a {answer.kind}")
    if case.text is not None and answer.text != case.text:
        raise Wrong(f"{where}: expected {case.text!r}, got {answer.text!r}")
    if case.text is None:
        expected = case.rows if case.raw else _expected(case, answer.at_ms)
        _check_points(expected, _points_of(answer.series), where)
    order = [one.labels for one in answer.series]
    if case.ordered and order != list(case.rows):
        raise Wrong(f"{where}: the order differs: {order}")


def _expected(case: Case, at: int) -> Points:
    """Return what an instant case expects, as if evaluated at ``at``."""
    if case.scalar is not None:
        return {(): {at: case.scalar}}
    return {labels: {at: value} for labels, row in case.rows.items() for value in row.values()}


def _points_of(series: tuple[Series, ...]) -> Points:
    return {
        one.labels: dict(zip(one.times.tolist(), one.values.tolist(), strict=True))
        for one in series
    }


def _points(frame: Frame) -> Points:
    rows = zip(frame.labels, frame.values, frame.present, strict=True)
    return _points_of(
        tuple(Series(labels, frame.times[there], row[there]) for labels, row, there in rows)
    )


def _check_points(expected: Points, got: Points, where: str) -> None:
    """Compare label sets, presence and values; there is no other tolerance than upstream's."""
    if set(expected) != set(got):
        raise Wrong(f"{where}: expected {sorted(expected)}, got {sorted(got)}")
    for labels, points in expected.items():
        same_times = points.keys() == got[labels].keys()
        if not same_times or any(not same(v, got[labels][t]) for t, v in points.items()):
            raise Wrong(f"{where}: {labels} expected {points}, got {got[labels]}")


def same(a: float, b: float) -> bool:
    """Compare as upstream (util/almost/almost.go, Equal): relative to the sum of both."""
    stale = is_stale(np.array([a, b]))
    if stale.any() or math.isnan(a) or math.isnan(b):
        return bool(stale.all()) if stale.any() else math.isnan(a) and math.isnan(b)
    if a == b:
        return True
    total, difference = abs(a) + abs(b), abs(a - b)
    if a == 0 or b == 0 or total < sys.float_info.min:
        return difference < _TOLERANCE * sys.float_info.min
    return difference / min(total, sys.float_info.max) < _TOLERANCE
