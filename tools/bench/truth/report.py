"""The tables of ``docs/benchmarks.md``, Truth."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure import print_table

from alertlab.units import HOUR_MS, SECOND_MS
from truth.cases import OTHER_RATIOS, TUNED_RATIO, Case, oracle_folder, read_cases
from truth.choosing import (
    DIRECTIONS,
    in_hindsight,
    mean_and_three_sigma,
    naive,
    percentile_99,
    tune,
    tuned,
)
from truth.faults import MEASURES, Fault, Measure, delays_seconds, plain_threshold, read_faults
from truth.judging import Choice, Judge, Outcome

TUNED, SIGMA, PERCENTILE, SILENCE = "tuned", "mean ± 3σ", "p99", "no rule"
_NAIVE = (SIGMA, PERCENTILE)
_EQUAL = 1e-9


@dataclass(frozen=True)
class Result:
    """What the choices for one series did on the part that rules are scored on.

    advice : what the tuner recommends; None: nothing
    hindsight : of the best constant
    """

    case: Case
    verdict: str
    advice: Choice | None
    outcomes: dict[str, Outcome]
    hindsight: Outcome

    @property
    def could_tune(self) -> bool:
        """Whether the part that rules are tuned on has a window."""
        return len(self.case.starting_in(self.case.tuned_on)) > 0

    @property
    def could_hit(self) -> bool:
        """Whether the part that rules are scored on has one."""
        return self.outcomes[TUNED].owed > 0


def study(case: Case) -> Result:
    """Choose on the first part of a series, score on the rest."""
    judge = Judge(case)
    advice, tuning = tuned([tune(case, op) for op in DIRECTIONS], judge)
    choices = {
        TUNED: advice,
        SIGMA: naive(mean_and_three_sigma, case, judge),
        PERCENTILE: naive(percentile_99, case, judge),
        SILENCE: None,
    }
    outcomes = {name: judge.scored(choice) for name, choice in choices.items()}
    return Result(case, tuning.verdict, advice, outcomes, in_hindsight(case, judge))


def bench_truth() -> None:
    """Tune rules on data that others have labelled, against naive choices."""
    oracles = oracle_folder()
    if oracles is None:
        print("The labelled series are not at hand: name their folder in ALERTLAB_ORACLES.")
        return
    with tempfile.TemporaryDirectory() as folder:
        cases = list(read_cases(oracles, Path(folder)))
        results = [study(case) for case in cases]
        _print_series(results)
        _print_medians(results)
        _print_other_splits(cases)
        _print_faults(oracles, Path(folder))


def _print_series(results: Sequence[Result]) -> None:
    print_table(
        f"Each series: tuned on {TUNED_RATIO:.0%}, scored on the rest "
        "(windows hit; precision; false pages a week; median delay)",
        ["series", "windows", "verdict", "advice", TUNED, *_NAIVE, "regret"],
        [_row(result) for result in results],
    )


def _row(result: Result) -> list[str]:
    case = result.case
    seen, rest = (len(case.starting_in(span)) for span in (case.tuned_on, case.scored_on))
    shown = [_cell(result.outcomes[name]) for name in (TUNED, *_NAIVE)]
    regret = result.outcomes[TUNED].cost_per_week - result.hindsight.cost_per_week
    row = [case.name, f"{seen} + {rest}", result.verdict, _advice(result.advice), *shown]
    return [*row, f"{regret:.2f}" if result.could_tune else "-"]


def _advice(choice: Choice | None) -> str:
    if choice is None:
        return "-"
    setting = choice.setting
    durations = [
        f" {name} {ms // 60_000}m"
        for name, ms in (
            ("for", setting.hold_duration_ms),
            ("keep_firing_for", setting.keep_firing_for_ms),
        )
        if ms
    ]
    return f"`{choice.op} {setting.threshold:.6g}`{''.join(durations)}"


def _cell(outcome: Outcome) -> str:
    delay = _hours(outcome.delay_p50_seconds)
    precision = _number(outcome.precision)
    hits = f"{outcome.hits}/{outcome.owed}"
    return f"{hits}; {precision}; {outcome.false_pages_per_week:.1f}; {delay}"


def _print_medians(results: Sequence[Result]) -> None:
    usable = [one for one in results if one.could_tune]
    for title, some in (
        ("with a window to tune on", usable),
        ("of these, with a window in the rest, too", [one for one in usable if one.could_hit]),
    ):
        print_table(
            f"Medians over the {len(some)} series {title}",
            [
                "", "cost a week", "recall", "precision", "false pages a week", "delay",
                "windows hit", "false pages", "tuned better, equal, worse",
            ],
            [_median_row(some, name) for name in (TUNED, *_NAIVE, SILENCE)],
        )  # fmt: skip


def _median_row(results: Sequence[Result], name: str) -> list[str]:
    outcomes = [one.outcomes[name] for one in results]

    def median(read: Callable[[Outcome], float | None]) -> float | None:
        known = [value for value in map(read, outcomes) if value is not None]
        return float(np.median(known)) if known else None

    hits, owed = sum(one.hits for one in outcomes), sum(one.owed for one in outcomes)
    return [
        name,
        _number(median(lambda one: one.cost_per_week)),
        _number(median(lambda one: one.recall)),
        _number(median(lambda one: one.precision)),
        _number(median(lambda one: one.false_pages_per_week)),
        _hours(median(lambda one: one.delay_p50_seconds)),
        f"{hits} of {owed}",
        f"{sum(one.false_pages for one in outcomes)}",
        "" if name == TUNED else _wins(results, name),
    ]


def _print_other_splits(cases: Sequence[Case]) -> None:
    rows = []
    for ratio in OTHER_RATIOS:
        results = [study(case.split_at(ratio)) for case in cases]
        usable = [one for one in results if one.could_tune]
        shown = [f"{ratio:.0%}", f"{len(usable)}"]
        for name in (TUNED, *_NAIVE):
            cost, *_, hits, false, _ = _median_row(usable, name)[1:]
            shown.append(f"{cost}; {hits}; {false}")
        rows.append([*shown, *(_wins(usable, name) for name in _NAIVE)])
    against = [f"tuned against {name}" for name in _NAIVE]
    print_table(
        "Tuned on another share (median cost a week; windows hit; false pages)",
        ["tuned on", "series", TUNED, *_NAIVE, *against],
        rows,
    )


def _wins(results: Sequence[Result], name: str) -> str:
    gains = np.array(
        [one.outcomes[name].cost_per_week - one.outcomes[TUNED].cost_per_week for one in results]
    )
    better, worse = int((gains > _EQUAL).sum()), int((gains < -_EQUAL).sum())
    return f"{better}, {len(gains) - better - worse}, {worse}"


def _print_faults(oracles: Path, folder: Path) -> None:
    faults = read_faults(oracles, folder)
    print_table(
        "Injected faults",
        ["rule on", "threshold", "fires in", "median delay", "delays", "fires in other faults"],
        [_fault_row(faults, measure) for measure in MEASURES],
    )


def _fault_row(faults: Sequence[Fault], measure: Measure) -> list[str]:
    threshold = plain_threshold(faults, measure)
    delays = delays_seconds(faults, measure, threshold)
    found = [delay for delay in delays if delay is not None]
    others = [one for one in faults if one.kind != measure.kind]
    disturbed = [one for one in others if one.first_firing_ms(measure, threshold) is not None]
    return [
        f"{measure.kind}, {measure.statistic}",
        f"{threshold:g}",
        f"{len(found)} of {len(delays)}",
        f"{np.median(found):.0f} s",
        f"{min(found):.0f} to {max(found):.0f} s",
        f"{len(disturbed)} of {len(others)}",
    ]


def _hours(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * SECOND_MS / HOUR_MS:.1f} h"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
