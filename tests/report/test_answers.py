"""The sentences of a report hold the numbers that were computed, and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab.frame import Series
from alertlab.incidents import INCIDENT_COLUMNS, no_incidents
from alertlab.noise import NoiseReview, review_noise, tune_noisy_rules
from alertlab.notify import single_receiver
from alertlab.report import answers
from alertlab.report.figures import setting_text
from alertlab.report.findings import by_urgency, to_json
from alertlab.rules import AlertRule
from alertlab.tuning import (
    CHANGE,
    LEAVE,
    NOT_ENOUGH_DATA,
    Constraints,
    Tuning,
    Yardstick,
    best_reading,
    explain,
    tune_rule,
)
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, label_set

DAYS = 14
END = DAYS * DAY_MS - MINUTE_MS
INCIDENT_DAYS = (1, 3, 5, 8, 10, 12)
RULE = AlertRule("Noisy Rule", "m > 5", "g", Path("r.yml"), 1, MINUTE_MS)
RULES = [
    RULE,
    replace(RULE, name="조용한규칙", expr="m > 500"),
    replace(RULE, name="또다른규칙", expr="m > 600"),
    replace(RULE, name="Gone", expr="gone > 5"),
]


@pytest.fixture(scope="module")
def source(memory_source):
    """Three short blips a day and six incidents at noon; a NaN that is nobody's peak."""
    values = np.ones(DAYS * 1440)
    for day in range(DAYS):
        for k in range(3):
            values[day * 1440 + 30 + 97 * k :][:3] = 8
        if day in INCIDENT_DAYS:
            values[day * 1440 + 720 :][:30] = 20
    values[5] = np.nan
    times = np.arange(len(values), dtype=np.int64) * MINUTE_MS
    counter = np.where(np.arange(len(values)) < 10, np.arange(len(values)), 10.0)
    return memory_source(
        [
            Series(label_set({"__name__": "m"}), times, values),
            Series(label_set({"__name__": "c_total"}), times, counter),
        ]
    )


@pytest.fixture(scope="module")
def incidents() -> pd.DataFrame:
    """Half an hour from noon, six times; only the noisy rule owes them, the quiet one the last."""
    rows = [
        (f"i{day}", day * DAY_MS + 12 * HOUR_MS, day * DAY_MS + 12 * HOUR_MS + 30 * MINUTE_MS, "",
         ("Noisy Rule", "조용한규칙") if day == 12 else ("Noisy Rule",), "")
        for day in INCIDENT_DAYS
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=INCIDENT_COLUMNS)
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    return frame


@pytest.fixture(scope="module")
def review(source, incidents) -> NoiseReview:
    """A review of a noisy, two silent and a dataless rule."""
    return review_noise(
        RULES, source, 0, END, yardstick=Yardstick(config=single_receiver(), incidents=incidents)
    )


@pytest.fixture(scope="module")
def tunings(review, source) -> list[Tuning]:
    """The noisy rule, tuned."""
    return tune_noisy_rules(review, source)


def test_findings_of_a_review(review: NoiseReview, tunings: list[Tuning]) -> None:
    """One per rule and matter, each id its own even where names have no Latin letter."""
    found = by_urgency(answers.noise_findings(review, tunings))
    assert len({one.id for one in found}) == len(found)
    noisy, *others = found
    assert noisy.severity == "action"
    assert (
        "Noisy Rule: 42 of 48 pages were for nothing (21.0 a week, 42 pages at night)"
        in noisy.title
    )
    assert tunings[0].reason in noisy.detail
    assert noisy.numbers["precision"].mid == pytest.approx(6 / 48)
    titles = [one.title for one in others]
    assert "조용한규칙 never fired in 2 weeks." in titles
    assert "또다른규칙 never fired in 2 weeks." in titles
    assert "조용한규칙 missed 1 of the 1 incidents it ought to catch." in titles
    assert "Gone has no data: its expression finds no series in 2 weeks." in titles
    assert len(titles) == 4


