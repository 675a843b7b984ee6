"""When a rule was evaluated, as far as the source tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alertlab.frame import STALE_NAN, Series
from alertlab.replay.slots import RECORDED, STATED, Slots, find_slots, slot_numbers
from alertlab.rules import AlertRule, RecordingRule
from alertlab.units import MINUTE_MS, NAME, SECOND_MS, label_set

STALE = "stale"
LAST = 20 * MINUTE_MS


def seconds(values: np.ndarray) -> list[float]:
    return (values / SECOND_MS).tolist()


def written(name: str, samples: dict, **labels: str) -> Series:
    """A series of samples by second; ``STALE`` is a marker."""
    times = SECOND_MS * np.array(list(samples), np.float64)
    values = [STALE_NAN if value == STALE else float(value) for value in samples.values()]
    return Series(label_set({NAME: name, **labels}), times.astype(np.int64), np.array(values))


def for_state(samples: dict, alert: str = "A", **labels: str) -> Series:
    """Since when an alert was active, by second."""
    return written("ALERTS_FOR_STATE", samples, alertname=alert, **labels)


def every_minute(first: float, last: float, value: object = 1) -> dict:
    """The same value each minute."""
    return {first + 60 * k: value for k in range(int((last - first) // 60) + 1)}


def rule_of(**settings: object) -> AlertRule:
    defaults = {"interval_ms": MINUTE_MS, "group_alerts": ("A", "B")}
    return AlertRule("A", "x > 1", "g", Path("r.yml"), 1, **(defaults | settings))


@pytest.fixture
def slots_of(memory_source):
    """Find a rule's slots in the first twenty minutes."""

    def find(rule: AlertRule, *series: Series, recorded=(), stated_ms: int = 0) -> Slots:
        source = memory_source(list(series))
        return find_slots(rule, recorded, source, 0, LAST, stated_ms=stated_ms)

    return find


def test_without_a_trace_they_are_stated(slots_of) -> None:
    """Each interval from the stated slot on, and before it."""
    other = for_state({90: 1}, alert="C")
    for stated_ms in (7_000, 67_000 + 5 * MINUTE_MS):
        slots = slots_of(rule_of(), other, stated_ms=stated_ms)
        assert slots.origin == STATED
        assert seconds(slots.times)[:2] == [7, 67] and seconds(slots.times)[-1] == 1147
    assert seconds(slots_of(rule_of(interval_ms=15_000)).times)[:3] == [0, 15, 30]


@pytest.mark.parametrize(
    ("series", "recorded"),
    [
        (for_state({433: 400}), ()),
        (for_state({433: 400}, alert="B"), ()),
        (written("ALERTS", {433: 1}, alertname="A", alertstate="pending"), ()),
        (
            written("r", {433: 5}, job="j", by="me"),
            (RecordingRule("r", "x", Path("r.yml"), 2, (("by", "me"),), "g", MINUTE_MS),),
        ),
    ],
    ids=["since when", "another alert of the group", "state", "recorded series"],
)
def test_one_sample_of_the_group_tells_them_all(slots_of, series: Series, recorded) -> None:
    """Its time within the minute is that of every evaluation."""
    slots = slots_of(rule_of(), series, recorded=recorded, stated_ms=5_000)
    assert slots.origin == RECORDED
    assert seconds(slots.times)[:2] == [13, 73] and seconds(slots.times)[-1] == 1153
    assert slots.evaluated(slots.times).all()


def test_what_other_groups_write_says_nothing(slots_of) -> None:
    """Another group's recording, with other labels or of another file, and another rule's alert."""
    mine = RecordingRule("r", "x", Path("r.yml"), 2, (("by", "me"),), "g", MINUTE_MS)
    theirs = RecordingRule("q", "x", Path("s.yml"), 2, (), "g", MINUTE_MS)
    series = written("r", {433: 5}, by="you"), written("q", {433: 5})
    assert slots_of(rule_of(), *series, recorded=(mine, theirs)).origin == STATED


def test_query_offset_is_put_back(slots_of) -> None:
    """Samples are written that much before the slot."""
    slots = slots_of(rule_of(query_offset_ms=10_000), for_state({433: 400}))
    assert seconds(slots.times)[:2] == [23, 83]


def test_the_grid_may_move(slots_of) -> None:
    """From the first sample of the new grid on; the numbers go on by whole intervals."""
    slots = slots_of(rule_of(), for_state({433: 400, 493: 400, **every_minute(575, 1200, 400)}))
    assert [seconds(piece)[-1] for piece in slots.pieces] == [553, 1175]
    assert seconds(slots.pieces[1])[0] == 575
    numbers = slot_numbers(slots.times, MINUTE_MS)
    assert numbers.tolist() == list(range(len(slots.times)))
    assert slot_numbers(np.array([0, 60, 200, 210]), 60).tolist() == [0, 1, 3, 4]
    assert slot_numbers(np.empty(0, np.int64), 60).tolist() == []


def test_another_interval_is_told(slots_of, caplog) -> None:
    """Samples each 15 s are no grid of one minute: stated slots, and a warning."""
    samples = {15 * k + 3: 1 for k in range(40)}
    assert slots_of(rule_of(), for_state(samples)).origin == STATED
    assert (
        "r.yml:1: rule A: what its group has recorded does not lie on a grid of 1m" in caplog.text
    )
    assert slots_of(rule_of(interval_ms=15_000), for_state(samples)).origin == RECORDED


