"""What little traffic does to burn-rate alerts: the simulation and its judges."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from burn_objectives import MONTH_MS, availability, of_queries
from scipy.stats import binom, poisson

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.slo.burn_windows import GOOGLE_WINDOWS, PYRRA_WINDOWS
from alertlab.slo.low_traffic import (
    LowTraffic,
    SimulatedCounters,
    critical_rates,
    low_traffic_table,
    traffic_of,
)
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

FIRST, SECOND = GOOGLE_WINDOWS.over(MONTH_MS)[:2]
STEPS_AN_HOUR = 120


@pytest.fixture(scope="module")
def table() -> LowTraffic:
    """Three rates over nine weeks."""
    return low_traffic_table(
        0.999, period_ms=MONTH_MS, requests_per_hour=(30, 80, 400), weeks=9, runs=60
    )


def of(frame: pd.DataFrame, rate: float, minimum: int, ratio: float | None = None) -> pd.Series:
    """Return one row of a table."""
    rows = frame[(frame["requests_per_hour"] == rate) & (frame["min_bad_events"] == minimum)]
    if ratio is not None:
        rows = rows[rows["error_ratio"] == ratio]
    (row,) = (row for _, row in rows.iterrows())
    return row


def naive_pages(rate: float, weeks: int, seed: int) -> int:
    """Count the page alert's rises on other random traffic, by counting events in each window."""
    chance = np.random.default_rng(seed)
    steps = weeks * 7 * 24 * STEPS_AN_HOUR
    requests = chance.poisson(rate / STEPS_AN_HOUR, steps)
    bad = chance.binomial(requests, 0.0005)
    sums = [np.concatenate([[0], one.cumsum()]) for one in (requests, bad)]
    firing = np.zeros(steps, bool)
    for pair in (FIRST, SECOND):
        above = np.ones(steps, bool)
        for span_ms in (pair.long_ms, pair.short_ms):
            # A window sees the steps between its own samples, one fewer than it is long.
            width = span_ms // (30 * SECOND_MS) - 1
            inside = [one[width:] - one[:-width] for one in sums]
            ratio = inside[1] > pair.limit_ratio(0.999) * inside[0]
            above &= np.concatenate([np.zeros(steps - len(ratio), bool), ratio])
        firing |= above
    each_minute = firing[::2]
    return int(np.count_nonzero(each_minute[1:] & ~each_minute[:-1]))


@pytest.mark.parametrize("rate", [30, 80, 400])
def test_false_pages_as_counted_naively(table: LowTraffic, rate: float) -> None:
    """Another simulation, without PromQL, finds as many within the doubt of both."""
    found = of(table.false_pages, rate, 0)["pages"]
    naive = np.array([naive_pages(rate, 9, seed) for seed in range(40)])
    # Pages come in bursts, so their number scatters more than Poisson's; the runs tell how much.
    assert abs(found - naive.mean()) <= 4 * naive.std() + 0.5


def test_how_often_one_window_exceeds_its_limit() -> None:
    """By the chance that so many of Poisson's requests are bad."""
    rate, bad_ratio, weeks = 100, 0.004, 20
    counters = SimulatedCounters(
        np.full(weeks * 7 * 24 * STEPS_AN_HOUR, bad_ratio), rate, np.random.default_rng(3)
    )
    limit = FIRST.limit_ratio(0.999)
    ratio = "sum(rate(simulated_bad_requests_total[1h])) / sum(rate(simulated_requests_total[1h]))"
    frame = counters.range_query(f"{ratio} > {limit}", HOUR_MS, counters.end_ms, 30 * SECOND_MS)
    share = frame.present[0].mean()
    mean = rate * (STEPS_AN_HOUR - 1) / STEPS_AN_HOUR
    requests = np.arange(1, 300)
    chance = poisson.pmf(requests, mean) @ binom.sf(np.floor(limit * requests), requests, bad_ratio)
    assert share == pytest.approx(chance, rel=0.15)
    # With as many requests in each hour it is the tail of one Poisson number.
    assert chance == pytest.approx(poisson.sf(math.floor(limit * rate), rate * bad_ratio), rel=0.35)


def test_a_minimum_takes_false_pages_away(table: LowTraffic) -> None:
    """And its price is time: small shares of little traffic are missed."""
    minimum = table.false_pages[table.false_pages["min_bad_events"] == 5]
    assert minimum["pages"].sum() == 0
    assert of(table.false_pages, 30, 0)["pages"] > 10
    for ratio in (0.02, 0.1, 1.0):
        without, with_it = (of(table.detection, 30, minimum, ratio) for minimum in (0, 5))
        assert without["minutes_to_page_p50"].mid < with_it["minutes_to_page_p50"].mid
    assert of(table.detection, 30, 5, 0.02)["missed_ratio"].mid > 0.5
    assert of(table.detection, 30, 5, 0.02)["minutes_to_page_p50"].mid == math.inf
    assert of(table.detection, 30, 0, 0.1)["missed_ratio"].mid == 0