def test_a_noisy_rule_that_was_not_tuned(review: NoiseReview) -> None:
    """The detail says so."""
    (noisy,) = (one for one in answers.noise_findings(review, []) if one.severity == "action")
    assert noisy.detail.startswith("It has not been tuned here. There is no for:")
    assert answers.noise_answer(review, []).endswith("No change of numbers helps; see below.")


def test_rules_that_fail_or_always_fire(review: NoiseReview) -> None:
    """A failing evaluation is told; one that always fires only if it reaches people."""
    rules = review.rules.head(1).assign(owed=0, caught=0)
    failing = replace(review, rules=rules.assign(state="fine", failed=3, evaluated=7))
    (finding,) = answers.noise_findings(failing, [])
    assert finding.title == "Noisy Rule failed at 3 of 10 evaluations."
    always = replace(review, rules=rules.assign(state="always firing"))
    (finding,) = answers.noise_findings(always, [])
    assert (finding.id[:7], finding.severity) == ("always.", "warning")
    alone = replace(always, pages=always.pages.head(0))
    assert [one.id for one in answers.noise_findings(alone, [])] == ["quiet"]


def test_what_the_review_rests_on(review: NoiseReview) -> None:
    """Evaluations there, missing and failed, and whose times are known."""
    assert answers.coverage_text(review) == (
        "80,640 evaluations of 4 rules in 2 weeks; none missed and none failed. Their times are "
        "stated, not recorded."
    )
    some = review.rules.assign(missed=[1, 0, 0, 2], failed=[0, 1, 0, 0])
    some.loc[0, "slots_from"] = "recorded"
    text = answers.coverage_text(replace(review, rules=some))
    assert "; 3 missed and 1 failed. The times of 1 of 4 rules were recorded, the others'" in text
    all_of_them = replace(review, rules=some.assign(slots_from="recorded"))
    assert answers.coverage_text(all_of_them).endswith("Their times were recorded.")
    table = answers.rules_coverage_table(replace(review, rules=some))
    assert table["missed"].tolist() == [1, 0, 0, 2]
    assert list(table.columns) == [
        "rule", "evaluated", "missed", "failed", "data ratio", "times from",
    ]  # fmt: skip


def test_a_review_without_incidents(source) -> None:
    """Pages are counted and nobody is called noisy."""
    review = review_noise(
        [RULE],
        source,
        0,
        END,
        yardstick=Yardstick(config=single_receiver(), incidents=no_incidents()),
    )
    found = answers.noise_findings(review, [])
    assert [(one.id, one.severity) for one in found] == [("unlabelled", "info")]
    assert found[0].title == answers.noise_answer(review, [])
    assert f"{len(review.pages)} pages in 2 weeks; no incident is labelled" in found[0].title
    assert answers.noise_numbers(review, [])["false_pages"] is None


def test_a_quiet_review(source, incidents) -> None:
    """Nothing to say is said too."""
    review = review_noise(
        [replace(RULE, expr="m > 15")], source, 0, END,
        yardstick=Yardstick(config=single_receiver(), incidents=incidents.tail(1)),
    )  # fmt: skip
    assert "noisy" in [one.id.split(".")[0] for one in answers.noise_findings(review, [])]
    few = replace(review, rules=review.rules.assign(state="fine", owed=0, caught=0))
    (finding,) = answers.noise_findings(few, [])
    assert (finding.id, finding.severity) == ("quiet", "ok")


def test_the_reviews_answer(review: NoiseReview, tunings: list[Tuning]) -> None:
    """Pages, false ones, who makes them, and what to change."""
    text = answers.noise_answer(review, tunings)
    assert text.startswith("48 pages in 2 weeks, 42 of them outside every incident.")
    assert "Noisy Rule makes 100% of the false ones." in text
    assert f"Change threshold 5, for 0s to {setting_text(tunings[0].recommended.setting)}." in text


