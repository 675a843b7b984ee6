"""Before and after: the exact split of a change, and verdicts that know how hours differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertlab.errors import BadInput
from alertlab.latency import BucketHistory, histogram_quantile, make_histogram
from alertlab.latency.compare import (
    CHANGED,
    NO_CHANGE,
    TOO_LITTLE,
    Comparison,
    before_after,
    compare_spans,
    shift_share,
)
from alertlab.units import HOUR_MS, MINUTE_MS, label_set

BOUNDS = np.array([0.1, 0.2, 0.5, 1.0, np.inf])
WEEK = 168


def _history(counts: np.ndarray, *, step_ms: int = HOUR_MS) -> BucketHistory:
    """counts: of each bucket by itself, shape (n_methods, n_spans, 5)."""
    counts = np.asarray(counts, float)
    return BucketHistory(
        "seconds",
        ("grpc_method",),
        tuple(label_set({"grpc_method": f"M{i}"}) for i in range(len(counts))),
        BOUNDS,
        step_ms * np.arange(1, counts.shape[1] + 1),
        step_ms,
        np.cumsum(counts, axis=2),
        np.full(counts.shape[:2], np.nan),
    )


def _hours(hours: int, *shares: float, requests: float = 1_000.0) -> np.ndarray:
    """Hours that are all alike, of such shares in the buckets."""
    return np.tile(requests * np.array(shares), (hours, 1))


def _halves(history: BucketHistory) -> tuple[np.ndarray, np.ndarray]:
    first = np.arange(len(history.ends_ms)) < len(history.ends_ms) // 2
    return first, ~first


def _compared(counts: np.ndarray, **options: object) -> Comparison:
    history = _history(counts)
    return compare_spans(history, *_halves(history), **{"threshold_seconds": 0.5} | options)


def test_the_share_moves_by_traffic_alone() -> None:
    """A slow method that is called twice as often: its own share stays, the whole one rises."""
    found = shift_share([900, 100], [9, 50], [800, 200], [8, 100])
    assert (found.before, found.after) == pytest.approx((0.059, 0.108))
    assert found.mix == pytest.approx([-0.001, 0.05])
    assert found.latency == pytest.approx([0.0, 0.0])


def test_the_share_moves_by_latency_alone() -> None:
    """The same traffic, and one method slower: all of it is that method's latency."""
    found = shift_share([900, 100], [9, 50], [1_800, 200], [18, 140])
    assert found.mix == pytest.approx([0.0, 0.0])
    assert found.latency == pytest.approx([0.0, 0.1 * 0.2])


def test_both_at_once_weigh_with_the_mean_of_both_sides() -> None:
    """From 10 % of 100 to 30 % of 300, of 1,000 each: 0.2 mean share, 0.2 mean traffic."""
    found = shift_share([900, 100], [0, 10], [700, 300], [0, 90])
    assert found.mix == pytest.approx([0.0, 0.2 * 0.2])
    assert found.latency == pytest.approx([0.0, 0.2 * 0.2])


def test_a_method_that_appears_or_vanishes_is_all_traffic() -> None:
    """Nobody knows how slow it would have been where it was not called."""
    appears = shift_share([100, 0], [10, 0], [100, 100], [10, 50])
    assert appears.mix == pytest.approx([-0.05, 0.25])
    assert appears.latency == pytest.approx([0.0, 0.0])
    vanishes = shift_share([100, 100], [10, 50], [100, 0], [10, 0])
    assert vanishes.mix == pytest.approx([0.05, -0.25])


def test_without_requests_on_a_side_there_is_nothing_to_split() -> None:
    """A share of nothing is unknown, not 0."""
    assert shift_share([0, 0], [0, 0], [5, 5], [1, 1]) is None
    assert shift_share([5, 5], [1, 1], [0, 0], [0, 0]) is None


METHODS = st.lists(
    st.tuples(*(st.tuples(st.floats(0, 1e6), st.floats(0, 1)) for _ in range(2))),
    min_size=1,
    max_size=6,
)


@given(METHODS)
def test_the_parts_add_up_to_the_change(methods: list) -> None:
    """Whatever the traffic, methods that come and go among it, nothing is left over."""
    counts = np.array([[count for count, _ in pair] for pair in methods]).T
    slow = np.array([[count * share for count, share in pair] for pair in methods]).T
    found = shift_share(counts[0], slow[0], counts[1], slow[1])
    if not counts.sum(axis=1).all():
        assert found is None
        return
    before, after = slow.sum(axis=1) / counts.sum(axis=1)
    assert (found.before, found.after) == pytest.approx((before, after))
    parts = found.mix.sum() + found.latency.sum()
    assert parts == pytest.approx(after - before, abs=1e-12)


