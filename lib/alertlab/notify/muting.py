"""Who is muted when: inhibition, silences and time intervals as spans of time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from alertlab.notify.config import AlertmanagerConfig, Route
from alertlab.notify.inhibition import Inhibition
from alertlab.notify.sending import Post
from alertlab.notify.silences import Silence
from alertlab.notify.spans import Spans
from alertlab.notify.upkeep import Upkeep
from alertlab.promql import matches_all
from alertlab.units import LabelSet


class Muting:
    """What keeps Alertmanager from telling, from the first send to ``end_ms``.

    Follows notify/mute.go; the order of its stages makes no difference to what is left.
    """

    def __init__(
        self,
        received: Mapping[LabelSet, Sequence[Post]],
        config: AlertmanagerConfig,
        silences: Sequence[Silence],
        upkeep: Upkeep,
        end_ms: int,
    ) -> None:
        self._config, self._silences = config, silences
        self._inhibition = Inhibition(
            config.inhibit_rules,
            received,
            upkeep,
            one_source=config.profile.one_inhibition_source,
        )
        self._start_ms = min((posts[0].sends[0] for posts in received.values()), default=end_ms)
        self._end_ms = end_ms
        self._alerts: dict[LabelSet, list[Spans]] = {}
        self._routes: dict[tuple[tuple[str, ...], ...], Spans] = {}

    def of_alert(self, labels: LabelSet) -> list[Spans]:
        """Return the spans in which an alert is inhibited or silenced."""
        if labels not in self._alerts:
            silenced = Spans(
                (one.start_ms, one.end_ms + 1)  # a silence holds at its end, too
                for one in self._silences
                if matches_all(one.matchers, labels)
            )
            spans = [silenced, *self._inhibition.spans(labels)]
            self._alerts[labels] = [one for one in spans if one]
        return self._alerts[labels]

    def of_route(self, route: Route) -> Spans:
        """Return the spans in which a route is in one of its mute times, or in no active time."""
        key = (route.mute_intervals, route.active_intervals)
        if key not in self._routes:
            self._routes[key] = Spans(self._muted_times(*key) if any(key) else ())
        return self._routes[key]

    def _muted_times(
        self, mute_intervals: tuple[str, ...], active_intervals: tuple[str, ...]
    ) -> Iterator[tuple[int, int]]:
        intervals = [
            self._config.time_intervals[name] for name in mute_intervals + active_intervals
        ]
        changes = [one.change_times(self._start_ms, self._end_ms) for one in intervals]
        edges = np.unique(np.concatenate([[self._start_ms], *changes])).astype(np.int64)
        muted = self._within(mute_intervals, edges)
        if active_intervals:
            muted |= ~self._within(active_intervals, edges)
        for is_muted, span in zip(muted, pairwise([*edges.tolist(), math.inf]), strict=True):
            if is_muted:
                yield span

    def _within(self, names: tuple[str, ...], at_ms: np.ndarray) -> np.ndarray:
        found = np.zeros(len(at_ms), bool)
        for name in names:
            found |= self._config.time_intervals[name].contains(at_ms)
        return found
