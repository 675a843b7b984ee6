"""Which gRPC codes count: the shipped policies, both spellings, and policies of one's own."""

from __future__ import annotations

import grpc
import pytest

from alertlab.errors import BadInput
from alertlab.slo import BAD, CODES, EXCLUDED, GOOD, POLICIES
from alertlab.slo.policies import code_of, make_policy

TABLE = """
UNKNOWN INTERNAL UNAVAILABLE DATA_LOSS UNIMPLEMENTED  | bad  bad      bad
DEADLINE_EXCEEDED                                     | bad  bad      bad
RESOURCE_EXHAUSTED                                    | bad  good     bad
UNAUTHENTICATED PERMISSION_DENIED                     | bad  good     good
INVALID_ARGUMENT NOT_FOUND ALREADY_EXISTS FAILED_PRECONDITION OUT_OF_RANGE ABORTED | bad good good
CANCELLED                                             | bad  excluded excluded
OK                                                    | good good     good
"""
ROWS = [
    (code, verdicts.split())
    for codes, verdicts in (line.split("|") for line in TABLE.strip().splitlines())
    for code in codes.split()
]


@pytest.mark.parametrize(("code", "verdicts"), ROWS, ids=[code for code, _ in ROWS])
def test_the_shipped_policies_are_the_table(code: str, verdicts: list[str]) -> None:
    """Strict, server-fault and user-visible judge each code as documented."""
    found = [dict(POLICIES[name].verdicts)[code] for name in ("strict", "server-fault",
                                                              "user-visible")]  # fmt: skip
    assert found == verdicts


def test_every_code_of_grpc_is_covered() -> None:
    """The codes are those of the gRPC library, and each policy judges each of them once."""
    assert sorted(CODES) == sorted(one.name for one in grpc.StatusCode)
    assert sorted(code for code, _ in ROWS) == sorted(CODES)
    for policy in POLICIES.values():
        assert [code for code, _ in policy.verdicts] == list(CODES)


def test_both_spellings_are_one_code() -> None:
    """Python's INVALID_ARGUMENT and Go's InvalidArgument, CANCELLED and Go's Canceled."""
    for code in CODES:
        words = "".join(word.capitalize() for word in code.split("_"))
        go = {"Ok": "OK", "Cancelled": "Canceled"}.get(words, words)
        assert code_of(code) == code_of(go) == code
        assert {code, go} <= set(POLICIES["strict"].spellings(GOOD, BAD))
    assert code_of("Teapot") is None
    assert POLICIES["server-fault"].spellings(EXCLUDED) == ("CANCELLED", "Canceled", "Cancelled")


def test_a_policy_of_ones_own() -> None:
    """Named codes get their verdict in either spelling, all others the rest's."""
    policy = make_policy("login", {GOOD: ["OK", "NotFound"], EXCLUDED: ["ABORTED"]}, BAD)
    assert policy.codes(GOOD) == ("OK", "NOT_FOUND")
    assert policy.codes(EXCLUDED) == ("ABORTED",)
    assert len(policy.codes(BAD)) == len(CODES) - 3


@pytest.mark.parametrize(
    ("codes", "rest", "told"),
    [
        ({GOOD: ["OK"], BAD: ["TEAPOT"]}, BAD, "unknown gRPC code 'TEAPOT'"),
        ({GOOD: ["OK"], BAD: ["Ok"]}, BAD, "unknown gRPC code 'Ok'"),
        ({GOOD: ["OK", "ABORTED"], BAD: ["Aborted"]}, BAD, "Aborted is both good and bad"),
        ({GOOD: ["OK"], BAD: ["INTERNAL"]}, "", "nothing is said of CANCELLED, UNKNOWN"),
        ({GOOD: ["OK"]}, "worse", "unknown verdict 'worse'"),
        ({"fine": ["OK"]}, BAD, "unknown verdict 'fine'"),
        ({GOOD: ["OK"]}, GOOD, "needs good codes and bad ones"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(codes: dict, rest: str, told: str) -> None:
    """With what is wrong, and what there is."""
    with pytest.raises(BadInput, match=told):
        make_policy("mine", codes, rest)
