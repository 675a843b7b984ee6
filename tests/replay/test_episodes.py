"""Episodes: pending, fired, cut, warmed up; on the slots that the rule has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.frame import STALE_NAN, Series
from alertlab.replay import alert_identity, evaluate_rule, find_episodes, fired, replay_rules
from alertlab.rules import AlertRule
from alertlab.units import HOUR_MS, MINUTE_MS, label_set


def rule_of(expr: str, **settings: object) -> AlertRule:
    return AlertRule("A", expr, "g", Path("r.yml"), 1, **({"interval_ms": MINUTE_MS} | settings))


def minutes(times: pd.Series) -> list[float | None]:
    return [None if pd.isna(one) else one.timestamp() / 60 for one in times]


@pytest.fixture
def replay(memory_source, series_of):
    """Replay one rule over series, from minute ``start`` to minute ``end``; rows of minutes."""

    def run(
        rule: AlertRule, *series: tuple[str, str], start: float = 0, end: float = 20, **options: int
    ) -> list[tuple]:
        source = memory_source([series_of(name, values) for name, values in series])
        rows = replay_rules([rule], source, int(start * MINUTE_MS), int(end * MINUTE_MS), **options)
        columns = [minutes(rows[name]) for name in ("active_at", "fired_at", "resolved_at")]
        return list(zip(*columns, strict=True))

    return run


@pytest.mark.parametrize(
    ("values", "hold", "keep", "expected"),
    [
        ("0 6 6 0 0", 2, 0, [(1, None, 3)]),  # stayed pending
        ("0 6 6 6 0", 2, 0, [(1, 3, 4)]),
        ("6 6 6 6 6", 2, 0, [(0, 2, None)]),  # still active at the end
        ("0 0 0 6 6", 2, 0, [(3, None, None)]),  # pending at the end
        ("6 0 6 0 6", 0, 0, [(0, 0, 1), (2, 2, 3), (4, 4, None)]),
        ("6 0 6 0 0", 0, 1, [(0, 0, 4)]),  # kept over the gap, and once more after
        ("6 0 0 6 0", 0, 1, [(0, 0, 2), (3, 3, None)]),  # kept till 1, again from 3
        ("6 6 0 6 6", 1, 1, [(0, 1, None)]),
        ("6 NaN 6 stale 6", 0, 0, [(0, 0, 1), (2, 2, 3), (4, 4, None)]),
        ("-0 -0 0 0 0", 0, 0, []),
        ("0 0 0 0 0", 0, 0, []),
    ],
)
def test_episodes_by_hand(replay, values: str, hold: int, keep: int, expected: list) -> None:
    """active, fired and resolved at, in minutes; NaN and a stale marker are not above 5."""
    rule = rule_of("m > 5", hold_duration_ms=hold * MINUTE_MS, keep_firing_for_ms=keep * MINUTE_MS)
    assert replay(rule, ("m", values), end=4) == expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("m >= 0", [(0, 0, 3), (4, 4, None)]),
        ("m > 0", [(2, 2, 3)]),
        ("m <= -0", [(0, 0, 2), (3, 3, None)]),
        ("m < 0", [(3, 3, 4)]),
        ("0 > m", [(3, 3, 4)]),
    ],
)
def test_minus_zero_is_zero(replay, expr: str, expected: list) -> None:
    """-0 and 0 are equal to every comparison, strict or not, in either direction."""
    assert replay(rule_of(expr), ("m", "-0 0 1 -1 -0"), end=4) == expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("m == 6", [(1, 1, 3)]),
        ("m > 5 unless m > 6", [(1, 1, 3)]),
        ("m > on() n", [(1, 1, 4)]),
        ("absent(n)", []),
        ("vector(1)", [(0, 0, None)]),
        ("m > bool 6", [(0, 0, None)]),  # bool returns 0 or 1 everywhere, and both alert
    ],
)
def test_expressions_without_a_numeric_threshold(replay, expr: str, expected: list) -> None:
    """Whatever the expression returns alerts, as in Prometheus, a zero included."""
    assert replay(rule_of(expr), ("m", "0 6 6 7 0"), ("n", "5 5 5 5 5"), end=4) == expected


def test_nan_of_an_expression_without_threshold_alerts(replay) -> None:
    """A NaN sample is a sample: without a comparison it alerts."""
    assert replay(rule_of("m"), ("m", "NaN stale 1 stale 1"), end=4) == [
        (0, 0, 1), (2, 2, 3), (4, 4, None),
    ]  # fmt: skip


def test_each_series_is_its_own_alert(memory_source, series_of) -> None:
    """Rows by start, then labels; an identity has the rule's labels but no metric name."""
    source = memory_source([series_of('m{p="b"}', "9 9"), series_of('m{p="a"}', "9 0 9")])
    rule = rule_of("m > 5", labels=(("severity", "page"),))
    rows = find_episodes(evaluate_rule(rule, source, 0, 2 * MINUTE_MS))
    assert [dict(one)["p"] for one in rows["labels"]] == ["a", "b", "a"]
    assert rows["labels"][0] == label_set({"alertname": "A", "p": "a", "severity": "page"})


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"p": "x"}, {"alertname": "A", "p": "x", "q": "2"}),
        ({"q": ""}, {"alertname": "A", "p": "1"}),
        ({"alertname": "B"}, {"alertname": "A", "p": "1", "q": "2"}),
    ],
)
def test_alert_identity(labels: dict, expected: dict) -> None:
    """Rule labels win over the sample's, an empty one takes it away, alertname is the rule's."""
    rule = rule_of("m", labels=tuple(labels.items()))
    sample = label_set({"__name__": "m", "p": "1", "q": "2"})
    assert alert_identity(rule, sample) == label_set(expected)


