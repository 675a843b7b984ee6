"""Labelled incidents: what is read, what is refused, which times belong to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab.errors import BadInput
from alertlab.incidents import (
    INCIDENT_COLUMNS,
    Margins,
    bounds_ms,
    epoch_ms,
    load_incidents,
    match_times,
    no_incidents,
    owed,
    starting_within,
)
from alertlab.units import MINUTE_MS, SECOND_MS, parse_time

ROOT = Path(__file__).resolve().parents[2]
YAML = """\
- {id: late, start: 2026-03-02T08:00:00Z, end: "2026-03-02T09:30:00Z", severity: critical}
- id: early
  start: 2026-03-01T09:00:00+09:00
  end: 2026-03-01T00:30:00.500Z
  should_alert: [TargetDown, HighLatency]
  note: a switch died
"""
CSV = """\
id,start,end,severity,should_alert,note
late,2026-03-02T08:00:00Z,2026-03-02T09:30:00Z,critical,,
early,2026-03-01T09:00:00+09:00,2026-03-01T00:30:00.500Z,,TargetDown HighLatency,a switch died
"""


def written(folder: Path, text: str, suffix: str = "yaml") -> Path:
    path = folder / f"incidents.{suffix}"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "suffix"), [(YAML, "yaml"), (CSV, "csv"), ("\ufeff" + CSV, "CSV")]
)
def test_yaml_and_csv_say_the_same(tmp_path: Path, text: str, suffix: str) -> None:
    """Both are sorted by start, in UTC, with None where every rule owes an alert."""
    found = load_incidents(written(tmp_path, text, suffix))
    assert list(found.columns) == INCIDENT_COLUMNS
    assert found["id"].tolist() == ["early", "late"]
    assert found["start"][0] == pd.Timestamp("2026-03-01T00:00:00Z")
    assert found["end"][0] == pd.Timestamp("2026-03-01T00:30:00.500Z")
    assert found["should_alert"].tolist() == [("TargetDown", "HighLatency"), None]
    assert found["severity"].tolist() == ["", "critical"]
    assert found["note"][0] == "a switch died"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("- {id: x, start: 10, end: 5}", ["incident x", "end is not after its start"]),
        ("- {id: x, start: 10, end: 10}", ["incident x", "end is not after its start"]),
        ("- {id: x, start: 1, end: 2}\n- {id: x, start: 3, end: 4}", ["'x' stands twice"]),
        ("- {id: x, end: 2}", ["incident x", "start is missing"]),
        ("- {start: 1, end: 2}", ["incident number 1", "id is missing"]),
        ("- {id: x, start: 1, end: 2, rule: A}", ["incident x", "unknown field 'rule'"]),
        ("- {id: x, start: soon, end: 2}", ["incident x", "start", "'soon' is not a time"]),
        ("- {id: x, start: 2026-03-01T08:00:00, end: 2}", ["start", "has no time zone"]),
        ("- {id: x, start: 1, end: 1772352000000}", ["end", "is not a time"]),
        ("a: b", ["a list of entries"]),
        ("- {id: [", ["not valid YAML"]),
    ],
)
def test_bad_yaml_gets_one_sentence(tmp_path: Path, text: str, parts: list[str]) -> None:
    """It names the file, the incident and the field."""
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as refused:
        load_incidents(path)
    for part in [str(path), *parts]:
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("id,start,end\nx,1\n", "end is missing"),
        ("id,start,end\nx,1,2,3\n", "unknown field 'beyond the header'"),
        ("id,start\nx,1\n", "end is missing"),
        ("id,start,end,colour\nx,1,2,red\n", "unknown field 'colour'"),
    ],
)
def test_bad_csv_gets_one_sentence(tmp_path: Path, text: str, part: str) -> None:
    """Rows that are longer or shorter than the header are not guessed at."""
    with pytest.raises(BadInput, match=part):
        load_incidents(written(tmp_path, text, "csv"))


@pytest.mark.parametrize(("text", "suffix"), [("", "yaml"), ("", "csv"), ("id,start,end\n", "csv")])
def test_no_incidents_is_an_empty_table(tmp_path: Path, text: str, suffix: str) -> None:
    """An empty file means that nothing happened."""
    found = load_incidents(written(tmp_path, text, suffix))
    assert found.empty
    assert found.dtypes.equals(no_incidents().dtypes)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The sentence says what should have been there."""
    with pytest.raises(BadInput, match=r"the incidents file .*none\.yaml does not exist"):
        load_incidents(tmp_path / "none.yaml")


def test_the_committed_incidents_load() -> None:
    """At least twelve of the long scenario ought to alert, and it has look-alikes beside them."""
    found = load_incidents(ROOT / "data/incidents/auth-28d.yaml")
    assert len(found) >= 12
    assert found["id"].is_unique


@pytest.mark.parametrize(
    ("names", "rules"),
    [("[A, B]", ("A", "B")), ("[]", ()), ("", None), ("A B", ("A", "B")), ('"A,B"', ("A", "B"))],
)
def test_rule_names_that_owe(tmp_path: Path, names: str, rules: tuple | None) -> None:
    """An empty list owes nobody anything, nothing written owes every rule."""
    text = f"- id: a\n  start: 0\n  end: 60\n  should_alert: {names}\n"
    assert load_incidents(written(tmp_path, text))["should_alert"][0] == rules


def test_who_owes_what(tmp_path: Path) -> None:
    """An incident without names is owed by every rule."""
    found = load_incidents(written(tmp_path, YAML))
    assert owed(found, "TargetDown")["id"].tolist() == ["early", "late"]
    assert owed(found, "Other")["id"].tolist() == ["late"]
    assert owed(no_incidents(), "Other").empty


def test_incidents_that_start_within(tmp_path: Path) -> None:
    """The start counts, the end of the stretch does not."""
    found = load_incidents(written(tmp_path, YAML))
    early, late = epoch_ms(found["start"])
    assert starting_within(found, early, late)["id"].tolist() == ["early"]
    assert starting_within(found, early + 1, late + 1)["id"].tolist() == ["late"]


def test_times_fall_into_incidents_with_their_margins(tmp_path: Path) -> None:
    """[start - before, end + after); of two that overlap the earlier one wins."""
    text = "- {id: b, start: 150, end: 400}\n- {id: a, start: 100, end: 200}"
    found = load_incidents(written(tmp_path, text))
    margins = Margins(before_ms=10 * SECOND_MS, after_ms=20 * SECOND_MS)
    times = np.array([89, 90, 199, 219, 220, 419, 420]) * SECOND_MS
    assert match_times(times, found, margins).tolist() == [-1, 0, 0, 0, 1, 1, -1]
    assert bounds_ms(found, margins, among=found).tolist() == [
        [90_000, 220_000],
        [140_000, 420_000],
    ]
    assert match_times(times, no_incidents(), margins).tolist() == [-1] * 7


def test_margins_have_the_documented_defaults() -> None:
    """Five minutes before, ten after."""
    assert Margins() == Margins(before_ms=5 * MINUTE_MS, after_ms=10 * MINUTE_MS)


def test_unix_seconds_and_a_numeric_id_are_taken_as_written(tmp_path: Path) -> None:
    """The id 007 keeps its zeros, and the epoch itself is a time."""
    found = load_incidents(written(tmp_path, "- {id: 007, start: 0, end: 1.5, should_alert: A B}"))
    assert found["id"].tolist() == ["007"]
    assert epoch_ms(found["end"]).tolist() == [parse_time("1.5")]
    assert found["should_alert"].tolist() == [("A", "B")]
