"""Whole runs with real kernels: what a finished, failed, stopped and killed run leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import nbformat
import pytest

from alertlab.errors import BadInput, RunError, ServerError
from alertlab.runs import Limits, run_notebook

FILES = {"report.html", "notebook.ipynb", "findings.json", "manifest.json"}


def names(folder):
    return {one.name for one in folder.iterdir()}


def only(folder):
    """The single entry of a folder, hidden ones included."""
    (one,) = folder.iterdir()
    return one


def test_finished_run(notebook, tmp_path):
    """A run in a folder with braces gives four files that agree, and leaves its input alone."""
    path = notebook("print(open('beside.txt').read())", publishes=True, name="01_greetings")
    (path.parent / "beside.txt").write_text("found beside the notebook")
    before, calls = path.read_bytes(), []
    out = tmp_path / "out {of} braces"
    result = run_notebook(
        path, parameters={"count": 3}, out_dir=out, progress=lambda *at: calls.append(at)
    )
    assert only(out / "01_greetings") == result.folder
    assert names(result.folder) == FILES
    assert path.read_bytes() == before
    assert calls == [(0, 3), (1, 3), (2, 3), (3, 3)]

    found = json.loads((result.folder / "findings.json").read_text())
    assert found["numbers"] == result.numbers == {"count": 3, "nothing": None}
    assert found["findings"][0]["title"] == "greeted world 3 times"
    assert result.findings[0].title == "greeted world 3 times"

    manifest = json.loads((result.folder / "manifest.json").read_text())
    assert manifest == result.manifest
    assert manifest["status"] == "finished"
    assert manifest["parameters"] == {"name": "world", "count": 3}
    assert manifest["source"] == {"kind": "recording", "location": "tiny", "synthetic": True}
    assert manifest["queries"] == [{"expr": "up", "series": 1}]
    assert manifest["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    started, finished = (datetime.fromisoformat(manifest[key]) for key in ("started", "finished"))
    assert started <= finished <= datetime.now(UTC)
    assert result.folder.name.startswith(f"{started:%Y%m%dT%H%M%SZ}-")

    page = result.report.read_text()
    assert "found beside the notebook" in page and "greeted world 3 times" in page
    kept = (result.folder / "notebook.ipynb").read_text()
    assert str(tmp_path) not in kept + json.dumps(manifest)


def test_two_runs_at_once(notebook, tmp_path):
    """Runs of one notebook at the same moment get folders of their own, each whole."""
    path = notebook(publishes=True)
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(run_notebook, path, parameters={"count": n}, out_dir=tmp_path / "out")
            for n in (1, 2)
        ]
        results = [run.result() for run in runs]
    assert [result.numbers["count"] for result in results] == [1, 2]
    assert len({result.folder for result in results}) == 2
    assert all(names(result.folder) == FILES for result in results)


FAILURES = [
    (
        "raises",
        "first = 1\nraise ValueError('bad\\n\\nlast line')",
        r"greetings failed in cell 4 \(first = 1\): ValueError: last line; the notebook is kept",
    ),
    (
        "exits",
        "import sys\nsys.exit(0)",
        r"greetings called sys\.exit in cell 4 \(import sys\), so the cells after it did not run",
    ),
    (
        "too_slow",
        "import time\ntime.sleep(60)",
        r"greetings was stopped in cell 4 \(import time\), at its limit of 6 s",
    ),
    (
        "kernel_dies",
        "import os\nos._exit(1)",
        r"greetings lost its kernel in cell 4 \(import os\)",
    ),
    ("publishes_nothing", "1 + 1", r"greetings published no results; it must call report\.publish"),
]


@pytest.mark.parametrize(
    ("cell", "message"), [c[1:] for c in FAILURES], ids=[c[0] for c in FAILURES]
)
def test_failed_run(notebook, tmp_path, cell, message):
    """A failure names its cell as the reader counts it and keeps what cannot be taken for done."""
    path = notebook("'fine'", cell, "'after'")
    with pytest.raises(RunError, match=message) as failure:
        run_notebook(
            path, parameters={"count": 3}, out_dir=tmp_path / "out", limits=Limits(cell_seconds=6)
        )
    assert "\n" not in str(failure.value)
    kept = only(tmp_path / "out" / "greetings")
    assert kept.name.endswith(".failed")
    assert names(kept) == {"notebook.failed.ipynb", "manifest.json"}
    assert str(kept) in str(failure.value)
    assert nbformat.read(kept / "notebook.failed.ipynb", as_version=4).cells
    manifest = json.loads((kept / "manifest.json").read_text())
    assert manifest["status"] == "failed"
    assert manifest["error"] in str(failure.value)


def test_whole_run_has_a_limit(notebook, tmp_path):
    """A run that takes too long as a whole is stopped, whatever its cells are allowed."""
    path = notebook("import time\ntime.sleep(120)")
    with pytest.raises(RunError, match="greetings was stopped after its limit of 5 s"):
        run_notebook(path, out_dir=tmp_path / "out", limits=Limits(total_seconds=5))
    assert only(tmp_path / "out" / "greetings").name.endswith(".failed")


def test_bad_input_from_inside(notebook, tmp_path):
    """What a notebook refuses is told as its own sentence, and nothing is left behind."""
    path = notebook("from alertlab.errors import BadInput\nraise BadInput('start is after end')")
    with pytest.raises(BadInput) as refusal:
        run_notebook(path, out_dir=tmp_path / "out")
    assert str(refusal.value) == "start is after end"
    assert list((tmp_path / "out").iterdir()) == []


def test_server_error_from_inside(notebook, tmp_path):
    """An outage is told as its own sentence; the notebook is kept to see how far it came."""
    path = notebook("from alertlab.errors import ServerError\nraise ServerError('no answer')")
    with pytest.raises(ServerError) as outage:
        run_notebook(path, out_dir=tmp_path / "out")
    assert (str(outage.value), outage.value.exit_code) == ("no answer", 1)
    assert only(tmp_path / "out" / "greetings").name.endswith(".failed")


def test_refused_before_a_kernel_starts(notebook, tmp_path):
    """A wrong parameter leaves no folder, not even that of the reports."""
    for parameters in ({"cuont": 1}, {"count": "1"}):
        with pytest.raises(BadInput, match="count"):
            run_notebook(notebook(publishes=True), parameters=parameters, out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_room_for_reports(notebook, tmp_path):
    """A file where the folder of reports should be is told as bad input."""
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(BadInput, match="cannot write reports to"):
        run_notebook(notebook(publishes=True), out_dir=tmp_path / "out")


def test_killed_run(notebook, tmp_path):
    """After kill -9 nothing looks finished, and neither child nor kernel stays behind."""
    note = tmp_path / "pids"
    path = notebook(
        f"import os, time\nopen({str(note)!r}, 'w').write(f'{{os.getpid()}} {{os.getppid()}}')\n"
        "time.sleep(300)"
    )
    program = f"from alertlab.runs import run_notebook; run_notebook({str(path)!r}, out_dir='out')"
    run = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=absolute_imports())
    try:
        wait_until(lambda: note.exists() and len(note.read_text().split()) == 2)
    finally:
        run.kill()
        run.wait()
    for process in map(int, note.read_text().split()):
        wait_until(lambda process=process: not is_alive(process))
    left = only(tmp_path / "out" / "greetings")
    assert left.name.startswith(".")
    assert "report.html" not in names(left) and "manifest.json" not in names(left)


def test_interrupted_run(notebook, tmp_path):
    """Ctrl-C stops the kernel and leaves no folder at all."""
    note = tmp_path / "pid"
    path = notebook(
        f"import os, time\nopen({str(note)!r}, 'w').write(f'{{os.getpid()}}.')\ntime.sleep(300)"
    )
    program = f"from alertlab.runs import run_notebook; run_notebook({str(path)!r}, out_dir='out')"
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=absolute_imports(),
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: note.exists() and note.read_text().endswith("."))
        run.send_signal(signal.SIGINT)
        run.wait(60)
    finally:
        run.kill()
    assert not is_alive(int(note.read_text().strip(".")))
    assert list((tmp_path / "out").iterdir()) == []


def absolute_imports():
    """The environment of a process in another folder that imports what this one imports."""
    paths = [os.path.abspath(entry) for entry in sys.path if entry]  # noqa: PTH100
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def is_alive(process: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        with open(f"/proc/{process}/stat") as stat:  # noqa: PTH123
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