@pytest.mark.parametrize(
    ("series", "missed"),
    [
        (for_state({60: 60, 240: 60}), [120, 180]),
        (for_state({60: 60, 240: 240}), []),  # another activation
        (for_state({60: 60, 240: STALE}), [120, 180]),  # ended late
        (for_state({60: 60, 130: STALE}), []),  # a marker that was guessed
        (for_state({60: 60, 120: STALE, 240: 240}), []),
        (for_state({60: 60, 240: 60}, alert="B"), [120, 180]),
        (written("ALERTS", {60: 1, 240: 1, 300: STALE}, alertname="A"), [120, 180]),
        (written("ALERTS", {60: 1, 240: 1}, alertname="A"), []),  # no markers are kept
    ],
)
def test_slots_without_a_trace_of_what_goes_on_were_missed(slots_of, series, missed) -> None:
    """An alert that was active before and after would have been written."""
    slots = slots_of(rule_of(), series)
    assert seconds(slots.missed) == missed and not len(slots.failed)
    assert seconds(slots.times[~slots.evaluated(slots.times)]) == missed


def test_since_when_is_believed_before_the_state(slots_of) -> None:
    """An exceeded limit leaves a gap without a marker, but the alert begins anew."""
    alerts = written("ALERTS", {60: 1, 180: 1, 240: STALE}, alertname="A", alertstate="firing")
    since = for_state({60: 60, 180: 180, 240: STALE})
    assert not len(slots_of(rule_of(limit=1), alerts, since).missed)
    assert seconds(slots_of(rule_of(limit=1), alerts).missed) == [120]


def test_a_gap_beside_other_samples_is_a_failure(slots_of) -> None:
    """The group was evaluated, this rule was not."""
    slots = slots_of(
        rule_of(), for_state({60: 60, 240: 60}), for_state(every_minute(120, 300), alert="B")
    )
    assert seconds(slots.failed) == [120, 180] and not len(slots.missed)


def test_what_the_rule_wrote_was_evaluated(slots_of) -> None:
    """Whatever gap another rule of the group has."""
    other = for_state({60: 60, 240: 60}, alert="B")
    slots = slots_of(rule_of(), other, for_state({120: 120, 180: 120}))
    assert slots.evaluated(slots.times).all()


GROUP = {"rule_group": "/etc/prometheus/r.yml;g"}
MISSED = "prometheus_rule_group_iterations_missed_total"
FAILED = "prometheus_rule_evaluation_failures_total"
LAST_EVALUATION = "prometheus_rule_group_last_evaluation_timestamp_seconds"


def test_counters_of_missed_slots(slots_of) -> None:
    """Between the evaluations before and after, if so many slots lie there; else they are told."""
    seen = for_state({60: 60})
    last = written(LAST_EVALUATION, {70: 60.1, 130: 120.2, 190: 120.2, 250: 240.1}, **GROUP)
    missed = written(MISSED, {70: 0, 130: 0, 190: 0, 250: 1}, **GROUP)
    slots = slots_of(rule_of(), seen, last, missed)
    assert seconds(slots.missed) == [180] and slots.unplaced == 0
    many = written(MISSED, {70: 0, 130: 0, 190: 0, 250: 3}, **GROUP)
    slots = slots_of(rule_of(), seen, last, many)
    assert not len(slots.missed) and slots.unplaced == 3
    elsewhere = written(MISSED, {70: 0, 250: 1}, rule_group="/etc/s.yml;other")
    assert not len(slots_of(rule_of(), seen, elsewhere).missed)


def test_counters_of_failures(slots_of) -> None:
    """Placed if they are all slots of a stretch, once for each rule of the group."""
    seen, alone = for_state({60: 60}), rule_of(group_alerts=("A",))
    last = written(LAST_EVALUATION, {70: 60.1, 190: 180.2, 250: 240.1}, **GROUP)
    failed = written(FAILED, {70: 0, 190: 2, 250: 2}, **GROUP)
    assert seconds(slots_of(alone, seen, last, failed).failed) == [120, 180]
    assert slots_of(rule_of(), seen, last, failed).unplaced == 2  # of two rules
    both = written(FAILED, {70: 0, 190: 4, 250: 4}, **GROUP)
    assert seconds(slots_of(rule_of(), seen, last, both).failed) == [120, 180]
    wrote = for_state({60: 60, 120: 60, 180: 60})
    assert not len(slots_of(alone, wrote, last, failed).failed)


def test_a_failing_neighbour_is_no_missed_slot(slots_of) -> None:
    """Where the group's failures grew, another rule's gap may be its own failure."""
    gap = for_state({60: 60, 240: 60}, alert="B")
    last = written(LAST_EVALUATION, {70: 60.1, 250: 240.2}, **GROUP)
    failed = written(FAILED, {70: 0, 250: 2}, **GROUP)
    assert slots_of(rule_of(), gap, last, failed).evaluated(np.array([120_000])).all()
    assert not slots_of(rule_of(), gap).evaluated(np.array([120_000])).any()


def test_one_recorded_series_is_enough(memory_source) -> None:
    """Of a thousand, one is read in full."""
    asked = []

    class Asked(memory_source):
        def series(self, selector: str, start_ms: int, end_ms: int, **asks: bool) -> list[Series]:
            found = super().series(selector, start_ms, end_ms, **asks)
            asked.append((end_ms - start_ms, len(found)))
            return found

    many = [written("r", every_minute(13, 1200), n=str(n)) for n in range(1000)]
    recorded = (RecordingRule("r", "x", Path("r.yml"), 2, (), "g", MINUTE_MS),)
    hour = 60 * MINUTE_MS
    slots = find_slots(rule_of(), recorded, Asked(many), -hour, LAST, stated_ms=0)
    assert seconds(slots.times)[0] == -3587
    assert max(count for span, count in asked if span > 30 * MINUTE_MS) == 1
