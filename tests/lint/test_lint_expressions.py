"""What in an expression makes noise, as far as the rule alone tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from alertlab.lint import FROM_THE_RULE, REMARK_IDS, lint_rule, lint_rules
from alertlab.rules import AlertRule, RecordingRule, find_rule, load_rules
from alertlab.units import MINUTE_MS, parse_duration

ROOT = Path(__file__).resolve().parent.parent.parent


def rule_of(expr: str, text: str = "", hold: str = "5m", **fields: object) -> AlertRule:
    return AlertRule(
        "A",
        expr,
        "g",
        Path("r.yml"),
        7,
        60_000,
        hold_duration_ms=parse_duration(hold),
        annotations={"description": text},
        **fields,
    )


def ids(expr: str, text: str = "", hold: str = "5m") -> list[str]:
    return [remark.id for remark in lint_rule(rule_of(expr, text, hold))]


def test_the_guides_rule_is_caught() -> None:
    """Five a second is 1,500 in five minutes, and the sentence says so."""
    path = ROOT / "auth_service/monitoring/rules/auth-service.yml"
    rule = find_rule(load_rules(path), "HighLoginFailureRate")
    remark = lint_rule(rule)[0]
    assert remark.id == "rate-read-as-count"
    assert "1,500 in 5m" in remark.text
    assert "increase()" in remark.fix
    assert (remark.rule, remark.file, remark.line) == (rule.name, path, rule.line)
    assert remark.where == rule.where
    assert remark.to_json()["file"] == str(path)


def test_each_remark_is_of_a_known_kind() -> None:
    """One rule with many faults: each is told once, and its kind is in the list."""
    found = lint_rules(
        [
            rule_of("rate(x[1m]) > 5", "more than 5 for 10 minutes", hold="0s"),
            rule_of("avg(histogram_quantile(0.9, sum by (le) (rate(b[1m])))) > 1"),
            rule_of("rate(a[1m]) / rate(b[1m]) > 0.1", hold="1m"),
        ],
        scrape_interval_ms=MINUTE_MS,
    )
    kinds = [one.id for one in found]
    assert {*kinds} == {*FROM_THE_RULE, "range-too-short"}
    assert {*kinds} <= {*REMARK_IDS}
    assert all(one.text.endswith(".") and one.fix.endswith(".") for one in found)


@pytest.mark.parametrize(
    ("expr", "text", "expected"),
    [
        ("rate(x[5m]) > 5", "more than 5 failures", True),
        ("rate(x[5m]) > 1000", "more than 1,000 failures", True),
        ("sum by (pod) (rate(x[5m])) > 5", "more than 5 failures", True),
        ("rate(x[5m]) > 5", "최근 5분간 5건을 초과했습니다", True),
        ("rate(x[5m]) > 5", "more than 1,500 failures", False),
        ("rate(x[5m]) > 5", "more than 5 failures per second", False),
        ("rate(x[5m]) > 5", "see 10.0.0.5 and v1.5.2", False),
        ("increase(x[5m]) > 5", "more than 5 failures", False),
        ("x > 5", "more than 5", False),
    ],
)
def test_a_rate_whose_text_repeats_its_number(expr: str, text: str, expected: bool) -> None:
    """Only a rate, summed or not, with a number that the text speaks of as a count."""
    assert ("rate-read-as-count" in ids(expr, text)) == expected


@pytest.mark.parametrize(
    ("expr", "text", "expected"),
    [
        ("increase(x[5m]) > 5", "", True),
        ("5 < irate(x[5m])", "", True),
        ("rate(x[5m]) < 5", "", True),
        ("increase(x[5m]) > 5", "{{ $labels.pod }} fails", False),
        ("increase(x[5m]) > 0", "", False),
        ("increase(x[5m]) < 0", "", True),
        ("sum(increase(x[5m])) > 5", "", False),
        ("increase(x[5m]) > 5 and up == 1", "", False),
        ("increase(x[5m]) == 5", "", False),
        ("increase(x[5m]) > 5 * y", "", False),
        ("up == 0", "", False),
    ],
)
def test_one_alert_per_series(expr: str, text: str, expected: bool) -> None:
    """Each series by itself, unless the text speaks of the series or any event counts."""
    assert ("not-aggregated" in ids(expr, text)) == expected


BUCKETS = "rate(x_bucket[5m])"


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (f"histogram_quantile(0.95, sum by (le) ({BUCKETS})) > 1", True),
        (f"1 < histogram_quantile(0.95, sum({BUCKETS}) by (le))", True),
        (f"histogram_quantile(0.95, sum by (le) ({BUCKETS})) * 1000 > 1 and y > 2", True),
        (f"histogram_quantile(0.9, sum by (le, m) ({BUCKETS})) > 1", False),
        (f"histogram_quantile(0.9, sum without (le) ({BUCKETS})) > 1", False),
        (f"histogram_quantile(0.9, {BUCKETS}) > 1", False),
        ('histogram_quantile(0.9, sum by (le) (rate(x{grpc_method="L"}[5m]))) > 1', False),
        ('histogram_quantile(0.9, sum by (le) (rate(x{grpc_method=~"L.*"}[5m]))) > 1', True),
        ('histogram_quantile(0.9, sum by (le) (rate(x{job="L"}[5m]))) > 1', True),
    ],
)
def test_a_percentile_over_everything(expr: str, expected: bool) -> None:
    """Grouped by the bucket only, and of no one method."""
    assert ("mixed-percentile" in ids(expr)) == expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (f"avg(histogram_quantile(0.9, sum by (le, pod) ({BUCKETS}))) > 1", True),
        (f"sum by (x) (1000 * histogram_quantile(0.9, {BUCKETS})) > 1", True),
        ('avg by (pod) (x{quantile="0.99"}) > 1', True),
        (f"max(histogram_quantile(0.9, {BUCKETS})) > 1", False),
        ("avg by (pod) (x) > 1", False),
        ('avg(rate(x{quantile="0.99"}[5m])) > 1', False),
        ('avg(x{quantile!="0.99"}) > 1', False),
    ],
)
def test_the_mean_of_percentiles(expr: str, expected: bool) -> None:
    """Of a histogram's or a summary's; the largest of them is one of them."""
    assert ("averaged-percentile" in ids(expr)) == expected


A, B = "sum(rate(a[5m]))", "sum(rate(b[5m]))"


@pytest.mark.parametrize(
    ("expr", "hold", "expected"),
    [
        (f"{A} / {B} > 0.1", "5m", True),
        (f"0.1 < {A} / {B}", "5m", True),
        (f"{A} / {B} * 100 > 10", "5m", True),
        (f"({A} / ({A} + {B})) < 0.5", "5m", True),
        (f"{A} / {B} > 0.1 and {B} > 0", "5m", True),
        (f"{A} / {B} > 0.1 and {A} / {B} > 0.2", "5m", True),
        (f"{A} / {B} > 0.1 and {B} < 5", "5m", True),
        (f"{A} / {B} > 0.1 and {B} > 0.5", "5m", False),
        (f"{B} >= 5 and {A} / {B} > 0.1", "5m", False),
        (f"sum({A} / {B} > 0.1) and 5 < {B}", "5m", False),
        (f"{A} / {B} > 0.1 and up > 0.5", "5m", True),
        (f"{A} / {B} > 0.1", "9m", True),
        (f"{A} / {B} > 0.1", "10m", False),
        (f"{A} / {B} > 0", "5m", False),
        (f"{A} / {B} < 0", "5m", True),
        ("a / b > 0.1", "5m", False),
        (f"{A} / 60 > 0.1", "5m", False),
        (f"{A} / sum(b) > 0.1", "5m", False),
        (f"count({A}) / count({B}) > 0.1", "5m", False),
        ("rate(a[5m]) / rate(b_cpu_seconds_total[5m]) > 0.1", "5m", False),
        ("rate(a[5m]) / rate(b_packets_total[5m]) > 0.1", "5m", False),
        ("rate(a[1d]) / rate(b[1d]) > 0.1", "5m", False),
    ],
)
def test_a_ratio_without_traffic(expr: str, hold: str, expected: bool) -> None:
    """Counts by counts without a floor above 0, and no ``for`` that outlasts two windows."""
    assert ("ratio-without-floor" in ids(expr, hold=hold)) == expected


def test_what_little_traffic_does_to_a_ratio_and_to_a_mean() -> None:
    """The sentence says what one call decides, and what guards there are."""
    share, mean, guarded = (
        lint_rule(rule_of(expr))[0].text
        for expr in (
            f"{A} / {B} > 0.1",
            "sum(rate(x_seconds_sum[5m])) / sum(rate(x_seconds_count[5m])) > 1",
            f"{A} / {B} > 0.1 and {B} > 0",
        )
    )
    assert "makes 0 % or 100 %" in share and "Nothing keeps" in share
    assert "makes its value" in mean
    assert "only keeps the divisor above 0" in guarded


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("queue_length > 50", True),
        ("sum(rate(x[1m])) > 50", True),
        ("increase(x[4m59s]) > 5", True),
        ("increase(x[5m]) > 5", False),
        ("avg_over_time(x[10m]) > 5", False),
        ("max_over_time(rate(x[1m])[10m:]) > 5", False),
        ("up == 0", True),
        ("mysql_up == 0", True),
        ("probe_success == 0", True),
        ("up != 1", False),
        ("startup == 0", False),
        ("count(up) == 0", False),
        ("member_state == 3", False),
        ("deadlocks > 0", False),
        ("leaders < 1", False),
        ("increase(x[1m]) > 0", False),
        ("job:errors:rate1h > 0.1", False),
        ("job:errors:rate1m > 0.1", True),
        ("absent(x)", False),
        ("changes(x[1m]) > 5", False),
        ("time() - x > 3600", False),
        ("predict_linear(x[1m], 3600) < 5", False),
        ("cert_expiry_seconds < 86400", False),
        ("node_filesystem_avail_bytes < 1e9", False),
        ("a > b", False),
        ("vector(1)", False),
        ("vector(7) > 5", False),
    ],
)
def test_a_missing_for(expr: str, expected: bool) -> None:
    """Where one sample may pass by chance; not of states, events, slow things and windows."""
    assert ("missing-for" in ids(expr, hold="0s")) == expected
    assert "missing-for" not in ids(expr, hold="1m")


@pytest.mark.parametrize(
    ("expr", "interval", "expected"),
    [
        ("rate(x[1m]) > 5", 30, False),
        ("rate(x[1m]) > 5", 31, True),
        ("sum(irate(x[1m])) > 5", 31, True),
        ("changes(x[1m]) > 5", 31, True),
        ("max_over_time(x[1m]) > 5", 31, False),
        ("max_over_time(x[1m]) > 5", 60, False),
        ("max_over_time(x[1m]) > 5", 61, True),
        ("quantile_over_time(0.9, x[1m]) > 5", 61, True),
        ("rate(x[1m:10s]) > 5", 60, False),
        ("x > 5", 3600, False),
        ("rate(job:x:sum[1m]) > 5", 60, False),
    ],
)
def test_a_range_below_two_samples(expr: str, interval: int, expected: bool) -> None:
    """Two for what compares samples, one for the rest; what a group records is not scraped."""
    recorded = RecordingRule("job:x:sum", "sum(x)", Path("r.yml"), 1)
    rule = rule_of(expr, recorded=(recorded,))
    found = lint_rules([rule], scrape_interval_ms=interval * 1000)
    assert ("range-too-short" in [one.id for one in found]) == expected


def test_a_short_range_of_a_recording_rule() -> None:
    """What is recorded is as full of holes; told once, in the order of the file."""
    recorded = RecordingRule("job:x:rate1m", "sum(rate(x[1m]))", Path("r.yml"), 3)
    rules = [rule_of("job:x:rate1m > 5", recorded=(recorded,)) for _ in range(2)]
    found = lint_rules(rules, scrape_interval_ms=MINUTE_MS)
    (remark,) = (one for one in found if one.id == "range-too-short")
    assert (remark.rule, remark.line) == ("job:x:rate1m", 3)
    assert "[1m] of x, which gets a sample every 1m," in remark.text
    assert "[4m]" in remark.fix and "[2m]" in remark.fix
    assert found[0] is remark


def test_no_interval_no_remark() -> None:
    """Nobody said how often is scraped."""
    assert "range-too-short" not in [one.id for one in lint_rules([rule_of("rate(x[1s]) > 5")])]


def test_progress_is_told() -> None:
    """The list of rules goes through ``track``."""
    tracked: list[int] = []

    def track(rules: list) -> list:
        tracked.append(len(rules))
        return rules

    lint_rules([rule_of("x > 5")] * 3, track=track)
    assert tracked == [3]
