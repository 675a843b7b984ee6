"""Choosing among candidates: each constraint and each tie-break changes the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from alertlab.errors import BadInput
from alertlab.tuning import Constraints, Score, Setting, best_thresholds
from alertlab.tuning.candidates import to_setting
from alertlab.tuning.grid import roundest
from alertlab.tuning.recommend import (
    feasible,
    pareto_front,
    pick,
    plateau,
    shortlist,
    unbeaten,
    well_within,
)
from alertlab.units import MINUTE_MS, Interval

NOW = Setting(threshold=5, hold_duration_ms=0, keep_firing_for_ms=0, window_ms=5 * MINUTE_MS)
FAR = replace(NOW, threshold=-1000)  # on no plateau here
PLAIN = {
    "threshold": 5.0, "window_ms": 5 * MINUTE_MS, "hold_duration_ms": 0, "keep_firing_for_ms": 0,
    "false_rises": 0, "detected": 10, "critical_detected": 2, "owed": 10,
    "false_firing_ratio": 0.0, "delay_p50_seconds": 60.0, "delay_p90_seconds": 120.0,
}  # fmt: skip


def candidates(*rows: dict) -> pd.DataFrame:
    """Candidates, each of which stands for thresholds half a unit around it."""
    table = pd.DataFrame([PLAIN | row for row in rows])
    edges = {"noise_edge": table["threshold"] - 0.5, "incident_edge": table["threshold"] + 0.5}
    return table.assign(**edges)


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        ({}, True),
        ({"false_firing_ratio": 0.02}, True),
        ({"false_firing_ratio": 0.021}, False),
        ({"delay_p90_seconds": 900}, True),
        ({"delay_p90_seconds": 901}, False),
        ({"detected": 8}, True),
        ({"detected": 7}, False),
        ({"critical_detected": 1}, False),
    ],
)
def test_each_constraint_shuts_out(row: dict, holds: bool) -> None:
    """Beside a candidate that holds everything, each limit decides by itself."""
    table = candidates({}, row)
    assert feasible(table, Constraints()).tolist() == [True, holds]


@pytest.mark.parametrize(
    ("constraints", "row"),
    [
        (Constraints(min_recall_ratio=0.7), {"detected": 7}),
        (Constraints(max_delay_seconds=1000), {"delay_p90_seconds": 1000}),
        (Constraints(max_false_firing_ratio=0.5), {"false_firing_ratio": 0.5}),
    ],
)
def test_each_constraint_can_be_loosened(constraints: Constraints, row: dict) -> None:
    """What the defaults refuse, another wish accepts."""
    table = candidates({}, row)
    assert feasible(table, Constraints())[1] != feasible(table, constraints)[1]


def test_recall_is_asked_only_as_far_as_anyone_can() -> None:
    """Where the best catches 6 of 10, 6 are enough; a candidate in time catches them."""
    table = candidates({"detected": 6}, {"detected": 5}, {"detected": 9, "false_firing_ratio": 0.9})
    assert feasible(table, Constraints()).tolist() == [True, False, False]
    deaf = candidates({"detected": 0, "critical_detected": 0, "delay_p90_seconds": np.nan})
    assert feasible(deaf, Constraints()).tolist() == [False]
    assert feasible(deaf.assign(owed=0), Constraints()).tolist() == [True]
    nobody = candidates({"false_firing_ratio": 0.9})
    assert feasible(nobody, Constraints()).tolist() == [False]
    assert shortlist(nobody, Constraints(), NOW, 5) == []


def test_the_shortlist_is_ordered_and_has_one_of_each_kind() -> None:
    """Fewest false rises, then most incidents, then fewest knobs turned, then soonest."""
    table = candidates(
        {"false_rises": 3},
        {"hold_duration_ms": 60_000, "false_rises": 1, "detected": 9},
        {"hold_duration_ms": 120_000, "false_rises": 1, "detected": 10},
        {"keep_firing_for_ms": 60_000, "hold_duration_ms": 180_000, "false_rises": 1},
        {"hold_duration_ms": 240_000, "false_rises": 1, "delay_p50_seconds": 30.0},
        {"hold_duration_ms": 240_000, "threshold": 9.0, "false_rises": 2},
    )
    found = shortlist(table, Constraints(), NOW, 9)
    assert [one.hold_duration_ms for one in found] == [240_000, 120_000, 180_000, 60_000, 0]
    assert len(shortlist(table, Constraints(), NOW, 2)) == 2


def test_a_plateau_reaches_to_what_does_otherwise() -> None:
    """Neighbouring thresholds that do the same, from the noisier edge to the other."""
    rises = [4, 1, 1, 1, 1, 1, 2, 1]
    table = candidates(*({"threshold": float(i), "false_rises": n} for i, n in enumerate(rises)))
    inside = replace(NOW, threshold=3.2)  # lies within 3's edges
    assert plateau(table, inside) == (0.5, 5.5)
    assert plateau(table, replace(NOW, threshold=7.0)) == (6.5, 7.5)
    small = table.assign(noise_edge=table["incident_edge"], incident_edge=table["noise_edge"])
    assert plateau(small, inside) == (5.5, 0.5)
    detected = [10, 10, 10, 9, 9, 9, 9, 9]
    table = candidates(*({"threshold": float(i), "detected": n} for i, n in enumerate(detected)))
    assert plateau(table, replace(NOW, threshold=1.0)) == (-0.5, 2.5)


@pytest.mark.parametrize(
    ("owed", "threshold"),
    [(1, 10.0), (2, 16.7), (4, 25.0), (12, 37.5), (10_000, 50.0)],
)
def test_few_incidents_lean_to_the_ordinary_values(owed: int, threshold: float) -> None:
    """Of n incidents the next is weaker than all with 1 / (n + 1): the middle is for many."""
    table = candidates({"owed": owed, "threshold": 50.0})
    table = table.assign(noise_edge=0.0, incident_edge=100.0)
    assert well_within(table, replace(NOW, threshold=50.0), FAR).threshold == pytest.approx(
        threshold, abs=5
    )
    turned = table.assign(noise_edge=100.0, incident_edge=0.0)
    found = well_within(turned, replace(NOW, threshold=50.0), FAR).threshold
    assert found == pytest.approx(100 - threshold, abs=5)


def test_the_current_threshold_stays_on_its_plateau() -> None:
    """What changes nothing is not changed; on the edge itself it is not safe."""
    table = candidates({}).assign(noise_edge=2.0, incident_edge=9.0)
    turned = replace(NOW, hold_duration_ms=MINUTE_MS)
    assert well_within(
        table, replace(NOW, threshold=5.0), replace(turned, threshold=8.9)
    ) == replace(NOW, threshold=8.9)
    assert well_within(table, NOW, replace(turned, threshold=2.0)).threshold > 3


def test_what_was_not_counted_is_not_recommended() -> None:
    """Between two candidates there may be a number of which nothing is known."""
    table = candidates({"threshold": 3.0}, {"threshold": 7.0}, {"threshold": 9.0, "detected": 1})
    found = well_within(table, replace(NOW, threshold=3.0), FAR)
    assert found.threshold == 3.0  # 4.4 would be the place: from 2.5 to 7.5, of ten incidents
    apart = table.assign(incident_edge=[5.0, 8.0, 9.5], noise_edge=[2.5, 5.0, 8.5])
    assert well_within(apart, replace(NOW, threshold=3.0), FAR).threshold not in (3.0, 7.0)


def test_without_an_edge_the_threshold_stays() -> None:
    """Beyond the largest value there is no middle."""
    table = candidates({}).assign(incident_edge=np.inf)
    assert well_within(table, NOW, FAR) == NOW


def test_thresholds_tried_one_by_one_are_not_moved_between() -> None:
    """The middle one of those that were evaluated."""
    table = candidates(*({"threshold": float(i)} for i in range(5)))
    table = table.assign(
        window_ms=None, noise_edge=table["threshold"], incident_edge=table["threshold"]
    )
    found = shortlist(table, Constraints(), replace(NOW, window_ms=None), 1)
    assert found == [Setting(2.0, 0, 0, None)]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (0.95, 1.3, 1.0), (1.3, 0.95, 1.0), (0.7148, 0.7461, 0.74), (-3.0, 4.0, 0.0),
        (-2.9, -2.1, -2.5), (1234.0, 1789.0, 1500.0), (40.0, 70.0, 50.0), (3.1, 3.9, 3.5),
        (0.29, 0.31, 0.3), (99.91, 99.98, 99.95), (5.0, 5.0, 5.0),
    ],
)  # fmt: skip
def test_the_roundest_number_between(one: float, other: float, expected: float) -> None:
    """As few digits as will do, near the middle, and the float that the text means."""
    assert roundest(one, other) == expected


def test_candidates_become_settings() -> None:
    """Whatever number types a table holds, a setting has plain ones."""
    (setting,) = [to_setting(row) for _, row in candidates({"threshold": np.float64(7)}).iterrows()]
    assert setting == replace(NOW, threshold=7.0)
    assert all(type(value) in (int, float) for value in vars(setting).values())


def test_best_threshold_per_window_and_for() -> None:
    """Feasible ones without keep_firing_for: fewest false rises, then most incidents."""
    table = candidates(
        {"threshold": 1.0, "false_rises": 2},
        {"threshold": 2.0, "false_rises": 1, "detected": 8},
        {"threshold": 3.0, "false_rises": 1, "detected": 9},
        {"threshold": 4.0, "false_rises": 0, "detected": 1},
        {"threshold": 5.0, "keep_firing_for_ms": 60_000},
        {"threshold": 6.0, "hold_duration_ms": 60_000, "false_rises": 7},
    )
    found = best_thresholds(table, Constraints())
    assert sorted(found["threshold"]) == [3.0, 6.0]


def test_the_front_is_quieter_where_it_catches_fewer() -> None:
    """The quietest for each number of incidents, if catching fewer buys silence."""
    table = candidates(
        {"detected": 10, "false_rises": 9},
        {"detected": 10, "false_rises": 8},
        {"detected": 9, "false_rises": 8},
        {"detected": 8, "false_rises": 2},
        {"detected": 7, "false_rises": 1, "delay_p90_seconds": 5000},
        {"detected": 6, "false_rises": 1, "false_firing_ratio": 0.5},
        {"detected": 0, "false_rises": 0},
    )
    found = pareto_front(table, Constraints())
    assert list(zip(found["detected"], found["false_rises"], strict=True)) == [(8, 2), (10, 8)]


def score(
    setting: Setting = NOW, *, false: int = 0, caught: int = 10, p50: float | None = 60.0
) -> Score:
    rate, delay = Interval(0, false, 2 * false), p50 and Interval(0, p50, 2 * p50)
    return Score(
        setting=setting, pages=caught + false, false_pages=false,
        pages_per_week=rate, false_pages_per_week=rate, night_pages_per_week=rate,
        flaps_per_week=rate, firing_hours_per_week=rate, precision=None, recall=None,
        recall_by_severity={}, caught=tuple(f"i{n}" for n in range(caught)),
        missed=tuple(f"i{n}" for n in range(caught, 10)), delay_p50_seconds=delay,
        delay_p90_seconds=delay, time_to_resolve_p50_seconds=None, firing_ratio=0.0,
        false_firing_ratio=0.0,
    )  # fmt: skip


FOR_1M, FOR_2M = (replace(NOW, hold_duration_ms=n * MINUTE_MS) for n in (1, 2))
BOTH = replace(FOR_1M, keep_firing_for_ms=MINUTE_MS)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([score(false=2), score(FOR_1M, false=1, caught=8)], 1),
        ([score(FOR_1M, caught=9), score(FOR_2M, caught=10)], 1),
        ([score(BOTH), score(FOR_1M)], 1),
        ([score(FOR_1M), score(FOR_2M, p50=30.0)], 1),
        ([score(FOR_1M, p50=None, caught=0), score(FOR_2M, p50=1.0, caught=0)], 0),
        ([score(FOR_1M), score(FOR_2M)], 0),
        ([score(FOR_1M), score(replace(NOW, threshold=6))], 1),  # the threshold is free to turn
    ],
)
def test_picking_among_simulated_settings(scores: list[Score], best: int) -> None:
    """False pages, incidents, knobs turned, delay, then the first."""
    assert pick(scores, NOW) is scores[best]


def test_unbeaten_settings() -> None:
    """None that another beats in both; of equals the first; ordered by false pages."""
    noisy, middle, equal, worse, quiet = (
        score(FOR_1M, false=9, caught=10),
        score(FOR_2M, false=4, caught=8),
        score(BOTH, false=4, caught=8),
        score(NOW, false=5, caught=8),
        score(NOW, false=0, caught=2),
    )
    assert unbeaten([noisy, worse, middle, equal, quiet]) == [quiet, middle, noisy]
    assert unbeaten([]) == []


@pytest.mark.parametrize(
    "options",
    [
        {"min_recall_ratio": 7.0},
        {"max_false_firing_ratio": -0.1},
        {"max_delay_seconds": -1.0},
        {"min_incidents": 0},
    ],
)
def test_impossible_constraints_are_refused(options: dict[str, float]) -> None:
    """A share is between 0 and 1, a delay not negative."""
    with pytest.raises(BadInput):
        Constraints(**options)
