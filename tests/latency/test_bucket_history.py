"""Bucket counts over time, from a source: spans, groups, layouts that differ, gaps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alertlab.errors import BadInput
from alertlab.latency import bucket_history
from alertlab.units import HOUR_MS, MINUTE_MS

METRIC = "handling_seconds"


def _counter(series_of, le: str, per_minute: float, minutes: int, *, labels: str, start: int = 0):
    values = " ".join(str(per_minute * at) for at in range(minutes))
    name = f"{METRIC}_bucket" if le else f"{METRIC}_sum"
    bound = f', le="{le}"' if le else ""
    return series_of(f"{name}{{{labels}{bound}}}", values, start_ms=start)


def _pod(series_of, pod: str, buckets: dict[str, float], minutes: int = 241, start: int = 0):
    labels = f'method="Login", pod="{pod}"'
    each = [*buckets.items(), ("", 0.2 * buckets["+Inf"])]
    return [_counter(series_of, le, n, minutes, labels=labels, start=start) for le, n in each]


def test_spans_hold_what_happened_in_them(memory_source, series_of):
    """Two pods of one method, ten and five calls a minute, over four hours."""
    source = memory_source(
        _pod(series_of, "a", {"0.1": 6, "0.5": 9, "+Inf": 10})
        + _pod(series_of, "b", {"0.1": 1, "0.5": 4, "+Inf": 5})
    )
    found = bucket_history(source, METRIC, 0, 4 * HOUR_MS, by=("method",))
    assert found.names == ("Login",)
    assert found.upper_bounds.tolist() == [0.1, 0.5, math.inf]
    assert found.ends_ms.tolist() == [HOUR_MS * h for h in (1, 2, 3, 4)]
    np.testing.assert_allclose(found.cumulative[0, 1], [420, 780, 900])
    np.testing.assert_allclose(found.sums_seconds[0, 1], 180)
    day = found.histogram(spans=slice(1, 3))
    assert day.count == pytest.approx(1_800)
    assert day.mean_seconds == pytest.approx(0.2)
    by_pod = bucket_history(source, METRIC, 0, 4 * HOUR_MS, by=("pod",), step_ms=2 * HOUR_MS)
    assert by_pod.names == ("a", "b")
    np.testing.assert_allclose(by_pod.counts, [[1_200, 1_200], [600, 600]], rtol=1e-2)
    assert by_pod.histogram([by_pod.index("b")]).count < by_pod.histogram().count / 2
    with pytest.raises(BadInput, match="no pod 'c'; there are: a, b"):
        by_pod.index("c")


def test_spans_are_whole_hours(memory_source, series_of):
    """What start and end leave over is not asked for."""
    source = memory_source(_pod(series_of, "a", {"0.1": 6, "+Inf": 10}))
    found = bucket_history(source, METRIC, 20 * MINUTE_MS, 230 * MINUTE_MS, by=("pod",))
    assert found.ends_ms.tolist() == [2 * HOUR_MS, 3 * HOUR_MS]
    halves = bucket_history(
        source, METRIC, 20 * MINUTE_MS, 230 * MINUTE_MS, by=("pod",), step_ms=30 * MINUTE_MS
    )
    assert halves.ends_ms.tolist() == [30 * MINUTE_MS * n for n in range(2, 8)]


def test_matchers_choose_the_series(memory_source, series_of):
    """Only one of two pods."""
    source = memory_source(
        _pod(series_of, "a", {"0.1": 6, "+Inf": 10}) + _pod(series_of, "b", {"0.1": 1, "+Inf": 5})
    )
    found = bucket_history(source, METRIC, 0, 4 * HOUR_MS, by=("pod",), matchers='pod="b"')
    assert found.names == ("b",)


def test_layouts_that_differ_leave_the_common_bounds(memory_source, series_of):
    """A rolling deploy: for two hours some pods have other buckets."""
    late = 120 * MINUTE_MS
    source = memory_source(
        _pod(series_of, "old", {"0.1": 6, "0.5": 9, "+Inf": 10})
        + _pod(series_of, "new", {"0.1": 1, "0.3": 3, "+Inf": 5}, minutes=121, start=late)
    )
    found = bucket_history(source, METRIC, 0, 4 * HOUR_MS, by=("method",))
    assert "2 of 4 spans not all pods had the buckets le 0.3, 0.5" in found.notes[0]
    before = found.histogram(spans=slice(0, 2))
    assert before.upper_bounds.tolist() == [0.1, 0.5, math.inf]
    assert before.cumulative[1] == pytest.approx(0.9 * before.count)
    whole = found.histogram()
    assert whole.upper_bounds.tolist() == [0.1, math.inf]
    assert "without le 0.3, 0.5" in whole.notes[-1]
    assert not any("fall" in note for note in whole.notes)


def test_both_spellings_of_a_bound_are_one(memory_source, series_of):
    """Prometheus 3 writes 1.0 where 2.x wrote 1."""
    source = memory_source(
        _pod(series_of, "a", {"1": 6, "+Inf": 10}) + _pod(series_of, "b", {"1.0": 1, "+Inf": 5})
    )
    found = bucket_history(source, METRIC, 0, 4 * HOUR_MS, by=("method",))
    assert found.upper_bounds.tolist() == [1.0, math.inf]
    np.testing.assert_allclose(found.cumulative[0, 2], [420, 900])


def test_spans_without_data_are_missing_and_not_zero(memory_source, series_of):
    """Two hours of silence are no hours without calls."""
    source = memory_source(
        _pod(series_of, "a", {"0.1": 6, "+Inf": 10}, minutes=61)
        + _pod(series_of, "b", {"0.1": 6, "+Inf": 10}, minutes=61, start=3 * HOUR_MS)
    )
    found = bucket_history(source, METRIC, 0, 4 * HOUR_MS, by=("method",))
    assert np.isnan(found.counts[0]).tolist() == [False, True, True, False]
    bounds, blocks = found.blocks()
    assert bounds.tolist() == [0.1, math.inf]
    assert blocks.shape == (2, 2)
    empty = found.histogram(spans=slice(1, 3))
    assert empty.count == 0
    assert math.isnan(empty.sum_seconds)


def test_bad_questions_get_a_sentence(memory_source, series_of):
    """No such metric, and a time without a whole span."""
    source = memory_source(_pod(series_of, "a", {"0.1": 6, "+Inf": 10}))
    with pytest.raises(BadInput, match="no classic histogram other_seconds"):
        bucket_history(source, "other_seconds", 0, 4 * HOUR_MS)
    with pytest.raises(BadInput, match="no whole span of 1h"):
        bucket_history(source, METRIC, 1, 2 * HOUR_MS - 1)
