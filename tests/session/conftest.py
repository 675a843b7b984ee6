"""A session on a small history."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alertlab.frame import Series
from alertlab.incidents import load_incidents
from alertlab.rules import load_rules
from alertlab.session import TuningSession
from alertlab.sources import RecordingWriter, open_source
from alertlab.tuning import Yardstick
from alertlab.units import DAY_MS, MINUTE_MS

sys.path.insert(0, str(Path(__file__).parent))

from session_history import DAYS, INCIDENTS, RULES, START_MS, history


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history on disk."""
    folder = tmp_path_factory.mktemp("session") / "recording"
    with RecordingWriter(
        folder, origin="a test", scrape_interval_ms=MINUTE_MS, synthetic=True
    ) as writer:
        for day in range(DAYS):
            first = START_MS + day * DAY_MS
            cuts = [
                (one, slice(*np.searchsorted(one.times, [first, first + DAY_MS])))
                for one in history()
            ]
            writer.add_day(
                [Series(one.labels, one.times[cut], one.values[cut]) for one, cut in cuts]
            )
    return folder


@pytest.fixture
def open_session(recording: Path, tmp_path: Path) -> Callable[..., TuningSession]:
    """A function that opens a session on the history, with rules and incidents in files."""
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "incidents.yml").write_text(INCIDENTS)

    def opened(name: str = "TooMany", **options: object) -> TuningSession:
        rules = load_rules(tmp_path / "rules.yml")
        wanted = {
            "yardstick": Yardstick(
                load_incidents(tmp_path / "incidents.yml"), time_zone="Asia/Seoul"
            ),
            "incidents_file": tmp_path / "incidents.yml",
            "out": tmp_path / "out",
            "number": [rule.name for rule in rules].index(name),
        }
        return TuningSession(
            rules, open_source(str(recording)), START_MS, START_MS + DAYS * DAY_MS - MINUTE_MS,
            **wanted | options,
        )  # fmt: skip

    return opened


@pytest.fixture
def session(open_session: Callable[..., TuningSession]) -> TuningSession:
    """A session with the rule TooMany on the table."""
    return open_session()
