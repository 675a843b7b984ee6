"""What an operator can set, with defaults, bounds and help in one place."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from argon2.profiles import RFC_9106_LOW_MEMORY

from alertlab.errors import BadInput

# From Python 3.13 on: the cores that this process may use; before: those of the machine.
_CORES = getattr(os, "process_cpu_count", os.cpu_count)() or 1


def _about(kind: type, help_text: str, low: float | None = None) -> dict[str, Any]:
    return {"kind": kind, "help": help_text, "low": low}


@dataclass(frozen=True)
class Settings:
    """The service's settings; each is a flag of ``python -m auth_service``.

    Raises BadInput when a number is below its lower bound.
    """

    database_url: str = field(
        default="sqlite://",
        metadata=_about(
            str, "SQLAlchemy URL; the default lives in memory and ends with the process"
        ),
    )
    issuer: str = field(default="immersiverse-auth", metadata=_about(str, "the tokens' iss claim"))
    access_token_lifetime_seconds: int = field(
        default=900, metadata=_about(int, "validity of an access token", 1)
    )
    refresh_token_lifetime_seconds: int = field(
        default=30 * 86_400, metadata=_about(int, "validity of a refresh token", 1)
    )
    # RFC 9106, section 4, second recommended option: 64 MiB a hash.
    argon2_time_cost: int = field(
        default=RFC_9106_LOW_MEMORY.time_cost,
        metadata=_about(int, "Argon2id passes over the memory", 1),
    )
    argon2_memory_kib: int = field(
        default=RFC_9106_LOW_MEMORY.memory_cost,
        metadata=_about(int, "Argon2id memory in KiB; every busy hash worker needs that much", 8),
    )
    argon2_parallelism: int = field(
        default=RFC_9106_LOW_MEMORY.parallelism,
        metadata=_about(int, "Argon2id lanes; each needs 8 KiB of the memory", 1),
    )
    workers: int = field(
        default=16, metadata=_about(int, "RPCs handled at the same time; further ones wait", 1)
    )
    hash_workers: int = field(
        default=_CORES,
        metadata=_about(
            int,
            "passwords hashed at the same time, further hashes wait in line; the default is the "
            "machine's cores, whatever a container's CPU limit says",
            1,
        ),
    )
    grace_seconds: float = field(
        default=10.0,
        metadata=_about(float, "how long a stop waits for RPCs in flight; then it cancels them", 0),
    )
    fault_file: Path | None = field(
        default=None,
        metadata=_about(
            Path,
            "FOR EXPERIMENTS: while this file exists, every store transaction is delayed by the "
            "milliseconds written in it",
        ),
    )

    def __post_init__(self) -> None:
        for spec in fields(self):
            low, value = spec.metadata["low"], getattr(self, spec.name)
            # "not >=" rather than "<", so that NaN is refused too.
            if low is not None and not value >= low:
                raise BadInput(f"{spec.name} is {value:g}; it must be at least {low}")
        if self.argon2_memory_kib < 8 * self.argon2_parallelism:
            raise BadInput(
                f"argon2_memory_kib is {self.argon2_memory_kib}; {self.argon2_parallelism} lanes "
                f"need at least {8 * self.argon2_parallelism}"
            )
