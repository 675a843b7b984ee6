"""Error budgets: what is left, how fast it burns, which incidents ate it.

An objective of 99.9% allows one bad event in a thousand; that is its budget.  A burn rate of 1
spends exactly the budget over the period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.incidents import epoch_ms
from alertlab.slo.counts import Samples, Spans
from alertlab.slo.objectives import Objective
from alertlab.slo.reading import count_between, read_counts
from alertlab.sources import Source
from alertlab.units import DAY_MS, HOUR_MS, SECOND_MS

SHARE_COLUMNS = ("id", "severity", "start", "end", "total", "bad", "error_ratio", "budget_ratio")


class Bracket(NamedTuple):
    """A number that lies between two others; they are equal where it is known."""

    low: float
    high: float


def budget_left(total: np.ndarray, bad: np.ndarray, budget_ratio: float | np.ndarray) -> np.ndarray:
    """How much of the budget is left?  1 - bad / (budget_ratio * total), all of one shape.

    1: nothing was bad; 0: all is spent; below 0: overspent; NaN: there was nothing to be good.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(total) > 0, 1 - bad / (budget_ratio * total), np.nan)


@dataclass(frozen=True, eq=False)
class BurnHistory:
    """An objective's budget hour by hour, float64 of shape (n_hours,); NaN where nothing is known.

    times_ms : int64, the ends of the hours
    total, bad : events of the hour; bad counts what was not surely good
    budget_left_ratio, budget_left_at_most : of the budget, up to the hour; they differ where a
        threshold lies between two bucket bounds
    burn_rate : of the hour alone
    coverage : the ratio of the time looked back on that has samples
    """

    objective: Objective
    times_ms: np.ndarray
    total: np.ndarray
    bad: np.ndarray
    budget_left_ratio: np.ndarray
    budget_left_at_most: np.ndarray
    burn_rate: np.ndarray
    coverage: np.ndarray
    counting: str
    notes: tuple[str, ...]

    @property
    def left(self) -> Bracket | None:
        """The budget that is left at the end, at least and at most; None without events."""
        known = np.flatnonzero(~np.isnan(self.budget_left_ratio))
        if not len(known):
            return None
        last = known[-1]
        return Bracket(float(self.budget_left_ratio[last]), float(self.budget_left_at_most[last]))

    def seconds_to_exhaustion(self, recent_ms: int = DAY_MS) -> float | None:
        """How long does the budget last if it goes on burning as in the last ``recent_ms``?

        0: it is spent; infinite: nothing is burning; None: there were no events.  What leaves a
        rolling period is not given back here, so the budget may last longer.
        """
        recent = self.times_ms > self.times_ms[-1] - recent_ms
        total, bad = np.nansum(self.total[recent]), np.nansum(self.bad[recent])
        if self.left is None or total == 0:
            return None
        burn_rate = bad / total / self.objective.budget_ratio
        if self.left.low <= 0:
            return 0.0
        period_seconds = self.objective.period_ms / SECOND_MS
        return math.inf if burn_rate == 0 else self.left.low * period_seconds / burn_rate


