"""The protocol of ``tools/bench/truth``: import, split, choose on one part, score on the other."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab import open_source
from alertlab.frame import Series
from alertlab.incidents import INCIDENT_COLUMNS
from alertlab.sources import RecordingWriter
from alertlab.tuning import NOT_ENOUGH_DATA, Setting, Span
from alertlab.units import DAY_MS, MINUTE_MS

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "bench"))

from truth.cases import METRIC, TUNED_RATIO, Case, read_case, read_cases
from truth.choosing import (
    DIRECTIONS,
    better,
    constant,
    in_hindsight,
    mean_and_three_sigma,
    naive,
    percentile_99,
    tune,
    tuned,
)
from truth.faults import MEASURES, delays_seconds, plain_threshold, read_faults
from truth.judging import Choice, Judge

STEP_MS = 5 * MINUTE_MS
START_MS = 20_000 * DAY_MS


# --- the judge, on series that can be counted by hand -------------------------------------------


def windows_of(*pairs: tuple[int, int]) -> pd.DataFrame:
    """Return windows between numbers of samples."""
    rows = [(f"w{i}", *pair, "", None, "") for i, pair in enumerate(pairs)]
    frame = pd.DataFrame(rows, columns=INCIDENT_COLUMNS).astype({"should_alert": object})
    for column in ("start", "end"):
        at = START_MS + STEP_MS * frame[column].astype("int64")
        frame[column] = pd.to_datetime(at, unit="ms", utc=True)
    return frame


@pytest.fixture
def case_of(memory_source: type) -> Callable[..., Case]:
    """Make a case of values 5 minutes apart, tuned on the first ``cut`` of them."""

    def make(values: list[float], cut: int, *windows: tuple[int, int]) -> Case:
        at = START_MS + STEP_MS * np.arange(len(values))
        series = Series((("__name__", METRIC),), at, np.array(values, float))
        middle, end = START_MS + STEP_MS * cut, START_MS + STEP_MS * len(values)
        return Case(
            name="made",
            source=memory_source([series], start_ms=START_MS),
            interval_ms=STEP_MS,
            tuned_on=Span(START_MS, middle),
            scored_on=Span(middle, end),
            windows=windows_of(*windows),
        )

    return make


def peaks(count: int, *at: int) -> list[float]:
    """Return ones with nines at some places."""
    return [9.0 if i in at else 1.0 for i in range(count)]


def test_pages_are_counted_where_they_fall(case_of: Callable[..., Case]) -> None:
    """Of three pages in the rest one hits a window; the pages before the cut are not its own."""
    judge = Judge(case_of(peaks(200, 10, 60, 110, 150, 180), 100, (40, 70), (140, 160), (190, 195)))
    outcome = judge.scored(constant(">", 5))
    assert (outcome.owed, outcome.hits, outcome.pages, outcome.false_pages) == (2, 1, 3, 2)
    assert outcome.recall == 1 / 2
    assert outcome.precision == pytest.approx(1 / 3)
    assert outcome.delay_p50_seconds == pytest.approx(10 * 300 + 30)  # group_wait
    weeks = 100 * 5 / (7 * 24 * 60)
    assert outcome.false_pages_per_week == pytest.approx(2 / weeks)
    assert outcome.cost_per_week == pytest.approx((1 + 0.11 * 2) / weeks)
    seen = judge.seen(constant(">", 5))
    assert (seen.owed, seen.hits, seen.pages, seen.false_pages) == (1, 1, 2, 1)


def test_an_alert_that_fires_already_hits_nothing(case_of: Callable[..., Case]) -> None:
    """One page before the window, none in it: a miss and a false page."""
    values = [1.0] * 120 + [9.0] * 60
    outcome = Judge(case_of(values, 100, (140, 160))).scored(constant(">", 5))
    assert (outcome.hits, outcome.pages, outcome.false_pages) == (0, 1, 1)


def test_windows_have_no_margins(case_of: Callable[..., Case]) -> None:
    """A page in the 5 minutes before a window or after its end is false."""
    outcome = Judge(case_of(peaks(200, 139, 160), 100, (140, 160))).scored(constant(">", 5))
    assert (outcome.hits, outcome.pages, outcome.false_pages) == (0, 2, 2)


def test_a_window_across_the_cut(case_of: Callable[..., Case]) -> None:
    """It is owed by the part in which it starts; a page in its rest is not false in the other."""
    judge = Judge(case_of(peaks(200, 110), 100, (90, 120)))
    outcome = judge.scored(constant(">", 5))
    assert (outcome.owed, outcome.recall, outcome.pages, outcome.false_pages) == (0, None, 1, 0)
    assert (judge.seen(constant(">", 5)).owed, judge.seen(constant(">", 5)).hits) == (1, 0)


def test_no_rule_is_silent(case_of: Callable[..., Case]) -> None:
    """No rule misses every window and pages nobody; its precision is unknown."""
    outcome = Judge(case_of(peaks(200, 150), 100, (140, 160))).scored(None)
    assert (outcome.hits, outcome.pages, outcome.precision) == (0, 0, None)
    assert outcome.delay_p50_seconds is None
    assert outcome.cost_per_week == pytest.approx(1 / outcome.weeks)


def test_durations_and_direction_count(case_of: Callable[..., Case]) -> None:
    """The judge replays a choice's ``for`` and its direction."""
    judge = Judge(case_of(peaks(200, 150), 100, (140, 160)))
    one_sample = Setting(5.0, 0, 0, None)
    assert judge.scored(Choice(">", one_sample)).hits == 1
    assert judge.scored(Choice(">", replace(one_sample, hold_duration_ms=STEP_MS))).hits == 0
    assert judge.scored(Choice("<", one_sample)).hits == 1  # where the peak ends
    assert judge.scored(Choice("<", one_sample)).delay_p50_seconds == 11 * 300 + 30


