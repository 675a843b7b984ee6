"""The rule state machine in seven-point literals (rules/alerting.go, rules/recording.go)."""

from __future__ import annotations

import numpy as np
import pytest

from alertlab.frame import STALE_NAN, Series, is_stale
from alertlab.promql import parse_selector
from alertlab.rule_tests.queries import Queries, is_independent
from alertlab.rule_tests.states import AlertState, RecordingState, RuleFailed
from alertlab.rule_tests.store import SampleRefused, SampleStore, read_input
from alertlab.rules import AlertRule, RecordingRule
from alertlab.units import MINUTE_MS, label_set

M = label_set({"__name__": "m", "job": "a"})


def alert_state(limit: int = 0, **settings) -> AlertState:
    rule = AlertRule("A", "m", "g", "r.yml", 1, MINUTE_MS, **settings)
    queries = Queries(SampleStore({}), 3, MINUTE_MS)
    return AlertState(rule, limit, queries, {}, "")


def states(values: str, **settings) -> str:
    """Feed ``1`` for there and ``.`` for not; return ``p``, ``f`` or ``.`` for each minute."""
    state, seen = alert_state(**settings), ""
    for minute, value in enumerate(values):
        written = state.evaluate([(M, 7.0)] if value == "1" else [], minute * MINUTE_MS)
        names = [dict(labels).get("alertstate", "") for labels, _ in written]
        seen += names[0][0] if names else "."
    return seen


@pytest.mark.parametrize(
    ("values", "hold", "keep", "expected"),
    [
        ("1111", 0, 0, "ffff"),
        ("1111", 2, 0, "ppff"),
        ("1111", 1.5, 0, "ppff"),
        ("11.11", 2, 0, "pp.pp"),
        ("111.1", 1, 0, "pff.p"),
        ("11..1", 0, 2, "fffff"),
        ("11...1", 0, 2, "ffff.f"),
        ("1..1.", 1, 5, "p..p."),
        ("11.1..", 1, 1.5, "pfffff"),
    ],
)
def test_alert_states(values: str, hold: float, keep: float, expected: str):
    """``for`` counts from the first slot, ``keep_firing_for`` from the last, only when firing."""
    settings = {
        "hold_duration_ms": int(hold * MINUTE_MS),
        "keep_firing_for_ms": int(keep * MINUTE_MS),
    }
    assert states(values, **settings) == expected


def test_what_an_alert_writes():
    """ALERTS with the rule's labels over the sample's, and when the alert became active."""
    state = alert_state(labels=(("gone", "{{ $labels.nope }}"), ("job", "b")))
    state.evaluate([(M, 1.0)], 61_500)
    assert state.evaluate([(M, 2.0)], 122_000) == [
        (
            label_set(
                {
                    "__name__": "ALERTS", "alertname": "A", "alertstate": "firing", "job": "b",
                    "gone": "{{ $labels.nope }}",
                }
            ),
            1.0,
        ),
        (
            label_set(
                {
                    "__name__": "ALERTS_FOR_STATE", "alertname": "A", "job": "b",
                    "gone": "{{ $labels.nope }}",
                }
            ),
            61.0,
        ),
    ]  # fmt: skip
    (alert,) = state.active.values()
    assert alert.labels == label_set({"alertname": "A", "job": "b"})


def test_annotations_are_those_of_the_last_sample():
    """They see the sample's name; a kept alert says what it said when its condition held last."""
    text = "{{ $labels.__name__ }} is {{ $value }} at {{ now }}"
    state = alert_state(keep_firing_for_ms=10 * MINUTE_MS, annotations={"v": text})
    said = []
    for minute, samples in enumerate([[(M, 1.0)], [(M, 2.0)], []]):
        state.evaluate(samples, minute * MINUTE_MS)
        (alert,) = state.active.values()
        said.append(alert.annotations["v"])
    assert said == ["m is 1 at 0", "m is 2 at 60", "m is 2 at 60"]


def test_a_label_with_the_value_makes_a_new_alert():
    """It never stays long enough to fire."""
    state = alert_state(labels=(("v", "{{ $value }}"),), hold_duration_ms=MINUTE_MS)
    for minute in range(3):
        state.evaluate([(M, float(minute))], minute * MINUTE_MS)
    (alert,) = state.active.values()
    assert not alert.is_firing
    assert dict(alert.labels)["v"] == "2"


def test_two_samples_of_one_identity():
    """The evaluation fails, and nothing has changed."""
    state = alert_state(labels=(("job", ""),))
    state.evaluate([(M, 1.0)], 0)
    before = dict(state.active)
    with pytest.raises(RuleFailed, match="same labelset after applying alert labels"):
        state.evaluate([(M, 1.0), (label_set({"job": "b"}), 1.0)], MINUTE_MS)
    assert state.active == before


