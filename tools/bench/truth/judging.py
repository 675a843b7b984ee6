"""What a setting would have done on one part of a series: pages, windows, and one number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alertlab.incidents import Margins, bounds_ms, epoch_ms
from alertlab.notify import find_pages, simulate_notifications, single_receiver
from alertlab.replay import EvaluatedRule, evaluate_rule, find_episodes
from alertlab.tuning import Setting, Span
from truth.cases import Case

FALSE_PAGE_COST = 0.11
"""In missed windows: the weight of the benchmark's own standard profile (config/profiles.json)."""

NO_MARGINS = Margins(0, 0)  # the windows are wide already


@dataclass(frozen=True)
class Choice:
    """A rule of one direction with its numbers."""

    op: str
    setting: Setting


@dataclass(frozen=True)
class Outcome:
    """What a choice did on a part of a series.

    A window is hit if a page falls into it: an alert that has fired for days tells nobody anything.
    A page is false if it falls into no window, not even into one that began in the part before.
    """

    weeks: float
    owed: int
    hits: int
    pages: int
    false_pages: int
    delay_p50_seconds: float | None

    @property
    def recall(self) -> float | None:
        """Hit windows per window that starts in the part; None without any."""
        return self.hits / self.owed if self.owed else None

    @property
    def precision(self) -> float | None:
        """True pages per page; None without pages."""
        return 1 - self.false_pages / self.pages if self.pages else None

    @property
    def false_pages_per_week(self) -> float:
        """Pages outside windows per week."""
        return self.false_pages / self.weeks

    @property
    def cost_per_week(self) -> float:
        """Missed windows a week, a false page counted as ``FALSE_PAGE_COST`` of one; 0 is best."""
        return (self.owed - self.hits + FALSE_PAGE_COST * self.false_pages) / self.weeks


class Judge:
    """Replays choices over a whole series, through an Alertmanager with one receiver."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def seen(self, choice: Choice) -> Outcome:
        """Return what a choice does on the part that rules are tuned on."""
        return self._outcome(self._pages(choice), self._case.tuned_on)

    def scored(self, choice: Choice | None) -> Outcome:
        """Return what a choice does on the part that rules are scored on; None: no rule at all."""
        pages = np.empty(0, np.int64) if choice is None else self._pages(choice)
        return self._outcome(pages, self._case.scored_on)

    def evaluated(self, op: str) -> EvaluatedRule:
        """Return one direction's rule evaluated over the whole series."""
        return self._above if op == ">" else self._below

    def _outcome(self, pages: np.ndarray, span: Span) -> Outcome:
        owed = self._case.starting_in(span)
        paged = pages[(pages >= span.start_ms) & (pages < span.end_ms)]
        outside = ~_within(
            paged, bounds_ms(self._case.windows, NO_MARGINS, self._case.windows)
        ).any(axis=1)
        first = np.where(
            _within(paged, bounds_ms(owed, NO_MARGINS, owed)), paged[:, None].astype(float), np.inf
        ).min(axis=0, initial=np.inf)
        found = np.isfinite(first)
        delays = (first - epoch_ms(owed["start"]))[found] / 1000
        return Outcome(
            weeks=span.weeks,
            owed=len(owed),
            hits=int(found.sum()),
            pages=len(paged),
            false_pages=int(outside.sum()),
            delay_p50_seconds=float(np.median(delays)) if found.any() else None,
        )

    def _pages(self, choice: Choice) -> np.ndarray:
        episodes = find_episodes(choice.setting.apply(self.evaluated(choice.op)))
        end_ms = self._case.scored_on.end_ms
        told = simulate_notifications(episodes, single_receiver(), end_ms=end_ms)
        return epoch_ms(find_pages(told, set(told["receiver"]))["at"])

    @cached_property
    def _above(self) -> EvaluatedRule:
        return self._evaluate(">")

    @cached_property
    def _below(self) -> EvaluatedRule:
        return self._evaluate("<")

    def _evaluate(self, op: str) -> EvaluatedRule:
        case = self._case
        last_ms = case.scored_on.end_ms - 1
        return evaluate_rule(case.rule(op, 0.0), case.source, case.tuned_on.start_ms, last_ms)


def _within(times_ms: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Tell which times lie in which windows, shape (n_times, n_windows)."""
    at = times_ms[:, None]
    return (at >= bounds[:, 0]) & (at < bounds[:, 1])
