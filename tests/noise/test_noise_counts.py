"""Who was told what, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alertlab.incidents import Margins
from alertlab.noise import (
    FIRED,
    NOTHING,
    PAGED,
    TOLD,
    alert_waits,
    incident_pages,
    notifications_by_reason,
    pages_by_hour,
    rule_health,
)
from alertlab.units import MINUTE_MS

CONFIG = """
global:
  smtp_smarthost: 'mail.example:25'
  smtp_from: 'alerts@mail.example'
  slack_api_url: 'http://chat.example/hook'
route:
  receiver: nobody
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 10m
  routes:
  - {matchers: ['rule =~ "Page.*"'], receiver: pager}
  - {matchers: [rule = "Mail"], receiver: mail}
receivers:
- {name: mail, email_configs: [{to: a@mail.example}]}
- name: pager
  pagerduty_configs: [{routing_key: k}]
  slack_configs: [{channel: c, send_resolved: true}]
- {name: nobody}
"""
PAGE = {"a": [(10, 30)], "b": [(12, 30)]}


def minute(number: float) -> pd.Timestamp:
    return pd.Timestamp(number * MINUTE_MS, unit="ms", tz="UTC")


def test_notifications_by_reason(review_of) -> None:
    """First at 10:30, new at 15:30, all resolved at 30:30; the mail repeats at 115:30.

    The second integration of a receiver counts nothing again; who has none has no row.
    """
    review = review_of({"PageA": PAGE, "Mail": {"a": [(100, 117)]}}, CONFIG)
    table = notifications_by_reason(review).set_index("receiver")
    counts = table[["first", "new alerts", "repeat", "resolved"]]
    assert counts.loc["pager"].tolist() == [1, 1, 0, 1]
    assert counts.loc["mail"].tolist() == [1, 0, 1, 0]
    assert list(table.index) == ["pager", "mail"]
    assert table.loc["pager", "pages"] == 2
    assert table.loc["pager", "pages_per_week"].mid == pytest.approx(14)
    assert np.isnan(table.loc["mail", "pages"])
    assert table.loc["mail", "pages_per_week"] is None
    (repeat,) = review.notifications["at"][review.notifications["reason"] == "repeat"]
    assert repeat == minute(115.5)
    assert review.repeats().empty  # mail wakes nobody


def test_repeats_of_a_paging_receiver(review_of) -> None:
    """One row for each repeat, though two integrations send it."""
    review = review_of({"PageA": {"a": [(10, 50)]}}, CONFIG)
    assert review.repeats()["at"].tolist() == [minute(25.5), minute(40.5)]
    assert review.repeats()["rule"].tolist() == ["PageA"] * 2


@pytest.mark.parametrize(
    ("time_zone", "weekday", "hour", "night"),
    [("UTC", 3, 22, True), ("Asia/Seoul", 4, 7, False)],
)
def test_pages_by_hour_of_the_time_zone(
    review_of, time_zone: str, weekday: int, hour: int, night: bool
) -> None:
    """Late on Thursday, 1 January 1970, is Friday morning in Seoul; one of three pages is true."""
    review = review_of(
        {"PageA": {"a": [(22 * 60, 22 * 60 + 2), (22 * 60 + 20, 22 * 60 + 22)]}, "PageB": PAGE},
        CONFIG,
        ("i", 22 * 60 + 20, 22 * 60 + 30),
        time_zone=time_zone,
    )
    table = pages_by_hour(review)
    row = table[(table["weekday"] == weekday) & (table["hour"] == hour)]
    assert row.to_dict("records") == [
        {"receiver": "pager", "weekday": weekday, "hour": hour, "night": night, "pages": 2,
         "false": 1}
    ]  # fmt: skip
    assert table["pages"].sum() == 4
    assert pages_by_hour(review_of({"Mail": PAGE}, CONFIG)).empty


def told(review) -> dict[str, dict]:
    return {row["incident"]: row for row in incident_pages(review).to_dict("records")}


def test_whom_each_incident_paged(review_of) -> None:
    """Two pages of one receiver, the first half a minute after the alert; then nothing at all."""
    review = review_of(
        {"PageA": PAGE, "Mail": {"a": [(200, 210)]}, "Other": {"a": [(300, 310)]}},
        CONFIG,
        ("paged", 9, 30), ("told", 200, 210), ("fired", 300, 310), ("nothing", 400, 410),
    )  # fmt: skip
    rows = told(review)
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "paged": PAGED, "told": TOLD, "fired": FIRED, "nothing": NOTHING,
    }  # fmt: skip
    paged = rows["paged"]
    assert (paged["pages"], paged["receivers"], paged["duplicates"]) == (2, {"pager": 2}, 1)
    assert (paged["rules"], paged["first_page_seconds"]) == (("PageA",), 90.0)
    for name in ("told", "fired", "nothing"):
        assert np.isnan(rows[name]["first_page_seconds"])
        assert (rows[name]["pages"], rows[name]["receivers"], rows[name]["rules"]) == (0, {}, ())


def test_two_receivers_are_no_duplicate_of_each_other(review_of) -> None:
    """Each is told once of the first incident, by whichever rule; then one of them again."""
    config = CONFIG.replace("receiver: mail", "receiver: chat").replace('"Mail"', '"Chat"')
    mail = "{name: mail, email_configs: [{to: a@mail.example}]}"
    config = config.replace(mail, "{name: chat, slack_configs: [{channel: c}]}")
    runs = {"PageA": {"a": [(10, 15)]}, "Chat": {"a": [(11, 15)]}, "PageB": {"a": [(14, 19)]}}
    review = review_of(runs, config, ("i", 9, 20))
    row = told(review)["i"]
    assert (row["receivers"], row["duplicates"]) == ({"pager": 2, "chat": 1}, 1)
    assert row["rules"] == ("PageA", "Chat", "PageB")
    duplicates = dict(zip(review.pages["rule"], review.pages["duplicate"], strict=True))
    assert duplicates == {"PageA": False, "Chat": False, "PageB": True}


def test_a_resolve_tells_nobody_of_an_incident(review_of) -> None:
    """The mail that an alert of before is over."""
    config = CONFIG.replace("{to: a@mail.example}", "{to: a@mail.example, send_resolved: true}")
    review = review_of({"Mail": {"a": [(10, 40)]}}, config, ("i", 40, 50), margins=Margins(0, 0))
    assert "resolved" in set(review.notifications["reason"])
    assert told(review)["i"]["outcome"] == NOTHING


def test_a_page_before_the_labelled_start(review_of) -> None:
    """It counts within the margin, with no delay; without the margin it is another's."""
    for before_ms, pages, delay in ((5 * MINUTE_MS, 2, 0.0), (0, 1, 210.0)):
        review = review_of(
            {"PageA": PAGE}, CONFIG, ("i", 12, 30), margins=Margins(before_ms=before_ms)
        )
        row = told(review)["i"]
        assert (row["pages"], row["first_page_seconds"]) == (pages, delay)