def test_two_results_of_one_alert_fail_the_evaluation(replay, caplog) -> None:
    """Where both are above: the state stays as it was, time goes on, and it is told."""
    series = ('m{p="a"}', "9 stale _ 9 9 9 0 0 9"), ('m{p="b"}', "_ _ _ 9 9 0 0 0 9")
    same = {"labels": (("p", "same"),)}
    assert replay(rule_of("m > 5", **same), *series, end=8) == [(0, 0, 1), (5, 5, 6)]
    assert "3 of its evaluations fail" in caplog.text
    assert replay(rule_of("m > 5", hold_duration_ms=MINUTE_MS, **same), *series, end=8) == [
        (0, None, 1),
        (5, None, 6),
    ]
    going = ('m{p="a"}', "9 9 9 9 0"), ('m{p="b"}', "0 9 9 0 0")
    held = rule_of("m > 5", hold_duration_ms=3 * MINUTE_MS, **same)
    assert replay(held, *going, end=4) == [(0, 3, 4)]
    assert replay(rule_of("m < 5", **same), *going, end=4) == [(0, 0, 1), (3, 3, None)]


def test_one_identity_from_several_series_in_turn(replay) -> None:
    """A pod that replaces another under one identity continues its alert."""
    rule = rule_of("m > 5", labels=(("p", "same"),), hold_duration_ms=3 * MINUTE_MS)
    series = ('m{p="a"}', "9 9 stale"), ('m{p="b"}', "_ _ 9 9 9")
    assert replay(rule, *series, end=4) == [(0, 3, None)]


def test_query_offset_looks_back_and_reports_the_slot(replay) -> None:
    """Values of a minute ago decide, times are those of the evaluations."""
    values = ("m", "0 6 6 0 0 0 0")
    assert replay(rule_of("m > 5"), values, end=6) == [(1, 1, 3)]
    shifted = rule_of("m > 5", query_offset_ms=2 * MINUTE_MS)
    assert replay(shifted, values, end=6) == [(3, 3, 5)]


def test_slot_offset_moves_the_evaluations(replay) -> None:
    """Slots are start + offset + k * interval, the offset taken modulo the interval."""
    values = ("m", "0 6 6 0 0 0")
    for offset_ms in (15_000, 75_000):
        assert replay(rule_of("m > 5"), values, end=5, slot_offset_ms=offset_ms) == [
            (1.25, 1.25, 3.25)
        ]


def test_the_rules_own_interval(replay) -> None:
    """Evaluations every two minutes see every second sample."""
    rule = rule_of("m > 5", interval_ms=2 * MINUTE_MS)
    assert replay(rule, ("m", "0 6 0 0 6 0 0"), end=6) == [(4, 4, 6)]


def test_warm_up_sets_the_state_and_is_not_reported(replay) -> None:
    """What ended before the start is left out; what reaches in keeps its beginning."""
    rule = rule_of("m > 5", hold_duration_ms=3 * MINUTE_MS)
    values = ("m", "6 6 6 6 0 0 6 6 6 6 6 0 0")
    assert replay(rule, values, end=12) == [(0, 3, 4), (6, 9, 11)]
    assert replay(rule, values, start=3, end=12) == [(0, 3, 4), (6, 9, 11)]
    assert replay(rule, values, start=4, end=12) == [(6, 9, 11)]
    assert replay(rule, values, start=8, end=12) == [(6, 9, 11)]
    assert replay(rule, values, start=11, end=12) == []


