"""Tuning sessions on data that was made to deserve each verdict."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.incidents import INCIDENT_COLUMNS, Margins, no_incidents
from alertlab.rules import AlertRule, RuleChange, find_threshold
from alertlab.tuning import (
    CANNOT_FIX,
    CHANGE,
    HOLD_DURATIONS_MS,
    KEEP_FIRING_FOR_MS,
    LEAVE,
    NOT_ENOUGH_DATA,
    Constraints,
    Span,
    Tuning,
    Yardstick,
    best_reading,
    reading_change,
    tune_rule,
)
from alertlab.tuning.validation import split
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS, label_set

DAYS = 14
END = DAYS * DAY_MS - MINUTE_MS
INCIDENT_DAYS = (1, 3, 5, 8, 10, 12)
RULE = AlertRule("A", "m > 5", "g", Path("r.yml"), 1, MINUTE_MS)


def incidents_of(days: tuple[int, ...] = INCIDENT_DAYS, *, minutes: int = 30) -> pd.DataFrame:
    """Some minutes from noon on each of the days; the first is critical."""
    frame = pd.DataFrame(
        [
            (
                f"i{day}",
                noon(day),
                noon(day) + minutes * MINUTE_MS,
                "" if i else "critical",
                None,
                "",
            )
            for i, day in enumerate(days)
        ],
        columns=INCIDENT_COLUMNS,
    )
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    return frame


def noon(day: int) -> int:
    return day * DAY_MS + 12 * HOUR_MS


def values_of(
    *,
    ordinary: float = 1.0,
    blips: int = 0,
    height: float = 8.0,
    late_blips: int = 0,
    incident: float = 20.0,
) -> np.ndarray:
    """A sample a minute: ordinary days, three-minute blips a day, half-hour incidents."""
    minute = np.arange(DAYS * 1440)
    values = np.full(len(minute), ordinary)
    for day in range(DAYS):
        for k in range(blips + (late_blips if day >= DAYS // 2 else 0)):
            at = day * 1440 + 30 + 97 * k
            values[at : at + 3] = height
        if day in INCIDENT_DAYS:
            values[day * 1440 + 720 : day * 1440 + 750] = incident
    return values


@pytest.fixture
def tune(memory_source):
    """Tune a rule over a sample a minute."""

    def run(values: np.ndarray, rule: AlertRule = RULE, **options: object) -> Tuning:
        times = np.arange(len(values), dtype=np.int64) * MINUTE_MS
        there = ~np.isnan(values)
        series = Series(label_set({"__name__": "m"}), times[there], values[there])
        names = [field.name for field in fields(Yardstick)]
        told = {name: options.pop(name) for name in names if name in options}
        yardstick = Yardstick(**({"incidents": incidents_of()} | told))
        end_ms = options.pop("end_ms", END)
        return tune_rule(rule, memory_source([series]), 0, end_ms, yardstick=yardstick, **options)

    return run


def test_change(tune) -> None:
    """Blips below the incidents' height: another threshold or ``for`` silences them all."""
    tuning = tune(values_of(blips=3))
    assert tuning.verdict == CHANGE
    assert (tuning.current.false_pages, len(tuning.current.caught)) == (42, 6)
    assert tuning.current.false_pages_per_week.mid == pytest.approx(21)
    best = tuning.recommended
    assert (best.false_pages, best.caught, best.missed) == (0, tuning.current.caught, ())
    assert best.delay_p50_seconds.mid == 0
    # 8 is the blips' height and 20 the incidents': the middle of what lies between, nothing else.
    assert 8 < best.setting.threshold < 20
    assert best.setting == replace(tuning.current.setting, threshold=best.setting.threshold)
    assert tuning.change == RuleChange(threshold=best.setting.threshold)
    assert "False pages go from 21.0 to 0.0 a week" in tuning.reason
    assert "caught from 6 to 6 of 6" in tuning.reason


