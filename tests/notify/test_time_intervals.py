"""Time intervals: a naive twin, hand-made cases, and a real Alertmanager that mutes by them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from live_alertmanager import alertmanager

from alertlab.errors import BadInput
from alertlab.notify import load_alertmanager
from alertlab.notify.config.time_intervals import Entry, TimeInterval
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, parse_time

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Seoul", "Pacific/Chatham",
    "Australia/Lord_Howe",
]  # fmt: skip


def intervals_of(folder: Path, entries: dict[str, list[dict[str, Any]]]) -> dict[str, TimeInterval]:
    """Return intervals as a configuration that holds them gives them."""
    path = folder / "alertmanager.yml"
    named = [{"name": name, "time_intervals": one} for name, one in entries.items()]
    document = {"route": {"receiver": "a"}, "receivers": [{"name": "a"}], "time_intervals": named}
    path.write_text(json.dumps(document), encoding="utf-8")
    return dict(load_alertmanager(path).time_intervals)


def contains(folder: Path, entry: dict[str, Any], *times: str) -> list[bool]:
    (interval,) = intervals_of(folder, {"x": [entry]}).values()
    return interval.contains(np.array([parse_time(one) for one in times])).tolist()


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ({"times": [{"start_time": "09:00", "end_time": "17:00"}]},
         ["2026-03-02T09:00:00Z", "2026-03-02T16:59:59.999Z"],
         ["2026-03-02T08:59:59.999Z", "2026-03-02T17:00:00Z"]),
        ({"times": [{"start_time": "23:00", "end_time": "24:00"}]},
         ["2026-03-02T23:59:59Z"], ["2026-03-03T00:00:00Z"]),
        ({"weekdays": ["monday:wednesday", "Saturday"]},
         ["2026-03-02T00:00:00Z", "2026-03-04T23:59:00Z", "2026-03-07T12:00:00Z"],
         ["2026-03-05T00:00:00Z", "2026-03-08T12:00:00Z"]),
        ({"weekdays": ["sunday"]}, ["2026-03-08T12:00:00Z"], ["2026-03-07T12:00:00Z"]),
        ({"days_of_month": ["1", "15:16", "-2:-1"]},
         ["2026-02-01T00:00:00Z", "2026-02-16T00:00:00Z", "2026-02-27T00:00:00Z",
          "2026-04-29T12:00:00Z"],
         ["2026-02-02T00:00:00Z", "2026-02-26T00:00:00Z", "2026-04-28T12:00:00Z"]),
        ({"days_of_month": ["30:31"]}, ["2026-04-30T00:00:00Z"], ["2026-02-28T00:00:00Z"]),
        ({"months": ["march:5", "12"]},
         ["2026-03-01T00:00:00Z", "2026-05-31T00:00:00Z", "2026-12-01T00:00:00Z"],
         ["2026-02-28T23:59:00Z", "2026-06-01T00:00:00Z"]),
        ({"years": ["2025:2026", "2030"]},
         ["2025-01-01T00:00:00Z", "2030-07-01T00:00:00Z"], ["2027-01-01T00:00:00Z"]),
        ({"months": ["march"], "weekdays": ["monday"], "years": ["2026"]},
         ["2026-03-02T00:00:00Z"], ["2026-03-03T00:00:00Z", "2026-04-06T00:00:00Z",
                                    "2025-03-03T00:00:00Z"]),
        ({"times": [{"start_time": "00:00", "end_time": "01:00"}], "location": "Asia/Seoul"},
         ["2026-03-01T15:30:00Z"], ["2026-03-02T00:30:00Z"]),
        ({"weekdays": ["monday"], "location": "Asia/Seoul"},
         ["2026-03-01T15:00:00Z"], ["2026-03-02T15:00:00Z"]),
        ({"times": []}, [], ["2026-03-02T00:00:00Z"]),
        ({"weekdays": [None]}, ["2026-03-08T12:00:00Z"], ["2026-03-07T12:00:00Z"]),
        ({"months": [None], "location": ""}, [], ["2026-03-07T12:00:00Z"]),
        ({}, ["2026-03-02T00:00:00Z"], []),
        (None, ["2026-03-02T00:00:00Z"], []),
    ],
)  # fmt: skip
def test_what_an_entry_contains(
    tmp_path: Path, entry: dict[str, Any], inside: list[str], outside: list[str]
) -> None:
    """Each field by hand; fields all count, their spans are alternatives."""
    expected = [True] * len(inside) + [False] * len(outside)
    assert contains(tmp_path, entry, *inside, *outside) == expected


def test_a_month_that_loses_an_hour_counts_a_day_too_few(tmp_path: Path) -> None:
    """As in Alertmanager 0.34.2: Berlin's March ends on the 30th, and has no 31st day."""
    last = {"days_of_month": ["-1"], "location": "Europe/Berlin"}
    times = "2026-03-30T10:00:00Z", "2026-03-31T10:00:00Z", "2026-10-31T10:00:00Z"
    assert contains(tmp_path, last, *times) == [True, False, True]
    assert contains(tmp_path, {**last, "days_of_month": ["1:31"]}, *times) == [True, False, True]
    assert contains(tmp_path, {"days_of_month": ["-1"]}, *times) == [False, True, True]
    # In Sydney summer time began on the first of October 2023, two hours after midnight.
    sydney = {"days_of_month": ["-1"], "location": "Australia/Sydney"}
    times = "2023-09-30T02:00:00Z", "2023-10-30T01:00:00Z", "2023-10-31T01:00:00Z"
    assert contains(tmp_path, sydney, *times) == [True, True, False]