def test_warm_up_is_as_long_as_the_rule_remembers(memory_source, series_of) -> None:
    """An hour, or twice for and keep_firing_for, but never before the data begins."""
    source = memory_source([series_of("m", "1 1")], start_ms=0)
    long = rule_of("m > 5", hold_duration_ms=HOUR_MS, keep_firing_for_ms=HOUR_MS)
    for rule, start, first in (
        (rule_of("m > 5"), 10 * HOUR_MS, 9 * HOUR_MS),
        (long, 10 * HOUR_MS, 6 * HOUR_MS),
        (long, HOUR_MS + 30_000, 30_000),
        (long, 0, 0),
    ):
        evaluated = evaluate_rule(rule, source, start, start + MINUTE_MS)
        assert (evaluated.start_ms, int(evaluated.frame.times[0])) == (start, first)
        assert int(evaluated.reported.sum()) == 2


def test_coverage(memory_source, series_of) -> None:
    """The share of evaluations with data; of an expression without a threshold it is unknown."""
    source = memory_source([series_of("m", "1 stale 1 1")])
    assert evaluate_rule(rule_of("m > 5"), source, 0, 3 * MINUTE_MS).data_ratio == 0.75
    assert evaluate_rule(rule_of("n > 5"), source, 0, 3 * MINUTE_MS).data_ratio == 0.0
    assert evaluate_rule(rule_of("m == 5"), source, 0, 3 * MINUTE_MS).data_ratio is None


def test_share_of_evaluations_beyond_the_threshold(memory_source, series_of) -> None:
    """Any series counts, ``for`` does not."""
    source = memory_source([series_of('m{p="a"}', "6 0 0 0"), series_of('m{p="b"}', "6 6 0 0")])
    rule = rule_of("m > 5", hold_duration_ms=HOUR_MS)
    assert evaluate_rule(rule, source, 0, 3 * MINUTE_MS).above_share() == 0.5


def test_fired_leaves_out_what_stayed_pending(memory_source, series_of) -> None:
    """Only fired episodes reach anybody."""
    source = memory_source([series_of("m", "6 0 6 6 6")])
    rule = rule_of("m > 5", hold_duration_ms=2 * MINUTE_MS)
    rows = replay_rules([rule], source, 0, 4 * MINUTE_MS)
    assert minutes(rows["active_at"]) == [0, 2]
    assert minutes(fired(rows)["active_at"]) == [2]


def test_several_rules_and_none(memory_source, series_of) -> None:
    """Rules keep their order; no rule is an empty table with the same columns."""
    source = memory_source([series_of("m", "6 6")])
    rules = [rule_of("m > 5"), rule_of("m > 50"), rule_of("m < 50")]
    rows = replay_rules(rules, source, 0, MINUTE_MS)
    assert rows["rule"].tolist() == ["A", "A"]
    assert list(replay_rules([], source, 0, 1).columns) == list(rows.columns)
    assert replay_rules(rules[1:2], source, 0, MINUTE_MS).dtypes.equals(rows.dtypes)


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5)])
def test_a_span_without_time_is_refused(replay, start: int, end: int) -> None:
    """The sentence gives both ends."""
    with pytest.raises(BadInput, match=r"the start 1970.* is not before the end 1970"):
        replay(rule_of("m > 5"), ("m", "1"), start=start, end=end)


def test_what_is_not_evaluated_is_refused_by_name(replay) -> None:
    """An unknown part of PromQL is never approximated."""
    with pytest.raises(UnsupportedPromQL):
        replay(rule_of("holt_winters(m[5m], 0.5, 0.5)"), ("m", "1"), end=1)


def test_long_rows_cut_by_churn_agree_with_the_whole(memory_source) -> None:
    """A series that lives in the middle only is levelled there, and nowhere else differs."""
    times = np.arange(200, 230, dtype=np.int64) * MINUTE_MS
    values = np.where(np.arange(30) % 7 < 4, 9.0, 1.0)
    values[-1] = STALE_NAN
    source = memory_source([Series(label_set({"__name__": "m"}), times, values)])
    rule = rule_of("m > 5", hold_duration_ms=2 * MINUTE_MS, keep_firing_for_ms=4 * MINUTE_MS)
    rows = find_episodes(evaluate_rule(rule, source, 0, 300 * MINUTE_MS))
    assert minutes(rows["active_at"]) == [200]
    assert minutes(rows["fired_at"]) == [202]
    assert minutes(rows["resolved_at"]) == [229 + 4]  # absent from 229, and kept
