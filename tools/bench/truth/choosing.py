"""How a rule's numbers are chosen from the first part of a series: tuned, naive, in hindsight."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from alertlab.incidents import bounds_ms, match_times
from alertlab.tuning import LEAVE, Constraints, Setting, Tuning, Yardstick, tune_rule
from truth.cases import Case
from truth.judging import FALSE_PAGE_COST, NO_MARGINS, Choice, Judge, Outcome

DIRECTIONS = (">", "<")  # nobody told which one an anomaly takes
CONSTRAINTS = Constraints(
    max_delay_seconds=np.inf,  # the windows begin hours before what they mark
    min_incidents=1,  # no part has more than two
)
_SIMULATED = 5  # of the constants in hindsight


def tune(case: Case, op: str) -> Tuning:
    """Tune one direction on the first part; the rule as written compares with the mean."""
    span = case.tuned_on
    return tune_rule(
        case.rule(op, float(f"{case.seen_values().mean():.3g}")),
        case.source,
        span.start_ms,
        span.end_ms - 1,
        yardstick=Yardstick(incidents=case.starting_in(span), margins=NO_MARGINS),
        constraints=CONSTRAINTS,
    )


def tuned(tunings: Sequence[Tuning], judge: Judge) -> tuple[Choice | None, Tuning]:
    """Return what to do after tuning both directions, and the tuning that says so.

    None: nothing is recommended, so that there is no rule.
    """
    choices = {
        choice: one
        for op, one in zip(DIRECTIONS, tunings, strict=True)
        if (choice := _advised(op, one)) is not None
    }
    if not choices:
        return None, tunings[0]
    best = better(judge, list(choices))
    return best, choices[best]


def mean_and_three_sigma(case: Case, op: str) -> Choice:
    """Return the mean plus (or minus) three standard deviations of all that was seen."""
    values = case.seen_values()
    away = 3 * values.std() * (1 if op == ">" else -1)
    return constant(op, values.mean() + away)


def percentile_99(case: Case, op: str) -> Choice:
    """Return the 99th percentile (or the first) of all that was seen."""
    return constant(op, np.quantile(case.seen_values(), 0.99 if op == ">" else 0.01))


def naive(choose: Callable[[Case, str], Choice], case: Case, judge: Judge) -> Choice:
    """Return the direction of a naive choice that did better on the part that was seen."""
    return better(judge, [choose(case, op) for op in DIRECTIONS])


def better(judge: Judge, choices: Sequence[Choice]) -> Choice:
    """Return the choice with most windows hit in the part that was seen, then fewest false pages.

    That is what the tuner goes by, too; the first of equals.
    """

    def rank(choice: Choice) -> tuple[int, int]:
        seen = judge.seen(choice)
        return -seen.hits, seen.false_pages

    return min(choices, key=rank)


def in_hindsight(case: Case, judge: Judge) -> Outcome:
    """Return what the best constant of the part that rules are scored on does there.

    All that do anything are ranked by how often the value crosses them; the best are simulated.
    """
    found = [one for op in DIRECTIONS for one in _cheapest_constants(case, judge, op)]
    return min(map(judge.scored, found), key=lambda outcome: outcome.cost_per_week)


def constant(op: str, threshold: float) -> Choice:
    """Return the choice that fires at once."""
    return Choice(op, Setting(float(threshold), 0, 0, None))


def _advised(op: str, tuning: Tuning) -> Choice | None:
    score = tuning.current if tuning.verdict == LEAVE else tuning.recommended
    return None if score is None else Choice(op, score.setting)


def _cheapest_constants(case: Case, judge: Judge, op: str) -> list[Choice]:
    frame, span = judge.evaluated(op).frame, case.scored_on
    first = int(np.searchsorted(frame.times, span.start_ms)) - 1  # to see what rises at the cut
    times = frame.times[first:]
    [values] = np.where(frame.present, frame.values, np.nan)[:, first:]
    thresholds = np.unique(values[~np.isnan(values)])
    active = values > thresholds[:, None] if op == ">" else values < thresholds[:, None]
    rises, at = active[:, 1:] & ~active[:, :-1], times[1:]
    quiet = match_times(at, case.windows, NO_MARGINS) < 0
    cost = FALSE_PAGE_COST * rises[:, quiet].sum(axis=1)
    for start, end in bounds_ms(case.starting_in(span), NO_MARGINS, case.windows):
        cost += ~rises[:, (at >= start) & (at < end)].any(axis=1)
    best = np.argsort(cost, kind="stable")[:_SIMULATED]
    return [constant(op, thresholds[i]) for i in best]
