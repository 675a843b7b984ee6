"""When was a method slower than it usually is at that hour?  And what the latency was over time.

A spell is found by the share of slow requests, because shares are counted: a quantile that lies
in a wide bucket moves by nothing or by much.  What is usual is the median over days of the same
hour's share, as many a service is slow every night and nobody minds; the median does not see the
days with an incident.  Above the usual is what neither the scatter between days nor the luck of
so few requests explains.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import betainc

from alertlab.incidents import Margins, bounds_ms, epoch_ms, is_harmless
from alertlab.latency.compare import threshold_bound
from alertlab.latency.history import BucketHistory
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS

SPELL_COLUMNS = [
    "method", "start", "end", "requests", "slow", "slow_share", "usual_share", "excess",
]  # fmt: skip

_MARGINS = Margins()
_FEW_DAYS = 7  # with fewer, the days of one hour say less than all hours together
_CHANCE = 1e-6  # of so many requests being slow by luck: weeks have some ten thousand spans
_NORMAL_SCATTER = 1.4826  # standard deviations of a normal distribution in its median deviation
_DAY_HOURS = DAY_MS // HOUR_MS


def slow_spells(
    history: BucketHistory,
    threshold_seconds: float,
    *,
    scatters: float = 5.0,
    least_share: float = 0.01,
    join_ms: int = 15 * MINUTE_MS,
) -> pd.DataFrame:
    """In which stretches of time were more requests slow than usual?

    threshold_seconds : what takes longer is slow; where no bound is there, what takes longer than
        the next bound: that is surely slow
    scatters : how far above the usual share, in standard deviations between days
    least_share : a smaller slow share never is a spell
    join_ms : spells that are at most so far apart are one

    One row per spell, by start: SPELL_COLUMNS; ``method`` is the group's name, ``requests`` and
    ``slow`` are counts, ``excess`` is the slow ones above the usual.  Spans without data end no
    spell and begin none.  Of less than a week, the usual share is that of all hours together.
    BadInput for a threshold beyond the last finite bound.
    """
    requests, slow = _counts(history, threshold_seconds)
    most_apart = join_ms // history.step_ms + 1
    rows = []
    for name, all_of, slow_of in zip(history.names, requests, slow, strict=True):
        usual, scatter = _usual(all_of, slow_of, history.ends_ms)
        ceiling = np.maximum(usual + scatters * scatter, least_share)
        is_slow = _is_above(all_of, slow_of, ceiling)
        for first, last in _runs(is_slow, most_apart):
            inside = slice(first, last + 1)
            total, expected = np.nansum(all_of[inside]), np.nansum((usual * all_of)[inside])
            count = np.nansum(slow_of[inside])
            starts, ends = history.ends_ms[first] - history.step_ms, history.ends_ms[last]
            rows.append((name, starts, ends, total, count, count / total, expected / total,
                         count - expected))  # fmt: skip
    spells = pd.DataFrame(rows, columns=SPELL_COLUMNS)
    for column in ("start", "end"):
        spells[column] = pd.to_datetime(spells[column].astype("int64"), unit="ms", utc=True)
    return spells.sort_values(["start", "method"], kind="stable", ignore_index=True)


def beside_incidents(
    spells: pd.DataFrame, incidents: pd.DataFrame, margins: Margins = _MARGINS
) -> pd.DataFrame:
    """Which labelled incidents does each spell overlap?

    The spells with two columns more, tuples of ids: ``incidents``, and ``harmless`` for stretches
    that people found harmless.  Both empty: nobody labelled anything there.
    """
    overlap, harmless = _overlap(spells, incidents, margins), is_harmless(incidents)
    ids = incidents["id"].to_numpy()
    return spells.assign(
        incidents=[tuple(ids[row & ~harmless]) for row in overlap],
        harmless=[tuple(ids[row & harmless]) for row in overlap],
    )


def without_spell(
    spells: pd.DataFrame, incidents: pd.DataFrame, margins: Margins = _MARGINS
) -> pd.DataFrame:
    """Return the incidents during which no method was slower than usual; not all ought to be."""
    seen = _overlap(spells, incidents, margins).any(axis=0)
    return incidents[~seen & ~is_harmless(incidents)].reset_index(drop=True)


def heat_map(history: BucketHistory, group: int) -> np.ndarray:
    """Return the share of each bucket in each span, shape (n_spans, n_buckets); rows sum to 1.

    NaN where there was no request, no data, or no common bound.  Counts that fall are raised, as
    Prometheus does.
    """
    cumulative = history.cumulative[group]
    raised = np.where(np.isnan(cumulative), np.nan, np.fmax.accumulate(cumulative, axis=1))
    total = raised[:, -1:]
    return np.diff(raised, axis=1, prepend=0.0) / np.where(total > 0, total, np.nan)


def _counts(history: BucketHistory, threshold_seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Return requests and surely slow ones, shape (n_groups, n_spans); NaN where unknown."""
    at = threshold_bound(history, threshold_seconds)
    slow = np.maximum(history.counts - history.cumulative[:, :, at], 0.0)
    return np.where(np.isnan(slow), np.nan, history.counts), slow


