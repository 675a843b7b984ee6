"""A recording, served as a user would serve it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from alertlab.frame import Series
from alertlab.sources import RecordingWriter

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "promql"))

from served_recording import recorded_series, serving


@pytest.fixture(scope="session")
def series() -> list[Series]:
    """What the recording holds."""
    return recorded_series()


@pytest.fixture(scope="session")
def recording_path(series, tmp_path_factory) -> Path:
    """The recording's folder."""
    path = tmp_path_factory.mktemp("serve") / "rec"
    with RecordingWriter(
        path, origin="a test", scrape_interval_ms=15_000, synthetic=True
    ) as writer:
        writer.add_day(series)
    return path


@pytest.fixture(scope="session")
def served(recording_path) -> Iterator[Callable[[int], str]]:
    """A function that gives the URL of the recording, served in one of the semantics."""
    urls: dict[int, str] = {}
    with ExitStack() as running:

        def url(semantics: int) -> str:
            if semantics not in urls:
                options = "--semantics", str(semantics)
                urls[semantics] = running.enter_context(serving(recording_path, *options))[1]
            return urls[semantics]

        yield url
