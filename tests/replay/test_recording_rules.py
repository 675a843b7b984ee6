"""Recording rules feed the rules that read them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab.errors import BadInput
from alertlab.frame import Frame, is_stale
from alertlab.replay import evaluate_rule, replay_rules
from alertlab.replay.recording_rules import recorded_series
from alertlab.rules import RecordingRule, load_rules
from alertlab.units import MINUTE_MS, NAME, label_set


@pytest.fixture
def minutes_of(tmp_path, memory_source, series_of):
    """Replay a rule file over series; (active at, resolved at) in minutes by alert."""

    def run(text: str, *series: tuple[str, str], start: float = 0, end: float = 9) -> dict:
        (tmp_path / "rules.yml").write_text(text)
        source = memory_source([series_of(name, values) for name, values in series])
        rules = load_rules(tmp_path / "rules.yml")
        rows = replay_rules(rules, source, int(start * MINUTE_MS), int(end * MINUTE_MS))
        found: dict[str, list] = {}
        for row in rows.itertuples():
            times = [None if pd.isna(at) else at.timestamp() / 60 for at in row[3:6:2]]
            found.setdefault(row.rule, []).append(tuple(times))
        return found

    return run


CHAIN = """
groups:
- name: g
  rules:
  - {record: half, expr: x / 2, labels: {from: rule, gone: ""}}
  - {record: quarter, expr: half / 2}
  - {alert: A, expr: 'quarter{from="rule"} > 2'}
- name: h
  rules:
  - {alert: B, expr: 'count_over_time(half{gone=""}[2m]) > 1 and half > 4'}
"""


def test_a_chain_is_seen_at_the_same_evaluation(minutes_of) -> None:
    """Each rule of a group reads what the ones before it have just recorded."""
    x = ('x{gone="y"}', "0 0 9 9 9 0 0 0 0 0")
    assert minutes_of(CHAIN, x) == {"A": [(2, 5)], "B": [(2, 5)]}


def test_a_recorded_series_ends_with_what_it_is_made_of(minutes_of) -> None:
    """A stale marker ends it, not the lookback of five minutes."""
    assert minutes_of(CHAIN, ("x", "0 0 9 9 stale _ _ _ _ _"))["A"] == [(2, 4)]


def test_rules_replace_what_the_source_has_recorded(minutes_of) -> None:
    """Unless their own expression finds nothing at all."""
    old = ('quarter{from="rule"}', "9 9 9 9 9 9 9 9 9 9")
    assert minutes_of(CHAIN, ("x", "0 0 9 9 9 0 0 0 0 0"), old)["A"] == [(2, 5)]
    assert minutes_of(CHAIN, old) == {"A": [(0, None)]}


def test_data_before_the_start_are_recorded_too(minutes_of) -> None:
    """A window at the start reaches back."""
    rules = """
groups:
- name: g
  rules:
  - {record: r, expr: x}
  - {alert: A, expr: 'sum_over_time(r[4m]) > 3'}
"""
    values = ("x", "1 1 1 1 1 1 0 0 0 0")
    assert minutes_of(rules, values, start=5)["A"] == [(3, 6)]


def test_rules_share_what_is_recorded_and_one_may_look_further_back(minutes_of) -> None:
    """The second one needs samples from before those that the first one asked for."""
    rules = """
groups:
- name: g
  rules:
  - {record: r, expr: x}
  - {alert: A, expr: r > 0}
  - {alert: B, expr: 'sum_over_time(r[90m]) > 3'}