def _usual(
    requests: np.ndarray, slow: np.ndarray, ends_ms: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the usual slow share at each span, and its scatter from day to day; (n_spans,) each.

    Whole hours are compared, as in a span at night there may be no slow request by luck.  What
    such luck adds to the scatter is taken off: it is reckoned with where spans are judged.
    """
    hours = (ends_ms - 1) // HOUR_MS
    kinds, blocks = hours % _DAY_HOURS, hours
    if len(hours) and hours[-1] - hours[0] < _FEW_DAYS * _DAY_HOURS - 1:
        kinds, blocks = np.zeros_like(hours), np.arange(len(hours))
    usual, scatter = np.full((2, len(hours)), np.nan)
    for kind in np.unique(kinds):
        here = kinds == kind
        _, block = np.unique(blocks[here], return_inverse=True)
        total = np.bincount(block, np.nan_to_num(requests[here]))
        part = np.bincount(block, np.nan_to_num(slow[here]))
        if total.any():
            shares = part[total > 0] / total[total > 0]
            middle = np.median(shares)
            # Days with spells lie above the median; those below tell what scatters without them.
            seen = _NORMAL_SCATTER * np.median(middle - shares[shares <= middle])
            by_luck = np.median(middle * (1 - middle) / total[total > 0])
            usual[here], scatter[here] = middle, np.sqrt(max(seen**2 - by_luck, 0.0))
    return usual, scatter


def _is_above(requests: np.ndarray, slow: np.ndarray, ceiling: np.ndarray) -> np.ndarray:
    """Tell in which spans so many slow requests are no luck at a share of ``ceiling``."""
    some = slow > 0  # NaN is not
    luck = np.ones(len(slow))
    rest = np.maximum(requests[some] - slow[some], 0.0)
    # The binomial tail, written so that counts may be fractional.
    luck[some] = betainc(slow[some], rest + 1, np.minimum(ceiling[some], 1.0))
    return luck < _CHANCE


def _runs(is_slow: np.ndarray, most_apart: int) -> Iterator[tuple[int, int]]:
    """Give first and last span of each run; a run goes on within ``most_apart`` spans."""
    at = np.flatnonzero(is_slow)
    if len(at):
        for run in np.split(at, np.flatnonzero(np.diff(at) > most_apart) + 1):
            yield int(run[0]), int(run[-1])


def _overlap(spells: pd.DataFrame, incidents: pd.DataFrame, margins: Margins) -> np.ndarray:
    """Tell which spells and incidents overlap, shape (n_spells, n_incidents)."""
    windows = bounds_ms(incidents, margins, among=incidents)
    starts, ends = epoch_ms(spells["start"]), epoch_ms(spells["end"])
    return (starts[:, None] < windows[:, 1]) & (ends[:, None] > windows[:, 0])
