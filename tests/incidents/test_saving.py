"""Adding an incident to a file: what is kept, what is written, what is refused."""

from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alertlab.errors import BadInput
from alertlab.incidents import HARMLESS, epoch_ms, load_incidents, save_incident
from alertlab.units import MINUTE_MS, parse_time

START_MS = parse_time("2026-03-04T05:10:00Z")
END_MS = START_MS + 45 * MINUTE_MS
FILES = {
    "missing.yaml": None,
    "empty.yaml": "",
    "comments.yaml": "# our incidents\n",
    "null.yml": "---\n",
    "plain.yaml": "# c\n- id: a   # why\n  start: 0\n  end: 60\n\n# the end\n",
    "indented.yaml": "  - id: 'a'\n    start: 0\n    end: 60\n",
    "unended.yaml": "- {id: a, start: 0, end: 60}",
    "windows.yaml": "- id: a\r\n  start: 0\r\n  end: 60\r\n",
    "marked.yaml": "\ufeff- id: a\n  start: 0\n  end: 60\n  note: |+\n    kept\n\n",
    "brackets.yaml": "[]  # none yet\n",
    "brackets-marked.yaml": "\ufeff[]\n",
    "flow.yaml": "[{id: a, start: 0, end: 60}]",
    "flow-comma.yaml": "# c\n[\n  {id: a, start: 0, end: 60},  # ] why\n]\n",
    "list.json": '[\n  {"id": "a", "start": "0", "end": "60"}\n]\n',
    "missing.csv": None,
    "empty.csv": "",
    "header.csv": "id,start,end,severity,should_alert,note\n",
    "plain.csv": 'note,id,severity,start,end,should_alert\n"a, b",a,,0,60,\n',
    "unended.csv": "id,start,end,severity,should_alert,note\na,0,60,,,",
    "windows.csv": "\ufeffid,start,end,severity,should_alert,note\r\na,0,60,,,\r\n",
}


def file_of(folder: Path, name: str) -> Path:
    file, text = folder / name, FILES[name]
    if text is not None:
        file.write_bytes(text.encode("utf-8"))
    return file


def records(incidents: pd.DataFrame) -> list[dict]:
    return incidents.to_dict("records")


def save(file: Path, **changes) -> str:
    given_ = {"start_ms": START_MS, "end_ms": END_MS, "severity": "critical"} | changes
    return save_incident(file, **given_)


@pytest.mark.parametrize("name", FILES)
def test_every_byte_but_the_new_ones_is_kept(tmp_path: Path, name: str) -> None:
    """The incident is read back, and the old text stands around what was added."""
    file, old = file_of(tmp_path, name), FILES[name] or ""
    before = load_incidents(file) if FILES[name] is not None else None
    new_id = save(file, should_alert=["A", "B"], note='a "b", c: #d')
    assert new_id == "2026-03-04-0510"
    found = load_incidents(file)
    last = found.iloc[-1]
    assert (last["id"], last["severity"], last["note"]) == (new_id, "critical", 'a "b", c: #d')
    assert last["should_alert"] == ("A", "B")
    assert [epoch_ms(found[k])[-1] for k in ("start", "end")] == [START_MS, END_MS]
    assert before is None or records(found.iloc[:-1]) == records(before)
    written = file.read_bytes().decode("utf-8")
    rest = next((old[i:] for i in range(len(old)) if written[i] != old[i]), "")
    assert written.endswith(rest)
    assert rest == "" or old.lstrip("\ufeff# c\n")[0] == "["
    assert "\r\n" not in old or written.count("\n") == written.count("\r\n")
    assert list(tmp_path.iterdir()) == [file]


def test_a_new_file_reads_like_one_by_hand(tmp_path: Path) -> None:
    """One field a line, what is empty left out."""
    file = tmp_path / "incidents.yaml"
    save(file)
    save(file, severity=HARMLESS, note="deploy\nof the day", should_alert=[])
    assert file.read_text() == (
        '- id: "2026-03-04-0510"\n'
        '  start: "2026-03-04T05:10:00Z"\n'
        '  end: "2026-03-04T05:55:00Z"\n'
        '  severity: "critical"\n'
        '- id: "2026-03-04-0510-2"\n'
        '  start: "2026-03-04T05:10:00Z"\n'
        '  end: "2026-03-04T05:55:00Z"\n'
        '  severity: "harmless"\n'
        "  should_alert: []\n"
        '  note: "deploy\\nof the day"\n'
    )
    assert load_incidents(file)["should_alert"].tolist() == [None, ()]


def test_json_stays_json_and_csv_keeps_its_order(tmp_path: Path) -> None:
    """Other readers of these formats agree."""
    listed, table = file_of(tmp_path, "list.json"), file_of(tmp_path, "plain.csv")
    save(listed, note="가")
    save(table, note='x,"y"')
    assert [one["id"] for one in json.loads(listed.read_text())] == ["a", "2026-03-04-0510"]
    rows = list(csv.reader(table.open(newline="")))
    assert rows[0] == ["note", "id", "severity", "start", "end", "should_alert"]
    assert rows[2][:3] == ['x,"y"', "2026-03-04-0510", "critical"]


