"""The numbers in a rule's text, English and Korean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertlab.rules.claims import BYTES, COUNT, PERCENT, SECONDS, Claim, find_claims


def claims(text: str) -> list[Claim]:
    return find_claims({"description": text})


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("more than 5 failures", 5, COUNT),
        ("over 1,500 logins", 1500, COUNT),
        ("above 10k requests", 10_000, COUNT),
        ("above 2 million", 2e6, COUNT),
        ("below 99.5%", 99.5, PERCENT),
        ("more than 5 percent", 5, PERCENT),
        ("for 30 Minutes", 1800, SECONDS),
        ("for 10m", 600, SECONDS),
        ("took longer than 1.5s", 1.5, SECONDS),
        ("slower than 500ms", 0.5, SECONDS),
        ("for 2 hours", 7200, SECONDS),
        ("for 1 hour 30 minutes", 5400, SECONDS),
        ("in the last 3 days", 259_200, SECONDS),
        ("less than 2 weeks", 1_209_600, SECONDS),
        ("less than 1GB", 1024**3, BYTES),
        ("less than 512 MiB", 512 * 1024**2, BYTES),
        ("5건을 초과", 5, COUNT),
        ("5만 건 이상", 50_000, COUNT),
        ("50% 미만", 50, PERCENT),
        ("10퍼센트 이상", 10, PERCENT),
        ("최근 5분간", 300, SECONDS),
        ("30초 이상", 30, SECONDS),
        ("0.5초를 초과", 0.5, SECONDS),
        ("500ms를 초과", 0.5, SECONDS),
        ("500 밀리초를 초과", 0.5, SECONDS),
        ("1시간 30분 동안", 5400, SECONDS),
        ("2일 이내", 172_800, SECONDS),
        ("10기가바이트 미만", 10 * 1024**3, BYTES),
    ],
)
def test_a_number_and_its_unit(text: str, value: float, unit: str) -> None:
    """In seconds, bytes, percent or by the piece, whatever the text writes it in."""
    (claim,) = claims(text)
    assert (claim.value, claim.unit) == (pytest.approx(value), unit)


@pytest.mark.parametrize(
    "text",
    [
        "the 99th percentile",
        "the 95% quantile",
        "the 95 percentile",
        "95 백분위",
        "HTTP 5xx from v1.5.2 at 10.0.0.5:9090",
        "since 2024-05-06 12:30",
        "see https://example.org/5/10",
        "run `kubectl logs --tail 50`",
        '{{ $value }} and {{ printf "%.2f" $value }} of {{ $labels.x5 }}',
        "ext4, sha256, x86_64 and B2B",
    ],
)
def test_what_is_no_claim(text: str) -> None:
    """Percentiles, versions, addresses, dates, commands and templates."""
    assert claims(text) == []


def test_a_runbook_claims_nothing() -> None:
    """What to do may speak of any number."""
    assert find_claims({"runbook": "wait 5 minutes", "dashboard": "more than 5"}) == []
    assert len(find_claims({"summary": "more than 5", "description": "for 5 minutes"})) == 2


@pytest.mark.parametrize(
    ("text", "is_limit"),
    [
        ("more than 5 failures", True),
        ("5 or more failures", True),
        ("failures > 5", True),
        ("failures (>= 5)", True),
        ("exceeds the threshold of 5", True),
        ("5건을 초과했습니다", True),
        ("5개 이상", True),
        ("5번보다 많", True),
        ("5 failures", False),
        ("node 5 is down", False),
        ("5번 노드", False),
        ("for 5 minutes", True),
        ("in the last 5 minutes", True),
        ("지난 5분", True),
        ("5분간", True),
        ("after 5 minutes", False),
        ("for 5 nodes", False),
        ("A rate below 5 is normal.", False),
        ("There should be at least 5.", False),
        ("This should not be. More than 5 failures.", True),
        ("정상은 5 미만", False),
    ],
)
def test_what_is_a_limit(text: str, is_limit: bool) -> None:
    """More, less, for so long; not what is only counted, or how it ought to be."""
    assert [one.is_limit for one in claims(text)] == [is_limit]


@pytest.mark.parametrize(
    ("text", "is_rate"),
    [
        ("more than 5 failures per second", True),
        ("more than 5/s", True),
        ("more than 5 req/s", True),
        ("5 failures a minute", True),
        ("초당 5건 이상", True),
        ("above 5 rps", True),
        ("more than 5 failures", False),
        ("more than 5 failures in 5 seconds", False),
        ("more than 5. Each per second.", False),
    ],
)
def test_what_is_a_rate(text: str, is_rate: bool) -> None:
    """A number of each second or minute is no count."""
    assert claims(text)[0].is_rate == is_rate


def test_the_words_of_a_claim() -> None:
    """The phrase is what the text says, for the message."""
    found = claims("Failures are more than the 5 allowed, for 1 hour 30 minutes. 10%를 초과")
    assert [one.phrase for one in found] == [
        "more than the 5",
        "for 1 hour 30 minutes",
        "10%를 초과",
    ]


def test_durations_that_are_no_sum() -> None:
    """Only from large to small do two make one."""
    assert [one.value for one in claims("for 5 minutes 10 minutes")] == [300, 600]
    assert [one.value for one in claims("for 10 minutes and 5 seconds")] == [605]
    assert [one.value for one in claims("for 10 minutes, 5 seconds")] == [600, 5]


@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    """Whatever people write, and each number stands where it was found."""
    for claim in claims(text):
        assert any(letter.isdigit() for letter in text[claim.start : claim.end])


@given(st.integers(1, 10**6), st.sampled_from(["", "ms", " minutes", "%", "GB", "분", " hours"]))
def test_a_written_number_is_read_back(number: int, unit: str) -> None:
    """With and without separators it is the same claim."""
    plain, separated = (claims(f"more than {n}{unit}") for n in (f"{number}", f"{number:,}"))
    assert [one.value for one in plain] == [one.value for one in separated]
    assert len(plain) == 1 and plain[0].is_limit
