"""What rehearsals share: waiting for the first scrape, writing configurations."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from alertlab.sources import PrometheusSource
from alertlab.units import SECOND_MS


def wait_for_zeros(url: str) -> None:
    """Return when the counters were scraped, so that their growth is counted from zero."""
    deadline = time.monotonic() + 30
    while True:
        now_ms = round(time.time() * SECOND_MS)
        frame = PrometheusSource(url).range_query("auth_login_failure_total", now_ms, now_ms, 1)
        if len(frame.labels):
            assert not frame.values.any()
            return
        assert time.monotonic() < deadline, "the service is not scraped"
        time.sleep(0.2)


def written(path: Path, document: Any) -> Path:
    """Write a YAML file."""
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(document, file)
    return path
