"""Drive a running service: ``python -m auth_service.loadgen --target HOST:PORT --duration 60``.

The account of what was done goes to stdout as JSON, progress to stderr.  Times on the command
line are seconds; a spell's start counts from the beginning of the load, after the users exist.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

from alertlab.errors import BadInput
from auth_service.cli import Parser, run_command
from auth_service.loadgen.drive import drive
from auth_service.loadgen.plan import FailureBurst, Load, SlowSpell

# flag, action of drive.Driver, default rate per second, help
RATES = (
    ("logins", "login", 2.0, "good logins"),
    ("validations", "validate", 20.0, "checks of a session's access token"),
    ("refreshes", "refresh", 1.0, "refreshes of a session"),
    ("revocations", "revoke", 0.2, "sessions ended"),
    ("bad-tokens", "bad_token", 0.1, "checks of a revoked or malformed token"),
)


def parse_load(arguments: list[str] | None = None) -> tuple[argparse.Namespace, Load]:
    """Read the command line.  Raises BadInput."""
    parser = Parser("auth_service.loadgen", description="Drive the authentication service.")
    parser.add_argument("--target", required=True, metavar="HOST:PORT", help="the gRPC address")
    parser.add_argument("--duration", type=positive, default=60.0, help="seconds of load")
    parser.add_argument("--users", type=_count, default=20, help="users created first")
    for name, action, rate, what in RATES:
        parser.add_argument(
            f"--{name}-per-second", dest=action, type=rate_from_zero, default=rate, help=what
        )
    parser.add_argument(
        "--failed-logins-per-second",
        type=rate_from_zero,
        default=0.1,
        help="logins that fail at all times",
    )
    parser.add_argument(
        "--failure-burst",
        type=_spell(FailureBurst),
        action="append",
        default=[],
        metavar="START:DURATION:RATE",
        help="extra failing logins per second; may be repeated",
    )
    parser.add_argument(
        "--slow-spell",
        type=_spell(SlowSpell),
        action="append",
        default=[],
        metavar="START:DURATION:DELAY_MS",
        help="a slower store, through the service's --fault-file; may be repeated",
    )
    parser.add_argument("--fault-file", type=Path, help="the file that the service watches")
    parser.add_argument("--seed", type=_count, default=1, help="of the schedule and the choices")
    flags = parser.parse_args(arguments)
    if flags.slow_spell and not (flags.fault_file and flags.fault_file.parent.is_dir()):
        raise BadInput(
            "--slow-spell needs --fault-file in a folder that exists; give the service's"
        )
    return flags, Load(
        duration_seconds=flags.duration,
        users=flags.users,
        rates_per_second={action: getattr(flags, action) for _, action, _, _ in RATES},
        failed_logins_per_second=flags.failed_logins_per_second,
        failure_bursts=tuple(flags.failure_burst),
        slow_spells=tuple(flags.slow_spell),
        seed=flags.seed,
    )


def generate_load() -> None:
    """Drive the load that the command line describes and print the account."""
    flags, load = parse_load()
    account = asyncio.run(drive(load, flags.target, flags.fault_file))
    print(json.dumps({"target": flags.target, "seed": load.seed, **account.summary()}, indent=2))


def rate_from_zero(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 up")
    return value


def positive(text: str) -> float:
    value = rate_from_zero(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 is too short; give more seconds")
    return value


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return int(text)


def _spell(kind: type[NamedTuple]):
    def parse(text: str) -> Any:
        parts = text.split(":")
        if len(parts) != len(kind._fields):
            raise argparse.ArgumentTypeError(f"{text} is not of the form {':'.join(kind._fields)}")
        return kind(*map(rate_from_zero, parts))

    return parse


if __name__ == "__main__":
    sys.exit(run_command("auth_service.loadgen", generate_load))
