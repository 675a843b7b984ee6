"""Run the command line in this process, on a small recording."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from alertlab.cli import main
from alertlab.frame import Series
from alertlab.sources import RecordingWriter
from alertlab.units import MINUTE_MS

sys.path.insert(0, str(Path(__file__).parent))

from scenes import ROUTES, RULES, START_MS, Invoke


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Invoke:
    """Run the command line in this process: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["alertlab", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A folder with a recording (a queue of 9 for ten minutes), rules, routes and incidents."""
    times = START_MS + MINUTE_MS * np.arange(60)
    values = np.where((np.arange(60) >= 20) & (np.arange(60) < 30), 9.0, 1.0)
    with RecordingWriter(
        tmp_path / "recording", origin="a test", scrape_interval_ms=MINUTE_MS, synthetic=True
    ) as writer:
        writer.add_day(
            [
                Series((("__name__", "queue_length"),), times, values),
                Series((("__name__", "up"),), times, np.ones(60)),
            ]
        )
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "routes.yml").write_text(ROUTES)
    (tmp_path / "incidents.yml").write_text(
        "- {id: one, start: 2024-10-04T00:20:00Z, end: 2024-10-04T00:30:00Z, severity: critical}\n"
    )
    return tmp_path
