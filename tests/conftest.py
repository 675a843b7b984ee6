"""Shared fixtures: the real programs that judge this project, and where test data lies."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from playwright.sync_api import Page, sync_playwright

from alertlab.frame import STALE_NAN, Frame, Series
from alertlab.promql import MAX_SAMPLES, Matcher, evaluate, matches_all, parse_selector
from alertlab.units import label_set

ROOT = Path(__file__).resolve().parent.parent
LONGEST = ("test_project.py", "test_promtool.py", "test_oracle_verdicts.py", "test_truth.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest modules begin, so that no core waits for one of them at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def _program(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    missing = f"{names[0]} is not installed (make test installs it as root on Debian)"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def _built(module: str, program: str, what: str) -> str:
    """Return a program that ``make judges`` has built; without Go there is none, in CI neither."""
    command = [ROOT / "tools" / "judges.sh", "where", module]
    folder = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    found = Path(folder, program)
    if not found.exists():
        pytest.skip(f"{what} is not at hand: make judges builds it where Go is installed")
    return str(found)


def _version(program: str) -> tuple[int, int]:
    """Return major and minor version; a build that does not know its own is taken for a new one."""
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    number = re.search(r"version (\d+)\.(\d+)", said.stdout)
    return (int(number[1]), int(number[2])) if number else (3, 0)


@pytest.fixture(scope="session")
def prometheus_bin() -> str:
    """A real Prometheus server; ``PROMETHEUS_BIN`` overrides the installed one."""
    return os.environ.get("PROMETHEUS_BIN") or _program("prometheus")


@pytest.fixture(scope="session")
def prometheus2_bin() -> str:
    """A Prometheus 2.42, the judge of semantics 2: ``PROMETHEUS_BIN`` or the installed one."""
    given = os.environ.get("PROMETHEUS_BIN")
    program = given if given and _version(given) < (3, 0) else _program("prometheus")
    major, minor = _version(program)
    if (major, minor) != (2, 42):
        pytest.skip(f"Prometheus 2.42 is not at hand: {program} is {major}.{minor}")
    return program


@pytest.fixture(scope="session")
def prometheus3_bin() -> str:
    """A Prometheus 3, the judge of semantics 3: ``PROMETHEUS_BIN`` or what make judges built."""
    given = os.environ.get("PROMETHEUS_BIN")
    if given and _version(given) >= (3, 0):
        return given
    return _built("prometheus", "prometheus", "Prometheus 3")


class Server(NamedTuple):
    """A program and the semantics in which it answers."""

    program: str
    semantics: int


@pytest.fixture(scope="session", params=[2, 3], ids=["2.42", "3"])
def server(request: pytest.FixtureRequest) -> Server:
    """Prometheus 2.42, then Prometheus 3: each test runs against both that are at hand."""
    return Server(request.getfixturevalue(f"prometheus{request.param}_bin"), request.param)


@pytest.fixture(scope="session")
def promtool3() -> str:
    """The promtool of a current Prometheus."""
    return _built("prometheus", "promtool", "promtool 3")


@pytest.fixture(scope="session")
def current_alertmanager_bin() -> str:
    """A current Alertmanager; the installed one is years older."""
    return _built("alertmanager", "alertmanager", "a current Alertmanager")


@pytest.fixture(scope="session")
def current_amtool() -> str:
    """The amtool of a current Alertmanager."""
    return _built("alertmanager", "amtool", "a current amtool")


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own checker and rule tester."""
    return _program("promtool")


@pytest.fixture(scope="session")
def alertmanager_bin() -> str:
    """A real Alertmanager."""
    return _program("prometheus-alertmanager", "alertmanager")


@pytest.fixture(scope="session")
def amtool() -> str:
    """Alertmanager's own checker."""
    return _program("amtool")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's browser."""
    return _program("chromium", "chromium-browser")