def test_a_method_that_became_slower_has_changed() -> None:
    """Its quantiles, brackets and slow share of both sides stand beside each other."""
    before, after = (0.5, 0.4, 0.09, 0.01, 0.0), (0.3, 0.4, 0.2, 0.1, 0.0)
    counts = np.concatenate([_hours(WEEK, *before), _hours(WEEK, *after)])
    found = _compared([counts])
    method = found.methods[0]
    assert (method.name, method.verdict, method.notes) == ("M0", CHANGED, ())
    assert (method.before.hours, method.before.histogram.count) == (WEEK, WEEK * 1_000)
    after_histogram = make_histogram(BOUNDS, np.cumsum(counts[WEEK:].sum(axis=0)))
    for one, q in zip(method.after.quantiles, (0.5, 0.95, 0.99), strict=True):
        expected = histogram_quantile(after_histogram, q)
        assert (one.q, one.low, one.high) == (q, expected.low, expected.high)
        assert one.estimate == pytest.approx(expected.estimate)
    assert method.before.slow.mid == pytest.approx(0.01)
    assert method.after.slow.mid == pytest.approx(0.1)
    assert method.slow.bounds_seconds == (0.5,)
    assert method.slow.differences[0] == pytest.approx((0.09, 0.09, 0.09, 1 - 0.05 / 3))
    assert [one.verdict for one in method.quantiles] == [CHANGED] * 3
    assert found.shift.latency == pytest.approx([0.09])


def test_hours_that_are_alike_on_both_sides_show_no_change() -> None:
    """No scatter at all, fractional counts and rounding: still no change."""
    counts = _hours(2 * WEEK, 0.5, 0.3, 0.1, 0.07, 0.03, requests=1_000 / 3)
    method = _compared([counts]).methods[0]
    assert method.verdict == NO_CHANGE
    assert {one.verdict for one in (method.slow, *method.quantiles)} == {NO_CHANGE}


def test_rounding_is_no_change() -> None:
    """What is left of a sum of fractions, such as a billionth of a request, is no slow request."""
    counts = _hours(2 * WEEK, 1, 0, 0, 0, 0)
    counts[:WEEK, 3] = 1e-9
    assert _compared([counts]).methods[0].slow.verdict == NO_CHANGE
    assert _compared([counts[::-1]]).methods[0].slow.verdict == NO_CHANGE


def test_one_bad_hour_is_no_change_of_the_method() -> None:
    """It moves the week's share, but could as well have fallen into the other week."""
    counts = _hours(2 * WEEK, 0.9, 0.1, 0.0, 0.0, 0.0)
    counts[200] = [0.0, 0.0, 0.0, 1_000.0, 0.0]
    method = _compared([counts]).methods[0]
    assert method.slow.differences[0].mid == pytest.approx(1 / WEEK)
    assert method.slow.verdict == NO_CHANGE
    counts[200:206] = [0.0, 0.0, 0.0, 1_000.0, 0.0]  # six of them could hardly
    assert _compared([counts]).methods[0].slow.verdict == CHANGED


def test_a_change_below_the_threshold_is_seen_at_the_quantiles() -> None:
    """Nothing is slow on either side, and the median doubled: the slow share is silent."""
    counts = np.concatenate([_hours(WEEK, 1, 0, 0, 0, 0), _hours(WEEK, 0, 1, 0, 0, 0)])
    for one in ([counts], [counts[::-1]]):
        method = _compared(one).methods[0]
        assert method.slow.verdict == NO_CHANGE
        assert [one.verdict for one in method.quantiles] == [CHANGED] * 3
        assert method.verdict == CHANGED


def test_only_the_quantiles_that_moved_have_changed() -> None:
    """The tail grew from 0.2 to 1 s, while the half of the requests is as fast as it was."""
    before, after = (0.5, 0.48, 0.02, 0.0, 0.0), (0.5, 0.4, 0.05, 0.05, 0.0)
    counts = np.concatenate([_hours(WEEK, *before), _hours(WEEK, *after)])
    method = _compared([counts]).methods[0]
    assert [one.verdict for one in method.quantiles] == [NO_CHANGE, CHANGED, CHANGED]
    assert method.quantiles[0].bounds_seconds == (0.1,)


