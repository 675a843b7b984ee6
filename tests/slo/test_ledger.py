"""The ledger: weeks counted by raw steps, written once, identical on every run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slo_counters import MONDAY_MS, availability, counter, handled, histogram, latency, naive_steps

from alertlab.errors import BadInput
from alertlab.slo import (
    POLICIES,
    Events,
    Ledger,
    Objective,
    Samples,
    load_ledger,
    read_counts,
    update_ledger,
    week_label,
)
from alertlab.slo.objectives import Scope, answers_by_code, answers_in_time, answers_of_queries
from alertlab.sources import open_source
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS, parse_time

ROOT = Path(__file__).resolve().parents[2]
REAL_RUN = ROOT / "data" / "recordings" / "real-run"

EVERY_HOUR = MONDAY_MS + HOUR_MS * np.arange(3 * 168 + 1)
CLIMB = np.arange(len(EVERY_HOUR), dtype=float)


@pytest.fixture
def three_weeks(memory_source: type):
    """One answer an hour is OK and every tenth hour one is INTERNAL, for exactly three weeks."""
    return memory_source(
        [handled(EVERY_HOUR, CLIMB, "OK"), handled(EVERY_HOUR, CLIMB // 10, "INTERNAL")]
    )


def written(path: Path, source, objectives=None, *, weeks=3.0, start=MONDAY_MS) -> Ledger:
    """Update a ledger over some weeks."""
    objectives = objectives or [availability()]
    return update_ledger(path, objectives, source, start, round(MONDAY_MS + weeks * WEEK_MS))


def test_weeks_of_a_steady_counter(three_weeks, tmp_path: Path) -> None:
    """168 answers a week, those of Monday at midnight still to the week before."""
    ledger = written(tmp_path / "ledger.json", three_weeks)
    assert [row.week for row in ledger.rows] == ["2026-W10", "2026-W11", "2026-W12"]
    assert [row.start for row in ledger.rows] == [
        "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z",
    ]  # fmt: skip
    assert [row.good for row in ledger.rows] == [168, 168, 168]
    assert [row.bad for row in ledger.rows] == [16, 33 - 16, 50 - 33]
    for row in ledger.rows:
        assert row.total == row.good + row.bad and row.good_at_most == row.good
        assert (row.coverage, row.complete, row.counting, row.notes) == (1, True, "raw", ())
        assert (row.policy, row.target, row.excluded) == ("strict", 0.99, 0)
    assert ledger.notes == ()


def test_iso_weeks_at_the_turn_of_a_year() -> None:
    """Of 2026 and of a year with 53 weeks."""
    starts = ("2025-12-29T00:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z")
    assert [week_label(parse_time(one)) for one in starts] == ["2026-W01", "2026-W53", "2027-W01"]


@st.composite
def scraped(draw: st.DrawFn) -> list[tuple[np.ndarray, np.ndarray]]:
    """Samples of a few counters over three weeks, with resets, gaps and missing values."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        size = draw(st.integers(2, 60))
        seed = np.random.default_rng(draw(st.integers(0, 2**32)))
        hours = seed.integers(0, 3 * 168 * 60, size)
        times = np.unique(MONDAY_MS + MINUTE_MS * hours)
        steps = seed.integers(0, 9, len(times)).cumsum().astype(float)
        resets = np.cumsum(seed.random(len(times)) < 0.1)
        values = steps - np.array([steps[resets == k].min() for k in resets]) // 1
        values[seed.random(len(times)) < 0.1] = math.nan
        found.append((times, values))
    return found


