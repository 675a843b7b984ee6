"""The grid of a query and the stretch of history that is looked at."""

from __future__ import annotations

import pytest

from alertlab.errors import BadInput
from alertlab.sources import history_span
from alertlab.sources.grid import step_times
from alertlab.units import DAY_MS, MINUTE_MS


@pytest.mark.parametrize(
    ("start", "end", "step", "times"),
    [(0, 120, 60, [0, 60, 120]), (7, 100, 60, [7, 67]), (5, 5, 60, [5])],
)
def test_steps_reach_the_end_but_not_beyond(start: int, end: int, step: int, times: list) -> None:
    """``start + k * step``, the end included if it is hit."""
    assert step_times(start, end, step).tolist() == times


@pytest.mark.parametrize(
    ("start", "end", "step", "part"),
    [(1_000, 0, 60, "is after the end"), (0, 1_000, 0, "is not positive"), (0, 1, -5, "-5ms")],
)
def test_impossible_grids_are_refused(start: int, end: int, step: int, part: str) -> None:
    """One sentence says which of the three is wrong."""
    with pytest.raises(BadInput, match=part):
        step_times(start, end, step)


def test_the_history_ends_with_the_data_unless_told() -> None:
    """An end before the data's end moves the start with it; a stated start wins over a length."""
    week = 7 * DAY_MS
    assert history_span(0, 10 * DAY_MS, history="7d") == (3 * DAY_MS, 10 * DAY_MS)
    assert history_span(0, 10 * DAY_MS, history="7d", end="777600") == (
        9 * DAY_MS - week,
        9 * DAY_MS,
    )
    assert history_span(0, 10 * DAY_MS, start="86400") == (DAY_MS, 10 * DAY_MS)


def test_the_history_stays_within_the_data() -> None:
    """It begins at the first whole minute that has data and ends where the data does."""
    assert history_span(61_000, DAY_MS, history="28d") == (2 * MINUTE_MS, DAY_MS)
    assert history_span(120_000, DAY_MS, end="172800", history="28d") == (2 * MINUTE_MS, DAY_MS)


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ({"end": "50"}, "no data between"),
        ({"start": "172800", "end": "172900"}, "it reaches from 1970-01-01T00:01:40Z"),
        ({"start": "300", "end": "200"}, "is not before the end"),
        ({"history": "0s"}, "is not before the end"),
        ({"history": "a month"}, "is not a duration"),
        ({"end": "tomorrow"}, "is not a time"),
    ],
)
def test_histories_that_cannot_be_are_refused(wanted: dict, part: str) -> None:
    """The sentence says what the source has."""
    with pytest.raises(BadInput, match=part):
        history_span(100_000, DAY_MS, **wanted)
