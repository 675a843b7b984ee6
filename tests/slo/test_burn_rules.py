"""Burn-rate rules: their factors, what they say and whom they reach, and when they stay silent."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from burn_objectives import MONTH_MS, SHORT_TABLE, availability, latency
from hypothesis import assume, given
from hypothesis import strategies as st

from alertlab.errors import BadInput
from alertlab.lint import lint_rules
from alertlab.notify import load_alertmanager
from alertlab.replay import replay_rules
from alertlab.rules import load_rules
from alertlab.slo.burn_rules import burn_alerts, burn_rules, joined_rules, yaml_text
from alertlab.slo.burn_windows import (
    GOOGLE_WINDOWS,
    PYRRA_WINDOWS,
    WINDOW_TABLES,
    BurnWindow,
    budget_ratio,
)
from alertlab.slo.replaying import load_burn_rules
from alertlab.templates import AlertContext, expand
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

ROUTES = Path(__file__).parent.parent.parent / "auth_service" / "monitoring" / "alertmanager.yml"


@pytest.mark.parametrize(
    ("period_days", "factors"),
    [(30, [14.4, 6, 3, 1]), (28, [13.44, 5.6, 2.8, 0.933333333])],
)
def test_factors_follow_from_the_share_of_the_budget(
    period_days: int, factors: list[float]
) -> None:
    """The workbook's factors at 30 days, and what they become at 28."""
    found = GOOGLE_WINDOWS.over(period_days * DAY_MS)
    assert [one.factor for one in found] == factors
    assert [one.name for one in found] == ["1h/5m", "6h/30m", "1d/2h", "3d/6h"]


def test_durations_follow_from_the_period() -> None:
    """Pyrra's factors stay, its durations move with the period, in whole minutes."""
    four_weeks, two_weeks = (PYRRA_WINDOWS.over(days * DAY_MS) for days in (28, 14))
    assert [one.factor for one in four_weeks] == [14, 7, 2, 1]
    assert [one.factor for one in two_weeks] == [14, 7, 2, 1]
    minutes = [one.hold_duration_ms / MINUTE_MS for one in four_weeks]
    assert minutes == [2, 15, 60, 180]
    assert [one.name for one in two_weeks] == ["30m/2m", "3h/15m", "12h/1h", "2d/3h"]


@given(table=st.sampled_from(list(WINDOW_TABLES.values())), period_days=st.integers(7, 366))
def test_a_factor_for_a_long_window_spends_its_share(table, period_days: int) -> None:
    """Burning at the factor for the long window takes just the stated share of the budget."""
    for one in table.over(period_days * DAY_MS):
        spent = one.factor * one.long_ms / (period_days * DAY_MS)
        assert spent == pytest.approx(one.budget_ratio, rel=1e-6)
        assert one.short_ms < one.long_ms


def test_windows_must_fit_the_period() -> None:
    """A long window as long as the period is refused, with what to do."""
    with pytest.raises(BadInput, match=r"3d/6h.*'google'.*3d; choose a longer period"):
        GOOGLE_WINDOWS.over(3 * DAY_MS)


def test_time_to_fire() -> None:
    """A full outage at 99.9% takes 52 seconds; a burn at the limit never fires."""
    first = GOOGLE_WINDOWS.over(MONTH_MS)[0]
    assert first.seconds_to_fire(0.999, 1.0) == pytest.approx(51.84)
    assert first.seconds_to_fire(0.999, first.limit_ratio(0.999)) == math.inf
    held = replace(first, hold_duration_ms=2 * MINUTE_MS)
    assert held.seconds_to_fire(0.999, 1.0) == pytest.approx(171.84)


@given(
    target=st.floats(0.9, 0.9999), factor=st.floats(1.1, 9), share=st.floats(0.01, 1),
)  # fmt: skip
def test_time_to_fire_second_by_second(target: float, factor: float, share: float) -> None:
    """The closed form is when the errors of the window, added up, first exceed the limit."""
    window = BurnWindow("critical", 0.1, HOUR_MS, 5 * MINUTE_MS, factor)
    assume(abs(share / window.limit_ratio(target) - 1) > 1e-6)  # on the limit, rounding decides
    bad = np.concatenate([np.zeros(3_600), np.full(3_600, share)]).cumsum()
    ratios = (bad[3_600:] - bad[:-3_600]) / 3_600
    above = np.flatnonzero(ratios > window.limit_ratio(target) * (1 + 1e-12))
    seconds = window.seconds_to_fire(target, share)
    assert (above[0] if len(above) else math.inf) == pytest.approx(seconds, abs=1.01)


