"""A rule evaluated with other windows and, where one pass does not tell of all, thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from alertlab.replay import EvaluatedRule, evaluate_rule
from alertlab.rules import (
    AlertRule,
    RuleChange,
    changed_expr,
    find_threshold,
    window_ms_of,
    with_window,
)
from alertlab.sources import Source
from alertlab.tuning.grid import few_thresholds
from alertlab.tuning.setting import Setting

_KEPT_BYTES = 50_000_000  # of one window's values; several stay far below a gigabyte
_Key = tuple[int | None, float | None]  # window [ms] and threshold; None: as written, any


class Evaluations:
    """The evaluations of one rule that settings are applied to.

    current : the rule's own setting
    threshold : the number that is tuned, of the comparison that ``find_threshold`` numbers so
    why : empty where one evaluation tells of every threshold; else why each needs its own

    Small results are kept, as each is asked for twice; of the others the last one.
    """

    def __init__(
        self,
        rule: AlertRule,
        source: Source,
        start_ms: int,
        end_ms: int,
        *,
        slot_offset_ms: int,
        comparison: int,
    ) -> None:
        self.rule, self._source, self._comparison = rule, source, comparison
        self._start_ms, self._end_ms, self._slot_offset_ms = start_ms, end_ms, slot_offset_ms
        self._kept: dict[_Key, EvaluatedRule] = {}
        self._last: tuple[_Key, EvaluatedRule] | None = None
        self.threshold = find_threshold(rule.expr, comparison)
        self.current = Setting(
            self.threshold.value,
            rule.hold_duration_ms,
            rule.keep_firing_for_ms,
            window_ms_of(rule.expr),
        )
        self.why = self.threshold.why
        self.why = self.why or self._why_not_one_pass(self(self.current))

    def __call__(self, setting: Setting) -> EvaluatedRule:
        """Return the evaluation to apply a setting to: of its window and, if need be, threshold."""
        key = (setting.window_ms, setting.threshold if self.why else None)
        if key in self._kept:
            return self._kept[key]
        if self._last is None or self._last[0] != key:
            self._last = None  # before there is another one
            self._last = (key, self._evaluated(*key))
        evaluated = self._last[1]
        is_asked_again = key[1] in (None, self.current.threshold)
        if is_asked_again and evaluated.frame.values.nbytes <= _KEPT_BYTES:
            self._kept[key] = evaluated
        return evaluated

    def of_expr(self, expr: str) -> Evaluations:
        """Return the evaluations of the same rule with another expression and its threshold."""
        return Evaluations(
            replace(self.rule, expr=expr), self._source, self._start_ms, self._end_ms,
            slot_offset_ms=self._slot_offset_ms, comparison=0,
        )  # fmt: skip

    def of_window(self, window_ms: int | None) -> Iterator[tuple[EvaluatedRule, float | None]]:
        """Give the evaluations that a window needs, each with its threshold; None: any."""
        setting = replace(self.current, window_ms=window_ms)
        if not self.why:
            yield self(setting), None
            return
        for threshold in self._nearest(window_ms):
            yield self(replace(setting, threshold=threshold)), threshold

    def compared(self) -> EvaluatedRule:
        """Return what the threshold is compared with, told apart by all its labels."""
        known = self(self.current)
        if known.threshold is not None and self.threshold.is_plain:
            return known
        threshold = replace(self.threshold, lhs=self.threshold.scale)
        return replace(self._scale(self.current.window_ms), threshold=threshold)

    def data_ratio(self) -> float:
        """Return the share of the rule's evaluations at which anything was there to compare."""
        found = self.compared()
        return float(np.any(found.frame.present, axis=0)[found.reported].mean())

    @staticmethod
    def _why_not_one_pass(evaluated: EvaluatedRule) -> str:
        """Return why a level does not tell what all thresholds do, empty where it does."""
        if evaluated.threshold is None:
            return "a template makes the labels of its alerts depend on their values"
        if evaluated.rule.limit > 0:
            return "its group limits how many alerts it may have"
        if evaluated.rival is not None and (evaluated.rival > -np.inf).any():
            return "two of its results may become one alert, and then its evaluation fails"
        return ""

    def _evaluated(self, window_ms: int | None, threshold: float | None) -> EvaluatedRule:
        expr = self.rule.expr
        if threshold not in (None, self.current.threshold):
            expr = changed_expr(expr, RuleChange(threshold=threshold, comparison=self._comparison))
        rule = replace(self.rule, expr=_with_window(expr, window_ms))
        if threshold is not None:
            return self._replayed(rule, whole=True)
        if not self._comparison:
            return self._replayed(rule, whole=False)
        found = find_threshold(rule.expr, self._comparison)
        compared = replace(rule, expr=f"({found.lhs}) {found.op} {found.value!r}")
        return replace(self._replayed(compared, whole=False), rule=rule)

    def _nearest(self, window_ms: int | None) -> list[float]:
        found = self._scale(window_ms).frame
        return few_thresholds(found.values[found.present], self.threshold).tolist()

    def _scale(self, window_ms: int | None) -> EvaluatedRule:
        expr = f"max without () ({_with_window(self.threshold.scale, window_ms)})"
        return self._replayed(replace(self.rule, expr=expr, labels=()), whole=True)

    def _replayed(self, rule: AlertRule, *, whole: bool) -> EvaluatedRule:
        return evaluate_rule(
            rule, self._source, self._start_ms, self._end_ms,
            slot_offset_ms=self._slot_offset_ms, whole=whole,
        )  # fmt: skip


def _with_window(expr: str, window_ms: int | None) -> str:
    return expr if window_ms is None else with_window(expr, window_ms)
