"""Tune one rule: sweep all settings, choose, validate on other weeks, and say it in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from alertlab.incidents import Margins, no_incidents, owed, starting_within
from alertlab.notify import AlertmanagerConfig, single_receiver
from alertlab.replay import EvaluatedRule
from alertlab.rules import AlertRule, RuleChange
from alertlab.sources import Source
from alertlab.tuning.evaluations import Evaluations
from alertlab.tuning.grid import (
    HOLD_DURATIONS_MS,
    KEEP_FIRING_FOR_MS,
    WINDOWS_MS,
    human_thresholds,
)
from alertlab.tuning.recommend import (
    Constraints,
    holds_constraints,
    pareto_front,
    pick,
    shortlist,
    to_setting,
    unbeaten,
)
from alertlab.tuning.score import Score, Setting, score_setting
from alertlab.tuning.sweep import Span, Truth, group_level, sweep_thresholds
from alertlab.tuning.verdict import CHANGE, LEAVE, Validation, coverage_of, decide, validate

_LONGEST_FRONT, _LONGEST_SHORTLIST = 6, 24


@dataclass(frozen=True)
class Tuning:
    """What a tuning session reads: the verdict, why, and the candidates behind it.

    ``evaluated`` is the rule as written; ``candidates`` has one row per setting with the group's
    counts (tuning.sweep); ``comparison`` says which of the rule's thresholds was tuned.
    """

    rule: AlertRule
    verdict: str
    reason: str
    current: Score
    recommended: Score | None
    front: tuple[Score, ...]
    candidates: pd.DataFrame
    evaluated: EvaluatedRule
    validation: Validation | None
    span: Span
    coverage: dict[str, Any]
    comparison: int = 0

    @property
    def change(self) -> RuleChange | None:
        """The edit that the verdict asks for, None for every verdict but change."""
        if self.verdict != CHANGE:
            return None
        new, old = self.recommended.setting, self.current.setting
        turned = {knob: value for knob, value in vars(new).items() if value != getattr(old, knob)}
        return RuleChange(**turned, comparison=self.comparison)

    def to_json(self) -> dict[str, Any]:
        """Return the document that ``alertlab tune --json`` prints."""
        return {
            "rule": self.rule.name,
            "verdict": self.verdict,
            "reason": self.reason,
            "current": self.current.to_json(),
            "recommended": None if self.recommended is None else self.recommended.to_json(),
            "front": [score.to_json() for score in self.front],
            "candidates": len(self.candidates),
            "coverage": self.coverage,
        }


def tune_rule(
    rule: AlertRule,
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    incidents: pd.DataFrame | None = None,
    config: AlertmanagerConfig | None = None,
    margins: Margins | None = None,
    constraints: Constraints | None = None,
    windows_ms: Iterable[int] = WINDOWS_MS,
    time_zone: str = "UTC",
    slot_offset_ms: int = 0,
    comparison: int = 0,
    track: Callable[[list], Iterable] = iter,
) -> Tuning:
    """Sweep a rule's window, ``for``, ``keep_firing_for`` and threshold, and recommend one setting.

    incidents : as ``load_incidents``; without any the verdict is "not enough data"
    config : Alertmanager's; without one every group goes to one receiver
    comparison : which threshold of the rule is tuned, as ``find_threshold`` numbers them
    track : wraps the list of settings to show progress, for instance ``tqdm``

    One evaluation of a window tells of every threshold where the rule has a level (rules.level);
    else few thresholds are tried, each evaluated by itself, and the reason says so.

    Raises BadInput for a rule without a numeric threshold.
    """
    incidents = no_incidents() if incidents is None else incidents
    config = single_receiver() if config is None else config
    margins, constraints = margins or Margins(), constraints or Constraints()
    evaluations = Evaluations(
        rule, source, start_ms, end_ms, slot_offset_ms=slot_offset_ms, comparison=comparison
    )
    current = evaluations.current
    evaluated = evaluations(current)
    span = Span(evaluated.start_ms, int(evaluated.frame.times[-1]) + rule.interval_ms)
    middle = (span.start_ms + span.end_ms) // 2
    spans = [span, Span(span.start_ms, middle), Span(middle, span.end_ms)]
    windows = _windows_to_try(current.window_ms, windows_ms, rule.interval_ms)
    whole, seen, unseen = _sweep(evaluations, windows, current, incidents, margins, spans, track)
    short = _settings(shortlist(whole, constraints, current, _LONGEST_SHORTLIST))
    front = _settings(pareto_front(whole, constraints).tail(_LONGEST_FRONT))
    holding = [one for one in front if holds_constraints(whole, constraints, one)]
    score = partial(
        score_setting, config=config, incidents=incidents, margins=margins, span=span,
        time_zone=time_zone,
    )  # fmt: skip
    scores = _score_each([current, *short, *front], evaluations, score)
    possible = [scores[one] for one in dict.fromkeys([*short, *holding])]
    best = pick(possible, current) if possible else None
    coverage = coverage_of(evaluated, evaluations.data_ratio(), span, incidents)
    holds = holds_constraints(whole, constraints, current)
    verdict, reason = decide(scores[current], best, holds, constraints, coverage)
    return Tuning(
        rule=rule,
        verdict=verdict,
        reason=f"{reason}{_each_by_itself(evaluations)}",
        current=scores[current],
        recommended=best if verdict == CHANGE else None,
        front=tuple(unbeaten([*([best] if best else []), *map(scores.get, [*front, *short])])),
        candidates=whole,
        evaluated=evaluated,
        validation=validate(seen, unseen, constraints, current, spans[1], spans[2]),
        span=span,
        coverage=coverage,
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


def _each_by_itself(evaluations: Evaluations) -> str:
    if not evaluations.why:
        return ""
    return (
        " Only thresholds near the present one were tried, each evaluated by itself, because "
        f"{evaluations.why}."
    )


def _windows_to_try(
    current_ms: int | None, offered_ms: Iterable[int], interval_ms: int
) -> list[int | None]:
    """Return the windows to try; an expression without one window keeps what it has."""
    if current_ms is None:
        return [None]
    # A rate needs two samples, so a window below two evaluations would mostly be empty.
    return sorted({current_ms, *(one for one in offered_ms if one >= 2 * interval_ms)})


def _settings(candidates: pd.DataFrame) -> list[Setting]:
    return [to_setting(row) for _, row in candidates.iterrows()]


def _score_each(
    settings: Iterable[Setting],
    evaluations: Evaluations,
    score: Callable[[EvaluatedRule, Setting], Score],
) -> dict[Setting, Score]:
    """Score settings in an order in which each evaluation is made once and let go."""
    ordered = sorted(dict.fromkeys(settings), key=lambda one: (one.window_ms or 0, one.threshold))
    return {setting: score(evaluations(setting), setting) for setting in ordered}


def _sweep(
    evaluations: Evaluations,
    windows: list[int | None],
    current: Setting,
    incidents: pd.DataFrame,
    margins: Margins,
    spans: list[Span],
    track: Callable[[list], Iterable],
) -> list[pd.DataFrame]:
    """Return the candidates' counts on each span; one pass per evaluation and duration."""
    holds = sorted({current.hold_duration_ms, *HOLD_DURATIONS_MS})
    keeps = sorted({current.keep_firing_for_ms, *KEEP_FIRING_FOR_MS})
    parts: list[list[pd.DataFrame]] = [[] for _ in spans]
    for window in track(windows):
        for evaluated, tried in evaluations.of_window(window):
            truth = Truth.lay(evaluated, incidents, margins)
            for hold, keep in product(holds, keeps):
                level = group_level(evaluated, hold, keep)
                thresholds = _thresholds(evaluated, level, tried, current.threshold)
                for part, span in zip(parts, spans, strict=True):
                    table = sweep_thresholds(evaluated, level, thresholds, truth, span)
                    part.append(
                        table.assign(
                            window_ms=window, hold_duration_ms=hold, keep_firing_for_ms=keep
                        )
                    )
    owes = owed(incidents, evaluations.rule.name)
    return [
        pd.concat(part, ignore_index=True).assign(
            owed=len(starting_within(owes, span.start_ms, span.end_ms))
        )
        for part, span in zip(parts, spans, strict=True)
    ]


def _thresholds(
    evaluated: EvaluatedRule, level: np.ndarray, tried: float | None, current: float
) -> np.ndarray:
    """Return the thresholds that an evaluation tells of."""
    if tried is not None:
        return np.array([tried])
    return human_thresholds(level if evaluated.threshold.rising else -level, current)
