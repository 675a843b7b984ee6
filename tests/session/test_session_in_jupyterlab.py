"""A whole tuning session in a real JupyterLab, by keyboard where people use one."""

from __future__ import annotations

import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page

from alertlab.incidents import load_incidents
from alertlab.rules import find_rule, load_rules

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = "02_threshold_tuning.ipynb"
SOON, LATER = 30_000, 240_000  # ms; the machine may be busy with other tests


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the notebook without outputs, beside its data; the incidents may be written to."""
    notebook = nbformat.read(ROOT / "notebooks" / NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.pop("widgets", None)
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / NOTEBOOK)
    (tmp_path / "auth_service").symlink_to(ROOT / "auth_service")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "recordings").symlink_to(ROOT / "data" / "recordings")
    shutil.copytree(ROOT / "data" / "incidents", tmp_path / "data" / "incidents")
    return tmp_path


@pytest.fixture
def page(open_in_lab, place: Path) -> Page:
    """The notebook, run from top to bottom."""
    page = open_in_lab(place / "notebooks" / NOTEBOOK, 1500, 1500)
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.locator(".al-session svg.al-timeline").wait_for(state="attached", timeout=LATER)
    page.get_by_text("| Idle").wait_for(timeout=LATER)
    return page


def views(page: Page) -> list[str]:
    """What the panel shows: timeline, trade-off and scorecard, as HTML."""
    kinds = ("svg.al-timeline", "svg.al-trade-off", "table")
    return [page.locator(f".al-session {kind}").evaluate("e => e.outerHTML") for kind in kinds]


def wait_for_all(page: Page, before: list[str]) -> list[str]:
    """Wait until all three views differ from what they were."""
    for _ in range(300):
        after = views(page)
        if all(new != old for new, old in zip(after, before, strict=True)):
            return after
        page.wait_for_timeout(100)
    raise AssertionError("a view did not follow")


def field(page: Page, label: str) -> Locator:
    """The control that a label names."""
    return page.locator(".al-session").get_by_label(label, exact=True)


def focused(page: Page) -> str:
    """The label of the control that has the keyboard."""
    return page.evaluate(
        "() => document.activeElement.closest('.widget-inline-hbox, button').innerText"
    )


@pytest.mark.browser
def test_session_in_jupyterlab(page: Page, place: Path, promtool: str) -> None:
    """Pick a rule, move its threshold by keyboard, mark a stretch, export the change."""
    panel = page.locator(".al-session")
    panel.scroll_into_view_if_needed()

    before = views(page)
    field(page, "rule").select_option(label="HighGRPCResponseTime (auth-service-alerts)")
    before = wait_for_all(page, before)

    # From the rule on, Tab leads to each slider in turn, and the arrows move it.
    field(page, "rule").focus()
    page.keyboard.press("Tab")
    assert focused(page).startswith("threshold")
    outline = "() => getComputedStyle(document.activeElement).outlineWidth"
    assert page.evaluate(outline) == "3px"
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    before = wait_for_all(page, before)
    panel.locator(".widget-readout").first.wait_for(timeout=SOON)
    assert panel.locator(".widget-readout").first.inner_text() != "0.5"
    for label in ("threshold", "window", "window", "for"):  # the handle, then its number
        page.keyboard.press("Tab")
        assert focused(page).startswith(label)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.al-session table').innerText"
                           ".match(/for\\s+1m\\s+2m/)")  # fmt: skip
    for label in ("for", "keep_firing_for", "keep_firing_for", "Back to as written"):
        page.keyboard.press("Tab")
        assert focused(page).startswith(label)

    incidents = place / "data" / "incidents" / "auth-small.yaml"
    known = len(load_incidents(incidents))
    before = views(page)
    field(page, "firing stretch").select_option(index=1)
    page.wait_for_function("() => [...document.querySelectorAll('.al-session input')]"
                           ".some(e => e.value.startsWith('2026-'))")  # fmt: skip
    field(page, "note").fill("seen in the session")
    field(page, "note").press("Tab")
    assert focused(page) == "Mark as incident"
    page.keyboard.press("Enter")
    panel.get_by_text("is saved as an incident").wait_for(timeout=SOON)
    marked = load_incidents(incidents)
    assert len(marked) == known + 1
    [row] = marked[marked["note"] == "seen in the session"].itertuples()
    assert row.should_alert == ("HighGRPCResponseTime",)
    wait_for_all(page, before)

    panel.get_by_role("button", name="Export change").click()
    panel.get_by_text("Written: ..").wait_for(timeout=LATER)
    out = place / "reports" / "changes"
    names = sorted(path.name for path in out.iterdir())
    assert [name.rpartition(".")[2] for name in names] == ["md", "yml", "yml"]
    written = find_rule(load_rules(out / "auth-service.yml"), "HighGRPCResponseTime")
    assert written.hold_duration_ms == 120_000 and "> 0.5" not in written.expr
    [test] = [name for name in names if name.endswith("test.yml")]
    ran = subprocess.run(
        [promtool, "test", "rules", test], cwd=out, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr

    panel.screenshot(path=place / "session.png")
    assert (place / "session.png").stat().st_size > 50_000
    assert_tidy(panel)


def assert_tidy(panel: Locator) -> None:
    """Nothing overlaps, nothing sticks out, nothing is empty."""
    frame = panel.bounding_box()
    parts = panel.locator("svg, table, .widget-slider, select, button, input")
    boxes = {f"{i}": parts.nth(i).bounding_box() for i in range(parts.count())}
    assert len(boxes) > 15
    for box in boxes.values():
        assert box["width"] > 30 and box["height"] > 10
        assert box["x"] >= frame["x"] and box["y"] >= frame["y"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
        assert box["y"] + box["height"] <= frame["y"] + frame["height"] + 1
    for one, other in combinations(boxes.values(), 2):
        wide = min(one["x"] + one["width"], other["x"] + other["width"]) - max(one["x"], other["x"])
        high = min(one["y"] + one["height"], other["y"] + other["height"]) - max(
            one["y"], other["y"]
        )
        assert wide <= 1 or high <= 1, (one, other)
    texts = panel.locator("svg text")
    for i in range(texts.count()):
        inside = texts.nth(i).evaluate(
            "t => { const a = t.getBoundingClientRect(), "
            "b = t.ownerSVGElement.getBoundingClientRect(); return a.left >= b.left - 1 && "
            "a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1; }"
        )
        assert inside, texts.nth(i).text_content()
