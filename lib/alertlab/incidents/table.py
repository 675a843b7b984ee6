"""The table of incidents: its columns, who owes what, which times belong to which incident."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from alertlab.units import MINUTE_MS

INCIDENT_COLUMNS = ["id", "start", "end", "severity", "should_alert", "note"]

HARMLESS = "harmless"
"""The severity of a stretch that people looked at and found harmless.

It is no incident: nobody owes an alert in it, and a page in it is false.  The margins of an
incident end where it begins.
"""


@dataclass(frozen=True)
class Margins:
    """How far outside an incident a page still belongs to it.

    ``before_ms``: an alert that leads the labelled start; ``after_ms``: one that trails its end.
    """

    before_ms: int = 5 * MINUTE_MS
    after_ms: int = 10 * MINUTE_MS


def no_incidents() -> pd.DataFrame:
    """Return an empty table of incidents."""
    return incident_table([])


def incident_table(rows: list[tuple]) -> pd.DataFrame:
    """Return rows of INCIDENT_COLUMNS, their times in ms, as a table sorted by start."""
    table = pd.DataFrame(rows, columns=INCIDENT_COLUMNS).astype({"should_alert": object})
    table["should_alert"] = pd.Series([row[4] for row in rows], dtype=object)
    for column in ("start", "end"):
        table[column] = pd.to_datetime(table[column].astype("int64"), unit="ms", utc=True)
    return table.sort_values("start", kind="stable", ignore_index=True)


def is_harmless(incidents: pd.DataFrame) -> np.ndarray:
    """Tell which rows are harmless stretches and no incidents, shape (n,)."""
    severities = incidents["severity"].astype(str).str
    return (severities.strip().str.casefold() == HARMLESS).to_numpy(bool)


def owed(incidents: pd.DataFrame, rule_name: str) -> pd.DataFrame:
    """Return the incidents that a rule ought to alert on."""
    owes = [names is None or rule_name in names for names in incidents["should_alert"]]
    return incidents[np.array(owes, bool) & ~is_harmless(incidents)].reset_index(drop=True)


def starting_within(incidents: pd.DataFrame, start_ms: int, end_ms: int) -> pd.DataFrame:
    """Return the incidents that start in ``[start, end)``; ones that only reach in count not."""
    starts = epoch_ms(incidents["start"])
    within = (starts >= start_ms) & (starts < end_ms)
    return incidents[within & ~is_harmless(incidents)].reset_index(drop=True)


def bounds_ms(incidents: pd.DataFrame, margins: Margins, among: pd.DataFrame) -> np.ndarray:
    """Return [start - before, end + after) of each row in ms, shape (n, 2).

    among : the whole table, in whose harmless stretches the margins end
    """
    starts, ends = epoch_ms(incidents["start"]), epoch_ms(incidents["end"])
    quiet = among[is_harmless(among)]
    since, until = epoch_ms(quiet["start"])[:, None], epoch_ms(quiet["end"])[:, None]
    begins, stops = starts - margins.before_ms, ends + margins.after_ms
    before = np.where((since < starts) & (until > begins), np.minimum(until, starts), begins)
    after = np.where((until > ends) & (since < stops), np.maximum(since, ends), stops)
    return np.stack(
        [np.vstack([begins, before]).max(axis=0), np.vstack([stops, after]).min(axis=0)], axis=1
    )


def match_times(times_ms: np.ndarray, incidents: pd.DataFrame, margins: Margins) -> np.ndarray:
    """Tell which incident each time falls into: the row of the earliest, -1 for none."""
    windows = bounds_ms(incidents, margins, among=incidents)
    edges = np.unique(windows)
    owner = np.full(len(edges) + 1, -1)  # of the times before, between and behind the edges
    for i in np.flatnonzero(~is_harmless(incidents))[::-1]:
        first, last = np.searchsorted(edges, windows[i])
        owner[first + 1 : last + 1] = i
    return owner[np.searchsorted(edges, np.asarray(times_ms, np.int64), side="right")]


def epoch_ms(times: pd.Series) -> np.ndarray:
    """Return UTC timestamps as int64 ms since the epoch; there must be no NaT."""
    return times.dt.as_unit("ms").astype("int64").to_numpy()
