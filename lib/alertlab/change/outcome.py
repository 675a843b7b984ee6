"""What a set of rules did over a span: its pages and the incidents it caught."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from alertlab.incidents import epoch_ms, owed, starting_within
from alertlab.intervals import share_interval, weekly_rate
from alertlab.notify import find_pages, rules_by_alert
from alertlab.replay import fired
from alertlab.tuning.outcomes import detection_delays, until_ms
from alertlab.tuning.score import daily_counts
from alertlab.tuning.setting import Span
from alertlab.tuning.yardstick import Yardstick
from alertlab.units import Interval


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a set of rules did, all of them together through one Alertmanager.

    pages : those of the receivers that wake someone, of all receivers if none does; the columns
        of ``find_pages``, ``rules`` (names of the rules behind the alerts that a page tells of)
        and ``false`` (in no incident)
    is_labelled : whether any incident is; otherwise ``false`` says nothing
    episodes : how often alerts of each rule fired
    caught, owed : ids of the incidents that each rule caught, and that it owes an alert.  Caught
        is one during which the rule fired; an alert that fires all the time catches none, as it
        tells nothing
    """

    span: Span
    pages: pd.DataFrame
    is_labelled: bool
    episodes: Mapping[str, int]
    caught: Mapping[str, tuple[str, ...]]
    owed: Mapping[str, tuple[str, ...]]

    @property
    def all_caught(self) -> list[str]:
        """The ids of the incidents that any rule caught, sorted."""
        return sorted(set().union(*self.caught.values()))

    @property
    def all_owed(self) -> list[str]:
        """The ids of the incidents that any rule owes an alert, sorted."""
        return sorted(set().union(*self.owed.values()))

    @property
    def recall(self) -> Interval | None:
        """Share of the incidents owed by any rule that one caught; None without any."""
        return share_interval(len(self.all_caught), len(self.all_owed))

    @property
    def pages_per_week(self) -> Interval:
        """The rate of all pages."""
        return self._rate(self.pages)

    @property
    def false_pages_per_week(self) -> Interval | None:
        """The rate of the pages in no incident; None where none is labelled."""
        return self._rate(self.pages[self.pages["false"]]) if self.is_labelled else None

    def of_rule(self, rule: str) -> dict[str, Any]:
        """Return one rule's numbers; a page that tells of several rules counts for each."""
        pages = self.pages[np.array([rule in names for names in self.pages["rules"]], bool)]
        false = pages[pages["false"]]
        return {
            "pages": len(pages),
            "pages_per_week": self._rate(pages),
            "false_pages": len(false) if self.is_labelled else None,
            "false_pages_per_week": self._rate(false) if self.is_labelled else None,
            "episodes": self.episodes[rule],
            "caught": list(self.caught[rule]),
            "owed": len(self.owed[rule]),
        }

    def _rate(self, pages: pd.DataFrame) -> Interval:
        return weekly_rate(daily_counts(pages["at"], self.span), self.span.weeks)


def outcome_of(
    rules: Iterable[str], episodes: pd.DataFrame, yardstick: Yardstick, span: Span
) -> Outcome:
    """Return what rules of these names did within a span; ``episodes`` are all of theirs."""
    sent = yardstick.notifications(episodes, span)
    pages = find_pages(sent, yardstick.waking or set(sent["receiver"]))
    behind = rules_by_alert(episodes, yardstick.sending)
    told = [tuple(sorted(set().union(*map(behind.get, firing)))) for firing in pages["firing"]]
    shot = fired(episodes)
    owes = {
        name: starting_within(owed(yardstick.incidents, name), span.start_ms, span.end_ms)
        for name in rules
    }
    telling = shot[(epoch_ms(shot["fired_at"]) > span.start_ms) | shot["resolved_at"].notna()]
    caught = {
        name: np.isfinite(
            detection_delays(
                telling[telling["rule"] == name], incidents, yardstick.windows_ms(incidents)
            )
        )
        for name, incidents in owes.items()
    }
    within = shot[until_ms(shot, span.end_ms) > span.start_ms]
    return Outcome(
        span=span,
        pages=pages.assign(
            rules=pd.Series(told, index=pages.index, dtype=object),
            false=yardstick.incident_of(epoch_ms(pages["at"])) < 0,
        ),
        is_labelled=yardstick.is_labelled,
        episodes={name: int((within["rule"] == name).sum()) for name in owes},
        caught={name: tuple(incidents["id"][caught[name]]) for name, incidents in owes.items()},
        owed={name: tuple(incidents["id"]) for name, incidents in owes.items()},
    )
