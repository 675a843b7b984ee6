"""Tables and sentences of the noise review, from frames written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from alertlab.noise import (
    ALWAYS,
    FAILING,
    FIRED,
    GROUP_WAIT,
    GROUPING,
    INHIBITION,
    MISSED,
    NO_DATA,
    NOTHING,
    ONLY_PENDING,
    PAGED,
    REPEATS,
    SILENT,
)
from alertlab.replay import EvaluatedRule
from alertlab.report import answers, table
from alertlab.report.findings import to_json
from alertlab.rules import AlertRule, find_threshold
from alertlab.units import MINUTE_MS

UTC = pd.Timestamp("2026-03-01T10:00:00Z")


def rule_of(expr: str) -> EvaluatedRule:
    rule = AlertRule("A", expr, "g", Path("r.yml"), 1, MINUTE_MS, hold_duration_ms=5 * MINUTE_MS)
    return EvaluatedRule(rule, find_threshold(expr), None, 0)


def review_of(*, labelled: bool = True, **more: object) -> SimpleNamespace:
    """What the tables look at in a review."""
    yardstick = SimpleNamespace(is_labelled=labelled, waking=["pager", "chat", "quiet"])
    return SimpleNamespace(yardstick=yardstick, evaluated={"A": rule_of("m > 5")}, **more)


HOURS = pd.DataFrame(
    [("chat", 0, 9, False, 2, 1), ("pager", 0, 3, True, 1, 1), ("pager", 5, 3, True, 4, 0),
     ("pager", 6, 9, False, 1, 0)],
    columns=["receiver", "weekday", "hour", "night", "pages", "false"],
)  # fmt: skip


def test_hours() -> None:
    """A row per hour with a page, a column per receiver in the order of the configuration."""
    got = answers.hours_table(HOURS, review_of())
    assert got.to_dict("records") == [
        {"hour": "03:00–04:00", "night": True, "pages": 5, "false": 1, "pager": 5, "chat": 0},
        {"hour": "09:00–10:00", "night": False, "pages": 3, "false": 1, "pager": 1, "chat": 2},
    ]
    assert list(got.columns)[-2:] == ["pager", "chat"]
    assert "false" not in answers.hours_table(HOURS, review_of(labelled=False))
    assert answers.hours_table(HOURS.head(0), review_of()).empty


TOLD = pd.DataFrame(
    [
        ("정전", UTC, "critical", PAGED, 3, {"pager": 2, "chat": 1}, ("B", "A"), 90.0, 1),
        ("<b>", UTC, "", FIRED, 0, {}, (), np.nan, 0),
        ("i3", UTC, "", NOTHING, 0, {}, (), np.nan, 0),
    ],
    columns=["incident", "start", "severity", "outcome", "pages", "receivers", "rules",
             "first_page_seconds", "duplicates"],
)  # fmt: skip


def test_incidents() -> None:
    """Whom they paged, or why nobody; Hangul and tags stay what they are."""
    got = answers.incidents_table(TOLD)
    assert got["who"].tolist() == [
        "pager 2, chat 1", "nobody: fired, but told nobody", "nobody: nothing fired",
    ]  # fmt: skip
    assert got["first by"][0] == "B" and got["first by"][1:].isna().all()
    shown = table(got, caption="c", formats={"after": "seconds"})
    assert "정전" in shown.html and "&lt;b&gt;" in shown.html and "<b>" not in shown.html
    assert "1m30s" in shown.text


def test_incidents_that_paged_nobody_are_a_finding() -> None:
    """With the reason of each; none is no finding."""
    (finding,) = answers.incident_findings(TOLD)
    assert finding.severity == "warning"
    assert finding.title == (
        "2 of 3 incidents paged nobody: <b> (fired, but told nobody) and i3 (nothing fired)."
    )
    assert answers.incident_findings(TOLD.head(1)) == []


def effects_of(mechanism: str, *receivers: tuple) -> list[tuple]:
    """Rows of (receiver, pages, then, notifications, then)."""
    return [
        (mechanism, name, pages, then, sent, sent_then, 30.0, 0.0, 1, 0)
        for name, pages, then, sent, sent_then in receivers
    ]


EFFECTS = pd.DataFrame(
    [
        *effects_of(GROUPING, ("pager", 2, 5, 4, 10), ("mail", np.nan, np.nan, 1, 3)),
        *effects_of(GROUP_WAIT, ("pager", 2, 1, 4, 2)),
        *effects_of(INHIBITION, ("pager", 2, 2, 4, 5)),
        *effects_of(REPEATS, ("pager", 2, 2, 4, 3)),
        *effects_of("silences", ("pager", 2, 2, 4, 4)),
    ],
    columns=["mechanism", "receiver", "pages", "pages_without", "notifications",
             "notifications_without", "wait_p50_seconds", "wait_p50_seconds_without", "untold",
             "untold_without"],
)  # fmt: skip
DELAYS = pd.DataFrame(
    [
        (GROUPING, "i1", 60.0, 30.0),
        (GROUPING, "i2", 390.0, 90.0),
        (GROUPING, "i3", 0.0, 30.0),
        (INHIBITION, "i4", np.nan, 30.0),
        (INHIBITION, "i5", np.nan, 10.0),
        (INHIBITION, "i6", 20.0, np.nan),
    ],
    columns=["mechanism", "incident", "first_page_seconds", "first_page_seconds_without"],
)


def test_mechanisms_in_words() -> None:
    """What each saved or added, which first pages it delayed, and which it took away."""
    assert answers.mechanisms_text(EFFECTS, DELAYS).split("\n\n") == [
        "grouping: saved 3 pages (8 notifications fewer in all); delayed the first page of "
        "2 incidents, at most by 5m (i2).",
        "group_wait: added 1 page (2 notifications more in all).",
        "inhibition: saved 1 notification, but no page; left i4 and i5 without any page.",
        "repeats: added 1 notification, but no page.",
        "silences: changed nothing.",
    ]
    equal = DELAYS.head(2).assign(first_page_seconds_without=[0.0, 330.0])
    text = answers.mechanisms_text(EFFECTS.head(1), equal)
    assert text.endswith("delayed the first page of 2 incidents, each by 1m.")
    assert answers.mechanisms_text(EFFECTS.head(1), DELAYS.head(0)) == (
        "grouping: saved 3 pages (6 notifications fewer in all); delayed no incident's first page."
    )


def test_mechanisms_in_tables() -> None:
    """Now, then and the difference; no row where there is none."""
    savings = answers.savings_table(EFFECTS)
    rows = list(zip(savings["without"], savings["receiver"], strict=True))
    assert rows == [
        (GROUPING, "pager"), (GROUPING, "mail"), (GROUP_WAIT, "pager"), (INHIBITION, "pager"),
        (REPEATS, "pager"),
    ]  # fmt: skip
    assert savings["pages saved"].tolist()[2:] == [-1, 0, 0]
    assert savings["notifications saved"].tolist() == [6, 2, -2, 1, -1]
    assert "–" in table(savings, caption="c", formats=answers.SAVINGS_FORMATS).text
    same = EFFECTS.assign(wait_p50_seconds_without=30.0)
    same.loc[0, "wait_p50_seconds_without"] = np.nan
    same.loc[1:, "untold_without"] = 1
    same.loc[2, "untold_without"] = 5
    waits = answers.waits_table(same)
    assert waits["without"].tolist() == [GROUPING, GROUP_WAIT]
    assert waits.iloc[1].tolist() == [GROUP_WAIT, "pager", 30, 30, 1, 5]
    assert "30s" in table(waits, caption="c", formats=answers.WAITS_FORMATS).text


def test_incidents_that_a_mechanism_hid_are_findings() -> None:
    """One for the mechanism, with their names."""
    (finding,) = answers.mechanism_findings(DELAYS)
    assert (finding.id, finding.severity) == ("muted.inhibition", "warning")
    assert finding.title == "Without inhibition, i4 and i5 would have paged someone."
    (other,) = answers.mechanism_findings(DELAYS[3:4].assign(mechanism="time intervals"))
    assert other.id == "muted.time-intervals"


@pytest.mark.parametrize(
    ("reason", "numbers", "seen"),
    [
        (FAILING, {"failed": 3}, "3 of 15 evaluations failed"),
        (MISSED, {"missed": 2}, "2 of 15 evaluations did not take place"),
        (NO_DATA, {}, "no series at any evaluation"),
        (SILENT, {}, "no result at any evaluation"),
        (SILENT, {"closest": 4.5}, "at most 4.5; it fires > 5"),
        (ONLY_PENDING, {"pending_only": 1, "longest_pending_seconds": 90},
         "pending 1 time, at most 1m30s of 5m"),
        (ALWAYS, {"firing_ratio": 0.999}, "firing at 99.9% of the evaluations"),
    ],
)  # fmt: skip
def test_what_was_seen_of_a_silent_or_broken_rule(reason: str, numbers: dict, seen: str) -> None:
    """A number for each reason, and something to look at."""
    row = {"rule": "A", "reason": reason, "closest": np.nan, "evaluated": 10, "missed": 2,
           "failed": 3, "pending_only": 0, "longest_pending_seconds": np.nan,
           "firing_ratio": 0.0} | numbers  # fmt: skip
    (got,) = answers.health_table(pd.DataFrame([row]), review_of()).to_dict("records")
    assert (got["reason"], got["seen"]) == (reason, seen)
    assert len(got["look at"]) > 10


def test_a_silent_rule_that_alerts_below_its_threshold() -> None:
    """The smallest value counts."""
    row = {"rule": "A", "reason": SILENT, "closest": 7.0, "evaluated": 1, "missed": 0, "failed": 0}
    review = review_of()
    review.evaluated["A"] = rule_of("m < 5")
    (got,) = answers.health_table(pd.DataFrame([row]), review).to_dict("records")
    assert got["seen"] == "at least 7; it fires < 5"


def agreements_of(*rows: tuple) -> pd.DataFrame:
    columns = ["rule", "recorded_slots", "replayed_slots", "common_slots", "ratio"]
    frame = pd.DataFrame(rows, columns=[*columns, "first_difference"])
    return frame.assign(first_difference=pd.to_datetime(frame["first_difference"], utc=True))


SAME = ("A", 5, 5, 5, 1.0, None)
OTHER = ("B", 4, 8, 4, 0.5, UTC)
NEITHER = ("C", 0, 0, 0, None, None)


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([], "The source holds no ALERTS"),
        ([NEITHER], "Of 1 of 1 rule the source holds ALERTS; none fired"),
        ([SAME, NEITHER], "Least agreement: 100% of the evaluations at which A fires in either; "
         "there is no difference."),
        ([SAME, OTHER], "Least agreement: 50% of the evaluations at which B fires in either; they "
         "differ first at 2026-03-01 10:00 UTC."),
    ],
)  # fmt: skip
def test_agreement_in_words(rows: list[tuple], part: str) -> None:
    """The worst rule, or why there is nothing to compare."""
    assert part in answers.agreement_text(agreements_of(*rows), review_of())


def test_agreement_in_a_table_and_findings() -> None:
    """Percent per rule; a finding where it is poor."""
    agreements = agreements_of(OTHER, SAME, NEITHER)
    shown = answers.agreement_table(agreements)
    assert list(shown.columns) == [
        "rule", "recorded", "replayed", "both", "agreement", "first difference",
    ]  # fmt: skip
    text = table(shown, caption="c", formats={"agreement": "ratio"}).text
    assert "50%" in text and "100%" in text and "2026-03-01 10:00" in text
    (finding,) = answers.agreement_findings(agreements)
    assert finding.title == "The replay of B agrees with what really fired at 50% only."
    assert "2026-03-01 10:00 UTC" in finding.detail


def test_tables_become_json() -> None:
    """Everything that is handed to machines has a form there."""
    for frame in (TOLD, EFFECTS, DELAYS, HOURS, agreements_of(OTHER, SAME, NEITHER)):
        json.dumps(to_json(frame.to_dict("records")), allow_nan=False)
