"""One notebook executed in a child process, with limits, and its end told in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import nbformat

from alertlab import errors
from alertlab.errors import AlertlabError, RunError

Progress = Callable[[int, int], None]
"""Called with (cells done, cells in all)."""

_GRACE_SECONDS = 10  # for the kernel to shut down before the child is killed
_LONGEST_QUOTE = 300


@dataclass(frozen=True)
class Limits:
    """How long one cell and the whole run may take [s]."""

    cell_seconds: float = 600
    total_seconds: float = 3_600


def execute(
    notebook: Path,
    output: Path,
    *,
    parameters: Mapping[str, Any],
    limits: Limits,
    progress: Progress,
) -> None:
    """Run ``notebook`` with papermill in its own process and folder; write it to ``output``.

    The kernel works in the notebook's folder, so that relative defaults hold.  ``output`` is
    there after a failure too.  Raises the AlertlabError that a cell raised as it was; RunError,
    naming the cell, for everything else, a time limit, ``sys.exit`` and a dead kernel included.
    """
    cells = nbformat.read(notebook, as_version=4).cells
    total = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in cells)
    job = {
        "notebook": str(notebook.resolve()),
        "output": str(output.resolve()),
        "folder": str(notebook.resolve().parent),
        "parameters": dict(parameters),
        "cell_timeout_seconds": limits.cell_seconds,
        "total": total,
    }
    progress(0, total)
    end: dict[str, Any] = {}
    with tempfile.TemporaryFile() as log:
        with _child(job, log, limits.total_seconds) as child:
            for line in child.process.stdout:
                event = json.loads(line)
                if "end" in event:
                    end = event
                else:
                    progress(event["done"], event["total"])
        last_words = _last_line(_tail(log))
    if end.get("end") != "ok":
        raise _failure(notebook.stem, end, limits, child.is_late, last_words)


class _Child:
    """A running child and whether its total time ran out."""

    def __init__(self, process: subprocess.Popen[str]):
        self.process = process
        self.is_late = False

    def expire(self) -> None:
        self.is_late = True
        self.stop()

    def stop(self) -> None:
        """Ask the child to shut its kernel down, then insist."""
        self.process.terminate()
        try:
            self.process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()


@contextmanager
def _child(job: Mapping[str, Any], log: IO[bytes], total_seconds: float) -> Iterator[_Child]:
    process = subprocess.Popen(
        [sys.executable, "-m", "alertlab.runs._child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        encoding="utf-8",
        env=_environment(),
        # Ctrl-C reaches the parent alone, which then stops child and kernel in order.
        start_new_session=True,
    )
    child = _Child(process)
    timer = threading.Timer(total_seconds, child.expire)
    timer.daemon = True
    with process:
        try:
            timer.start()
            print(json.dumps(job), file=process.stdin, flush=True)
            yield child
            process.wait()
        finally:
            timer.cancel()
            if process.poll() is None:
                child.stop()


def _environment() -> dict[str, str]:
    """Return the child's environment: our own Python's kernel, imports as they are found here."""
    given = os.environ.get("PYTHONPATH", "")
    # The kernel starts in another folder, where relative entries would point elsewhere.
    paths = [str(Path(entry).resolve()) for entry in given.split(os.pathsep) if entry]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


def _failure(
    name: str, end: Mapping[str, Any], limits: Limits, is_late: bool, last_words: str
) -> AlertlabError:
    """Return the error that says how the run ended."""
    if is_late:
        return RunError(f"{name} was stopped after its limit of {limits.total_seconds:g} s")
    if not end:
        reason = last_words or "without a word"
        return RunError(f"the process that ran {name} ended early: {reason}")
    ours = getattr(errors, end["ename"], None)
    if isinstance(ours, type) and issubclass(ours, AlertlabError):
        return ours(end["evalue"])
    where = _where(end)
    if end["end"] == "timeout":
        return RunError(f"{name} was stopped in {where}, at its limit of {limits.cell_seconds:g} s")
    if end["end"] == "dead":
        return RunError(f"{name} lost its kernel in {where}, perhaps for lack of memory")
    if end["ename"] == "SystemExit":
        return RunError(f"{name} called sys.exit in {where}, so the cells after it did not run")
    message = _last_line(end["evalue"])
    return RunError(f"{name} failed in {where}: {end['ename']}{message and ': ' + message}")


def _where(end: Mapping[str, Any]) -> str:
    if end["cell"] is None:
        return "its start"
    code = next((line.strip() for line in end["source"].splitlines() if line.strip()), "")
    return f"cell {end['cell']} ({code[:80]})"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:_LONGEST_QUOTE] if lines else ""


def _tail(log: IO[bytes]) -> str:
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - 4_096))
    return log.read().decode("utf-8", "replace")
