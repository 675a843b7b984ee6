"""The service, its load and a Prometheus that watches it, as processes on free ports.

For rehearsals and tests: each context manager starts one program in a folder of its own, waits
until it answers, and stops it at the end.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from alertlab.errors import ServerError

MONITORING = Path(__file__).parent / "monitoring"
JOB = "auth-service"
# The smallest cost that Argon2 has: a rehearsal is about counts and rates, not about hashing, and
# the machine has other things to do.
CHEAP_HASHING = ("--argon2-time-cost=1", "--argon2-memory-kib=8", "--argon2-parallelism=1")
_PATIENCE_SECONDS = 60.0


class Service(NamedTuple):
    """A running service: where it speaks gRPC, where its metrics are, what it said."""

    popen: subprocess.Popen[str]
    target: str
    metrics_url: str
    log: Path


@contextmanager
def run_service(folder: Path, *flags: str) -> Iterator[Service]:
    """Run ``python -m auth_service`` on free ports; SIGTERM ends it."""
    command = [sys.executable, "-m", "auth_service", "--listen", "127.0.0.1:0"]
    command += ["--metrics-port", "0", *flags]
    with _process(command, folder, "service") as (popen, log):
        _wait_until(lambda: "metrics on" in log.read_text(), popen, log)
        found = re.search(r"gRPC on (\S+)\nmetrics on (\S+)\n", log.read_text())
        yield Service(popen, found[1], found[2], log)


@contextmanager
def run_prometheus(
    folder: Path, config: dict[str, Any], *flags: str, program: str
) -> Iterator[str]:
    """Run a Prometheus whose data lie in ``folder/data``; gives its URL."""
    config_file = folder / "prometheus.yml"
    with config_file.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(config, file)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = [f"--config.file={config_file}", f"--storage.tsdb.path={folder / 'data'}"]
    # Without a long retention old samples are deleted at the start.
    options += ["--storage.tsdb.retention.time=10y", f"--web.listen-address={address}"]
    with _process([program, *options, *flags], folder, "prometheus") as (popen, log):
        _wait_until(lambda: _answers(f"http://{address}/-/ready"), popen, log)
        yield f"http://{address}"


def find_prometheus() -> str:
    """Return the installed Prometheus.  Raises ServerError if there is none."""
    found = shutil.which("prometheus")
    if found is None:
        raise ServerError("prometheus is not installed; on Debian: apt-get install prometheus")
    return found


def watching(
    service: Service, *, scrape_interval: str, rule_files: Sequence[Path] = ()
) -> dict[str, Any]:
    """Return the configuration of ``monitoring/prometheus.yml`` for one running service.

    Its job for the service stays, with this target and these intervals; the other jobs,
    which have nothing to find here, and the Alertmanager are left out.
    """
    config = YAML(typ="safe").load((MONITORING / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] |= {
        "scrape_interval": scrape_interval,
        "scrape_timeout": scrape_interval,
        "evaluation_interval": scrape_interval,
    }
    config["rule_files"] = [str(path.resolve()) for path in rule_files]
    del config["alerting"]
    (job,) = (one for one in config["scrape_configs"] if one["job_name"] == JOB)
    address = service.metrics_url.removeprefix("http://").removesuffix("/metrics")
    job["static_configs"] = [{"targets": [address]}]
    config["scrape_configs"] = [job]
    return config


def generate_load(service: Service, *flags: str) -> dict[str, Any]:
    """Run the load generator to its end and return its account.  Raises ServerError."""
    done = subprocess.run(
        [sys.executable, "-m", "auth_service.loadgen", "--target", service.target, *flags],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise ServerError(f"the load generator failed: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


@contextmanager
def _process(
    command: Sequence[str], folder: Path, name: str
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    log = folder / f"{name}.log"
    with log.open("w", encoding="utf-8") as output:
        popen = subprocess.Popen(command, stdout=output, stderr=output, text=True)
    try:
        yield popen, log
    finally:
        popen.terminate()
        try:
            popen.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()


def _wait_until(condition: Callable[[], object], popen: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if popen.poll() is not None or time.monotonic() > deadline:
            words = log.read_text(encoding="utf-8").strip().splitlines()[-1:]
            raise ServerError(f"{log.stem} did not start: {' '.join(words) or 'without a word'}")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
