"""What Alertmanager keeps of the alerts that it receives (provider/mem/mem.go, Put)."""

from __future__ import annotations

from collections.abc import Iterable

from alertlab.notify.sending import Post
from alertlab.notify.upkeep import Upkeep


def merge_posts(posts: Iterable[Post], upkeep: Upkeep) -> list[Post]:
    """Return the posts of one label set, by time, as they are kept: merged where they overlap.

    A send that overlaps what is kept takes over the earlier start, and the later end unless one of
    them says that the alert is resolved.
    """
    kept: list[Post] = []
    waiting = list(reversed(list(posts)))
    while waiting:
        post = waiting.pop()
        now = post.sends[0]
        merged = _merge(kept[-1], post, now, upkeep.alerts_before(now)) if kept else post
        if merged == post or post.firing or len(post.sends) == 1:
            kept.append(merged)
        else:
            waiting += reversed(post.singles())  # the old alert may be forgotten between them
    return kept


def _merge(old: Post, new: Post, now: int, removal: float) -> Post:
    """Return the newer alert with what the older one adds (alert/alert.go, Merge)."""
    forgotten = old.end <= removal and old.sends[-1] < removal
    overlaps = old.start < new.end < old.end or old.start < new.start < old.end
    if forgotten or not overlaps:
        return new
    end = new.end
    if old.end > new.end and (new.end > now or old.end <= now):
        end = old.end
    return new._replace(start=min(old.start, new.start), end=end)
