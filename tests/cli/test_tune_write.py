"""``alertlab tune --write``: the rule, its unit test and its report, or a sentence why not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scenes import START_MS, Invoke, sentence

from alertlab.frame import Series
from alertlab.rule_tests import run_test_file
from alertlab.sources import RecordingWriter
from alertlab.units import DAY_MS, MINUTE_MS, format_time

DAYS, DAY = 9, 1440
INCIDENT_DAYS = (1, 2, 4, 5, 7)
RULES = """\
# The queue, as it is watched.
groups:
  - name: queue
    interval: 1m
    rules:
      - alert: LongQueue
        expr: 'queue_length > 5'   # jobs
        labels: {severity: critical}
        annotations: {summary: "{{ $value }} jobs wait"}
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine days of a queue: 1, at 8 for three minutes twice a day, at 20 in incidents."""
    values = np.ones(DAYS * DAY)
    for day in range(DAYS):
        for minute in (100, 700):
            values[day * DAY + minute :][:3] = 8
        if day in INCIDENT_DAYS:
            values[day * DAY + 1000 :][:30] = 20
    path = tmp_path_factory.mktemp("queue") / "recording"
    with RecordingWriter(
        path, origin="a test", scrape_interval_ms=MINUTE_MS, synthetic=True
    ) as writer:
        for day in range(DAYS):
            times = START_MS + day * DAY_MS + MINUTE_MS * np.arange(DAY)
            part = values[day * DAY : (day + 1) * DAY]
            labels = (("__name__", "queue_length"), ("queue", "mail"))
            writer.add_day([Series(labels, times, part)])
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the rules and the incidents."""
    (tmp_path / "queue.yml").write_text(RULES)
    starts = [START_MS + day * DAY_MS + 1000 * MINUTE_MS for day in INCIDENT_DAYS]
    lines = [
        f"- {{id: i{i}, start: {format_time(at)}, end: {format_time(at + 30 * MINUTE_MS)}}}\n"
        for i, at in enumerate(starts)
    ]
    (tmp_path / "incidents.yml").write_text("".join(lines))
    return tmp_path


def arguments(folder: Path, recording: Path, *more: object) -> list[object]:
    """Return the arguments that tune the rule on the recording."""
    return [
        "tune", folder / "queue.yml", "--rule", "LongQueue", "--source", recording,
        "--incidents", folder / "incidents.yml", *more,
    ]  # fmt: skip


def names(folder: Path) -> list[str]:
    """Return what stands in a folder."""
    return sorted(one.name for one in folder.iterdir())


def test_a_change_is_written(
    invoke: Invoke, folder: Path, recording: Path, promtool: str, promtool3: str
) -> None:
    """Three files are named on stderr; the answer is as without; both promtools pass the test."""
    out_file = folder / "new.yml"
    code, plain, err = invoke(*arguments(folder, recording, "--json"))
    assert (code, err) == (0, "")
    code, out, err = invoke(*arguments(folder, recording, "--json", "--write", out_file))
    assert code == 0
    assert out == plain
    document = json.loads(out)
    assert document["verdict"] == "change"
    test, report = folder / "new.LongQueue.test.yml", folder / "new.LongQueue.change.md"
    assert err.splitlines() == [f"written: {path}" for path in (out_file, test, report)]
    assert (folder / "queue.yml").read_text() == RULES
    threshold = document["recommended"]["threshold"]
    assert 8 <= threshold < 20
    assert f"expr: 'queue_length > {threshold:g}'   # jobs\n" in out_file.read_text()
    assert report.read_text().startswith("## Change of `LongQueue`\n\nFalse pages go from 14.0 ")
    for program in (promtool, promtool3):
        run = subprocess.run([program, "test", "rules", test], capture_output=True, check=False)
        assert run.returncode == 0
    out_file.write_text(RULES)
    assert run_test_file(test).verdict == "failed"


