"""The session's sentences."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from alertlab.session.drawing import Stretch
from alertlab.session.trial import Effect
from alertlab.tuning.score import Score
from alertlab.units import MINUTE_MS, format_duration

_APART_MS = 15 * MINUTE_MS  # firing that pauses for less is one stretch to look at
_MOST_STRETCHES = 100


def timeline_words(effect: Effect, stretches: Sequence[Stretch], op: str) -> str:
    """Say what the timeline draws."""
    score = effect.score
    owed = len(score.caught) + len(score.missed)
    false = int((effect.incident < 0).sum())
    pages = f"{score.pages} pages"
    if score.false_pages is not None:
        pages += f", {false} of them in no incident"
    return (
        f"At the threshold {op} {effect.setting.threshold:g} the rule fires in "
        f"{len(effect.firing_ms)} stretches: {pages}. {len(score.caught)} of {owed} incidents "
        f"that it owes an alert are caught; {len(stretches)} stretches are labelled."
    )


def trade_off_words(current: tuple[float, int], chosen: tuple[float, int], owed: int) -> str:
    """Say what the trade-off draws."""
    return (
        f"As written: {current[1]} of {owed} incidents caught at {current[0]:.1f} false alarms a "
        f"week; chosen: {chosen[1]} at {chosen[0]:.1f}."
    )


def verdict_words(current: Score, chosen: Score) -> str:
    """Say in one sentence what the chosen setting changes."""
    if not chosen.setting.turned(current.setting):
        return "This is the rule as written."
    what = "pages" if chosen.false_pages is None else "false pages"
    return (
        f"{what.capitalize()}: {current.noise_per_week.mid:.1f} a week as written, "
        f"{chosen.noise_per_week.mid:.1f} chosen. Incidents caught: {len(current.caught)} and "
        f"{len(chosen.caught)} of {len(chosen.caught) + len(chosen.missed)}."
    )


def firing_stretches(effect: Effect, time_zone: str) -> list[tuple[str, tuple[int, int]]]:
    """Return stretches of firing to look at, with what is said of each; in the order of time.

    Those with the most pages, where there are too many.
    """
    found: list[list[int]] = []
    for start, end in effect.firing_ms.tolist():
        if found and start - found[-1][1] < _APART_MS:
            found[-1][1] = end
        else:
            found.append([start, end])
    starts = np.array([one[0] for one in found], np.int64)
    # A page comes a little after its firing: it belongs to the last stretch that has begun.
    owner = np.searchsorted(starts, effect.pages_ms, side="right") - 1
    pages = np.bincount(owner[owner >= 0], minlength=len(found))
    inside = np.bincount(owner[(owner >= 0) & (effect.incident >= 0)], minlength=len(found))
    kept = np.sort(np.argsort(-pages, kind="stable")[:_MOST_STRETCHES])
    return [
        (_stretch_words(*found[i], int(pages[i]), bool(inside[i]), time_zone), tuple(found[i]))
        for i in kept
    ]


def local_time(time_ms: int, time_zone: str, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Write a time as clocks of a zone show it."""
    return pd.Timestamp(time_ms, unit="ms", tz="UTC").tz_convert(ZoneInfo(time_zone)).strftime(form)


def _stretch_words(start: int, end: int, pages: int, is_inside: bool, time_zone: str) -> str:
    told = f"{pages} page{'' if pages == 1 else 's'}"
    where = "in an incident" if is_inside else "in no incident"
    return (
        f"{local_time(start, time_zone, '%m-%d %H:%M')}, {format_duration(end - start)}, "
        f"{told if pages else 'no page'}" + (f", {where}" if pages else "")
    )