def test_with_more_traffic_time_to_page_is_the_closed_form() -> None:
    """Chance is small at 20,000 an hour; without errors in the budget's half it is nothing."""
    found = low_traffic_table(
        0.999, period_ms=MONTH_MS, requests_per_hour=[20_000], weeks=1, runs=30,
        error_ratios=(0.007, 0.04, 0.2),
    )  # fmt: skip
    for ratio in (0.04, 0.2):
        minutes = of(found.detection, 20_000, 0, ratio)["minutes_to_page_p50"].mid
        seconds = min(one.seconds_to_fire(0.999, ratio) for one in (FIRST, SECOND))
        assert minutes == pytest.approx(seconds / 60, abs=1.6)
    slow = of(found.detection, 20_000, 0, 0.007)["minutes_to_page_p50"]
    # What was bad before counts too: half the budget, 0.05% of the six hours.
    assert slow.mid == pytest.approx((0.006 - 0.0005) / (0.007 - 0.0005) * 360, rel=0.05)


def test_other_numbers_change_the_answer() -> None:
    """Seed, windows, period, target, weeks and runs all count; the same ones repeat."""
    small = {"requests_per_hour": (60,), "weeks": 3, "runs": 5, "error_ratios": (0.05,)}
    first = low_traffic_table(0.999, **small).to_json()
    assert low_traffic_table(0.999, **small).to_json() == first
    for target, other in (
        (0.999, {"seed": 2}),
        (0.9995, {}),
        (0.999, {"windows": PYRRA_WINDOWS}),
        (0.999, {"period_ms": 60 * DAY_MS}),
        (0.999, {"weeks": 4}),
        (0.999, {"runs": 6}),
        (0.999, {"error_ratios": (0.1,)}),
        (0.999, {"min_bad_events": (1,)}),
        (0.999, {"requests_per_hour": (61,)}),
    ):
        found = low_traffic_table(target, **{**small, **other}).to_json()
        assert found["false_pages"] + found["detection"] != (
            first["false_pages"] + first["detection"]
        )


def test_rates_follow_the_target() -> None:
    """At a tenth of the errors allowed, ten times the traffic is little."""
    found = low_traffic_table(0.9999, weeks=1, runs=1, error_ratios=(1.0,), min_bad_events=(0,))
    assert list(found.false_pages["requests_per_hour"][:3]) == [300, 600, 800]


@pytest.mark.parametrize(
    ("target", "options", "part"),
    [
        (1, {}, "a target of 1 is no share between 0 and 1"),
        (0.05, {}, "no pair of windows pages at a target of 5%"),
        (0.999, {"requests_per_hour": [0]}, "requests an hour are above 0"),
        (0.999, {"requests_per_hour": [math.nan]}, "requests an hour are above 0"),
        (0.999, {"requests_per_hour": []}, "requests an hour are above 0"),
        (0.999, {"error_ratios": [1.5]}, "shares between 0 and 1"),
        (0.999, {"weeks": math.nan}, "at most 520 weeks"),
        (0.999, {"runs": 0}, "one run at least"),
    ],
)
def test_what_cannot_be_simulated(target: float, options: dict, part: str) -> None:
    """Each is told in a sentence."""
    with pytest.raises(BadInput, match=part):
        low_traffic_table(target, **options)


def test_critical_rates() -> None:
    """One row per pair, as each pair says."""
    found = critical_rates(0.999, (FIRST, SECOND))
    assert list(found["windows"]) == ["1h/5m", "6h/30m"]
    assert list(found["critical_rate_per_hour"].round(1)) == [69.4, 27.8]


def test_traffic_of_a_history(memory_source) -> None:
    """The mean of the hours, and the share of those below the critical rate."""
    times = np.arange(0, 5 * HOUR_MS + 1, MINUTE_MS)
    by_hour = np.repeat([2.0, 2.0, 0.5, 4.0, 4.0], 60)
    values = np.concatenate([[7.0], 7 + by_hour.cumsum()])
    labels = (
        ("__name__", "grpc_server_handled_total"),
        ("grpc_code", "OK"),
        ("grpc_method", "Login"),
    )
    source = memory_source([Series(labels, times, values)])
    nothing = of_queries(
        "none", "sum(rate(a_total[{{.window}}]))", "sum(rate(b_total[{{.window}}]))"
    )
    found = traffic_of([availability(period_ms=MONTH_MS), nothing], source, 0, 5 * HOUR_MS)
    first, second = found.to_dict("records")
    assert first["requests_per_hour"] == pytest.approx(2.5 * 60)
    assert first["critical_rate_per_hour"] == pytest.approx(69.44, abs=0.01)
    assert first["below_ratio"] == pytest.approx(1 / 5)
    assert math.isnan(second["requests_per_hour"]) and math.isnan(second["below_ratio"])
    short = traffic_of([availability(period_ms=MONTH_MS)], source, 0, MINUTE_MS).iloc[0]
    assert math.isnan(short["requests_per_hour"]) and math.isnan(short["below_ratio"])
