"""What each of Alertmanager's mechanisms saved and cost, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alertlab.noise import (
    GROUP_WAIT,
    GROUPING,
    INHIBITION,
    REPEATS,
    SILENCES,
    TIME_INTERVALS,
    NoiseReview,
    alert_waits,
    incident_delays,
    mechanism_effects,
    muted_time,
    without_mechanisms,
)
from alertlab.notify import Sending, Silence
from alertlab.notify.relabel import Relabel
from alertlab.promql import Matcher
from alertlab.units import MINUTE_MS

CONFIG = """
route:
  receiver: pager
  group_by: [alertname]
  group_wait: {group_wait}
  group_interval: 5m
  repeat_interval: {repeat_interval}
  routes:
  - {{matchers: [rule = "Chat"], receiver: chat, {chat}}}
  - {{matchers: [rule = "Nobody"], receiver: nobody}}
receivers:
- {{name: pager, pagerduty_configs: [{{routing_key: a}}]}}
- {{name: chat, slack_configs: [{{api_url: 'http://s.example/a', channel: b}}]}}
- {{name: nobody}}
{more}
"""
INHIBIT = """
inhibit_rules:
- {source_matchers: [rule = "A"], target_matchers: [rule = "Chat"]}
"""


def config(group_wait="30s", repeat_interval="4h", chat="continue: false", more="") -> str:
    return CONFIG.format(
        group_wait=group_wait, repeat_interval=repeat_interval, chat=chat, more=more
    )


def effects_of(review: NoiseReview, mechanism: str) -> pd.DataFrame:
    table = mechanism_effects(review, without_mechanisms(review))
    return table[table["mechanism"] == mechanism].set_index("receiver")


def delays_of(review: NoiseReview, mechanism: str) -> list[list]:
    table = incident_delays(review, without_mechanisms(review))
    return table[table["mechanism"] == mechanism].iloc[:, 1:].values.tolist()


def test_grouping(review_of) -> None:
    """Three pods: two together, the third two minutes later has to wait for the next flush."""
    runs = {"A": {"a": [(10, 30)], "b": [(10, 30)], "c": [(12, 30)]}}
    row = effects_of(review_of(runs, config()), GROUPING).loc["pager"]
    # first and new alerts, then all resolved; each alone: first and resolved
    assert (row["pages"], row["pages_without"]) == (2, 3)
    assert (row["notifications"], row["notifications_without"]) == (3, 6)
    assert (row["wait_p50_seconds"], row["wait_p50_seconds_without"]) == (30, 30)
    late = {"A": {"a": [(10, 30)], "b": [(12, 30)], "c": [(12, 30)]}}
    row = effects_of(review_of(late, config()), GROUPING).loc["pager"]
    assert (row["wait_p50_seconds"], row["wait_p50_seconds_without"]) == (210, 30)


def test_group_wait(review_of) -> None:
    """A blip of a minute ends before anyone is told; the incident behind it pages nobody.

    A page before an incident's labelled start is no later for having waited.
    """
    runs = {"A": {"a": [(10, 11), (100, 130)]}}
    incidents = ("blip", 10, 15), ("long", 100, 130), ("labelled late", 104, 130)
    review = review_of(runs, config(group_wait="2m"), *incidents)
    row = effects_of(review, GROUP_WAIT).loc["pager"]
    assert (row["pages"], row["pages_without"]) == (1, 2)
    assert (row["untold"], row["untold_without"]) == (1, 0)
    assert (row["wait_p50_seconds"], row["wait_p50_seconds_without"]) == (120, 0)
    (blip, *lost), late = delays_of(review, GROUP_WAIT)
    assert (blip, np.isnan(lost[0]), lost[1], late) == ("blip", True, 0, ["long", 120, 0])
    no_wait = review_of(runs, config(group_wait="0s"))
    assert GROUP_WAIT not in without_mechanisms(no_wait)


def test_inhibition(review_of) -> None:
    """The chat is spared what the pager was told of; the incident's only page was the chat's."""
    runs = {"A": {"a": [(10, 60)]}, "Chat": {"a": [(20, 40)]}}
    review = review_of(runs, config(more=INHIBIT), ("i", 20, 40))
    table = effects_of(review, INHIBITION)
    assert (table.loc["chat", "pages"], table.loc["chat", "pages_without"]) == (0, 1)
    assert (table.loc["pager", "pages"], table.loc["pager", "pages_without"]) == (1, 1)
    ((name, now, then),) = delays_of(review, INHIBITION)
    assert (name, np.isnan(now), then) == ("i", True, 30)
    assert INHIBITION not in without_mechanisms(review_of(runs, config()))


def test_silences(review_of) -> None:
    """Silenced until 20:00, the alert is told at the flush after."""
    silence = Silence((Matcher("rule", "=", "A"),), 0, 20 * MINUTE_MS)
    runs = {"A": {"a": [(10, 60)]}}
    review = review_of(runs, config(), ("i", 10, 60), silences=[silence])
    row = effects_of(review, SILENCES).loc["pager"]
    assert (row["pages"], row["pages_without"]) == (1, 1)
    assert (row["wait_p50_seconds"], row["wait_p50_seconds_without"]) == (630, 30)
    assert delays_of(review, SILENCES) == [["i", 630, 30]]
    assert SILENCES not in without_mechanisms(review_of(runs, config()))


def test_time_intervals(review_of) -> None:
    """The chat is mute for the first hour; then it is told at once."""
    first_hour = """
