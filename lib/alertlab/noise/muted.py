"""When alerts fired but were muted: inhibited, silenced or outside a route's times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from alertlab.incidents import epoch_ms
from alertlab.noise.review import NoiseReview
from alertlab.notify.ingest import merge_posts
from alertlab.notify.muting import Muting
from alertlab.notify.spans import Spans
from alertlab.notify.upkeep import Upkeep
from alertlab.replay import fired


def muted_time(review: NoiseReview) -> pd.DataFrame:
    """When did alerts fire without anyone being woken for them, because they were muted?

    One row per stretch of an alert that routes to paging receivers in which all of these were
    muted: ``rule``, ``labels``, ``start``, ``end`` (UTC).  A notification may still be missing
    before and after: it goes out at a flush.
    """
    muting = _muting(review)
    paging = review.yardstick.waking
    shot = fired(review.episodes)
    until_ms = shot["resolved_at"].fillna(pd.Timestamp(review.span.end_ms, unit="ms", tz="UTC"))
    rows = []
    for row, start, end in zip(
        shot.itertuples(), epoch_ms(shot["fired_at"]), epoch_ms(until_ms), strict=True
    ):
        received = review.yardstick.sending.received(row.labels)
        matched = [] if received is None else review.yardstick.config.route.match(received)
        routes = [muting.of_route(one) for one in matched if one.receiver in paging]
        if routes:
            stretches = _stretches(muting.of_alert(received), routes, int(start), int(end))
            rows += [(row.rule, row.labels, *one) for one in stretches]
    frame = pd.DataFrame(rows, columns=["rule", "labels", "start", "end"])
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column].astype("int64"), unit="ms", utc=True)
    return frame


def _muting(review: NoiseReview) -> Muting:
    upkeep, end_ms = Upkeep(), review.span.end_ms
    posts = review.yardstick.sending.posts(review.episodes, end_ms)
    received = {labels: merge_posts(sent, upkeep) for labels, sent in posts.items()}
    return Muting(received, review.yardstick.config, review.yardstick.silences, upkeep, end_ms)


def _stretches(
    alert: Sequence[Spans], routes: Sequence[Spans], start: int, end: int
) -> Iterator[tuple[int, int]]:
    """Yield when the alert itself is muted or every route is."""
    since = None
    at = start
    while at < end:
        muted = any(one.holds(at) for one in alert) or all(one.holds(at) for one in routes)
        if muted and since is None:
            since = at
        if not muted and since is not None:
            yield since, at
            since = None
        at = int(min(end, *(one.next_edge(at) for one in (*alert, *routes))))
    if since is not None:
        yield since, end
