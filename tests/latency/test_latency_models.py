"""Which model is chosen, when it is refused, and what it may be asked."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from alertlab.errors import BadInput
from alertlab.latency import fitting
from alertlab.latency.buckets import Histogram, make_histogram
from alertlab.latency.families import GAMMA, LOGNORMAL, WEIBULL
from alertlab.latency.model_answers import (
    SLOW,
    model_quantile,
    process_quantile,
    slow_share,
    slower,
)
from alertlab.latency.model_sums import check_sum
from alertlab.latency.models import FAMILIES, FITTED, ModelChoice, fit_models

GO = np.array([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, np.inf])


class Truth:
    """A mixture of scipy's distributions."""

    def __init__(self, *parts: tuple[float, object]) -> None:
        self.parts = parts

    def cdf(self, seconds: np.ndarray) -> np.ndarray:
        """Share at or below."""
        return sum(weight * law.cdf(seconds) for weight, law in self.parts)

    def mean(self) -> float:
        """Mean latency."""
        return sum(weight * law.mean() for weight, law in self.parts)

    def quantile(self, q: float) -> float:
        """By bisection."""
        return brentq(lambda x: self.cdf(x) - q, 1e-9, 1e5)


def _lognormal(median: float, sigma: float) -> object:
    return stats.lognorm(sigma, scale=median)


WIDE = Truth((1.0, _lognormal(0.12, 1.0)))
SPIKE = Truth((1.0, _lognormal(0.22, 0.1)))
TWO = Truth((0.85, _lognormal(0.004, 0.5)), (0.15, _lognormal(0.18, 0.2)))
HEAVY = Truth((0.97, _lognormal(0.03, 0.6)), (0.03, stats.pareto(1.5, scale=0.2)))
WEIBULL_LAW = Truth((1.0, stats.weibull_min(0.7, scale=0.08)))


def _expected(truth: Truth, count: float = 1e5, bounds: np.ndarray = GO) -> Histogram:
    """Return the histogram that a truth leads one to expect, with its sum."""
    shares = np.append(truth.cdf(bounds[:-1]), 1.0)
    return make_histogram(bounds, count * shares, count * truth.mean())


# Figures that an independent fit of the same truths gave, from 100,000 calls: the best family; what
# a lognormal and the best family are off at some quantiles [%]; of the lognormal the misfit per
# degree of freedom, and the error of the mean [%], which the draw decides where the tail is heavy.
GOLDEN = {
    "wide": (WIDE, "lognormal", {0.5: (0.0, 0.0), 0.99: (0.0, 0.0)}, None, 0.0),
    "two": (TWO, "two lognormals", {0.5: (-33.0, 0.0), 0.99: (137.6, 0.0)}, 16_634, 21.6),
    "heavy": (HEAVY, "two lognormals", {0.99: (-56.3, 13.8)}, 1_579, None),
    "Weibull": (WEIBULL_LAW, "Weibull", {0.99: (120.9, 0.0)}, 1_094, 35.0),
}


@pytest.mark.parametrize(
    ("truth", "best", "errors", "misfit", "mean_error"), GOLDEN.values(), ids=GOLDEN
)
def test_errors_are_those_that_are_known(
    truth: Truth,
    best: str,
    errors: dict[float, tuple[float, float]],
    misfit: float | None,
    mean_error: float | None,
) -> None:
    """A lognormal is far off where it is wrong, the best family hardly ever; both are told."""
    choice = fit_models(_expected(truth))
    assert choice.best.family.name == best
    for q, (of_lognormal, of_best) in errors.items():
        true = truth.quantile(q)
        lognormal = choice.fits["lognormal"].quantile(q)[0]
        assert 100 * (lognormal / true - 1) == pytest.approx(of_lognormal, abs=0.3)
        assert 100 * (choice.best.quantile(q) / true - 1) == pytest.approx(of_best, abs=0.1)
    row = choice.table.set_index("family").loc["lognormal"]
    if misfit is not None:
        assert row["g2"] / row["dof"] == pytest.approx(misfit, rel=0.04)
    if mean_error is not None:
        assert 100 * row["mean_error_ratio"] == pytest.approx(mean_error, abs=2)
    assert choice.supported == (truth is not HEAVY)