def test_a_limit_clears_the_alerts():
    """Pending and firing ones count, kept ones, too; none is left."""
    state = alert_state(limit=1, keep_firing_for_ms=5 * MINUTE_MS)
    other = label_set({"job": "b"})
    state.evaluate([(M, 1.0)], 0)
    with pytest.raises(RuleFailed, match="exceeded limit of 1 with 2 alerts"):
        state.evaluate([(other, 1.0)], MINUTE_MS)
    assert state.active == {}


def test_recorded_series():
    """The name and the rule's labels are set, an empty one is taken away."""
    rule = RecordingRule("r", "m", "r.yml", 1, (("job", ""), ("x", "1")))
    both = [(M, 1.0), (label_set({"__name__": "n", "a": "2"}), 2.0)]
    assert RecordingState(rule, 2).evaluate(both, 0) == [
        (label_set({"__name__": "r", "x": "1"}), 1.0),
        (label_set({"__name__": "r", "x": "1", "a": "2"}), 2.0),
    ]
    with pytest.raises(RuleFailed, match="exceeded limit of 1 with 2 series"):
        RecordingState(rule, 1).evaluate(both, 0)
    with pytest.raises(RuleFailed, match="same labelset after applying rule labels"):
        RecordingState(rule, 0).evaluate([(M, 1.0), ((), 2.0)], 0)


def test_input_is_seen_as_far_as_it_is_loaded():
    """And never beyond what was asked for; stale markers keep their bits."""
    inputs, unread = read_input([("m", "1 _ stale 4x9")], 1000, 5000, 9000)
    assert unread == 0
    assert inputs[(("__name__", "m"),)].times.tolist() == [5000, 7000, 8000, 9000]
    store = SampleStore(inputs)

    def seen(start_ms: int, end_ms: int) -> list[int]:
        (found,) = store.select(parse_selector("m"), start_ms, end_ms)
        return found.times.tolist()

    assert seen(0, 9000) == []
    store.load_until(7500)
    assert seen(0, 9000) == [5000, 7000]
    assert seen(6000, 9000) == [7000]
    (found,) = store.select(parse_selector('{__name__=~"m|n"}'), 7000, 7000)
    assert is_stale(found.values).tolist() == [True]


def test_the_last_of_equal_input_series_counts():
    """As in promtool, whose map of series has one place for each."""
    inputs, _ = read_input([("m", "1"), ("m", "2")], 1000, 0, 0)
    assert [one.values.tolist() for one in inputs.values()] == [[2.0]]


def test_input_ends_at_a_comment_or_a_blank_line():
    """As in promtool, which reads all series from one text."""
    for hiding in ("# m", "", "m\n"):
        inputs, unread = read_input([("m", "1"), (hiding, ""), ("n", "2")], 1000, 0, 0)
        assert [dict(labels)["__name__"] for labels in inputs] == ["m"]
        assert unread == (2 if hiding == "# m" else 1)


def test_appended_samples():
    """In order only; an equal one again is none, another at the same time is refused."""
    store = SampleStore({M: Series(M, np.array([1000, 2000]), np.array([1.0, 2.0]))})
    other = label_set({"__name__": "m", "job": "b"})
    store.load_until(1500)
    store.append(other, 1000, 5.0)
    store.append(other, 1000, 5.0)
    with pytest.raises(SampleRefused, match="duplicate"):
        store.append(other, 1000, 6.0)
    with pytest.raises(SampleRefused, match="out of order"):
        store.append(other, 999, 5.0)
    with pytest.raises(SampleRefused, match="duplicate"):
        store.append(M, 1000, STALE_NAN)
    store.append(M, 1000, 1.0)
    store.append(M, 1200, STALE_NAN)
    found = {one.labels: one for one in store.select(parse_selector("m"), 0, 9000)}
    assert found[other].values.tolist() == [5.0]
    assert found[M].times.tolist() == [1000, 1200]
    assert is_stale(found[M].values).tolist() == [False, True]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("m", True),
        ("sum(rate(m[5m] offset 1m))", True),
        ("m + r", False),
        ("m offset -1m", False),
        ("m @ 60", False),
        ("max_over_time(m[5m:1m] @ 60)", False),
        ("count_over_time(m[5m:1m] offset -5m)", False),
        ('{__name__=~"r|m"}', False),
        ('{__name__=~"x.*"}', True),
        ('{job="a"}', False),
        ('{__name__=~".+",__name__!="r"}', True),
        ("absent(r)", False),
        ("time()", True),
    ],
)
def test_what_can_be_evaluated_before_the_rules(expr: str, expected: bool):
    """Nothing that reads a recorded name, or a time behind its own."""
    assert is_independent(expr, {"r"}) is expected