def test_numbers_for_machines_agree_with_the_text(
    review: NoiseReview, tunings: list[Tuning]
) -> None:
    """Strict JSON, and the same counts as the sentences."""
    document = json.loads(
        json.dumps(to_json(answers.noise_numbers(review, tunings)), allow_nan=False)
    )
    assert (document["pages"], document["false_pages"], document["weeks"]) == (48, 42, 2.0)
    assert document["pages_by_receiver"] == {"pages": 48}
    assert document["rules"]["Noisy Rule"]["false_pages"] == 42
    assert len(document["episodes"]) == 48
    more = answers.noise_numbers(review, tunings, receivers=pd.DataFrame({"n": [1, 2]}))
    assert more["receivers"] == [{"n": 1}, {"n": 2}]
    assert document["tuned"][0]["verdict"] == CHANGE


def test_a_page_of_two_rules_is_counted_once(review: NoiseReview) -> None:
    """Text and numbers count pages, not lines of rules."""
    twice = replace(
        review, pages=pd.concat([review.pages, review.pages.assign(rule="B")], ignore_index=True)
    )
    numbers = answers.noise_numbers(twice, [])
    assert (numbers["pages"], numbers["false_pages"]) == (48, 42)
    assert numbers["pages_by_receiver"] == {"pages": 48}
    assert answers.noise_answer(twice, []).startswith("48 pages in 2 weeks, 42 of them")


def test_tables_of_a_review(review: NoiseReview, tunings: list[Tuning]) -> None:
    """Rows per rule; what was caught of what was owed; now beside then."""
    rules = answers.rules_table(review).set_index("rule")
    assert rules.loc["Noisy Rule", "caught"] == "6 of 6"
    assert rules.loc["조용한규칙", "caught"] == "0 of 1"
    assert pd.isna(rules.loc["Gone", "caught"])
    assert "night pages" in answers.rules_detail_table(review).columns
    assert answers.receiver_table(review)["pages this week"].tolist() == [24]
    (row,) = answers.changes_table(tunings).to_dict("records")
    assert (row["false now"], row["false then"], row["caught now"]) == (42, 0, "6 of 6")
    assert answers.changes_table([]).empty


@pytest.fixture(scope="module")
def readings(source, incidents) -> list[tuple[str, Tuning]]:
    """Two readings of a rule: as written, and another expression."""
    return [
        (
            name,
            tune_rule(
                replace(RULE, expr=expr), source, 0, END, yardstick=Yardstick(incidents=incidents)
            ),
        )
        for name, expr in (("as written", "m > 5"), ("a minute's mean", "avg_over_time(m[1m]) > 5"))
    ]


def test_the_sessions_answer(readings: list[tuple[str, Tuning]]) -> None:
    """The rule, the new setting, the effect with its interval, and the unseen half."""
    best = best_reading([one for _, one in readings])
    text = answers.tuning_answer(readings, best)
    assert text.startswith("Noisy Rule: change threshold 5, for 0s to threshold ")
    assert (
        "False pages: 21.0 a week now, 0.0 then (0.0–1.8). Incidents caught: 6 of 6 now, 6 then."
        in text
    )
    assert "caught 3 of 3 incidents" in text
    verdict, *others = answers.tuning_findings(readings, [], best)
    assert (verdict.id.split(".")[0], verdict.severity, others) == ("verdict", "action", [])
    rewritten = answers.tuning_answer(readings, readings[1][1])
    assert "Noisy Rule: rewrite it as avg_over_time(m[1m]) > " in rewritten


def test_a_session_that_leaves_the_rule(readings: list[tuple[str, Tuning]]) -> None:
    """The verdict and its reason, as good news or as information."""
    _, written = readings[0]
    for verdict, severity in (("leave", "ok"), ("not enough data", "info")):
        left = [("as written", replace(written, verdict=verdict, recommended=None))]
        (finding,) = answers.tuning_findings(left, [], None)
        assert finding.severity == severity
        assert finding.title.startswith(f"Noisy Rule: {verdict}. ")
        assert answers.tuning_answer(left, None).startswith(f"Noisy Rule: {verdict}.\n\n")


