"""Tune one rule: sweep all settings, choose, validate on other weeks, and say it in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from alertlab.replay import EvaluatedRule
from alertlab.rules import AlertRule, RuleChange
from alertlab.sources import Source
from alertlab.tuning.candidates import Candidates, sweep_settings, to_setting
from alertlab.tuning.causes import Cause, find_cause
from alertlab.tuning.evaluations import Evaluations
from alertlab.tuning.explanation import explain
from alertlab.tuning.grid import WINDOWS_MS
from alertlab.tuning.knobs import turn_each, turn_routes
from alertlab.tuning.recommend import (
    Constraints,
    holds_constraints,
    pareto_front,
    pick,
    plateau,
    shortlist,
    unbeaten,
    well_within,
)
from alertlab.tuning.score import Score, score_setting
from alertlab.tuning.setting import Setting, Span
from alertlab.tuning.validation import Validation, split, validate
from alertlab.tuning.verdict import CANNOT_FIX, CHANGE, LEAVE, Evidence, coverage_of, decide
from alertlab.tuning.yardstick import Yardstick

_LONGEST_FRONT, _LONGEST_SHORTLIST = 6, 24


@dataclass(frozen=True)
class Tuning:
    """What a tuning session reads: the verdict, why, and the candidates behind it.

    evaluated : the rule as written; ``evaluations`` gives it with other windows, too
    compared : what its threshold is compared with
    candidates : one row per setting with the group's counts (``Candidates.table``)
    knobs : what each number alone would save (``KNOB_COLUMNS``)
    plateau : thresholds between which the recommended setting's counts stay, None without one
    cause : why no number helps, None where one does or data proves no cause
    comparison : which of the rule's thresholds was tuned
    """

    rule: AlertRule
    verdict: str
    reason: str
    current: Score
    recommended: Score | None
    front: tuple[Score, ...]
    candidates: pd.DataFrame
    knobs: pd.DataFrame
    plateau: tuple[float, float] | None
    cause: Cause | None
    evaluated: EvaluatedRule
    compared: EvaluatedRule
    evaluations: Evaluations
    validation: Validation | None
    span: Span
    yardstick: Yardstick
    constraints: Constraints
    coverage: dict[str, Any]
    comparison: int = 0

    @property
    def change(self) -> RuleChange | None:
        """The edit that the verdict asks for, None for every verdict but change."""
        if self.verdict != CHANGE:
            return None
        new = self.recommended.setting
        turned = {knob: getattr(new, knob) for knob in new.turned(self.current.setting)}
        return RuleChange(**turned, comparison=self.comparison)

    @property
    def scores(self) -> dict[str, Score]:
        """The scorecards: now and, where there is one, recommended."""
        recommended = {} if self.recommended is None else {"recommended": self.recommended}
        return {"now": self.current} | recommended

    def to_json(self) -> dict[str, Any]:
        """Return the document that ``alertlab tune --json`` prints."""
        return {
            "rule": self.rule.name,
            "verdict": self.verdict,
            "reason": self.reason,
            "explanation": list(explain(self)),
            "current": self.current.to_json(),
            "recommended": None if self.recommended is None else self.recommended.to_json(),
            "front": [score.to_json() for score in self.front],
            "candidates": len(self.candidates),
            "knobs": self.knobs.astype(object).where(self.knobs.notna(), None).to_dict("records"),
            "plateau": self.plateau,
            "cause": None if self.cause is None else self.cause.id,
            "validation": None if self.validation is None else self.validation.to_json(),
            "coverage": self.coverage,
        }


def tune_rule(
    rule: AlertRule,
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    yardstick: Yardstick | None = None,
    constraints: Constraints | None = None,
    windows_ms: Iterable[int] = WINDOWS_MS,
    slot_offset_ms: int = 0,
    comparison: int = 0,
    track: Callable[[list], Iterable] = iter,
) -> Tuning:
    """Sweep a rule's window, ``for``, ``keep_firing_for`` and threshold, and recommend one setting.

    yardstick : incidents, Alertmanager's configuration and what else settings are measured by;
        without incidents the verdict is "not enough data"
    comparison : which threshold of the rule is tuned, as ``find_threshold`` numbers them
    track : wraps the list of settings to show progress, for instance ``tqdm``

    One evaluation of a window tells of every threshold where the rule has a level (rules.level);
    else few thresholds are tried, each evaluated by itself, and the reason says so.

    Raises BadInput for a rule without a numeric threshold.
    """
    yardstick, constraints = yardstick or Yardstick(), constraints or Constraints()
    evaluations = Evaluations(
        rule, source, start_ms, end_ms, slot_offset_ms=slot_offset_ms, comparison=comparison
    )
    current = evaluations.current
    evaluated = evaluations(current)
    span = Span(evaluated.start_ms, int(evaluated.frame.times[-1]) + rule.interval_ms)
    candidates = _sweep(evaluations, span, windows_ms, yardstick, track)
    whole = candidates.table()
    short = shortlist(whole, constraints, current, _LONGEST_SHORTLIST)
    front = [
        well_within(whole, to_setting(row), current)
        for _, row in pareto_front(whole, constraints).tail(_LONGEST_FRONT).iterrows()
    ]
    holding = [one for one in front if holds_constraints(whole, constraints, one)]
    scores = _Scores(evaluations, yardstick, span)
    scores.add([current, *short, *front])
    possible = [scores(one) for one in dict.fromkeys([*short, *holding])]
    best = pick(possible, current) if possible else None
    evidence = Evidence(
        now=scores(current),
        best=best,
        holds=holds_constraints(whole, constraints, current),
        coverage=coverage_of(evaluated, evaluations.data_ratio(), span, yardstick),
        validation=validate(candidates, constraints, current),
    )
    verdict, reason = decide(evidence, constraints)
    cause = None
    if verdict == CANNOT_FIX:
        works = _Works(evaluations, span, yardstick, constraints)
        cause = find_cause(rule, works, source, start_ms, end_ms)
    return Tuning(
        rule=rule,
        verdict=verdict,
        reason=_told(reason, cause, evaluations),
        current=scores(current),
        recommended=best if verdict == CHANGE else None,
        front=tuple(unbeaten([*([best] if best else []), *map(scores, [*front, *short])])),
        candidates=whole,
        knobs=pd.concat(
            [
                turn_each(whole, constraints, scores(current), best, scores),
                turn_routes(evaluated, current, yardstick, span),
            ],
            ignore_index=True,
        ),
        plateau=plateau(whole, best.setting) if verdict == CHANGE else None,
        cause=cause,
        evaluated=evaluated,
        compared=evaluations.compared(),
        evaluations=evaluations,
        validation=evidence.validation,
        span=span,
        yardstick=yardstick,
        constraints=constraints,
        coverage=evidence.coverage,
        comparison=comparison,
    )


def best_reading(tunings: Sequence[Tuning]) -> Tuning | None:
    """Return the tuning to follow among readings of one rule, None if it should stay as it is.

    The first is the rule as written; another expression must be better, not as good.
    """
    usable = [one for one in tunings if one.verdict in (CHANGE, LEAVE)]
    if not usable:
        return None
    scores = [one.recommended or one.current for one in usable]
    best = usable[scores.index(pick(scores, tunings[0].current.setting))]
    return None if best is tunings[0] and best.verdict == LEAVE else best


def reading_change(written: AlertRule, best: Tuning) -> RuleChange:
    """Return the edit of the rule as written that leads to the chosen reading."""
    change = best.change or RuleChange()
    return change if best.rule.expr == written.expr else replace(change, expr=best.rule.expr)


class _Scores:
    """The scorecards of settings, each made once."""

    def __init__(self, evaluations: Evaluations, yardstick: Yardstick, span: Span) -> None:
        self._evaluations, self._yardstick, self._span = evaluations, yardstick, span
        self._known: dict[Setting, Score] = {}

    def __call__(self, setting: Setting) -> Score:
        if setting not in self._known:
            evaluated = self._evaluations(setting)
            self._known[setting] = score_setting(evaluated, setting, self._yardstick, self._span)
        return self._known[setting]

    def add(self, settings: Iterable[Setting]) -> None:
        """Score settings in an order in which each evaluation is made once and let go."""
        for setting in sorted(settings, key=lambda one: (one.window_ms or 0, one.threshold)):
            self(setting)


@dataclass(frozen=True)
class _Works:
    """Whether a rewritten expression could be tuned: any setting of it holds the constraints."""

    evaluations: Evaluations
    span: Span
    yardstick: Yardstick
    constraints: Constraints

    def __call__(self, expr: str) -> bool:
        rewritten = self.evaluations.of_expr(expr)
        windows = [rewritten.current.window_ms]
        found = sweep_settings(rewritten, windows, self.yardstick, [self.span]).table()
        enough = found["detected"] >= self.constraints.min_recall_ratio * found["owed"]
        return bool(shortlist(found[enough], self.constraints, rewritten.current, most=1))


def _sweep(
    evaluations: Evaluations,
    span: Span,
    windows_ms: Iterable[int],
    yardstick: Yardstick,
    track: Callable[[list], Iterable],
) -> Candidates:
    interval_ms = evaluations.rule.interval_ms
    windows = _windows_to_try(evaluations.current.window_ms, windows_ms, interval_ms)
    return sweep_settings(evaluations, windows, yardstick, split(span, interval_ms), track=track)


def _windows_to_try(
    current_ms: int | None, offered_ms: Iterable[int], interval_ms: int
) -> list[int | None]:
    """Return the windows to try; an expression without one window keeps what it has."""
    if current_ms is None:
        return [None]
    # A rate needs two samples, so a window below two evaluations would mostly be empty.
    return sorted({current_ms, *(one for one in offered_ms if one >= 2 * interval_ms)})


def _told(reason: str, cause: Cause | None, evaluations: Evaluations) -> str:
    """Return a verdict's reason with what else is to be known of it."""
    parts = [reason, *([cause.reason] if cause else [])]
    if evaluations.why:
        parts.append(
            "Only thresholds near the present one were tried, each evaluated by itself, because "
            f"{evaluations.why}."
        )
    return " ".join(parts)
