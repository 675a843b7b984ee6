"""Which gRPC codes count as good, as bad, or not at all: data, not habit.

The codes and their numbers are those of gRPC's status codes (grpc/status.proto, code.proto); Python
and Java write them INVALID_ARGUMENT, Go InvalidArgument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alertlab.errors import BadInput, known_name

CODE_LABEL = "grpc_code"
"""The label in which gRPC interceptors for Prometheus write a call's code."""

GOOD, BAD, EXCLUDED = "good", "bad", "excluded"
VERDICTS = (GOOD, BAD, EXCLUDED)

# Go has no underscores, and one l in Canceled.
_SPELLINGS = {
    "OK": ("OK",),
    "CANCELLED": ("CANCELLED", "Canceled", "Cancelled"),
    "UNKNOWN": ("UNKNOWN", "Unknown"),
    "INVALID_ARGUMENT": ("INVALID_ARGUMENT", "InvalidArgument"),
    "DEADLINE_EXCEEDED": ("DEADLINE_EXCEEDED", "DeadlineExceeded"),
    "NOT_FOUND": ("NOT_FOUND", "NotFound"),
    "ALREADY_EXISTS": ("ALREADY_EXISTS", "AlreadyExists"),
    "PERMISSION_DENIED": ("PERMISSION_DENIED", "PermissionDenied"),
    "RESOURCE_EXHAUSTED": ("RESOURCE_EXHAUSTED", "ResourceExhausted"),
    "FAILED_PRECONDITION": ("FAILED_PRECONDITION", "FailedPrecondition"),
    "ABORTED": ("ABORTED", "Aborted"),
    "OUT_OF_RANGE": ("OUT_OF_RANGE", "OutOfRange"),
    "UNIMPLEMENTED": ("UNIMPLEMENTED", "Unimplemented"),
    "INTERNAL": ("INTERNAL", "Internal"),
    "UNAVAILABLE": ("UNAVAILABLE", "Unavailable"),
    "DATA_LOSS": ("DATA_LOSS", "DataLoss"),
    "UNAUTHENTICATED": ("UNAUTHENTICATED", "Unauthenticated"),
}
CODES = tuple(_SPELLINGS)
"""All codes that gRPC has, as Python writes them."""

_CODE_OF = {written: code for code, spellings in _SPELLINGS.items() for written in spellings}

_SERVER = (
    "UNKNOWN", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNIMPLEMENTED", "DEADLINE_EXCEEDED",
)  # fmt: skip


def code_of(written: str) -> str | None:
    """Return the code that a label value or a file means, in either spelling; None if none."""
    return _CODE_OF.get(written)


@dataclass(frozen=True)
class CodePolicy:
    """What each gRPC code counts as; ``verdicts`` has one of VERDICTS for every one of CODES."""

    name: str
    verdicts: tuple[tuple[str, str], ...]

    def spellings(self, *verdicts: str) -> tuple[str, ...]:
        """Return how the codes with these verdicts may be written, all spellings of each."""
        return tuple(
            written
            for code, verdict in self.verdicts
            if verdict in verdicts
            for written in _SPELLINGS[code]
        )

    def codes(self, verdict: str) -> tuple[str, ...]:
        """Return the codes with a verdict, in gRPC's order."""
        return tuple(code for code, found in self.verdicts if found == verdict)


class WrongPolicy(BadInput):
    """A policy that cannot be; ``key`` is the verdict or ``rest`` it is about, empty for all."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(why)
        self.key = key


def make_policy(name: str, codes: Mapping[str, Sequence[str]], rest: str) -> CodePolicy:
    """Return the policy that gives each verdict its ``codes`` and all others the verdict ``rest``.

    ``rest`` may be empty where every code is named.  Raises BadInput for an unknown verdict;
    WrongPolicy for an unknown code, for one that has two verdicts, and for codes without any.
    """
    verdict_of: dict[str, str] = {}
    for verdict, named in codes.items():
        known_name(verdict, VERDICTS, "verdict")
        for written in named:
            code = code_of(written)
            if code is None:
                known = ", ".join(CODES)
                raise WrongPolicy(verdict, f"unknown gRPC code {written!r}; there are: {known}")
            if verdict_of.setdefault(code, verdict) != verdict:
                both = f"{verdict_of[code]} and {verdict}"
                raise WrongPolicy(verdict, f"{written} is both {both}; choose one")
    left = [code for code in CODES if code not in verdict_of]
    if left and not rest:
        raise WrongPolicy(
            "",
            f"nothing is said of {', '.join(left)}; name them, or add rest: good, bad or excluded",
        )
    if left and rest not in VERDICTS:
        known = ", ".join(VERDICTS)
        raise WrongPolicy("rest", f"unknown verdict {rest!r}; there are: {known}")
    verdict_of |= dict.fromkeys(left, rest)
    if BAD not in verdict_of.values() or GOOD not in verdict_of.values():
        raise WrongPolicy(
            "", "a policy needs good codes and bad ones, or nothing can be learnt by it"
        )
    return CodePolicy(name, tuple((code, verdict_of[code]) for code in CODES))


def _shipped(policies: Iterable[CodePolicy]) -> dict[str, CodePolicy]:
    return {one.name: one for one in policies}


POLICIES = _shipped(
    [
        make_policy("strict", {GOOD: ["OK"]}, BAD),
        make_policy("server-fault", {BAD: _SERVER, EXCLUDED: ["CANCELLED"]}, GOOD),
        make_policy(
            "user-visible", {BAD: (*_SERVER, "RESOURCE_EXHAUSTED"), EXCLUDED: ["CANCELLED"]}, GOOD
        ),
    ]
)
"""The policies that are always there.

strict : everything but OK is bad.  server-fault : what the server is to blame for; answers such as
NotFound are good.  user-visible : as that, and being turned away by a limit is bad, too.
"""
