"""Harmless stretches: rows of the table that are no incidents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlab.incidents import (
    HARMLESS,
    Margins,
    epoch_ms,
    is_harmless,
    load_incidents,
    match_times,
    no_incidents,
    owed,
    starting_within,
)
from alertlab.incidents.table import incident_table
from alertlab.units import SECOND_MS

MARGINS = Margins(before_ms=10 * SECOND_MS, after_ms=20 * SECOND_MS)


def table(*rows: tuple[int, int, str]):
    """Return a table of (start, end, severity), in seconds; ids are the positions."""
    return incident_table(
        [
            (str(i), a * SECOND_MS, b * SECOND_MS, what, None, "")
            for i, (a, b, what) in enumerate(rows)
        ]
    )


@pytest.mark.parametrize(
    ("severity", "harmless"),
    [("harmless", True), ("Harmless ", True), ("critical", False), ("", False), ("harm", False)],
)
def test_the_severity_makes_a_stretch_harmless(
    tmp_path: Path, severity: str, harmless: bool
) -> None:
    """However it is written; everything else is an incident."""
    file = tmp_path / "incidents.csv"
    file.write_text(f"id,start,end,severity\na,0,60,{severity}\n")
    assert is_harmless(load_incidents(file)).tolist() == [harmless]
    assert not is_harmless(no_incidents()).any()


def test_nobody_owes_a_harmless_stretch() -> None:
    """Neither is it one of the incidents that start within a span."""
    found = table((0, 10, "critical"), (20, 30, HARMLESS), (40, 50, ""))
    assert owed(found, "Any")["id"].tolist() == ["0", "2"]
    assert starting_within(found, 0, 60 * SECOND_MS)["id"].tolist() == ["0", "2"]


def test_margins_end_where_a_harmless_stretch_begins() -> None:
    """[start, end) of the stretch; an incident's own time counts in it nevertheless."""
    found = table((100, 200, "critical"), (195, 210, HARMLESS), (205, 206, "warning"))
    ends_at = [92, 194, 195, 199, 200, 204, 205, 206, 209, 210, 219, 220]
    hits = [0, 0, 0, 0, -1, -1, 2, -1, -1, -1, -1, -1]
    assert match_times(np.array(ends_at) * SECOND_MS, found, MARGINS).tolist() == hits


def test_a_margin_gives_way_to_the_incident_that_itself_lies_in_the_stretch() -> None:
    """Of two incidents, the one that the stretch leaves whole."""
    found = table((0, 100, "a"), (105, 115, HARMLESS), (106, 110, "b"))
    assert match_times(np.array([107_000]), found, MARGINS).tolist() == [2]


STRETCHES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 30), st.sampled_from(["", HARMLESS])), max_size=6
)


@settings(deadline=None)
@given(STRETCHES)
def test_matches_are_those_of_the_definition(stretches: list[tuple[int, int, str]]) -> None:
    """Time by time: an incident's own time, and outwards from it until a harmless stretch."""
    found = table(*((a, a + length, what) for a, length, what in stretches))
    starts, ends = ((epoch_ms(found[k]) // SECOND_MS).tolist() for k in ("start", "end"))
    rows = [(a, b, what) for a, b, what in zip(starts, ends, found["severity"], strict=True)]

    def is_quiet(t: int) -> bool:
        return any(a <= t < b for a, b, what in rows if what == HARMLESS)

    def belongs(t: int, a: int, b: int) -> bool:
        if t < a:
            return t >= a - 10 and not any(map(is_quiet, range(t, a)))
        return t < b + 20 and not any(map(is_quiet, range(b, t + 1)))

    def naive(t: int) -> int:
        hit = (i for i, (a, b, what) in enumerate(rows) if what != HARMLESS and belongs(t, a, b))
        return next(hit, -1)

    times = np.arange(-15, 120)
    got = match_times(times * SECOND_MS, found, MARGINS).tolist()
    assert got == [naive(int(t)) for t in times]
