"""The judge itself: it lets nothing wrong pass, and refuses for the right reason only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from promqltest_judge import Verdict, judge, pinned, same, ways
from promqltest_reader import Case, read_script
from promqltest_reasons import EXPERIMENTAL, NATIVE, REJECTED, STARTS

from alertlab.frame import STALE_NAN
from alertlab.units import label_set

LOADED = """
load 1m
  x{a="1"} 1 2 3 4 5
  x{a="2"} 2 4 _ 8 stale
  h 1 {{count:1}} 2 _ _ 4
  h{only="native"} {{count:1 sum:2}}+{{count:1}}x3
  g@st 0s 1m _ _
  g 1 2 3 4

load_with_nhcb 1m
  c_bucket{le="1"} 1 2
  c_bucket{le="+Inf"} 2 3
  c_sum 1 2
  c_other 1 2

"""


@pytest.fixture
def verdict(tmp_path: Path):
    """A function that judges the only case of a script over what is loaded above."""

    def judged(text: str, semantics: int = 3) -> Verdict:
        script = tmp_path / "own.test"
        script.write_text(LOADED + text, encoding="utf-8")
        ((case, store),) = read_script(script)
        return judge(case, store, semantics)

    return judged


@pytest.mark.parametrize(
    "text",
    [
        'eval instant at 1m x\n  x{a="1"} 2\n  x{a="2"} 4',
        'eval instant at 1m x\n  x{a="1"} 2.000001\n  x{a="2"} 4',
        'eval_ordered instant at 1m sort_desc(x)\n  x{a="2"} 4\n  x{a="1"} 2',
        'eval instant at 1m sort(x)\n  expect ordered\n  x{a="1"} 2\n  x{a="2"} 4',
        "eval instant at 1m sum(x)\n  {} 6",
        "eval instant at 1m sum(x) + 0x10\n  {} 22",
        "eval instant at 4m sum(x)\n  {} 5\n# a comment ends a block\n",
        "eval instant at 0m 2 * 8\n0x10",
        "eval instant at 90s nothing",
        'eval range from 0 to 4m step 1m x{a="2"}\n  x{a="2"} 2 4 4 8 _',
        "eval range from 0 to 1m step 1m 3\n  {} 3 3",
        'eval instant at 3m x{a="2"}[3m]\n  expect range vector from 1m to 3m step 1m\n'
        '  x{a="2"} 4 _ 8',
        'eval instant at 0 "a"\n  expect string "a"',
        "eval instant at 0 x + on() x\n  expect fail",
        "eval instant at 0 x + on() x\n  expect fail msg: many-to-many matching not allowed",
        "eval instant at 0 x + on() x\n  expect fail regex: found duplicate .* hand-side",
        "eval_fail instant at 0 x + on() x\n  expected_fail_message found duplicate series",
        "eval_fail instant at 0 x + on() x\n  expected_fail_regexp found .* series",
    ],
)
def test_passes(verdict, text: str):
    """What is as expected passes."""
    assert verdict(text) == Verdict("passed")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('eval instant at 1m x\n  x{a="1"} 2\n  x{a="2"} 4.00001', "expected"),  # a value
        ('eval instant at 1m x\n  x{a="1"} 2', "expected"),  # a series too many
        ('eval instant at 1m x{a="1"}\n  x{a="1"} 2\n  x{a="2"} 4', "expected"),  # one missing
        ('eval instant at 1m x{a="1"}\n  {a="1"} 2', "expected"),  # a label
        ('eval_ordered instant at 1m x\n  x{a="2"} 4\n  x{a="1"} 2', "order differs"),
        ("eval instant at 1m sum(x)\n6", "expected a scalar, got a vector"),
        ("eval instant at 1m 6\n  {} 6", "expected a vector, got a scalar"),
        ('eval instant at 1m x{a="1"}[1m]\n  x{a="1"} 2', "expected a vector, got a matrix"),
        ("eval instant at 1m 6\n7", "expected"),
        ("eval instant at 1m 6\n  expect fail", "was expected to fail"),
        ("eval instant at 0 x + on() x", "many-to-many"),
        ("eval instant at 0 x + on() x\n  expect fail msg: other words", "'other words'"),
        ("eval instant at 0 x + on() x\n  expect fail regex: ^other", "'^other'"),
        ('eval range from 0 to 2m step 1m x{a="1"}\n  x{a="1"} 1 2', "expected"),  # a step
        ('eval range from 0 to 2m step 1m x{a="1"}\n  x{a="1"} 1 _ 3', "expected"),
        ('eval range from 0 to 2m step 1m x{a="1"}', "expected"),
        ('eval instant at 0 "a"\n  expect string "b"', "expected 'b', got 'a'"),
        ('eval instant at 3m x{a="1"}[3m]\n  expect range vector from 1m to 3m step 1m', "expect"),
    ],
)
def test_fails(verdict, text: str, why: str):
    """Whatever differs from what is expected fails."""
    found = verdict(text)
    assert found.outcome == "failed"
    assert why in found.why


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("h", NATIVE),
        ('h{only=""}', None),  # the float at 2m is newer
        ('h{only=""} offset 1m', NATIVE),
        ('h{only=""} @ 60', NATIVE),
        ('count_over_time(h{only=""}[59s])', None),
        ('count_over_time(h{only=""}[1m])', None),  # open on the left
        ('count_over_time(h{only=""}[61s])', NATIVE),
        ('count_over_time(h{only=""}[1m:1m])', None),
        ('count_over_time(h{only=""}[2m:1m])', NATIVE),
        ("sum(c) + 1", NATIVE),
        ("sum(c_bucket)", None),
        ("c_other", None),
        ("histogram_count(x)", NATIVE),
        ("limitk(1, x)", EXPERIMENTAL),
        ("x + fill(0) x", EXPERIMENTAL),
        ("mad_over_time(x[5m])", None),  # experimental, and evaluated
        ("rate(x[5m] anchored)", REJECTED),
        ("x[5m", REJECTED),
        ("increase(g[5m])", STARTS),
        ("sum(rate((g[5m])))", STARTS),
        ("increase(g[5m:1m])", None),  # a subquery has no start timestamps
        ("delta(g[5m])", None),
        ("increase(g[5m] offset 10m)", None),
        ("increase(x[5m])", None),
    ],
)
def test_reasons(verdict, query: str, reason: str | None):
    """A case is refused only for what it really meets."""
    found = verdict(f'eval instant at 2m {query}\n  {{never="this"}} 1')
    assert found == Verdict("refused", reason) if reason else found.outcome == "failed"


def test_a_refusal_is_no_expected_failure(verdict):
    """What fails because it is not evaluated does not fail as expected."""
    assert verdict("eval instant at 0 limitk(1, x)\n  expect fail").outcome == "refused"
    assert verdict("eval instant at 0 x offset 0s\n  expect fail").outcome == "refused"
    text = "eval instant at 0 first_over_time(x[5m])\n  expect fail"
    assert verdict(text, semantics=2).outcome == "failed"


def test_failure_whatever_the_samples(verdict):
    """An error that histograms have no part in is judged though the query selects some."""
    text = 'eval instant at 0 count_values("", h)\n  expect fail msg: '
    assert verdict(text + "invalid label name").outcome == "passed"
    assert verdict(text + "other words") == Verdict("refused", NATIVE)
    assert verdict(text.removesuffix(" msg: ")) == Verdict("refused", NATIVE)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("x", "x @ 90.000"),
        ("rate(x[5m] offset 1m)", "rate(x[5m] @ 90.000 offset 1m)"),
        ("x @ 5 + y", "x @ 5.000 + y @ 90.000"),
        ("max_over_time(x[5m:1m])", "max_over_time(x[5m:1m] @ 90.000)"),
        (
            "max_over_time((x + y @ end())[5m:1m] @ start()) + z",
            "max_over_time((x + y @ end())[5m:1m] @ start()) + z @ 90.000",
        ),
        ('label_replace(x, "\\xff", "$1", "a", "(.*)")', '"\\xff"'),
    ],
)
def test_pinned(query: str, expected: str):
    """Every selector gets the time, but not one in a subquery, which has its own."""
    assert expected in " ".join(pinned(query, 90_000).split())


def test_ways():
    """A case is evaluated at other times, too, unless it depends on them."""

    def times(query: str, at_ms: int) -> list[int]:
        case = Case(1, query, np.array([at_ms]), is_range=False)
        return [at for _, at in ways(case)]

    assert times("x", 50_000) == [50_000, -500_000, 0, 10_000, 50_000, 500_000]
    assert times("x", 0) == [0, -1000, 0, 1000]
    assert times("x + time()", 50_000) == [50_000]


def test_other_ways_are_judged(verdict, monkeypatch: pytest.MonkeyPatch):
    """An answer that differs in a range query or at another time only is a failure."""
    import promqltest_judge

    text = 'eval instant at 1m x{a="1"}\n  x{a="1"} 2'
    assert verdict(text).outcome == "passed"
    with monkeypatch.context() as patched:
        patched.setattr(promqltest_judge, "pinned", lambda query, at: "x{a='1'} @ 0")
        assert verdict(text).outcome == "failed"
    with monkeypatch.context() as patched:
        whole = promqltest_judge.evaluate
        patched.setattr(
            promqltest_judge, "evaluate", lambda q, *rest, **options: whole(f"({q}) + 1", *rest)
        )
        assert "within a range query" in verdict(text).why


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1.0, 1.000001, True),
        (1.0, 1.00001, False),
        (0.0, 1e-300, False),
        (0.0, 1e-320, True),
        (float("nan"), float("nan"), True),
        (float("nan"), 1.0, False),
        (float(STALE_NAN), float("nan"), False),
        (float(STALE_NAN), float(STALE_NAN), True),
        (float("inf"), float("inf"), True),
        (float("inf"), float("-inf"), False),
        (float("inf"), 1e308, False),
        (1e308, 1.0000001e308, True),
    ],
)
def test_same(a: float, b: float, expected: bool):
    """Upstream's tolerance, and no other."""
    assert same(a, b) is expected and same(b, a) is expected


def test_what_is_loaded(tmp_path: Path):
    """Floats, native histograms and start timestamps lie where the script puts them."""
    script = tmp_path / "own.test"
    script.write_text(LOADED + "eval instant at 0 x", encoding="utf-8")
    ((_, store),) = read_script(script)
    named = {name: label_set({"__name__": name}) for name in ("h", "c", "g", "c_other")}
    assert store.floats[named["h"]] == {0: 1.0, 120_000: 2.0, 300_000: 4.0}
    assert store.natives[named["h"]] == {60_000}
    assert store.natives[label_set({"__name__": "h", "only": "native"})] == {
        0,
        60_000,
        120_000,
        180_000,
    }
    assert store.natives[named["c"]] == {0, 60_000}
    assert not store.natives[named["c_other"]]
    assert store.started == {named["g"]}
