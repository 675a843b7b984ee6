"""What really fired beside what the replay says, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from alertlab.incidents import no_incidents
from alertlab.noise import NoiseReview, recorded_agreement, review_noise
from alertlab.notify import single_receiver
from alertlab.rules import AlertRule
from alertlab.tuning import Yardstick
from alertlab.units import MINUTE_MS

RULE = AlertRule("A", "m > 5", "g", Path("r.yml"), 1, MINUTE_MS)
RULES = [RULE, replace(RULE, name="B", expr="m > 50"), replace(RULE, name="C")]
VALUES = "1 9 9 9 1 1 9 9 1 1"


def compare(source) -> tuple[pd.DataFrame, NoiseReview]:
    review = review_noise(
        RULES,
        source,
        0,
        9 * MINUTE_MS,
        yardstick=Yardstick(config=single_receiver(), incidents=no_incidents()),
    )
    return recorded_agreement(review, source), review


def test_rules_of_which_alerts_are_recorded(memory_source, series_of) -> None:
    """One fired a slot later than the replay says, one fired although it ought not; C left none."""
    source = memory_source(
        [
            series_of("m", VALUES),
            series_of('ALERTS{alertname="A", alertstate="firing"}', "_ _ 1 1 stale _ 1 1 stale"),
            series_of('ALERTS{alertname="B", alertstate="firing"}', "_ _ _ _ _ _ _ 1 stale"),
        ]
    )
    table, _ = compare(source)
    assert table["rule"].tolist() == ["B", "A"]
    counts = table[["recorded_slots", "replayed_slots", "common_slots"]].values.tolist()
    assert counts == [[1, 0, 0], [4, 5, 4]]
    assert table["ratio"].tolist() == [0, 0.8]
    first = [pd.Timestamp(minute * MINUTE_MS, unit="ms", tz="UTC") for minute in (7, 1)]
    assert table["first_difference"].tolist() == first


def test_full_agreement(memory_source, series_of) -> None:
    """No first difference; a rule that was pending only has no ratio."""
    source = memory_source(
        [
            series_of("m", VALUES),
            series_of('ALERTS{alertname="A", alertstate="firing"}', "_ 1 1 1 stale _ 1 1 stale"),
            series_of('ALERTS{alertname="B", alertstate="pending"}', "_ 1 stale"),
        ]
    )
    table, _ = compare(source)
    assert table["rule"].tolist() == ["A", "B"]
    assert table["ratio"][0] == 1
    assert pd.isna(table["ratio"][1])
    assert table["first_difference"].isna().all()


def test_a_source_without_alerts(memory_source, series_of) -> None:
    """An empty table with its columns."""
    table, review = compare(memory_source([series_of("m", VALUES)]))
    assert table.empty
    assert "ratio" in table.columns
    assert (review.rules["slots_from"] == "stated").all()
