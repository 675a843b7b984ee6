"""The Universal Scalability Law: published fits, closed forms, and what is refused."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from scipy.optimize import minimize

from alertlab.capacity import UslFit, fit_usl
from alertlab.capacity.usl import NO_PEAK
from alertlab.errors import BadInput

N = np.array([1, 2, 4, 8, 12, 16, 24, 32.0])


def law(sigma: float, kappa: float, lam: float, n: np.ndarray = N) -> np.ndarray:
    """Return the law itself, written once more."""
    return lam * n / (1 + sigma * (n - 1) + kappa * n * (n - 1))


def published(oracles: Path, name: str, x: str, y: str, rows: int | None = None) -> UslFit:
    """Fit a published file, its first rows or all."""
    with (oracles / "capacity" / "usl" / f"{name}.csv").open() as file:
        found = list(csv.DictReader(file))[:rows]
    return fit_usl([float(one[x]) for one in found], [float(one[y]) for one in found])


def expected(oracles: Path, name: str) -> dict:
    """Return the numbers printed for a file."""
    text = (oracles / "capacity" / "usl" / "expected.yml").read_text("utf-8")
    return YAML(typ="safe").load(text)[name]


def test_specsdm91_to_its_printed_digits(oracles: Path) -> None:
    """Estimates, errors, peak, limit and residuals are those that R's package usl prints."""
    fit, said = (
        published(oracles, "specsdm91", "load", "throughput"),
        expected(oracles, "specsdm91"),
    )
    told = said["published"]
    assert f"{fit.sigma:.3e}" == f"{told['alpha']:.3e}"
    assert f"{fit.kappa:.3e}" == f"{told['beta']:.3e}"
    assert f"{fit.lam:.3e}" == f"{told['gamma']:.3e}"
    for se, name in ((fit.sigma_se, "alpha"), (fit.kappa_se, "beta"), (fit.lam_se, "gamma")):
        assert f"{se:.3e}" == f"{told['std_error'][name]:.3e}"
    assert f"{fit.residual_se:.2f}" == f"{told['residual_std_error']:.2f}"
    assert f"{fit.peak_concurrency:.4f}" == f"{told['peak_load']:.4f}"
    assert f"{fit.peak_throughput:.0f}" == f"{told['peak_throughput']:.0f}"
    assert f"{fit.limit_throughput:.3f}" == f"{told['limit_throughput']:.3f}"
    assert f"{fit.optimal_concurrency:.3f}" == f"{told['optimal_load']:.3f}"
    assert f"{fit.throughput(fit.optimal_concurrency):.0f}" == f"{told['optimal_throughput']:.0f}"
    with (oracles / "capacity" / "usl" / "specsdm91.csv").open() as file:
        loads = np.array([float(one["load"]) for one in csv.DictReader(file)])
    np.testing.assert_allclose(fit.throughput(loads), told["fitted"], atol=0.5)


def test_raytracer_to_its_printed_digits(oracles: Path) -> None:
    """Six rows, five rows with a note, and all of them, where coherency stands at its bound."""
    said = expected(oracles, "raytracer")
    six = published(oracles, "raytracer", "processors", "throughput", 6)
    told = said["published"]["rows_1_to_6"]
    assert (round(six.sigma, 5), round(six.kappa, 5)) == (told["alpha"], told["beta"])
    assert round(six.lam, 5) == told["gamma"]
    errors = said["crossfit"]["rows_1_to_6"]["std_error"]
    assert six.kappa_se == pytest.approx(errors["beta"], rel=2e-3)
    five = published(oracles, "raytracer", "processors", "throughput", 5)
    told = said["published"]["rows_1_to_5"]
    assert (round(five.sigma, 3), round(five.kappa, 3)) == (told["alpha"], told["beta"])
    assert round(five.lam, 3) == told["gamma"]
    assert "only 5 points" in five.notes[-1]
    every = published(oracles, "raytracer", "processors", "throughput")
    told = said["crossfit"]["all_11_rows"]
    assert every.kappa == 0
    assert every.sigma == pytest.approx(told["alpha"], rel=1e-5)
    assert every.residual_se == pytest.approx(told["residual_std_error"], rel=1e-4)
    assert every.notes == (NO_PEAK,)
    assert math.isinf(every.peak_concurrency)
    assert every.peak_throughput == pytest.approx(every.limit_throughput)
    assert every.limit_throughput == pytest.approx(378.2, abs=0.05)


