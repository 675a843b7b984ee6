"""Tune one rule: sweep all settings, choose, validate on other weeks, and say it in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from alertlab.incidents import Margins, no_incidents, owed, starting_within
from alertlab.notify import AlertmanagerConfig, single_receiver
from alertlab.replay import EvaluatedRule, evaluate_rule
from alertlab.rules import AlertRule, RuleChange, find_threshold, window_ms_of, with_window
from alertlab.sources import Source
from alertlab.tuning.grid import (
    HOLD_DURATIONS_MS,
    KEEP_FIRING_FOR_MS,
    WINDOWS_MS,
    human_thresholds,
)
from alertlab.tuning.recommend import (
    Constraints,
    choose,
    feasible,
    pareto_front,
    to_setting,
)
from alertlab.tuning.score import Score, Setting, score_setting
from alertlab.tuning.sweep import Span, group_level, sweep_thresholds

CHANGE, LEAVE = "change", "leave"
NOT_ENOUGH_DATA, CANNOT_FIX = "not enough data", "cannot be fixed by a threshold"

MIN_WEEKS, MIN_INCIDENTS, MIN_DATA_RATIO = 1.0, 3, 0.5
MIN_GAIN_PER_WEEK = 0.5  # fewer false pages saved than this are not worth a review
_LONGEST_FRONT = 6


@dataclass(frozen=True)
class Validation:
    """The choice made on the first half of the span, scored on both halves (rates per week)."""

    setting: Setting
    chosen_on: Span
    scored_on: Span
    false_rises_seen: float
    false_rises_unseen: float
    detected_unseen: int
    owed_unseen: int

    @property
    def optimism(self) -> float:
        """False rises a week that the unseen half had more than the half chosen on."""
        return self.false_rises_unseen - self.false_rises_seen


@dataclass(frozen=True)
class Tuning:
    """What a tuning session reads: the verdict, why, and the candidates behind it.

    ``evaluations`` holds the evaluated rule per window [ms] (None: as written);
    ``candidates`` has one row per setting with the group's counts (tuning.sweep).
    """

    rule: AlertRule
    verdict: str
    reason: str
    current: Score
    recommended: Score | None
    front: tuple[Score, ...]
    candidates: pd.DataFrame
    evaluations: dict[int | None, EvaluatedRule]
    validation: Validation | None
    span: Span
    coverage: dict[str, Any]

    @property
    def change(self) -> RuleChange | None:
        """The edit that the verdict asks for, None for every verdict but change."""
        if self.verdict != CHANGE:
            return None
        new, old = self.recommended.setting, self.current.setting
        return RuleChange(
            *(
                getattr(new, knob) if getattr(new, knob) != getattr(old, knob) else None
                for knob in ("threshold", "window_ms", "hold_duration_ms", "keep_firing_for_ms")
            )
        )

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
    track: Callable[[list], Iterable] = iter,
) -> Tuning:
    """Sweep a rule's window, ``for``, ``keep_firing_for`` and threshold, and recommend one setting.

    incidents : as ``load_incidents``; without any the verdict is "not enough data"
    config : Alertmanager's; without one every group goes to one receiver
    track : wraps the list of settings to show progress, for instance ``tqdm``

    Raises BadInput for a rule without a numeric threshold.
    """
    incidents = no_incidents() if incidents is None else incidents
    config = single_receiver() if config is None else config
    margins, constraints = margins or Margins(), constraints or Constraints()
    evaluations = _evaluate_windows(rule, source, start_ms, end_ms, windows_ms)
    window_now = window_ms_of(find_threshold(rule.expr).lhs)
    current = Setting(
        find_threshold(rule.expr).value, rule.hold_duration_ms, rule.keep_firing_for_ms, window_now
    )
    evaluated = evaluations[window_now]
    span = Span(evaluated.start_ms, int(evaluated.frame.times[-1]) + rule.interval_ms)
    middle = (span.start_ms + span.end_ms) // 2
    spans = [span, Span(span.start_ms, middle), Span(middle, span.end_ms)]
    whole, seen, unseen = _sweep(evaluations, current, incidents, margins, spans, track)

    def score(setting: Setting) -> Score:
        return score_setting(
            evaluations[setting.window_ms], setting, config, incidents, margins, span,
            time_zone=time_zone,
        )  # fmt: skip

    chosen = choose(whole, constraints, current)
    now = score(current)
    best = None if chosen is None else score(to_setting(chosen))
    coverage = _coverage(evaluated, span, incidents)
    verdict, reason = _decide(now, best, whole, current, constraints, coverage)
    front = pareto_front(whole, constraints).tail(_LONGEST_FRONT)
    return Tuning(
        rule=rule,
        verdict=verdict,
        reason=reason,
        current=now,
        recommended=best if verdict == CHANGE else None,
        front=tuple(score(to_setting(row)) for _, row in front.iterrows()),
        candidates=whole,
        evaluations=evaluations,
        validation=_validate(seen, unseen, constraints, current, spans[1], spans[2]),
        span=span,
        coverage=coverage,
    )


def _evaluate_windows(
    rule: AlertRule, source: Source, start_ms: int, end_ms: int, windows_ms: Iterable[int]
) -> dict[int | None, EvaluatedRule]:
    """Evaluate the rule once per window; an expression of several windows keeps its own."""
    now = window_ms_of(find_threshold(rule.expr).lhs)
    if now is None:
        return {None: evaluate_rule(rule, source, start_ms, end_ms)}
    # A rate needs two samples, so a window below two evaluations would mostly be empty.
    wanted = sorted({now, *(one for one in windows_ms if one >= 2 * rule.interval_ms)})
    return {
        window: evaluate_rule(
            replace(rule, expr=with_window(rule.expr, window)), source, start_ms, end_ms
        )
        for window in wanted
    }


def _sweep(
    evaluations: dict[int | None, EvaluatedRule],
    current: Setting,
    incidents: pd.DataFrame,
    margins: Margins,
    spans: list[Span],
    track: Callable[[list], Iterable],
) -> list[pd.DataFrame]:
    """Return the candidates' counts on each span; one pass per window and duration."""
    holds = sorted({current.hold_duration_ms, *HOLD_DURATIONS_MS})
    keeps = sorted({current.keep_firing_for_ms, *KEEP_FIRING_FOR_MS})
    settings = [(w, hold, keep) for w in evaluations for hold in holds for keep in keeps]
    parts: list[list[pd.DataFrame]] = [[] for _ in spans]
    for window, hold, keep in track(settings):
        evaluated = evaluations[window]
        level = group_level(evaluated, hold, keep)
        direction = 1 if evaluated.threshold.rising else -1
        thresholds = human_thresholds(direction * level, current.threshold)
        for part, span in zip(parts, spans, strict=True):
            table = sweep_thresholds(evaluated, level, thresholds, incidents, margins, span)
            part.append(
                table.assign(window_ms=window, hold_duration_ms=hold, keep_firing_for_ms=keep)
            )
    owes = owed(incidents, next(iter(evaluations.values())).rule.name)
    return [
        pd.concat(part, ignore_index=True).assign(
            owed=len(starting_within(owes, span.start_ms, span.end_ms))
        )
        for part, span in zip(parts, spans, strict=True)
    ]


