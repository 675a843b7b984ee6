"""Rules that are silent or broken, and what is told of them."""

from __future__ import annotations

import numpy as np
import pytest

from alertlab.frame import Series
from alertlab.noise import (
    ALWAYS,
    FAILING,
    MISSED,
    NO_DATA,
    ONLY_PENDING,
    SILENT,
    rule_health,
)
from alertlab.replay import RECORDED
from alertlab.units import MINUTE_MS, label_set

CONFIG = """
route: {receiver: pager}
receivers: [{name: pager, pagerduty_configs: [{routing_key: a}]}]
"""


def test_rule_health(review_of) -> None:
    """One of each kind, and a healthy one that is left out."""
    review = review_of(
        {
            "Good": {"a": [(10, 20)]},
            "Silent": {"a": []},
            "Pending": {"a": [(10, 12), (50, 53)]},
            "Gone": {},
            "Always": {"a": [(0, 1440)]},
        },
        CONFIG,
        rules={"Pending": {"hold_duration_ms": 5 * MINUTE_MS}},
    )
    rows = {row["rule"]: row for row in rule_health(review).to_dict("records")}
    reasons = {name: row["reason"] for name, row in rows.items()}
    assert reasons == {
        "Silent": SILENT, "Pending": ONLY_PENDING, "Gone": NO_DATA, "Always": ALWAYS,
    }  # fmt: skip
    assert rows["Silent"]["closest"] == 1
    assert rows["Pending"]["closest"] == 9
    assert (rows["Pending"]["pending_only"], rows["Pending"]["longest_pending_seconds"]) == (2, 180)
    assert np.isnan(rows["Silent"]["longest_pending_seconds"])
    assert np.isnan(rows["Gone"]["closest"])
    assert (rows["Always"]["firing_ratio"], rows["Silent"]["firing_ratio"]) == (1, 0)


def test_rules_whose_evaluation_fails(review_of) -> None:
    """Two results with equal labels: at some evaluations, or at all of them."""
    both = {"a": [(10, 20)], "b": [(15, 40)]}
    same = {"labels": (("pod", ""),)}
    review = review_of(
        {"Some": both, "All": {"a": [], "b": []}},
        CONFIG,
        rules={"Some": same, "All": same | {"expr": "All > 0"}},
    )
    rows = {row["rule"]: row for row in rule_health(review).to_dict("records")}
    assert {name: row["reason"] for name, row in rows.items()} == dict.fromkeys(
        ("Some", "All"), FAILING
    )
    assert (rows["Some"]["failed"], rows["Some"]["evaluated"]) == (5, 1435)
    assert (rows["All"]["failed"], rows["All"]["evaluated"]) == (1440, 0)
    states = dict(zip(review.rules["rule"], review.rules["state"], strict=True))
    assert states["All"] == FAILING != states["Some"]


@pytest.mark.parametrize(("minutes", "reasons"), [(20, [MISSED]), (10, [])])
def test_evaluations_that_did_not_take_place(review_of, minutes: int, reasons: list[str]) -> None:
    """An alert that was recorded before and after a gap; a short one is no matter."""
    times = np.arange(1440, dtype=np.int64)
    times = times[(times < 100) | (times >= 100 + minutes)] * MINUTE_MS
    since = {"__name__": "ALERTS_FOR_STATE", "alertname": "Down", "rule": "Down", "pod": "a"}
    recorded = [Series(label_set(since), times, np.zeros(len(times)))]
    review = review_of(
        {"Down": {"a": [(0, 1300)]}},
        CONFIG,
        rules={"Down": {"group_alerts": ("Down",)}},
        recorded=recorded,
    )
    (row,) = review.rules.to_dict("records")
    assert (row["missed"], row["evaluated"]) == (minutes, 1440 - minutes)
    assert row["slots_from"] == RECORDED
    assert [one for one in rule_health(review)["reason"] if one == MISSED] == reasons


def test_nothing_to_tell(review_of) -> None:
    """A review of healthy rules has no row."""
    assert rule_health(review_of({"Good": {"a": [(10, 20)]}}, CONFIG)).empty


def test_the_closest_value_of_a_falling_rule(review_of) -> None:
    """The smallest where the rule alerts below its threshold; of the reported time only."""
    review = review_of({"Low": {"a": [(0, 1440)]}}, CONFIG, rules={"Low": {"expr": "Low < 0.5"}})
    (row,) = rule_health(review).to_dict("records")
    assert (row["reason"], row["closest"]) == (SILENT, 9)