def test_entries_are_alternatives(tmp_path: Path) -> None:
    """An interval without entries contains nothing."""
    found = intervals_of(tmp_path, {"two": [{"months": ["1"]}, {"years": ["2027"]}], "none": []})
    at_ms = np.array([parse_time(one) for one in ("2026-01-05T00:00:00Z", "2027-06-01T00:00:00Z")])
    assert found["two"].contains(at_ms).all()
    assert not found["none"].contains(at_ms).any()
    assert len(found["none"].change_times(0, DAY_MS)) == 0


@pytest.mark.parametrize(
    ("entry", "part"),
    [
        ({"times": [{"start_time": "9:00", "end_time": "10:00"}]}, "'9:00' is not a time of day"),
        ({"times": [{"start_time": "10:00", "end_time": "09:00"}]}, "end_time must be later"),
        ({"times": [{"start_time": "10:00"}]}, "end_time is missing"),
        ({"weekdays": ["mon"]}, "'mon' is not a weekday"),
        ({"weekdays": ["friday:monday"]}, "'friday:monday' ends before it starts"),
        ({"days_of_month": ["0"]}, "'0' is not a day of the month"),
        ({"days_of_month": ["-1:5"]}, "'-1:5' ends before it starts"),
        ({"days_of_month": ["29:-1"]}, "'29:-1' ends before it starts"),
        ({"months": ["1:2:3"]}, "'1:2:3' is not a month"),
        ({"years": ["now"]}, "'now' is not a year"),
        ({"location": "Mars/Olympus"}, "'Mars/Olympus' is not a time zone"),
        ({"location": "Local"}, "'Local' is not a time zone"),
        ({"hours": []}, "unknown key 'hours'"),
    ],
)
def test_bad_intervals_get_one_sentence(tmp_path: Path, entry: dict[str, Any], part: str) -> None:
    """It names the place."""
    with pytest.raises(BadInput) as refused:
        intervals_of(tmp_path, {"x": [entry]})
    assert part in str(refused.value)
    assert "time_intervals[0].time_intervals[0]" in str(refused.value)


