"""Which pages are the same, moved, lost or gained: a naive twin tries all ways to pair them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlab.change.matching import GAINED, LOST, MOVED, MOVED_WITHIN_MS, SAME, match_pages
from alertlab.units import MINUTE_MS

GROUP = (("alertname", "A"),)


def pages_at(*minutes: int, receiver: str = "team", group: tuple = GROUP) -> pd.DataFrame:
    """Return pages of one group at minutes."""
    return pd.DataFrame(
        {
            "at": pd.to_datetime([m * MINUTE_MS for m in minutes], unit="ms", utc=True),
            "receiver": receiver,
            "group_labels": [group] * len(minutes),
        }
    )


def told(found: pd.DataFrame) -> list[tuple[str, int, int]]:
    """Return what became of each page, with its rows."""
    return list(zip(found["what"], found["old"], found["new"], strict=True))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((), (), []),
        ((1, 50), (1, 50), [(SAME, 0, 0), (SAME, 1, 1)]),
        ((1,), (31,), [(MOVED, 0, 0)]),
        ((1,), (32,), [(LOST, 0, -1), (GAINED, -1, 0)]),
        ((20,), (5,), [(MOVED, 0, 0)]),
        # A page at the same moment is the same, even if another pairing moved more of them.
        ((10, 40), (40, 70), [(LOST, 0, -1), (SAME, 1, 0), (GAINED, -1, 1)]),
        # Of two in reach the nearer one has moved.
        ((10, 21), (20,), [(LOST, 0, -1), (MOVED, 1, 0)]),
        # As many as possible are paired, the nearer one or not.
        ((10, 24), (23, 38), [(MOVED, 0, 0), (MOVED, 1, 1)]),
        ((50, 10), (12,), [(MOVED, 1, 0), (LOST, 0, -1)]),
    ],
)  # fmt: skip
def test_small_histories(old: tuple, new: tuple, expected: list) -> None:
    """What became of each page, by time; rows are those of the tables."""
    assert told(match_pages(pages_at(*old), pages_at(*new))) == expected


def test_receivers_and_groups_are_apart() -> None:
    """A page to somebody else, or about another group, is another page."""
    for other in ({"receiver": "other"}, {"group": (("alertname", "B"),)}):
        found = match_pages(pages_at(1), pages_at(1, **other))
        assert sorted(found["what"]) == [GAINED, LOST]
    both = pd.concat([pages_at(1), pages_at(1, receiver="other")], ignore_index=True)
    found = match_pages(pages_at(3, receiver="other"), both)
    assert told(found) == [(MOVED, 0, 1), (GAINED, -1, 0)]
    assert list(found["receiver"]) == ["other", "team"]


def test_how_far_a_page_may_move() -> None:
    """The tolerance decides, its end included; by default it is half an hour."""
    old, new = pages_at(10), pages_at(12)
    assert list(match_pages(old, new, moved_within_ms=2 * MINUTE_MS)["what"]) == [MOVED]
    apart = match_pages(old, new, moved_within_ms=2 * MINUTE_MS - 1)
    assert sorted(apart["what"]) == [GAINED, LOST]
    assert MOVED_WITHIN_MS == 30 * MINUTE_MS


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 60), max_size=5, unique=True),
    st.lists(st.integers(0, 60), max_size=5, unique=True),
    st.integers(0, 30),
)
def test_naive_twin(old: Sequence[int], new: Sequence[int], within: int) -> None:
    """Equal times first; then the most pairs, and of those ways the least shift in sum."""
    found = match_pages(pages_at(*old), pages_at(*new), moved_within_ms=within * MINUTE_MS)
    rows = told(found)
    same = set(old) & set(new)
    assert {old[i] for what, i, _ in rows if what == SAME} == same
    pairs = [(old[i], new[j]) for what, i, j in rows if what == MOVED]
    assert all(0 < abs(a - b) <= within for a, b in pairs)
    rest = [sorted(set(times) - same) for times in (old, new)]
    assert (len(pairs), -sum(abs(a - b) for a, b in pairs)) == best_pairing(*rest, within)
    # Every page is told of once.
    assert sorted(i for _, i, _ in rows if i >= 0) == list(range(len(old)))
    assert sorted(j for _, _, j in rows if j >= 0) == list(range(len(new)))
    assert all((i >= 0, j >= 0) == (what != GAINED, what != LOST) for what, i, j in rows)


def best_pairing(old: Sequence[int], new: Sequence[int], within: int) -> tuple[int, int]:
    """Return the most pairs, and the least shift with it as a negative number, by trying all."""
    short, long = sorted((old, new), key=len)
    best = (0, 0)
    for order in permutations(long, len(short)):
        shifts = [abs(a - b) for a, b in zip(short, order, strict=True)]
        close = [shift for shift in shifts if shift <= within]
        best = max(best, (len(close), -sum(close)))
    return best
