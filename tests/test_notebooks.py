"""The notebooks keep the form that people and papermill rely on, and open in a real JupyterLab."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from alertlab.runs import read_parameters

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_notebooks() -> None:
    """The checks below have something to check."""
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06"]


@each
def test_notebook_is_thin(path: Path) -> None:
    """No functions or classes: notebooks call the library."""
    for cell in _cells(path, "code"):
        tree = ast.parse(cell.source)
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        assert not any(isinstance(node, kinds) for node in ast.walk(tree)), cell.source
        assert len(cell.source.splitlines()) <= 20


@each
def test_notebook_is_a_story(path: Path) -> None:
    """One title; every result has a sentence before it and the whole ends with its limits."""
    texts = [cell.source for cell in _cells(path, "markdown")]
    assert sum(text.startswith("# ") for text in texts) == 1
    assert "**Question.**" in texts[0]
    assert texts[-1].startswith("## Limits")


@each
def test_outputs_are_committed_clean(path: Path) -> None:
    """Outputs are there (stripped cells are never compared), without errors or machine paths."""
    cells = _cells(path, "code")
    assert all(cell.execution_count is not None for cell in cells)
    checked = [cell for cell in cells if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert checked
    assert all(cell.outputs for cell in checked)
    text = path.read_text()
    assert '"output_type": "error"' not in text
    assert not re.search(r"/(home|root|work|tmp)/", text)
    assert len(text) < 450_000


@each
def test_defaults_need_no_server(path: Path) -> None:
    """The declared defaults name files beside the notebook."""
    parameters = read_parameters(path)
    files = {"rules", "alertmanager", "incidents", "objectives", "resources"} & set(parameters)
    assert "incidents" in files
    for name in files:
        assert (path.parent / parameters[name].default).is_file()
    assert not parameters["source"].default.startswith("http")
    assert all(parameter.help for parameter in parameters.values())


@each
def test_every_parameter_is_read(path: Path) -> None:
    """A parameter that no later cell reads would be accepted and change nothing."""
    read = {
        node.id
        for cell in _cells(path, "code")
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert set(read_parameters(path)) <= read


@pytest.fixture
def stripped_notebooks(tmp_path: Path) -> Path:
    """A copy of the notebooks without outputs, beside the data they read."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / path.name)
    for name in ("auth_service", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    return folder


@pytest.mark.browser
def test_notebook_runs_in_jupyterlab(open_in_lab, stripped_notebooks: Path, tmp_path: Path) -> None:
    """A person opens the review in JupyterLab, runs all cells, and reads the answer."""
    page = open_in_lab(stripped_notebooks / "01_alert_noise_review.ipynb", 1400, 1000)
    assert page.locator(".al-answer").count() == 0
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).click()
    findings = page.locator(".jp-OutputArea-output .al-findings")
    findings.wait_for(timeout=180_000)
    assert "pages were for nothing" in findings.inner_text()
    answer = page.locator(".jp-OutputArea-output .al-answer").first
    answer.scroll_into_view_if_needed()
    assert re.search(r"\d+ pages in \d", answer.text_content())
    page.screenshot(path=tmp_path / "lab.png")


def _cells(path: Path, kind: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]