def ordered(values: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(values, values).map(lambda one: (min(one), max(one)))


def spans_of(values: st.SearchStrategy[int]) -> st.SearchStrategy:
    return st.none() | st.lists(ordered(values), max_size=3).map(tuple)


ENTRIES = st.builds(
    Entry,
    times=spans_of(st.integers(0, 1439)),
    weekdays=spans_of(st.integers(0, 6)),
    days_of_month=spans_of(st.integers(1, 31)) | spans_of(st.integers(-31, -1)),
    months=spans_of(st.integers(1, 12)),
    years=spans_of(st.integers(2023, 2026)),
    location=st.sampled_from(ZONES).map(ZoneInfo),
)
START, END = parse_time("2023-01-01T00:00:00Z"), parse_time("2027-01-01T00:00:00Z")
TIMES = st.lists(st.integers(START, END - 1), min_size=1, max_size=40)


def in_spans(spans: tuple | None, value: int) -> bool:
    return spans is None or any(first <= value <= last for first, last in spans)


def naive(entry: Entry, at_ms: int) -> bool:
    """Tell whether a time lies in an entry, by a clock on the wall of its place."""
    clock = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(entry.location)
    after = clock.replace(year=clock.year + clock.month // 12, month=clock.month % 12 + 1, day=1)
    hours = (midnight(after) - midnight(clock.replace(day=1))) / 3600
    length = int(hours / 24)
    days = entry.days_of_month and tuple(
        (max(first + length + 1, 1) if first < 0 else first,
         min(last + length + 1 if last < 0 else last, length))
        for first, last in entry.days_of_month
    )  # fmt: skip
    return (
        in_spans(entry.times, clock.hour * 60 + clock.minute)
        and in_spans(entry.weekdays, int(clock.strftime("%w")))
        and in_spans(days, clock.day)
        and in_spans(entry.months, clock.month)
        and in_spans(entry.years, clock.year)
    )


def midnight(day: datetime) -> float:
    return day.replace(hour=0, minute=0, second=0, fold=0).timestamp()


@settings(max_examples=300, deadline=None)
@given(entries=st.lists(ENTRIES, max_size=3), at_ms=TIMES)
def test_the_naive_twin_agrees(entries: list[Entry], at_ms: list[int]) -> None:
    """Random entries in seven zones, four years, times to the millisecond."""
    found = TimeInterval(tuple(entries)).contains(np.array(at_ms)).tolist()
    assert found == [any(naive(entry, at) for entry in entries) for at in at_ms]


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(ENTRIES, min_size=1, max_size=2),
    start_ms=st.integers(START, END - 40 * DAY_MS),
    days=st.integers(0, 40),
)
def test_nothing_changes_between_change_times(
    entries: list[Entry], start_ms: int, days: int
) -> None:
    """Minute by minute: the answers before each of them, and after it, differ."""
    interval, end_ms = TimeInterval(tuple(entries)), start_ms + days * DAY_MS
    first = -(-start_ms // MINUTE_MS) * MINUTE_MS
    minutes = np.concatenate(([start_ms], np.arange(first, end_ms + 1, MINUTE_MS)))
    answers = interval.contains(minutes)
    expected = minutes[1:][answers[1:] != answers[:-1]]
    assert interval.change_times(start_ms, end_ms).tolist() == expected.tolist()


def test_change_times_at_summer_time() -> None:
    """A local hour that does not exist, and one that comes twice, in Lord Howe's half hours."""
    night = Entry(times=((60, 149),), location=ZoneInfo("Australia/Lord_Howe"))
    interval = TimeInterval((night,))
    found = interval.change_times(
        parse_time("2026-04-04T12:00:00+11:00"), parse_time("2026-04-05T12:00:00+10:30")
    )
    # 01:00 at +11:00; the clock goes back from 02:00 to 01:30 then, and shows 02:30 an hour later.
    assert (np.diff(found) // MINUTE_MS).tolist() == [120]
    assert found[0] == parse_time("2026-04-05T01:00:00+11:00")
    autumn = interval.change_times(
        parse_time("2026-10-03T12:00:00+10:30"), parse_time("2026-10-04T12:00:00+11:00")
    )
    assert (np.diff(autumn) // HOUR_MS).tolist() == [1]


def random_entry(rng: random.Random) -> dict[str, Any]:
    """Return an entry of a configuration that is true about every second time."""
    now = datetime.now(UTC)

    def near(value: int, low: int, high: int, to_text: Callable[[int], str] = str) -> str:
        first = min(max(value + rng.randint(-2, 1), low), high)
        return f"{to_text(first)}:{to_text(min(first + rng.randint(0, 2), high))}"

    def clock() -> dict[str, str]:
        first = rng.randint(0, 1200)
        last = min(first + rng.randint(1, 900), 1440)
        return {"start_time": f"{first // 60:02}:{first % 60:02}",
                "end_time": f"{last // 60:02}:{last % 60:02}"}  # fmt: skip

    weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
    fields = {
        "times": lambda: [clock() for _ in range(rng.randint(1, 2))],
        "weekdays": lambda: [near((now.weekday() + 1) % 7, 0, 6, weekdays.__getitem__)],
        "days_of_month": lambda: [near(now.day, 1, 31), str(-rng.randint(1, 31))],
        "months": lambda: [near(now.month, 1, 12)],
        "years": lambda: [near(now.year, 2000, 3000)],
    }
    chosen = rng.sample(sorted(fields), rng.randint(1, 3))
    zone = {"location": rng.choice([*ZONES, "Etc/GMT+12", "Etc/GMT-14", "America/Denver"])}
    return {name: fields[name]() for name in chosen} | zone


@pytest.mark.server
def test_a_real_alertmanager_mutes_by_the_same(
    current_alertmanager_bin: str, tmp_path: Path
) -> None:
    """Two hundred random intervals now, each muting a route of its own."""
    rng = random.Random(3)
    entries = {f"t{i}": [random_entry(rng) for _ in range(rng.randint(1, 2))] for i in range(200)}
    config = tmp_path / "alertmanager.yml"
    routes = [{"matchers": [f"x={name}"], "mute_time_intervals": [name]} for name in entries]
    document = {
        "route": {"receiver": "a", "group_wait": "0s", "routes": routes},
        "receivers": [{"name": "a"}],
        "time_intervals": [{"name": name, "time_intervals": one} for name, one in entries.items()],
    }
    config.write_text(json.dumps(document), encoding="utf-8")
    intervals = load_alertmanager(config).time_intervals
    if (left := 60 - time.time() % 60) < 10:  # all within one minute
        time.sleep(left)
    with alertmanager(current_alertmanager_bin, config) as live:
        alerts = [{"labels": {"x": name}} for name in entries]
        now = np.array([round(time.time() * 1000)])
        requests.post(f"{live.url}/api/v2/alerts", json=alerts, timeout=10).raise_for_status()
        time.sleep(2)
        groups = requests.get(f"{live.url}/api/v2/alerts/groups", timeout=10).json()
    muted = {
        one["labels"]["x"]: bool(one["status"]["mutedBy"])
        for group in groups
        for one in group["alerts"]
    }
    assert muted == {name: bool(one.contains(now)[0]) for name, one in intervals.items()}
    assert 20 < sum(muted.values()) < 180
