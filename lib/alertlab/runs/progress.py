"""Progress of a run: a bar on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from alertlab.runs.execute import Progress as OnProgress


@contextmanager
def terminal_progress(name: str, console: Console | None = None) -> Iterator[OnProgress]:
    """Give a progress callback for ``run_notebook`` that shows ``name`` and its cells."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: console.print(
            f"{name}: {done} of {total} cells", highlight=False, markup=False, soft_wrap=True
        )
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("cells"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