def test_hours_scatter_as_much_as_the_interval_says() -> None:
    """The interval is that of a difference of two independent means: 1.96 standard errors."""
    random = np.random.default_rng(5)
    shares = random.normal(0.2, 0.05, 2 * WEEK).clip(0, 1)
    counts = np.zeros((2 * WEEK, 5))
    counts[:, 0], counts[:, 3] = 1_000 * (1 - shares), 1_000 * shares
    method = _compared([counts], quantiles=(), confidence=0.95).methods[0]
    interval = method.slow.differences[0]
    error = np.sqrt(shares[:WEEK].var() / WEEK + shares[WEEK:].var() / WEEK)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert interval.mid == pytest.approx(shares[WEEK:].mean() - shares[:WEEK].mean())
    twice = np.concatenate([counts[:WEEK], counts[:WEEK]])
    same = _compared([twice], quantiles=()).methods[0].slow.differences[0]
    assert same.high - same.low == pytest.approx(
        2 * 1.96 * shares[:WEEK].std() * (2 / WEEK) ** 0.5, rel=0.1
    )
    wider = _compared([counts], quantiles=(), confidence=0.999).methods[0].slow.differences[0]
    assert wider.high - wider.low > 1.3 * (interval.high - interval.low)


def test_verdicts_are_rarely_wrong_about_a_process_that_stays() -> None:
    """Of 20 methods whose hours scatter alike on both sides, about one in twenty is accused."""
    random = np.random.default_rng(11)
    shares = random.dirichlet([50, 30, 10, 6, 4], (20, 2 * WEEK))
    found = _compared(np.round(1_000 * shares))
    assert sum(one.verdict == CHANGED for one in found.methods) <= 3


def test_too_few_hours_are_not_enough_and_say_so() -> None:
    """A day less an hour tells little of how hours differ; the counts are shown all the same."""
    counts = np.stack([_hours(46, 0.9, 0.1, 0, 0, 0), _hours(46, 0.9, 0.1, 0, 0, 0)])
    counts[1, 23:] = 0.0
    fewer, none = _compared(counts).methods
    assert fewer.verdict == none.verdict == TOO_LITTLE
    assert fewer.notes == tuple(
        f"M0 had requests in 23 hours {when}; fewer than 24 do not tell how much hours differ."
        for when in ("before", "after")
    )
    assert none.notes[1] == "M1 had no requests after."
    assert none.after.slow is None
    assert fewer.before.quantiles[0].low == 0.0
    seldom = np.zeros((2 * WEEK, 5))
    seldom[::10, 0] = 50.0
    rare = _compared([seldom]).methods[0]
    assert (rare.before.hours, rare.verdict) == (17, TOO_LITTLE)
    more = _compared(np.stack([_hours(48, 0.9, 0.1, 0, 0, 0)]))
    assert more.methods[0].verdict == NO_CHANGE


def test_a_method_without_data_is_one_without_requests() -> None:
    """Not exported before it existed: NaN there, all traffic in the split."""
    counts = np.stack([_hours(2 * WEEK, 0.9, 0, 0, 0.1, 0), _hours(2 * WEEK, 0.5, 0, 0, 0.5, 0)])
    counts[1, :WEEK] = np.nan
    found = _compared(counts)
    assert found.methods[1].notes == ("M1 had no requests before.",)
    assert found.methods[1].verdict == TOO_LITTLE
    assert found.shift.mix == pytest.approx([-0.05, 0.25])
    assert found.shift.latency == pytest.approx([0.0, 0.0])


def test_hours_are_resampled_whole_whatever_the_step() -> None:
    """Spans of ten minutes are drawn by the hour that they make up."""
    hours = np.random.default_rng(3).dirichlet([5, 3, 1, 1, 1], 2 * WEEK) * 600
    whole = _history([hours])
    parts = _history([np.repeat(hours / 6, 6, axis=0)], step_ms=10 * MINUTE_MS)
    found = [
        compare_spans(one, *_halves(one), threshold_seconds=0.5).methods[0]
        for one in (whole, parts)
    ]
    assert found[0].before.hours == found[1].before.hours == WEEK
    for one, other in zip(found[0].slow.differences, found[1].slow.differences, strict=True):
        assert one == pytest.approx(other)