def test_in_place(invoke: Invoke, folder: Path, recording: Path) -> None:
    """RULES_OUT may be the rule's own file; a second time there is nothing left to change."""
    own = folder / "queue.yml"
    code, _, err = invoke(*arguments(folder, recording, "--write", own))
    assert (code, len(err.splitlines())) == (0, 3)
    assert own.read_text() != RULES
    changed = own.read_text()
    code, _, err = invoke(*arguments(folder, recording, "--write", own))
    assert code == 0
    assert err == "the verdict is 'leave', so nothing is written\n"
    assert own.read_text() == changed


def test_no_verdict_no_change(invoke: Invoke, folder: Path, recording: Path) -> None:
    """Two days are no basis; nothing is written, and that is fine."""
    before = names(folder)
    more = ("--end", format_time(START_MS + 2 * DAY_MS), "--write", folder / "new.yml")
    code, out, err = invoke(*arguments(folder, recording, *more))
    assert code == 0
    assert "not enough data" in out
    assert err == "the verdict is 'not enough data', so nothing is written\n"
    assert names(folder) == before


def test_what_cannot_be_written_is_refused_first(
    invoke: Invoke, folder: Path, recording: Path
) -> None:
    """Before anything is read: a server's rule, a folder, a folder that is not there."""
    url = ["tune", "http://127.0.0.1:9", "--rule", "A", "--source", recording]
    for given, part in (
        ([*url, "--write", folder / "new.yml"], "a server only tells of its rules"),
        (arguments(folder, recording, "--write", folder), "is a folder; name the file"),
        (arguments(folder, recording, "--write", folder / "x" / "y.yml"), "make it first"),
    ):
        result = invoke(*given)
        assert result[0] == 2
        assert part in sentence(*result)


def test_a_folded_expression_is_refused(invoke: Invoke, folder: Path, recording: Path) -> None:
    """The answer is there, the sentence names the line, and no file is left."""
    text = RULES.replace("'queue_length > 5'   # jobs", ">-\n          queue_length\n          > 5")
    (folder / "queue.yml").write_text(text)
    before = names(folder)
    code, out, err = invoke(*arguments(folder, recording, "--json", "--write", folder / "n.yml"))
    assert code == 2
    assert json.loads(out)["verdict"] == "change"
    assert err.startswith(f"alertlab: {folder / 'queue.yml'}:6: rule LongQueue: ")
    assert err.endswith("edit it by hand\n")
    assert names(folder) == before


def test_a_limit(invoke: Invoke, folder: Path, recording: Path) -> None:
    """A crossed limit ends with 3 after the change was written; what is missing crosses none."""
    limits = ("--fail-on", "current.false_pages_per_week>1", "--fail-on", "candidates<1")
    code, out, err = invoke(
        *arguments(folder, recording, "--json", "--write", folder / "new.yml", *limits)
    )
    assert code == 3
    assert json.loads(out)["verdict"] == "change"
    told = "--fail-on current.false_pages_per_week>1: current.false_pages_per_week is 14"
    assert err.splitlines()[-1] == told
    assert (folder / "new.yml").is_file()
    code, _, err = invoke(
        *arguments(folder, recording, "--end", format_time(START_MS + 2 * DAY_MS)),
        "--fail-on", "recommended.false_pages_per_week>1",
    )  # fmt: skip
    assert code == 0
    assert "recommended.false_pages_per_week is not known here" in err


def test_margins(invoke: Invoke, folder: Path, recording: Path) -> None:
    """With margins that reach from one incident to the next peak its page is no longer false."""
    document = {}
    for margin in ("10m", "1d"):
        code, out, _ = invoke(*arguments(folder, recording, "--json", "--margin-after", margin))
        assert code == 0
        document[margin] = json.loads(out)["current"]["false_pages"]
    assert document["10m"] == 2 * DAYS
    assert document["1d"] < 2 * DAYS
    _, out, _ = invoke(*arguments(folder, recording, "--json", "--margin-before", "1d"))
    assert json.loads(out)["current"]["false_pages"] < 2 * DAYS