def test_a_spike_inside_two_buckets_has_no_model() -> None:
    """No family is fitted to two buckets: whatever it said would be its own shape."""
    choice = fit_models(_expected(SPIKE))
    assert choice.best is None
    assert not choice.supported
    assert choice.reason == "Too few buckets hold observations."
    assert model_quantile(choice, 0.99).low == 0.25


def test_the_table_ranks_by_aic() -> None:
    """Best first; what was not fitted comes last and says why."""
    counts = np.array([0, 0, 0, 60, 400, 1500, 900, 60, 0, 0, 0, 0])
    table = fit_models(make_histogram(GO, np.cumsum(counts), 700.0)).table
    fitted = table[table["status"] == FITTED]
    assert fitted["aic"].is_monotonic_increasing
    assert fitted["aic_above_best"].iloc[0] == 0
    np.testing.assert_allclose(fitted["aic_above_best"], fitted["aic"] - fitted["aic"].min())
    assert table["status"].iloc[-1] == "too few buckets"  # five parameters, five buckets
    assert set(table["family"]) == {one.name for one in FAMILIES}
    row = fitted.set_index("family").loc["gamma"]
    shape, scale = row["parameters"]["shape"], row["parameters"]["scale_seconds"]
    assert row["mean_seconds"] == pytest.approx(shape * scale)
    assert row["mean_error_ratio"] == pytest.approx(shape * scale / (700 / counts.sum()) - 1)


def test_only_the_given_families_are_asked() -> None:
    """Of two wrong ones the less wrong is best, and refused."""
    choice = fit_models(_expected(TWO), (LOGNORMAL, GAMMA))
    assert set(choice.table["family"]) == {"lognormal", "gamma"}
    assert "does not fit the counts" in choice.reason
    assert not choice.separation.separated