@settings(max_examples=60, deadline=None)
@given(found=scraped(), policy=st.sampled_from(sorted(POLICIES)))
def test_weeks_are_what_a_naive_count_says_and_add_up(
    memory_source: type, tmp_path_factory: pytest.TempPathFactory, found: list, policy: str
) -> None:
    """Per week and verdict; whole weeks sum to the whole, and good is never more than total."""
    codes = ["OK", "INTERNAL", "NotFound", "Canceled"]
    series = [handled(*one, code) for one, code in zip(found, codes, strict=False)]
    source, objective = memory_source(series), availability(policy)
    path = tmp_path_factory.mktemp("weeks") / "ledger.json"
    ledger = written(path, source, [objective])
    verdicts = dict(POLICIES[policy].verdicts)
    spelled = {"NotFound": "NOT_FOUND", "Canceled": "CANCELLED"}
    expected = {week: dict.fromkeys(("good", "bad", "excluded"), 0.0) for week in range(3)}
    for one in series:
        code = dict(one.labels)["grpc_code"]
        for at_ms, step in naive_steps(one):
            week = (at_ms - 1 - MONDAY_MS) // WEEK_MS
            expected[week][verdicts[spelled.get(code, code)]] += step
    for row in ledger.rows:
        week = (parse_time(row.start) - MONDAY_MS) // WEEK_MS
        assert {name: getattr(row, name) for name in ("good", "bad", "excluded")} == expected[week]
        assert 0 <= row.good <= row.total
    whole = read_counts(objective, Samples(source, MONDAY_MS, MONDAY_MS + 3 * WEEK_MS))
    assert sum(row.total for row in ledger.rows) == whole.total.sum()
    again = objective.total.counted(source, MONDAY_MS, MONDAY_MS + 3 * WEEK_MS)
    assert again == whole.total.sum()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_fast_requests_are_never_more_than_requests(memory_source: type, seed: int) -> None:
    """Whatever the resets and the samples that one of two counters lacks."""
    random = np.random.default_rng(seed)
    times = MONDAY_MS + MINUTE_MS * np.arange(40)
    resets = np.cumsum(random.random(40) < 0.15)
    fast, slow = (random.poisson(mean, 40) for mean in (5, 1))
    values = {
        bound: np.array([new[: k + 1][resets[: k + 1] == resets[k]].sum() for k in range(40)])
        for bound, new in (("0.5", fast), ("+Inf", fast + slow))
    }
    bucket, _, count = histogram(times, values)
    kept = random.random(40) < random.choice([0.9, 1.0])
    bucket = replace(bucket, times=times[kept], values=bucket.values[kept])
    source = memory_source([bucket, count])
    counts = read_counts(latency(), Samples(source, MONDAY_MS, MONDAY_MS + HOUR_MS))
    assert (counts.bad >= 0).all() and (counts.bad <= counts.total).all()
    assert (counts.bad_at_least <= counts.bad).all()
    if not kept.all():  # then only the count tells of resets
        assert counts.total.sum() == sum(step for _, step in naive_steps(count))
        return
    total, good = 0.0, 0.0
    pairs = list(zip(values["+Inf"], values["0.5"], strict=True))
    for before, now in pairwise(pairs):
        reset = now[0] < before[0] or now[1] < before[1]
        all_step, fast_step = (n if reset else n - b for n, b in zip(now, before, strict=True))
        total, good = total + all_step, good + min(fast_step, all_step)
    assert (counts.total.sum(), (counts.total - counts.bad).sum()) == (total, good)


def test_a_reset_of_one_bucket_is_a_reset_of_all(memory_source: type) -> None:
    """After the restart the count stands higher than before, and only the bucket has fallen."""
    times = MONDAY_MS + MINUTE_MS * np.arange(3)
    source = memory_source(histogram(times, {"0.5": [0, 8, 6], "+Inf": [0, 9, 12]}))
    counts = read_counts(latency(), Samples(source, MONDAY_MS, MONDAY_MS + HOUR_MS))
    assert counts.total.tolist() == [9, 12] and counts.bad.tolist() == [1, 6]


def test_more_fast_requests_than_requests_are_told(memory_source: type) -> None:
    """Counters that contradict each other are cut to all requests, and it is said."""
    times = MONDAY_MS + MINUTE_MS * np.arange(3)
    source = memory_source(histogram(times, {"0.5": [0, 5, 9], "+Inf": [0, 5, 7]}))
    counts = read_counts(latency(), Samples(source, MONDAY_MS, MONDAY_MS + HOUR_MS))
    assert counts.bad.tolist() == [0, 0]
    assert counts.notes == ("1 samples had more fast requests than requests; cut to all",)


