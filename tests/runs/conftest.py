"""Small notebooks, made in the tests and named after what they do."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

PARAMETERS = 'name: str = "world"  # whom to greet\ncount: int = 2'

PUBLISH = """
from alertlab import report

class Source:
    def provenance(self):
        return {"kind": "recording", "location": "tiny", "synthetic": True,
                "queries": [{"expr": "up", "series": 1}], "warnings": []}
report.publish(
    [report.Finding("greeted", "action", f"greeted {name} {count} times", numbers={"n": count})],
    {"count": count, "nothing": float("nan")}, Source())
"""


def make_notebook(path: Path, *cells: str, parameters: str | None = PARAMETERS) -> Path:
    """Write a notebook: a title, the parameters cell, then code (or prose after ``#md ``)."""
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# Greetings\n\nWho was greeted?")])
    if parameters is not None:
        tagged = v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
        notebook.cells.append(tagged)
    for cell in cells:
        prose = cell.startswith("#md ")
        notebook.cells.append(v4.new_markdown_cell(cell[4:]) if prose else v4.new_code_cell(cell))
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def notebook(tmp_path):
    """Make a notebook in a folder of its own; ``publishes`` adds a last cell with a result."""

    def make(
        *cells: str,
        name: str = "greetings",
        parameters: str | None = PARAMETERS,
        publishes: bool = False,
    ) -> Path:
        folder = tmp_path / "notebooks"
        folder.mkdir(exist_ok=True)
        if publishes:
            cells = (*cells, PUBLISH)
        return make_notebook(folder / f"{name}.ipynb", *cells, parameters=parameters)

    return make


@pytest.fixture
def manifest():
    """The record of a run, as far as a report shows it."""
    return {
        "notebook": "01_greetings",
        "notebook_digest": "sha256:0a1b",
        "parameters": {"count": 3, "source": None, "strict": True},
        "started": "2026-03-01T08:05:07Z",
        "versions": {"python": "3.11.7", "numpy": "2.4.6"},
        "git_commit": "c0ffee-dirty",
        "source": {"kind": "recording", "location": "tiny", "synthetic": False},
        "queries": [{"expr": "sum(rate(up[5m]))", "steps": 10, "series": 1}],
        "warnings": [],
    }


@pytest.fixture
def save_run(manifest):
    """Write the files of a run as a finished or failed one would stand: ``save_run(folder)``."""

    def save(folder: Path, *, findings=(), status: str = "finished", **changes) -> Path:
        folder.mkdir(parents=True)
        record = manifest | {"status": status, "duration_seconds": 12.3} | changes
        (folder / "manifest.json").write_text(json.dumps(record))
        if status == "finished":
            document = {"findings": list(findings), "numbers": {}}
            (folder / "findings.json").write_text(json.dumps(document))
            (folder / "report.html").write_text("<p>")
        else:
            (folder / "notebook.failed.ipynb").write_text("{}")
        return folder

    return save
