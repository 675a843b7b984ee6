"""Silences, time intervals and the one indexed source of inhibition, by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from one_route import config_of, episodes_of, told

from alertlab.notify import simulate_notifications
from alertlab.notify.config import InhibitRule
from alertlab.notify.inhibition import Inhibition
from alertlab.notify.profiles import profile_of
from alertlab.notify.sending import Sending
from alertlab.notify.silences import Silence
from alertlab.notify.upkeep import Upkeep
from alertlab.promql import Matcher
from alertlab.units import HOUR_MS, SECOND_MS, label_set


def silence(start: float, end: float) -> Silence:
    """A silence of A, in seconds."""
    matcher = Matcher("alertname", "=", "A")
    return Silence((matcher,), round(start * SECOND_MS), round(end * SECOND_MS))


@pytest.mark.parametrize(
    ("start", "end", "first"),
    [(0, 29.999, 30), (0, 30, 90), (30, 30, 90), (30.001, 89.999, 30), (0, 89, 90), (0, 90, 150)],
)
def test_a_silence_holds_at_both_of_its_ends(start: float, end: float, first: int) -> None:
    """A flush at the very moment of its start or end is silenced."""
    found = told(config_of(), episodes_of(("A", 0, 600)), silences=[silence(start, end)])
    assert found[0] == (first, "first")


def test_a_silence_is_for_its_alerts() -> None:
    """Others are told of."""
    episodes = episodes_of(("A", 0, 600), ("B", 0, 600))
    rows = simulate_notifications(
        episodes, config_of(), end_ms=HOUR_MS, silences=[silence(0, 100), silence(50, 1000)]
    )
    assert rows["firing"][0] == (label_set({"alertname": "B"}),)
    assert told(config_of(), episodes_of(("A", 0, 600)), silences=[silence(0, 3000)]) == []


@pytest.mark.parametrize(
    ("route", "first"),
    [
        ({"mute_intervals": ("even",)}, 90),  # the first flush falls into minute 0
        ({"active_intervals": ("even",)}, 30),
        ({"mute_intervals": ("hour",)}, 3630),
        ({"active_intervals": ("hour",)}, 30),
        ({"mute_intervals": ("even", "hour")}, 3690),
        ({"active_intervals": ("even", "hour")}, 30),
        ({"mute_intervals": ("even",), "active_intervals": ("hour",)}, 90),
    ],
)
def test_routes_are_muted_by_the_time_of_the_tick(route: dict, first: int) -> None:
    """Muted in any of the mute times, and outside of all of the active times."""
    assert told(config_of(**route), episodes_of(("A", 0, None)))[0] == (first, "first")


def test_who_resolves_in_a_mute_time_is_told_by_a_later_send() -> None:
    """In minutes 1, 3, …; A resolves in minute 2, and is sent again in minute 4, 6, … only."""
    found = told(config_of(mute_intervals=("even",)), episodes_of(("A", 30, 120)))
    assert found == [(60, "first")]
    found = told(config_of(mute_intervals=("even",)), episodes_of(("A", 30, 150)))
    assert found == [(60, "first"), (180, "resolved")]


SOURCES = (Matcher("alertname", "=~", "S|R"),)
RULE = InhibitRule(SOURCES, (Matcher("alertname", "=", "T"),), ())


WHOLE, LOST = [(30, 630)], [(30, 480), (510, 630)]


@pytest.mark.parametrize(
    ("version", "expected"),
    [("0.29", WHOLE), ("0.30", LOST), ("0.34.0", LOST), ("0.34.1", WHOLE)],
)
def test_one_indexed_source(version: str, expected: list[tuple[int, int]]) -> None:
    """When the indexed source resolves, another does not inhibit until it is sent again."""
    # S is sent at 30, 150, …, 510, R at 60, 180, …, 420: whoever was sent last is indexed.
    assert _inhibited(episodes_of(("S", 30, 630), ("R", 60, 480)), version) == expected


def test_of_two_sources_sent_together_the_last_is_indexed() -> None:
    """An end that is not earlier is enough."""
    episodes = episodes_of(("S", 30, 600), ("R", 30, 90))  # S is sent again at 150
    assert _inhibited(episodes, "0.30") == [(30, 90), (150, 600)]


def test_a_removed_source_takes_the_index_away() -> None:
    """Removing R, which has resolved, after 15 minutes leaves S unseen until it is sent."""
    # S is sent at 30, 150, …, 870, 990; at 900 R is removed, which was sent at 840 last.
    episodes = episodes_of(("S", 30, 1200), ("R", 0, 120))
    assert _inhibited(episodes, "0.30") == [(0, 900), (990, 1200)]
    assert _inhibited(episodes, "0.25") == [(0, 1200)]


def _inhibited(episodes: pd.DataFrame, version: str) -> list[tuple[float, float]]:
    """Return the spans, in seconds, in which T is inhibited by S and R."""
    one_source = profile_of(version).one_inhibition_source
    received = Sending().posts(episodes, HOUR_MS)
    inhibition = Inhibition([RULE], received, Upkeep(), one_source=one_source)
    (spans,) = inhibition.spans(label_set({"alertname": "T"}))
    edges, at = [], -1.0
    while (at := spans.next_edge(at)) < HOUR_MS:
        edges.append(at / SECOND_MS)
    return list(zip(edges[::2], edges[1::2], strict=True))
