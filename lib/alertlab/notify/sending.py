"""Prometheus in front of Alertmanager: what it sends of an episode, and when.

Follows rules/alerting.go (needsSending, sendAlerts), rules/manager.go (SendAlerts) and
notifier/alert.go (relabelAlerts).  Not simulated: a full queue, a send that fails, a send that
takes time, several Prometheus servers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from alertlab.notify.relabel import Relabel, relabel
from alertlab.replay.episodes import RESOLVED_RETENTION_MS
from alertlab.units import MINUTE_MS, LabelSet, label_set


class Post(NamedTuple):
    """Equal sends of one alert at regular times, all of them firing or all of them resolved.

    labels : as Alertmanager gets them
    start : StartsAt, ms
    end : EndsAt of the last send, ms; the alert is resolved from then on
    sends : the times, ms
    """

    labels: LabelSet
    start: int
    end: int
    sends: range

    @property
    def firing(self) -> bool:
        """Whether the alert still fires when it is sent."""
        return self.end > self.sends[-1]

    def singles(self) -> list[Post]:
        """Return the same as posts of one send each, with the EndsAt of each."""
        valid = self.end - self.sends[-1]
        return [
            self._replace(sends=range(at, at + 1), end=at + valid if self.firing else self.end)
            for at in self.sends
        ]


class _Run(NamedTuple):
    """An episode in ms; ``fired`` and ``resolved`` are inf where there is none."""

    active: float
    fired: float
    resolved: float
    interval_ms: int
    gaps: tuple[tuple[int, int], ...]
    dropped: bool


@dataclass(frozen=True)
class Sending:
    """What Prometheus does with alerts before Alertmanager gets them.

    resend_delay_ms : ``--rules.alert.resend-delay``
    external_labels : added where an alert lacks them
    alert_relabel : the steps of ``alert_relabel_configs``
    """

    resend_delay_ms: int = MINUTE_MS
    external_labels: LabelSet = ()
    alert_relabel: tuple[Relabel, ...] = ()

    def received(self, labels: LabelSet) -> LabelSet | None:
        """Return an alert's labels as Alertmanager gets them; None if it never does."""
        own = label_set({**dict(self.external_labels), **dict(labels)})
        return relabel(own, self.alert_relabel)

    def posts(self, episodes: pd.DataFrame, end_ms: int) -> dict[LabelSet, list[Post]]:
        """Return what is sent up to ``end_ms``, by the labels that Alertmanager gets, by time.

        ``episodes`` as of ``replay_rules``, the pending ones too; without the columns
        ``interval_ms``, ``gaps`` and ``dropped`` a rule runs every minute and misses nothing.
        Where several alerts end in one label set, each post is a single send; of those at the same
        time the alert that stands first in ``episodes`` is first.
        """
        sent: dict[LabelSet, list[list[Post]]] = defaultdict(list)
        for labels, runs in _senders(episodes):
            final = self.received(labels)
            if final is not None and (posts := list(self._posts_of(runs, final, end_ms))):
                sent[final].append(posts)
        return {
            labels: parts[0] if len(parts) == 1 else _interleaved(parts)
            for labels, parts in sent.items()
        }

    def _posts_of(self, runs: Sequence[_Run], labels: LabelSet, end_ms: int) -> Iterator[Post]:
        following = [run.active for run in runs[1:]] + [math.inf]
        for run, next_active in zip(runs, following, strict=True):
            if math.isinf(run.fired):
                continue
            valid_ms = 4 * max(run.interval_ms, self.resend_delay_ms)
            # An alert is sent again at the first slot later than the delay.
            every_ms = (self.resend_delay_ms // run.interval_ms + 1) * run.interval_ms
            start = int(run.fired)
            for sends in _sends(start, min(run.resolved, end_ms + 1), every_ms, run):
                yield Post(labels, start, sends[-1] + valid_ms, sends)
            if math.isinf(run.resolved) or run.dropped:
                continue
            end = int(run.resolved)
            stop = min(end + RESOLVED_RETENTION_MS + 1, next_active, end_ms + 1)
            for sends in _sends(end, stop, every_ms, run):
                yield Post(labels, start, end, sends)


def rules_by_alert(episodes: pd.DataFrame, sending: Sending) -> dict[LabelSet, set[str]]:
    """Return which rules stand behind each alert that Alertmanager gets."""
    found: dict[LabelSet, set[str]] = {}
    for rule, labels in set(zip(episodes["rule"], episodes["labels"], strict=True)):
        if (received := sending.received(labels)) is not None:
            found.setdefault(received, set()).add(rule)
    return found


def _sends(first: int, stop: float, every_ms: int, run: _Run) -> Iterator[range]:
    """Yield the sends from ``first`` to before ``stop``, apart where a gap falls between them."""
    at = first
    for gap_start, gap_end in (*sorted(run.gaps), (math.inf, math.inf)):
        if at >= stop:
            break
        if sends := range(at, int(min(gap_start, stop)), every_ms):
            yield sends
            at = sends[-1] + every_ms
        if gap_end < math.inf:
            at = max(at, gap_end + (first - gap_end) % run.interval_ms)


def _senders(episodes: pd.DataFrame) -> Iterator[tuple[LabelSet, list[_Run]]]:
    """Yield the labels and the runs, by time, of every alert that a rule keeps the state of.

    Two rules may give one label set.  Runs that overlap belong to different ones.
    """
    senders: dict[tuple, list[list[_Run]]] = defaultdict(list)
    for rule, labels, run in _runs(episodes):
        same = senders[rule, labels, run.interval_ms]
        free = next((runs for runs in same if runs[-1].resolved <= run.active), None)
        if free is None:
            same.append([run])
        else:
            free.append(run)
    for (_, labels, _), same in senders.items():
        for runs in same:
            yield labels, runs


def _runs(episodes: pd.DataFrame) -> list[tuple[str, LabelSet, _Run]]:
    """Return the episodes' rules, labels and numbers; those of one alert by time."""
    count = len(episodes)
    columns: dict[str, Iterable] = {"interval_ms": [MINUTE_MS] * count, "gaps": [()] * count}
    columns["dropped"] = [False] * count
    columns |= {name: episodes[name] for name in columns if name in episodes}
    times = [_epoch_ms(episodes[name]) for name in ("active_at", "fired_at", "resolved_at")]
    found = [
        (rule, labels, _Run(active, fired, resolved, int(interval_ms), tuple(gaps), bool(dropped)))
        for rule, labels, active, fired, resolved, interval_ms, gaps, dropped in zip(
            episodes["rule"], episodes["labels"], *times, *columns.values(), strict=True
        )
    ]
    order = {key: i for i, key in enumerate(dict.fromkeys(row[:2] for row in found))}
    return sorted(found, key=lambda row: (order[row[:2]], row[2].active))


def _epoch_ms(times: pd.Series) -> list[float]:
    """Return times as ms since the epoch, inf for none; a slot is a whole number of ms."""
    found = times.dt.round("ms").dt.tz_localize(None).astype("datetime64[ms]").astype("int64")
    return [math.inf if none else at for at, none in zip(found.tolist(), times.isna(), strict=True)]


def _interleaved(parts: Iterable[list[Post]]) -> list[Post]:
    singles = [one for posts in parts for post in posts for one in post.singles()]
    return sorted(singles, key=lambda one: one.sends[0])
