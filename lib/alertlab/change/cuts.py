"""A cut of history as a promtool unit test sees it, and which alerts fire in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alertlab.change.inputs import NoUnitTest, on_grid, series_read
from alertlab.change.series_text import series_line, values_line
from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.promql.engine import LOOKBACK_MS
from alertlab.rule_tests.evaluation import NOT_EVALUATED, Evaluation
from alertlab.rule_tests.reading import AlertCheck, UnitTest
from alertlab.rule_tests.store import read_input
from alertlab.rules import AlertRule, RecordingRule, RuleGroup
from alertlab.sources import Source
from alertlab.units import SECOND_MS, LabelSet, format_duration

LONGEST_MS = 7_200_000
MOST_CHARACTERS = 400_000
"""A unit test is read by people: a longer cut, or more text, is none."""

Firing = tuple[tuple[LabelSet, LabelSet], ...]
"""Alerts that fire at a slot: labels and annotations of each, sorted."""


@dataclass(frozen=True)
class Cut:
    """A stretch of history from one of a rule's slots to another.

    start_ms, end_ms : the first and the last slot, in history; in the test the first one is 0
    step_ms : the grid of the samples
    series : label sets and values in promtool's notation
    """

    start_ms: int
    end_ms: int
    step_ms: int
    series: tuple[tuple[str, str], ...]

    def slot(self, at_ms: int) -> int:
        """Return how long after its start a time of history is [ms]."""
        return at_ms - self.start_ms


def cut_history(rule: AlertRule, source: Source, start_ms: int, end_ms: int) -> Cut:
    """Return what a rule reads from one slot to another, on the grid of its scrapes.

    NoUnitTest for what is too long or too much to be read by people.
    """
    if end_ms - start_ms > LONGEST_MS:
        raise NoUnitTest(
            f"a cut would have to be {format_duration(end_ms - start_ms)} long, more than "
            f"{format_duration(LONGEST_MS)}"
        )
    found = series_read(rule, source, start_ms - LOOKBACK_MS, end_ms)
    step_ms = _step_ms(found)
    steps = (end_ms - start_ms) // step_ms + 1
    lines = []
    for one in found:
        values = on_grid(one, start_ms, steps, step_ms)
        if any(value is not None for value in values):
            lines.append((_series_line(one.labels), values_line(values)))
    size = sum(len(text) for line in lines for text in line)
    if size > MOST_CHARACTERS:
        raise NoUnitTest(
            f"it reads {len(lines)} series, {size:,} characters even in a cut of "
            f"{format_duration(end_ms - start_ms)}; nobody would read that"
        )
    return Cut(start_ms, end_ms, step_ms, tuple(lines))


def rehearse(
    cut: Cut, groups: Sequence[RuleGroup], rule: AlertRule, semantics: int
) -> list[Firing] | None:
    """Return what fires of a rule at each slot of a cut, as promtool would evaluate ``groups``.

    None where an evaluation fails, so that promtool would fail the test; NoUnitTest for what is
    not evaluated here.
    """
    span_ms = cut.end_ms - cut.start_ms
    test = UnitTest(
        line=0, name="", interval_ms=cut.step_ms, start_ms=0, input_series=cut.series,
        alert_checks=(AlertCheck(0, rule.name, span_ms, ()),), expr_checks=(),
        external_labels={}, external_url="",
    )  # fmt: skip
    inputs, _ = read_input(test.input_series, cut.step_ms, 0, span_ms)
    slots = []
    try:
        evaluation = Evaluation(
            groups, test, inputs, interval_ms=rule.interval_ms, semantics=semantics
        )
        for _, errors in evaluation.run():
            if errors:
                return None
            slots.append(_firing(evaluation, rule))
    except NOT_EVALUATED as error:
        raise NoUnitTest(str(error)) from None
    return slots


def groups_for(groups: Iterable[RuleGroup], rule: AlertRule) -> list[RuleGroup]:
    """Return the groups with only a rule of this name, and what is recorded."""
    return [
        replace(
            group,
            rules=tuple(
                one
                for one in group.rules
                if isinstance(one, RecordingRule) or one.name == rule.name
            ),
        )
        for group in groups
    ]


def _firing(evaluation: Evaluation, rule: AlertRule) -> Firing:
    alerts = evaluation.firing(rule.name)
    return tuple(sorted((one.labels, tuple(sorted(one.annotations.items()))) for one in alerts))


def _series_line(labels: LabelSet) -> str:
    try:
        return series_line(labels)
    except BadInput as error:
        raise NoUnitTest(str(error)) from None


def _step_ms(series: Sequence[Series]) -> int:
    """Return the grid for series: the shortest of their typical distances between samples."""
    gaps = [float(np.median(np.diff(one.times))) for one in series if len(one.times) > 1]
    if not gaps:
        raise NoUnitTest("it reads hardly any samples")
    shortest = min(gaps)
    whole = round(shortest / SECOND_MS) * SECOND_MS
    return max(1, whole or round(shortest))
