"""Which moments of history are chosen as proofs, and which cuts are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from histories import minutely, write_rules

from alertlab.change.cuts import Cut, groups_for
from alertlab.change.proofs import Version, _catches, _false_pages, _Prover
from alertlab.incidents import Margins
from alertlab.incidents.table import incident_table
from alertlab.replay import evaluate_rule, find_episodes
from alertlab.rules import load_groups, load_rules
from alertlab.tuning import Span, Yardstick
from alertlab.units import MINUTE_MS

MINUTES = 600
SPAN = Span(0, MINUTES * MINUTE_MS)
TEXT = """\
groups:
- name: g
  interval: 1m
  rules:
  - {{alert: A, expr: queue_length > {}, for: {}m}}
"""


@pytest.fixture
def version(tmp_path: Path, told_source) -> Callable[..., Version]:
    """A function that returns a rule's version on values of a sample a minute."""

    def make(values: np.ndarray, threshold: float, hold_minutes: int = 0) -> Version:
        path = write_rules(tmp_path, TEXT.format(threshold, hold_minutes))
        (rule,) = load_rules(path)
        source = told_source([minutely(values)])
        episodes = find_episodes(evaluate_rule(rule, source, 0, SPAN.end_ms))
        return Version(rule, groups_for(load_groups(path), rule), episodes)

    return make


def values_with(**stretches: float) -> np.ndarray:
    """Return ones with heights from one minute to another: ``m100_110=9``."""
    values = np.ones(MINUTES)
    for name, height in stretches.items():
        first, last = map(int, name[1:].split("_"))
        values[first:last] = height
    return values


def yardstick_of(*incidents: tuple[str, int, str]) -> Yardstick:
    """Return a yardstick of ten-minute incidents, and one that nobody fires in."""
    rows = [
        (id_, at * MINUTE_MS, (at + 10) * MINUTE_MS, severity, None, "")
        for id_, at, severity in (*incidents, ("quiet", 590, ""))
    ]
    return Yardstick(incidents=incident_table(rows), margins=Margins(0, 0))


def test_false_pages_at_which_the_new_rule_stays_silent(version) -> None:
    """Not in an incident, and not where the new rule fires only a little later."""
    values = values_with(m100_105=9, m200_205=9, m205_220=6, m300_305=9)
    old, new = version(values, 8), version(values, 5, 6)
    found = list(_false_pages(old, new, yardstick_of(("i", 300, "")), SPAN))
    # At 205 the queue is still too long for the new rule, whose ``for`` ends at 206.
    assert [(one.active_ms, one.at_ms, one.end_ms) for one in found] == [
        (100 * MINUTE_MS, 105 * MINUTE_MS, 111 * MINUTE_MS)
    ]
    assert found[0].name == "silent where it paged for nothing: 1970-01-01T01:40:30Z"
    unlabelled = list(_false_pages(old, new, Yardstick(), SPAN))
    assert [one.name for one in unlabelled] == [
        f"silent where it paged: 1970-01-01T0{hour}:30Z" for hour in ("1:40", "5:00")
    ]


def test_incidents_that_the_old_rule_missed_come_first(version) -> None:
    """Then critical ones, then any; ones that nobody catches never."""
    values = values_with(m100_110=20, m200_210=20, m300_310=7)
    incidents = (("any", 100, ""), ("worst", 200, "critical"), ("small", 300, ""))
    old, new = version(values, 10), version(values, 5, 2)
    found = _catches(old, new, yardstick_of(*incidents), SPAN)
    assert found == [("incident small is caught", *(at * MINUTE_MS for at in (300, 302, 302)))]
    found = _catches(new, new, yardstick_of(*incidents), SPAN)
    assert [one.name for one in found] == ["incident worst is caught"]
    found = _catches(new, new, yardstick_of(incidents[0], incidents[2]), SPAN)
    assert [one.name for one in found] == ["incident any is caught", "incident small is caught"]
    assert _catches(new, version(values, 50), yardstick_of(*incidents), SPAN) == []


def test_a_cut_in_which_the_new_rule_fires_is_no_silence(version, told_source) -> None:
    """Nor is one in which the old rule does not fire where it did in history."""
    values = values_with()
    old, new, deaf = (version(values, threshold) for threshold in (5, 8, 50))
    source = told_source([minutely(values)])

    def cut(text: str) -> Cut:
        return Cut(0, 8 * MINUTE_MS, MINUTE_MS, (("queue_length", text),))

    prover = _Prover(old, new, source)
    assert prover.silence("a", cut("1 1 6 6 1x4"), 4).checks == (
        (2 * MINUTE_MS, ()), (8 * MINUTE_MS, ()),
    )  # fmt: skip
    assert prover.silence("a", cut("1 1 6 9 1x4"), 4) is None
    assert prover.silence("a", cut("6 1x7"), 4) is None  # too far from where it was
    assert _Prover(deaf, new, source).silence("a", cut("1 1 6 6 1x4"), 4) is None


def test_firing_far_from_history_is_no_proof(version, told_source) -> None:
    """A window that is not full yet may fire at a cut's start: that is not the incident."""
    values = values_with()
    prover = _Prover(version(values, 50), version(values, 5), told_source([minutely(values)]))

    def first_check(text: str, slot: int) -> tuple[int, ...] | None:
        cut = Cut(0, 8 * MINUTE_MS, MINUTE_MS, (("queue_length", text),))
        found = prover.firing("a", cut, slot)
        return None if found is None else tuple(at // MINUTE_MS for at, _ in found.checks)

    assert first_check("1 1 1 1 9x4", 4) == (3, 4)
    assert first_check("1 1 1 1 9x4", 7) == (3, 4)
    assert first_check("1 1 1 1 9x4", 8) is None
    assert first_check("9x8", 0) == (0,)
    assert first_check("1x8", 4) is None


def test_a_proof_tells_only_if_it_does_in_both_semantics(version, told_source) -> None:
    """What the old rule fails in Prometheus 3 alone proves nothing to one with Prometheus 2."""
    values = values_with()
    same = version(values, 5)
    prover = _Prover(same, same, told_source([minutely(values)]))
    cut = Cut(0, 0, MINUTE_MS, ())
    fires = ((((("a", "b"),), ()),),)
    for sides, portable, tells in (
        ((fires, fires), True, True),
        ((fires, ((),)), True, False),
        ((fires, ((),)), False, True),
        ((((),), fires), False, False),
    ):
        before = tuple(list(one) for one in sides)
        assert prover._proof("a", cut, [(0, ())], before, portable=portable).tells is tells
