"""The weekly review on two weeks made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.incidents import INCIDENT_COLUMNS, Margins, no_incidents
from alertlab.noise import (
    ALWAYS,
    FINE,
    NO_DATA,
    NOISY,
    SILENT,
    NoiseReview,
    review_noise,
    tune_noisy_rules,
)
from alertlab.notify import load_alertmanager
from alertlab.rules import AlertRule
from alertlab.tuning import CHANGE, NOT_ENOUGH_DATA, Yardstick
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS, label_set

DAYS = 14
END = DAYS * DAY_MS - MINUTE_MS
CONFIG = """
global:
  smtp_smarthost: 'mail.example:25'
  smtp_from: 'alerts@mail.example'
  slack_api_url: 'http://chat.example/hook'
route:
  receiver: nobody
  group_by: [alertname]
  routes:
  - {match: {severity: critical}, receiver: pager}
  - {match: {severity: warning}, receiver: chat}
receivers:
- {name: pager, pagerduty_configs: [{routing_key: k}], email_configs: [{to: a@mail.example}]}
- {name: chat, slack_configs: [{channel: c}]}
- {name: nobody, email_configs: [{to: b@mail.example}]}
"""


def rule_of(name: str, expr: str, severity: str) -> AlertRule:
    return AlertRule(name, expr, "g", Path("r.yml"), 1, MINUTE_MS, labels=(("severity", severity),))


RULES = [
    rule_of("Good", "good > 5", "critical"),
    rule_of("Noisy", "noisy > 5", "warning"),
    rule_of("Silent", "good > 500", "critical"),
    rule_of("Gone", "gone > 5", "critical"),
    rule_of("Watchdog", "vector(1)", "none"),
    rule_of("Churn", "churn > 5", "none"),
]


def at(day: float, hour: float) -> int:
    return int(day * DAY_MS + hour * HOUR_MS)


def series_of_runs(name: str, *runs: tuple[int, int], **labels: str) -> Series:
    """A sample a minute: 9 within [start, start + minutes), else 1."""
    times = np.arange(0, DAYS * DAY_MS, MINUTE_MS)
    values = np.ones(len(times))
    for start, minutes in runs:
        values[(times >= start) & (times < start + minutes * MINUTE_MS)] = 9
    return Series(label_set({"__name__": name} | labels), times, values)


def incidents_of(*rows: tuple[str, int, tuple | None]) -> pd.DataFrame:
    """Half-hour incidents (id, start, rules that owe an alert)."""
    frame = pd.DataFrame(
        [(name, start, start + 30 * MINUTE_MS, "", owed, "") for name, start, owed in rows],
        columns=INCIDENT_COLUMNS,
    )
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    return frame


INCIDENTS = incidents_of(("i1", at(10, 12), ("Good",)), ("i2", at(12, 6), ("Silent",)))


@pytest.fixture(scope="module")
def source(memory_source):
    """A rule's three episodes, another's every evening, and three pods that take turns."""
    return memory_source(
        [
            series_of_runs("good", (at(2, 3), 5), (at(10, 12), 10), (at(10, 12 + 1 / 3), 10)),
            series_of_runs("noisy", *((at(day, 20), 5) for day in range(DAYS))),
            # Together 105 % of an hour's minutes, but over each other: half of the time.
            *(
                series_of_runs("churn", *((at(0, hour), 21) for hour in range(24 * DAYS)), pod=pod)
                for pod in "abc"
            ),
        ]
    )  # fmt: skip


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Critical to a pager, warnings to a chat, the rest to email."""
    path = tmp_path_factory.mktemp("config") / "alertmanager.yml"
    path.write_text(CONFIG)
    return load_alertmanager(path)


@pytest.fixture(scope="module")
def review(source, config) -> NoiseReview:
    """The review in Seoul, where 20:00 UTC is five in the morning."""
    return review_noise(
        RULES,
        source,
        0,
        END,
        yardstick=Yardstick(config=config, incidents=INCIDENTS, time_zone="Asia/Seoul"),
    )


def row_of(review: NoiseReview, name: str) -> dict:
    (row,) = review.rules[review.rules["rule"] == name].to_dict("records")
    return row


