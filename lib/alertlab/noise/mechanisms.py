"""What grouping, inhibition, muting and repeats saved and cost: the same alerts without each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from alertlab.incidents import epoch_ms, starting_within
from alertlab.noise.counts import distinct_notifications, told_receivers
from alertlab.noise.review import NoiseReview
from alertlab.notify import find_pages
from alertlab.notify.config import Route
from alertlab.replay import fired
from alertlab.units import DAY_MS, LabelSet

GROUPING, GROUP_WAIT, REPEATS = "grouping", "group_wait", "repeats"
INHIBITION, TIME_INTERVALS, SILENCES = "inhibition", "time intervals", "silences"
_NEVER_MS = 36_500 * DAY_MS
_TALLIES = ("pages", "notifications", "wait_p50_seconds", "untold")


def without_mechanisms(review: NoiseReview) -> dict[str, pd.DataFrame]:
    """What would Alertmanager have sent without each of its mechanisms?

    Notifications by mechanism, one left out at a time: grouping (every alert a group of its own),
    group_wait (0), inhibition, time intervals, silences, repeats (never).  What the configuration
    does not use is left out.
    """
    config = review.yardstick.config
    changed = {
        GROUPING: replace(config, route=_everywhere(config.route, group_by=None)),
        GROUP_WAIT: replace(config, route=_everywhere(config.route, group_wait_ms=0)),
        INHIBITION: replace(config, inhibit_rules=()),
        TIME_INTERVALS: replace(
            config, route=_everywhere(config.route, mute_intervals=(), active_intervals=())
        ),
        SILENCES: config,
        REPEATS: replace(config, route=_everywhere(config.route, repeat_interval_ms=_NEVER_MS)),
    }
    found = {}
    for name, other in changed.items():
        silences = () if name == SILENCES else review.yardstick.silences
        if (other, silences) != (config, review.yardstick.silences):
            found[name] = review.simulate(other, silences)
    return found


def mechanism_effects(review: NoiseReview, without: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What did each mechanism save each receiver, and how long did it make people wait?

    without : as ``without_mechanisms``
    One row per mechanism and receiver that was told anything, with and without it:
    ``notifications``, ``pages``, ``wait_p50_seconds`` (median from an alert's firing to its first
    notification, of those told), ``untold`` (alerts that fired and were never told); each also
    with ``_without``.  ``pages``, waits and ``untold`` are missing where the receiver wakes nobody.
    """
    now = _tallies(review, review.notifications)
    rows = []
    for mechanism, notifications in without.items():
        then = _tallies(review, notifications)
        for receiver, tally in now.items():
            if tally["notifications"] or then[receiver]["notifications"]:
                changed = {f"{name}_without": value for name, value in then[receiver].items()}
                rows.append({"mechanism": mechanism, "receiver": receiver} | tally | changed)
    names = [f"{name}{end}" for name in _TALLIES for end in ("", "_without")]
    return pd.DataFrame(rows, columns=["mechanism", "receiver", *names])


def alert_waits(review: NoiseReview, notifications: pd.DataFrame) -> pd.DataFrame:
    """How long did each alert wait until a paging receiver was told of it?

    One row per alert that began to fire within the review and paging receiver that it routes to:
    ``rule``, ``labels``, ``receiver``, ``fired_at``, ``wait_seconds`` (NaN: never told before it
    fired again or the review ended).
    """
    paging = set(review.yardstick.waking)
    told: dict[tuple[str, LabelSet], list[int]] = {}
    said = notifications[notifications["receiver"].isin(paging)]
    for at, receiver, firing in zip(
        epoch_ms(said["at"]), said["receiver"], said["firing"], strict=True
    ):
        for labels in firing:
            told.setdefault((receiver, labels), []).append(at)
    shot = fired(review.episodes)
    began, until = epoch_ms(shot["fired_at"]), _fired_again_ms(shot)
    rows = []
    for i, row in enumerate(shot.itertuples()):
        if not review.span.start_ms <= began[i] < review.span.end_ms:
            continue
        received = review.yardstick.sending.received(row.labels)
        routes = review.yardstick.config.route.match(received) if received is not None else []
        for receiver in dict.fromkeys(one.receiver for one in routes if one.receiver in paging):
            times = np.array(told.get((receiver, received), ()))
            times = times[(times >= began[i]) & (times < until[i])]
            wait = (times[0] - began[i]) / 1000 if len(times) else np.nan
            rows.append((row.rule, row.labels, receiver, row.fired_at, wait))
    columns = ["rule", "labels", "receiver", "fired_at", "wait_seconds"]
    return pd.DataFrame(rows, columns=columns).astype({"wait_seconds": float})


def incident_delays(review: NoiseReview, without: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Which incidents' first pages did a mechanism delay, bring forward or take away?

    One row per mechanism and incident whose first page differs without it: ``mechanism``,
    ``incident``, ``first_page_seconds`` and ``first_page_seconds_without``, after the labelled
    start; NaN: no page.
    """
    seen = starting_within(review.yardstick.incidents, review.span.start_ms, review.span.end_ms)
    now = _first_pages(review, review.notifications, seen)
    rows = []
    for mechanism, notifications in without.items():
        then = _first_pages(review, notifications, seen)
        differs = ~((now == then) | (np.isnan(now) & np.isnan(then)))
        rows += [(mechanism, seen["id"][i], now[i], then[i]) for i in np.flatnonzero(differs)]
    columns = ["mechanism", "incident", "first_page_seconds", "first_page_seconds_without"]
    return pd.DataFrame(rows, columns=columns)


def _everywhere(route: Route, **changes: Any) -> Route:
    """Return a route and all routes below it with the same changes."""
    below = tuple(_everywhere(child, **changes) for child in route.children)
    return replace(route, **changes, children=below)


def _tallies(review: NoiseReview, notifications: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return what one simulation means for each receiver that has an integration."""
    paging = review.yardstick.waking
    told = distinct_notifications(notifications)["receiver"].value_counts()
    pages = find_pages(notifications, paging)["receiver"].value_counts()
    waits = alert_waits(review, notifications).groupby("receiver")["wait_seconds"]
    median, untold = waits.median(), waits.agg(lambda one: int(one.isna().sum()))
    return {
        name: {
            "pages": int(pages.get(name, 0)) if name in paging else np.nan,
            "notifications": int(told.get(name, 0)),
            "wait_p50_seconds": median.get(name, np.nan),
            "untold": untold.get(name, 0) if name in paging else np.nan,
        }
        for name in told_receivers(review.yardstick.config)
    }


def _first_pages(
    review: NoiseReview, notifications: pd.DataFrame, incidents: pd.DataFrame
) -> np.ndarray:
    """Return the seconds from each incident's start to its first page, at least 0, NaN: none."""
    pages_ms = epoch_ms(find_pages(notifications, review.yardstick.waking)["at"])
    starts_ms = epoch_ms(incidents["start"])
    first = np.full(len(incidents), np.nan)
    for i, (start, end) in enumerate(review.yardstick.windows_ms(incidents)):
        inside = pages_ms[(pages_ms >= start) & (pages_ms < end)]
        if len(inside):
            first[i] = max(0, inside.min() - starts_ms[i]) / 1000
    return first


def _fired_again_ms(shot: pd.DataFrame) -> np.ndarray:
    """Return when the alert of each fired episode fired next; inf if never."""
    following = shot.groupby(["rule", "labels"])["fired_at"].shift(-1)
    again = np.full(len(shot), np.inf)
    again[following.notna()] = epoch_ms(following.dropna())
    return again