def burn_history(
    objective: Objective, source: Source, start_ms: int, end_ms: int, *, rolling: bool = True
) -> BurnHistory:
    """Return how an objective's budget went, for every hour of the clock in a span.

    rolling : what is left of the budget of the period that ends with the hour, as far back as the
        source has it; else of the budget that the requests of the whole span allow, so that the
        line only falls
    """
    if start_ms >= end_ms:
        raise BadInput("a budget needs a start before its end")
    hours = -(-objective.period_ms // HOUR_MS)
    first, last = start_ms // HOUR_MS, -(-end_ms // HOUR_MS)
    since = first - hours + 1 if rolling else first
    counts = read_counts(objective, Samples(source, since * HOUR_MS, end_ms))
    spans = counts.within(np.arange(since, last + 1, dtype=np.int64) * HOUR_MS)
    shown = slice(first - since, None)
    left, at_most, coverage = _rolling(spans, hours, objective) if rolling else _falling(
        spans, objective
    )  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        burn_rate = spans.bad / spans.total / objective.budget_ratio
    missing = np.isnan(spans.total)
    return BurnHistory(
        objective,
        np.arange(first + 1, last + 1, dtype=np.int64) * HOUR_MS,
        spans.total[shown],
        spans.bad[shown],
        np.where(missing, np.nan, left)[shown],
        np.where(missing, np.nan, at_most)[shown],
        burn_rate[shown],
        coverage[shown],
        counts.counting,
        counts.notes,
    )


def _rolling(
    spans: Spans, hours: int, objective: Objective
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    total, bad, bad_at_least, coverage = (
        _trailing(one, hours) for one in (spans.total, spans.bad, spans.bad_at_least,
                                          spans.coverage)
    )  # fmt: skip
    budget = objective.budget_ratio
    return (
        budget_left(total, bad, budget),
        budget_left(total, bad_at_least, budget),
        coverage / hours,
    )


def _falling(spans: Spans, objective: Objective) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    total = np.full(len(spans.total), np.nansum(spans.total))
    bad, bad_at_least = (np.nancumsum(one) for one in (spans.bad, spans.bad_at_least))
    budget = objective.budget_ratio
    coverage = np.cumsum(spans.coverage) / np.arange(1, len(total) + 1)
    return budget_left(total, bad, budget), budget_left(total, bad_at_least, budget), coverage


def _trailing(values: np.ndarray, width: int) -> np.ndarray:
    """Return the sum of each value and those before it, ``width`` in all; NaN adds nothing."""
    summed = np.append(0.0, np.nancumsum(values))
    ends = np.arange(1, len(summed))
    return summed[ends] - summed[np.maximum(ends - width, 0)]


class BudgetShares(NamedTuple):
    """Who spent a span's budget; ratios are of the budget that the span's requests allow.

    incidents : SHARE_COLUMNS, one row per incident that reaches into the span, cut to it
    outside_ratio, spent_ratio : spent outside all of them, and in all; None without events
    """

    incidents: pd.DataFrame
    outside_ratio: float | None
    spent_ratio: float | None


def budget_shares(
    objective: Objective, source: Source, incidents: pd.DataFrame, start_ms: int, end_ms: int
) -> BudgetShares:
    """Which incidents ate the budget of ``(start, end]``?

    incidents : as ``load_incidents``; where some overlap, each has all that was bad within it
    """
    counts = read_counts(objective, Samples(source, start_ms, end_ms))

    def between(start: int, end: int) -> Spans:
        if objective.is_raw:
            return counts.within(np.array([start, end]))
        return count_between(objective, source, start, end)

    whole = between(start_ms, end_ms)
    allowed = float(np.nan_to_num(whole.total[0])) * objective.budget_ratio
    starts = np.maximum(epoch_ms(incidents["start"]), start_ms)
    ends = np.minimum(epoch_ms(incidents["end"]), end_ms)
    inside = starts < ends
    rows = []
    for one, start, end in zip(
        incidents[inside].itertuples(), starts[inside], ends[inside], strict=True
    ):
        span = between(int(start), int(end))
        total, bad = float(span.total[0]), float(span.bad[0])
        error_ratio = bad / total if total else math.nan
        share = bad / allowed if allowed else math.nan
        rows.append((one.id, one.severity, one.start, one.end, total, bad, error_ratio, share))
    table = pd.DataFrame(rows, columns=list(SHARE_COLUMNS))
    if not allowed:
        return BudgetShares(table, None, None)
    within = [between(*stretch).bad[0] for stretch in _merged(starts[inside], ends[inside])]
    spent = float(whole.bad[0])
    return BudgetShares(table, (spent - float(np.nansum(within))) / allowed, spent / allowed)


def _merged(starts: np.ndarray, ends: np.ndarray) -> list[tuple[int, int]]:
    """Return the stretches that some spans cover together, in order."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(zip(starts.tolist(), ends.tolist(), strict=True)):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