def test_critical_rates() -> None:
    """Below them a single bad request is above the limit."""
    pairs = GOOGLE_WINDOWS.over(MONTH_MS)
    found = [one.critical_rate_per_hour(0.999) for one in pairs]
    assert found == pytest.approx([69.44, 27.78, 13.89, 13.89], abs=0.01)
    for one, rate in zip(pairs, found, strict=True):
        requests = rate * one.long_ms / HOUR_MS
        assert 1 / (0.99 * requests) > one.limit_ratio(0.999) > 1 / (1.01 * requests)


@pytest.mark.parametrize("target", [0.9, 0.99, 0.999, 0.9999, 0.999999])
def test_a_budget_without_dust(target: float) -> None:
    """What stands in the rule is what people would write."""
    assert len(f"{budget_ratio(target):.15g}") <= len(f"{target}")
    assert budget_ratio(target) == pytest.approx(1 - target)


def test_one_alert_for_each_severity_and_for() -> None:
    """Pairs of one severity are one alert, unless their ``for`` differs."""
    names = [one.name for one in burn_alerts(availability(), GOOGLE_WINDOWS)]
    assert names == ["LoginAvailabilityBudgetBurnFast", "LoginAvailabilityBudgetBurnSlow"]
    names = [one.name.removeprefix("Login") for one in burn_alerts(latency(), PYRRA_WINDOWS)]
    assert names == [f"LatencyBudgetBurn{one}" for one in ("Fast1h", "Fast6h", "Slow1d", "Slow4d")]


def test_rules_read_each_window_once() -> None:
    """Seven windows are recorded, shortest first, before the alerts that read them."""
    (group,) = burn_rules(availability())["groups"]
    names = [one.get("record", "").removeprefix("slo:error_ratio:rate") for one in group["rules"]]
    assert names == ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "", ""]


def test_whom_the_alerts_reach() -> None:
    """By the service's own routes fast burns page, slow ones are told in Slack."""
    config = load_alertmanager(ROUTES)
    reached = {}
    for rule in load_burn_rules([availability()]):
        labels = tuple(sorted({"alertname": rule.name, **dict(rule.labels)}.items()))
        routes = config.route.match(labels)
        reached[rule.name[-4:]] = {one.receiver for one in routes} - {"email"}
    assert reached == {"Fast": {"pagerduty"}, "Slow": {"slack"}}


def test_the_limit_is_written_as_factor_times_budget() -> None:
    """So that a reader finds both numbers again."""
    rules = burn_rules(availability(period_ms=MONTH_MS))["groups"][0]["rules"]
    assert "> 14.4 * 0.001\n" in rules[-2]["expr"]
    assert "> 6 * 0.001\n" in rules[-2]["expr"]
    assert "> 1 * 0.001\n" in rules[-1]["expr"]


def test_pairs_that_cannot_fire_are_left_out() -> None:
    """At 90% the first limit is above every ratio; at a table of such pairs nothing is left."""
    assert [one.windows for one in burn_alerts(availability(target=0.9), GOOGLE_WINDOWS)] == [
        "6h/30m", "1d/2h or 3d/6h",
    ]  # fmt: skip
    first = replace(GOOGLE_WINDOWS, windows=GOOGLE_WINDOWS.windows[:1])
    with pytest.raises(BadInput, match="login-availability: a target of 90% allows so much"):
        burn_rules(availability(target=0.9), first)


def test_names_must_differ() -> None:
    """Two names that are one as an alert are refused; so is no objective at all."""
    with pytest.raises(BadInput, match="two objectives would have an alert ABBudgetBurnFast"):
        joined_rules([availability("a-b"), availability("a--b")])
    with pytest.raises(BadInput, match="no objective"):
        joined_rules([])


@pytest.mark.parametrize("text", ["{{ $labels.slo }}", "{{{{", "a {{", "}} {{- x -}}", "{{/*"])
def test_texts_are_shown_as_they_are(text: str) -> None:
    """Descriptions and methods are not ours: what looks like a template is none."""
    objective = availability(method=text, description=f"About {text}")
    (rule, *_) = load_burn_rules([objective])
    context = AlertContext(rule.name, {}, 0.0213, 0, lambda *_: [])
    told = expand(rule.annotations["description"], context)
    assert told.startswith(f"2.13% of {text} requests failed; 0.1% would be within the objective.")
    assert told.endswith(f"About {text}")


