"""Limits, varying labels, failing expressions: what makes an evaluation other than the last."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.replay import compare_recorded, evaluate_rule, find_episodes, replay_rules
from alertlab.replay.limits import forgetting
from alertlab.rules import AlertRule
from alertlab.units import MINUTE_MS


def rule_of(expr: str, **settings: object) -> AlertRule:
    return AlertRule("A", expr, "g", Path("r.yml"), 1, **({"interval_ms": MINUTE_MS} | settings))


@pytest.fixture
def replay(memory_source, series_of):
    """Replay one rule over series; rows (labels n, active at, fired at, resolved at) in minutes."""

    def run(rule: AlertRule, *series: tuple[str, str], end: float = 9) -> list[tuple]:
        source = memory_source([series_of(name, values) for name, values in series])
        rows = replay_rules([rule], source, 0, int(end * MINUTE_MS))
        return [
            (
                dict(row.labels).get("n", ""),
                *(None if pd.isna(at) else at.timestamp() / 60 for at in row[3:6]),
            )
            for row in rows.itertuples()
        ]

    return run


THREE = (
    ('x{n="a"}', "9 9 9 9 9 9 0 0 0 0"),
    ('x{n="b"}', "0 9 9 9 0 0 0 0 0 0"),
    ('x{n="c"}', "0 0 0 9 0 0 0 0 0 0"),
)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (0, [("a", 0, 0, 6), ("b", 1, 1, 4), ("c", 3, 3, 4)]),
        (3, [("a", 0, 0, 6), ("b", 1, 1, 4), ("c", 3, 3, 4)]),
        (2, [("a", 0, 0, 3), ("b", 1, 1, 3), ("a", 4, 4, 6)]),
        (1, [("a", 0, 0, 1), ("a", 4, 4, 6)]),
    ],
)
def test_more_alerts_than_the_limit_are_all_forgotten(replay, limit: int, expected: list) -> None:
    """And begin anew when there are few enough."""
    assert replay(rule_of("x > 5", limit=limit), *THREE) == expected


def test_pending_and_kept_alerts_count(replay) -> None:
    """A limit of two: the third one pends at 3; b is kept at 4, which alone is not too many."""
    slow = rule_of("x > 5", limit=2, hold_duration_ms=2 * MINUTE_MS)
    assert replay(slow, *THREE) == [("a", 0, 2, 3), ("b", 1, None, 3), ("a", 4, None, 6)]
    kept = rule_of("x > 5", limit=1, keep_firing_for_ms=2 * MINUTE_MS)
    turns = ('x{n="a"}', "9 0 0 0 0 0"), ('x{n="b"}', "0 9 9 0 0 0")
    assert replay(kept, *turns, end=5) == [("a", 0, 0, 1), ("b", 2, 2, 5)]


def test_forgotten_alerts_are_dropped_and_resolved_ones_no_longer_sent(
    memory_source, series_of
) -> None:
    """What sending needs to know: c resolved at 1, nothing is said of it from 3 on."""
    series = [
        series_of('x{n="a"}', "0 0 9 9 9 0"),
        series_of('x{n="b"}', "0 0 0 9 0 0"),
        series_of('x{n="c"}', "9 0 0 0 0 0"),
    ]
    evaluated = evaluate_rule(rule_of("x > 5", limit=1), memory_source(series), 0, 5 * MINUTE_MS)
    assert forgetting(evaluated) == [3]
    rows = find_episodes(evaluated)
    assert [(dict(row.labels)["n"], row.dropped) for row in rows.itertuples()] == [
        ("c", False), ("a", True), ("a", False),
    ]  # fmt: skip
    ((start, end),) = rows["gaps"][0]
    assert start == 3 * MINUTE_MS and end > 16 * MINUTE_MS
    assert rows["gaps"][2] == () and set(rows["interval_ms"]) == {MINUTE_MS}


def test_a_label_of_the_value_is_another_alert_each_time(replay) -> None:
    """It never passes ``for``; a label of labels does."""
    values = ('x{n="a"}', "7 7 8 8 0 0")
    by_value = rule_of("x > 5", labels=(("v", "{{ $value }}"),))
    assert replay(by_value, values, end=5) == [("a", 0, 0, 2), ("a", 2, 2, 4)]
    slow = rule_of("x > 5", labels=(("v", "{{ $value }}"),), hold_duration_ms=2 * MINUTE_MS)
    assert replay(slow, values, end=5) == [("a", 0, None, 2), ("a", 2, None, 4)]
    by_label = rule_of("x > 5", labels=(("n", "{{ $labels.n }}-1"),), hold_duration_ms=MINUTE_MS)
    assert replay(by_label, values, end=5) == [("a-1", 0, 1, 4)]


def test_two_results_that_a_varying_label_makes_one(replay, caplog) -> None:
    """Fail the evaluation too."""
    by_value = rule_of("x > 5", labels=(("n", "{{ $value }}"),))
    twice = ('x{n="a"}', "7 7 7 0"), ('x{n="b"}', "0 7 8 0")
    assert replay(by_value, *twice, end=3) == [("7", 0, 0, 3), ("8", 2, 2, 3)]
    assert "1 of its evaluations fail" in caplog.text


def test_a_nan_beside_an_absent_result_of_the_same_alert(replay) -> None:
    """Is compared as what it is."""
    same = rule_of("x > -1", labels=(("n", "same"),))
    assert replay(same, ('x{n="a"}', "stale stale 1"), ('x{n="b"}', "NaN NaN stale"), end=2) == [
        ("same", 2, 2, None)
    ]


def test_gaps_are_told_to_who_sends(memory_source, series_of) -> None:
    """Slots from the first until before the second: nothing was sent there."""
    since = series_of('ALERTS_FOR_STATE{alertname="A"}', "_ 60 _ _ 60 60 stale")
    source = memory_source([series_of("x", "0 9 9 9 9 9 0"), since])
    rule = rule_of("x > 5", group_alerts=("A",))
    evaluated = evaluate_rule(rule, source, 0, 6 * MINUTE_MS)
    (episode,) = find_episodes(evaluated).itertuples()
    assert episode.gaps == ((2 * MINUTE_MS, 4 * MINUTE_MS),)
    assert episode.resolved_at == pd.Timestamp(360, unit="s", tz="UTC")
    assert evaluated.coverage.missed == 2 and evaluated.coverage.evaluated == 5


def test_a_label_that_a_query_gives(replay) -> None:
    """Asked at the evaluation's own time."""
    text = '{{ with query "y" }}{{ . | first | value }}{{ end }}'
    found = replay(
        rule_of("x > 5", labels=(("n", text),)), ("x", "9 9 9 9"), ("y", "1 1 2 2"), end=3
    )
    assert found == [("1", 0, 0, 2), ("2", 2, 2, None)]