def test_tables_of_a_session(readings: list[tuple[str, Tuning]]) -> None:
    """One row per reading and state, the front by false pages, the best threshold per setting."""
    table = answers.reading_table(readings)
    assert table["which"].tolist() == ["now", "recommended"] * 2
    assert table["setting"][0] == "threshold 5, for 0s"
    assert set(answers.SCORE_FORMATS) <= set(table.columns)
    front = answers.front_table(readings)
    assert set(front["reading"]) == {"as written", "a minute's mean"}
    assert answers.coverage_table(readings)["incidents owed"].tolist() == [6, 6]
    for _, tuning in readings:
        best = answers.settings_table(tuning, Constraints())
        assert list(best.columns[:2]) == ["window", "for 0s"]
        assert best["for 0s"].str.fullmatch(r"[\d.]+ \(\d+\)").all()
    assert answers.settings_table(readings[0][1], Constraints())["window"].tolist() == [
        "as written"
    ]
    assert "1m" in answers.settings_table(readings[1][1], Constraints())["window"].tolist()
    empty = replace(readings[0][1], candidates=readings[0][1].candidates.head(0))
    assert answers.settings_table(empty, Constraints()).empty
    undecided = replace(readings[0][1], verdict="not enough data")
    assert answers.settings_table(undecided, Constraints()).empty


def test_numbers_of_a_session(readings: list[tuple[str, Tuning]], source) -> None:
    """The peak is the largest number, not a NaN; counters are counted; JSON is strict."""
    numbers = answers.tuning_numbers(readings, readings[0][1], source)
    assert numbers["peak"] == 20.0
    assert numbers["counted_events"] == {}
    assert numbers["recommended"]["threshold"] == readings[0][1].recommended.setting.threshold
    assert set(numbers["readings"]) == {"as written", "a minute's mean"}
    json.dumps(to_json(numbers), allow_nan=False)
    none = answers.tuning_numbers(readings, None, source)
    assert (none["recommended"], none["recommended_expr"]) == (None, None)
    counting = replace(readings[0][1], rule=replace(RULE, expr="rate(c_total[5m]) > 5"))
    assert answers.tuning_numbers([("x", counting)], None, source)["counted_events"] == {
        "c_total": 10.0
    }


def test_an_explanation_is_three_sentences(readings: list[tuple[str, Tuning]]) -> None:
    """What and its effect, why this number, what earlier weeks' choices did later."""
    what, why, sure = explain(readings[0][1])
    assert what == readings[0][1].reason
    assert "this one has the fewest false pages, and its threshold may lie anywhere from" in why
    assert "threshold alone, from 5 to" in why
    assert sure.startswith("Chosen on earlier weeks alone (0.0 false alarms a week there)")
    unchecked = explain(replace(readings[0][1], validation=None))[2]
    assert "no choice could be checked" in unchecked
    left = explain(replace(readings[0][1], verdict=LEAVE))[1]
    assert "none of them is worth a change" in left
    unknown = explain(replace(readings[0][1], verdict=NOT_ENOUGH_DATA))[1]
    assert unknown.startswith("As it stands it pages 24.0 times a week, 21.0 of them at night")


def test_scorecard_knobs_and_validation(readings: list[tuple[str, Tuning]]) -> None:
    """A column per setting, a row per measure; what one number saves; each round."""
    tuning = readings[0][1]
    card = answers.scorecard_table(tuning.scores).set_index("measure")
    assert list(card.columns) == ["now", "recommended"]
    assert card.loc["false pages a week", "now"].startswith("21.0 (")
    assert card.loc["false pages a week", "recommended"].startswith("0.0 (")
    assert card.loc["threshold", "now"] == "5"
    assert card.loc[["window", "missed"], "now"].tolist() == ["–", "none"]
    assert list(replace(tuning, recommended=None).scores) == ["now"]
    knobs = answers.knobs_table(tuning)
    assert knobs.loc[0, ["knob", "now", "alone it saves false pages"]].tolist() == [
        "threshold",
        "5",
        42,
    ]
    rounds = answers.validation_table(tuning)
    assert rounds["caught then"].tolist() == ["3 of 3"]
    unchecked = answers.validation_table(replace(tuning, validation=None))
    assert (len(unchecked), list(unchecked)) == (0, list(rounds))
