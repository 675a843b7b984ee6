"""One run of a notebook: from checked parameters to a folder that appears all at once."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from alertlab.errors import AlertlabError, BadInput, RunError
from alertlab.report.findings import RESULT_MIME, Finding
from alertlab.runs import manifest
from alertlab.runs.execute import Limits, Progress, execute
from alertlab.runs.export import to_html
from alertlab.runs.parameters import check_values, read_parameters

REPORT, NOTEBOOK, FINDINGS, MANIFEST = (
    "report.html",
    "notebook.ipynb",
    "findings.json",
    "manifest.json",
)
FAILED_SUFFIX = ".failed"
FAILED_NOTEBOOK = "notebook.failed.ipynb"


@dataclass(frozen=True)
class RunResult:
    """A finished run: its folder and what its notebook published."""

    folder: Path
    notebook: str
    findings: tuple[Finding, ...]
    numbers: Mapping[str, Any]
    manifest: Mapping[str, Any]

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.folder / REPORT


def run_notebook(
    notebook: str | Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    out_dir: str | Path = "reports",
    limits: Limits | None = None,
    progress: Progress = lambda done, total: None,
) -> RunResult:
    """Run a notebook and keep its report in ``out_dir/<notebook>/<UTC time>-<id>/``.

    parameters : values in their declared types (see ``parse_assignments`` for text); a relative
        path is taken from the notebook's folder, where the kernel works

    The folder is built under a hidden name and renamed at the end, so that what can be seen is
    whole.  Raises BadInput before a kernel starts, or from the notebook, and leaves nothing; any
    other failure keeps the notebook and a manifest in a folder that ends in ``.failed``.
    """
    path = Path(notebook)
    declared = read_parameters(path)
    given = check_values(declared, parameters or {})
    started, clock = manifest.now(), time.monotonic()
    record = manifest.begin(
        path, {name: one.default for name, one in declared.items()} | given, started
    )
    target = Path(out_dir) / path.stem / f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    with _hidden_folder(target) as folder:
        try:
            execute(
                path,
                folder / NOTEBOOK,
                parameters=given,
                limits=limits or Limits(),
                progress=progress,
            )
            executed = _tidy(folder / NOTEBOOK)
            published = _published(executed, path.stem)
            record |= manifest.describe_source(published["provenance"])
            page = to_html(executed, record, published["findings"])
        except BadInput:
            raise
        except AlertlabError as error:
            record["error"] = str(error)
            record |= manifest.end(manifest.FAILED, manifest.now(), time.monotonic() - clock)
            kept = _keep_failed(folder, record, target)
            if isinstance(error, RunError):
                raise RunError(f"{error}; the notebook is kept in {kept}") from None
            raise
        (folder / REPORT).write_text(page, encoding="utf-8")
        manifest.write_json(
            folder / FINDINGS, {key: published[key] for key in ("findings", "numbers")}
        )
        record |= manifest.end(manifest.FINISHED, manifest.now(), time.monotonic() - clock)
        manifest.write_json(folder / MANIFEST, record)
        folder.rename(target)
    findings = tuple(Finding(**one) for one in published["findings"])
    return RunResult(target, path.stem, findings, published["numbers"], record)


@contextmanager
def _hidden_folder(target: Path) -> Iterator[Path]:
    """Give a hidden folder beside ``target``; whatever is still there at the end is removed."""
    folder = target.with_name(f".{target.name}")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise BadInput(f"cannot write reports to {target.parent}: {error.strerror}") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # not empty: there are other runs
            target.parent.rmdir()


def _keep_failed(folder: Path, record: Mapping[str, Any], target: Path) -> Path:
    """Turn the hidden folder into one that cannot be taken for a finished run."""
    if (folder / NOTEBOOK).exists():
        (folder / NOTEBOOK).rename(folder / FAILED_NOTEBOOK)
    manifest.write_json(folder / MANIFEST, record)
    return folder.rename(target.with_name(target.name + FAILED_SUFFIX))


def _tidy(path: Path) -> nbformat.NotebookNode:
    """Return the executed notebook, rid of the paths of the machine that papermill notes in it."""
    notebook = nbformat.read(path, as_version=4)
    for key in ("input_path", "output_path"):
        notebook.metadata.get("papermill", {}).pop(key, None)
    nbformat.write(notebook, path)
    return notebook


def _published(notebook: nbformat.NotebookNode, name: str) -> Mapping[str, Any]:
    """Return what the notebook published: findings, numbers and provenance."""
    found = [
        output.data[RESULT_MIME]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if RESULT_MIME in output.get("data", {})
    ]
    if len(found) != 1:
        raise RunError(
            f"{name} published {len(found) or 'no'} results; it must call report.publish once"
        )
    return found[0]