def test_overlapping_incidents_share_a_page(review_of) -> None:
    """Nobody may say that the second one paged nobody."""
    rows = told(review_of({"PageA": PAGE}, CONFIG, ("first", 5, 40), ("second", 10, 40)))
    assert [rows[name]["pages"] for name in ("first", "second")] == [2, 2]


def test_what_always_fires_tells_nothing(review_of) -> None:
    """The mails about a watchdog during an incident are no word of it."""
    runs = {"Mail": {"a": [(0, 1440)]}}
    assert told(review_of(runs, CONFIG, ("i", 100, 150)))["i"]["outcome"] == NOTHING
    runs = {"Mail": {"a": [(50, 200)]}}
    assert told(review_of(runs, CONFIG, ("i", 100, 150)))["i"]["outcome"] == TOLD


def test_what_happened_in_the_warm_up_is_not_counted(review_of) -> None:
    """Paged before the review began, resolved within it; the value before it is none of it."""
    review = review_of({"PageA": {"a": [(30, 90)]}}, CONFIG, start=60)
    assert review.pages.empty
    table = notifications_by_reason(review).set_index("receiver")
    assert table.loc["pager", ["first", "resolved"]].tolist() == [0, 1]
    assert alert_waits(review, review.notifications).empty
    silent = review_of({"PageA": {"a": [(30, 31)]}}, CONFIG, start=60)
    assert rule_health(silent)["closest"].tolist() == [1]


def test_incidents_outside_the_review_have_no_row(review_of) -> None:
    """Only those that start within it."""
    rows = told(review_of({"PageA": PAGE}, CONFIG, ("before", -20, 15), ("after", 1440, 1500)))
    assert rows == {}