def test_what_people_are_told() -> None:
    """The share of the budget and its time, and the threshold of a latency."""
    (rule, *_) = load_burn_rules([latency(period_ms=MONTH_MS)], min_bad_events=5)
    context = AlertContext(rule.name, {}, 0.25, 0, lambda *_: [])
    assert expand(rule.annotations["description"], context) == (
        "25% of Login requests were slower than the objective (250ms); "
        "1% would be within the objective. "
        "That pace spends 2% of the budget of 30d in 1h, or 5% in 6h. "
        "Fewer than 5 bad ones within that time would not alert."
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "0.4ms"), (0.0025, "2.5ms"), (0.57, "570ms"), (1.0005, "1000.5ms"), (1.5, "1s500ms")],
)
def test_thresholds_are_not_rounded(tmp_path: Path, seconds: float, text: str) -> None:
    """Also one that is no whole number of milliseconds; lint finds it in the rule."""
    path = tmp_path / "rules.yml"
    path.write_text(yaml_text(burn_rules(latency(seconds=seconds))))
    rules = load_rules(path)
    assert f"slower than the objective ({text});" in rules[-1].annotations["description"]
    assert lint_rules(rules) == []


def handled(series_of, good: str, bad: str | None):
    """The counters of Login's answers, a step a minute."""
    name = 'grpc_server_handled_total{grpc_method="Login", grpc_code="%s"}'
    found = [series_of(name % "OK", good)]
    return found if bad is None else [*found, series_of(name % "INTERNAL", bad)]


def counting(*steps: tuple[int, int]) -> str:
    """Write a counter that moves by so much a minute for so many minutes, from 100."""
    values = 100 + np.cumsum([0, *(step for step, count in steps for _ in range(count))])
    return " ".join(map(str, values))


@pytest.mark.parametrize(
    ("good", "bad", "fires"),
    [
        (counting((10, 120)), None, False),  # no failure yet, so no such series
        (counting((10, 120)), counting((0, 120)), False),
        (counting((0, 120)), counting((0, 120)), False),  # no traffic: 0/0
        (counting((10, 60), (0, 60)), counting((0, 120)), False),  # traffic ends
        (counting((10, 60), (0, 60)), counting((0, 60), (10, 60)), True),
        (counting((0, 120)), counting((0, 60), (10, 60)), True),  # the first requests fail
    ],
)
def test_silence_without_errors(memory_source, series_of, good, bad, fires) -> None:
    """Missing series and no traffic are no errors; errors are."""
    source = memory_source(handled(series_of, good, bad))
    rules = load_burn_rules([availability(period_ms=DAY_MS)], SHORT_TABLE)
    episodes = replay_rules(rules, source, 0, 120 * MINUTE_MS)
    assert bool(episodes["fired_at"].notna().any()) == fires


@pytest.mark.parametrize(("minimum", "fires"), [(0, True), (4, True), (5, False)])
def test_a_minimum_of_bad_events(memory_source, series_of, minimum: int, fires: bool) -> None:
    """Four bad ones of forty in twenty minutes are many, unless five are asked for."""
    series = handled(series_of, counting((2, 60)), counting((0, 40), (1, 4), (0, 16)))
    rules = load_burn_rules([availability(period_ms=DAY_MS)], SHORT_TABLE, min_bad_events=minimum)
    episodes = replay_rules(rules[:1], memory_source(series), 0, 60 * MINUTE_MS)
    assert bool(episodes["fired_at"].notna().any()) == fires


def test_a_minimum_below_zero() -> None:
    """It is refused."""
    with pytest.raises(BadInput, match="-1 bad events are no minimum"):
        burn_rules(availability(), min_bad_events=-1)


def test_fires_at_the_closed_form(memory_source, series_of) -> None:
    """On steady traffic the replay fires at the first evaluation behind the closed form."""
    step = (100, 240), (90, 60)
    series = handled(series_of, counting(*step), counting((0, 240), (10, 60)))
    objective = availability(target=0.99, period_ms=DAY_MS)
    episodes = replay_rules(
        load_burn_rules([objective], SHORT_TABLE)[:1], memory_source(series), 0, 300 * MINUTE_MS
    )
    pairs = burn_alerts(objective, SHORT_TABLE)[0].pairs
    seconds = min(one.seconds_to_fire(0.99, 0.1) for one in pairs)
    fired_ms = episodes["fired_at"].iloc[0].timestamp() * SECOND_MS
    late = fired_ms - 240 * MINUTE_MS - seconds * SECOND_MS
    assert -MINUTE_MS < late <= MINUTE_MS
