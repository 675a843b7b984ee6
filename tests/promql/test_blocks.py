"""Evaluation in blocks of steps: no answer, and no refusal, depends on where a block ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlab.errors import BadInput
from alertlab.frame import STALE_NAN, Series
from alertlab.promql import evaluate, instant_query, matches_all
from alertlab.promql.blocks import step_blocks
from alertlab.units import DAY_MS, label_set

QUERIES = [
    "c",
    "{__name__=~'c|late'}",
    "rate(c[5m])",
    "sum by (i) (rate(c[5m]))",
    "rate(c[5m]) / on (i) group_left late",
    "max_over_time(rate(c[2m])[10m:1m])",
    "quantile_over_time(0.3, c[7m])",
    "topk(1, c)",
    "count_values('v', c % 3)",
    "c @ start() + c @ end()",
    "sum_over_time(c[3m] @ end())",
    "sum_over_time(max_over_time(c[2m])[5m:30s] @ 900)",
    "time() - timestamp(c)",
    "absent(late)",
    "late or c",
    "predict_linear(c[5m], 60)",
    "c offset -4m",
]


def samples(seed: int) -> list[Series]:
    """Two counters with gaps, resets and stale markers, and a gauge that comes late."""
    random = np.random.default_rng(seed)
    found = []
    for name, start in (("c", 0), ("c", 0), ("late", 1_000_000)):
        times = start + np.cumsum(random.integers(5_000, 40_000, 90))
        values = np.cumsum(random.integers(0, 4, 90)).astype(float)
        values[random.integers(20, 80) :] -= values[20]
        values[random.random(90) < 0.05] = STALE_NAN
        found.append(Series(label_set({"__name__": name, "i": str(len(found) % 2)}), times, values))
    return found


def of(series: list[Series]):
    def select(matchers, start_ms, end_ms):
        return [
            Series(one.labels, one.times[inside], one.values[inside])
            for one in series
            if matches_all(matchers, one.labels)
            for inside in [(one.times >= start_ms) & (one.times <= end_ms)]
        ]

    return select


@pytest.fixture
def in_blocks_of(monkeypatch: pytest.MonkeyPatch):
    """A function that makes blocks at most so many steps long."""

    def set_to(steps: int) -> None:
        monkeypatch.setattr("alertlab.promql.blocks._STEPS", steps)
        monkeypatch.setattr("alertlab.promql.blocks._REACHES", 0)

    return set_to


@pytest.mark.parametrize("semantics", [2, 3])
@pytest.mark.parametrize("query", QUERIES)
def test_blocks_change_no_answer(query: str, semantics: int, in_blocks_of):
    times = np.arange(90_000, 1_800_000, 17_000, dtype=np.int64)
    for seed in range(3):
        select = of(samples(seed))
        whole = evaluate(query, select, times, semantics=semantics)
        assert len(whole.labels)
        for steps in (2, 7, 50):
            in_blocks_of(steps)
            cut = evaluate(query, select, times, semantics=semantics)
            assert cut.labels == whole.labels
            np.testing.assert_array_equal(cut.present, whole.present)
            np.testing.assert_array_equal(cut.values[cut.present], whole.values[whole.present])


@pytest.mark.parametrize("steps", [3, 1_000])
def test_a_label_set_given_away_stays_given_away(steps: int, in_blocks_of):
    """In 2.42 two series that a range function makes equal fail even if far apart in time."""
    in_blocks_of(steps)
    early = Series(label_set({"__name__": "a"}), np.array([0, 10_000]), np.array([1.0, 2.0]))
    later = Series(label_set({"__name__": "b"}), np.array([900_000, 910_000]), np.array([1.0, 2]))
    times = np.arange(0, 1_000_000, 10_000, dtype=np.int64)

    def labels(expr: str, semantics: int) -> tuple:
        return evaluate(expr, of([early, later]), times, semantics=semantics).labels

    for expr in ("rate({__name__=~'a|b'}[1m])", "-{__name__=~'a|b'}"):
        assert labels(expr, 3) == ((),)
        with pytest.raises(BadInput, match="same labelset"):
            labels(expr, 2)
    assert labels("rate(a[1m]) or rate(b[1m])", 2) == ((),)  # two calls, no conflict


@settings(deadline=None)
@given(
    st.integers(1, 200_000),
    st.integers(1, DAY_MS),
    st.integers(0, 30 * DAY_MS),
)
def test_blocks_cover_the_steps(count: int, step_ms: int, reach_ms: int):
    """Blocks follow one another, differ by a step at most, and are long beside the windows."""
    times = step_ms * np.arange(count, dtype=np.int64)
    blocks = step_blocks(times, reach_ms)
    assert [block.start for block in blocks] == [0, *(block.stop for block in blocks[:-1])]
    assert blocks[-1].stop == count
    lengths = [block.stop - block.start for block in blocks]
    assert max(lengths) - min(lengths) <= 1
    assert len(blocks) == 1 or min(lengths) * step_ms >= 1.9 * reach_ms


def test_a_part_that_reads_too_much_is_refused():
    """The budget counts what a block reads, too; an aggregate is judged by what it needs."""
    series = samples(1)
    times = np.arange(0, 1_000_000, 10_000, dtype=np.int64)
    read = sum(len(one.times) for one in series[:2])
    assert evaluate("count(c)", of(series), times, max_samples=read + 100).labels == ((),)
    with pytest.raises(BadInput, match="a part of it alone reads"):
        evaluate("count(c)", of(series), times, max_samples=50)
    with pytest.raises(BadInput, match="a part of it alone reads"):
        evaluate("max_over_time(vector(1)[1h:1s])", of(series), times, max_samples=1_000)
    assert instant_query("c[1h]", of(series), 1_000_000, max_samples=read).kind == "matrix"
    with pytest.raises(BadInput, match="a part of it alone reads"):
        instant_query("c[1h]", of(series), 1_000_000, max_samples=50)
