"""What a rule reads, brought onto a grid: closed forms on seven samples."""

from __future__ import annotations

import numpy as np
import pytest
from histories import write_rules

from alertlab.change.cuts import LONGEST_MS, cut_history
from alertlab.change.inputs import NoUnitTest, check_readable, look_back_ms, on_grid, series_read
from alertlab.frame import STALE_NAN, Series, is_stale
from alertlab.rules import AlertRule, find_rule, load_rules
from alertlab.units import MINUTE_MS

STALE = float(STALE_NAN)
HEAD = "groups:\n- name: g\n  interval: 1m\n  rules:\n"


def series_at(times_s: list[float], values: list[float]) -> Series:
    """Return a series of samples at seconds."""
    times = np.array([round(1000 * at) for at in times_s], np.int64)
    return Series((("__name__", "m"),), times, np.array(values))


def shown(values: list) -> list:
    """Return values with stale markers by name."""
    return ["stale" if one is not None and is_stale(np.array([one]))[0] else one for one in values]


@pytest.mark.parametrize(
    ("times", "values", "expected"),
    [
        ([0, 15, 30, 45], [1, 2, 3, 4], [1, 2, 3, 4]),
        ([7, 22, 37, 52], [1, 2, 3, 4], [None, 1, 2, 3]),  # each moves onto the next step
        ([-7, 8, 23, 38], [1, 2, 3, 4], [1, 2, 3, 4]),
        ([-200, 20], [1, 2], [1, None, 2, None]),  # at the first step, the newest there is
        ([-300, 20], [1, 2], [None, None, 2, None]),  # unless it is older than the lookback
        ([0, 45], [1, 4], [1, None, None, 4]),  # a missed scrape is missing
        ([0, 15, 31.4, 46.6], [1, 2, 3, 4], [1, 2, 3, None]),  # a little late is in time
        ([0, 15, 17], [1, 2, STALE], [1, 2, "stale", None]),
        ([-15, -5], [1, STALE], [None, None, None, None]),  # nothing ends before it begins
        ([100], [1], [None, None, None, None]),
    ],
)
def test_on_grid(times: list, values: list, expected: list) -> None:
    """Four steps of 15 s from 0."""
    assert shown(on_grid(series_at(times, values), 0, 4, 15_000)) == expected


def rule_of(tmp_path, text: str, name: str = "A") -> AlertRule:
    """Load a rule of a file."""
    return find_rule(load_rules(write_rules(tmp_path, HEAD + text)), name)


RECORDED = """\
  - record: a:sum
    expr: sum by (job) (rate(m[5m]))
  - record: b:max
    expr: max_over_time(a:sum[3m])
  - record: unread
    expr: sum(z)
  - alert: A
    expr: b:max > 5 unless on () up{job="x"} offset 10m
"""


def test_look_back_goes_through_recording_rules(tmp_path) -> None:
    """5m and 3m of what is recorded, 10m of the offset; the newest sample itself is no way."""
    assert look_back_ms(rule_of(tmp_path, RECORDED)) == (5 + 3 + 10) * MINUTE_MS
    plain = rule_of(tmp_path, "  - alert: A\n    expr: m > 5\n")
    assert look_back_ms(plain) == 0
    nested = "  - alert: A\n    expr: max_over_time(rate(m[2m])[10m:1m]) > rate(m[5m] offset 1h)\n"
    assert look_back_ms(rule_of(tmp_path, nested)) == 65 * MINUTE_MS


def test_series_read_are_the_raw_ones(tmp_path, told_source, series_of) -> None:
    """What recording rules find is not read again, nor is what nobody reads; it goes in order."""
    series = [
        series_of('m{job="b"}', "1 2 3"),
        series_of('m{job="a"}', "1 2 3"),
        series_of('a:sum{job="a"}', "7 7 7"),
        series_of("z", "1 1 1"),
        series_of('up{job="x"}', "1 1 1"),
        series_of('up{job="y"}', "1 1 1"),
    ]
    rule = rule_of(tmp_path, RECORDED)
    found = series_read(rule, told_source(series), 0, 2 * MINUTE_MS)
    assert [dict(one.labels) for one in found] == [
        {"__name__": "m", "job": "a"},
        {"__name__": "m", "job": "b"},
        {"__name__": "up", "job": "x"},
    ]
    # Without raw samples, what was recorded is read.
    found = series_read(rule, told_source(series[2:4]), 0, 2 * MINUTE_MS)
    assert [dict(one.labels)["__name__"] for one in found] == ["a:sum"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("    expr: ALERTS > 0\n", "ALERTS"),
        ("    expr: '{job=\"x\"} > 0'\n", "ALERTS"),
        ("    expr: m @ 1000 > 0\n", "fixed time"),
        (
            "    expr: m > 0\n    annotations: {a: '{{ query \"up\" | first | value }}'}\n",
            "query more series",
        ),
        ("    expr: m > 0\n    labels: {a: '{{ query \"up\" | len }}'}\n", "query more series"),
    ],
)
def test_what_no_cut_can_show(tmp_path, text: str, part: str) -> None:
    """A rule that depends on more than samples before its evaluation is refused with the reason."""
    with pytest.raises(NoUnitTest, match=part):
        check_readable(rule_of(tmp_path, "  - alert: A\n" + text))


def test_a_cut(tmp_path, told_source, series_of) -> None:
    """From slot to slot, on the grid of the series with most samples; empty series are left out."""
    rule = rule_of(tmp_path, '  - alert: A\n    expr: "{__name__=~\\"m|n\\"} > 5"\n')
    series = [
        series_of("m", "1 2 3 4 5 6 7 8 9", step_ms=30_000),
        series_of('n{a="1"}', "1 2 3 4"),
        series_of('n{a="2"}', "_ _ _ _ _ _ 7"),
    ]
    cut = cut_history(rule, told_source(series), MINUTE_MS, 3 * MINUTE_MS)
    assert (cut.start_ms, cut.end_ms, cut.step_ms) == (MINUTE_MS, 3 * MINUTE_MS, 30_000)
    assert cut.series == (("m", "3+1x4"), ('n{a="1"}', "2 _ 3 _ 4"))


def test_what_nobody_would_read_is_refused(tmp_path, told_source, series_of) -> None:
    """Two hours are the longest cut, and there is a largest number of characters."""
    rule = rule_of(tmp_path, "  - alert: A\n    expr: m > 5\n")
    one = told_source([series_of("m", " ".join(["1"] * 200))])
    assert cut_history(rule, one, 0, LONGEST_MS).end_ms == LONGEST_MS
    with pytest.raises(NoUnitTest, match="a cut would have to be 2h1m long, more than 2h"):
        cut_history(rule, one, 0, LONGEST_MS + MINUTE_MS)
    pods = [series_of(f'm{{pod="{"x" * 100}{i}"}}', "1 2 4") for i in range(4000)]
    with pytest.raises(NoUnitTest, match=r"4000 series, 4\d\d,\d{3} characters even in a cut of"):
        cut_history(rule, told_source(pods), 0, 2 * MINUTE_MS)
    with pytest.raises(NoUnitTest, match="hardly any samples"):
        cut_history(rule, told_source([]), 0, MINUTE_MS)
