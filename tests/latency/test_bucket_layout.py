"""Advice on bucket edges: a published figure, Prometheus' own rule, all layouts tried, literals."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as ClientHistogram
from scipy.special import ndtr, ndtri

from alertlab.errors import BadInput
from alertlab.latency import Histogram, make_histogram
from alertlab.latency.layout import LayoutAdvice, advise_layout
from alertlab.latency.layout_search import Questions, best_layout
from alertlab.promql.histogram import bucket_quantile

GO = np.array([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])


def _lognormal(
    median_seconds: float, sigma: float, edges: np.ndarray = GO, count: float = 1e6
) -> Histogram:
    """A histogram without any luck of sampling."""
    bounds = np.append(edges, np.inf)
    return make_histogram(bounds, count * ndtr(np.log(bounds / median_seconds) / sigma))


def _advice(*histograms: Histogram, **options: object) -> LayoutAdvice:
    named = {f"M{i}": one for i, one in enumerate(histograms)}
    return advise_layout(named, **{"slo_threshold_seconds": 0.25} | options)


def _true_error(edges: np.ndarray, median: float, sigma: float, q: float, drift: float) -> float:
    """What Prometheus would be off by on a lognormal, by its own rule."""
    truth = drift * median * np.exp(sigma * ndtri(q))
    bounds = np.append(edges, np.inf)
    shares = ndtr(np.log(bounds / (drift * median)) / sigma)
    said = bucket_quantile(np.array([q]), bounds, shares[:, None], 3)[0]
    return abs(said / truth - 1)


def test_the_edge_that_holds_a_quantile_in_the_first_bucket_stays() -> None:
    """Most calls take 4 ms: without the edge above them, p50 would lie anywhere below 75 ms."""
    bounds = np.append(GO, np.inf)
    fast, slow = (ndtr(np.log(bounds / median) / 0.2) for median in (0.004, 0.18))
    advice = _advice(make_histogram(bounds, 1e6 * (0.85 * fast + 0.15 * slow)))
    assert advice.edges_proposed[0] == 0.005
    assert any("In the first bucket" in note for note in advice.notes)
    beyond = _advice(_lognormal(0.06, 0.8, GO[:5]), slo_threshold_seconds=0.05, guards=(0.025,))
    assert beyond.edges_proposed[-1] == 0.1


def test_the_published_example_is_reproduced() -> None:
    """60 ms, sigma 0.8, Go's edges: 35.5 % becomes 4.9 % with as many edges."""
    quantiles, drift = (0.5, 0.95, 0.99), (0.6, 1.0, 1.6)
    found = _advice(_lognormal(0.06, 0.8), quantiles=quantiles)
    assert found.worst_now == pytest.approx(0.355, abs=5e-4)
    assert found.worst_proposed <= 0.0496
    assert found.more[0].worst_error <= 0.0410  # and no worse with an edge more
    assert len(found.edges_proposed) == len(GO)
    assert {0.25, 1.0, 2.5, 10.0} <= set(found.edges_proposed)
    for edges, told in ((GO, found.worst_now), (found.edges_proposed, found.worst_proposed)):
        every = [_true_error(edges, 0.06, 0.8, q, d) for q in quantiles for d in drift]
        assert max(every) == pytest.approx(told, rel=1e-6)


def test_each_answer_has_the_error_of_its_worst_drift() -> None:
    """Per quantile and method, before and after, by Prometheus' rule on the true distribution."""
    found = _advice(_lognormal(0.06, 0.8), _lognormal(0.2, 0.5), drift=(0.8, 1.0, 1.3))
    truth = {"M0": (0.06, 0.8), "M1": (0.2, 0.5)}
    assert len(found.answers) == 8
    for one in found.answers:
        for edges, told in (
            (found.edges_now, one.error_now),
            (found.edges_proposed, one.error_proposed),
        ):
            every = [_true_error(edges, *truth[one.method], one.now.q, d) for d in (0.8, 1, 1.3)]
            assert max(every) == pytest.approx(told, rel=1e-6)
    assert found.worst_proposed < found.worst_now / 2


