"""Durations, times and label sets as Prometheus writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertlab.errors import BadInput
from alertlab.promql import parse_selector
from alertlab.units import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    WEEK_MS,
    format_duration,
    format_labels,
    format_time,
    label_set,
    parse_duration,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("0", 0),
        ("0s", 0),
        ("5ms", 5),
        ("5m", 5 * MINUTE_MS),
        ("5m5ms", 5 * MINUTE_MS + 5),
        ("1h30m", 90 * MINUTE_MS),
        (" 30s ", 30 * SECOND_MS),
        ("1y2w3d", 365 * DAY_MS + 2 * WEEK_MS + 3 * DAY_MS),
        ("100m", 100 * MINUTE_MS),
    ],
)
def test_durations_as_prometheus_reads_them(text: str, expected_ms: int) -> None:
    """Each unit once, from large to small; a bare zero needs none."""
    assert parse_duration(text) == expected_ms


@pytest.mark.parametrize("text", ["", "5", "m", "1.5h", "-5m", "30m1h", "5m5m", "5 m", "1h 30m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """The sentence quotes the text and shows how to write one."""
    with pytest.raises(BadInput, match="is not a duration; write it like 30s") as refused:
        parse_duration(text)
    assert repr(text) in str(refused.value)


@given(st.integers(0, 400 * DAY_MS))
def test_a_written_duration_reads_back(duration_ms: int) -> None:
    """Writing and reading a duration loses nothing."""
    assert parse_duration(format_duration(duration_ms)) == duration_ms


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [(0, "0s"), (90_000, "1m30s"), (28 * DAY_MS, "28d"), (-1, "-1ms"), (HOUR_MS + 1, "1h1ms")],
)
def test_durations_are_written_for_people(duration_ms: int, text: str) -> None:
    """Days are not turned into weeks, parts of zero are left out."""
    assert format_duration(duration_ms) == text


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T09:00:00+09:00", 0),
        ("2026-03-01T08:00:00.250Z", 1_772_352_000_250),
        ("1772352000", 1_772_352_000_000),
        (1_772_352_000.5, 1_772_352_000_500),
        ("-1.5", -1_500),
    ],
)
def test_times(text: str | float, expected_ms: int) -> None:
    """RFC 3339 with any offset, or unix seconds."""
    assert parse_time(text) == expected_ms


@pytest.mark.parametrize("text", ["2026-03-01T08:00:00", "2026-03-01"])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    """It would mean another instant on another machine."""
    with pytest.raises(BadInput, match="has no time zone; add Z"):
        parse_time(text)


@pytest.mark.parametrize("text", ["", "yesterday", "nan", "inf", "1e30", "1772352000000"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """Also milliseconds, which would lie in the year 58000."""
    with pytest.raises(BadInput, match="is not a time; write RFC 3339"):
        parse_time(text)


@given(st.integers(-(10**11), 10**13))
def test_a_written_time_reads_back(time_ms: int) -> None:
    """To the millisecond, before and after the epoch."""
    assert parse_time(format_time(time_ms)) == time_ms


def test_times_show_a_fraction_only_if_there_is_one() -> None:
    """Whole seconds stay short."""
    assert format_time(1_772_352_000_000) == "2026-03-01T08:00:00Z"
    assert format_time(1_772_352_000_007) == "2026-03-01T08:00:00.007Z"


def test_label_sets_are_sorted_and_hold_no_empty_value() -> None:
    """Two spellings of one identity are equal."""
    assert label_set({"b": "1", "a": "2", "c": ""}) == (("a", "2"), ("b", "1"))


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,4}", fullmatch=True), st.text(min_size=1)))
def test_formatted_labels_are_promql(labels: dict[str, str]) -> None:
    """Any value, quotes, backslashes and newlines included, parses back to the same labels."""
    written = format_labels(label_set({"__name__": "up"} | labels))
    read = {one.name: one.value for one in parse_selector(written)}
    assert read == {"__name__": "up"} | labels


@pytest.mark.parametrize(
    ("labels", "text"),
    [({}, "{}"), ({"__name__": "up"}, "up"), ({"a": "b", "__name__": "up"}, 'up{a="b"}')],
)
def test_how_labels_are_written(labels: dict[str, str], text: str) -> None:
    """The metric's name stands before the braces, and empty braces only if nothing else does."""
    assert format_labels(label_set(labels)) == text
