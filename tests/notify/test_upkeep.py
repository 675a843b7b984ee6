"""What Alertmanager keeps and what it forgets, by hand."""

from __future__ import annotations

import pytest
from one_route import config_of, episodes_of, told

from alertlab.notify import simulate_notifications
from alertlab.notify.groups import Group
from alertlab.notify.ingest import merge_posts
from alertlab.notify.muting import Muting
from alertlab.notify.sending import Post
from alertlab.notify.upkeep import Upkeep
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, label_set

LABELS = label_set({"alertname": "A"})


def posts(*sent: tuple[int, int, int]) -> list[Post]:
    """Single posts (sent, start, end) of one alert."""
    return [Post(LABELS, start, end, range(at, at + 1)) for at, start, end in sent]


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ((10, 0, 50), (20, 0, 60), (0, 60)),  # sent again
        ((10, 0, 50), (20, 0, 20), (0, 20)),  # resolved
        ((10, 0, 50), (20, 15, 60), (0, 60)),  # begins within: the earlier start
        ((10, 0, 50), (20, 15, 20), (0, 20)),
        ((10, 0, 50), (20, 15, 40), (0, 50)),  # both fire: the later end
        ((10, 5, 50), (20, 0, 40), (0, 50)),
        ((10, 0, 20), (30, 5, 12), (0, 20)),  # both resolved: the later end
        ((10, 0, 20), (30, 25, 60), (25, 60)),  # begins after it
        ((10, 0, 20), (30, 20, 60), (20, 60)),
        ((10, 5, 50), (20, 0, 5), (0, 5)),  # ends as it begins
    ],
)
def test_what_is_kept_of_two_sends(old: tuple, new: tuple, kept: tuple) -> None:
    """Start and end of the alert after the second send."""
    (_, last) = merge_posts(posts(old, new), Upkeep())
    assert (last.start, last.end) == kept


def test_resolved_alerts_are_forgotten() -> None:
    """What is forgotten is not merged with; what fires, or was just sent, is not forgotten."""
    upkeep = Upkeep(alerts_interval_ms=100)

    def start_after(*sent: tuple[int, int, int]) -> int:
        return merge_posts(posts(*sent), upkeep)[-1].start

    assert start_after((10, 0, 90), (99, 20, 200)) == 0
    assert start_after((10, 0, 90), (100, 20, 200)) == 20
    assert start_after((10, 0, 110), (100, 20, 200)) == 0
    assert start_after((100, 0, 90), (100, 20, 200)) == 0
    assert start_after((10, 0, 90), (100, 20, 200), (120, 30, 300)) == 20


def test_a_resolve_that_is_sent_for_long_is_forgotten_on_the_way() -> None:
    """Its first sends are merged with what was kept, those after the removal are not."""
    firing = Post(LABELS, 0, 70, range(10, 11))
    resolves = Post(LABELS, 40, 60, range(60, 200, 20))
    kept = merge_posts([firing, resolves], Upkeep(alerts_interval_ms=100))
    assert [one.start for one in kept] == [0, 0, 0, 40, 40, 40, 40, 40]


def test_the_log_is_forgotten_after_its_retention() -> None:
    """A repeat that is later than that is a first notification; the removal comes in turns."""
    config = config_of(repeat_ms=30 * DAY_MS)
    end = {"end_ms": 7 * DAY_MS}
    always = episodes_of(("A", 0, None))

    def second(**more: int) -> tuple[float, str]:
        return told(config, always, upkeep=Upkeep(**more), **end)[1]

    # Written at 30 s, expired at 120 h 30 s, removed at 120 h 15 m, ticks at 30 s after a minute.
    assert second() == ((120 * HOUR_MS + 15.5 * MINUTE_MS) / SECOND_MS, "first")
    assert second(log_retention_ms=24 * HOUR_MS) == (24 * 3600 + 15 * 60 + 30, "first")
    assert second(log_interval_ms=HOUR_MS) == (121 * 3600 + 30, "first")
    assert second(started_ms=-5 * MINUTE_MS) == (120 * 3600 + 10 * 60 + 30, "first")


@pytest.mark.parametrize(
    ("version", "start", "second"),
    [("0.34.2", 0, 30), ("0.34.2", 1, 60), ("0.25", 0, 30), ("0.25", 1, 40), ("0.30", 1, 60)],
)
def test_an_old_alert_is_flushed_at_once(version: str, start: int, second: int) -> None:
    """Old is who began group_wait ago; up to 0.29 it is looked at with every send."""
    post = Post(LABELS, start * SECOND_MS, 10**6, range(30_000, 60_000, 10_000))
    config = config_of(version=version)
    muting = Muting({}, config, (), Upkeep(), 0)
    group = Group(config.route, (), [post], muting, Upkeep(), config.profile)
    assert group.due == second * SECOND_MS


@pytest.mark.parametrize(("every", "second"), [(30, 150), (120, 150), (5, 130), (20, 130)])
def test_when_an_empty_group_ends(every: int, second: int) -> None:
    """Up to 0.31 the next alert waits for its tick unless the group has been ended before."""
    # Told at 30, resolved at 90: the group is empty, its next ticks are 150, 210, …
    episodes = episodes_of(("A", 0, 60), ("A", 100, None))
    rows = simulate_notifications(
        episodes, config_of(version="0.31"), end_ms=HOUR_MS,
        upkeep=Upkeep(groups_interval_ms=every * SECOND_MS),
    )  # fmt: skip
    assert [one.timestamp() for one in rows["at"]][2] == second
