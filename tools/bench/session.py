"""How soon a tuning session follows a slider, in a real browser: ``python tools/bench/session.py``.

A JupyterLab of its own, the month of the embedded recording at 15 s, Chromium without a window.
From a key press to the last change of the panel's document and the frame behind it, over all
views, for settings that nobody has looked at before.  *Next* is one step of a slider; *far* are
five, beyond what is looked at ahead.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
from measure import print_table
from playwright.sync_api import Locator, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
RULES = ("HighLoginFailureRate", "HighGRPCResponseTime")
_SETTLED_MS = 600  # nothing has changed for so long: the move is over
_AHEAD_SECONDS = 60  # for all windows to be replayed in the background
_THERE_AND_BACK = (*["ArrowRight"] * 9, *["ArrowLeft"] * 9)
_MOVES = (  # slider, what is said of its moves, keys, how often, from another threshold each time
    ("threshold", "next", ["ArrowRight"] * 24, 1),
    ("window", "next", _THERE_AND_BACK, 3),
    ("for", "next", _THERE_AND_BACK, 3),
    ("keep_firing_for", "next", _THERE_AND_BACK, 5),
    ("threshold", "far", [*["PageUp"] * 12, *["PageDown"] * 24], 1),
)
_CELL = """
from alertlab import find_rule, load_alertmanager, load_incidents, load_rules, open_source
from alertlab.session import TuningPanel, TuningSession
from alertlab.tuning import Yardstick

rules = load_rules({root!r} + "/auth_service/monitoring/rules/auth-service.yml",
                   evaluation_interval_ms=15_000)
yardstick = Yardstick(
    load_incidents({root!r} + "/data/incidents/auth-28d.yaml"),
    config=load_alertmanager({root!r} + "/auth_service/monitoring/alertmanager.yml"),
    time_zone="Asia/Seoul",
)
data = open_source({root!r} + "/data/recordings/auth-28d")
session = TuningSession(
    rules, data, data.start_ms, data.end_ms, yardstick=yardstick, incidents_file="", out="out",
    number=rules.index(find_rule(rules, {rule!r})),
)
panel = TuningPanel(session)
panel
"""
_WATCH = """() => {
  window.move = {};
  new MutationObserver(() => {
    window.move.last = performance.now();
    requestAnimationFrame(at => { window.move.last = Math.max(window.move.last, at); });
  }).observe(document.querySelector('.al-session'),
             {subtree: true, childList: true, attributes: true, characterData: true});
  document.addEventListener('keydown', () => {
    window.move = {start: performance.now(), last: performance.now()};
  }, true);
}"""
_VIEWS = """() => ['svg.al-timeline', 'svg.al-trade-off', 'table'].map(
  kind => document.querySelector('.al-session ' + kind).outerHTML).join()"""


def bench_session() -> None:
    """Print the milliseconds of moves of each slider."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for rule in RULES:
            _write_notebook(Path(folder), rule)
        with _lab(folder) as url, _chromium() as page:
            for rule in RULES:
                _open(page, url, f"{rule}.ipynb")
                seen: set[str] = set()
                for knob, kind, keys, times in _MOVES:
                    took = []
                    for _ in range(times):
                        took += _moves(page, knob, keys, seen)
                        _moves(page, "threshold", ["ArrowLeft"], seen)
                    rows.append((
                        f"{rule}, {knob}, {kind}", f"{len(took)}",
                        f"{statistics.median(took):.0f}", f"{max(took):.0f}",
                        f"{sum(one <= 200 for one in took)}",
                    ))  # fmt: skip
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    title = f"Moves of a slider until the panel has followed [ms] (load {load} on {os.cpu_count()})"
    print_table(title, ["move", "moves", "median", "max", "within 200"], rows)


def _write_notebook(folder: Path, rule: str) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(_CELL.format(root=str(ROOT), rule=rule))],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, folder / f"{rule}.ipynb")


@contextmanager
def _lab(folder: str) -> Iterator[str]:
    command = [sys.executable, "-m", "alertlab", "lab", "--no-browser", folder]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stderr.readline, "")
            found = (re.search(r"http://127\.0\.0\.1:\d+/lab\?token=\w+", line) for line in lines)
            url = next(filter(None, found))[0]
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield url
        finally:
            process.terminate()


@contextmanager
def _chromium() -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser.new_page(viewport={"width": 1400, "height": 1500})
        browser.close()


def _open(page: Page, url: str, notebook: str) -> None:
    page.goto(url.replace("/lab?", f"/lab/tree/{notebook}?reset&"))
    for name in ("Select", "No"):
        button = page.get_by_role("button", name=name, exact=True)
        page.add_locator_handler(button, lambda found: found.click())
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
    page.get_by_text("| Idle").wait_for(timeout=60_000)
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.locator(".al-session svg.al-timeline").wait_for(timeout=120_000)
    page.evaluate(_WATCH)
    # The first touch has the other windows replayed in the background.
    _handle(page, "threshold")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(_AHEAD_SECONDS * 1000)


def _handle(page: Page, knob: str) -> Locator:
    label = page.get_by_text(knob, exact=True)
    slider = page.locator(".al-session .widget-slider").filter(has=label)
    handle = slider.locator(".noUi-handle").first
    handle.focus()
    return handle


def _moves(page: Page, knob: str, keys: Sequence[str], seen: set[str]) -> list[float]:
    """Return how long each key took that led to a setting not seen before."""
    handle = _handle(page, knob)
    took = []
    for key in keys:
        before, stood = page.evaluate(_VIEWS), handle.get_attribute("aria-valuenow")
        page.keyboard.press(key)
        if handle.get_attribute("aria-valuenow") == stood:
            continue  # the slider's end
        page.wait_for_function(f"before => ({_VIEWS})() !== before", arg=before, timeout=60_000)
        page.wait_for_function(
            f"() => performance.now() - window.move.last > {_SETTLED_MS}", timeout=60_000
        )
        after = page.evaluate(_VIEWS)
        if after not in seen:
            took.append(page.evaluate("() => window.move.last - window.move.start"))
        seen |= {before, after}
    return took


if __name__ == "__main__":
    bench_session()
