"""Tune one rule: sweep all settings, choose, validate on other weeks, and say it in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
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
    feasible,
    pareto_front,
    pick,
    shortlist,
    to_setting,
    unbeaten,
)
from alertlab.tuning.score import Score, Setting, score_setting
from alertlab.tuning.sweep import Span, Truth, group_level, sweep_thresholds

CHANGE, LEAVE = "change", "leave"
NOT_ENOUGH_DATA, CANNOT_FIX = "not enough data", "cannot be fixed by a threshold"

MIN_WEEKS, MIN_INCIDENTS, MIN_DATA_RATIO = 1.0, 3, 0.5
MIN_GAIN_PER_WEEK = 0.5  # fewer false pages saved than this are not worth a review
_KEPT_BYTES = 50_000_000  # of one window's values; several stay far below a gigabyte
_LONGEST_FRONT, _LONGEST_SHORTLIST = 6, 24


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

    ``evaluated`` is the rule as written; ``candidates`` has one row per setting with the group's
    counts (tuning.sweep).
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

    @property
    def change(self) -> RuleChange | None:
        """The edit that the verdict asks for, None for every verdict but change."""
        if self.verdict != CHANGE:
            return None
        new, old = self.recommended.setting, self.current.setting
        return RuleChange(
            **{knob: value for knob, value in vars(new).items() if value != getattr(old, knob)}
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
    slot_offset_ms: int = 0,
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
    threshold = find_threshold(rule.expr)
    current = Setting(
        threshold.value, rule.hold_duration_ms, rule.keep_firing_for_ms, window_ms_of(threshold.lhs)
    )

    evaluate = _Windows(rule, source, start_ms, end_ms, slot_offset_ms)
    evaluated = evaluate(current.window_ms)
    span = Span(evaluated.start_ms, int(evaluated.frame.times[-1]) + rule.interval_ms)
    middle = (span.start_ms + span.end_ms) // 2
    spans = [span, Span(span.start_ms, middle), Span(middle, span.end_ms)]
    windows = _windows(current.window_ms, windows_ms, rule.interval_ms)
    whole, seen, unseen = _sweep(evaluate, windows, current, incidents, margins, spans, track)
    short = _settings(shortlist(whole, constraints, current, _LONGEST_SHORTLIST))
    front = _settings(pareto_front(whole, constraints).tail(_LONGEST_FRONT))
    holding = [one for one in front if _holds(whole, constraints, one)]
    scores: dict[Setting, Score] = {}
    wanted = {current, *short, *front}
    # By window, so that only one evaluated window is held at a time.
    for window in sorted({one.window_ms for one in wanted}, key=lambda w: w or 0):
        at_window = evaluated if window == current.window_ms else evaluate(window)
        for setting in wanted:
            if setting.window_ms == window:
                scores[setting] = score_setting(
                    at_window, setting, config, incidents, margins, span, time_zone=time_zone
                )
    possible = [scores[one] for one in dict.fromkeys([*short, *holding])]
    best = pick(possible, current) if possible else None
    coverage = _coverage(evaluated, span, incidents)
    holds = _holds(whole, constraints, current)
    verdict, reason = _decide(scores[current], best, holds, constraints, coverage)
    return Tuning(
        rule=rule,
        verdict=verdict,
        reason=reason,
        current=scores[current],
        recommended=best if verdict == CHANGE else None,
        front=tuple(unbeaten([scores[one] for one in dict.fromkeys([*front, *short])])),
        candidates=whole,
        evaluated=evaluated,
        validation=_validate(seen, unseen, constraints, current, spans[1], spans[2]),
        span=span,
        coverage=coverage,
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


@dataclass(frozen=True)
class _Windows:
    """Evaluates a rule with another window; small results are kept, as each is asked for twice."""

    rule: AlertRule
    source: Source
    start_ms: int
    end_ms: int
    slot_offset_ms: int
    kept: dict[int | None, EvaluatedRule] = field(default_factory=dict)

    def __call__(self, window_ms: int | None) -> EvaluatedRule:
        """Return the rule evaluated with a window; None: with the windows as written."""
        if window_ms in self.kept:
            return self.kept[window_ms]
        expr = self.rule.expr if window_ms is None else with_window(self.rule.expr, window_ms)
        evaluated = evaluate_rule(
            replace(self.rule, expr=expr), self.source, self.start_ms, self.end_ms,
            slot_offset_ms=self.slot_offset_ms,
        )  # fmt: skip
        if evaluated.frame.values.nbytes <= _KEPT_BYTES:
            self.kept[window_ms] = evaluated
        return evaluated


def _windows(
    current_ms: int | None, offered_ms: Iterable[int], interval_ms: int
) -> list[int | None]:
    """Return the windows to try; an expression without one window keeps what it has."""
    if current_ms is None:
        return [None]
    # A rate needs two samples, so a window below two evaluations would mostly be empty.
    return sorted({current_ms, *(one for one in offered_ms if one >= 2 * interval_ms)})


def _settings(candidates: pd.DataFrame) -> list[Setting]:
    return [to_setting(row) for _, row in candidates.iterrows()]


def _sweep(
    evaluate: _Windows,
    windows: list[int | None],
    current: Setting,
    incidents: pd.DataFrame,
    margins: Margins,
    spans: list[Span],
    track: Callable[[list], Iterable],
) -> list[pd.DataFrame]:
    """Return the candidates' counts on each span; one pass per window and duration."""
    holds = sorted({current.hold_duration_ms, *HOLD_DURATIONS_MS})
    keeps = sorted({current.keep_firing_for_ms, *KEEP_FIRING_FOR_MS})
    parts: list[list[pd.DataFrame]] = [[] for _ in spans]
    for window in track(windows):
        evaluated = evaluate(window)
        truth = Truth.lay(evaluated, incidents, margins)
        direction = 1 if evaluated.threshold.rising else -1
        for hold, keep in product(holds, keeps):
            level = group_level(evaluated, hold, keep)
            thresholds = human_thresholds(direction * level, current.threshold)
            for part, span in zip(parts, spans, strict=True):
                table = sweep_thresholds(evaluated, level, thresholds, truth, span)
                part.append(
                    table.assign(window_ms=window, hold_duration_ms=hold, keep_firing_for_ms=keep)
                )
    owes = owed(incidents, evaluated.rule.name)
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