def test_every_page_is_true_or_false(review: NoiseReview) -> None:
    """Two pages in the incident, the second a duplicate; all others are false."""
    good = review.pages[review.pages["rule"] == "Good"]
    expected = [at(2, 3), at(10, 12), at(10, 12) + 20 * MINUTE_MS]
    assert good["at"].tolist() == [
        pd.Timestamp(one + 30_000, unit="ms", tz="UTC") for one in expected
    ]
    assert good["incident"].tolist() == [None, "i1", "i1"]
    assert good["duplicate"].tolist() == [False, False, True]
    assert good["receiver"].unique().tolist() == ["pager"]
    noisy = review.pages[review.pages["rule"] == "Noisy"]
    assert len(noisy) == DAYS
    assert noisy["incident"].isna().all()
    assert not noisy["duplicate"].any()


def test_nights_are_those_of_the_time_zone(source, config, review: NoiseReview) -> None:
    """Evenings in UTC are nights in Seoul; 03:00 UTC is its noon."""
    assert row_of(review, "Noisy")["night_pages"] == DAYS
    assert row_of(review, "Good")["night_pages"] == 0
    in_utc = review_noise(
        RULES[:2], source, 0, END, yardstick=Yardstick(config=config, incidents=INCIDENTS)
    )
    assert row_of(in_utc, "Noisy")["night_pages"] == 0
    assert row_of(in_utc, "Good")["night_pages"] == 1


def test_a_rules_line(review: NoiseReview) -> None:
    """Episodes, pages, flaps, hours and incidents of the good rule, counted by hand."""
    row = row_of(review, "Good")
    assert (row["episodes"], row["pending_only"], row["pages"], row["false_pages"]) == (3, 0, 3, 1)
    assert (row["duplicate_pages"], row["flaps"]) == (1, 1)
    assert row["firing_hours"] == pytest.approx(25 / 60)
    assert (row["caught"], row["owed"]) == (1, 1)
    assert row["false_pages_per_week"].mid == pytest.approx(0.5)
    assert row["precision"].mid == pytest.approx(2 / 3)
    assert row["data_ratio"] == 1.0
    missed = row_of(review, "Silent")
    assert (missed["caught"], missed["owed"], missed["precision"]) == (0, 1, None)


def test_states(review: NoiseReview) -> None:
    """No data is not silence, always firing is not noise, pods side by side are not always."""
    states = dict(zip(review.rules["rule"], review.rules["state"], strict=True))
    assert states == {
        "Good": FINE, "Noisy": NOISY, "Silent": SILENT, "Gone": NO_DATA, "Watchdog": ALWAYS,
        "Churn": FINE,
    }  # fmt: skip
    assert row_of(review, "Churn")["firing_hours"] > 14 * 24
    assert review.rules["rule"].tolist()[:2] == ["Noisy", "Good"]


def test_pages_per_week_and_receiver(review: NoiseReview) -> None:
    """Weeks count back from the end; every paging receiver has a row in each."""
    table = review.weekly()
    assert table["week"].unique().tolist() == [
        pd.Timestamp(0, unit="ms", tz="UTC"), pd.Timestamp(WEEK_MS, unit="ms", tz="UTC"),
    ]  # fmt: skip
    assert table[["receiver", "true", "false"]].values.tolist() == [
        ["pager", 0, 1], ["chat", 0, 7], ["pager", 2, 0], ["chat", 0, 7],
    ]  # fmt: skip


def test_pages_per_rule_and_receiver(review: NoiseReview) -> None:
    """This week beside the weeks before, per week."""
    table = review.by_receiver().set_index("rule")
    assert table.loc["Noisy"].tolist() == ["chat", 7, 7, 7]
    assert table.loc["Good"].tolist() == ["pager", 2, 0, 1]
    assert list(table.index) == ["Noisy", "Good"]


def test_recent_pages(review: NoiseReview) -> None:
    """The last days, the border included."""
    assert len(review.recent_pages(days=7)) == 9
    assert len(review.recent_pages(days=1)) == 1
    assert len(review.recent_pages(days=14)) == len(review.pages) == 17