# --- the choices ---------------------------------------------------------------------------------


def test_naive_choices_see_the_first_part_only(case_of: Callable[..., Case]) -> None:
    """Mean, deviation and quantiles are those of all samples before the cut."""
    seen = [1.0, 2.0, 3.0, 4.0, 10.0] * 20
    case = case_of([*seen, *[100.0] * 100], 100)
    for op, sign, share in ((">", 1, 0.99), ("<", -1, 0.01)):
        around = np.mean(seen) + sign * 3 * np.std(seen)
        assert mean_and_three_sigma(case, op).setting.threshold == pytest.approx(around)
        assert percentile_99(case, op).setting.threshold == np.quantile(seen, share)
        assert percentile_99(case, op).op == op


def test_windows_come_before_false_pages(case_of: Callable[..., Case]) -> None:
    """The better choice hits more windows in the first part; of as many, it pages less for nothing.

    What happens after the cut does not matter.
    """
    values = peaks(200, 50, 150, 155, 160)
    values[20] = values[25] = 5.0
    judge = Judge(case_of(values, 100, (45, 55)))
    noisy, good, silent = constant(">", 3), constant(">", 7), constant(">", 20)
    assert better(judge, [silent, noisy]) == noisy
    assert better(judge, [noisy, good, silent]) == good
    assert better(judge, [good, constant(">", 8)]) == good  # the first of equals


def test_a_naive_choice_takes_its_better_direction(case_of: Callable[..., Case]) -> None:
    """A drop in the first part's window makes it the direction below."""
    values = [1.0, 2.0] * 100
    values[50] = -90.0
    case = case_of(values, 100, (45, 55))
    assert naive(mean_and_three_sigma, case, Judge(case)).op == "<"


@pytest.mark.parametrize("sign", [1, -1])
def test_hindsight_knows_the_rest(case_of: Callable[..., Case], sign: int) -> None:
    """The best constant of the rest hits both its windows without a false page.

    Most thresholds hit only the one that goes deep, or page outside.
    """
    values = [0.0] * 100 + [float(i % 7) for i in range(200)]
    values[150:153] = [-1.0] * 3
    values[200:220] = [-float(i) for i in range(1, 21)]
    case = case_of([sign * value for value in values], 100, (140, 153), (190, 220))
    outcome = in_hindsight(case, Judge(case))
    assert (outcome.hits, outcome.false_pages) == (2, 0)


# --- the benchmark's series ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def cases(oracles: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """All series, imported by the command line."""
    return {one.name: one for one in read_cases(oracles, tmp_path_factory.mktemp("nab"))}


def files(oracles: Path) -> Iterator[Path]:
    """Give the benchmark's files."""
    return (oracles / "incidents" / "NAB").glob("data/*/*.csv")


@pytest.mark.oracle
def test_every_series_is_imported(oracles: Path, cases: dict[str, Case]) -> None:
    """24 series: every row but those of a time that stood before; every window of the labels."""
    labels = json.loads((oracles / "incidents/NAB/labels/combined_windows.json").read_text())
    kept = dropped = windows = 0
    for file in files(oracles):
        with file.open() as opened:
            times = [row["timestamp"] for row in csv.DictReader(opened)]
        case = cases[file.stem]
        [series] = case.source.series(METRIC, case.tuned_on.start_ms, case.scored_on.end_ms)
        assert len(series.times) == len(set(times)), file.name
        assert len(case.windows) == len(labels[f"{file.parent.name}/{file.name}"])
        kept, dropped = kept + len(set(times)), dropped + len(times) - len(set(times))
        windows += len(case.windows)
    assert (len(cases), kept + dropped, dropped, windows) == (24, 137_301, 45, 49)