def test_blips_as_high_as_incidents_need_a_for(tune) -> None:
    """Height does not tell them apart, length does."""
    tuning = tune(values_of(blips=3, height=20))
    assert tuning.verdict == CHANGE
    assert tuning.recommended.setting.hold_duration_ms >= 3 * MINUTE_MS
    assert (tuning.recommended.false_pages, len(tuning.recommended.caught)) == (0, 6)
    assert tuning.change.hold_duration_ms == tuning.recommended.setting.hold_duration_ms


def test_a_delay_limit_forbids_a_long_for(tune) -> None:
    """What must be seen within two minutes cannot wait for five."""
    values = values_of(blips=3, height=20)
    strict = tune(values, constraints=Constraints(max_delay_seconds=120))
    assert strict.current.false_pages == 42
    assert all(one.setting.hold_duration_ms <= 2 * MINUTE_MS for one in strict.front)
    assert strict.recommended is None or strict.recommended.delay_p90_seconds.mid <= 120


def test_more_noise_for_too_few_incidents_is_no_change(tune) -> None:
    """One incident more at a false page a day is still too few: no number helps."""
    minute = np.arange(DAYS * 1440)
    values = np.where((minute % 1440 >= 30) & (minute % 1440 < 50), 4.6, 1.0)
    for day, height in zip(INCIDENT_DAYS, (20, 20, 20, 4.5, 1, 1), strict=True):
        values[day * 1440 + 720 : day * 1440 + 740] = height
    tuning = tune(values)
    assert (len(tuning.current.caught), tuning.current.false_pages) == (3, 0)
    assert (tuning.verdict, tuning.recommended) == (CANNOT_FIX, None)
    assert "catch at most 4 of 6 incidents, fewer than 80%, and with 7.0 false" in tuning.reason
    content = tune(values, constraints=Constraints(min_recall_ratio=0.6))
    assert content.verdict == CHANGE  # four of six are what was asked for


def test_leave(tune) -> None:
    """A quiet rule that catches everything stays."""
    tuning = tune(values_of())
    assert (tuning.verdict, tuning.recommended, tuning.change) == (LEAVE, None, None)
    assert "catches 6 of 6 incidents with 0.0 false pages a week" in tuning.reason


def test_a_deaf_rule_is_changed_though_it_is_quiet(tune) -> None:
    """No false page is no reason to stay if incidents are missed."""
    tuning = tune(values_of(), replace(RULE, expr="m > 50"))
    assert tuning.verdict == CHANGE
    assert (len(tuning.current.caught), len(tuning.recommended.caught)) == (0, 6)
    assert "median delay unknown to 0 min" in tuning.reason


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"end_ms": 6 * DAY_MS}, "There are 5d23h59m of history; at least 7d are needed"),
        ({"incidents": incidents_of((1, 3))}, "There are 2 incidents that this rule owes"),
        ({"incidents": no_incidents()}, "There are 0 incidents that this rule owes"),
    ],
)
def test_not_enough_data(tune, options: dict, part: str) -> None:
    """Each minimum is named with what there is."""
    tuning = tune(values_of(blips=3), **options)
    assert tuning.verdict == NOT_ENOUGH_DATA
    assert part in tuning.reason
    assert tuning.recommended is None


def test_gaps_are_not_enough_data(tune) -> None:
    """Where most evaluations found nothing, nothing is recommended."""
    values = values_of(blips=3)
    values[np.arange(len(values)) % 1440 > 400] = np.nan
    tuning = tune(values)
    assert tuning.verdict == NOT_ENOUGH_DATA
    assert "of the evaluations with data" in tuning.reason
    assert tuning.coverage["data_ratio"] == pytest.approx(405 / 1440, abs=0.01)


def test_incidents_of_other_rules_do_not_count(tune) -> None:
    """A rule that owes nothing has nothing to be judged by."""
    others = incidents_of().assign(should_alert=[("B",)] * len(INCIDENT_DAYS))
    tuning = tune(values_of(blips=3), incidents=others)
    assert (tuning.verdict, tuning.coverage["owed_incidents"]) == (NOT_ENOUGH_DATA, 0)