def test_a_model_that_did_not_converge_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if its likelihood is the best so far; a note says so."""
    histogram = _expected(TWO)
    assert not fit_models(histogram).notes
    monkeypatch.setattr(fitting, "_MOST_STEPS", 8)
    choice = fit_models(histogram)
    assert choice.best.family.name != "two lognormals"
    assert any("two lognormals did not converge" in note for note in choice.notes)
    monkeypatch.setattr(fitting, "_MOST_STEPS", 0)
    choice = fit_models(histogram)
    assert (choice.best, choice.reason) == (None, "No model converged.")


def test_a_wrong_mean_refuses_a_model_that_fits_the_counts() -> None:
    """The sum of latencies is a witness of its own; within 5 % it agrees."""
    histogram = _expected(WIDE)
    for factor, supported in ((1.04, True), (0.96, True), (1.08, False), (0.93, False)):
        told = make_histogram(GO, histogram.cumulative, factor * histogram.sum_seconds)
        choice = fit_models(told)
        assert choice.supported == supported
        assert bool(choice.reason) != supported
        if not supported:
            assert f"{1 / factor - 1:+.1%}" in choice.reason


def test_a_misfit_refuses_a_model() -> None:
    """More than 5 of G² per degree of freedom."""
    counts = _expected(WIDE, 1e5).counts.copy()
    for moved, supported in ((200, True), (1500, False)):
        bent = counts.copy()
        bent[4] += moved
        bent[5] -= moved
        histogram = make_histogram(GO, np.cumsum(bent), 1e5 * WIDE.mean())
        choice = fit_models(histogram, (LOGNORMAL,))
        misfit = choice.table["g2"][0] / choice.table["dof"][0]
        assert (misfit <= 5) == supported == choice.supported


@pytest.mark.parametrize(
    ("bounds", "counts", "said"),
    [
        (GO[:-1], range(11), "+Inf bucket is missing"),
        ([np.inf], [5], "No finite bound"),
        ([-1, 0, np.inf], [1, 2, 9], "No finite bound"),
        (GO, np.zeros(12), "no observations"),
    ],
)
def test_a_histogram_that_no_model_can_have_says_why(
    bounds: np.ndarray, counts: np.ndarray, said: str
) -> None:
    """No error: a report goes on without a model."""
    choice = fit_models(make_histogram(bounds, counts))
    assert choice.best is None
    assert not choice.supported
    assert said in choice.reason
    assert choice.table.empty
    assert process_quantile(choice, 0.5) is None
    answers = [model_quantile(choice, 0.9), slow_share(choice, 0.3)]
    assert all(np.isnan(one.value) and choice.reason in one.notes for one in answers)


def test_observations_at_0_are_told_of() -> None:
    """They belong to the first bucket above 0."""
    histogram = _expected(WIDE)
    told = make_histogram([0, *GO], np.append(40, histogram.cumulative), histogram.sum_seconds)
    choice = fit_models(told)
    assert any("at or below 0" in note for note in choice.notes)
    assert choice.best.theta.tolist() == fit_models(histogram).best.theta.tolist()


def test_counts_bound_the_sum() -> None:
    """Each observation lies between the bounds of its bucket; a hundredth is forgiven."""
    bounds, counts = [0.1, 0.5, 2.0, np.inf], np.cumsum([10, 20, 5, 0])
    low, high = 10 * 0 + 20 * 0.1 + 5 * 0.5, 10 * 0.1 + 20 * 0.5 + 5 * 2
    for total, consistent in (
        (low, True),
        (high, True),
        (8.0, True),
        (0.995 * low, True),
        (1.005 * high, True),
        (0.97 * low, False),
        (1.03 * high, False),
    ):
        found = check_sum(make_histogram(bounds, counts, total))
        assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
        assert found.consistent == consistent
        assert np.isnan(found.beyond_low)
    assert "mixed" in found.reason
    assert check_sum(make_histogram(bounds, counts)).consistent is None


@pytest.mark.parametrize("factor", [3.0, 0.0])
def test_a_sum_that_cannot_be_refuses_every_model(factor: float) -> None:
    """Something is wrong with the data, not with the model."""
    counts = _expected(WIDE).counts * (GO < 10)
    histogram = make_histogram(GO, np.cumsum(counts), factor * 1e5 * WIDE.mean())
    choice = fit_models(histogram)
    assert choice.sums.consistent is False
    assert not choice.supported
    assert choice.reason == choice.sums.reason


def test_the_mean_beyond_the_last_bound_has_a_bracket() -> None:
    """What the sum leaves for the +Inf bucket, at least its bound for each."""
    bounds, counts = np.array([1, 10, np.inf]), np.cumsum([100, 50, 3])
    total = 100 * 0.5 + 50 * 4 + 3 * 15.8
    found = check_sum(make_histogram(bounds, counts, total))
    assert found.beyond_low == 10  # (total - 100 * 1 - 50 * 10) / 3 is negative
    assert found.beyond_high == pytest.approx((total - 50 * 1) / 3)
    assert found.high == np.inf
    more = check_sum(make_histogram(bounds, counts, total + 3_000))
    assert more.beyond_low == pytest.approx((total + 3_000 - 100 - 500) / 3)


def test_a_far_quantile_is_told_where_a_model_is_supported() -> None:
    """Beyond the last bound, as exact as the family is right; the bracket alone says > 10 s."""
    heavy = Truth((1.0, _lognormal(0.3, 1.6)))
    choice = fit_models(_expected(heavy))
    assert choice.supported
    found = model_quantile(choice, 0.999)
    assert (found.low, found.high) == (10, np.inf)
    assert found.value == pytest.approx(heavy.quantile(0.999), rel=0.01)
    assert not found.notes
    unknown = make_histogram(GO, choice.histogram.cumulative)
    silent = model_quantile(fit_models(unknown), 0.999)
    assert np.isnan(silent.value)
    assert "witness" in silent.notes[0]
    assert slow_share(fit_models(unknown), 12.0).notes == silent.notes
    assert slow_share(choice, 12.0).value == pytest.approx(1 - heavy.cdf(12.0), rel=0.01)
    assert model_quantile(fit_models(unknown), 0.9).value == pytest.approx(heavy.quantile(0.9))


def test_a_far_quantile_is_refused_where_no_model_is_supported() -> None:
    """Its bracket stays, and the reason is the refusal's."""
    choice = fit_models(_expected(HEAVY))
    found = model_quantile(choice, 0.99)
    assert np.isnan(found.value)
    assert (found.low, found.high) == (0.25, 0.5)
    assert found.notes == (choice.reason,)
    assert process_quantile(choice, 0.99) is None