@st.composite
def _asked(draw: st.DrawFn) -> tuple[Questions, np.ndarray]:
    """Questions about a random distribution, and some layouts."""
    n = draw(st.integers(2, 8))
    candidates = np.cumsum(draw(st.lists(st.floats(0.01, 2.0), min_size=n, max_size=n)))
    rows = draw(st.integers(1, 4))
    steps = [draw(st.lists(st.floats(0, 1), min_size=n + 1, max_size=n + 1)) for _ in range(rows)]
    shares = np.cumsum(steps, axis=1) / np.maximum(np.sum(steps, axis=1, keepdims=True), 1e-3)
    quantiles = np.array(draw(st.lists(st.floats(0.01, 0.99), min_size=rows, max_size=rows)))
    layouts = np.array(draw(st.lists(
        st.lists(st.booleans(), min_size=n, max_size=n).filter(any), min_size=1, max_size=4
    )))  # fmt: skip
    truths = np.ones(rows)
    return Questions(candidates, shares[:, :n].clip(0, 1), quantiles, truths, truths), layouts


@settings(max_examples=100, deadline=None)
@given(_asked())
def test_errors_are_those_of_prometheus_own_rule(asked: tuple[Questions, np.ndarray]) -> None:
    """Many layouts at once say what ``histogram_quantile`` says of each by itself."""
    questions, layouts = asked
    found = questions.errors(layouts)
    for i, layout in enumerate(layouts):
        bounds = np.append(questions.candidates[layout], np.inf)
        for j, q in enumerate(questions.quantiles):
            counts = np.append(questions.shares[j, layout], 1.0)
            said = bucket_quantile(np.array([q]), bounds, counts[:, None], 2)[0]
            assert found[i, j] == pytest.approx(abs(said - 1.0), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_no_layout_is_better_than_the_one_found(seed: int) -> None:
    """All of them tried, for distributions of two modes among twelve candidates."""
    random = np.random.default_rng(seed)
    candidates = np.geomspace(0.01, 4.0, 12)
    quantiles = np.array([0.5, 0.9, 0.99])
    low, high = random.uniform(0.02, 0.1), random.uniform(0.2, 0.8)
    grid = np.geomspace(1e-3, 50, 20_000)

    def below(seconds: np.ndarray) -> np.ndarray:
        return 0.7 * ndtr(np.log(seconds / low) / 0.3) + 0.3 * ndtr(np.log(seconds / high) / 0.4)

    truths = np.interp(quantiles, below(grid), grid)
    questions = Questions(
        candidates, np.tile(below(candidates), (3, 1)), quantiles, truths, np.ones(3)
    )
    fixed = np.isin(np.arange(12), [6, 11])
    best = best_layout(questions, np.arange(12) % 2 == 1, fixed, 6)
    assert best.sum() == 6
    assert best[fixed].all()
    free = np.flatnonzero(~fixed)
    every = np.array([fixed | np.isin(np.arange(12), some) for some in combinations(free, 4)])
    worst, least = questions.errors(best[None]).max(), questions.errors(every).max(axis=1).min()
    assert worst == pytest.approx(least, abs=1e-3)
    assert questions.loss(best[None])[0] == pytest.approx(questions.loss(every).min())


def test_one_layout_serves_all_methods() -> None:
    """Milliseconds and hundreds of them: the worst becomes better, and weights tell whose."""
    fast, slow = _lognormal(0.012, 0.6), _lognormal(0.3, 0.4)
    both = _advice(fast, slow)
    alone = _advice(slow)
    assert both.worst_proposed < both.worst_now
    assert {one.method for one in both.answers} == {"M0", "M1"}

    def worst_of(found: LayoutAdvice, method: str) -> float:
        return max(one.error_proposed for one in found.answers if one.method == method)

    assert worst_of(both, "M1") > alone.worst_proposed
    light = _advice(fast, slow, weights={"M0": 1e-3, "M1": 1e-3})
    np.testing.assert_array_equal(light.edges_proposed, both.edges_proposed)
    weighted = _advice(fast, slow, weights={"M1": 20.0})
    assert worst_of(weighted, "M1") < worst_of(both, "M1")
    assert worst_of(weighted, "M0") > worst_of(both, "M0")


def test_what_is_asked_changes_the_advice() -> None:
    """Threshold, guards, quantiles and drift are all heard."""
    usual = _advice(_lognormal(0.06, 0.8))
    other_threshold = _advice(_lognormal(0.06, 0.8), slo_threshold_seconds=0.35)
    assert 0.35 in other_threshold.edges_proposed
    assert 0.35 not in usual.edges_proposed
    other_guards = _advice(_lognormal(0.06, 0.8), guards=(3.0, 20.0))
    assert {3.0, 20.0} <= set(other_guards.edges_proposed)
    median_only = _advice(_lognormal(0.06, 0.8), quantiles=(0.5,))
    assert median_only.worst_proposed < 0.5 * usual.worst_proposed
    no_drift = _advice(_lognormal(0.06, 0.8), drift=(1.0,))
    assert no_drift.worst_proposed < 0.6 * usual.worst_proposed


def test_a_service_that_drifts_beyond_the_guards_gets_edges_there() -> None:
    """The errors stay finite where Prometheus says its last edge, and the search sees them."""
    found = _advice(_lognormal(0.5, 0.8), guards=(1.0,), drift=(1.0, 8.0), quantiles=(0.5, 0.95))
    assert np.isfinite(found.worst_now)
    assert found.worst_now > 0.3  # 14.9 s, and the last edge is at 10 s
    assert found.edges_proposed[-1] > 10.0
    assert found.worst_proposed < 0.2


def test_more_edges_buy_more_and_cost_series() -> None:
    """Each costs one series for each label set; none makes it worse."""
    found = _advice(_lognormal(0.06, 0.8), label_sets=15)
    assert found.series == 15 * (11 + 3)
    assert [(one.edges, one.series) for one in found.more] == [(1, 225), (2, 240), (4, 270)]
    errors = [found.worst_proposed, *(one.worst_error for one in found.more)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0]
    assert _advice(_lognormal(0.06, 0.8), _lognormal(0.1, 0.8)).series == 2 * 14


def test_a_threshold_beyond_the_edges_is_off_by_what_lies_beyond() -> None:
    """Prometheus takes nothing beyond its last edge for fast, so it misses at most all of that."""
    histogram = _lognormal(0.2, 0.5, GO[GO <= 0.5])
    found = _advice(histogram, slo_threshold_seconds=0.8, guards=(1.0,), drift=(1.0,))
    beyond = 1 - ndtr(np.log(0.5 / 0.2) / 0.5)
    assert found.threshold_error_now == pytest.approx(beyond)


@pytest.mark.parametrize("drift", [(1.0,), (0.7, 1.0), (1.3,)])
def test_the_share_at_the_threshold_is_exact_afterwards(drift: tuple[float, ...]) -> None:
    """Without an edge at 0.35 s Prometheus draws a line from 0.25 to 0.5 s, which is no truth."""
    found = _advice(_lognormal(0.2, 0.5), slo_threshold_seconds=0.35, drift=drift)
    off = []
    for factor in drift:
        low, high, truth = ndtr(np.log(np.array([0.25, 0.5, 0.35]) / (0.2 * factor)) / 0.5)
        off.append(abs(low + (high - low) * 0.1 / 0.25 - truth))
    assert found.threshold_error_now == pytest.approx(max(off))
    assert 0.35 in found.edges_proposed
    assert _advice(_lognormal(0.2, 0.5), drift=drift).threshold_error_now == 0.0


def test_the_code_line_makes_these_buckets() -> None:
    """The Python client accepts it as it stands; Go's is the same numbers."""
    histogram = _lognormal(0.06, 0.8)
    found = _advice(histogram)
    client = eval(f"ClientHistogram('x', 'y', registry=registry, {found.code_line})", {
        "ClientHistogram": ClientHistogram, "registry": CollectorRegistry(),
    })  # fmt: skip
    bounds = [
        float(one.labels["le"])
        for one in client.collect()[0].samples
        if one.name.endswith("_bucket")
    ]
    assert bounds == [*found.edges_proposed, np.inf]
    go = _advice(histogram, language="go").code_line
    assert re.fullmatch(r"Buckets: \[\]float64\{[0-9., ]+\},", go)
    assert [float(one) for one in re.findall(r"[\d.]+", go.partition("{")[2])] == bounds[:-1]


def test_history_stays_comparable_at_the_common_edges() -> None:
    """They are those in both layouts, and the fixed ones that were there are among them."""
    found = _advice(_lognormal(0.06, 0.8))
    assert set(found.edges_common) == set(GO) & set(found.edges_proposed)
    assert {0.25, 1.0, 2.5, 10.0} <= set(found.edges_common)


def test_edges_that_are_as_good_stay() -> None:
    """Advice followed is not advised away again, and says to leave it."""
    first = _advice(_lognormal(0.06, 0.8))
    again = _advice(_lognormal(0.06, 0.8, first.edges_proposed))
    np.testing.assert_array_equal(again.edges_proposed, first.edges_proposed)
    assert again.notes[0] == "Today's edges are as good as any found: leave them."
    assert not any("leave them" in note for note in first.notes)
    # Half a percent is not worth a break in history, one and a half are.
    for edge, other, stays in ((0.04, 0.05, True), (0.06, 0.05, False)):
        nearly = np.sort(np.where(first.edges_proposed == edge, other, first.edges_proposed))
        found = _advice(_lognormal(0.06, 0.8, nearly))
        assert np.array_equal(found.edges_proposed, nearly) == stays
        assert (found.worst_now > first.worst_proposed + 0.01) != stays
    # Nor do they stay without the threshold among them.
    other = _advice(_lognormal(0.06, 0.8, first.edges_proposed), slo_threshold_seconds=0.35)
    assert 0.35 in other.edges_proposed


def test_what_nobody_knows_has_no_say_and_is_told() -> None:
    """In the first bucket and beyond the last edge there is no truth to be near to."""
    fast, slow = _lognormal(0.002, 0.5), _lognormal(3.0, 1.0)
    found = _advice(fast, slow, _lognormal(0.06, 0.8), make_histogram([*GO, np.inf], [0.0] * 12))
    unknown = {(one.method, one.now.q) for one in found.answers if np.isnan(one.error_now)}
    assert unknown == {
        ("M0", 0.5),
        ("M0", 0.9),
        ("M0", 0.95),
        ("M1", 0.9),
        ("M1", 0.95),
        ("M1", 0.99),
    }
    assert np.isfinite([found.worst_now, found.worst_proposed]).all()
    assert found.notes[:3] == (
        "Without observations, these have no say: M3.",
        "In the first bucket, up to 0.005 s, nobody knows where they lie: M0 p50, M0 p90, M0 p95. "
        "Give an edge below it as a guard to learn it.",
        "Beyond the last edge, 10 s, nobody knows where they lie: M1 p90, M1 p95, M1 p99. "
        "Give a guard further out to learn it.",
    )


def test_doubt_inside_wide_buckets_is_told() -> None:
    """From 0.1 to 0.25 s a best guess may be off by 43 %; from 0.25 to 0.3 s it is no matter."""
    wide = _advice(_lognormal(0.15, 0.3), quantiles=(0.5,))
    assert "may be off by up to 43%: M0 p50." in wide.notes[-1]
    edges = np.array([0.1, 0.14, 0.16, 0.2, 0.3, 0.5, 1.0])
    narrow = _advice(_lognormal(0.15, 0.3, edges), quantiles=(0.5,), guards=(1.0,))
    assert not any("Read off a curve" in note for note in narrow.notes)


def test_bounds_of_zero_are_no_edges() -> None:
    """Some layouts begin at 0; nothing takes so little, and no edge is spent on it."""
    with_zero = _lognormal(0.06, 0.8)
    bounds = np.append(0.0, with_zero.upper_bounds)
    found = _advice(make_histogram(bounds, np.append(0.0, with_zero.cumulative)))
    np.testing.assert_array_equal(found.edges_now, GO)


@pytest.mark.parametrize(
    ("histograms", "options", "told"),
    [
        ([make_histogram([0.1, np.inf], [0, 0])], {}, "there are no observations"),
        ([], {}, "there are no observations"),
        ([_lognormal(0.06, 0.8, GO[4:7])], {}, r"3 edges cannot .* \(0.1, 0.25, 1, 2.5, 10 s\)"),
        ([_lognormal(0.06, 0.8), _lognormal(0.06, 0.8, GO[1:])], {}, "different bounds"),
        ([_lognormal(1e-4, 0.2)], {}, "every quantile lies in the first or the"),
        ([_lognormal(0.06, 0.8)], {"language": "perl"}, "unknown language 'perl'"),
        ([_lognormal(0.06, 0.8)], {"quantiles": ()}, "quantiles to answer lie between 0 and 1"),
        ([_lognormal(0.06, 0.8)], {"quantiles": (0.5, 1.0)}, "lie between 0 and 1"),
        ([_lognormal(0.06, 0.8)], {"drift": (1.0, 0.0)}, "drift is a list of positive factors"),
        ([_lognormal(0.06, 0.8)], {"guards": ()}, "without guards is blind above today"),
        ([_lognormal(0.06, 0.8)], {"guards": (1.0, np.inf)}, "positive and finite seconds"),
        ([_lognormal(0.06, 0.8)], {"slo_threshold_seconds": -1.0}, "positive and finite seconds"),
        ([_lognormal(0.06, 0.8)], {"weights": {"Logn": 1.0}}, "unknown method 'Logn'"),
        ([_lognormal(0.06, 0.8)], {"weights": {"M0": 0.0}}, "the weight of M0 is 0"),
    ],
)
def test_what_cannot_be_advised_is_refused(
    histograms: list[Histogram], options: dict, told: str
) -> None:
    """A sentence says what is wrong."""
    with pytest.raises(BadInput, match=told):
        _advice(*histograms, **options)
