"""``alertlab run``: notebooks by papermill, each into a report of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    notebooks: Annotated[list[Path], typer.Argument(help="Notebooks to run, in this order.")],
    source: Annotated[
        str, typer.Option("--source", help="For the parameter source of every notebook.")
    ] = "",
    parameter: Annotated[
        list[str] | None, typer.Option("-p", help="name=value; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The folder of reports.")] = Path("reports"),
) -> None:
    """Run notebooks with checked parameters and write a report and a manifest for each.

    A value that is the path of an existing file or folder is taken from here, not from the
    notebook's folder.
    """
    from alertlab.runs import (
        parse_assignments,
        print_summary,
        read_parameters,
        run_notebook,
        terminal_progress,
        write_index,
    )

    assignments = [*([f"source={source}"] if source else []), *(parameter or [])]
    # All parameters are checked before the first notebook runs.
    jobs = [
        (one, {name: _from_here(value) for name, value in values.items()})
        for one in notebooks
        for values in [parse_assignments(read_parameters(one), assignments)]
    ]
    results = []
    for notebook, values in jobs:
        with terminal_progress(notebook.stem) as progress:
            results.append(
                run_notebook(notebook, parameters=values, out_dir=out, progress=progress)
            )
        index = write_index(out)
    print_summary(results)
    print(f"all runs: {index}")


def _from_here(value: object) -> object:
    if isinstance(value, str) and value and Path(value).exists():
        return str(Path(value).resolve())
    return value
