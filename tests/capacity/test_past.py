"""What reports keep for the next ones, and what those say of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_resources import measured_of, resource_of
from made_series import grown

from alertlab.capacity import Limit, build_ladder, joint_verdict, keep_report, read_past
from alertlab.errors import BadInput
from alertlab.units import DAY_MS, WEEK_MS, Interval

VERDICT = joint_verdict([Limit("p99", Interval(60, 65, 70))])


def report(days: int, growth: float = 0.03):
    """Return the ladder of a report on so many days, and the end of its data."""
    values = grown(84, 1, weekly_growth=growth, day_noise=0.01, hour_noise=0.02)[: 24 * days]
    one = measured_of(values, 800.0, resource=resource_of("workers"))
    return build_ladder([one], horizon_ms=28 * DAY_MS), int(one.times_ms[-1])


def test_the_first_report_judges_what_would_have_been_forecast() -> None:
    """Nothing is kept: the scorecard is made afterwards, and nothing has changed."""
    rungs, at_ms = report(84)
    past = read_past("", rungs, VERDICT, at_ms)
    assert past.made_afterwards
    assert 5 <= len(past.card.rows) <= 8
    assert past.card.covered >= 4
    assert past.changes == ()


def test_the_next_report_judges_and_compares(tmp_path: Path) -> None:
    """A week later the kept forecast is judged, and headroom and days are compared."""
    rungs, at_ms = report(77)
    assert read_past(tmp_path, rungs, VERDICT, at_ms).changes == ()
    files = keep_report(tmp_path, rungs, VERDICT, at_ms)
    before = [one.read_bytes() for one in files]
    keep_report(tmp_path, rungs, VERDICT, at_ms)
    assert [one.read_bytes() for one in files] == before
    later, later_ms = report(84)
    assert later_ms - at_ms == WEEK_MS
    past = read_past(tmp_path, later, VERDICT, later_ms)
    assert not past.made_afterwards
    (row,) = past.card.rows
    assert row.made_ms == at_ms
    assert row.actual == later[0].peak_ratio
    (change,) = past.changes
    assert change.resource == "workers"
    assert change.headroom_change_ratio == pytest.approx(
        later[0].headroom_ratio - rungs[0].headroom_ratio
    )
    assert change.headroom_change_ratio < 0
    assert read_past(tmp_path, rungs, VERDICT, at_ms).changes == ()


def test_excluded_hours_are_not_judged(tmp_path: Path) -> None:
    """A week of which more than a tenth is excluded has no verdict, so the past is made up."""
    rungs, at_ms = report(77)
    keep_report(tmp_path, rungs, VERDICT, at_ms)
    later, later_ms = report(84)
    odd = np.zeros(84 * 24, bool)
    odd[-40:] = True
    assert read_past(tmp_path, later, VERDICT, later_ms, excluded=odd).made_afterwards


def test_a_damaged_journal_and_a_missing_folder_get_a_sentence(tmp_path: Path) -> None:
    """Nothing is written over what cannot be read."""
    rungs, at_ms = report(77)
    with pytest.raises(BadInput, match="there is no folder"):
        keep_report(tmp_path / "none", rungs, VERDICT, at_ms)
    (tmp_path / "capacity-journal.json").write_text("{", "utf-8")
    with pytest.raises(BadInput, match=r"the journal .* is damaged"):
        read_past(tmp_path, rungs, VERDICT, at_ms)
    with pytest.raises(BadInput, match=r"the journal .* is damaged"):
        keep_report(tmp_path, rungs, VERDICT, at_ms)
    assert (tmp_path / "capacity-journal.json").read_text("utf-8") == "{"
