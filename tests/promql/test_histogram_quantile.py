"""Quantiles and fractions of classic buckets: the published table and the odd cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from promql_helpers import ask, load, steps

from alertlab.errors import BadInput
from alertlab.promql.histogram import bucket_quantile

NAN, INF = math.nan, math.inf
GO = [(0.1, 50), (0.25, 80), (0.5, 95), (1, 99), (INF, 100)]
BENT = [(0.1, 50), (0.25, 80), (0.5, 78), (1, 99), (INF, 100)]


@pytest.mark.parametrize(
    ("buckets", "q", "expected"),
    [
        (GO, 0.9, 0.4166667),
        (GO, 0.5, 0.1),
        (GO, 0.995, 1),  # truncated to the highest finite bound
        (BENT, 0.75, 0.225),
        (BENT, 0.82, 0.5526316),
        (BENT, 0.9, 0.7631579),
        ([(0.1, 0), (0.25, 80), (INF, 100)], 0, NAN),
        ([(0.1, 0), (INF, 0)], 0.5, NAN),
        ([(INF, 10)], 0.5, NAN),
        ([(0.1, 5), (0.2, 10)], 0.5, NAN),
        ([(-1, 30), (1, 60), (INF, 60)], 0.2, -1),
        (GO, NAN, NAN),
        (GO, -0.1, -INF),
        (GO, 1.1, INF),
        ([(INF, 0)], 2, INF),
        ([(0.1, 25), (0.1, 25), (0.2, 80), (INF, 100)], 0.5, 0.1),  # equal bounds add up
        # A bucket that is not a number is never reached; bisection may pass by those before it.
        ([(1, 5), (2, NAN), (3, 6), (INF, 8)], 0.5, NAN),
        ([(0, 1e308), (1, 1.2e308), (INF, 1.4e308)], 1, 1),  # far apart, though their sum is Inf
    ],
)
def test_bucket_quantile(buckets: list, q: float, expected: float):
    """Both versions give the table's value."""
    bounds = np.array([bound for bound, _ in buckets], dtype=float)
    counts = np.array([[count] for _, count in buckets], dtype=float)
    for semantics in (2, 3):
        with np.errstate(all="ignore"):
            got = bucket_quantile(np.array([q]), bounds, counts, semantics)[0]
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_almost_equal_counts():
    """From 2.49 on a count that grows by less than 1e-12 of itself has not grown."""
    bounds = np.array([1, 2, INF])
    counts = np.array([[10.0], [10.0 + 2e-12], [10.0 + 2e-12]])
    q = np.array([1.0])
    assert bucket_quantile(q, bounds, counts, 3)[0] == 1
    assert bucket_quantile(q, bounds, counts, 2)[0] == 2


def buckets(*rows: tuple[str, str]) -> list:
    return load("1m", *(f"h_bucket{{job='a', le='{le}'}} {values}" for le, values in rows))


def test_quantile_of_series():
    """Buckets are grouped by the other labels; q and the set of buckets may change per step."""
    series = buckets(("0.1", "50 50 50"), ("0.25", "80 80 80"), ("0.5", "95 95 _ stale"),
                     ("1", "99 99 _"), ("+Inf", "100 100 100"))  # fmt: skip
    series += load("1m", "h_bucket{job='a', le='no number'} 7 7 7", "q{} 0.5 0.9 0.9")
    times = steps("0", "1m", "2m", "3m")
    result = ask("histogram_quantile(scalar(q), h_bucket)", series, times, lookback_ms=60_000)
    assert list(result) == ['{job="a"}']
    got = result['{job="a"}']
    assert got[0] == pytest.approx(0.1)
    assert got[1] == pytest.approx(0.4166667)
    assert got[2] == 0.25  # only the bounds .1 .25 +Inf are left
    assert got[3] is None


@pytest.mark.parametrize(
    ("written", "bound"),
    [("2", 2), ("2e0", 2), ("0x1p1", 2), ("2_0", 20), (".5", 0.5), ("1e400", None), ("NaN", None)],
)
def test_bounds_are_numbers_of_go(written: str, bound: float | None):
    """A bound is what strconv.ParseFloat reads; a series without one is no bucket."""
    series = buckets((written, "5"), ("40", "10"), ("+Inf", "10"))
    (row,) = ask("histogram_quantile(0.5, h_bucket)", series, steps("0")).values()
    assert row == [20 if bound is None else bound]


def test_two_names_are_two_histograms():
    """Histograms that differ in name only would become one series: an error."""
    series = buckets(("1", "5"), ("+Inf", "10"))
    series += load("1m", "g_bucket{job='a', le='1'} 5", "g_bucket{job='a', le='+Inf'} 10")
    with pytest.raises(BadInput, match="same labelset"):
        ask('histogram_quantile(0.5, {__name__=~"h_bucket|g_bucket"})', series, steps("0"))


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ("0", "0.1", 0.5),
        ("0.1", "0.25", 0.3),
        ("0", "0.05", 0.25),
        ("-Inf", "+Inf", 1),
        ("2", "3", 0),  # nothing is known inside the last bucket
        ("0.25", "0.1", 0),
        ("NaN", "1", NAN),
    ],
)
def test_fraction(lower: str, upper: str, expected: float):
    """Shares of observations by interpolation; before 3.4 there is no answer."""
    series = buckets(*((str(le) if le < INF else "+Inf", str(count)) for le, count in GO))
    expr = f"histogram_fraction({lower}, {upper}, h_bucket)"
    got = ask(expr, series, steps("0"))['{job="a"}'][0]
    np.testing.assert_allclose(got, expected, atol=1e-15)
    assert ask(expr, series, steps("0"), semantics=2) == {}
