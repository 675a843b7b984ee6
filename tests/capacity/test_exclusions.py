"""Hours that teach nothing: incidents, holidays, spans."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_series import hours

from alertlab.capacity import excluded_hours
from alertlab.errors import BadInput
from alertlab.incidents import no_incidents


def incident(start: str, end: str) -> pd.DataFrame:
    """Return a table of one incident."""
    times = {
        name: pd.to_datetime([one], utc=True) for name, one in (("start", start), ("end", end))
    }
    return pd.DataFrame({"id": ["a"], **times, "severity": ["critical"]})


def marked(excluded: np.ndarray, first: int) -> list[int]:
    """Return the marked hours of the third day, the series' times being the ends of hours."""
    return (np.flatnonzero(excluded) - first).tolist()


def test_hours_that_touch_an_incident() -> None:
    """An hour's time is its end: 02:30 to 04:00 touches the hours that end at 3 and 4."""
    known = incident("2026-01-07T02:30:00Z", "2026-01-07T04:00:00Z")
    assert marked(excluded_hours(hours(7), known), 48) == [3, 4]
    longer = incident("2026-01-07T02:30:00Z", "2026-01-07T04:00:01Z")
    assert marked(excluded_hours(hours(7), longer), 48) == [3, 4, 5]


def test_holidays_are_days_of_the_zone() -> None:
    """A day in Seoul begins at 15:00 UTC the day before; a span is what it says."""
    utc = excluded_hours(hours(7), no_incidents(), "2026-01-07")
    assert marked(utc, 48) == list(range(1, 25))
    seoul = excluded_hours(hours(7), no_incidents(), "2026-01-07", time_zone="Asia/Seoul")
    assert marked(seoul, 48) == list(range(-8, 16))
    span = "2026-01-07T02:00:00Z/2026-01-07T03:00:00Z, 2026-01-08 ,"
    assert marked(excluded_hours(hours(7), no_incidents(), span), 48) == [3, *range(25, 49)]
    assert not excluded_hours(hours(7), no_incidents()).any()


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01", "2026-01-07/2026-01-06", "2026-01-07T00:00:00Z/x"]
)
def test_what_is_no_day_gets_a_sentence(text: str) -> None:
    """Neither a day nor a span, or one that ends before it begins."""
    with pytest.raises(BadInput, match="is neither a day such as"):
        excluded_hours(hours(7), no_incidents(), text)


def test_a_zone_that_is_none() -> None:
    """The sentence names it."""
    with pytest.raises(BadInput, match="'Mars' is not a time zone"):
        excluded_hours(hours(7), no_incidents(), "2026-01-07", time_zone="Mars")
