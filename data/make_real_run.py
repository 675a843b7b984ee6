"""Make ``recordings/real-run``: the real service under the load generator, watched by Prometheus.

Run from the repository's root (about five minutes)::

    python data/make_real_run.py

The service hashes passwords at Argon2's smallest cost, so that a small machine can answer the
whole load; a burst of failing logins and a slow store are scripted below.  The load generator's
account of what it truly did is kept beside the samples as ``account.json``, and nothing is kept
if the recorded counters disagree with it.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from alertlab.errors import RunError
from alertlab.sources import PrometheusSource, Recording
from alertlab.sources.record import record
from alertlab.units import SECOND_MS
from auth_service.cli import run_command
from auth_service.loadgen.account import disagreements
from auth_service.stack import (
    CHEAP_HASHING,
    JOB,
    find_prometheus,
    generate_load,
    run_prometheus,
    run_service,
    watching,
)

OUT = Path(__file__).parent / "recordings" / "real-run"
SCRAPE_INTERVAL_SECONDS = 2
LOAD = (
    *("--duration", "270", "--seed", "7", "--users", "20"),
    *("--logins-per-second", "2", "--validations-per-second", "10", "--bad-tokens-per-second", "1"),
    *("--failed-logins-per-second", "0.2"),
    *("--failure-burst", "60:40:20"),
    *("--slow-spell", "160:40:700"),
)


def make_real_run() -> None:
    """Run everything and write the recording; tell about it on stderr."""
    program = find_prometheus()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fault_file = folder / "slow"
        flags = (*CHEAP_HASHING, "--workers", "32", "--fault-file", str(fault_file))
        with run_service(folder, *flags) as service:
            config = watching(service, scrape_interval=f"{SCRAPE_INTERVAL_SECONDS}s")
            with run_prometheus(folder, config, program=program) as url:
                started = time.time()
                time.sleep(5 * SCRAPE_INTERVAL_SECONDS)  # zeros before the first call
                account = generate_load(service, *LOAD, "--fault-file", str(fault_file))
                time.sleep(3 * SCRAPE_INTERVAL_SECONDS)  # the last counts
                meta = record(
                    PrometheusSource(url),
                    [f'{{job="{JOB}"}}'],
                    round(started * SECOND_MS),
                    round(time.time() * SECOND_MS),
                    folder / OUT.name,
                    scrape_interval_ms=SCRAPE_INTERVAL_SECONDS * SECOND_MS,
                )
        made = folder / OUT.name
        check_counters(Recording.open(made), account)
        (made / "account.json").write_text(json.dumps(account, indent=1) + "\n")
        shutil.rmtree(OUT, ignore_errors=True)
        shutil.move(made, OUT)
    print(f"{OUT}: {meta['samples']} samples, {meta['bytes']} bytes", file=sys.stderr)


def check_counters(recording: Recording, account: dict) -> None:
    """Refuse a run whose last recorded counts are not the load generator's.  Raises RunError."""
    recorded = recording.series(f'{{job="{JOB}"}}', recording.start_ms, recording.end_ms)
    wrong = disagreements(account, recorded)
    if account["unanswered"] or wrong:
        raise RunError(
            f"{account['unanswered']} calls went unanswered and {len(wrong)} counters are not what "
            "the load generator made; run it again on a machine with less to do"
        )


if __name__ == "__main__":
    sys.exit(run_command("make_real_run", make_real_run))