def _coverage(evaluated: EvaluatedRule, span: Span, incidents: pd.DataFrame) -> dict[str, Any]:
    owes = starting_within(owed(incidents, evaluated.rule.name), span.start_ms, span.end_ms)
    return {
        "weeks": round(span.weeks, 3),
        "evaluations": int(evaluated.reported.sum()),
        "data_ratio": evaluated.data_ratio,
        "warm_up_seconds": (evaluated.start_ms - int(evaluated.frame.times[0])) / 1000,
        "owed_incidents": len(owes),
    }


def _decide(
    now: Score,
    best: Score | None,
    candidates: pd.DataFrame,
    current: Setting,
    constraints: Constraints,
    coverage: dict[str, Any],
) -> tuple[str, str]:
    """Return the verdict and its reason in words."""
    for have, need, what in (
        (coverage["weeks"], MIN_WEEKS, "weeks of history"),
        (coverage["data_ratio"], MIN_DATA_RATIO, "of the evaluations with data"),
        (coverage["owed_incidents"], MIN_INCIDENTS, "incidents that this rule owes an alert"),
    ):
        if have < need:
            return NOT_ENOUGH_DATA, f"There are {have:.3g} {what}; at least {need:g} are needed."
    if best is None:
        return CANNOT_FIX, (
            f"No threshold, for or window catches {constraints.min_recall_ratio:.0%} of the "
            f"incidents within {constraints.max_delay_seconds / 60:.0f} minutes while staying "
            f"silent {1 - constraints.max_false_firing_ratio:.0%} of the rest of the time; "
            "the expression does not tell incidents from ordinary days."
        )
    row = candidates[
        (candidates["threshold"] == current.threshold)
        & (candidates["hold_duration_ms"] == current.hold_duration_ms)
        & (candidates["keep_firing_for_ms"] == current.keep_firing_for_ms)
        & (candidates["window_ms"].isna() | (candidates["window_ms"] == current.window_ms))
    ]
    holds = bool(feasible(candidates, constraints)[row.index[0]])
    saved = now.false_pages_per_week.mid - best.false_pages_per_week.mid
    if holds and saved < MIN_GAIN_PER_WEEK:
        return LEAVE, (
            f"It catches {len(now.caught)} of {len(now.caught) + len(now.missed)} incidents with "
            f"{now.false_pages_per_week.mid:.1f} false pages a week; no other setting saves more "
            f"than {max(0.0, saved):.1f} of them."
        )
    return CHANGE, (
        f"False pages go from {now.false_pages_per_week.mid:.1f} to "
        f"{best.false_pages_per_week.mid:.1f} a week, incidents caught from {len(now.caught)} to "
        f"{len(best.caught)} of {len(now.caught) + len(now.missed)}; "
        f"median delay {_minutes(now.delay_p50_seconds)} -> {_minutes(best.delay_p50_seconds)}."
    )


def _validate(
    seen: pd.DataFrame,
    unseen: pd.DataFrame,
    constraints: Constraints,
    current: Setting,
    chosen_on: Span,
    scored_on: Span,
) -> Validation | None:
    """Choose on one half, look at the other; both tables list the same settings in one order."""
    chosen = choose(seen, constraints, current)
    if chosen is None or not seen["owed"].iloc[0]:
        return None
    setting = to_setting(chosen)
    same = np.ones(len(unseen), bool)
    for name, value in vars(setting).items():
        same &= (unseen[name].isna() if value is None else unseen[name] == value).to_numpy()
    there = unseen[same].iloc[0]
    return Validation(
        setting=setting,
        chosen_on=chosen_on,
        scored_on=scored_on,
        false_rises_seen=float(chosen["false_rises"]) / chosen_on.weeks,
        false_rises_unseen=float(there["false_rises"]) / scored_on.weeks,
        detected_unseen=int(there["detected"]),
        owed_unseen=int(there["owed"]),
    )


def _minutes(seconds: float | None) -> str:
    return "unknown" if seconds is None or math.isnan(seconds) else f"{seconds / 60:.0f} min"