def _holds(candidates: pd.DataFrame, constraints: Constraints, setting: Setting) -> bool:
    """Tell whether a setting that was swept holds the constraints."""
    return bool(feasible(candidates, constraints)[_rows_of(candidates, setting)].any())


def _rows_of(candidates: pd.DataFrame, setting: Setting) -> np.ndarray:
    same = np.ones(len(candidates), bool)
    for name, value in vars(setting).items():
        column = candidates[name]
        same &= (column.isna() if value is None else column == value).to_numpy()
    return same


def _decide(
    now: Score,
    best: Score | None,
    holds: bool,
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
    owes = coverage["owed_incidents"]
    needed = math.ceil(constraints.min_recall_ratio * owes)
    if len(best.caught) < min(needed, len(now.caught)):
        return CANNOT_FIX, (
            f"Settings that are quiet and quick enough catch at most {len(best.caught)} of {owes} "
            f"incidents, fewer than the {len(now.caught)} of today; the expression does not tell "
            "incidents from ordinary days."
        )
    saved = now.false_pages_per_week.mid - best.false_pages_per_week.mid
    if holds and saved < MIN_GAIN_PER_WEEK:
        return LEAVE, (
            f"It catches {len(now.caught)} of {owes} incidents with "
            f"{now.false_pages_per_week.mid:.1f} false pages a week; no other setting saves more "
            f"than {max(0.0, saved):.1f} of them."
        )
    return CHANGE, (
        f"False pages go from {now.false_pages_per_week.mid:.1f} to "
        f"{best.false_pages_per_week.mid:.1f} a week, incidents caught from {len(now.caught)} to "
        f"{len(best.caught)} of {owes}; "
        f"median delay {_minutes(now.delay_p50_seconds)} to {_minutes(best.delay_p50_seconds)}."
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
    best = shortlist(seen, constraints, current, most=1)
    if best.empty or not seen["owed"].iloc[0]:
        return None
    chosen = best.iloc[0]
    setting = to_setting(chosen)
    there = unseen[_rows_of(unseen, setting)].iloc[0]
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
