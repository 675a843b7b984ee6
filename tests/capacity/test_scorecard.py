"""Forecasts that were written down, and what became of them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_series import START_MS, grown, hours

from alertlab.capacity.forecasting import (
    Record,
    forecast,
    load_records,
    save_records,
    scorecard,
)
from alertlab.errors import BadInput
from alertlab.units import DAY_MS, HOUR_MS, WEEK_MS, format_time


def week_record(week: int, low: float = 8, mid: float = 10, high: float = 12, **other) -> Record:
    """Return a forecast of the peak of a week, made as that week began."""
    start, end = (format_time(START_MS + one * WEEK_MS) for one in (week, week + 1))
    numbers = {"low": low, "mid": mid, "high": high, "confidence": 0.9}
    given = {"name": "logins", "made": start, "start": start, "end": end, "model": "steady trend"}
    return Record(**given | numbers | other)


def peaks(*heights: float) -> tuple[np.ndarray, np.ndarray]:
    """Return an hourly series with one high day a week, in which one odd hour is far higher."""
    values = np.ones((len(heights), 168))
    values[:, 80:104] = np.array(heights)[:, None]
    values[:, 90] = 1_000
    values = values.ravel()
    return START_MS + HOUR_MS * np.arange(1, len(values) + 1), values


def test_record_is_of_the_peak() -> None:
    """Its interval is of each path's peak over the span, not of any one hour."""
    values = grown(56, 0)
    said = forecast(hours(56), values, horizon_ms=14 * DAY_MS, n_paths=300, confidence=0.8)
    start = said.made_ms + 2 * DAY_MS
    record = said.record("logins", start, start + WEEK_MS)
    highest = np.sort(said.paths[:, 48 : 48 + 168], axis=1)[:, 159]  # of 168 hours 95 % are below
    assert record.mid == np.median(highest) > np.median(said.mid[48 : 48 + 168])
    assert [record.low, record.high] == pytest.approx(np.quantile(highest, [0.1, 0.9]))
    assert (record.name, record.confidence, record.model) == ("logins", 0.8, said.model)
    assert (record.made_ms, record.start_ms) == (said.made_ms, start)
    assert record.end_ms == start + WEEK_MS
    for span in ((said.made_ms - 1, start), (start, start), (start, start + 13 * DAY_MS)):
        with pytest.raises(BadInput, match="give a span within"):
            said.record("logins", *span)


def test_scores_by_hand() -> None:
    """Two weeks: 10 said, 8 and 16 came, where the weeks before had 10 and 8."""
    card = scorecard([week_record(2), week_record(1)], *peaks(10, 8, 16))
    first, second = card.rows
    assert (first.actual, first.naive, first.covered) == (8, 10, True)
    assert (second.actual, second.naive, second.covered) == (16, 8, False)
    assert (first.error_ratio, second.error_ratio) == (0.25, -0.375)
    assert card.bias_ratio == -0.0625
    assert card.mean_error_ratio == 0.3125
    assert card.naive_mean_error_ratio == (0.25 + 0.5) / 2
    assert card.covered == 1
    table = card.to_pandas()
    assert list(table["actual"]) == [8, 16]
    assert list(table["covered"]) == [True, False]
    assert list(table["mid"]) == [10, 10]
    assert str(table["start"][0]) == "2026-01-12 00:00:00+00:00"


def test_naive_knows_no_more_than_the_forecast() -> None:
    """Made two weeks ahead, its yardstick is the week before that."""
    made = format_time(START_MS + WEEK_MS)
    card = scorecard([week_record(2, made=made)], *peaks(3, 4, 5))
    assert [row.naive for row in card.rows] == [3]


def test_only_what_is_over_and_known_is_judged() -> None:
    """A week that goes on, one with more than a tenth missing, and the first one are not."""
    times, values = peaks(10, 10, 10, 10)
    records = [week_record(week) for week in range(4)]
    assert len(scorecard(records, times, values).rows) == 3
    assert len(scorecard(records, times[:-1], values[:-1]).rows) == 3
    assert len(scorecard(records, times[:-20], values[:-20]).rows) == 2
    values[168 : 168 + 16] = np.nan
    assert len(scorecard(records, times, values).rows) == 3
    values[168 : 168 + 17] = np.nan
    assert [row.start_ms for row in scorecard(records, times, values).rows] == [
        START_MS + 3 * WEEK_MS
    ]


def test_last_eight_and_the_alarm() -> None:
    """Ten weeks of which the last eight count: 6 of 8 is an alarm, 7 of 8 is none."""
    records = [week_record(week) for week in range(1, 11)]
    card = scorecard(records, *peaks(10, 99, 99, *[10] * 6, 99, 99))
    assert (len(card.rows), card.covered, card.alarm) == (8, 6, True)
    card = scorecard(records, *peaks(10, 99, 99, *[10] * 7, 99))
    assert (len(card.rows), card.covered, card.alarm) == (8, 7, False)
    card = scorecard(records, *peaks(10, 99, 99, *[10] * 8), last=10)
    assert (len(card.rows), card.covered, card.alarm) == (10, 8, False)
    few = scorecard(records[:4], *peaks(10, 99, 99, 99, 99))
    assert (few.covered, few.alarm) == (0, False)
    five = scorecard(records[:5], *peaks(10, 99, 99, 10, 10, 10))
    assert (five.covered, five.alarm) == (3, True)


