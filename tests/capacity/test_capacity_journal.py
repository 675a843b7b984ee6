"""The journal of capacity reports: what is kept, what changed, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from alertlab.capacity.journal import (
    Entry,
    Journal,
    ResourceState,
    changes,
    load_journal,
    write_entry,
)
from alertlab.errors import BadInput

WORKERS = ResourceState("hash workers", 0.6, 0.25, 80.0, 60.0)
DISK = ResourceState("disk", 0.4, 0.5, None, None)
FIRST = Entry("2026-03-01T00:00:00Z", "hash workers", (WORKERS, DISK), 33.5)
SECOND = Entry(
    "2026-03-08T00:00:00Z",
    "hash workers",
    (replace(WORKERS, headroom_ratio=0.2, days_median=70.0), DISK),
    33.0,
)


def test_entries_come_back_in_order(tmp_path):
    """What was written is read, ordered by time, and the same entry writes the same bytes."""
    path = tmp_path / "journal.json"
    write_entry(path, SECOND)
    written = write_entry(path, FIRST)
    assert load_journal(path) == written == Journal((FIRST, SECOND))
    before = path.read_bytes()
    write_entry(path, FIRST)
    assert path.read_bytes() == before
    corrected = replace(FIRST, binding="disk")
    assert write_entry(path, corrected).entries == (corrected, SECOND)
    assert [one.name for one in tmp_path.iterdir()] == ["journal.json"]


def test_a_report_compares_with_the_one_before():
    """Neither with itself nor with a later one."""
    journal = Journal((FIRST, SECOND))
    assert journal.before(SECOND.at) == FIRST
    assert journal.before(FIRST.at) is None
    assert journal.before("2026-03-08T09:00:01+09:00") == SECOND, "times, not texts"


def test_changes_are_differences():
    """Numbers differ by their difference; what one of the two did not know has none."""
    workers, disk = changes(FIRST, SECOND)
    assert workers.headroom_change_ratio == pytest.approx(-0.05)
    assert workers.days_change == pytest.approx(-10)
    assert disk.headroom_change_ratio == 0
    assert disk.days_change is None
    gone = changes(FIRST, replace(SECOND, states=(DISK,)))
    assert [(one.resource, one.now) for one in gone] == [("disk", DISK), ("hash workers", None)]
    assert gone[1].headroom_change_ratio is None


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"version": 2, "reports": []}', '{"version": 1, "reports": [{"at": "x"}]}'],
)
def test_a_damaged_journal_is_a_sentence(tmp_path, content):
    """It names the file, and nothing is overwritten."""
    path = tmp_path / "journal.json"
    path.write_text(content)
    with pytest.raises(BadInput, match=r"journal\.json"):
        write_entry(path, FIRST)
    assert path.read_text() == content


def test_no_folder_and_no_number_are_refused(tmp_path):
    """A missing folder is said; a NaN is never written, and leaves the old file as it was."""
    with pytest.raises(BadInput, match="no folder"):
        write_entry(tmp_path / "missing" / "journal.json", FIRST)
    path = tmp_path / "journal.json"
    write_entry(path, FIRST)
    with pytest.raises(ValueError, match="JSON"):
        write_entry(path, replace(SECOND, most_logins_per_second=float("nan")))
    assert len(json.loads(path.read_text())["reports"]) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["journal.json"]
