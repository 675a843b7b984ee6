"""Error budgets: what is left, how fast it burns, when it is gone, who ate it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slo_counters import MONDAY_MS, availability, counter, handled, histogram, latency

from alertlab.errors import BadInput
from alertlab.incidents import load_incidents
from alertlab.slo import Events, Objective, budget_left, budget_shares, burn_history
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, format_time

HOURS = MONDAY_MS + HOUR_MS * np.arange(97)


def hourly(memory_source: type, good: np.ndarray, bad: np.ndarray):
    """Return a source with so many good and bad answers in each hour, counted at its end."""
    counts = (np.append(0, np.cumsum(one)) for one in (good, bad))
    times = HOURS[: len(good) + 1]
    return memory_source(
        [handled(times, one, code) for one, code in zip(counts, ("OK", "INTERNAL"), strict=True)]
    )


def incidents_of(tmp_path: Path, *spans: tuple[float, float]):
    """Return incidents between hours after the first Monday."""
    lines = [
        f"- {{id: i{n}, start: {format_time(round(MONDAY_MS + a * HOUR_MS))}, "
        f"end: {format_time(round(MONDAY_MS + b * HOUR_MS))}, severity: critical}}"
        for n, (a, b) in enumerate(spans)
    ]
    (tmp_path / "incidents.yaml").write_text("\n".join(lines))
    return load_incidents(tmp_path / "incidents.yaml")


def test_budget_left_in_closed_form() -> None:
    """Nothing bad: all is left; as many as allowed: nothing; twice as many: overspent."""
    left = budget_left(
        np.array([1000.0, 1000, 1000, 0, np.nan]), np.array([0.0, 1, 2, 0, 0]), 0.001
    )
    assert left[:3] == pytest.approx([1, 0, -1])
    assert np.isnan(left[3:]).all()


def test_a_steady_burn(memory_source: type) -> None:
    """Two of a hundred where one is allowed: rate 2, budget overspent by as much."""
    source = hourly(memory_source, np.full(96, 98.0), np.full(96, 2.0))
    history = burn_history(availability(), source, MONDAY_MS, MONDAY_MS + 4 * DAY_MS)
    assert history.times_ms.tolist() == HOURS[1:].tolist()
    assert history.burn_rate == pytest.approx(np.full(96, 2.0))
    assert history.budget_left_ratio == pytest.approx(np.full(96, -1.0))
    assert history.left == pytest.approx((-1, -1))
    assert history.seconds_to_exhaustion() == 0
    assert (history.counting, history.notes) == ("raw", ())


def test_a_rolling_period_forgets(memory_source: type) -> None:
    """Bad hours count for a period and no longer; before, as far back as there is anything."""
    bad = np.zeros(96)
    bad[10] = 6.0
    source = hourly(memory_source, 100 - bad, bad)
    objective = availability(period_ms=DAY_MS)
    history = burn_history(objective, source, MONDAY_MS, MONDAY_MS + 4 * DAY_MS)
    assert history.budget_left_ratio[9] == 1
    assert history.budget_left_ratio[10] == pytest.approx(1 - 6 / (0.01 * 1100))
    assert history.budget_left_ratio[33] == pytest.approx(1 - 6 / (0.01 * 2400))
    assert history.budget_left_ratio[34] == 1
    assert history.coverage[[0, 11, 23, 50]] == pytest.approx([1 / 24, 0.5, 1, 1])
    assert history.burn_rate[10] == pytest.approx(6) and history.burn_rate[11] == 0
    later = burn_history(objective, source, MONDAY_MS + DAY_MS, MONDAY_MS + 2 * DAY_MS)
    assert later.budget_left_ratio == pytest.approx(history.budget_left_ratio[24:48])


def test_a_fixed_span_only_falls(memory_source: type) -> None:
    """From all of the budget to what the formula says at its end."""
    random = np.random.default_rng(3)
    good, bad = random.poisson(100, 96).astype(float), random.poisson(0.5, 96).astype(float)
    source = hourly(memory_source, good, bad)
    history = burn_history(availability(), source, MONDAY_MS, MONDAY_MS + 4 * DAY_MS, rolling=False)
    assert (np.diff(history.budget_left_ratio) <= 0).all()
    total = (good + bad).sum()
    assert history.left.low == pytest.approx(1 - bad.sum() / (0.01 * total))
    assert history.budget_left_ratio[0] == pytest.approx(1 - bad[0] / (0.01 * total))
    rolling = burn_history(availability(), source, MONDAY_MS, MONDAY_MS + 4 * DAY_MS)
    assert rolling.left.low == pytest.approx(history.left.low)
    assert not np.allclose(rolling.budget_left_ratio, history.budget_left_ratio)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), period_hours=st.integers(1, 50))
def test_a_rolling_budget_is_what_a_naive_sum_says(
    memory_source: type, seed: int, period_hours: int
) -> None:
    """For every hour, from the hours of its period."""
    random = np.random.default_rng(seed)
    good, bad = random.poisson(20, 40).astype(float), random.poisson(1, 40).astype(float)
    source = hourly(memory_source, good, bad)
    objective = availability(period_ms=period_hours * HOUR_MS)
    history = burn_history(objective, source, MONDAY_MS, MONDAY_MS + 40 * HOUR_MS)
    for hour in range(40):
        first = max(0, hour - period_hours + 1)
        allowed = 0.01 * sum(good[first : hour + 1] + bad[first : hour + 1])
        expected = 1 - sum(bad[first : hour + 1]) / allowed
        assert history.budget_left_ratio[hour] == pytest.approx(expected)


def test_time_to_exhaustion(memory_source: type) -> None:
    """What is left, at the rate of the last hours: a burn of 1 spends a period's budget in one."""
    bad = np.zeros(96)
    bad[-24:], bad[-6:] = 0.5, 2.0
    source = hourly(memory_source, 100 - bad, bad)
    objective = availability(period_ms=4 * DAY_MS)
    history = burn_history(objective, source, MONDAY_MS, MONDAY_MS + 4 * DAY_MS)
    left, period_seconds = 1 - (18 * 0.5 + 6 * 2) / 96, 4 * 86_400
    assert history.left.low == pytest.approx(left)
    assert history.seconds_to_exhaustion() == pytest.approx(left * period_seconds / (21 / 24))
    assert history.seconds_to_exhaustion(6 * HOUR_MS) == pytest.approx(left * period_seconds / 2)
    quiet = burn_history(objective, source, MONDAY_MS, MONDAY_MS + DAY_MS)
    assert quiet.seconds_to_exhaustion() == math.inf
    looser = replace(objective, target_ratio=0.9)
    longer = burn_history(looser, source, MONDAY_MS, MONDAY_MS + 4 * DAY_MS)
    assert longer.seconds_to_exhaustion() > 10 * history.seconds_to_exhaustion()


