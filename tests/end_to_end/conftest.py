"""The real service under a scripted load, watched by a real Prometheus, once for all tests."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alertlab.units import SECOND_MS, format_time
from auth_service.stack import (
    CHEAP_HASHING,
    generate_load,
    run_prometheus,
    run_service,
    watching,
)

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "notify"))

from live_rules import ALERTMANAGER, RULE, RULES
from rehearsing import wait_for_zeros, written

LOAD = (
    *("--duration", "75", "--seed", "11", "--users", "10", "--failed-logins-per-second", "0.1"),
    *("--failure-burst", "25:25:20"),
)


class Rehearsal(NamedTuple):
    """What happened (``account``, ``burst``), where it was seen, and the files for a notebook."""

    url: str
    account: dict[str, Any]
    burst: dict[str, Any]
    start_ms: int
    end_ms: int
    rules: Path
    alertmanager: Path
    incidents: Path

    def parameters(self) -> dict[str, str]:
        """Return what both notebooks are told."""
        return {
            "source": self.url,
            "rules": str(self.rules),
            "alertmanager": str(self.alertmanager),
            "incidents": str(self.incidents),
            "end": format_time(self.end_ms),
            "history": f"{(self.end_ms - self.start_ms) // SECOND_MS}s",
            "evaluation_interval": "1s",
        }


@pytest.fixture(scope="session")
def rehearsal(prometheus_bin: str, tmp_path_factory) -> Iterator[Rehearsal]:
    """Drive the load and wait until its last count was scraped; the server stays for queries."""
    folder = tmp_path_factory.mktemp("rehearsal")
    rules = written(folder / "rules.yml", RULES)
    start_ms = int(time.time()) * SECOND_MS
    with run_service(folder, *CHEAP_HASHING) as service:
        config = watching(service, scrape_interval="1s", rule_files=[rules])
        with run_prometheus(folder, config, program=prometheus_bin) as url:
            wait_for_zeros(url)
            account = generate_load(service, *LOAD)
            (burst,) = (one for one in account["phases"] if one["kind"] == "failure_burst")
            time.sleep(3)  # the last counts are scraped within a second
            incident = {
                "id": "burst",
                "start": format_time(round(burst["start"] * SECOND_MS)),
                "end": format_time(round(burst["end"] * SECOND_MS)),
                "severity": "warning",
                "should_alert": [RULE],
            }
            yield Rehearsal(
                url,
                account,
                burst,
                start_ms,
                int(time.time()) * SECOND_MS,
                rules,
                written(folder / "alertmanager.yml", ALERTMANAGER),
                written(folder / "incidents.yml", [incident]),
            )
