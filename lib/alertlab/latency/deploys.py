"""When was the service deployed?  Told by its pods: all of them are replaced within minutes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.sources import Source
from alertlab.units import MINUTE_MS, format_duration, format_time

WITHIN_MS = 10 * MINUTE_MS


class Deploy(NamedTuple):
    """One replacement of everything that ran: when the first of the new was seen, and who."""

    at_ms: int
    replaced: tuple[str, ...]
    by: tuple[str, ...]


class _Lives(NamedTuple):
    """When which value of the label was there, by beginning: arrays of shape (n_lives,)."""

    values: np.ndarray
    first_ms: np.ndarray
    last_ms: np.ndarray


def find_deploys(
    source: Source,
    selector: str,
    start_ms: int,
    end_ms: int,
    *,
    label: str = "pod",
    within_ms: int = WITHIN_MS,
) -> list[Deploy]:
    """At which times was everything that a selector finds replaced?

    selector : series of one service, such as ``up{job="auth-service"}``
    label : what names one pod, or one version: all values of before must be gone ``within_ms``
        after the first new one was seen, and that one must still be there.  So a crash, a pod more
        or a pod less is no deploy.  Nor can one be told that takes longer, or that begins in the
        last ``within_ms`` of the data; a service of one pod is replaced whenever that one is.

    Two deploys within ``within_ms`` count as the later one.  A value that was silent for no longer
    than that never went.  BadInput if there is no series of the selector that has the label.
    """
    if within_ms <= 0:
        raise BadInput(
            f"within {format_duration(within_ms)} nothing is replaced; give a duration like 10m"
        )
    series = source.series(selector, start_ms, end_ms, stale_markers=False)
    lives = _lives(series, label, within_ms)
    if not len(lives.values):
        raise BadInput(
            f"there is no series of {selector} with a label {label!r} between "
            f"{format_time(start_ms)} and {format_time(end_ms)}; name series that are there as "
            "long as a pod is, and the label by which pods differ"
        )
    found = (_deploy_at(i, lives, within_ms) for i in range(len(lives.values)))
    at_once = {deploy.at_ms: deploy for deploy in found if deploy is not None}
    return list(at_once.values())


def _deploy_at(new: int, lives: _Lives, within_ms: int) -> Deploy | None:
    """Return the deploy that the beginning of a life is the first sign of, if it is one."""
    begins = int(lives.first_ms[new])
    settled = begins + within_ms
    before = (lives.first_ms < begins) & (lives.last_ms >= begins - within_ms)
    after = (lives.first_ms <= settled) & (lives.last_ms >= settled)
    replaced, by = set(lives.values[before]), set(lives.values[after])
    if not replaced or not after[new] or replaced & by:
        return None
    return Deploy(begins, tuple(sorted(replaced)), tuple(sorted(by)))


def _lives(series: list[Series], label: str, within_ms: int) -> _Lives:
    """Return when each value of the label was there, over all series that have it."""
    times: dict[str, list[np.ndarray]] = {}
    for one in series:
        value = dict(one.labels).get(label)
        if value is not None:
            times.setdefault(value, []).append(one.times[~np.isnan(one.values)])
    lives = []
    for value, parts in times.items():
        seen = np.unique(np.concatenate(parts))
        runs = np.split(seen, np.flatnonzero(np.diff(seen) > within_ms) + 1)
        lives += [(int(run[0]), int(run[-1]), value) for run in runs if len(run)]
    first, last, values = zip(*sorted(lives), strict=True) if lives else ((), (), ())
    return _Lives(np.array(values, object), np.array(first, np.int64), np.array(last, np.int64))