def test_nothing_to_judge() -> None:
    """No forecast, no number; and peaks of 0 have no error ratio."""
    empty = scorecard([], *peaks(1, 1))
    assert (empty.rows, empty.alarm) == ((), False)
    assert math.isnan(empty.mean_error_ratio)
    assert list(empty.to_pandas().columns) == list(
        scorecard([week_record(1)], *peaks(1, 1)).to_pandas().columns
    )
    times, values = peaks(0, 0)
    card = scorecard([week_record(1)], times, 0 * values)
    assert math.isnan(card.bias_ratio)
    assert not card.rows[0].covered


def test_a_scorecard_is_of_one_series() -> None:
    """Records of two series, or values without times, are a mistake."""
    with pytest.raises(BadInput, match="not of disk, logins"):
        scorecard([week_record(1), week_record(1, name="disk")], *peaks(1, 1))
    with pytest.raises(BadInput, match="do not belong together"):
        scorecard([week_record(1)], peaks(1, 1)[0], np.ones(3))


def test_records_are_kept_as_they_were_first_written(tmp_path: Path) -> None:
    """Another forecast of the same series made in the same week for the same one is ignored."""
    file = tmp_path / "forecasts.jsonl"
    assert load_records(file) == ()
    assert save_records(file, [week_record(2), week_record(1)]) == (week_record(1), week_record(2))
    first = file.read_bytes()
    assert [json.loads(line)["start"] for line in first.decode().splitlines()] == [
        "2026-01-12T00:00:00Z", "2026-01-19T00:00:00Z",
    ]  # fmt: skip
    later = format_time(START_MS + WEEK_MS + 3 * DAY_MS)
    end = format_time(START_MS + 2 * WEEK_MS + 3 * DAY_MS)
    again = week_record(1, mid=11, made=later, start=later, end=end)
    assert save_records(file, [again]) == (week_record(1), week_record(2))
    assert file.read_bytes() == first
    ahead = week_record(2, made=format_time(START_MS + WEEK_MS))
    other = week_record(1, name="disk")
    found = save_records(file, [ahead, other, week_record(1, mid=9)])
    assert found == (other, week_record(1), ahead, week_record(2)) == load_records(file)
    assert first.splitlines()[0] in file.read_bytes().splitlines()
    assert [one.name for one in tmp_path.iterdir()] == ["forecasts.jsonl"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"low": 11}, "interval"),
        ({"confidence": 1.0}, "interval"),
        ({"mid": None}, "number"),
        ({"mid": True}, "number"),
        ({"high": math.inf}, "number"),
        ({"low": -1}, "number"),
        ({"model": 3}, "text"),
        ({"made": "yesterday"}, "not a time"),
        ({"made": "2026-01-20T00:00:00Z"}, "made after"),
        ({"end": "2026-01-12T00:00:00Z"}, "made after"),
        ({"end": "2026-01-12T00:00:00"}, "no time zone"),
        ({"extra": 1}, "extra"),
    ],
)
def test_damaged_records_are_told_by_their_line(tmp_path: Path, change: dict, words: str) -> None:
    """Nothing is judged by a line that is not as it was written, and nothing is written over it."""
    file = tmp_path / "forecasts.jsonl"
    save_records(file, [week_record(1), week_record(2)])
    lines = file.read_text().splitlines()
    row = json.loads(lines[0]) | change
    file.write_text(f"{lines[1]}\n{json.dumps(row)}\n")
    damaged = file.read_bytes()
    with pytest.raises(BadInput, match=rf"line 2 .*{words}"):
        load_records(file)
    with pytest.raises(BadInput, match="line 2"):
        save_records(file, [week_record(3)])
    assert file.read_bytes() == damaged


def test_odd_files(tmp_path: Path) -> None:
    """A week twice, text that is no JSON, a folder, a place that does not exist."""
    file = tmp_path / "forecasts.jsonl"
    save_records(file, [week_record(1)])
    file.write_text(file.read_text() * 2)
    with pytest.raises(BadInput, match="stands twice"):
        load_records(file)
    file.write_text("[1, 2]\n")
    with pytest.raises(BadInput, match="line 1"):
        load_records(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="cannot be read"):
        load_records(file)
    with pytest.raises(BadInput, match="cannot be read"):
        load_records(tmp_path)
    with pytest.raises(BadInput, match="there is no folder"):
        save_records(tmp_path / "absent" / "forecasts.jsonl", [week_record(1)])


def test_a_record_that_is_none_is_not_written(tmp_path: Path) -> None:
    """An interval upside down is refused before anything is written."""
    file = tmp_path / "forecasts.jsonl"
    with pytest.raises(BadInput, match="interval"):
        save_records(file, [replace(week_record(1), low=99)])
    assert not file.exists()