@pytest.mark.oracle
def test_intervals_are_the_series_own(cases: dict[str, Case]) -> None:
    """One series is hourly, one half-hourly, all others have a sample every 5 minutes."""
    minutes = {name: one.interval_ms // MINUTE_MS for name, one in cases.items()}
    assert minutes.pop("ambient_temperature_system_failure") == 60
    assert minutes.pop("nyc_taxi") == 30
    assert set(minutes.values()) == {5}


@pytest.mark.oracle
def test_no_other_split_leaves_more_windows(cases: dict[str, Case]) -> None:
    """At the chosen share most series, 12, have a whole window on either side of the cut."""

    def both_sides(ratio: float) -> int:
        found = 0
        for case in cases.values():
            start, end = case.tuned_on.start_ms, case.scored_on.end_ms
            cut = pd.Timestamp(start + ratio * (end - start), unit="ms", tz="UTC")
            found += (case.windows["end"] <= cut).any() and (case.windows["start"] >= cut).any()
        return found

    counts = {percent: both_sides(percent / 100) for percent in range(5, 100, 5)}
    assert max(counts, key=counts.get) == TUNED_RATIO * 100
    assert sorted(counts.values())[-2] < counts[60] == 12
    assert sum(len(one.starting_in(one.tuned_on)) > 0 for one in cases.values()) == 19


@pytest.mark.oracle
def test_without_a_window_there_is_not_enough_data(cases: dict[str, Case]) -> None:
    """Five series have no window to tune on: the verdict says so, and nothing is recommended."""
    blind = [one for one in cases.values() if not len(one.starting_in(one.tuned_on))]
    assert len(blind) == 5
    for case in blind:
        tuning = tune(case, ">")
        assert tuning.verdict == NOT_ENOUGH_DATA, case.name
        advice, _ = tuned([tuning, tuning], Judge(case))
        assert advice is None


@pytest.mark.oracle
def test_a_series_that_a_threshold_can_tell(cases: dict[str, Case]) -> None:
    """A peak far above everything else: the tuned rule pages in the next window and nowhere else.

    The naive choices hit it, too, but had paged for nothing before.
    """
    case = cases["ec2_cpu_utilization_5f5533"]
    judge = Judge(case)
    advice, tuning = tuned([tune(case, op) for op in DIRECTIONS], judge)
    assert tuning.verdict == "change"
    assert advice.op == ">"
    assert (judge.seen(advice).recall, judge.seen(advice).false_pages) == (1, 0)
    assert (judge.scored(advice).recall, judge.scored(advice).false_pages) == (1, 0)
    for choose in (mean_and_three_sigma, percentile_99):
        assert judge.seen(naive(choose, case, judge)).false_pages > 0


@pytest.mark.oracle
def test_tuning_does_not_look_ahead(oracles: Path, cases: dict[str, Case], tmp_path: Path) -> None:
    """Whatever the rest of a series holds, the advice stays."""
    case = cases["elb_request_count_8c0756"]
    [seen] = case.source.series(METRIC, case.tuned_on.start_ms, case.tuned_on.end_ms - 1)
    [rest] = case.source.series(METRIC, case.scored_on.start_ms, case.scored_on.end_ms)
    values = np.concatenate([seen.values, 1e6 - rest.values])
    times = np.concatenate([seen.times, rest.times])
    with RecordingWriter(
        tmp_path / "other", origin="a test", scrape_interval_ms=STEP_MS, synthetic=True
    ) as writer:
        for day in np.unique(times // DAY_MS):
            at = times // DAY_MS == day
            writer.add_day([Series(seen.labels, times[at], values[at])])
    other = replace(case, source=open_source(str(tmp_path / "other")))
    for op in DIRECTIONS:
        assert tune(case, op).recommended.setting == tune(other, op).recommended.setting


@pytest.mark.oracle
@pytest.mark.parametrize("ratio", [TUNED_RATIO, 0.5])
def test_a_case_is_split_at_a_sample(oracles: Path, tmp_path: Path, ratio: float) -> None:
    """Both parts are whole numbers of intervals, so that rules are evaluated where samples are."""
    file = next(files(oracles))
    case = read_case(
        file, [["2014-02-20 00:00:00.000000", "2014-02-20 01:00:00.000000"]], tmp_path / "made"
    )
    case = case if ratio == TUNED_RATIO else case.split_at(ratio)
    parts = [span.end_ms - span.start_ms for span in (case.tuned_on, case.scored_on)]
    assert [part % case.interval_ms for part in parts] == [0, 0]
    assert parts[0] / sum(parts) == pytest.approx(ratio, abs=0.001)
    [window] = case.windows.itertuples()
    assert (window.start.hour, window.end - window.start) == (0, pd.Timedelta("1h"))


# --- injected faults -----------------------------------------------------------------------------


@pytest.mark.oracle
def test_every_injected_fault_fires(oracles: Path, tmp_path: Path) -> None:
    """Plain rules on the 95th percentile and on availability fire in all 20 runs, within 10 minutes
    of the complaint; the mean latency moves too little in one.  With the other kind of fault they
    are silent but once."""
    faults = read_faults(oracles, tmp_path)
    assert len(faults) == 20
    caught, disturbed = [], []
    for measure in MEASURES:
        threshold = plain_threshold(faults, measure)
        delays = delays_seconds(faults, measure, threshold)
        assert len(delays) == 10
        known = [one for one in delays if one is not None]
        assert max(known) <= 600
        caught.append(len(known))
        others = [one for one in faults if one.kind != measure.kind]
        fired = [one.first_firing_ms(measure, threshold) for one in others]
        disturbed.append(len(fired) - fired.count(None))
    assert (caught, disturbed) == ([9, 10, 10], [0, 0, 1])