def test_ids_are_free_and_times_are_kept_to_the_millisecond(tmp_path: Path) -> None:
    """The start names the incident, a number follows where the name is taken."""
    file = tmp_path / "incidents.csv"
    ids = [save(file, end_ms=END_MS + i) for i in range(3)]
    assert ids == ["2026-03-04-0510", "2026-03-04-0510-2", "2026-03-04-0510-3"]
    assert epoch_ms(load_incidents(file)["end"]).tolist() == [END_MS, END_MS + 1, END_MS + 2]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(note=TEXTS, rules=st.none() | st.lists(TEXTS, max_size=2), name=st.sampled_from(
    ["plain.yaml", "flow.yaml", "list.json"]
))  # fmt: skip
def test_any_text_is_read_as_it_was_given(
    tmp_path: Path, note: str, rules: list[str] | None, name: str
) -> None:
    """Line ends, quotes, marks of YAML: in notes and in rule names."""
    file = file_of(tmp_path, name)
    save(file, note=note, should_alert=rules)
    last = load_incidents(file).iloc[-1]
    assert last["note"] == note
    assert last["should_alert"] == (None if rules is None else tuple(rules))


@pytest.mark.parametrize("end_ms", [START_MS, START_MS - 1])
def test_an_incident_ends_after_its_start(tmp_path: Path, end_ms: int) -> None:
    """Nothing is written."""
    with pytest.raises(BadInput, match="end is not after its start"):
        save(tmp_path / "incidents.yaml", end_ms=end_ms)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "text", "changes", "part"),
    [
        ("a.csv", "id,start,end\n", {}, "no column severity"),
        ("a.csv", "id,start,end,severity\n", {"note": "x"}, "no column note"),
        ("a.csv", "", {"should_alert": []}, "CSV has no way"),
        ("a.csv", "", {"should_alert": ["A B"]}, "CSV has no way"),
        ("a.csv", "id,start,end,severity,note\na,0,60,,\"open\n", {}, "do so by hand"),
        ("a.yaml", "- {id: a, start: 0, end: 60}\n...\n", {}, "do so by hand"),
        ("a.json", '[\t{"id": "a",\t"start": "0", "end": "60"},\t\n{]', {}, "not valid YAML"),
        ("a.yaml", "- {id: a, start: 9, end: 6}\n", {}, "incident a: its end"),
        ("a.json", '{"incidents": [{"incident_number": 1, "created_at": "2026-01-01T00:00:00Z"}]}',
         {}, "an export of PagerDuty"),
    ],
)  # fmt: skip
def test_what_cannot_be_added_to_is_left_alone(
    tmp_path: Path, name: str, text: str, changes: dict, part: str
) -> None:
    """The sentence names the file, which keeps its bytes and its folder."""
    file = tmp_path / name
    file.write_bytes(text.encode())
    with pytest.raises(BadInput, match=part) as refused:
        save(file, **changes)
    assert str(file) in str(refused.value)
    assert file.read_bytes() == text.encode()
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    """CSV of a spreadsheet in Korean code page; half of it in UTF-8 would be unreadable."""
    file = tmp_path / "incidents.csv"
    file.write_bytes("id,start,end,severity,note\na,0,60,,장애\n".encode("cp949"))
    with pytest.raises(BadInput, match="is not UTF-8"):
        save(file)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch) -> None:
    """A folder that is missing, one where nothing can be made, a file that may only be read."""
    with pytest.raises(BadInput, match=r"none/incidents\.yaml cannot be written: No such file"):
        save(tmp_path / "none" / "incidents.yaml")
    with pytest.raises(BadInput, match="cannot be written"):
        save(Path("/proc/incidents.yaml"))
    file = file_of(tmp_path, "plain.yaml")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(BadInput, match="may only read it"):
        save(file)


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    """The link still points to the file, which has its mode; a new file has the usual one."""
    file, link = file_of(tmp_path, "plain.yaml"), tmp_path / "link.yaml"
    file.chmod(0o640)
    link.symlink_to(file)
    save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert len(load_incidents(file)) == 2
    plain = tmp_path / "usual"
    plain.touch()
    save(tmp_path / "new.yaml")
    assert (tmp_path / "new.yaml").stat().st_mode == plain.stat().st_mode


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    """Processes that write at once wait for one another."""
    file = tmp_path / "incidents.yaml"
    code = (
        "import sys; from alertlab.incidents import save_incident\n"
        "for i in range(8):\n"
        "    save_incident(sys.argv[1], start_ms=0, end_ms=1000, severity=sys.argv[2])\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(file), name]) for name in ("a", "b", "c")
    ]
    assert [one.wait(60) for one in writers] == [0, 0, 0]
    found = load_incidents(file)
    assert found["severity"].value_counts().to_dict() == {"a": 8, "b": 8, "c": 8}
    assert found["id"].is_unique
