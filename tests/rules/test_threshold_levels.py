"""Levels against the expression itself, with one threshold after the other in its text."""

from __future__ import annotations

import json
import operator
import random
import subprocess
from collections import Counter

import numpy as np
import pytest

from alertlab.errors import BadInput
from alertlab.frame import STALE_NAN, Frame, Series, is_stale
from alertlab.replay import signed_threshold, signed_values
from alertlab.rules import Threshold, find_thresholds
from alertlab.units import MINUTE_MS, format_labels, label_set

CASES = 2_200
SEED = 5
TIMES = 7
LIMITS = (-1e12, -1.0, 0.0, 1.0, 1.5, 2.0, 1e12)
COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
VALUES = (-2.0, -1.0, 0.0, 1.0, 1.0, 2.0, 3.0, np.nan, np.inf, -np.inf)
MATCHINGS = ("", "", "on (job) ", "on (job, pod) ", "on () ", "ignoring (pod) ", "ignoring (job) ")
VECTORS = (
    "a", "b", "c", 'a{job="x"}', "a offset 1m", "sum by (job) (b)", "a / b", "a / on (job, pod) c",
    '{pod="1"}', "max_over_time(b[2m])", "count(c)", "avg without (pod) (a)", "vector(1)",
    "a > 1", "-b",
)  # fmt: skip
AGGREGATES = ("sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "quantile")
FUNCTIONS = ("abs", "absent", "ceil", "round", "sgn", "sort", "sort_desc")
GROUPINGS = ("", " by (job)", " by (job, pod)", " without (pod)", " without ()", " by (none)")


def random_series(rng: random.Random) -> list[Series]:
    """Three metrics of two jobs and some pods, with gaps, stale markers, NaN and infinities."""
    found = []
    for name in ("a", "b", "c"):
        for job, pod in (("x", "1"), ("x", "2"), ("y", "1"), ("y", "3"), ("z", "")):
            if rng.random() < 0.2:
                continue
            kept = [i for i in range(TIMES) if i == 2 or rng.random() < 0.8]
            values = [STALE_NAN if rng.random() < 0.1 else rng.choice(VALUES) for _ in kept]
            labels = label_set({"__name__": name, "job": job, "pod": pod})
            times = np.array(kept, np.int64) * MINUTE_MS
            found.append(Series(labels, times, np.array(values, float)))
    return found


def random_expr(rng: random.Random, depth: int) -> str:
    """An expression with a comparison somewhere inside."""
    if depth == 0:
        op = rng.choice((">", ">=", "<", "<="))
        number = rng.choice(("1", "2", "0.5", "-1", "(3 - 1)", "2 * 1", "0x1"))
        sides = [f"({rng.choice(VECTORS)})", number]
        if rng.random() < 0.3:
            sides.reverse()
        return f" {op} ".join(sides)
    inner = f"({random_expr(rng, depth - 1)})"
    other, matching = f"({rng.choice(VECTORS)})", rng.choice(MATCHINGS)
    sides = [inner, other]
    if rng.random() < 0.5:
        sides.reverse()
    aggregate, function = rng.choice(AGGREGATES), rng.choice(FUNCTIONS)
    parameter = "0.3, " if aggregate == "quantile" else ""
    scalar = rng.choice(("100", "-2", "scalar(b)", "time()", "0"))
    arithmetic = [inner, scalar] if rng.random() < 0.5 else [scalar, inner]
    return rng.choice(
        (
            f"{sides[0]} and {matching}{sides[1]}",
            f"{sides[0]} unless {matching}{sides[1]}",
            f"{sides[0]} or {matching}{sides[1]}",
            f"{sides[0]} {rng.choice(('*', '>', 'and', '=='))} {matching}{sides[1]}",
            f" {rng.choice(('*', '+', '-', '/', '^', '%'))} ".join(arithmetic),
            f" {rng.choice(('>', '<=', '==', '!=', '> bool'))} ".join(arithmetic),
            f"-{inner}",
            f"{aggregate}{rng.choice(GROUPINGS)} ({parameter}{inner})",
            f"{function}({inner})",
            f"{rng.choice(('topk', 'bottomk'))}(2, {inner})",
            f"clamp_max({inner}, 1)",
        )
    )


def elements(frame: Frame, there: np.ndarray) -> set[tuple]:
    """What alerts and when: labels without the name, and the number of the time."""
    return {
        (tuple(pair for pair in labels if pair[0] != "__name__"), t)
        for labels, row in zip(frame.labels, there, strict=True)
        for t in np.flatnonzero(row)
    }


def substituted(expr: str, threshold: Threshold, limit: float) -> str:
    """The expression with another number in the threshold's place."""
    return f"{expr[: threshold.start]}{limit:g}{expr[threshold.end :]}"


def difference(source, expr: str, threshold: Threshold) -> str:
    """How the level and the expression differ, for any limit; empty if they do not."""
    ask = (0, (TIMES - 1) * MINUTE_MS, MINUTE_MS)
    found: dict[float, Frame | None] = {}
    for limit in LIMITS:
        try:
            found[limit] = source.range_query(substituted(expr, threshold, limit), *ask)
        except BadInput as error:  # as Prometheus fails on it, the rule tells nothing
            assert "is not a PromQL" not in str(error)
            found[limit] = None
    try:
        level = source.range_query(threshold.lhs, *ask)
    except BadInput as error:
        return "" if None in found.values() else f"{threshold.lhs}: {error}"
    signed = signed_values(level.values, level.present, threshold)
    for limit, frame in found.items():
        if frame is None:
            continue
        passes = level.present & COMPARE[threshold.op](level.values, limit)
        expected, got = elements(frame, frame.present), elements(level, passes)
        bound = signed_threshold(limit, threshold)
        above = signed > bound if threshold.strict else signed >= bound
        if expected != got or elements(level, above) != got:
            return f"{threshold.lhs} {threshold.op} {limit:g}: {expected ^ got}"
    return ""


def test_a_level_tells_what_every_threshold_does(memory_source) -> None:
    """Thousands of expressions: the same labels at the same times, for each of the limits."""
    rng, shapes = random.Random(SEED), Counter()
    done = 0
    while done < CASES:
        source = memory_source(random_series(rng), semantics=rng.choice((2, 3)))
        expr = random_expr(rng, rng.choice((0, 1, 1, 2, 2, 3)))
        for threshold in find_thresholds(expr):
            shapes[threshold.monotone] += 1
            if threshold.monotone:
                done += 1
                said = difference(source, expr, threshold)
                assert not said, f"{expr}\n{said}"
            else:
                assert threshold.why
    assert shapes[True] > shapes[False]


@pytest.mark.server
def test_promtool_reads_every_level(tmp_path, promtool: str, promtool3: str) -> None:
    """A level is PromQL of any age, as live servers are asked for it."""
    rng = random.Random(SEED)
    found = [one for _ in range(400) for one in find_thresholds(random_expr(rng, 3))]
    rules = [{"record": f"level_{n}", "expr": one.lhs} for n, one in enumerate(found)]
    path = tmp_path / "levels.yml"
    path.write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    for program in (promtool, promtool3):
        run = subprocess.run(
            [program, "check", "rules", path], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        assert f"{len(found)} rules found" in run.stdout


@pytest.mark.server
def test_promtool_finds_no_difference(
    tmp_path, memory_source, promtool: str, promtool3: str
) -> None:
    """What alerts without the other, of expression and level, is nothing: asked as PromQL."""
    rng, checks = random.Random(SEED), []
    series = random_series(rng)
    while len(checks) < 1_000:
        expr = random_expr(rng, rng.choice((1, 2, 3)))
        threshold = rng.choice(find_thresholds(expr))
        source, limit = memory_source(series), rng.choice(LIMITS)
        if threshold.monotone and not _fails(source, substituted(expr, threshold, limit)):
            one = f"group without () ({substituted(expr, threshold, limit)})"
            other = f"group without () (({threshold.lhs}) {threshold.op} {limit:g})"
            at = rng.randrange(TIMES)
            checks += [
                {"expr": f"{left} unless {right}", "eval_time": f"{at}m", "exp_samples": []}
                for left, right in ((one, other), (other, one))
            ]
    inputs = [{"series": format_labels(one.labels), "values": _notation(one)} for one in series]
    test = {"interval": "1m", "input_series": inputs, "promql_expr_test": checks}
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": [], "tests": [test]}))
    for program in (promtool, promtool3):
        run = subprocess.run(
            [program, "test", "rules", "test.yml"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, (run.stdout + run.stderr)[:2_000]


def _fails(source, expr: str) -> bool:
    try:
        source.range_query(expr, 0, (TIMES - 1) * MINUTE_MS, MINUTE_MS)
    except BadInput:
        return True
    return False


def _notation(series: Series) -> str:
    """A series' samples as promtool reads them, a minute apart."""
    words = {
        int(t) // MINUTE_MS: "stale" if stale else f"{value:g}"
        for t, value, stale in zip(
            series.times, series.values, is_stale(series.values), strict=True
        )
    }
    return " ".join(
        words.get(i, "_").replace("nan", "NaN").replace("inf", "Inf") for i in range(TIMES)
    )