def test_missing_hours_are_missing(memory_source: type) -> None:
    """Not zero, not good; hours in which nobody asked have a budget and no burn rate."""
    minutes = np.r_[0:121, 300:481]
    climb = np.where(minutes < 400, minutes, 399).astype(float)
    source = memory_source([handled(MONDAY_MS + MINUTE_MS * minutes, climb, "OK")])
    history = burn_history(availability(), source, MONDAY_MS, MONDAY_MS + 9 * HOUR_MS)
    assert np.isnan(history.total).tolist() == [False] * 2 + [True] * 2 + [False] * 4 + [True]
    # What happened in the gap is counted where it was seen, as PromQL does.
    assert history.total[[4, 5, 6, 7]].tolist() == [180, 60, 39, 0]
    assert np.isnan(history.budget_left_ratio).tolist() == np.isnan(history.total).tolist()
    assert np.isnan(history.burn_rate[7]) and history.budget_left_ratio[7] == 1
    assert history.left == (1, 1)
    assert history.seconds_to_exhaustion(HOUR_MS) is None


def test_no_events_no_budget(memory_source: type) -> None:
    """None, where there was nothing to be good."""
    source = memory_source([handled(HOURS, np.zeros(97), "OK")])
    history = burn_history(availability(), source, MONDAY_MS, MONDAY_MS + DAY_MS)
    assert history.left is None and history.seconds_to_exhaustion() is None
    with pytest.raises(BadInput, match="a start before its end"):
        burn_history(availability(), source, MONDAY_MS, MONDAY_MS)


