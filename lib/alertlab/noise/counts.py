"""Who was told what: notifications by reason, pages by hour, pages of each incident."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alertlab.incidents import epoch_ms, starting_within
from alertlab.noise.review import NoiseReview
from alertlab.noise.verdicts import ALWAYS, pages_per_week
from alertlab.notify import AlertmanagerConfig, rules_by_alert
from alertlab.notify.dedup import FIRST, NEW_ALERTS, REPEAT, RESOLVED
from alertlab.replay import fired

PAGED = "paged"
TOLD = "told, but paged nobody"
FIRED = "fired, but told nobody"
NOTHING = "nothing fired"
_REASONS = (FIRST, NEW_ALERTS, REPEAT, RESOLVED)
_INCIDENT_COLUMNS = [
    "incident", "start", "severity", "outcome", "pages", "receivers", "rules",
    "first_page_seconds", "duplicates",
]  # fmt: skip


def notifications_by_reason(review: NoiseReview) -> pd.DataFrame:
    """What was each receiver told, and why?

    One row per receiver that has an integration, paging ones first: ``receiver``, a count for each
    reason (first, new alerts, repeat, resolved), ``pages`` (first and new alerts together) and
    ``pages_per_week`` with its interval, both missing where the receiver wakes nobody.  A receiver
    with several integrations counts a notification once.
    """
    paging, distinct = review.yardstick.waking, review.distinct_pages
    told = distinct_notifications(review.notifications)
    rows = []
    for name in told_receivers(review.yardstick.config):
        reasons = told["reason"][told["receiver"] == name].value_counts()
        own = distinct[distinct["receiver"] == name]
        rows.append(
            {"receiver": name}
            | {reason: int(reasons.get(reason, 0)) for reason in _REASONS}
            | {
                "pages": len(own) if name in paging else np.nan,
                "pages_per_week": pages_per_week(own, review.span) if name in paging else None,
            }
        )
    return pd.DataFrame(rows, columns=["receiver", *_REASONS, "pages", "pages_per_week"])


def pages_by_hour(review: NoiseReview) -> pd.DataFrame:
    """When do pages come?  In the review's time zone, where people sleep.

    One row per receiver, weekday (0: Monday) and hour (0 to 23) with a page: ``receiver``,
    ``weekday``, ``hour``, ``night``, ``pages``, ``false``.
    """
    pages = review.distinct_pages
    local = pages["at"].dt.tz_convert(review.yardstick.time_zone)
    keys = ["receiver", "weekday", "hour", "night"]
    placed = pages.assign(weekday=local.dt.day_of_week, hour=local.dt.hour)
    counts = placed.groupby(keys)["false"].agg(pages="size", false="sum")
    return counts.astype(int).reset_index()


def incident_pages(review: NoiseReview) -> pd.DataFrame:
    """Whom did each incident page, how often and how soon?

    One row per incident that starts within the review: ``incident``, ``start``, ``severity``,
    ``outcome`` (PAGED, TOLD, FIRED or NOTHING), ``pages``, ``receivers`` (counts by name),
    ``rules`` (in the order of their pages), ``first_page_seconds`` after the labelled start (0 for
    one before it, NaN without any) and ``duplicates``: pages to a receiver that an earlier one
    had told.  A page within two incidents counts for both; alerts that always fire tell nothing.
    """
    seen = starting_within(review.yardstick.incidents, review.span.start_ms, review.span.end_ms)
    windows = review.yardstick.windows_ms(seen)
    pages = review.distinct_pages
    pages_ms, all_ms = epoch_ms(pages["at"]), epoch_ms(review.pages["at"])
    rows = []
    for row, (start, end), unpaged in zip(
        seen.itertuples(), windows, _unpaged_outcomes(review, windows), strict=True
    ):
        own = pages[(pages_ms >= start) & (pages_ms < end)]
        rules = review.pages["rule"][(all_ms >= start) & (all_ms < end)]
        receivers = own["receiver"].value_counts(sort=False).to_dict()
        delay = (own["at"].min() - row.start).total_seconds() if len(own) else np.nan
        rows.append(
            {
                "incident": row.id,
                "start": row.start,
                "severity": row.severity,
                "outcome": PAGED if len(own) else unpaged,
                "pages": len(own),
                "receivers": receivers,
                "rules": tuple(dict.fromkeys(rules)),
                "first_page_seconds": float(np.maximum(0, delay)),
                "duplicates": len(own) - len(receivers),
            }
        )
    return pd.DataFrame(rows, columns=_INCIDENT_COLUMNS)


def _unpaged_outcomes(review: NoiseReview, windows: np.ndarray) -> list[str]:
    """Return what happened within each window if nobody was paged: TOLD, FIRED or NOTHING."""
    always = set(review.rules["rule"][review.rules["state"] == ALWAYS])
    told_ms = _told_ms(review, always)
    shot = fired(review.episodes)
    shot = shot[~shot["rule"].isin(always)]
    last = pd.Timestamp(review.span.end_ms, unit="ms", tz="UTC")
    fired_ms, until_ms = epoch_ms(shot["fired_at"]), epoch_ms(shot["resolved_at"].fillna(last))
    found = []
    for start, end in windows:
        was_told = ((told_ms >= start) & (told_ms < end)).any()
        has_fired = ((fired_ms < end) & (until_ms > start)).any()
        found.append(TOLD if was_told else FIRED if has_fired else NOTHING)
    return found


def _told_ms(review: NoiseReview, always: set[str]) -> np.ndarray:
    """Return when anyone was told of a firing alert, but for those of rules that always fire."""
    sent = review.notifications
    rules_of = rules_by_alert(review.episodes, review.yardstick.sending)
    news = [any(rules_of[one] - always for one in firing) for firing in sent["firing"]]
    return epoch_ms(sent["at"])[np.array(news, bool)]


def told_receivers(config: AlertmanagerConfig) -> list[str]:
    """Return the receivers that have an integration, those that wake someone first."""
    paging = config.paging_receivers()
    named = [name for name, integrations in config.receivers.items() if integrations]
    return sorted(named, key=lambda name: name not in paging)


def distinct_notifications(notifications: pd.DataFrame) -> pd.DataFrame:
    """Return notifications without what a receiver's second integration repeats."""
    return notifications.drop_duplicates(["at", "receiver", "group_labels", "reason"])
