"""The child process of one run (``python -m alertlab.runs._child``): job in, events out.

The job is one line of JSON on stdin.  Events are lines of JSON on stdout: ``{"done", "total"}``
after each cell, and one last
``{"end": "ok" | "error" | "timeout" | "dead", "cell", "source", "ename", "evalue"}``.
A run without that last line did not finish, whatever the notebook's metadata says.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any, TextIO

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

_INJECTED = "injected-parameters"


class _Progress:
    """Knows which cell runs and tells the parent after each one."""

    def __init__(self, events: TextIO, total: int):
        self.events, self.total, self.done = events, total, 0
        self.n_injected = 0
        self.cell: dict[str, Any] = {"cell": None, "source": ""}

    def on_cell_execute(self, cell: Any, cell_index: int) -> None:
        if _INJECTED in cell.metadata.get("tags", []):
            self.n_injected = 1
        # Numbered as in the notebook that the reader has, which lacks the injected cell.
        self.cell = {"cell": cell_index + 1 - self.n_injected, "source": cell.source}

    def on_cell_executed(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        if _INJECTED not in cell.metadata.get("tags", []):
            self.done += 1
            self.tell({"done": self.done, "total": self.total})

    def end(self, how: str, ename: str = "", evalue: str = "") -> None:
        self.tell({"end": how, "ename": ename, "evalue": evalue, **self.cell})

    def tell(self, event: dict[str, Any]) -> None:
        print(json.dumps(event), file=self.events, flush=True)


def main() -> None:
    """Run the job; the exit code says only whether the last event was written."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what anybody prints, the kernel included, must not mix with the events
    job = json.loads(sys.stdin.readline())
    # SystemExit unwinds nbclient's context manager, which shuts the kernel down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    progress = _Progress(events, job["total"])
    try:
        notebook = papermill.execute_notebook(
            _literal(job["notebook"]),
            _literal(job["output"]),
            parameters=job["parameters"],
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=job["folder"],
            execution_timeout=job["cell_timeout_seconds"],
            on_cell_execute=progress.on_cell_execute,
            on_cell_executed=progress.on_cell_executed,
        )
    except PapermillExecutionError as error:
        progress.end("error", error.ename, error.evalue)
    except CellTimeoutError:
        progress.end("timeout")
    except DeadKernelError:
        progress.end("dead")
    except Exception as error:  # whatever else papermill or Jupyter raise ends the run as failed
        progress.end("error", type(error).__name__, str(error))
    else:
        left = _early_exit(notebook)
        progress.end("error", *left) if left else progress.end("ok")


def _early_exit(notebook: Any) -> tuple[str, str] | None:
    """Return the error that papermill forgives: ``sys.exit(0)`` ends a run that is not done."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return output.ename, output.evalue
    return None


def _literal(path: str) -> str:
    """Escape the braces that papermill would fill in with parameters."""
    return path.replace("{", "{{").replace("}", "}}")


def _stop_with_parent() -> None:
    sys.stdin.read()  # returns when the parent closes its end or dies
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
