"""Where a rule's text says other numbers than its expression and its ``for``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlab.lint import lint_rule
from alertlab.rules import AlertRule
from alertlab.units import MINUTE_MS, parse_duration

SECONDS = "histogram_quantile(0.95, sum by (le, m) (rate(x_seconds_bucket[5m])))"
RATIO = "sum(rate(a[5m])) / sum(rate(b[5m]))"


def disagreement(expr: str, text: str, hold: str = "10m", keep: str = "0") -> str:
    """Return what lint says of the text, empty if nothing."""
    rule = AlertRule(
        "A", expr, "g", Path("r.yml"), 1, MINUTE_MS,
        hold_duration_ms=parse_duration(hold), keep_firing_for_ms=parse_duration(keep),
        annotations={"description": text},
    )  # fmt: skip
    return " ".join(one.text for one in lint_rule(rule) if one.id == "text-disagrees")


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        ("x > 5", "more than 5 for 10 minutes"),
        ("x >= 6", "more than 5"),
        ("x < 1", "at least 1 is there"),
        ("sum(increase(x[5m])) > 5", "최근 5분간 5건을 초과"),
        ("rate(x[5m]) > 5", "more than 1500 in 5 minutes"),
        ("rate(x[5m]) * 60 > 20", "more than 20 a minute"),
        ("rate(x[5m]) > 2", "more than 120 per minute"),
        (f"{RATIO} > 0.05", "more than 5% for 10m"),
        (f"{RATIO} > 0.05", "5%를 초과, 10분 이상"),
        (f"{RATIO} < 0.95", "more than 5% fail"),
        (f"{RATIO} * 100 > 5", "more than 5%"),
        ("x_percent > 95", "above 95%"),
        (f"{SECONDS} > 0.5", "0.5초를 초과"),
        (f"{SECONDS} > 0.5", "above 500ms"),
        (f"{SECONDS} * 1000 > 500", "above 500ms"),
        ("x_ms > 500", "above 500ms"),
        ("x_ms > 500", "longer than 0.5 s"),
        ("lag_seconds > 2 * 3600", "more than 2 hours"),
        ("time() - x_timestamp_seconds > 3600 * 2", "for more than 2 hours"),
        ("expires_days < 7", "in less than 7 days"),
        ("free_bytes < 1 * 1024 * 1024 * 1024", "less than 1GB"),
        ("free_bytes < 1e9", "less than 1 GB"),
        ("free_mib < 512", "less than 512 MiB"),
        ("predict_linear(x[1h], 4 * 3600) < 0", "full within 4 hours"),
        ("job:x:rate30m > 5", "in the last 30 minutes"),
        ('x{le="0.5"} > 3', "slower than 0.5 s"),
        ("a > b", "more than 70% of the limit"),
        ("slow_total > 0", "requests over 5 seconds"),
        ("avg_over_time(x[5m]) > 3", "for 15 minutes"),
        ("x > 5", "the queue was 7 yesterday"),
        ("x > 5", "{{ $value }} is more than 5"),
        ("x > 5", "kept for 20 minutes"),
    ],
)
def test_texts_that_agree(expr: str, text: str) -> None:
    """In another unit, as a share, as a rate, per window, or said of nothing in the rule."""
    assert disagreement(expr, text, keep="20m") == ""


@pytest.mark.parametrize(
    ("expr", "text", "said"),
    [
        ("x > 250", "more than 50 messages", "more than 50"),
        ("x > 250", "50개를 초과", "50개를 초과"),
        ("x > 5", "more than 5 for 30 minutes", "for 30 minutes"),
        ("x > 5", "30분 이상 5를 초과", "30분 이상"),
        ("sum(increase(x[5m])) > 5", "최근 25분간 5건을 초과", "최근 25분간"),
        (f"{RATIO} > 0.05", "more than 10%", "more than 10%"),
        (f"{RATIO} > 5", "more than 5%", "more than 5%"),
        (f"{RATIO} * 100 > 5", "10%를 초과", "10%를 초과"),
        (f"{SECONDS} > 0.5", "above 1.5s", "above 1.5s"),
        (f"{SECONDS} > 0.5", "50ms를 초과", "50ms를 초과"),
        (f"{SECONDS} > 500", "above 500ms", "above 500ms"),
        ("lag_seconds > 10", "behind by more than 20 minutes", "more than 20 minutes"),
        ("free_bytes < 1e9", "less than 5GB", "less than 5GB"),
        ("x > 0", "more than 5 failures", "more than 5"),
        ("slow_total > 0", "for 30 minutes", "for 30 minutes"),
    ],
)
def test_texts_that_disagree(expr: str, text: str, said: str) -> None:
    """The words that are wrong are told, and what the rule has."""
    found = disagreement(expr, text)
    assert f"The text says “{said}”," in found
    assert "for 10m" in found


def test_the_rules_own_numbers_are_told() -> None:
    """Each limit, each window, and the for."""
    found = disagreement("rate(x[5m]) > 5 and y < 2", "over 77, for 3 days", hold="0")
    assert "“over 77” and “for 3 days”" in found
    assert "has > 5, < 2, [5m], no for:" in found


@settings(deadline=None)  # the first parse of a process is slow
@given(
    st.integers(70, 500),
    st.integers(70, 500),
    st.sampled_from(["more than {}", "{}개를 초과", "above {} messages", "exceeds {}"]),
)
def test_a_count_is_told_apart_from_another(own: int, said: int, words: str) -> None:
    """Its own number is never wrong, another one always; one more or less may be meant by >=."""
    assert disagreement(f"queue > {own}", words.format(own), hold="0") == ""
    near = abs(own - said) <= max(1, 0.01 * max(own, said))
    if not near:
        assert disagreement(f"queue > {own}", words.format(said), hold="0")


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_a_for_is_told_apart_from_another(own: int, said: int) -> None:
    """The same of minutes, written in any way."""
    for words in ("for {} minutes", "{}분 동안", "for {}m"):
        assert disagreement("x == 77777", words.format(own), hold=f"{own}m") == ""
        wrong = bool(disagreement("x == 77777", words.format(said), hold=f"{own}m"))
        assert wrong == (abs(own - said) > 0.01 * max(own, said))