def test_a_threshold_between_bounds_is_compared_at_the_next() -> None:
    """The share is an interval then, and a note names the bound."""
    counts = np.concatenate([_hours(WEEK, 0.9, 0, 0, 0.1, 0), _hours(WEEK, 0.8, 0, 0.1, 0.1, 0)])
    found = _compared([counts], threshold_seconds=0.4)
    method = found.methods[0]
    assert found.shift.after == pytest.approx(method.after.slow.mid)
    assert 0.1 < method.after.slow.mid < 0.2
    assert (method.after.slow.low, method.after.slow.high) == pytest.approx((0.1, 0.2))
    assert method.slow.bounds_seconds == (0.5,)
    assert method.slow.verdict == NO_CHANGE
    assert method.notes == ("M0 is compared at 0.5 s, as 0.4 s is no bound of all its buckets.",)
    assert _compared([counts], threshold_seconds=0.2).methods[0].slow.verdict == CHANGED


def test_layouts_that_differ_are_compared_at_common_bounds() -> None:
    """After a change of edges, 0.5 s is no bound any more: 1 s is."""
    history = _history([_hours(2 * WEEK, 0.9, 0, 0, 0.1, 0)])
    history.cumulative[0, WEEK:, 2] = np.nan
    found = compare_spans(history, *_halves(history), threshold_seconds=0.5).methods[0]
    assert found.slow.bounds_seconds == (1.0,)
    assert "M0 is compared at 1 s" in found.notes[0]
    assert found.verdict == NO_CHANGE
    history.cumulative[0, WEEK:, 3] = np.nan  # no finite bound is left above the threshold
    found = compare_spans(history, *_halves(history), threshold_seconds=0.5).methods[0]
    assert found.slow.bounds_seconds == (0.2,)


def test_what_cannot_be_compared_is_refused() -> None:
    """A threshold beyond the buckets, and a span on both sides."""
    history = _history([_hours(48, 0.9, 0.1, 0, 0, 0)])
    first, second = _halves(history)
    with pytest.raises(BadInput, match="cannot be told: the bounds of seconds end at 1 s"):
        compare_spans(history, first, second, threshold_seconds=1.5)
    for threshold in (0.0, np.nan):
        with pytest.raises(BadInput, match="some time above 0"):
            compare_spans(history, first, second, threshold_seconds=threshold)
    with pytest.raises(BadInput, match="both before and after"):
        compare_spans(history, first, second | first, threshold_seconds=0.5)


@pytest.mark.parametrize(
    ("minutes_earlier", "before_ends", "after_begins"), [(0, 50, 50), (30, 49, 50)]
)
def test_a_moment_divides_the_spans_around_it(
    minutes_earlier: int, before_ends: int, after_begins: int
) -> None:
    """The hour of the moment belongs to neither side, unless the moment is its end."""
    counts = np.zeros((100, 5))
    counts[:, 0] = np.arange(100) ** 2  # so that each three of them have their own sum
    moment = 50 * HOUR_MS - minutes_earlier * MINUTE_MS
    found = before_after(_history([counts]), moment, 3 * HOUR_MS, threshold_seconds=0.5)
    before, after = found.methods[0].before.histogram, found.methods[0].after.histogram
    assert before.count == counts[before_ends - 3 : before_ends].sum()
    assert after.count == counts[after_begins : after_begins + 3].sum()


def test_a_deploy_that_made_it_slow_is_seen() -> None:
    """A day on both sides; the quantiles asked for are those that are judged."""
    before, after = (0.9, 0.1, 0.0, 0.0, 0.0), (0.1, 0.1, 0.4, 0.4, 0.0)
    history = _history([np.concatenate([_hours(60, *before), _hours(60, *after)])])
    found = before_after(
        history,
        60 * HOUR_MS,
        24 * HOUR_MS,
        threshold_seconds=0.5,
        quantiles=(0.9,),
        confidence=0.9,
    )
    method = found.methods[0]
    assert method.verdict == CHANGED
    assert [one.q for one in method.before.quantiles] == [0.9]
    assert method.slow.differences[0].confidence == pytest.approx(1 - 0.1 / 2)


def test_a_moment_without_history_on_both_sides_is_refused() -> None:
    """Before the first span there is nothing to compare with."""
    history = _history([_hours(48, 0.9, 0.1, 0, 0, 0)])
    for moment in (0, HOUR_MS // 2, 48 * HOUR_MS):
        with pytest.raises(BadInput, match="no whole span of 1h within 3h on both sides of 1970"):
            before_after(history, moment, 3 * HOUR_MS, threshold_seconds=0.5)
