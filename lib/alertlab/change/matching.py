"""Which pages of one history are those of another: the same, moved, lost or gained."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from alertlab.incidents import epoch_ms
from alertlab.tuning.outcomes import FLAP_MS

SAME, MOVED, LOST, GAINED = "same", "moved", "lost", "gained"
MOVED_WITHIN_MS = FLAP_MS
"""A group's page that comes so much sooner or later tells of the same trouble, as does an alert
that fires again so soon after its resolve: that is a flap."""
MATCH_COLUMNS = ["receiver", "group_labels", "what", "old", "new"]


def match_pages(
    old: pd.DataFrame, new: pd.DataFrame, *, moved_within_ms: int = MOVED_WITHIN_MS
) -> pd.DataFrame:
    """Tell what became of each page, one row per page or pair of pages.

    old, new : pages as of ``find_pages``, each with a plain count of rows as its index

    Columns: ``receiver``; ``group_labels``; ``what``: SAME (same receiver, group and time), MOVED
    (same receiver and group, at most ``moved_within_ms`` apart), LOST or GAINED; ``old`` and
    ``new``: the rows in the two tables, -1 for none.  Ordered by time.

    Pages at the same time are pairs first.  Of the rest as many as possible are paired, and of all
    ways to do so the one with the least shift in sum is taken.
    """
    rows = []
    old_of, new_of = _by_group(old), _by_group(new)
    for key in {**old_of, **new_of}:
        nothing = np.empty((0, 2), np.int64)
        before, after = old_of.get(key, nothing), new_of.get(key, nothing)
        for what, i, j, at in _matched(before, after, moved_within_ms):
            rows.append((*key, what, i, j, at))
    rows.sort(key=lambda row: (row[-1], row[0], row[1]))
    return pd.DataFrame([row[:-1] for row in rows], columns=MATCH_COLUMNS)


def _by_group(pages: pd.DataFrame) -> dict[tuple, np.ndarray]:
    """Return time [ms] and row of the pages of each receiver and group, shape (n, 2), by time."""
    found: dict[tuple, list[tuple[int, int]]] = defaultdict(list)
    keys = zip(pages["receiver"], pages["group_labels"], strict=True)
    for row, (key, at) in enumerate(zip(keys, epoch_ms(pages["at"]).tolist(), strict=True)):
        found[key].append((at, row))
    return {key: np.array(sorted(times), np.int64) for key, times in found.items()}


def _matched(
    before: np.ndarray, after: np.ndarray, moved_within_ms: int
) -> list[tuple[str, int, int, int]]:
    """Return what became of a group's pages, their rows, and the time by which they are ordered."""
    found = []
    both = np.intersect1d(before[:, 0], after[:, 0])
    for at in both.tolist():
        i, j = (int(pages[pages[:, 0] == at][0, 1]) for pages in (before, after))
        found.append((SAME, i, j, at))
    before, after = (pages[~np.isin(pages[:, 0], both)] for pages in (before, after))
    apart = np.abs(before[:, :1] - after[None, :, 0])
    near = apart <= moved_within_ms
    # What is too far apart costs more than all that could be saved elsewhere.
    too_far = (moved_within_ms + 1) * (min(apart.shape) + 1)
    left, right = linear_sum_assignment(np.where(near, apart, too_far))
    paired = near[left, right]
    left, right = left[paired], right[paired]
    for (_, i), (at, j) in zip(before[left].tolist(), after[right].tolist(), strict=True):
        found.append((MOVED, i, j, at))
    found += [(LOST, i, -1, at) for at, i in np.delete(before, left, axis=0).tolist()]
    found += [(GAINED, -1, j, at) for at, j in np.delete(after, right, axis=0).tolist()]
    return found
