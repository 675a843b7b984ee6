"""An expression at the times at which a rule is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from alertlab.errors import EvaluationFailed, UnsupportedPromQL
from alertlab.frame import Frame, FrameBuilder
from alertlab.promql import parse
from alertlab.promql.parsing import at_ms, children, duration_ms, kind
from alertlab.replay.slots import Slots
from alertlab.sources import Source

_QUOTED = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`|#[^\n]*"
_AT_BOUND = re.compile(rf"{_QUOTED}|(@\s*(?:start|end)\s*\(\s*\))", re.IGNORECASE)


def query_slots(
    source: Source, expr: str, slots: Slots, *, query_offset_ms: int
) -> tuple[Frame, Slots]:
    """Return an expression's values at the slots at which it was evaluated, and what failed.

    The frame's times are the slots; the query itself looks ``query_offset_ms`` back, as does
    Prometheus (rules/alerting.go, Eval).  Slots at which the evaluation fails on its data are
    added to the failed ones.
    """
    first_ms = min((int(piece[0]) for piece in slots.pieces if len(piece)), default=0)
    asked = _at_each_slot(expr, first_ms - query_offset_ms)
    frames = [
        frame
        for piece in slots.pieces
        for frame in _frames(source, asked, piece - query_offset_ms, slots.interval_ms)
    ]
    frame = frames[0] if len(frames) == 1 else _joined(frames)
    times = frame.times + query_offset_ms
    failing = np.setdiff1d(slots.times, times) if len(times) < len(slots.times) else times[:0]
    failed = np.union1d(slots.failed, np.setdiff1d(failing, slots.missed))
    kept = slots.evaluated(times)
    if kept.all():
        frame = Frame(times, frame.values, frame.present, frame.labels)
    else:
        frame = Frame(times[kept], frame.values[:, kept], frame.present[:, kept], frame.labels)
    return frame, replace(slots, failed=failed)


def _frames(source: Source, expr: str, times: np.ndarray, step_ms: int) -> list[Frame]:
    """Return the expression's values on parts of a regular grid, without steps that fail.

    A range query fails as a whole if one step does, so it is asked in halves.
    """
    if not len(times):
        return []
    try:
        return [source.range_query(expr, int(times[0]), int(times[-1]), step_ms)]
    except EvaluationFailed:
        if len(times) == 1:
            return []
        middle = len(times) // 2
        return [
            frame
            for half in (times[:middle], times[middle:])
            for frame in _frames(source, expr, half, step_ms)
        ]


def _joined(frames: list[Frame]) -> Frame:
    times = np.concatenate([np.empty(0, np.int64), *(frame.times for frame in frames)])
    built, first = FrameBuilder(times), 0
    for frame in frames:
        columns = slice(first, first + len(frame.times))
        for labels, values, present in zip(frame.labels, frame.values, frame.present, strict=True):
            into_values, into_present = built.row(labels)
            into_values[columns], into_present[columns] = values, present
        first = columns.stop
    return built.frame()


def _at_each_slot(expr: str, first_ms: int) -> str:
    """Return the expression as an instant query at each slot, the first one at ``first_ms``.

    ``@ start()`` and ``@ end()`` are then the time of the evaluation, where a selector stands
    anyway.  What would be read from after the evaluation is refused: it was not there yet.
    """
    for node, inside in _reading(parse(expr), inside=False):
        fixed_ms = at_ms(node, first_ms, first_ms)
        if inside and fixed_ms != at_ms(node, first_ms + 1, first_ms + 1):
            _refuse("@ start() or @ end() inside a subquery", expr)
        if (first_ms if fixed_ms is None else fixed_ms) - duration_ms(node.offset) > first_ms:
            _refuse("looking behind the evaluation (a negative offset, or @)", expr)
    return _AT_BOUND.sub(lambda found: "" if found[1] else found[0], expr)


def _reading(node: Any, *, inside: bool) -> Iterator[tuple[Any, bool]]:
    """Yield what an expression reads, and whether it stands in a subquery."""
    name = kind(node)
    if name in ("VectorSelector", "SubqueryExpr"):
        yield node, inside
    for child in children(node):
        yield from _reading(child, inside=inside or name == "SubqueryExpr")


def _refuse(what: str, expr: str) -> None:
    raise UnsupportedPromQL(f"{what}, in {expr!r}, is not replayed here; write it without that")