time_intervals:
- {name: first-hour, time_intervals: [{times: [{start_time: '00:00', end_time: '01:00'}]}]}
"""
    mute = config(chat="mute_time_intervals: [first-hour]", more=first_hour)
    runs = {"A": {"a": [(10, 80)]}, "Chat": {"a": [(10, 80), (90, 95)]}}
    review = review_of(runs, mute)
    row = effects_of(review, TIME_INTERVALS).loc["chat"]
    assert (row["pages"], row["pages_without"]) == (2, 2)
    assert row["wait_p50_seconds"] == (30 + 50 * 60 + 30) / 2
    assert row["wait_p50_seconds_without"] == 30
    active = config(chat="active_time_intervals: [first-hour]", more=first_hour)
    row = effects_of(review_of(runs, active), TIME_INTERVALS).loc["chat"]
    assert (row["pages"], row["pages_without"]) == (1, 2)


def test_repeats(review_of) -> None:
    """Three repeats in an hour, none of them a page."""
    runs = {"A": {"a": [(10, 70)]}}
    row = effects_of(review_of(runs, config(repeat_interval="14m")), REPEATS).loc["pager"]
    assert (row["pages"], row["pages_without"]) == (1, 1)
    # first at 10:30, repeats at 25:30, 40:30, 55:30; resolved at 70:30
    assert (row["notifications"], row["notifications_without"]) == (5, 2)
    row = effects_of(review_of(runs, config()), REPEATS).loc["pager"]
    assert (row["notifications"], row["notifications_without"]) == (2, 2)


def test_receivers_that_are_told_nothing_have_no_row(review_of) -> None:
    """Neither one that nothing routes to nor one without an integration."""
    runs = {"A": {"a": [(10, 30)]}, "Nobody": {"a": [(10, 30)]}}
    assert list(effects_of(review_of(runs, config()), GROUPING).index) == ["pager"]


def test_waits_of_each_alert(review_of) -> None:
    """Fired again after it was told, it waits anew; what routes to nobody has no row."""
    runs = {"A": {"a": [(10, 30), (40, 60)], "b": [(12, 60)]}, "Nobody": {"a": [(10, 30)]}}
    review = review_of(runs, config())
    waits = alert_waits(review, review.notifications)
    got = [(dict(row.labels)["pod"], row.receiver, row.wait_seconds) for row in waits.itertuples()]
    assert got == [("a", "pager", 30), ("b", "pager", 210), ("a", "pager", 30)]


def test_waits_of_alerts_that_are_renamed_on_the_way(review_of) -> None:
    """Alertmanager gets other labels than the rule gives, and routes by those."""
    sending = Sending(external_labels=(("rule", "x"), ("site", "seoul")))
    review = review_of({"A": {"a": [(10, 30)]}}, config(), sending=sending)
    assert review.pages["rule"].tolist() == ["A"]
    assert dict(review.notifications["firing"][0][0])["site"] == "seoul"
    assert alert_waits(review, review.notifications)["wait_seconds"].tolist() == [30]
    drop = Relabel(source_labels=("alertname",), action="drop", regex="A")
    review = review_of({"A": {"a": [(10, 30)]}}, config(), sending=Sending(alert_relabel=(drop,)))
    assert review.notifications.empty
    assert alert_waits(review, review.notifications).empty
    assert muted_time(review).empty


def stretches(review: NoiseReview) -> list[tuple[str, float, float]]:
    table = muted_time(review)
    minutes = [
        (table[name] - pd.Timestamp(0, tz="UTC")).dt.total_seconds() / 60
        for name in ("start", "end")
    ]
    return list(zip(table["rule"], *minutes, strict=True))


def test_muted_time(review_of) -> None:
    """From when the source fires to when it resolves, while the target fires."""
    runs = {"A": {"a": [(30, 60)]}, "Chat": {"a": [(20, 100)]}}
    assert stretches(review_of(runs, config(more=INHIBIT))) == [("Chat", 30, 60)]
    assert stretches(review_of(runs, config())) == []


def test_muted_by_silence_and_time_together(review_of) -> None:
    """Two reasons that touch are one stretch; one that wakes nobody anyway is never muted."""
    hour = """
time_intervals:
- {name: hour, time_intervals: [{times: [{start_time: '00:00', end_time: '01:00'}]}]}
"""
    mute = config(chat="mute_time_intervals: [hour]", more=hour)
    silence = Silence((Matcher("rule", "!=", ""),), 50 * MINUTE_MS, 70 * MINUTE_MS - 1)
    runs = {"Chat": {"a": [(20, 100)]}, "Nobody": {"a": [(20, 100)]}}
    assert stretches(review_of(runs, mute, silences=[silence])) == [("Chat", 20, 70)]
    still = {"Chat": {"a": [(20, 1440)]}}
    endless = Silence((Matcher("rule", "=", "Chat"),), 0, 10**12)
    assert stretches(review_of(still, config(), silences=[endless])) == [("Chat", 20, 1440)]


def test_who_is_told_elsewhere_is_not_muted(review_of) -> None:
    """The chat is mute for the first hour, the pager that the alert goes to as well is not."""
    hour = """
time_intervals:
- {name: hour, time_intervals: [{times: [{start_time: '00:00', end_time: '01:00'}]}]}
"""
    runs = {"Chat": {"a": [(20, 100)]}}
    mute = config(chat="continue: true, mute_time_intervals: [hour]", more=hour)
    both = mute.replace("receivers:", "  - {receiver: pager}\nreceivers:")
    assert stretches(review_of(runs, mute)) == [("Chat", 20, 60)]
    assert stretches(review_of(runs, both)) == []


def test_an_empty_review(review_of) -> None:
    """Nothing fired: empty tables, not errors."""
    review = review_of({"A": {"a": []}}, config(more=INHIBIT), ("i", 1, 2))
    without = without_mechanisms(review)
    assert mechanism_effects(review, without).empty
    assert incident_delays(review, without).empty
    assert alert_waits(review, review.notifications).empty
    assert muted_time(review).empty
