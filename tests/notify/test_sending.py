"""What Prometheus sends of an episode, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from alertlab.notify.relabel import Relabel
from alertlab.notify.sending import Post, Sending
from alertlab.units import DAY_MS, SECOND_MS, LabelSet, label_set

LABELS = label_set({"alertname": "A", "pod": "x"})


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    """Episodes, times in seconds: active at once unless said otherwise."""
    defaults = {"rule": "A", "labels": LABELS, "resolved_at": None}
    full = pd.DataFrame([defaults | {"active_at": row.get("fired_at")} | row for row in rows])
    if "gaps" in full:
        full["gaps"] = [
            tuple((a * SECOND_MS, b * SECOND_MS) for a, b in some) for some in full["gaps"]
        ]
    for column in ("active_at", "fired_at", "resolved_at"):
        full[column] = pd.to_datetime(full[column].astype("Float64"), unit="s", utc=True)
    return full


def sends(episodes: pd.DataFrame, end: int, sending: Sending = Sending()) -> list[tuple]:  # noqa: B008
    """Return (second, StartsAt, EndsAt) of each send of the one label set there is."""
    (posts,) = sending.posts(episodes, end * SECOND_MS).values()
    return _seconds(posts)


def _seconds(posts: Sequence[Post]) -> list[tuple]:
    return [
        tuple(at / SECOND_MS for at in (one.sends[0], one.start, one.end))
        for post in posts
        for one in post.singles()
    ]


@pytest.mark.parametrize(
    ("interval", "delay", "period", "valid"),
    [(15, 60, 75, 240), (30, 60, 90, 240), (60, 60, 120, 240), (300, 60, 300, 1200),
     (60, 0, 60, 240), (15, 20, 30, 80)],
)  # fmt: skip
def test_how_often_an_alert_is_sent(interval: int, delay: int, period: int, valid: int) -> None:
    """Again at the first slot that is later than the delay; it holds for four of the longer one."""
    episodes = frame({"fired_at": 0, "interval_ms": interval * SECOND_MS})
    found = sends(episodes, 2 * period, Sending(delay * SECOND_MS))
    assert found == [(at, 0, at + valid) for at in (0, period, 2 * period)]


def test_without_the_columns_a_rule_runs_every_minute() -> None:
    """Then nothing is missed and nothing dropped."""
    assert sends(frame({"fired_at": 7, "resolved_at": 187}), 400) == [
        (7, 7, 247), (127, 7, 367), (187, 7, 187), (307, 7, 187),
    ]  # fmt: skip


def test_resolves_are_sent_for_15_minutes() -> None:
    """The last time 15 minutes after the resolve, not a slot later."""
    episodes = frame({"fired_at": 0, "resolved_at": 60, "interval_ms": 60_000})
    resolves = [at for at, _, end in sends(episodes, 10_000, Sending(0)) if end == 60]
    assert resolves == [60 + 60 * k for k in range(16)]


@pytest.mark.parametrize("again", [{"active_at": 360, "fired_at": None}, {"fired_at": 360}])
def test_becoming_active_ends_the_resolves(again: dict[str, Any]) -> None:
    """Also if it only becomes pending."""
    episodes = frame({"fired_at": 0, "resolved_at": 60}, again)
    assert [at for at, start, end in sends(episodes, 2_000) if end == 60] == [60, 180, 300]


def test_nothing_is_sent_in_a_gap() -> None:
    """Nor at its first slot; at its last the rule runs again, and sends what it has missed."""
    gaps = ((110, 300), (370, 430))
    episodes = frame({"fired_at": 0, "resolved_at": 360, "gaps": gaps})
    assert sends(episodes, 700) == [
        (0, 0, 240), (300, 0, 540), (360, 0, 360), (480, 0, 360), (600, 0, 360),
    ]  # fmt: skip
    episodes = frame({"fired_at": 0, "resolved_at": 360, "gaps": ((360, 400),)})
    assert sends(episodes, 500)[-1] == (420, 0, 360)
    episodes = frame({"fired_at": 0, "resolved_at": 360, "gaps": ((360, 1300),)})
    assert sends(episodes, 5_000)[-1] == (240, 0, 480)


def test_a_dropped_alert_is_not_resolved() -> None:
    """Its last send holds as long as it said."""
    episodes = frame({"fired_at": 0, "resolved_at": 180, "dropped": True})
    assert sends(episodes, 5_000) == [(0, 0, 240), (120, 0, 360)]


def test_pending_alerts_are_not_sent() -> None:
    """Whoever never fired is not known to Alertmanager."""
    episodes = frame({"active_at": 0, "fired_at": None, "resolved_at": 60})
    assert Sending().posts(episodes, 1_000_000) == {}
    assert Sending().posts(episodes[:0], 1_000_000) == {}


def test_two_rules_may_give_one_alert() -> None:
    """Runs that overlap are of several rules, even of one name: each sends for itself."""
    episodes = frame({"fired_at": 0, "resolved_at": 180}, {"fired_at": 60, "resolved_at": 240})
    assert sends(episodes, 300) == [
        (0, 0, 240), (60, 60, 300), (120, 0, 360), (180, 0, 180), (180, 60, 420), (240, 60, 240),
        (300, 0, 180),
    ]  # fmt: skip


def test_external_labels_are_added_where_missing() -> None:
    """An alert's own labels win."""
    sending = Sending(external_labels=(("pod", "none"), ("region", "eu")))
    (labels,) = sending.posts(frame({"fired_at": 0}), 0)
    assert labels == (*LABELS, ("region", "eu"))


def test_relabelling_drops_and_merges() -> None:
    """After the external labels; alerts that become equal are sent one by one."""
    other = label_set({"alertname": "A", "pod": "y"})
    episodes = frame({"fired_at": 0}, {"fired_at": 60, "labels": other})
    external: LabelSet = (("region", "eu"),)
    drop = Relabel("drop", ("region", "pod"), regex="eu;x")
    (labels,) = Sending(external_labels=external, alert_relabel=(drop,)).posts(
        episodes, 0 * 1000 + 60_000
    )
    assert labels == (*other, *external)
    merged = Sending(alert_relabel=(Relabel("labeldrop", regex="pod"),))
    assert sends(episodes, 180, merged) == [
        (0, 0, 240),
        (60, 60, 300),
        (120, 0, 360),
        (180, 60, 420),
    ]


def test_a_month_of_firing_costs_nothing() -> None:
    """Equal sends of one alert are one post, however many there are."""
    (posts,) = Sending().posts(frame({"fired_at": 0}), 28 * DAY_MS).values()
    assert [len(post.sends) for post in posts] == [28 * 720 + 1]
