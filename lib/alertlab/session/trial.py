"""What follows from a setting: its firing, its pages, its scorecard, and what else could be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from alertlab.incidents import epoch_ms
from alertlab.session.replays import Replay, Replays
from alertlab.tuning.score import Score, replay_setting, score_replayed
from alertlab.tuning.setting import Setting, Span
from alertlab.tuning.sweep import Truth, count_thresholds, group_levels
from alertlab.tuning.yardstick import Yardstick

_KEPT_LEVELS = 8  # of a month 1.3 MB each


@dataclass(frozen=True)
class Effect:
    """What one setting would have meant.

    firing_ms : from when until when any alert fired, int64, shape (n_stretches, 2)
    pages_ms : when people were paged, int64, shape (n_pages,)
    incident : which incident each page belongs to: its row, -1 for none, shape (n_pages,)
    """

    setting: Setting
    score: Score
    firing_ms: np.ndarray
    pages_ms: np.ndarray
    incident: np.ndarray


class Trial:
    """One rule under a yardstick: every setting's effect, remembered once it is known."""

    def __init__(self, replays: Replays, yardstick: Yardstick) -> None:
        self.replays, self.yardstick = replays, yardstick
        self.current = replays.current
        self._effects: dict[Setting, Effect] = {}
        self._curves: dict[tuple, pd.DataFrame] = {}
        self._group_level = lru_cache(_KEPT_LEVELS)(_group_level)

    def effect(self, setting: Setting) -> Effect:
        """Replay a setting through Alertmanager."""
        return _remembered(self._effects, setting, lambda: self._effect(setting))

    def is_known(self, setting: Setting) -> bool:
        """Tell whether all that follows from a setting is at hand."""
        return setting in self._effects and self._curve_key(setting) in self._curves

    def curve(self, setting: Setting) -> pd.DataFrame:
        """Count what each threshold that is offered would have done with a setting's durations.

        Columns: ``threshold``; those of ``Counts.table``; ``false_rises_per_week``.  Counted by the
        alert group, without Alertmanager: all thresholds take no longer than one.
        """
        key = self._curve_key(setting)
        return _remembered(self._curves, key, lambda: self._curve(setting))

    def point(self, setting: Setting) -> tuple[float, int]:
        """Return false rises a week and incidents detected of one setting, as in its curve."""
        counts = self.curve(setting)
        if setting.threshold not in counts["threshold"].array:  # offered with another window
            counts = self._counts(setting, [setting.threshold])
        row = counts[counts["threshold"] == setting.threshold].iloc[0]
        return float(row["false_rises_per_week"]), int(row["detected"])

    def _effect(self, setting: Setting) -> Effect:
        replay = self.replays(setting)
        told = replay_setting(replay.evaluated, setting, self.yardstick, replay.span)
        at = epoch_ms(told.pages["at"])
        firing = setting.apply(replay.evaluated).above(self._level(replay, setting))
        return Effect(
            setting=setting,
            score=score_replayed(told, self.yardstick, replay.span),
            firing_ms=_stretches(replay.times, firing & replay.evaluated.reported, replay.span),
            pages_ms=at,
            incident=self.yardstick.incident_of(at),
        )

    def _curve(self, setting: Setting) -> pd.DataFrame:
        replay = self.replays(setting)
        if self.replays.why:  # it tells of this one only
            return self._counts(setting, [setting.threshold])
        return self._counts(setting, np.union1d(replay.thresholds, self.current.threshold))

    def _counts(self, setting: Setting, thresholds: Sequence[float]) -> pd.DataFrame:
        replay = self.replays(setting)
        truth = Truth.lay(replay.evaluated, self.yardstick)
        level = self._level(replay, setting)
        counts = count_thresholds(
            replay.evaluated, level, np.asarray(thresholds), truth, [replay.span]
        )
        table = counts.table([replay.span])
        per_week = table["false_rises"] / replay.span.weeks
        return table.assign(threshold=thresholds, false_rises_per_week=per_week)

    def _level(self, replay: Replay, setting: Setting) -> np.ndarray:
        return self._group_level(replay, setting.hold_duration_ms, setting.keep_firing_for_ms)

    def _curve_key(self, setting: Setting) -> tuple:
        durations = setting.window_ms, setting.hold_duration_ms, setting.keep_firing_for_ms
        return (*durations, setting.threshold) if self.replays.why else durations


def _group_level(replay: Replay, hold_duration_ms: int, keep_firing_for_ms: int) -> np.ndarray:
    return group_levels(replay.evaluated, [(hold_duration_ms, keep_firing_for_ms)])[0]


def _remembered(known: dict, key: object, find: Callable[[], object]) -> object:
    if key not in known:
        known[key] = find()
    return known[key]


def _stretches(times: np.ndarray, firing: np.ndarray, span: Span) -> np.ndarray:
    """Return the [first, until) times of each run of True, shape (n, 2)."""
    edges = np.diff(np.concatenate([[0], firing.view(np.int8), [0]]))
    until = np.append(times, span.end_ms)
    return np.stack([times[edges[:-1] == 1], until[np.flatnonzero(edges == -1)]], axis=1)
