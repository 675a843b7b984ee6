"""The fake server as a fixture, and no credentials from outside."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from alertlab.sources import prometheus

sys.path.insert(0, str(Path(__file__).parent))

from fake_prometheus import FakePrometheus


@pytest.fixture
def fake(monkeypatch) -> Iterator[FakePrometheus]:
    """A server under the test's command; retries of requests to it do not wait."""
    monkeypatch.setattr(prometheus, "_RETRY", prometheus._RETRY.new(backoff_factor=0))
    server = FakePrometheus()
    thread = Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.server.shutdown()
    server.server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def without_credentials(monkeypatch, tmp_path) -> None:
    """Nothing of the developer's own environment reaches a test."""
    for name in os.environ:
        if name.startswith("PROMETHEUS_") and name != "PROMETHEUS_BIN":
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
