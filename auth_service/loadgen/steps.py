"""How many logins can the service do?  ``python -m auth_service.loadgen.steps --out FILE``.

Without ``--target`` it starts the service, with the service's own flags behind ``--``:

    python -m auth_service.loadgen.steps --out steps.json -- --hash-workers 2

The steps go into the file as JSON, the table and the verdict to stdout, progress to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from tqdm import tqdm

from alertlab.errors import BadInput
from alertlab.files import replacing
from auth_service.cli import Parser, run_command
from auth_service.loadgen.__main__ import positive, rate_from_zero
from auth_service.loadgen.closed_loop import LoadStep, drive_steps
from auth_service.loadgen.step_report import draw_steps, fit_steps, steps_table, verdict
from auth_service.stack import run_service

CONCURRENCIES = (1, 2, 3, 4, 6, 8, 12, 16)
_LEAST_STEPS = 4  # three parameters are fitted

CLOSED_LOOP = (
    "Closed loop: a caller asks again when it is answered, so slow answers delay the calls behind "
    "them.\nThroughput is the service's limit; latencies are those of this many callers, not of "
    "users who come at a rate."
)


def parse_steps(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line.  Raises BadInput."""
    parser = Parser(
        "auth_service.loadgen.steps", description="Drive logins in steps of concurrency."
    )
    parser.add_argument("--out", type=Path, required=True, help="the JSON file of the steps")
    parser.add_argument("--picture", type=Path, help="a PNG file to draw")
    parser.add_argument("--target", metavar="HOST:PORT", help="the gRPC address of a service")
    parser.add_argument("--metrics-url", metavar="URL", help="its metrics, with --target")
    parser.add_argument(
        "--concurrency",
        type=_concurrencies,
        default=CONCURRENCIES,
        metavar="N,N,...",
        help="callers of each step",
    )
    parser.add_argument("--step-seconds", type=positive, default=15.0, help="that are measured")
    parser.add_argument(
        "--warm-up-seconds", type=rate_from_zero, default=3.0, help="before each step"
    )
    parser.add_argument(
        "service_flags", nargs="*", metavar="-- SERVICE FLAGS", help="of python -m auth_service"
    )
    flags = parser.parse_args(arguments)
    if bool(flags.target) != bool(flags.metrics_url):
        raise BadInput("--target and --metrics-url belong together; give both or none")
    if flags.target and flags.service_flags:
        raise BadInput("flags of the service behind -- are of no use with --target; leave one out")
    for path in filter(None, (flags.out, flags.picture)):
        if not path.parent.is_dir() or path.is_dir():
            raise BadInput(f"{path} cannot be written: give a file in a folder that exists")
    return flags


def run_steps() -> None:
    """Drive the steps that the command line describes, write them and say what they mean."""
    mpl.use("agg")
    flags = parse_steps()
    started = datetime.now(UTC)
    with ExitStack() as open_until_driven:
        target, metrics_url = flags.target, flags.metrics_url
        if target is None:
            folder = Path(open_until_driven.enter_context(tempfile.TemporaryDirectory()))
            # Callers shall wait for a hash worker, not for a thread that takes their call.
            threads = f"--workers={max(flags.concurrency) + 2}"
            service = run_service(folder, threads, *flags.service_flags)
            _, target, metrics_url, _ = open_until_driven.enter_context(service)
        total = len(flags.concurrency) * (flags.step_seconds + flags.warm_up_seconds)
        bar = open_until_driven.enter_context(
            tqdm(desc="steps", total=total, unit="s", leave=False, disable=None)
        )
        hash_workers, steps = asyncio.run(
            drive_steps(
                target,
                metrics_url,
                flags.concurrency,
                step_seconds=flags.step_seconds,
                warm_up_seconds=flags.warm_up_seconds,
                done=bar.update,
            )
        )
    settings = {
        "started": started.isoformat(timespec="seconds"),
        "target": flags.target,
        "service_flags": flags.service_flags,
        "step_seconds": flags.step_seconds,
        "warm_up_seconds": flags.warm_up_seconds,
        "hash_workers": hash_workers,
    }
    write_steps(flags.out, settings, steps)
    fit = fit_steps(steps)
    print(steps_table(steps, hash_workers), verdict(fit, steps), CLOSED_LOOP, sep="\n\n")
    if flags.picture:
        with replacing(flags.picture) as draft:
            draw_steps(steps, fit, hash_workers, draft)


def write_steps(out: Path, settings: dict[str, Any], steps: Sequence[LoadStep]) -> None:
    """Write a load test as JSON, whole or not at all."""
    document = {"loop": "closed", "settings": settings, "steps": [asdict(one) for one in steps]}
    with replacing(out) as draft:
        draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _concurrencies(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 0 < int(part) <= 1_000 for part in parts):
        raise argparse.ArgumentTypeError(
            f"{text} is not a list of whole numbers from 1 to 1000, such as 1,2,4,8"
        )
    found = tuple(map(int, parts))
    if len(set(found)) < max(_LEAST_STEPS, len(found)):
        raise argparse.ArgumentTypeError(
            f"{text} does not tell the law: give {_LEAST_STEPS} different numbers or more, "
            "each once"
        )
    return found


if __name__ == "__main__":
    sys.exit(run_command("auth_service.loadgen.steps", run_steps))
