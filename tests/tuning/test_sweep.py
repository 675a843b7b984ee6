"""The sweep's counts for all thresholds against replaying each threshold by itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlab.frame import Frame
from alertlab.incidents import INCIDENT_COLUMNS, Margins, no_incidents
from alertlab.replay import EvaluatedRule, find_episodes, fired
from alertlab.rules import AlertRule, find_threshold
from alertlab.tuning import Span, Yardstick, group_levels, human_thresholds
from alertlab.tuning.grid import few_thresholds
from alertlab.tuning.sweep import Counts, Truth, count_thresholds
from alertlab.units import MINUTE_MS, WEEK_MS, label_set

N = 40
MARGINS = Margins(before_ms=2 * MINUTE_MS, after_ms=3 * MINUTE_MS)


def evaluated_of(rows: list[list], op: str = ">", hold: int = 0, keep: int = 0) -> EvaluatedRule:
    """A rule over rows of values a minute apart; None is absent."""
    rule = AlertRule(
        "A", f"m {op} 0", "g", Path("r.yml"), 1, MINUTE_MS,
        hold_duration_ms=hold * MINUTE_MS, keep_firing_for_ms=keep * MINUTE_MS,
    )  # fmt: skip
    values = np.array([[0.0 if v is None else v for v in row] for row in rows], float)
    frame = Frame(
        np.arange(values.shape[1], dtype=np.int64) * MINUTE_MS,
        values,
        np.array([[v is not None for v in row] for row in rows], bool),
        tuple(label_set({"alertname": "A", "pod": str(i)}) for i in range(len(rows))),
    )
    return EvaluatedRule(rule, find_threshold(rule.expr), frame, 0)


def incidents_of(*rows: tuple) -> pd.DataFrame:
    """Incidents from (start minute, end minute, severity, owed rules)."""
    table = [
        (f"i{n}", start * MINUTE_MS, end * MINUTE_MS, severity, names, "")
        for n, (start, end, severity, names) in enumerate(rows)
    ]
    frame = pd.DataFrame(table, columns=INCIDENT_COLUMNS)
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    return frame


def counts_of(
    evaluated: EvaluatedRule,
    incidents: pd.DataFrame,
    thresholds: list[float],
    spans: list[Span],
    level: np.ndarray | None = None,
) -> Counts:
    rule = evaluated.rule
    if level is None:
        pair = (rule.hold_duration_ms, rule.keep_firing_for_ms)
        (level,) = group_levels(evaluated, [pair])
    truth = Truth.lay(evaluated, Yardstick(incidents, MARGINS))
    return count_thresholds(evaluated, level, np.array(thresholds), truth, spans)


def swept(
    evaluated: EvaluatedRule, incidents: pd.DataFrame, thresholds: list[float], span: Span
) -> pd.DataFrame:
    return counts_of(evaluated, incidents, thresholds, [span]).table([span])


def brute_force(
    evaluated: EvaluatedRule, incidents: pd.DataFrame, limit: float, span: Span
) -> dict[str, float]:
    """Replay one threshold and count by walking over the evaluations."""
    shot = fired(
        find_episodes(replace(evaluated, threshold=replace(evaluated.threshold, value=limit)))
    )
    times = evaluated.frame.times
    firing = np.zeros(len(times), bool)
    for one in shot.itertuples():
        end = np.inf if pd.isna(one.resolved_at) else one.resolved_at.timestamp() * 1000
        firing |= (times >= one.fired_at.timestamp() * 1000) & (times < end)
    starts = [one.timestamp() * 1000 for one in incidents["start"]]
    ends = [one.timestamp() * 1000 for one in incidents["end"]]
    windows = [
        (s - MARGINS.before_ms, e + MARGINS.after_ms) for s, e in zip(starts, ends, strict=True)
    ]
    rises = false_rises = count = outside = outside_firing = owed = 0
    for k, t in enumerate(times):
        if not span.start_ms <= t < span.end_ms:
            continue
        is_outside = not any(a <= t < b for a, b in windows)
        rise = firing[k] and (k == 0 or not firing[k - 1])
        rises += rise
        false_rises += rise and is_outside
        count += firing[k]
        outside += is_outside
        outside_firing += is_outside and firing[k]
    delays, critical = [], 0
    for one, start, (a, b) in zip(incidents.itertuples(), starts, windows, strict=True):
        owes = one.should_alert is None or "A" in one.should_alert
        if not owes or not span.start_ms <= start < span.end_ms:
            continue
        owed += 1
        seen = [t for k, t in enumerate(times) if a <= t < b and firing[k]]
        if seen:
            delays.append(max(0, seen[0] - start) / 1000)
            critical += one.severity == "critical"
    return {
        "rises": rises,
        "false_rises": false_rises,
        "firing": count,
        "false_firing_ratio": outside_firing / max(1, outside),
        "owed": owed,
        "detected": len(delays),
        "critical_detected": critical,
        "delay_p50_seconds": np.quantile(delays, 0.5) if delays else np.nan,
        "delay_p90_seconds": np.quantile(delays, 0.9) if delays else np.nan,
    }


VALUE = st.one_of(st.none(), st.integers(-4, 4).map(float), st.just(np.nan))
INCIDENT = st.tuples(
    st.integers(0, N - 1),
    st.integers(1, 8),
    st.sampled_from(["critical", ""]),
    st.sampled_from([None, ("A",), ("B",)]),
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(VALUE, min_size=N, max_size=N), min_size=1, max_size=3),
    op=st.sampled_from([">", ">=", "<", "<="]),
    hold=st.integers(0, 3),
    keep=st.integers(0, 3),
    what=st.lists(INCIDENT, max_size=4),
    cut=st.tuples(st.integers(0, N // 2), st.integers(N // 2, N)),
)
def test_all_thresholds_at_once_are_each_replayed(
    rows: list, op: str, hold: int, keep: int, what: list, cut: tuple[int, int]
) -> None:
    """Rises, false ones, firing, detection, delays and the share outside, in any span.

    Spans that are counted apart and put together are as one.
    """
    evaluated = evaluated_of(rows, op, hold, keep)
    incidents = incidents_of(*((start, start + n, sev, names) for start, n, sev, names in what))
    edges = [0, *(one * MINUTE_MS for one in cut), N * MINUTE_MS]
    spans = [Span(*pair) for pair in pairwise(edges)]
    limits = [float(one) for one in np.arange(-5, 5.5, 0.5)]
    counts = counts_of(evaluated, incidents, limits, spans)
    for chosen in (slice(1, 2), slice(0, 2), slice(None)):
        span = Span(spans[chosen][0].start_ms, spans[chosen][-1].end_ms)
        table = counts.table(spans, chosen)
        for row, limit in zip(table.to_dict("records"), limits, strict=True):
            expected = brute_force(evaluated, incidents, limit, span)
            for name, value in expected.items():
                assert row[name] == pytest.approx(value, nan_ok=True), (name, limit)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.lists(VALUE, min_size=N, max_size=N), min_size=1, max_size=3),
    durations=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=5),
    limit=st.integers(0, 2),
)
def test_all_durations_at_once_are_each_replayed(rows: list, durations: list, limit: int) -> None:
    """A level per pair of durations, of a rule with a limit too, fires when its episodes do."""
    pairs = [(hold * MINUTE_MS, keep * MINUTE_MS) for hold, keep in durations]
    plain = evaluated_of(rows)
    evaluated = replace(plain, rule=replace(plain.rule, limit=limit))
    span = Span(0, N * MINUTE_MS)
    for (hold, keep), level in zip(pairs, group_levels(evaluated, pairs), strict=True):
        rule = replace(evaluated.rule, hold_duration_ms=hold, keep_firing_for_ms=keep)
        alone = replace(evaluated, rule=rule)
        table = counts_of(alone, no_incidents(), [0.0], [span], level).table([span])
        expected = brute_force(alone, no_incidents(), 0.0, span)
        assert table["firing"].tolist() == [expected["firing"]]
        assert table["rises"].tolist() == [expected["rises"]]


def test_by_hand() -> None:
    """Two rises, one of them false; the incident at minute 3 is seen a minute late."""
    evaluated = evaluated_of([[0, 0, 0, 0, 9, 9, 0, 0, 0, 0, 0, 7, 0, 0]])
    incidents = incidents_of((3, 5, "critical", None))
    table = swept(evaluated, incidents, [5, 8, 9], Span(0, 14 * MINUTE_MS))
    assert table["rises"].tolist() == [2, 1, 0]
    assert table["false_rises"].tolist() == [1, 0, 0]
    assert table["firing"].tolist() == [3, 2, 0]
    assert table["detected"].tolist() == [1, 1, 0]
    assert table["delay_p50_seconds"].tolist() == pytest.approx([60, 60, np.nan], nan_ok=True)
    # Minutes 1 to 7 belong to the incident with its margins: 7 of 14 lie outside.
    assert table["false_firing_ratio"].tolist() == pytest.approx([1 / 7, 0, 0])


def test_an_alert_that_fired_before_the_incident_has_no_delay() -> None:
    """Zero, not a negative time; only within the margin."""
    evaluated = evaluated_of([[9] * 10 + [0] * 10])
    table = swept(evaluated, incidents_of((5, 7, "", None)), [5], Span(0, 20 * MINUTE_MS))
    assert table["delay_p50_seconds"].tolist() == [0]


def test_no_incidents() -> None:
    """Everything is false, nothing is detected, no delay is known."""
    table = swept(evaluated_of([[9, 0, 9]]), no_incidents(), [5], Span(0, 3 * MINUTE_MS))
    (row,) = table.to_dict("records")
    assert (row["rises"], row["false_rises"], row["detected"]) == (2, 2, 0)
    assert np.isnan(row["delay_p90_seconds"])


def test_the_group_fires_while_any_series_does() -> None:
    """Two pods in turn are one long firing of the group, one rise."""
    evaluated = evaluated_of([[9, 9, 0, 0], [0, 9, 9, None]])
    pairs = [(0, 0), (MINUTE_MS, 0)]
    assert group_levels(evaluated, pairs).tolist() == [[9, 9, 9, 0], [-np.inf, 9, 9, 0]]


def test_spans_in_weeks() -> None:
    """A span's length is told in weeks."""
    assert Span(0, WEEK_MS // 2).weeks == 0.5


@pytest.mark.parametrize(
    ("levels", "expr", "expected"),
    [
        # Between neighbours all thresholds do the same: the roundest, nearest the middle.
        ([0.5, 3.0, 70.0], "m > 5", [2, 5, 40]),
        ([0.5, 3.0, 70.0], "m > 3", [2, 3, 40]),
        ([99.31, 99.38, 99.9], "m > 99", [99, 99.35, 99.6]),
        ([1.0, 2.0, 3.0], "m > 9", [1, 2, 9]),  # 1 is not above 1: it does what 1.5 does
        ([1.0, 2.0, 3.0], "m >= 9", [2, 3, 9]),
        ([1.0, 2.0, 3.0], "m < 9", [2, 3, 9]),
        ([1.0, 2.0, 3.0], "m <= 9", [1, 2, 9]),
        ([-3.0, 4.0], "m > 1", [0.5, 1]),
        ([-8.0, -3.0], "m < 1", [-6, 1]),
        ([-np.inf, np.inf], "m > 7", [7]),
        ([0.0], "m > 7", [7]),
        ([], "m > 7", [7]),
        ([0.5, 0.5000001], "m > 1", [0.5, 1]),
    ],
)
def test_thresholds_that_people_would_write(
    levels: list[float], expr: str, expected: list[float]
) -> None:
    """One number for each thing that thresholds can do, and always the current one."""
    assert human_thresholds(np.array(levels), find_threshold(expr)).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(
    levels=st.lists(st.floats(-1e6, 1e6), max_size=30),
    op=st.sampled_from([">", ">=", "<", "<="]),
    current=st.floats(-100, 100),
)
def test_no_two_thresholds_do_the_same(levels: list[float], op: str, current: float) -> None:
    """Each offered number fires on other levels than its neighbour, but for the current one."""
    threshold = replace(find_threshold(f"m {op} 0"), value=current)
    values = np.array(levels)
    compare = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}[op]
    offered = human_thresholds(values, threshold)
    assert current in offered
    others = [tuple(compare(values, one)) for one in offered if one != current]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize(
    ("expr", "values", "expected"),
    [
        ("m > 5", [1.0, 100.0], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30]),
        ("m > 50", [0.0, 100.0], [7, 8, 9, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),
        ("m == 1", [0.0, 1.0, 3.0, np.inf, np.nan], [0, 1, 3]),
        ("m != 7", list(range(100)), list(range(15))),
        ("m == -1", list(range(100)), list(range(-1, 7))),
        ("m > 5", [], [5]),
    ],
)
def test_few_thresholds(expr: str, values: list[float], expected: list[float]) -> None:
    """Seven on either side of the present one; of a state only what occurs."""
    assert few_thresholds(np.array(values), find_threshold(expr)).tolist() == expected
