"""Sources in memory that say where they come from, and tunings of a rule on them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from alertlab.frame import Series
from alertlab.rules import find_rule, load_rules
from alertlab.tuning import (
    CHANGE,
    Constraints,
    Evaluations,
    Score,
    Span,
    Tuning,
    Yardstick,
    score_setting,
)
from alertlab.tuning.knobs import KNOB_COLUMNS
from alertlab.tuning.verdict import coverage_of
from alertlab.units import MINUTE_MS

sys.path.insert(0, str(Path(__file__).parent))

from histories import END_MS, incidents_of, minutely, provenance, queue_values


@pytest.fixture
def told_source(memory_source) -> Callable:
    """A function that makes a source of series, which says that it is ``small``."""

    class Told(memory_source):
        def provenance(self) -> dict:
            return dict(provenance())

    return Told


@pytest.fixture
def change_to(told_source) -> Callable[..., tuple[Tuning, object]]:
    """A function that returns a tuning that recommends other numbers for a rule of a file, and
    its source: without a sweep, so that a test says itself what is changed."""

    def run(
        path: Path,
        rule: str = "LongQueue",
        *,
        series: list[Series] | None = None,
        semantics: int = 3,
        **numbers: float,
    ) -> tuple[Tuning, object]:
        source = told_source(series or [minutely(queue_values())], semantics=semantics)
        found = find_rule(load_rules(path), rule)
        evaluations = Evaluations(found, source, 0, END_MS, slot_offset_ms=0, comparison=0)
        now = evaluations.current
        evaluated, yardstick = evaluations(now), Yardstick(incidents=incidents_of())
        span = Span(0, END_MS + MINUTE_MS)
        scores = [
            score_setting(evaluations(one), one, yardstick, span)
            for one in (now, replace(now, **numbers))
        ]
        tuning = Tuning(
            rule=found, verdict=CHANGE, reason="It is better so.",
            current=scores[0], recommended=scores[1], front=(), candidates=_candidates(scores),
            knobs=pd.DataFrame(columns=KNOB_COLUMNS), plateau=(8.5, 19.0), cause=None,
            evaluated=evaluated, compared=evaluations.compared(), evaluations=evaluations,
            validation=None, span=span, yardstick=yardstick, constraints=Constraints(),
            coverage=coverage_of(evaluated, 1.0, span, yardstick),
        )  # fmt: skip
        return tuning, source

    return run


def _candidates(scores: list[Score]) -> pd.DataFrame:
    """Return the settings as a sweep would list them, as far as reports read it."""
    return pd.DataFrame(
        [
            vars(one.setting)
            | {
                "owed": len(one.caught) + len(one.missed),
                "detected": len(one.caught),
                "critical_detected": 1,
                "false_firing_ratio": one.false_firing_ratio,
                "delay_p90_seconds": 0.0,
            }
            for one in scores
        ]
    )
