"""One rule's history under every window: what the sliders move over."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np

from alertlab.errors import AlertlabError
from alertlab.replay import EvaluatedRule, signed_threshold
from alertlab.rules import AlertRule
from alertlab.session.compact import compact
from alertlab.sources import Source
from alertlab.tuning.evaluations import Evaluations
from alertlab.tuning.grid import few_thresholds, human_thresholds
from alertlab.tuning.setting import Setting, Span
from alertlab.tuning.sweep import group_levels
from alertlab.units import DAY_MS

MOST_ALERTS_A_DAY = 50
"""Thresholds below which more alerts than this start are not offered: nobody would keep them."""
MOST_FIRING_RATIO = 0.5
"""Nor are those at which the rule fires for most of the time."""
_FEW_DIGITS, _FEWEST, _MOST = 2, 12, 200  # of the stops of a slider


@dataclass(frozen=True, eq=False)
class Replay:
    """A rule's history under one window.

    evaluated : the rule, to be applied settings to
    times, line : evaluations [ms] and what is compared there: the value nearest to alerting of all
        series, NaN where there is none
    thresholds : those that a slider offers, increasing
    """

    evaluated: EvaluatedRule
    times: np.ndarray
    line: np.ndarray
    thresholds: np.ndarray

    @property
    def span(self) -> Span:
        """What is reported: from the start to behind the last evaluation."""
        last_ms = int(self.times[-1])
        return Span(self.evaluated.start_ms, last_ms + self.evaluated.rule.interval_ms)


class Replays:
    """The replays of one rule, each made when it is first asked for or ahead of that.

    turn : who holds it may use the source, which is not made for two threads
    evaluations : what the replays are made of, for who has the turn (``alone``)
    current : the rule's own setting
    rising : whether larger values alert
    data_ratio : share of the evaluations at which anything was there to compare
    why : empty where one replay tells of every threshold; else why each needs its own
    """

    def __init__(
        self,
        rule: AlertRule,
        source: Source,
        start_ms: int,
        end_ms: int,
        *,
        slot_offset_ms: int,
        turn: threading.RLock,
    ) -> None:
        self._turn = turn
        with turn:
            self.evaluations = Evaluations(
                rule, source, start_ms, end_ms, slot_offset_ms=slot_offset_ms, comparison=0
            )
            compared = self.evaluations.compared()
        self.current, self.why = self.evaluations.current, self.evaluations.why
        self.rising = self.evaluations.threshold.rising
        self.data_ratio = float(np.any(compared.frame.present, axis=0)[compared.reported].mean())
        self._compared_line = _nearest(compared, rising=self.rising)
        self._made: dict[tuple, Replay] = {}
        self._nobody_waits = threading.Event()
        self._nobody_waits.set()
        self._ahead: deque[Setting] = deque()
        self._thread = threading.Thread()

    def __call__(self, setting: Setting) -> Replay:
        """Return the replay that a setting is applied to; the first time it takes a while."""
        if not self.is_made(setting):
            with self.alone():
                self._make(setting)
        return self._made[self._key(setting)]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold back what is made in the background."""
        self._nobody_waits.clear()
        try:
            with self._turn:
                yield
        finally:
            self._nobody_waits.set()

    def is_made(self, setting: Setting) -> bool:
        """Tell whether a setting's replay is at hand."""
        return self._key(setting) in self._made

    def make_ahead(self, settings: Iterable[Setting]) -> None:
        """Make these replays, and no others any more, while nobody waits for one."""
        self._ahead = deque(settings)
        if not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while self._ahead:
            self._nobody_waits.wait()
            with self._turn, suppress(AlertlabError):  # what fails is told to who asks for it
                if self._ahead:
                    self._make(self._ahead.popleft())

    def _key(self, setting: Setting) -> tuple[int | None, float | None]:
        return setting.window_ms, setting.threshold if self.why else None

    def _make(self, setting: Setting) -> None:
        if not self.is_made(setting):
            self._made[self._key(setting)] = self._replay(setting)

    def _replay(self, setting: Setting) -> Replay:
        evaluated = self.evaluations(setting)
        line = _nearest(evaluated, rising=self.rising)
        if self.why and setting.window_ms == self.current.window_ms:
            line = self._compared_line  # not only what alerts at the one threshold
        kept = compact(evaluated)
        return Replay(kept, evaluated.frame.times, line, self._thresholds(kept))

    def _thresholds(self, evaluated: EvaluatedRule) -> np.ndarray:
        threshold = self.evaluations.threshold
        if self.why:
            return few_thresholds(self._compared_line, threshold)
        [level] = group_levels(evaluated, [(0, 0)])
        offered = human_thresholds(level if self.rising else -level, evaluated.threshold)
        return stops(offered[bearable(evaluated, level, offered)], threshold.value)


def _nearest(evaluated: EvaluatedRule, *, rising: bool) -> np.ndarray:
    """Return the value nearest to alerting at each evaluation, NaN where there is none."""
    frame, nearest = evaluated.frame, np.fmax if rising else np.fmin
    line = np.full(len(frame.times), np.nan)
    for values, present in zip(frame.values, frame.present, strict=True):
        nearest(line, values, out=line, where=present)
    return line


def bearable(evaluated: EvaluatedRule, level: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Tell which thresholds are quiet enough without any ``for``, and so are all quieter ones."""
    signed = signed_threshold(thresholds, evaluated.threshold)
    starts = np.zeros(len(thresholds), np.int64)
    for _, _, values, _ in evaluated.alerts(0, 0):
        before = np.concatenate([[-np.inf], values[:-1]])
        rising = values > before
        starts += np.searchsorted(np.sort(before[rising]), signed, side="right")
        starts -= np.searchsorted(np.sort(values[rising]), signed, side="right")
    days = (evaluated.frame.times[-1] - evaluated.frame.times[0]) / DAY_MS
    firing = 1 - np.searchsorted(np.sort(level), signed, side="right") / len(level)
    good = (starts <= MOST_ALERTS_A_DAY * max(1.0, days)) & (firing <= MOST_FIRING_RATIO)
    quietest_first = np.argsort(-signed)
    bearable = np.empty(len(thresholds), bool)
    bearable[quietest_first] = np.logical_and.accumulate(good[quietest_first])
    return bearable


def stops(thresholds: np.ndarray, current: float) -> np.ndarray:
    """Return thresholds of few digits where there are enough of them, never too many."""
    few = np.array([one for one in thresholds if float(f"{one:.{_FEW_DIGITS}g}") == one])
    kept = few if len(few) >= _FEWEST else thresholds
    every = -(-len(kept) // _MOST)
    return np.unique([*kept[:: every or 1], current])
