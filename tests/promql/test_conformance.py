"""Prometheus' own test scripts, as far as they need no native histograms."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from promqltest_reader import Case, NotFloat, Store, read_script, same

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.promql.context import Context
from alertlab.promql.engine import LOOKBACK_MS, SUBQUERY_STEP_MS, evaluate_tree
from alertlab.promql.parsing import parse
from alertlab.promql.values import Row, Vector

pytestmark = pytest.mark.oracle


class Verdict(NamedTuple):
    """What became of one case: passed, failed, refused (by name) or not float."""

    outcome: str
    why: str = ""


def judge(case: Case, store: Store, semantics: int) -> Verdict:
    """Evaluate one case and compare with what the script expects."""
    if case.not_float:
        return Verdict("not float")
    if case.other:
        return Verdict("refused", f"result is a {case.other}")
    try:
        vector = evaluated(case.query, store, case.times, semantics)
        if not case.is_range and not case.ordered:
            verdict = in_the_middle(case, store, semantics)
            if verdict.outcome == "failed":
                return verdict
    except NotFloat:
        return Verdict("not float")
    except UnsupportedPromQL as error:
        return Verdict("refused", str(error))
    except BadInput as error:
        if case.fails and case.message in str(error):
            return Verdict("passed")
        return Verdict("failed", str(error))
    if case.fails:
        return Verdict("failed", "it was expected to fail")
    return compare(case, list(zip(vector.labels, vector.rows, strict=True)))


def evaluated(query: str, store: Store, times: np.ndarray, semantics: int) -> Vector:
    """Evaluate as upstream's test engine does: from 3.0 on with delayed name removal."""
    context = Context(
        times=times,
        start_ms=int(times[0]),
        end_ms=int(times[-1]),
        select=store.select,
        semantics=semantics,
        lookback_ms=LOOKBACK_MS,
        subquery_step_ms=SUBQUERY_STEP_MS,
        delayed_names=semantics >= 3,
    )
    return evaluate_tree(parse(query), context)


def in_the_middle(case: Case, store: Store, semantics: int) -> Verdict:
    """Judge an instant case as the middle step of a range query, as upstream does, too."""
    times = case.start_ms + np.array([-60_000, 0, 60_000])
    try:
        vector = evaluated(case.query, store, times, semantics)
    except UnsupportedPromQL as error:  # what 2.42 gets wrong in range queries only
        return Verdict("refused", str(error))
    middle = [Row(row.values[1:2], row.present[1:2]) for row in vector.rows]
    there = zip(vector.labels, middle, strict=True)
    verdict = compare(case, [(labels, row) for labels, row in there if row.present[0]])
    return Verdict(verdict.outcome, f"within a range query, {verdict.why}")


def compare(case: Case, got: list) -> Verdict:
    """Compare rows with the expected ones: label sets, presence, values, perhaps order."""
    if case.scalar is not None:
        value = got[0][1].values[0]
        return Verdict("passed") if same(case.scalar, value) else Verdict("failed", f"got {value}")
    found, expected = dict(got), dict(case.rows)
    if set(found) != set(expected) and set(found) != {
        labels for labels, values in expected.items() if any(v is not None for v in values)
    }:
        return Verdict("failed", f"label sets differ: got {sorted(found)}")
    if case.ordered and [labels for labels, _ in got] != [labels for labels, _ in case.rows]:
        return Verdict("failed", f"order differs: got {[labels for labels, _ in got]}")
    for labels, row in found.items():
        values = expected[labels] + [None] * (len(row.values) - len(expected[labels]))
        for want, have, there in zip(values, row.values, row.present, strict=True):
            if (want is not None) != there or (there and not same(want, have)):
                return Verdict("failed", f"{labels}: expected {values}, got {list_of(row)}")
    return Verdict("passed")


def list_of(row) -> list:
    return [float(v) if p else None for v, p in zip(row.values, row.present, strict=True)]


@pytest.mark.parametrize(("folder", "semantics", "floor"), [("v2.42", 2, 566), ("v3.14", 3, 950)])
def test_conformance(oracles: Path, folder: str, semantics: int, floor: int):
    """No float case gets another answer than Prometheus'; what is not evaluated is refused."""
    failures, total = [], Counter()
    for path in sorted((oracles / "promqltest" / folder).glob("*.test")):
        outcomes = Counter()
        for case, store in read_script(path):
            verdict = judge(case, store, semantics)
            outcomes[verdict.outcome] += 1
            if verdict.outcome == "failed":
                failures.append(f"{path.name}:{case.line} {case.query}: {verdict.why}")
        print(f"{folder} {path.stem:25}", *(f"{k} {v}," for k, v in sorted(outcomes.items())))
        total += outcomes
    print(f"{folder} total", dict(total))
    assert not failures, "\n".join(failures)
    assert total["passed"] >= floor