@pytest.fixture(scope="session")
def oracles() -> Path:
    """The folder of third-party test data, which is not part of the repository."""
    folder = Path(os.environ.get("ALERTLAB_ORACLES") or ROOT.parent / "shared" / "oracles")
    if not folder.is_dir():
        pytest.skip("oracle data not found (set ALERTLAB_ORACLES or provide ../shared/oracles)")
    return folder


class MemorySource:
    """Raw series in memory as a source, so that every stage can be fed seven-point literals."""

    def __init__(self, series: list[Series], *, start_ms: int = 0, semantics: int = 3) -> None:
        self._series, self.semantics = series, semantics
        self.max_samples = MAX_SAMPLES
        self.start_ms = start_ms
        self.end_ms = max((int(one.times[-1]) for one in series), default=0)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Series]:
        """Return the matching series cut to [start, end]."""
        found = []
        for one in self._series:
            if matches_all(matchers, one.labels):
                inside = (one.times >= start_ms) & (one.times <= end_ms)
                found.append(Series(one.labels, one.times[inside], one.values[inside]))
        return found

    def range_query(self, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Frame:
        """Evaluate an expression on a regular grid."""
        times = np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)
        return evaluate(expr, self.select, times, semantics=self.semantics)

    def series(
        self, selector: str, start_ms: int, end_ms: int, *, stale_markers: bool = True
    ) -> list[Series]:
        """Return the raw samples of a selector, its markers among them as in a recording."""
        return self.select(parse_selector(selector), start_ms, end_ms)


def make_series(text: str, values: str, step_ms: int = 60_000, start_ms: int = 0) -> Series:
    """Build a series from ``name{a="b"}`` and values such as ``1 2 _ stale NaN``."""
    matchers = parse_selector(text)
    labels = label_set({m.name: m.value for m in matchers})
    words = values.split()
    kept = [(i, word) for i, word in enumerate(words) if word != "_"]
    samples = [STALE_NAN if word == "stale" else float(word) for _, word in kept]
    times = start_ms + step_ms * np.array([i for i, _ in kept], np.int64)
    return Series(labels, times, np.array(samples, np.float64))


@pytest.fixture(scope="session")
def memory_source() -> type[MemorySource]:
    """The class of in-memory sources."""
    return MemorySource


@pytest.fixture(scope="session")
def series_of() -> Callable[..., Series]:
    """A function that builds a series from Prometheus' own test notation."""
    return make_series


@pytest.fixture
def open_in_lab(chromium: str) -> Iterator[Callable[[Path, int, int], Page]]:
    """A function that opens a notebook in a JupyterLab of its folder: path, width, height."""
    with ExitStack() as stack:

        def open_notebook(path: Path, width: int, height: int) -> Page:
            url = stack.enter_context(_running_lab(path.parent))
            driver = stack.enter_context(sync_playwright())
            browser = driver.chromium.launch(
                executable_path=chromium,
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            stack.callback(browser.close)
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(url.replace("/lab?", f"/lab/tree/{path.name}?reset&"))
            # JupyterLab asks for the kernel, and whether to fetch news, only sometimes.
            for name in ("Select", "No"):
                button = page.get_by_role("button", name=name, exact=True)
                page.add_locator_handler(button, lambda found: found.click())
            page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
            page.get_by_text("| Idle").wait_for(timeout=60_000)
            return page

        yield open_notebook


@contextmanager
def _running_lab(folder: Path) -> Iterator[str]:
    """Give the address, with the token, of a running ``alertlab lab``."""
    command = [sys.executable, "-m", "alertlab", "lab", "--no-browser", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr:
                if found := re.search(r"http://127\.0\.0\.1:\d+/lab\?token=\w+", line):
                    # What it says later must not fill the pipe.
                    threading.Thread(target=process.stderr.read, daemon=True).start()
                    yield found[0]
                    break
            else:
                pytest.fail("JupyterLab ended before it printed its address")
        finally:
            process.terminate()