def test_hundreds_of_measurements(oracles: Path) -> None:
    """A database's afternoon, with several measurements at about the same concurrency."""
    fit, told = published(oracles, "oracledb", "db_time", "txn_rate"), expected(oracles, "oracledb")
    for name, value in (("alpha", fit.sigma), ("beta", fit.kappa), ("gamma", fit.lam)):
        assert value == pytest.approx(told["crossfit"][name], rel=1e-4)
    assert fit.peak_concurrency == pytest.approx(told["crossfit"]["peak_load"], rel=1e-4)


@pytest.mark.parametrize(
    ("sigma", "kappa"), [(0.02, 0.02), (0.0, 0.001), (0.3, 1e-5), (0.1, 0.0), (0.0, 0.0)]
)
def test_the_law_itself_is_found(sigma: float, kappa: float) -> None:
    """Throughput without noise gives the law's own numbers, at every bound."""
    fit = fit_usl(N, law(sigma, kappa, 40.0))
    assert fit.sigma == pytest.approx(sigma, abs=1e-7)
    assert fit.kappa == pytest.approx(kappa, abs=1e-8)
    assert fit.lam == pytest.approx(40, rel=1e-6)
    if kappa:
        assert fit.peak_concurrency == pytest.approx(math.sqrt((1 - sigma) / kappa), rel=1e-4)
        peak = law(sigma, kappa, 40.0, np.array([fit.peak_concurrency]))[0]
        assert fit.peak_throughput == pytest.approx(peak, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), unit=st.sampled_from([1e-6, 1e-3, 1.0, 1e6]), swap=st.booleans())
def test_the_unit_and_the_order_make_no_difference(seed: int, unit: float, swap: bool) -> None:
    """Throughput in another unit scales what is in its unit, and nothing else."""
    rng = np.random.default_rng(seed)
    x = law(rng.uniform(0, 0.3), rng.uniform(0, 0.01), 30.0) * rng.normal(1, 0.03, len(N))
    order = rng.permutation(len(N)) if swap else np.arange(len(N))
    one, other = fit_usl(N, x), fit_usl(N[order], x[order] * unit)
    assert other.sigma == pytest.approx(one.sigma, abs=1e-6)
    assert other.kappa == pytest.approx(one.kappa, abs=1e-7)
    for name in ("lam", "lam_se", "residual_se", "peak_throughput"):
        assert getattr(other, name) == pytest.approx(getattr(one, name) * unit, rel=1e-3)


def test_no_search_finds_a_better_fit() -> None:
    """Over noisy data no Nelder and Mead search from many starts leaves less squares."""
    rng = np.random.default_rng(7)
    for _ in range(8):
        top = 10 ** rng.uniform(1, 4)
        n = np.unique(np.round(np.geomspace(1, top, 12)))
        x = law(rng.choice([0, 0.05, 0.5]), rng.uniform(0, 3) / top**2, 5.0, n)
        x *= rng.lognormal(0, 0.1, len(n))

        def squares(part: np.ndarray, n: np.ndarray = n, x: np.ndarray = x) -> float:
            speedup = law(min(abs(part[0]), 1), min(abs(part[1]) / n.max() ** 2, 1), 1.0, n)
            return float((((speedup @ x) / (speedup @ speedup) * speedup - x) ** 2).sum())

        fit = fit_usl(n, x)
        best = min(
            minimize(squares, start, method="Nelder-Mead", options={"maxiter": 400}).fun
            for start in ((0.0, 0.1), (0.1, 1.0), (0.5, 5.0))
        )
        assert squares(np.array([fit.sigma, fit.kappa * n.max() ** 2])) <= best * (1 + 1e-6)


def test_an_outlier_hides_no_better_fit() -> None:
    """One wild point leaves two valleys of squares; the deeper one is the answer."""
    n = np.array([1, 2, 5, 11, 23, 50, 110, 242, 530.0])
    x = np.array([0.1, 0.2, 4.5, 11, 1.5, 0.9, 1.9, 2.0, 6.0])
    fit = fit_usl(n, x)
    kappas = np.append(0, np.geomspace(1e-8, 1, 400))
    speedups = [law(sigma, kappa, 1.0, n) for sigma in np.linspace(0, 1, 41) for kappa in kappas]
    best = min(float((((one @ x) / (one @ one) * one - x) ** 2).sum()) for one in speedups)
    assert ((fit.throughput(n) - x) ** 2).sum() <= best * (1 + 1e-9)