"""
    values = ("x", "1 1 1 1 1 " + "0 " * 120)
    assert minutes_of(rules, values, start=80, end=120) == {"B": [(3, 91)]}


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (
            "[{alert: A, expr: r > 1}, {record: r, expr: x}]",
            "rule A: reads r, which its own group records only after it",
        ),
        (
            "[{record: r, expr: r + x}, {alert: A, expr: r > 1}]",
            "rule r: reads r, which its own group records only after it",
        ),
    ],
)
def test_the_evaluation_before_is_not_replayed(minutes_of, rules: str, sentence: str) -> None:
    """Who reads what is recorded later, or by itself, is refused with a way out."""
    with pytest.raises(BadInput, match=sentence):
        minutes_of(f"groups: [{{name: g, rules: {rules}}}]", ("x", "1 2 3"))


def test_groups_that_record_from_each_other_are_refused(minutes_of) -> None:
    """Their order is not known."""
    groups = (
        "[{name: g, rules: [{record: r, expr: s + x}, {alert: A, expr: r > 1}]},"
        " {name: h, rules: [{record: s, expr: r + x}]}]"
    )
    with pytest.raises(BadInput, match="rule r: reads, through r and s, what it records itself"):
        minutes_of(f"groups: {groups}", ("x", "1 2 3"))


def test_the_groups_order_matters_only_inside_a_group(minutes_of) -> None:
    """Another group's later rule is read at the same time."""
    groups = (
        "[{name: g, rules: [{alert: A, expr: r > 1}]}, {name: h, rules: [{record: r, expr: x}]}]"
    )
    assert minutes_of(f"groups: {groups}", ("x", "1 2 0"))["A"] == [(1, 2)]


def recorded(values: list[list], *, limit: int = 0, offset_ms: int = 0, labels: tuple = ()) -> list:
    """What a rule writes, of rows n = 0, 1, … with None for no value: (n, minute, value)."""
    rule = RecordingRule(
        "r", "x", Path("r.yml"), 1, labels, "g", MINUTE_MS, query_offset_ms=offset_ms, limit=limit
    )
    present = np.array([[value is not None for value in row] for row in values])
    numbers = np.array([[math.nan if value is None else value for value in row] for row in values])
    times = MINUTE_MS * np.arange(numbers.shape[1], dtype=np.int64)
    names = tuple(label_set({NAME: "x", "n": str(n)}) for n in range(len(values)))
    return [
        (dict(one.labels).get("n"), at // MINUTE_MS, "end" if is_stale(value) else float(value))
        for one in recorded_series(rule, Frame(times, numbers.astype(float), present, names))
        for at, value in zip(one.times.tolist(), one.values, strict=True)
    ]


def test_samples_and_markers() -> None:
    """A NaN is a sample; a marker stands where the series is missing for the first time."""
    found = recorded([[1, math.nan, None, None, 2]])
    assert repr(found) == repr([("0", 0, 1.0), ("0", 1, math.nan), ("0", 2, "end"), ("0", 4, 2.0)])


def test_a_failed_evaluation_writes_nothing() -> None:
    """Neither samples nor markers; these come with the next one."""
    same = (("n", "same"),)
    assert recorded([[1, 2, None, None], [None, 5, 6, None]], labels=same) == [
        ("same", 0, 1), ("same", 2, 6), ("same", 3, "end"),
    ]  # fmt: skip
    assert recorded([[1, 2, 3, None], [None, 5, None, None]], limit=1) == [
        ("0", 0, 1), ("0", 2, 3), ("0", 3, "end"),
    ]  # fmt: skip
    assert len(recorded([[1, 2, 3, None], [None, 5, None, None]], limit=2)) == 6
    assert recorded([[1, 2], [3, 4]], limit=1) == []


def test_samples_stand_at_the_time_of_the_query() -> None:
    """A query offset moves them back."""
    assert recorded([[1, None]], offset_ms=2 * MINUTE_MS) == [("0", -2, 1), ("0", -1, "end")]


def test_slots_are_those_of_the_recording_group(tmp_path, memory_source, series_of) -> None:
    """What a slow group records is seen in between, and changes when that group is evaluated."""
    (tmp_path / "rules.yml").write_text(
        "groups: [{name: g, interval: 4m, rules: [{record: r, expr: x}]},"
        " {name: h, rules: [{alert: A, expr: r > 2}]}]"
    )
    source = memory_source([series_of("x", "0 1 2 3 4 5 6 7 8")])
    (rule,) = load_rules(tmp_path / "rules.yml")
    evaluated = evaluate_rule(rule, source, 0, 8 * MINUTE_MS, slot_offset_ms=MINUTE_MS)
    assert evaluated.frame.present[0].tolist() == [False] + [True] * 8
    assert evaluated.frame.values[0, 1:].tolist() == [1, 1, 1, 1, 5, 5, 5, 5]