def test_a_threshold_between_bounds_leaves_a_bracket(memory_source: type, tmp_path: Path) -> None:
    """At least what is surely good, at most what may be."""
    climb = np.arange(97.0)
    source = memory_source(histogram(HOURS, {"0.25": 96 * climb, "1": 99 * climb,
                                             "+Inf": 100 * climb}))  # fmt: skip
    for rolling in (True, False):
        history = burn_history(
            latency(0.5, 0.9), source, MONDAY_MS, MONDAY_MS + 4 * DAY_MS, rolling=rolling
        )
        assert history.left == pytest.approx((0.6, 0.9))
        assert "0.5 is no bucket bound" in history.notes[0]


def test_incidents_eat_the_budget(memory_source: type, tmp_path: Path) -> None:
    """Each has what was bad within it; the rest was spent outside; all adds up."""
    bad = np.ones(96)
    bad[10:13], bad[40:42] = 50.0, 20.0
    source = hourly(memory_source, 1000 - bad, bad)
    incidents = incidents_of(
        tmp_path, (10, 13), (40, 42), (41, 43), (95, 120), (200, 201), (11, 12)
    )
    shares = budget_shares(availability(), source, incidents, MONDAY_MS, MONDAY_MS + 4 * DAY_MS)
    table = shares.incidents.set_index("id")
    assert table["bad"].to_dict() == {"i0": 150, "i1": 40, "i2": 21, "i3": 1, "i5": 50}
    assert table["total"].to_dict() == {
        "i0": 3000, "i1": 2000, "i2": 2000, "i3": 1000, "i5": 1000,
    }  # fmt: skip
    assert table["error_ratio"]["i0"] == 0.05
    allowed = 0.01 * 96_000
    assert table["budget_ratio"]["i0"] == pytest.approx(150 / allowed)
    assert shares.spent_ratio == pytest.approx(bad.sum() / allowed)
    assert shares.outside_ratio == pytest.approx((bad.sum() - 150 - 41 - 1) / allowed)
    history = burn_history(availability(), source, MONDAY_MS, MONDAY_MS + 4 * DAY_MS, rolling=False)
    assert 1 - shares.spent_ratio == pytest.approx(history.left.low)


def test_a_short_incident_is_not_rounded_to_hours(memory_source: type, tmp_path: Path) -> None:
    """Minutes within an hour are told apart, for counters and for queries."""
    minutes = np.arange(241)
    values = np.where(minutes > 90, np.minimum(minutes - 90, 12), 0).astype(float)
    times = MONDAY_MS + MINUTE_MS * minutes
    source = memory_source([handled(times, values, "INTERNAL"), handled(times, minutes, "OK")])
    incidents = incidents_of(tmp_path, (1.5, 1.7), (3, 3.5))
    end = MONDAY_MS + 4 * HOUR_MS
    shares = budget_shares(availability(), source, incidents, MONDAY_MS, end)
    assert shares.incidents["bad"].tolist() == [12, 0]
    assert shares.outside_ratio == 0
    raw = availability()
    asked = Objective(
        "q", "queries", 0.99,
        Events(query=f"max by () ({raw.total.rate_expr('{{window}}')})"),
        Events(query=f"max by () ({raw.bad.rate_expr('{{window}}')})"),
    )  # fmt: skip
    evaluated = budget_shares(asked, source, incidents, MONDAY_MS, end)
    assert evaluated.incidents["bad"].to_numpy() == pytest.approx([12, 0], abs=1.5)
    assert evaluated.outside_ratio == pytest.approx(0, abs=1.5 / 2.4)


def test_incidents_without_events(memory_source: type, tmp_path: Path) -> None:
    """No budget, no shares; the incidents are listed all the same."""
    source = memory_source([handled(HOURS, np.zeros(97), "OK"), counter("up", HOURS, HOURS)])
    shares = budget_shares(
        availability(), source, incidents_of(tmp_path, (1, 2)), MONDAY_MS, MONDAY_MS + DAY_MS
    )
    assert (shares.outside_ratio, shares.spent_ratio) == (None, None)
    assert np.isnan(shares.incidents["budget_ratio"]).all() and len(shares.incidents) == 1