def test_labels_of_the_server_are_refused(replay) -> None:
    """Nobody has told them."""
    rule = rule_of("x > 5", labels=(("site", "{{ $externalLabels.site }}"),))
    with pytest.raises(BadInput, match=r"r\.yml:1: rule A: labels: site"):
        replay(rule, ("x", "9"))


def test_an_expression_that_fails_at_times(replay, caplog) -> None:
    """Two on the one side are an error there and then; before and after it goes on."""
    rule = rule_of("x * on () y > 5", hold_duration_ms=2 * MINUTE_MS)
    y = ('y{n="a"}', "1 1 1 1 1 1"), ('y{n="b"}', "stale stale 1 stale stale stale")
    assert replay(rule, ("x", "9 9 9 9 0 0"), *y, end=5) == [("", 0, 3, 4)]
    assert "1 of its evaluations fail" in caplog.text
    gaps = ("x", "9 9 9 9 0 0"), ('y{n="a"}', "1 1 1 1 1 1"), ('y{n="b"}', "1 1 1 1 stale 1")
    assert replay(rule, *gaps, end=5) == []


def test_at_start_and_end_are_the_evaluations_own_time(replay) -> None:
    """A rule is an instant query; but not inside a subquery."""
    values = ("x", "0 9 9 0 9 0")
    for expr in ("x @ end() > 5", "x @ start () > 5", 'x{n!="@ end()"} @ end() > 5'):
        assert replay(rule_of(expr), values, end=5) == [("", 1, 1, 3), ("", 4, 4, 5)]
    assert replay(rule_of("x @ -60 > 5"), values, end=5) == []
    with pytest.raises(UnsupportedPromQL, match="inside a subquery"):
        replay(rule_of("max_over_time((x @ end())[3m:1m]) > 5"), values)
    for expr in ("x @ 60 > 5", "x offset -1m > 5", "max_over_time(x[1m:1m] offset -1m) > 5"):
        with pytest.raises(UnsupportedPromQL, match="looking behind the evaluation"):
            replay(rule_of(expr), values)