def _bent() -> ModelChoice:
    """Return a supported model that is a little off: 2 % of a bucket lie in the next one."""
    histogram = _expected(WIDE, 5_000)
    cumulative = histogram.cumulative.copy()
    cumulative[5] -= 60
    return fit_models(make_histogram(GO, cumulative, histogram.sum_seconds), (LOGNORMAL,))


def test_answers_stay_within_the_bracket() -> None:
    """What the counts say for certain holds, and a note says that the model was cut."""
    choice = _bent()
    assert choice.supported
    share = choice.histogram.cumulative[5] / choice.histogram.count  # at or below 0.25 s
    cut = model_quantile(choice, share + 1e-3)
    assert choice.best.quantile(share + 1e-3) < 0.25
    assert (cut.value, cut.low, cut.high) == (0.25, 0.25, 0.5)
    assert f"{choice.best.quantile(share + 1e-3):.4g} s" in cut.notes[0]
    assert not model_quantile(choice, 0.5).notes
    above = slow_share(choice, 0.249)
    assert choice.best.share_above(0.249) < 1 - share
    assert above.value == above.low == pytest.approx(1 - share)
    assert f"{choice.best.share_above(0.249):.4g}, outside" in above.notes[0]
    assert not slow_share(choice, 0.15).notes


def test_a_share_above_any_threshold() -> None:
    """Exact at a bound, by the model between two, unknown where the model is refused."""
    choice = fit_models(_expected(WIDE))
    exact = slow_share(choice, 0.5)
    assert exact.value == exact.low == exact.high == pytest.approx(1 - WIDE.cdf(0.5))
    for threshold in (0.003, 0.3, 0.7, 40.0):
        found = slow_share(choice, threshold)
        assert found.low < found.value < found.high
        assert found.value == pytest.approx(1 - WIDE.cdf(threshold), rel=1e-3)
    refused = slow_share(fit_models(_expected(HEAVY)), 0.3)
    assert np.isnan(refused.value)
    assert refused.low < 1 - HEAVY.cdf(0.3) < refused.high


def test_the_process_has_an_interval() -> None:
    """By the delta method, wider with more confidence and with fewer calls."""
    choice = fit_models(_expected(WIDE, 10_000))
    found = process_quantile(choice, 0.99)
    assert found.low < found.mid < found.high
    assert found.mid == pytest.approx(WIDE.quantile(0.99), rel=1e-3)
    # A lognormal's p99 from raw samples has the error sigma sqrt((1 + z² / 2) / n).
    raw = np.exp(1.96 * np.sqrt((1 + 2.3263**2 / 2) / 10_000))
    assert raw < found.high / found.mid < 1.1 * raw
    assert process_quantile(choice, 0.99, 0.5).high < found.high
    few = process_quantile(fit_models(_expected(WIDE, 1_000)), 0.99)
    assert np.log(few.high / few.mid) == pytest.approx(
        np.sqrt(10) * np.log(found.high / found.mid), rel=0.05
    )


def test_slower_calls_take_a_factor_longer() -> None:
    """All of them: the law of the product, and what that means for a threshold."""
    choice = fit_models(_expected(WIDE))
    found = slower(choice, 1.5)
    for q in (0.5, 0.99):
        assert found.after.quantile(q) == pytest.approx(1.5 * found.before.quantile(q))
    assert found.after.share_above(0.5) == pytest.approx(1 - WIDE.cdf(0.5 / 1.5), rel=1e-3)
    assert found.before.quantile(0.5) == choice.best.quantile(0.5)
    assert "Queueing is not in it" in found.notes[0]


def test_slower_hashes_leave_the_tokens_alone() -> None:
    """Only the slow component moves; the result is the mixture with a slower hash."""
    truth = Truth((0.7, _lognormal(0.008, 0.5)), (0.3, _lognormal(0.2, 0.5)))
    slow = Truth((0.7, _lognormal(0.008, 0.5)), (0.3, _lognormal(0.4, 0.5)))
    choice = fit_models(_expected(truth))
    assert choice.separation.separated
    found = slower(choice, 2.0, SLOW)
    for q in (0.3, 0.9, 0.99):
        assert found.after.quantile(q) == pytest.approx(slow.quantile(q), rel=0.01)
    assert found.after.share_above(0.5) == pytest.approx(1 - slow.cdf(0.5), rel=0.01)
    assert slower(choice, 2.0).after.quantile(0.3) == pytest.approx(
        2 * truth.quantile(0.3), rel=0.01
    )