def test_standard_errors_cover_the_truth() -> None:
    """Of many noisy measurements, about 95 % of the estimates lie within two errors."""
    rng = np.random.default_rng(3)
    n, inside = np.arange(1, 33.0), []
    for _ in range(60):
        fit = fit_usl(n, law(0.05, 0.002, 20.0, n) + rng.normal(0, 2.0, len(n)))
        inside.append(
            [
                abs(fit.sigma - 0.05) < 2.05 * fit.sigma_se,
                abs(fit.kappa - 0.002) < 2.05 * fit.kappa_se,
                abs(fit.lam - 20) < 2.05 * fit.lam_se,
                abs(fit.peak_concurrency - math.sqrt(0.95 / 0.002))
                < 2.05 * fit.peak_concurrency_se,
                abs(fit.peak_throughput - fit_usl(n, law(0.05, 0.002, 20.0, n)).peak_throughput)
                < 2.05 * fit.peak_throughput_se,
            ]
        )
    assert (np.mean(inside, axis=0) > 0.86).all()


def test_concurrency_is_the_inverse() -> None:
    """The least concurrency with a throughput gives it again; above the peak there is none."""
    fit = fit_usl(N, law(0.027, 7.7e-4, 996.0))
    levels = np.array([0.5, 3.0, 20.0, fit.peak_concurrency])
    np.testing.assert_allclose(fit.concurrency(fit.throughput(levels)), levels, rtol=1e-4)
    assert math.isnan(fit.concurrency(fit.peak_throughput * 1.01))
    straight = fit_usl(N, law(0.1, 0.0, 996.0))
    assert straight.concurrency(straight.throughput(50.0)) == pytest.approx(50)
    assert math.isnan(straight.concurrency(straight.limit_throughput * 1.01))


def test_a_peak_that_was_not_seen_is_said_to_be() -> None:
    """A peak beyond the data, and one that noise may have made, are noted."""
    assert (
        "beyond the highest concurrency measured, 32" in fit_usl(N, law(0.02, 2e-4, 9.0)).notes[0]
    )
    rng = np.random.default_rng(1)
    noisy = law(0.05, 1e-5, 9.0) * rng.normal(1, 0.05, len(N))
    assert fit_usl(N, noisy).notes == (NO_PEAK,)
    doubtful = fit_usl(N, law(0.05, 2e-4, 9.0) + np.array([0, 0, 2, -2, 2, -2, 2, -2]))
    assert 0 < doubtful.kappa < 1.96 * doubtful.kappa_se
    assert doubtful.notes == (NO_PEAK,)
    assert fit_usl(N, law(0.02, 0.01, 9.0)).notes == ()


def test_throughput_that_only_falls_peaks_at_one() -> None:
    """Where the second worker costs more than it brings, one is best."""
    fit = fit_usl(N, law(1.0, 0.5, 9.0))
    assert fit.peak_concurrency == 1
    assert fit.peak_throughput == pytest.approx(9, rel=1e-4)


@pytest.mark.parametrize(
    ("n", "x", "why"),
    [
        ([1, 2, 3], [1, 2, 3], "3 points at 3 levels"),
        ([1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2], "6 points at 2 levels"),
        ([1, 2, 3, 4], [1, 2, 3], "4 concurrencies and 3 throughputs"),
        ([0, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], "point 1 .*concurrency above 0"),
        ([1, 2, 3, 4, 5, 6], [1, 2, -3, 4, 5, 6], "point 3"),
        ([1, 2, 3, 4, 5, 6], [1, 2, math.nan, 4, 5, 6], "point 3"),
        ([1, 2, 3, 4, 5, 6], [0] * 6, "every throughput is 0"),
    ],
)
def test_what_is_no_measurement_gets_a_sentence(n: list, x: list, why: str) -> None:
    """Too few points, lengths that differ, and numbers that cannot be."""
    with pytest.raises(BadInput, match=why):
        fit_usl(n, x)