def test_an_alert_that_was_active_long_before_the_start(memory_source, series_of) -> None:
    """Its beginning is looked for further and further back."""
    values = " ".join(["0"] * 10 + ["9"] * 600)
    source = memory_source([series_of("x", values)])
    for rule in (rule_of("x > 5"), rule_of("x > 5", hold_duration_ms=5 * MINUTE_MS)):
        rows = replay_rules([rule], source, 500 * MINUTE_MS, 600 * MINUTE_MS)
        assert [at.timestamp() / 60 for at in rows["active_at"]] == [10]


def recorded(series_of, values: str, state: str = "firing", **labels: str):
    pairs = ",".join(
        f'{k}="{v}"' for k, v in {"alertname": "A", "alertstate": state, **labels}.items()
    )
    return series_of(f"ALERTS{{{pairs}}}", values)


def test_agreement_with_what_was_recorded(memory_source, series_of) -> None:
    """Pairs of alert and evaluation; pending ones do not count."""
    x = series_of('x{n="a"}', "0 9 9 9 0 0")
    alerts = recorded(series_of, "_ _ 1 1 1 stale", n="a")
    pending = recorded(series_of, "_ 1 stale", "pending", n="a")
    source = memory_source([x, alerts, pending])
    evaluated = evaluate_rule(rule_of("x > 5"), source, 0, 5 * MINUTE_MS)
    found = compare_recorded(evaluated, find_episodes(evaluated), source)
    assert (found.recorded_slots, found.replayed_slots, found.common_slots) == (3, 3, 2)
    assert found.ratio == 0.5
    assert found.first_difference == pd.Timestamp(60, unit="s", tz="UTC")


def test_agreement_without_records(memory_source, series_of) -> None:
    """None where nothing of the rule was recorded; no ratio where nothing fired."""
    x = series_of("x", "0 0 0 0")
    evaluated = evaluate_rule(rule_of("x > 5"), memory_source([x]), 0, 3 * MINUTE_MS)
    assert compare_recorded(evaluated, find_episodes(evaluated), memory_source([x])) is None
    source = memory_source([x, recorded(series_of, "_ 1 stale", "pending")])
    found = compare_recorded(evaluated, find_episodes(evaluated), source)
    assert found.ratio is None and found.first_difference is None


def test_identity_of_what_was_recorded(memory_source, series_of) -> None:
    """Other labels are another alert."""
    x = series_of('x{n="a"}', "9 9 9")
    source = memory_source([x, recorded(series_of, "1 1 1", n="b")])
    evaluated = evaluate_rule(rule_of("x > 5"), source, 0, 2 * MINUTE_MS)
    found = compare_recorded(evaluated, find_episodes(evaluated), source)
    assert found.common_slots == 0 and found.ratio == 0
