"""What firing meant for people: how soon, how long, how often again, at night."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.incidents import epoch_ms
from alertlab.tuning.setting import Span
from alertlab.units import HOUR_MS, MINUTE_MS

NIGHT_HOURS = range(22, 24), range(0, 7)  # local time; the hours a page wakes someone
FLAP_MS = 30 * MINUTE_MS  # fired again this soon after it resolved


def detection_delays(
    fired_episodes: pd.DataFrame, incidents: pd.DataFrame, windows_ms: np.ndarray
) -> np.ndarray:
    """Return seconds from each incident's start to when an alert was firing, shape (n_incidents,).

    windows_ms : of the incidents with their margins, shape (n_incidents, 2)
    0 if one fired already at the start; NaN if none fired within the incident and its margins.
    """
    first = np.full(len(incidents), np.inf)
    if len(fired_episodes):
        since, _, within = _overlaps(fired_episodes, windows_ms)
        first = np.where(within, since, np.inf).min(axis=1)
    delays = np.maximum(0, first - epoch_ms(incidents["start"])) / 1000
    return np.where(np.isinf(first), np.nan, delays)


def resolve_delays(
    fired_episodes: pd.DataFrame, incidents: pd.DataFrame, windows_ms: np.ndarray, end_ms: int
) -> np.ndarray:
    """Return seconds from each incident's end until its alerts were resolved, (n_incidents,).

    windows_ms : as of ``detection_delays``
    0 if they were resolved before; NaN if none fired within the incident and its margins.  An
    alert that still fires at ``end_ms`` counts as resolved then.
    """
    last = np.full(len(incidents), -np.inf)
    if len(fired_episodes):
        _, until, within = _overlaps(fired_episodes, windows_ms)
        last = np.where(within, np.minimum(until, end_ms), -np.inf).max(axis=1)
    delays = np.maximum(0, last - epoch_ms(incidents["end"])) / 1000
    return np.where(np.isinf(last), np.nan, delays)


def is_night(times: pd.Series, time_zone: str) -> np.ndarray:
    """Tell which UTC times are at night (22 to 7 o'clock) in a time zone."""
    try:
        hours = times.dt.tz_convert(time_zone).dt.hour
    except (KeyError, ValueError, IndexError):
        raise BadInput(
            f"{time_zone!r} is not a time zone; write one like UTC or Asia/Seoul"
        ) from None
    return np.isin(hours.to_numpy(), [hour for part in NIGHT_HOURS for hour in part])


def daily_firing_hours(fired_episodes: pd.DataFrame, span: Span) -> np.ndarray:
    """Return the alert-hours that episodes fired on each day of a span (two alerts count twice)."""
    edges = np.minimum(span.day_edges_ms, span.end_ms)[:, None]
    start = epoch_ms(fired_episodes["fired_at"])
    end = until_ms(fired_episodes, span.end_ms)
    before = np.minimum(edges, end) - np.minimum(edges, start)  # of each episode before each edge
    return np.diff(before.sum(axis=1)) / HOUR_MS


def flap_times(fired_episodes: pd.DataFrame) -> pd.Series:
    """Return when alerts fired within 30 minutes of their own previous resolve."""
    ordered = fired_episodes.sort_values("fired_at", kind="stable")
    previous = ordered.groupby("labels")["resolved_at"].shift()
    again = ordered["fired_at"] - previous <= pd.Timedelta(FLAP_MS, unit="ms")
    return ordered["fired_at"][again]


def firing_slots(fired_episodes: pd.DataFrame, times_ms: np.ndarray) -> np.ndarray:
    """Tell at which of the evaluations any alert was firing; bool, shape of ``times_ms``."""
    n = len(times_ms)
    starts = np.searchsorted(times_ms, epoch_ms(fired_episodes["fired_at"]))
    ends = np.searchsorted(times_ms, until_ms(fired_episodes, int(times_ms[-1]) + 1))
    depth = np.bincount(starts, minlength=n + 1) - np.bincount(ends, minlength=n + 1)
    return np.cumsum(depth)[:n] > 0


def until_ms(episodes: pd.DataFrame, end_ms: int) -> np.ndarray:
    """Return when episodes resolved [ms]; ``end_ms`` for those still active."""
    return epoch_ms(episodes["resolved_at"].fillna(pd.Timestamp(end_ms, unit="ms", tz="UTC")))


def _overlaps(
    fired_episodes: pd.DataFrame, windows_ms: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return when episodes fired and resolved [ms], and which fired in which window.

    The last of shape (n_windows, n_episodes).
    """
    begins, ends = windows_ms.T[:, :, None]
    since = epoch_ms(fired_episodes["fired_at"])
    until = until_ms(fired_episodes, int(np.max(ends, initial=int(since.max()) + 1)))
    return since, until, (since < ends) & (until > begins)
