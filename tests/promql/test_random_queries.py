"""Random queries over random series, asked of Prometheus 2.42 and 3 and evaluated here.

``ALERTLAB_RANDOM_QUERIES`` says how many of each kind, ``ALERTLAB_RANDOM_SEED`` which ones.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from random import Random

import numpy as np
import pytest
from prometheus_server import Answer, Judge, assert_same_samples, judging
from random_queries import Query, QueryMaker
from random_series import MINUTES, START_MS, made_up

from alertlab.errors import BadInput
from alertlab.promql import instant_query
from alertlab.promql.binary import ARITHMETIC, COMPARISONS, SET_OPERATORS
from alertlab.promql.catalogue import AGGREGATIONS, FUNCTIONS, ONLY_IN

COUNT = int(os.environ.get("ALERTLAB_RANDOM_QUERIES", "500"))
SEED = int(os.environ.get("ALERTLAB_RANDOM_SEED", "1"))
OPERATORS = (*ARITHMETIC, *COMPARISONS, *SET_OPERATORS)


@pytest.fixture(scope="module")
def judge(server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    folder = tmp_path_factory.mktemp("prometheus")
    with judging(server.program, made_up(SEED), server.semantics, folder) as running:
        yield running


def maker(number: int, semantics: int) -> QueryMaker:
    """Return the maker of one query, which its number alone determines."""
    return QueryMaker(Random(f"{SEED} {number}"), semantics, ONLY_IN)


def grid(random: Random) -> np.ndarray:
    """Return the steps of a range query; it may begin before the samples, on one, or end later."""
    start = START_MS + random.randrange(-600_000, MINUTES * 60_000)
    if random.random() < 0.4:
        start -= start % 15_000
    step = random.choice([1_013, 7_000, 15_000, 37_000, 60_000, 300_000])
    return start + step * np.arange(random.randint(1, 40), dtype=np.int64)


def rtol(query: Query) -> float:
    return 0 if query.exact else 1e-12


def differences(check: Callable[[int], None]) -> list[str]:
    """Return what went wrong, for the first ten queries that did."""
    found = []
    for number in range(COUNT):
        try:
            check(number)
        except (AssertionError, BadInput) as error:
            found.append(f"seed {SEED}, query {number}: {error}")
            if len(found) == 10:
                break
    return found


def test_vocabulary():
    """Every function, aggregation and operator that is evaluated gets written."""
    written = {
        semantics: " ".join(
            QueryMaker(Random(number), semantics, ONLY_IN).instant_query().text
            for number in range(5_000)
        )
        for semantics in (2, 3)
    }
    for name in [*FUNCTIONS, *AGGREGATIONS, *OPERATORS]:
        semantics = ONLY_IN.get(name, 3)
        pattern = rf"\b{name}\b" if name.isidentifier() else re.escape(f" {name} ")
        assert re.search(pattern, written[semantics]), f"no query with {name}"


@pytest.mark.server
def test_range_queries(judge: Judge):
    """Label sets and presence are identical, values too: to the bit wherever Go gives C's."""
    sizes = []

    def check(number: int) -> None:
        making = maker(number, judge.semantics)
        query, times = making.range_query(), grid(making.random)
        after_ms = making.random.choice([0, 0, 500])  # behind the last step, for @ end()
        try:
            sizes.append(judge.assert_same(query.text, times, after_ms, rtol=rtol(query)))
        except AssertionError as error:
            where = f"{query.text}\nfrom {times[0]} to {times[-1]}+{after_ms}, {len(times)} steps"
            raise AssertionError(f"{where}\n{error}") from None

    found = differences(check)
    assert not found, "\n\n".join(found)
    assert np.count_nonzero(sizes) > COUNT / 2, "most answers are empty"


@pytest.mark.server
def test_instant_queries(judge: Judge):
    """The same for one time: types, windows, strings, and the order of what was sorted."""

    def check(number: int) -> None:
        making = maker(COUNT + number, judge.semantics)
        query, at_ms = making.instant_query(), int(grid(making.random)[0])
        kind, expected = judge.served_at(query.text, at_ms)
        try:
            found_kind, found = answered(judge, query.text, at_ms)
            assert found_kind == kind, expected
            if kind == "string":
                assert found == expected
            elif kind != "error":
                assert_same_samples(found, expected, rtol(query))
                assert not query.sorted or list(found) == list(expected)
        except AssertionError as error:
            raise AssertionError(f"{query.text}\nat {at_ms}\n{error}") from None

    found = differences(check)
    assert not found, "\n\n".join(found)


def answered(judge: Judge, query: str, at_ms: int) -> tuple[str, Answer]:
    """Evaluate an instant query as ``Judge.served_at`` asks for it."""
    try:
        answer = instant_query(query, judge.select, at_ms, semantics=judge.semantics)
    except BadInput as error:
        return "error", str(error)
    if answer.kind == "string":
        return answer.kind, answer.text
    return answer.kind, {
        one.labels: dict(zip(one.times.tolist(), one.values.tolist(), strict=True))
        for one in answer.series
    }