def test_what_no_model_tells_is_refused() -> None:
    """Each with its reason."""
    good, refused = fit_models(_expected(WIDE)), fit_models(_expected(HEAVY))
    with pytest.raises(BadInput, match=r"no model tells .* does not fit"):
        slower(refused, 2.0)
    with pytest.raises(BadInput, match="no slow component"):
        slower(good, 2.0, SLOW)
    with pytest.raises(BadInput, match="unknown component 'fast'"):
        slower(good, 2.0, "fast")
    for factor in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(BadInput, match="a factor is a number above 0"):
            slower(good, factor)
    for q in (0.0, 1.0, np.nan):
        with pytest.raises(BadInput, match="between 0 and 1"):
            model_quantile(good, q)
        with pytest.raises(BadInput, match="between 0 and 1"):
            process_quantile(good, q)
    with pytest.raises(BadInput, match="a threshold is a number above 0"):
        slow_share(good, 0.0)


def test_a_slow_component_inside_one_bucket_cannot_be_slowed() -> None:
    """Where in the bucket it lies nobody knows; the sentence says what to do."""
    bounds = np.array([0.001, 0.002, 0.004, 0.006, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, np.inf])
    truth = Truth((0.7, _lognormal(0.004, 0.5)), (0.3, _lognormal(0.3, 0.1)))
    histogram = _expected(truth, 1e5, bounds)
    choice = fit_models(histogram)
    mean = choice.best.mean_seconds * histogram.count
    choice = fit_models(make_histogram(bounds, histogram.cumulative, mean))
    assert choice.separation.separated
    with pytest.raises(BadInput, match=r"inside the bucket from 0.2 to 0.5 s.*add a bound"):
        slower(choice, 2.0, SLOW)


@pytest.mark.parametrize("family", [LOGNORMAL, WEIBULL])
def test_a_model_names_its_parameters(family: object) -> None:
    """By the names that people know."""
    choice = fit_models(_expected(WIDE), (family,))
    named = choice.best.parameters
    assert list(named) == list(family.parameters)
    if family is LOGNORMAL:
        assert named["median_seconds"] == pytest.approx(0.12)
        assert named["sigma"] == pytest.approx(1)


# --- an API over a week: real latencies in bins of two digits [ms], with a very heavy tail


def _weekly_and_daily(folder: Path) -> list[dict[float, float]]:
    """Return observations by lower edge of their bin [ms]: of the week, then of each day."""
    days: dict[int, Counter] = {}
    path = folder / "latency" / "hartmann-ds4ops" / "api_latency_histogram_1W@60sec.csv"
    with path.open(encoding="utf-8") as file:
        for at, bins in csv.reader(file):
            counted = {float(key): n for key, n in json.loads(bins).items()}
            days.setdefault(int(at) // 86_400, Counter()).update(counted)
    return [sum(days.values(), Counter()), *days.values()]


@pytest.mark.oracle
def test_real_heavy_tails_are_refused_or_right(oracles: Path) -> None:
    """In Prometheus' default buckets, whose bounds are edges of bins."""
    supported = []
    for bins in _weekly_and_daily(oracles):
        low = np.array(sorted(bins))
        high = low + 10.0 ** (np.floor(np.log10(low) + 1e-9) - 1)
        counts = np.array([bins[one] for one in low])
        cumulative = [counts[high <= bound * 1e3 + 1e-6].sum() for bound in GO]
        choice = fit_models(make_histogram(GO, cumulative, counts @ (low + high) / 2e3))
        supported.append(choice.supported)
        for q in (0.5, 0.9, 0.99):
            at = np.searchsorted(np.cumsum(counts), q * counts.sum())
            found = model_quantile(choice, q)
            assert found.low * 1e3 <= low[at] < high[at] <= found.high * 1e3 + 1e-6
            if choice.supported:
                assert found.value * 1e3 == pytest.approx((low[at] + high[at]) / 2, rel=0.1)
            else:
                assert np.isnan(found.value)
    assert not supported[0], "two million calls show that no family has that tail"
