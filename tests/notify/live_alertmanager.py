"""A real Alertmanager that is given silences and alerts at their times."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import requests
from local_receivers import free_port

from alertlab.notify.sending import Post
from alertlab.notify.silences import Silence
from alertlab.notify.upkeep import Upkeep
from alertlab.units import SECOND_MS

# Short enough that a run of a minute sees entries of the log and resolved alerts forgotten.
LOG_SECONDS, ALERTS_SECONDS = 20, 15


class Live(NamedTuple):
    """A running Alertmanager."""

    url: str
    upkeep: Upkeep

    def silence(self, silences: Sequence[Silence]) -> None:
        """Create silences."""
        session = requests.Session()
        for one in silences:
            body = {
                "matchers": [
                    {
                        "name": m.name, "value": m.value,
                        "isRegex": m.op in ("=~", "!~"), "isEqual": m.op in ("=", "=~"),
                    }
                    for m in one.matchers
                ],
                "startsAt": iso(one.start_ms), "endsAt": iso(one.end_ms),
                "createdBy": "a test", "comment": "a test",
            }  # fmt: skip
            session.post(f"{self.url}/api/v2/silences", json=body, timeout=10).raise_for_status()

    def play(self, posts: Mapping[int, Sequence[Post]], begin_ms: int, end_ms: int) -> list[float]:
        """Send single posts at their times after ``begin_ms``, their own times moved likewise.

        Return how late they were in, seconds.
        """
        delays = []
        with requests.Session() as session:
            for after_ms, some in sorted(posts.items()):
                sleep_until(begin_ms + after_ms)
                body = [
                    {
                        "labels": dict(one.labels),
                        "startsAt": iso(begin_ms + one.start),
                        "endsAt": iso(begin_ms + one.end),
                    }
                    for one in some
                ]
                session.post(f"{self.url}/api/v2/alerts", json=body, timeout=10).raise_for_status()
                delays.append(time.time() - (begin_ms + after_ms) / SECOND_MS)
        sleep_until(end_ms)
        return delays


@contextmanager
def alertmanager(program: str, config: Path) -> Iterator[Live]:
    """Run a server on a free port with its data beside the configuration."""
    address, log = f"127.0.0.1:{free_port()}", config.with_suffix(".log")
    with log.open("w") as file:
        process = subprocess.Popen(
            [
                program, f"--config.file={config}", f"--storage.path={config.with_suffix('.data')}",
                f"--web.listen-address={address}", "--cluster.listen-address=",
                f"--data.maintenance-interval={LOG_SECONDS}s",
                f"--alerts.gc-interval={ALERTS_SECONDS}s",
            ],
            stdout=file, stderr=file,
        )  # fmt: skip
    try:
        for _ in range(200):
            try:
                requests.get(f"http://{address}/-/ready", timeout=1).raise_for_status()
                break
            except requests.RequestException:
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)
        started = re.search(
            r'time=(\S+) .*"Listening on"|ts=(\S+) .*"Listening on"', log.read_text()
        )
        assert started is not None, log.read_text()
        started_at = datetime.fromisoformat(started[1] or started[2])
        upkeep = Upkeep(
            started_ms=round(started_at.timestamp() * SECOND_MS),
            log_interval_ms=LOG_SECONDS * SECOND_MS,
            alerts_interval_ms=ALERTS_SECONDS * SECOND_MS,
        )
        yield Live(f"http://{address}", upkeep)
    finally:
        process.terminate()
        process.wait(10)


def sleep_until(at_ms: int) -> None:
    """Wait for a time of the wall clock."""
    time.sleep(max(0.0, at_ms / SECOND_MS - time.time()))


def iso(at_ms: int) -> str:
    """Write a time as the API takes it."""
    return datetime.fromtimestamp(at_ms / SECOND_MS, UTC).isoformat(timespec="milliseconds")