def test_cannot_be_fixed(tune) -> None:
    """Incidents that look like every other hour: no number helps, least of all a deaf one."""
    values = np.where(np.arange(DAYS * 1440) % 60 < 30, 10.0, 0.0)
    tuning = tune(values)
    assert (tuning.verdict, tuning.recommended, tuning.change) == (CANNOT_FIX, None, None)
    assert "catches 80% of the incidents within 15 minutes" in tuning.reason


def test_a_quiet_setting_that_loses_most_incidents_is_no_fix(tune) -> None:
    """One incident stands out; to catch it alone is no improvement on catching all six."""
    values = np.where(np.arange(DAYS * 1440) % 60 < 30, 10.0, 0.0)
    values[noon(1) // MINUTE_MS : noon(1) // MINUTE_MS + 30] = 20.0
    tuning = tune(values)
    assert (tuning.verdict, tuning.change) == (CANNOT_FIX, None)
    assert "catch at most 1 of 6 incidents, fewer than the 6 of today" in tuning.reason


def test_constraints_move_the_choice(tune) -> None:
    """Low incidents hide among blips: how many must be caught decides the threshold."""
    values = values_of(blips=2, height=8)
    values[noon(12) // MINUTE_MS : noon(12) // MINUTE_MS + 30] = 6.0
    short = {"margins": Margins(0, 0)}
    holds = tune(values, constraints=Constraints(min_recall_ratio=1.0), **short)
    loose = tune(values, constraints=Constraints(min_recall_ratio=0.5), **short)
    assert len(holds.recommended.caught) == 6
    assert holds.recommended.setting.hold_duration_ms > 0
    assert loose.recommended.false_pages == 0
    silent = tune(values, constraints=Constraints(max_false_firing_ratio=0.0), **short)
    assert silent.recommended.false_firing_ratio == 0


def test_falling_rules(tune) -> None:
    """``m < 5`` is tuned as ``m > 5`` is, with every number negated."""
    up = tune(values_of(blips=3))
    down = tune(-values_of(blips=3), replace(RULE, expr="m < -5"))
    assert down.verdict == CHANGE
    assert down.recommended.setting.threshold == pytest.approx(-up.recommended.setting.threshold)
    assert down.recommended.false_pages == up.recommended.false_pages


def test_the_window_is_tuned_too(tune, memory_source) -> None:
    """One-minute peaks as high as incidents vanish in a longer average; the expression follows."""
    values = values_of(incident=6)
    values[np.arange(len(values)) % 400 == 7] = 30
    rule = replace(RULE, expr="avg_over_time(m[1m]) > 5")
    windows = [n * MINUTE_MS for n in (1, 10, 15)]
    tuning = tune(values, rule, windows_ms=windows)
    assert set(tuning.candidates["window_ms"]) == {n * MINUTE_MS for n in (1, 10, 15)}
    assert tuning.verdict == CHANGE
    assert tuning.recommended.false_pages == 0
    same = tune(values, rule, windows_ms=[])
    assert set(same.candidates["window_ms"]) == {MINUTE_MS}


def test_validation_on_weeks_that_follow(tune) -> None:
    """A choice made on a quiet week is scored on the noisy one, in rises a week."""
    tuning = tune(values_of(late_blips=4, height=12, incident=20))
    check = tuning.validation
    (one,) = check.rounds
    assert (one.chosen_on.weeks, one.scored_on.weeks) == (1.0, 1.0)
    assert one.chosen_on.end_ms == one.scored_on.start_ms
    assert (check.false_rises_seen, check.false_rises_unseen) == (0, 28)
    assert (check.optimism, check.false_rises_now) == (28, 28)
    assert (check.detected_unseen, check.detected_now, check.owed_unseen) == (3, 3, 3)
    # What was chosen then did no better: the change is not worth it, whatever hindsight says.
    assert check.fails
    assert tuning.verdict == LEAVE
    assert "settings chosen on earlier weeks did no better" in tuning.reason
    quiet = tune(values_of()).validation
    assert quiet.optimism == 0
    assert tune(values_of(), incidents=incidents_of((8, 10, 12))).validation is None


@pytest.mark.parametrize(("weeks", "count"), [(0.1, 2), (2, 2), (4, 4), (4.4, 4), (20, 8)])
def test_spans_of_about_a_week(weeks: float, count: int) -> None:
    """At least two, at most eight, together the whole, cut at evaluations."""
    whole = Span(0, round(weeks * WEEK_MS) // MINUTE_MS * MINUTE_MS)
    parts = split(whole, MINUTE_MS)
    assert len(parts) == count
    assert (parts[0].start_ms, parts[-1].end_ms) == (0, whole.end_ms)
    assert all(one.end_ms == two.start_ms for one, two in pairwise(parts))
    assert all(one.start_ms % MINUTE_MS == 0 for one in parts)


def test_the_documents_shape(tune) -> None:
    """What ``tune --json`` prints: the keys of a setting, intervals as three numbers, no NaN."""
    tuning = tune(values_of(blips=3))
    document = json.loads(json.dumps(tuning.to_json(), allow_nan=False))
    assert {"rule", "verdict", "current", "recommended", "front", "candidates", "coverage"} <= set(
        document
    )
    assert (document["rule"], document["verdict"]) == ("A", "change")
    assert document["candidates"] == len(tuning.candidates)
    for setting in (document["current"], document["recommended"], *document["front"]):
        assert {"threshold", "for", "keep_firing_for", "window", "delay_p50_seconds"} <= set(
            setting
        )
        assert list(setting["pages_per_week"]) == ["low", "mid", "high"]
        assert list(setting["recall"]) == ["low", "mid", "high"]
    current = document["current"]
    assert (current["threshold"], current["for"], current["window"]) == (5, "0s", None)
    assert current["precision"]["mid"] == pytest.approx(6 / 48)
    assert document["coverage"] == {
        "weeks": 2.0, "evaluations": DAYS * 1440, "missed": 0, "failed": 0, "data_ratio": 1.0,
        "warm_up_seconds": 0.0, "owed_incidents": 6,
    }  # fmt: skip
    json.dumps(tune(values_of(), incidents=no_incidents()).to_json(), allow_nan=False)


def test_a_score_by_hand(tune) -> None:
    """Nights in a time zone, duplicates and the two recalls of the rule as written."""
    values = values_of(blips=1)
    now = tune(values, time_zone="UTC").current
    assert (now.pages, now.false_pages) == (20, 14)
    assert (now.pages_per_week.mid, now.false_pages_per_week.mid) == (10, 7)
    nights = {"UTC": 7, "Asia/Seoul": 0, "America/Los_Angeles": 3}  # blips at 00:30
    for zone, a_week in nights.items():
        assert tune(values, time_zone=zone).current.night_pages_per_week.mid == a_week
    assert (now.recall.mid, now.recall_by_severity["critical"].mid) == (1.0, 1.0)
    assert set(now.recall_by_severity) == {"", "critical"}
    assert now.precision.mid == pytest.approx(6 / 20)
    assert now.firing_hours_per_week.mid == pytest.approx((14 * 3 + 6 * 30) / 60 / 2)
    assert now.firing_ratio == pytest.approx((14 * 3 + 6 * 30) / (DAYS * 1440))
    quiet_minutes = DAYS * 1440 - 6 * 45
    assert now.false_firing_ratio == pytest.approx(14 * 3 / quiet_minutes)
    assert now.flaps_per_week.mid == 0
    deaf = tune(values, replace(RULE, expr="m > 50")).current
    assert (deaf.precision, deaf.recall.mid, deaf.delay_p50_seconds) == (None, 0.0, None)
    assert (deaf.time_to_resolve_p50_seconds, deaf.false_pages_per_week.low) == (None, 0)


def test_time_to_resolve(tune) -> None:
    """From the labelled end until the last alert is gone; the long keep is waited for."""
    assert tune(values_of()).current.time_to_resolve_p50_seconds.mid == 0
    kept = tune(values_of(), replace(RULE, keep_firing_for_ms=7 * MINUTE_MS)).current
    assert kept.time_to_resolve_p50_seconds.mid == 7 * 60
    late = tune(values_of(), incidents=incidents_of(minutes=10)).current
    assert late.time_to_resolve_p50_seconds.mid == 20 * 60


def test_flaps(tune) -> None:
    """Ten minutes on, ten minutes off is flapping; an hour off is not."""
    minute = np.arange(DAYS * 1440)
    often, seldom = (np.where(minute % (10 + off) < 10, 9.0, 1.0) for off in (10, 60))
    assert tune(often).current.flaps_per_week.mid == pytest.approx(7 * 1440 / 20, abs=1)
    assert tune(seldom).current.flaps_per_week.mid == 0


def test_without_incidents_nobody_knows_what_is_false(tune) -> None:
    """Pages, nights and firing are known all the same; what is false, and precision, are not."""
    now = tune(values_of(blips=1), incidents=no_incidents()).current
    assert (now.pages, now.noise, now.pages_per_week.mid) == (20, 20, 10)
    unknown = (now.false_pages, now.false_pages_per_week, now.precision, now.recall)
    assert unknown == (None, None, None, None)
    assert (now.false_firing_ratio, now.recall_by_severity) == (None, {})
    assert now.firing_ratio > 0


def test_an_unknown_time_zone_is_refused(tune) -> None:
    """One sentence with an example."""
    with pytest.raises(BadInput, match="'Mars/Base' is not a time zone"):
        tune(values_of(), time_zone="Mars/Base")


def test_a_rule_without_a_number_cannot_be_tuned(tune) -> None:
    """The sentence says what the expression is instead."""
    with pytest.raises(BadInput, match="has no numeric threshold"):
        tune(values_of(), replace(RULE, expr="m > n"))
    with pytest.raises(BadInput, match="has 1 thresholds, numbered from 0; there is no 1"):
        tune(values_of(), comparison=1)


def test_slots_can_be_moved(tune) -> None:
    """The offset moves every evaluation."""
    assert tune(values_of(), slot_offset_ms=7_000).evaluated.frame.times[0] == 7_000


def test_progress_is_told_of_every_window(tune) -> None:
    """``track`` sees the windows that are tried."""
    seen = []

    def track(windows: list) -> list:
        seen.extend(windows)
        return windows

    tune(
        values_of(),
        replace(RULE, expr="avg_over_time(m[5m]) > 5"),
        windows_ms=[120_000],
        track=track,
    )
    assert seen == [120_000, 300_000]


def test_the_better_reading_wins_and_the_written_one_keeps_a_tie(tune) -> None:
    """Another expression must be better; then the edit names it and only what differs."""
    written = tune(values_of(blips=3, height=30))
    same = tune(values_of(blips=3, height=30), replace(RULE, expr="m + 0 > 5"))
    assert best_reading([written, same]) is written
    quiet = tune(values_of(), replace(RULE, expr="m * 1 > 5"))
    assert quiet.verdict == LEAVE
    deaf = tune(np.where(np.arange(DAYS * 1440) % 60 < 30, 10.0, 0.0))
    assert best_reading([deaf]) is None
    assert best_reading([deaf, quiet]) is quiet
    assert reading_change(RULE, quiet) == RuleChange(expr="m * 1 > 5")
    assert reading_change(RULE, written) == written.change
    assert best_reading([quiet]) is None


def test_spans_reach_one_interval_past_the_last_evaluation(tune) -> None:
    """Two weeks of evaluations a minute apart are two weeks."""
    assert tune(values_of()).span.end_ms == 2 * WEEK_MS


COUNTS = ["rises", "false_rises", "firing", "detected", "delay_p50_seconds", "owed"]
JOINED = "(m > 5) * on () group_left () vector(1)"  # as ``m > 5``, but nobody sees that


def counts_of(tuning: Tuning) -> pd.DataFrame:
    """The candidates' counts by setting."""
    settings = ["window_ms", "hold_duration_ms", "keep_firing_for_ms", "threshold"]
    return tuning.candidates.set_index(settings)[COUNTS].sort_index()


def test_thresholds_one_by_one_are_as_all_at_once(tune) -> None:
    """What each evaluation by itself tells is what the level tells, and the reason says how."""
    at_once = tune(values_of(blips=3))
    one_by_one = tune(values_of(blips=3), replace(RULE, expr=JOINED))
    each, every = counts_of(one_by_one), counts_of(at_once)
    assert len(each) == 11 * len(HOLD_DURATIONS_MS) * len(KEEP_FIRING_FOR_MS)
    both = each.index.intersection(every.index)
    assert len(both) >= 40
    pd.testing.assert_frame_equal(each.loc[both], every.loc[both])
    assert one_by_one.evaluated.threshold is None
    assert one_by_one.verdict == CHANGE
    assert one_by_one.current == at_once.current
    assert (one_by_one.recommended.false_pages, len(one_by_one.recommended.caught)) == (0, 6)
    assert 8 < one_by_one.change.threshold < 20
    assert one_by_one.validation.optimism == at_once.validation.optimism
    assert (
        "each evaluated by itself, because what passes the comparison is combined with other"
        in (one_by_one.reason)
    )
    assert "by itself" not in at_once.reason
    assert one_by_one.coverage == at_once.coverage


def test_windows_are_tried_one_by_one_too(tune) -> None:
    """Each window with each threshold, on the scale that the window gives."""
    joined = replace(RULE, expr="(sum_over_time(m[1m]) > 50) * on () group_left () vector(1)")
    tuning = tune(values_of(blips=3), joined, windows_ms=[MINUTE_MS, 10 * MINUTE_MS])
    assert set(tuning.candidates["window_ms"]) == {MINUTE_MS, 10 * MINUTE_MS}
    alone = replace(RULE, expr="sum_over_time(m[10m]) > 50")
    each, every = (
        counts_of(one).loc[10 * MINUTE_MS]
        for one in (tuning, tune(values_of(blips=3), alone, windows_ms=[]))
    )
    both = each.index.intersection(every.index)
    assert len(both) >= 40
    pd.testing.assert_frame_equal(each.loc[both], every.loc[both])
    # The sums reach 20 in a minute and 200 in ten.
    highest = tuning.candidates.groupby("window_ms")["threshold"].max()
    assert highest.to_dict() == {MINUTE_MS: 50, 10 * MINUTE_MS: 200}


def test_a_state_is_tried_with_the_values_that_occur(tune) -> None:
    """``==`` and ``!=`` can only be tuned to another value that there is."""
    tuning = tune(values_of(blips=3), replace(RULE, expr="m == 8"))
    assert set(tuning.candidates["threshold"]) == {1, 8, 20}
    assert (tuning.verdict, tuning.recommended.setting.threshold) == (CHANGE, 20)
    assert tuning.change == RuleChange(threshold=20)
    assert "because it compares by ==" in tuning.reason
    assert tuning.coverage["data_ratio"] == 1.0


def test_a_templated_label_needs_each_threshold(tune) -> None:
    """An alert's labels may hold its value, which no level has."""
    rule = replace(RULE, labels=(("how", "{{ if gt $value 10.0 }}high{{ else }}low{{ end }}"),))
    tuning = tune(values_of(blips=3), rule)
    assert "because a template makes the labels of its alerts depend" in tuning.reason
    assert tuning.verdict == CHANGE
    assert 8 < tuning.recommended.setting.threshold < 20


def test_gaps_count_where_thresholds_are_tried_one_by_one(tune) -> None:
    """Nothing to compare is not the same as nothing that alerts."""
    values = values_of(blips=3)
    values[np.arange(len(values)) % 1440 > 400] = np.nan
    tuning = tune(values, replace(RULE, expr=JOINED))
    assert tuning.verdict == NOT_ENOUGH_DATA
    assert tuning.coverage["data_ratio"] == pytest.approx(405 / 1440, abs=0.01)


@pytest.mark.parametrize(
    ("expr", "peak", "data_ratio"),
    [
        ("m > 5", 20, 1.0),
        ("m != 1", 20, 1.0),
        ("(m > 5) unless m > 100", 20, 1.0),
        ("m > 5 or m > 100", 20, 1.0),
        ("m > 5 and absent(m)", 20, 1.0),
        ("absent(m) unless m > 5", 20, 1.0),
    ],
)
def test_what_is_compared_is_known_whatever_stands_around_it(
    tune, expr: str, peak: float, data_ratio: float
) -> None:
    """The values on the threshold's scale, without what alerts whatever the threshold is."""
    tuning = tune(values_of(blips=3), replace(RULE, expr=expr))
    compared = tuning.compared
    assert compared.frame.values[compared.frame.present].max() == peak
    assert compared.threshold.value == find_threshold(expr).value
    assert tuning.coverage["data_ratio"] == data_ratio


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (replace(RULE, limit=1), "its group limits how many alerts it may have"),
        (replace(RULE, labels=(("pod", ""),)), "two of its results may become one alert"),
    ],
)
def test_what_one_pass_does_not_tell_is_evaluated_by_itself(
    memory_source, rule: AlertRule, why: str
) -> None:
    """Limits, and alerts that collide, make what a threshold does depend on all the others."""
    times = np.arange(DAYS * 1440, dtype=np.int64) * MINUTE_MS
    pods = [values_of(blips=3), values_of(blips=1, height=7)]
    source = memory_source(
        [
            Series(label_set({"__name__": "m", "pod": str(i)}), times, one)
            for i, one in enumerate(pods)
        ]
    )
    yardstick = Yardstick(incidents_of())
    tuning = tune_rule(rule, source, 0, END, yardstick=yardstick)
    assert f"each evaluated by itself, because {why}" in tuning.reason
    plain = tune_rule(RULE, source, 0, END, yardstick=yardstick)
    assert len(set(tuning.candidates["threshold"])) < len(set(plain.candidates["threshold"])) + 15
    # In incidents both pods are beyond every threshold: the rule forgets, or fails, at once.
    assert tuning.candidates["detected"].max() < plain.candidates["detected"].max()


def test_which_comparison_is_tuned(tune) -> None:
    """The other one stays; the edit says which number is meant, and the numbers agree."""
    values = values_of(blips=3)
    both = replace(RULE, expr="m > 5 and m < 30")
    first, second = tune(values, both), tune(values, both, comparison=1)
    assert (first.current.setting.threshold, second.current.setting.threshold) == (5, 30)
    assert first.change == RuleChange(threshold=first.recommended.setting.threshold)
    turned = tune(values, replace(RULE, expr="m < 30 and m > 5"), comparison=1)
    pd.testing.assert_frame_equal(counts_of(first), counts_of(turned))
    assert turned.change == replace(first.change, comparison=1)
    assert turned.evaluated.rule.expr == "m < 30 and m > 5"
    assert "by itself" not in turned.reason
    joined = replace(RULE, expr="(m > 5 and m < 30) * on () group_left () vector(1)")
    each, every = counts_of(tune(values, joined, comparison=1)), counts_of(second)
    both = each.index.intersection(every.index)
    assert len(both) >= 40
    pd.testing.assert_frame_equal(each.loc[both], every.loc[both])
    # Whatever m has to be below, it has to be above 5: no limit keeps out the blips of 8 alone.
    assert second.candidates["false_rises"].min() == 0
    assert counts_of(second).loc[(slice(None), 0, 0, 30), "rises"].item() == 48


def test_a_comparison_inside_an_aggregation_is_tuned(tune) -> None:
    """The group alerts if any member does: the counts are those of the members' highest."""
    plain, inside = (
        tune(values_of(blips=3)),
        tune(values_of(blips=3), replace(RULE, expr="sum(m > 5)")),
    )
    pd.testing.assert_frame_equal(plain.candidates, inside.candidates)
    assert (inside.verdict, inside.change) == (plain.verdict, plain.change)
