"""What is asked of a source that has to find stale markers out, as a live server does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alertlab.frame import Series, is_stale
from alertlab.replay import compare_recorded, evaluate_rule, find_episodes
from alertlab.replay.recording_rules import RecordedSource
from alertlab.replay.slots import Slots, find_slots
from alertlab.rules import AlertRule, RecordingRule
from alertlab.units import MINUTE_MS

LAST = 20 * MINUTE_MS
RULE = AlertRule("A", "x > 1", "g", Path("r.yml"), 1, interval_ms=MINUTE_MS, group_alerts=("A",))
RECORDED = (RecordingRule("r", "x", Path("r.yml"), 2, (), "g", MINUTE_MS),)
COUNTER = 'prometheus_rule_group_iterations_missed_total{rule_group="r.yml;g"}'


@pytest.fixture
def server_of(memory_source):
    """Make a source that gives markers only if asked, and notes ``asked``: (markers, span)."""

    class Server(memory_source):
        def __init__(self, *series: Series) -> None:
            super().__init__(list(series))
            self.asked: list[tuple[bool, int]] = []

        def series(self, selector: str, start_ms: int, end_ms: int, *, stale_markers=True):
            self.asked.append((stale_markers, end_ms - start_ms))
            found = super().series(selector, start_ms, end_ms)
            kept = [~is_stale(one.values) | stale_markers for one in found]
            return [
                Series(one.labels, one.times[these], one.values[these])
                for one, these in zip(found, kept, strict=True)
            ]

    return Server


def slots_of(server, recorded=()) -> Slots:
    return find_slots(RULE, recorded, server, 0, LAST, stated_ms=0)


def evaluated(slots: Slots, *minutes: int) -> list[bool]:
    return slots.evaluated(MINUTE_MS * np.array(minutes)).tolist()


def test_no_ends_are_asked_for_where_values_tell(server_of, series_of) -> None:
    """The time since which an alert is active, and the server's counters."""
    server = server_of(
        series_of('ALERTS_FOR_STATE{alertname="A"}', "_ 60 60 _ 60 stale"),
        series_of('ALERTS{alertname="A"}', "_ 1 1 _ 1 stale"),
        series_of(COUNTER, "_ 0 _ _ 1"),
    )
    assert evaluated(slots_of(server), 2, 3, 4) == [True, False, True]
    assert [markers for markers, _ in server.asked] == [False] * 5


def test_the_state_alone_is_asked_for_its_ends(server_of, series_of) -> None:
    """Without them an alert that came back could not be told from a missed evaluation."""
    server = server_of(series_of('ALERTS{alertname="A"}', "_ 1 1 stale _ 1 _ 1 stale"))
    assert evaluated(slots_of(server), 3, 4, 5, 6) == [True, True, True, False]
    assert [markers for markers, _ in server.asked[:2]] == [False, True]
    assert not any(markers for markers, _ in server.asked[2:])


def test_one_recorded_series_is_asked_for_its_ends(server_of, series_of) -> None:
    """They tell a missed evaluation from an end; the look for a series needs none."""
    server = server_of(series_of("r", "_ 1 1 stale _ 1 _ 1 stale" + " 1" * 12))
    assert evaluated(slots_of(server, RECORDED), 3, 4, 5, 6) == [True, True, True, False]
    (probed, _), (marked, span_ms) = server.asked[1:3]  # behind the group's alerts
    assert (probed, marked, span_ms) == (False, True, LAST)


def test_recorded_alerts_are_compared_without_their_ends(server_of, series_of) -> None:
    """What fired when is in the samples."""
    firing = 'ALERTS{alertname="A", alertstate="firing"}'
    server = server_of(series_of("x", "0 2 2 2 0 0"), series_of(firing, "_ 1 1 stale"))
    found = evaluate_rule(RULE, server, 0, 5 * MINUTE_MS)
    server.asked.clear()
    agreement = compare_recorded(found, find_episodes(found), server)
    assert (agreement.recorded_slots, agreement.common_slots) == (2, 2)
    assert [markers for markers, _ in server.asked] == [False]


@pytest.mark.parametrize("stale_markers", [True, False])
def test_where_rules_have_run_the_wish_is_passed_on(
    server_of, series_of, stale_markers: bool
) -> None:
    """Raw samples are the source's own."""
    server = server_of(series_of("x", "1 stale"))
    source = RecordedSource(server, RECORDED, stated_ms=0, end_ms=LAST)
    (found,) = source.series("x", 0, LAST, stale_markers=stale_markers)
    assert is_stale(found.values).any() == stale_markers
