"""What an expression is taken for: by its text, and in what unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from alertlab.rules import AlertRule, compared_unit, text_reading


def rule_of(expr: str, text: str = "") -> AlertRule:
    return AlertRule("A", expr, "g", Path("r.yml"), 1, 60_000, annotations={"description": text})


@pytest.mark.parametrize(
    ("expr", "text", "expected"),
    [
        ("rate(x[5m]) > 5", "5 failures", "sum(increase(x[5m])) > 5"),
        ("sum by (pod) (rate(x[5m])) > 5", "5 failures", "sum by (pod) (increase(x[5m])) > 5"),
        ("5 < irate(x[5m])", "5 failures", "sum(increase(x[5m])) > 5"),
        ("rate(x[5m]) > 1000", "1,000 failures", "sum(increase(x[5m])) > 1000"),
        ("rate(x[5m]) > 5", "1,500 failures", None),
        ("rate(x[5m]) > 5", "5 failures per second", None),
        ("rate(x[5m]) > 5", "초당 5건을 초과", None),
        ("rate(x[5m]) > 5", "5건을 초과", "sum(increase(x[5m])) > 5"),
        ("rate(x[5m]) > 5", "5%", None),
        ("rate(x[5m]) > 5", "5 minutes", None),
        ("rate(x[5m]) > 0.5", "above 0.5", None),
        ("rate(x[5m]) > 1.5", "above 1.5", None),
        ("rate(x[5m]) > 0", "more than 0", None),
        ("rate(x[1s]) > 5", "5 failures", None),
        ("rate(x_bytes_total[5m]) > 5", "more than 5", None),
        ("rate(x_cpu_seconds_total[5m]) > 5", "more than 5", None),
        ("rate(x[5m]) > 5 and up == 1", "5 failures", None),
        ("increase(x[5m]) > 5", "5 failures", None),
        ("up == 0", "0", None),
    ],
)
def test_the_reading_of_the_text(expr: str, text: str, expected: str | None) -> None:
    """A rate whose text means a count is also read as that count, of all series together."""
    assert text_reading(rule_of(expr, text)) == expected


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
    assert compared_unit(rule_of(expr)) == unit


def test_each_comparison_has_its_unit() -> None:
    """Of what it compares itself, whatever stands around it."""
    rule = rule_of("y > 3 and sum(rate(x[5m]) > 5)")
    assert [compared_unit(rule, n) for n in range(2)] == ["value", "per second"]
