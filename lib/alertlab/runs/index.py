"""The static page that lists past runs, readable from disk and behind any web server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader

from alertlab.errors import BadInput
from alertlab.files import locked, replacing
from alertlab.report.tables import format_seconds
from alertlab.runs import manifest
from alertlab.runs.export import TEMPLATES, prepare
from alertlab.runs.run import FAILED_NOTEBOOK, FINDINGS, MANIFEST, REPORT

INDEX = "index.html"
_LEADING = 3


def write_index(reports_dir: str | Path) -> Path:
    """Write ``reports_dir/index.html``: the runs by notebook, latest first, with what they found.

    Hidden folders (runs at work or killed) are passed over; failed runs are listed as failed.
    Returns the page's path; raises BadInput if there is no such folder.
    """
    folder = Path(reports_dir)
    if not folder.is_dir():
        raise BadInput(f"there is no folder of reports at {folder}; make one with alertlab run")
    environment = prepare(Environment(loader=FileSystemLoader(TEMPLATES)))
    with locked(folder):  # so that the page of the later of two writers holds both their runs
        page = environment.get_template("runs.html.j2").render(
            notebooks=list(_notebooks(folder)), written=manifest.now().isoformat()
        )
        with replacing(folder / INDEX) as fresh:
            fresh.write_text(page, encoding="utf-8")
    return folder / INDEX


def _notebooks(folder: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for notebook in sorted(folder.iterdir()):
        if notebook.is_dir() and not notebook.name.startswith("."):
            runs = [run for one in notebook.iterdir() if (run := _read_run(one))]
            if runs:
                yield notebook.name, sorted(runs, key=lambda run: run["folder"], reverse=True)


def _read_run(folder: Path) -> dict[str, Any] | None:
    """Return what the page says of a run, or None for what is no run of ours."""
    if folder.name.startswith("."):
        return None
    try:
        record = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        is_finished = record["status"] == manifest.FINISHED
        found = (
            json.loads((folder / FINDINGS).read_text(encoding="utf-8"))["findings"]
            if is_finished
            else []
        )
    except (OSError, ValueError, KeyError):
        return None
    page = REPORT if is_finished else FAILED_NOTEBOOK
    link = f"{quote(folder.parent.name)}/{quote(folder.name)}/{page}"
    return {
        "folder": folder.name,
        "link": link if (folder / page).is_file() else None,
        "started": record["started"],
        "duration": format_seconds(record["duration_seconds"]),
        "error": record.get("error"),
        "source": record.get("source", {}),
        "findings": found[:_LEADING],
        "n_more": max(0, len(found) - _LEADING),
    }
