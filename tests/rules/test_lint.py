"""Remarks on rules that mean something else than their text."""

from __future__ import annotations

from pathlib import Path

import pytest

from alertlab.rules import (
    AlertRule,
    compared_unit,
    find_rule,
    lint_rule,
    load_rules,
    text_reading,
)

ROOT = Path(__file__).resolve().parent.parent.parent


def ids(expr: str, text: str = "") -> list[str]:
    rule = AlertRule("A", expr, "g", Path("r.yml"), 1, 60_000, annotations={"description": text})
    return [remark.id for remark in lint_rule(rule)]


def test_the_guides_rule_is_caught() -> None:
    """Five a second is 1,500 in five minutes, and the sentence says so."""
    rules = load_rules(ROOT / "auth_service/monitoring/rules/auth-service.yml")
    remark = lint_rule(find_rule(rules, "HighLoginFailureRate"))[0]
    assert remark.id == "rate-read-as-count"
    assert "1,500 in 5m" in remark.text


@pytest.mark.parametrize(
    ("expr", "text", "expected"),
    [
        ("rate(x[5m]) > 5", "more than 5 failures", True),
        ("rate(x[5m]) > 1000", "more than 1,000 failures", True),
        ("(irate(x[5m])) > 0.5", "above 0.5", True),
        ("sum by (pod) (rate(x[5m])) > 5", "more than 5 failures", True),
        ("rate(x[5m]) > 5", "more than 1,500 failures", False),
        ("rate(x[5m]) > 5", "see 10.0.0.5 and v1.5.2", False),
        ("increase(x[5m]) > 5", "more than 5 failures", False),
        ("x > 5", "more than 5", False),
    ],
)
def test_a_rate_whose_text_repeats_its_number(expr: str, text: str, expected: bool) -> None:
    """Only a rate, summed or not, with a number that the text speaks of; addresses are none."""
    assert ("rate-read-as-count" in ids(expr, text)) == expected


@pytest.mark.parametrize(
    ("expr", "text", "expected"),
    [
        ("rate(x[5m]) > 5", "5 failures", "sum(increase(x[5m])) > 5"),
        ("sum by (pod) (rate(x[5m])) > 5", "5 failures", "sum by (pod) (increase(x[5m])) > 5"),
        ("5 < irate(x[5m])", "5 failures", "sum(increase(x[5m])) > 5"),
        ("rate(x[5m]) > 5", "1,500 failures", None),
        ("rate(x[5m]) > 5 and up == 1", "5 failures", None),
        ("increase(x[5m]) > 5", "5 failures", None),
        ("up == 0", "0", None),
    ],
)
def test_the_reading_of_the_text(expr: str, text: str, expected: str | None) -> None:
    """A rate whose text means a count is also read as that count, of all series together."""
    rule = AlertRule("A", expr, "g", Path("r.yml"), 1, 60_000, annotations={"description": text})
    assert text_reading(rule) == expected


@pytest.mark.parametrize(
    ("expr", "unit"),
    [
        ("rate(x[5m]) > 5", "per second"),
        ("sum(rate(x[5m])) > 5", "per second"),
        ("sum(increase(x[5m])) > 5", "in 5m"),
        ("histogram_quantile(0.9, sum by (le) (rate(a_seconds_bucket[1m]))) > 1", "seconds"),
        ("sum(rate(a_seconds_sum[5m])) / sum(rate(a_seconds_count[5m])) > 1", "seconds"),
        ("sum(rate(a[5m])) / sum(rate(b[5m])) < 0.5", "ratio"),
        ("queue_length > 3", "value"),
    ],
)
def test_the_unit_of_what_is_compared(expr: str, unit: str) -> None:
    """What the expression tells of its unit."""
    assert compared_unit(AlertRule("A", expr, "g", Path("r.yml"), 1, 60_000)) == unit


def test_each_comparison_has_its_unit() -> None:
    """Of what it compares itself, whatever stands around it."""
    rule = AlertRule("A", "y > 3 and sum(rate(x[5m]) > 5)", "g", Path("r.yml"), 1, 60_000)
    assert [compared_unit(rule, n) for n in range(2)] == ["value", "per second"]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("increase(x[5m]) > 5", ["not-aggregated"]),
        ("sum(increase(x[5m])) > 5", []),
        ("histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m]))) > 1", ["mixed-percentile"]),
        ("histogram_quantile(0.9, sum by (le, m) (rate(x_bucket[5m]))) > 1", []),
        ("histogram_quantile(0.9, rate(x_bucket[5m])) > 1", []),
        ("up == 0", []),
        ("increase(x[5m]) > 5 and up == 1", []),
        ("sum(increase(x[5m]) > 5)", []),
        ("increase(x[5m]) == 5", []),
        ("increase(x[5m]) > 5 * y", []),
    ],
)
def test_other_remarks(expr: str, expected: list[str]) -> None:
    """One alert per series, a percentile over everything; none where a comparison is not all."""
    assert ids(expr) == expected