def test_queries_that_contradict_each_other_are_refused(three_weeks, tmp_path: Path) -> None:
    """More bad events than events: nothing of it is written, so that it can be read again."""
    total = Events(('grpc_server_handled_total{grpc_code="INTERNAL"}',))
    bad = Events(('grpc_server_handled_total{grpc_code="OK"}',))
    answers = answers_of_queries(total, bad)
    wrong = Objective("wrong", answers.kind, 0.99, **answers._asdict())
    with pytest.raises(BadInput, match="objective wrong: in 2026-W10 there are more bad events"):
        written(tmp_path / "ledger.json", three_weeks, [wrong])
    assert not (tmp_path / "ledger.json").exists()


def test_a_second_run_writes_the_same_bytes(three_weeks, tmp_path: Path) -> None:
    """Also in another order, in parts, or from the middle of a week."""
    both = [availability(), availability("server-fault", name="login-fault")]
    once, other, parts = (tmp_path / f"{name}.json" for name in ("once", "other", "parts"))
    first = written(once, three_weeks, both)
    text = once.read_bytes()
    assert written(once, three_weeks, both) == first and once.read_bytes() == text
    written(other, three_weeks, both[::-1], start=MONDAY_MS + 3 * DAY_MS + 7)
    assert other.read_bytes() == text
    written(parts, three_weeks, both, weeks=1.3)
    written(parts, three_weeks, both[:1], start=MONDAY_MS + WEEK_MS)
    written(parts, three_weeks, both[1:], start=MONDAY_MS + 3 * WEEK_MS // 2)
    assert parts.read_bytes() == text
    assert load_ledger(once).rows == first.rows
    lines = once.read_text().splitlines()
    assert all(list(one) == sorted(one) for one in json.loads(once.read_text())["rows"])
    assert len(lines) == 2 + len(first.rows) and json.loads(once.read_text())["format"] == 1


def test_a_week_that_is_over_stays(three_weeks, memory_source: type, tmp_path: Path) -> None:
    """What the source says later is told and not written over."""
    path = tmp_path / "ledger.json"
    written(path, three_weeks)
    text = path.read_bytes()
    changed = memory_source([handled(EVERY_HOUR, 2 * CLIMB, "OK")])
    ledger = written(path, changed)
    assert path.read_bytes() == text
    assert ledger.notes[0] == (
        "2026-W10 login: the source now counts 336 good of 336, the ledger has 168 of 184 and "
        "keeps it"
    )
    assert len(ledger.notes) == 3
    forgetful = memory_source([handled(EVERY_HOUR[400:], CLIMB[400:], "OK")])
    assert written(path, forgetful).notes == () and path.read_bytes() == text


def test_the_current_week_is_replaced(three_weeks, memory_source: type, tmp_path: Path) -> None:
    """Until it is over; by less than was known it is not."""
    path = tmp_path / "ledger.json"
    (half,) = written(path, three_weeks, weeks=0.5).rows
    assert (half.good, half.coverage, half.complete) == (84, 0.5, False)
    (more,) = written(path, three_weeks, weeks=0.75).rows
    assert (more.good, more.coverage, more.complete) == (126, 0.75, False)
    (kept,) = written(path, three_weeks, weeks=0.5).rows
    assert kept == more
    (whole,) = written(path, three_weeks, weeks=1).rows
    assert (whole.good, whole.coverage, whole.complete) == (168, 1, True)


@pytest.mark.parametrize(("last", "complete"), [(59, False), (60, True)])
def test_a_week_is_over_when_no_sample_of_it_can_come(
    memory_source: type, tmp_path: Path, last: int, complete: bool
) -> None:
    """A recording that ends one scrape before midnight has all of the week, two before not."""
    times = MONDAY_MS + WEEK_MS - 61 * MINUTE_MS + MINUTE_MS * np.arange(last + 1) + 1
    source = memory_source([handled(times, np.arange(last + 1), "OK")])
    assert source.end_ms < MONDAY_MS + WEEK_MS
    (row,) = written(tmp_path / "ledger.json", source, weeks=2).rows
    assert row.complete is complete


def test_another_definition_does_not_mix(three_weeks, tmp_path: Path) -> None:
    """A changed target or policy has rows of its own, beside those of before."""
    path, old, stricter = tmp_path / "ledger.json", availability(), availability(target=0.999)
    written(path, three_weeks, [old], weeks=2)
    ledger = written(path, three_weeks, [stricter])
    assert len(ledger.rows) == 5
    assert [row.target for row in ledger.of(old).rows] == [0.99] * 2
    assert [row.target for row in ledger.of(stricter).rows] == [0.999] * 3
    by_month = ledger.monthly()
    assert by_month[["target", "weeks"]].sort_values("target").to_numpy().tolist() == [
        [0.99, 2], [0.999, 3],
    ]  # fmt: skip
    for other in (
        availability("server-fault"),
        replace(old, excluded=Events(("x",))),
        replace(old, total=Events(query="x[{{window}}]")),
    ):
        assert other.definition != old.definition
    assert replace(old, description="new words", period_ms=1).definition == old.definition


def test_gaps_are_covered_by_nobody(memory_source: type, tmp_path: Path) -> None:
    """Steps over a gap count at its end, over more than a day not at all."""
    minutes = np.r_[0:61, 300:361, 2000:2061]
    times = MONDAY_MS + MINUTE_MS * minutes
    after = counter("up", [MONDAY_MS + 3 * WEEK_MS], [1])
    source = memory_source([handled(times, minutes, "OK"), after])
    (row,) = written(tmp_path / "ledger.json", source).rows
    assert row.good == 360 + 60
    assert row.coverage == round(3 * 60 / (7 * 24 * 60), 6)
    assert row.complete
    (again,) = written(tmp_path / "late.json", source, start=MONDAY_MS + 6 * DAY_MS).rows
    assert again == row


def test_one_missed_scrape_is_no_gap(memory_source: type) -> None:
    """Two intervals without a sample are covered, three are not."""
    for missing, covered in ((1, 10), (2, 7)):
        minutes = np.delete(np.arange(11), range(4, 4 + missing))
        source = memory_source([handled(MONDAY_MS + MINUTE_MS * minutes, minutes, "OK")])
        counts = read_counts(availability(), Samples(source, MONDAY_MS, MONDAY_MS + HOUR_MS))
        spans = counts.within(np.array([MONDAY_MS, MONDAY_MS + 10 * MINUTE_MS]))
        assert spans.coverage[0] == pytest.approx(covered / 10)


def test_months_and_quarters_take_weeks_by_their_thursday(
    memory_source: type, tmp_path: Path
) -> None:
    """The week of 2026-03-30 is April's; weeks that are missing are counted as such."""
    monday = parse_time("2026-03-16T00:00:00Z")
    times = monday + HOUR_MS * np.arange(4 * 168 + 1)
    source = memory_source([handled(times, np.arange(len(times)), "OK")])
    ledger = update_ledger(
        tmp_path / "ledger.json", [availability()], source, monday, monday + 4 * WEEK_MS
    )
    months = ledger.monthly().set_index("month")
    assert months["weeks"].to_dict() == {"2026-03": 2, "2026-04": 2}
    assert months["weeks_missing"].to_dict() == {"2026-03": 2, "2026-04": 3}
    assert months["total"].to_dict() == {"2026-03": 336, "2026-04": 336}
    assert months["coverage"].to_dict() == {"2026-03": 0.5, "2026-04": 0.4}
    assert not months["complete"].any()
    quarters = ledger.quarterly().set_index("quarter")
    assert quarters["weeks"].to_dict() == {"2026-Q1": 2, "2026-Q2": 2}
    assert quarters["weeks_missing"].to_dict() == {"2026-Q1": 11, "2026-Q2": 11}
    assert (
        Ledger(ledger.rows[:1]).to_pandas()["start"][0].isoformat() == "2026-03-16T00:00:00+00:00"
    )
    assert Ledger().monthly().empty and Ledger().to_pandas().empty


def test_a_full_month_is_complete(three_weeks, tmp_path: Path) -> None:
    """A month whose weeks are all there; the budget is that of its sums."""
    weeks = written(tmp_path / "ledger.json", three_weeks).rows
    (month,) = (
        Ledger((*weeks, replace(weeks[0], start="2026-03-23T00:00:00Z"))).monthly().itertuples()
    )
    assert (month.weeks, month.weeks_missing, month.complete) == (4, 0, True)
    assert (month.total, month.bad, month.coverage) == (4 * 168 + 66, 66, 1)
    assert month.budget_left_ratio == pytest.approx(1 - 66 / (0.01 * 738))


def test_a_threshold_between_bounds_is_an_interval(memory_source: type, tmp_path: Path) -> None:
    """What lies between the neighbouring bounds is not surely good, and it is told."""
    by_bound = {"0.25": 5 * CLIMB, "0.50": 7 * CLIMB, "1": 8 * CLIMB, "+Inf": 9 * CLIMB}
    source = memory_source(histogram(EVERY_HOUR, by_bound))
    exact, between, above = (
        written(tmp_path / f"{threshold}.json", source, [latency(threshold)], weeks=1).rows[0]
        for threshold in (1, 0.4, 2)
    )
    assert (exact.good, exact.good_at_most, exact.total, exact.notes) == (1344, 1344, 1512, ())
    assert (between.good, between.good_at_most, between.bad) == (840, 1176, 672)
    assert between.notes == (
        "0.4 is no bucket bound (beside it: 0.25, 0.5): what lies between the bounds is not known "
        "to be good",
    )
    assert (above.good, above.good_at_most) == (1344, 1512)
    table = Ledger((between,)).to_pandas()
    assert table["budget_left_ratio"][0] == pytest.approx(1 - 672 / 15.12)
    assert table["budget_left_at_most"][0] == pytest.approx(1 - 336 / 15.12)


def test_pods_with_other_buckets(memory_source: type) -> None:
    """Only where a pod lacks the bound there is doubt, and the note counts such pods."""
    good = {"0.5": 9 * CLIMB, "+Inf": 9 * CLIMB}
    other = {"0.25": 1 * CLIMB, "1": 2 * CLIMB, "+Inf": 3 * CLIMB}
    source = memory_source([*histogram(EVERY_HOUR, good), *histogram(EVERY_HOUR, other, "b")])
    counts = read_counts(latency(), Samples(source, MONDAY_MS, MONDAY_MS + WEEK_MS))
    assert counts.total.sum() == 12 * 168
    assert (counts.bad.sum(), counts.bad_at_least.sum()) == (2 * 168, 168)
    assert "in 1 of 2 series (beside it: 0.25, 1)" in counts.notes[0]


def test_a_pod_that_changes_its_buckets(memory_source: type) -> None:
    """As long as it had the bound, there is no doubt."""
    half = 168
    times, more = EVERY_HOUR[: 2 * half + 1], EVERY_HOUR[half + 1 : 2 * half + 1]
    infinite = np.r_[4 * CLIMB[: half + 1], 4 * CLIMB[1 : half + 1]]
    exact = histogram(times[: half + 1], {"0.5": 2 * CLIMB[: half + 1], "+Inf": CLIMB[: half + 1]})
    later = {"0.25": CLIMB[1 : half + 1], "1": 3 * CLIMB[1 : half + 1], "+Inf": CLIMB[1 : half + 1]}
    count = histogram(times, {"+Inf": infinite})
    source = memory_source([exact[0], *histogram(more, later)[:2], *count])
    counts = read_counts(latency(), Samples(source, MONDAY_MS, int(times[-1])))
    weeks = counts.within(times[[0, half, 2 * half]])
    assert weeks.total.tolist() == [4 * half, 4 * half]
    assert weeks.good.tolist() == [2 * half, half]
    assert weeks.good_at_most.tolist() == [2 * half, 3 * half]


def test_what_was_before_the_span_does_not_count(memory_source: type) -> None:
    """It is read for the first step alone."""
    series = histogram(EVERY_HOUR, {"0.5": CLIMB, "+Inf": 2 * CLIMB})
    source = memory_source([*series, handled(EVERY_HOUR, CLIMB, "INTERNAL")])
    start, end = MONDAY_MS + WEEK_MS, MONDAY_MS + WEEK_MS + DAY_MS
    for objective, total in ((availability(), 24), (latency(), 48)):
        counts = read_counts(objective, Samples(source, start, end))
        assert counts.total.sum() == total and counts.times_ms[0] == start + HOUR_MS


def test_a_bound_written_in_two_ways_is_one(memory_source: type) -> None:
    """Prometheus 3 goes on as 1.0 where Prometheus 2 wrote 1."""
    values = {"1": CLIMB, "+Inf": 2 * CLIMB}
    bucket, infinite, count = histogram(EVERY_HOUR, values)
    half = len(EVERY_HOUR) // 2
    later = histogram(EVERY_HOUR[half:], {"1.0": CLIMB[half:], "+Inf": CLIMB[half:]})[0]
    bucket = replace(bucket, times=bucket.times[:half], values=bucket.values[:half])
    source = memory_source([bucket, later, infinite, count])
    counts = read_counts(latency(1.0), Samples(source, MONDAY_MS, MONDAY_MS + 3 * WEEK_MS))
    assert counts.bad.sum() == 3 * 168 and counts.notes == ()


def test_what_is_no_code_is_told(memory_source: type, tmp_path: Path) -> None:
    """A foreign code counts as bad, loudly."""
    source = memory_source([handled(EVERY_HOUR, CLIMB, "OK"), handled(EVERY_HOUR, CLIMB, "418")])
    (row,) = written(tmp_path / "ledger.json", source, [availability("server-fault")], weeks=1).rows
    assert (row.good, row.bad) == (168, 168)
    assert row.notes == ("'418' is no gRPC code and counts as bad",)


def test_an_objective_without_samples_is_told(three_weeks, tmp_path: Path) -> None:
    """No row is invented for it."""
    ledger = written(tmp_path / "ledger.json", three_weeks, [availability(), latency()], weeks=1)
    assert [row.objective for row in ledger.rows] == ["login"]
    assert ledger.notes == (
        "login-fast: the source has no samples between 2026-03-02T00:00:00Z and "
        "2026-03-09T00:00:00Z; check the metric's name and labels",
    )


def test_a_query_is_evaluated_for_every_hour(memory_source: type, tmp_path: Path) -> None:
    """And the row says so; per second or per window, the events are the same."""
    times = MONDAY_MS + 10 * MINUTE_MS * np.arange(6 * 168 + 1)
    climb = 60.0 * np.arange(len(times))
    source = memory_source([counter("a", times, 10 * climb), counter("b", times, climb)])
    rows = []
    for name, bad in (
        ("rate", Events(query="max(rate(b[{{window}}]))")),
        ("window", Events(query="max(increase(b[{{window}}]))", per_second=False)),
    ):
        objective = Objective(name, "queries", 0.9, Events(("a",)), bad)
        rows += written(tmp_path / f"{name}.json", source, [objective], weeks=1).rows
    for row in rows:
        assert (row.counting, row.complete, row.coverage) == ("evaluated", True, 1)
        assert row.total == pytest.approx(604_800, rel=0.01)
        assert row.bad == pytest.approx(row.total / 10, rel=1e-9)
    source = memory_source([counter("a", times, climb, x=one) for one in "12"])
    several = Objective("s", "queries", 0.9, Events(query="rate(a[{{window}}])"),
                        Events(("b",)))  # fmt: skip
    with pytest.raises(BadInput, match=r"has 2 series; put sum\(…\) around it"):
        written(tmp_path / "s.json", source, [several], weeks=1)


def test_hours_without_the_total_are_missing(memory_source: type) -> None:
    """A query without a value says nothing of its hour; bad ones without a series are none."""
    times = MONDAY_MS + MINUTE_MS * np.r_[0:121, 300:361]
    source = memory_source([counter("a", times, np.arange(len(times)))])
    objective = Objective(
        "q", "queries", 0.9, Events(query="max(rate(a[{{window}}]))"), Events(("none",))
    )
    counts = read_counts(objective, Samples(source, MONDAY_MS, MONDAY_MS + 7 * HOUR_MS))
    spans = counts.within(MONDAY_MS + HOUR_MS * np.arange(8))
    assert np.isnan(spans.total).tolist() == [False, False, True, True, True, False, True]
    assert spans.bad[0] == 0 and spans.coverage.tolist() == [1, 1, 0, 0, 0, 1, 0]
    later = read_counts(objective, Samples(source, MONDAY_MS + HOUR_MS, MONDAY_MS + 7 * HOUR_MS))
    assert later.times_ms[0] == MONDAY_MS + 2 * HOUR_MS


def test_queries_that_contradict_each_other_are_told(memory_source: type) -> None:
    """More bad events than events."""
    source = memory_source([counter("a", EVERY_HOUR, CLIMB), counter("b", EVERY_HOUR, 2 * CLIMB)])
    answers = answers_of_queries(Events(("a",)), Events(("b",)))
    objective = Objective("q", answers.kind, 0.9, **answers._asdict())
    counts = read_counts(objective, Samples(source, MONDAY_MS, MONDAY_MS + WEEK_MS))
    assert counts.notes == ("the queries contradict each other: 336 bad of 168 events",)


def test_a_series_counts_as_its_terms_say(memory_source: type) -> None:
    """Added twice and taken away once; a series in total and bad has the same samples in both."""
    source = memory_source(
        [counter("a", EVERY_HOUR, CLIMB, x="1"), counter("a", EVERY_HOUR, 3 * CLIMB, x="2")]
    )
    total, bad = Events(("a", 'a{x="1"}')), Events(("a",), ('a{x="1"}',))
    answers = answers_of_queries(total, bad)
    objective = Objective("q", answers.kind, 0.9, **answers._asdict())
    counts = read_counts(objective, Samples(source, MONDAY_MS, MONDAY_MS + WEEK_MS))
    assert (counts.total.sum(), counts.bad.sum()) == (5 * 168, 3 * 168)


def test_the_real_run_is_its_load_generators_account(tmp_path: Path) -> None:
    """Exact totals by method and code, under each policy."""
    source = open_source(str(REAL_RUN))
    account = json.loads((REAL_RUN / "account.json").read_text(encoding="utf-8"))
    objectives, expected = [], {}
    for method, codes in account["calls"].items():
        for name, policy in POLICIES.items():
            answers = answers_by_code(Scope(method=method), policy)
            one = Objective(f"{method}-{name}", "availability", 0.99, **answers._asdict())
            objectives.append(one)
            good = sum(n for code, n in codes.items() if dict(policy.verdicts)[code] == "good")
            expected[one.name] = (good, sum(codes.values()))
        answers = answers_in_time(Scope(method=method), 0.5)
        objectives.append(Objective(f"{method}-fast", "latency", 0.99, **answers._asdict()))
    ledger = update_ledger(
        tmp_path / "ledger.json", objectives, source, source.start_ms, source.end_ms
    )
    found = {row.objective: (row.good, row.total) for row in ledger.rows}
    assert {name: counted for name, counted in found.items() if name in expected} == expected
    for method, codes in account["calls"].items():
        good, total = found[f"{method}-fast"]
        assert total == sum(codes.values()) and good <= total
    assert found["Login-fast"][0] < found["Login-fast"][1]  # the slow spell
    assert not any(row.complete for row in ledger.rows)


DAMAGES = [
    (lambda text: text[:-20], "damaged"),
    (lambda text: "[]", "damaged"),
    (lambda text: text.replace('"format": 1', '"format": 9'), "format 9, not 1"),
    (lambda text: text.replace('"good": 168', '"good": 167', 1), "good and bad do not add up"),
    (lambda text: text.replace('"good": 168', '"good": "168"', 1), "no number where one belongs"),
    (lambda text: text.replace('"good": 168', '"good": NaN', 1), "no number where one belongs"),
    (lambda text: text.replace('"notes"', '"remarks"', 1), "notes"),
    (lambda text: text.replace('"raw"', '"guessed"', 1), "is not as it was written"),
    (lambda text: text.replace('"2026-W10"', '"2026-W09"', 1), "2026-W09 does not start at"),
    (lambda text: text.replace("03-02T00", "03-03T00", 1).replace("03-02T00", "03-03T00"),
     "2026-W10 does not start at 2026-03-03"),
    (lambda text: text.replace('"start": "2026-03-02', '"start": "2026-03-03'),
     "2026-W10 does not start at 2026-03-03"),
    (lambda text: text.replace('"start": "2026-03-02T00:00:00Z"', '"start": "Monday"'),
     "'Monday' is not a time"),
    (lambda text: text.replace('"start": "2026-03-02T00:00:00Z"', '"start": 1772409600'),
     "no text where one belongs"),
    (lambda text: text.replace('"end": "2026-03-09', '"end": "2026-03-10', 1),
     "2026-W10 does not end at 2026-03-10"),
    (lambda text: text.replace('"policy": "strict"', '"policy": 1', 1), "no text where"),
    (lambda text: text.replace('"notes": []', '"notes": [1]', 1), "no text where"),
    (lambda text: text.replace('"notes": []', '"notes": "raw"', 1), "no text where"),
    (lambda text: text.replace('"bad": 16', '"bad": true', 1), "no number where"),
    (lambda text: text.replace('"excluded": 0', '"excluded": 1e999', 1), "no number where"),
    (lambda text: text.replace('"excluded": 0', '"excluded": -1', 1), "no number where"),
    (lambda text: text.replace('"excluded": 0', f'"excluded": 1{"0" * 400}', 1), "too large"),
    (lambda text: text.replace('"coverage": 1', '"coverage": 1.1', 1), "a target is no share"),
    (lambda text: text.replace('"target": 0.99', '"target": 1', 1), "a target is no share"),
    (lambda text: text.replace('"target": 0.99', '"target": 0', 1), "a target is no share"),
    (lambda text: text.replace('"good_at_most": 168', '"good_at_most": 9', 1), "lies not between"),
    (lambda text: text.replace('"good_at_most": 168', '"good_at_most": 999', 1), "not between"),
    (lambda text: '{"format": 1, "rows": {}}', "its rows are no list"),
    (lambda text: "[" * 100_000, "recursion"),
    (lambda text: text.replace("\n{", "\n{").replace(text.splitlines()[2],
                                                    text.splitlines()[1]), "a week stands twice"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "told"), DAMAGES, ids=[told for _, told in DAMAGES])
def test_a_damaged_ledger_is_refused(
    three_weeks, tmp_path: Path, damage: Callable[[str], str], told: str
) -> None:
    """With its name and what to do; it is not written over."""
    path = tmp_path / "ledger.json"
    written(path, three_weeks)
    damaged = damage(path.read_text())
    assert damaged != path.read_text()
    path.write_text(damaged)
    with pytest.raises(BadInput, match=told) as refused:
        written(path, three_weeks)
    assert str(path) in str(refused.value) and "backup" in str(refused.value)
    assert path.read_text() == damaged


def test_what_cannot_be_written_or_read_is_refused(three_weeks, tmp_path: Path) -> None:
    """A missing ledger, a missing folder, a span that ends before it starts."""
    with pytest.raises(BadInput, match="there is no ledger"):
        load_ledger(tmp_path / "none.json")
    with pytest.raises(BadInput, match="there is no folder"):
        written(tmp_path / "no" / "ledger.json", three_weeks)
    with pytest.raises(BadInput, match="a start before its end"):
        written(tmp_path / "ledger.json", three_weeks, weeks=0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_damaged_ledger(three_weeks, tmp_path: Path) -> None:
    """It is told from a file before anything is counted."""
    with pytest.raises(BadInput, match="is a folder; give the path of a file"):
        load_ledger(tmp_path)
    with pytest.raises(BadInput, match="is a folder; give the path of a file"):
        written(tmp_path, three_weeks)


def test_progress_is_shown_by_week(three_weeks, tmp_path: Path) -> None:
    """``track`` sees the Mondays."""
    seen: list[int] = []

    def track(weeks: list[int]):
        seen.extend(weeks)
        return weeks

    update_ledger(
        tmp_path / "ledger.json", [availability()], three_weeks, MONDAY_MS + 1,
        MONDAY_MS + WEEK_MS + 1, track=track,
    )  # fmt: skip
    assert seen == [MONDAY_MS, MONDAY_MS + WEEK_MS]
