"""One group of alerts: its members, its flushes, its end (dispatch/dispatch.go of Alertmanager)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from alertlab.notify.config import Route
from alertlab.notify.muting import Muting
from alertlab.notify.profiles import Profile
from alertlab.notify.sending import Post
from alertlab.notify.upkeep import Upkeep
from alertlab.units import LabelSet


class Group:
    """The alerts of one route with the same group labels, through all lives of the group.

    due : when it is flushed next, ms; inf for never.  Between two flushes at which something
        changed the group would have ticked every ``group_interval`` and told nothing.
    """

    def __init__(
        self,
        route: Route,
        labels: LabelSet,
        posts: Iterable[Post],
        muting: Muting,
        upkeep: Upkeep,
        profile: Profile,
    ) -> None:
        self.route, self.labels = route, labels
        self._arrivals = _arrivals(posts)
        self._muting, self._upkeep, self._profile = muting, upkeep, profile
        self._waiting = 0  # arrivals before this index have reached the group
        self._members: dict[LabelSet, Post] = {}
        self._flushed_at = math.nan
        self.due = self._first_flush()

    def flush(self, now: float) -> tuple[frozenset[LabelSet], frozenset[LabelSet]]:
        """Return the firing and the resolved alerts that are not muted; the resolved ones leave."""
        while self._waiting < len(self._arrivals) and self._arrivals[self._waiting][0] <= now:
            post = self._arrivals[self._waiting][1]
            self._members[post.labels] = post
            self._waiting += 1
        members = self._members
        firing = frozenset(labels for labels, post in members.items() if post.end > now)
        self._members = {labels: members[labels] for labels in members if labels in firing}
        self._flushed_at = now
        if self._muting.of_route(self.route).holds(now):
            return frozenset(), frozenset()
        muted = {
            labels
            for labels in members
            if any(spans.holds(now) for spans in self._muting.of_alert(labels))
        }
        return firing - muted, frozenset(members.keys() - firing - muted)

    def plan(self, log_changes: Iterable[float]) -> None:
        """Set when to flush next after a flush: at the first tick that may see something new.

        log_changes : the times after the flush from which the notification log may ask for more
        """
        now = self._flushed_at
        if self._members:
            self.due = self._tick_from(min((*self._changes_after(now), *log_changes)))
        elif self._lives_on(now):
            self.due = self._tick_from(self._next_arrival())
        else:
            self.due = self._first_flush()

    def look_again(self, now: float) -> None:
        """Flush at the next tick after ``now`` at the latest: another group has told of others."""
        if self._members:
            self.due = min(self.due, self._tick_from(now + 1))

    def _changes_after(self, now: float) -> list[float]:
        changes = [self._next_arrival(), self._muting.of_route(self.route).next_edge(now)]
        for labels, post in self._members.items():
            changes.append(post.end)
            changes += [spans.next_edge(now) for spans in self._muting.of_alert(labels)]
        return changes

    def _lives_on(self, emptied_at: float) -> bool:
        """Tell whether the next alert finds the emptied group still there."""
        if self._profile.destroys_emptied:
            return False
        return self._next_arrival() < self._upkeep.groups_after(emptied_at)

    def _first_flush(self) -> float:
        """Return when a group that the next alert creates is flushed for the first time."""
        if self._waiting == len(self._arrivals):
            return math.inf
        self._flushed_at = math.nan
        created_at, creator = self._arrivals[self._waiting]
        wait_ms = self.route.group_wait_ms
        # An alert arrives a moment after its send, so that it is old from this very ms on.
        due = created_at if creator.start + wait_ms <= created_at else created_at + wait_ms
        if self._profile.checks_on_insert:
            for at, post in self._arrivals[self._waiting :]:
                if at > due:
                    break
                due = min(due, _first_send(post, max(created_at, post.start + wait_ms)))
        return due

    def _next_arrival(self) -> float:
        found = self._arrivals[self._waiting : self._waiting + 1]
        return found[0][0] if found else math.inf

    def _tick_from(self, at: float) -> float:
        """Return the first tick at or after ``at``, later than the last flush."""
        if math.isinf(at):
            return math.inf
        every = self.route.group_interval_ms
        return self._flushed_at + max(1, math.ceil((at - self._flushed_at) / every)) * every


def _arrivals(posts: Iterable[Post]) -> Sequence[tuple[int, Post]]:
    """Return, by time, the sends that change a group: a firing alert stays in it once it is there.

    A resolved one leaves with the next flush and comes back with the next send.
    """
    found = [(at, post) for post in posts for at in (post.sends[:1] if post.firing else post.sends)]
    return sorted(found, key=lambda arrival: arrival[0])


def _first_send(post: Post, at: float) -> float:
    position = bisect_left(post.sends, at)
    return post.sends[position] if position < len(post.sends) else math.inf