def test_margins_decide_what_is_true(source, config) -> None:
    """An incident that starts six minutes after the page: too late for the default of five."""
    late = incidents_of(("i", at(2, 3) + 6 * MINUTE_MS, None))
    for margins, count in ((Margins(), 1), (Margins(before_ms=6 * MINUTE_MS), 0)):
        review = review_noise(
            RULES[:1],
            source,
            0,
            at(3, 0),
            yardstick=Yardstick(config=config, incidents=late, margins=margins),
        )
        assert row_of(review, "Good")["false_pages"] == count


def test_without_incidents_no_page_is_called_false(source, config) -> None:
    """Nobody can say which were worth it; nothing is owed, nothing noisy."""
    review = review_noise(
        RULES[:2], source, 0, END, yardstick=Yardstick(config=config, incidents=no_incidents())
    )
    good = row_of(review, "Good")
    assert (good["state"], good["pages"], good["precision"]) == ("not labelled", 3, None)
    assert np.isnan(good["false_pages"])
    assert good["false_pages_per_week"] is None
    assert (good["owed"], good["duplicate_pages"]) == (0, 0)
    assert not review.pages["false"].any()
    assert list(review.weekly().columns) == ["week", "receiver", "pages"]
    assert review.weekly()["pages"].sum() == len(review.pages)
    assert review.by_receiver()["false_this_week"].isna().all()


def test_a_review_without_any_page(source, config) -> None:
    """Empty tables, not errors."""
    review = review_noise(
        RULES[2:4], source, 0, END, yardstick=Yardstick(config=config, incidents=no_incidents())
    )
    assert review.pages.empty
    assert review.by_receiver().empty
    assert review.recent_pages(days=7).empty
    assert review.weekly()["pages"].sum() == 0


def test_one_page_for_two_rules_is_one_page(source, tmp_path: Path) -> None:
    """It stands in both rules' lines but once in a week's count."""
    path = tmp_path / "alertmanager.yml"
    path.write_text(
        "route: {receiver: p}\nreceivers: [{name: p, pagerduty_configs: [{routing_key: k}]}]\n"
    )
    rules = [RULES[0], rule_of("Twin", "good > 6", "critical")]
    review = review_noise(
        rules,
        source,
        0,
        END,
        yardstick=Yardstick(config=load_alertmanager(path), incidents=INCIDENTS),
    )
    assert len(review.pages) == 6
    assert review.weekly()[["true", "false"]].values.tolist() == [[0, 1], [2, 0]]


def test_noisy_rules_are_tuned(source, config, review: NoiseReview) -> None:
    """Only the noisy ones that have a number, with the review's own incidents and routing."""
    (tuning,) = tune_noisy_rules(review, source)
    assert (tuning.rule.name, tuning.verdict) == ("Noisy", NOT_ENOUGH_DATA)
    assert tuning.current.false_pages == row_of(review, "Noisy")["false_pages"]
    assert tune_noisy_rules(review, source, most=0) == []
    days = (1, 4, 9, 11)
    truth = incidents_of(*((f"i{day}", at(day, 20), ("Noisy",)) for day in days))
    again = review_noise(
        RULES[1:2], source, 0, END, yardstick=Yardstick(config=config, incidents=truth)
    )
    (tuning,) = tune_noisy_rules(again, source)
    assert len(tuning.current.caught) == len(days)
    assert tuning.verdict != CHANGE  # true and false evenings look alike


def test_rules_that_cannot_be_reviewed(source, config) -> None:
    """No rule at all, and two rules of one name, which pages cannot tell apart."""
    for rules, part in (([], "there is no alerting rule"), ([RULES[0]] * 2, "several places")):
        with pytest.raises(BadInput, match=part):
            review_noise(
                rules, source, 0, END, yardstick=Yardstick(config=config, incidents=INCIDENTS)
            )
    with pytest.raises(BadInput, match="'Nowhere' is not a time zone"):
        review_noise(
            RULES[:1],
            source,
            0,
            END,
            yardstick=Yardstick(config=config, incidents=INCIDENTS, time_zone="Nowhere"),
        )
