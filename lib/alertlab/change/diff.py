"""What a change of rules would have done: two sets of rules over the same history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from alertlab.change.matching import (
    GAINED,
    LOST,
    MOVED,
    MOVED_WITHIN_MS,
    SAME,
    match_pages,
)
from alertlab.change.outcome import Outcome, outcome_of
from alertlab.change.rule_sets import RulePair, behaviour, pair_rules
from alertlab.errors import BadInput
from alertlab.replay import Coverage, evaluate_rules, find_episodes, join_episodes
from alertlab.rules import AlertRule
from alertlab.sources import Source
from alertlab.tuning.setting import Span
from alertlab.tuning.yardstick import Yardstick
from alertlab.units import DAY_MS, Interval

_BEFORE_MS = DAY_MS  # groups, and what was told of them, are known at the start
_WHATS = (GAINED, LOST, MOVED, SAME)


@dataclass(frozen=True, eq=False)
class RuleDiff:
    """Two sets of rules over one history.

    rules : what became of the rules of each name
    old, new : what each set did
    pages : what became of each page, as ``match_pages``
    coverage : evaluations of each rule that was replayed, the old set's where both have it
    provenance : as the source says
    """

    rules: tuple[RulePair, ...]
    old: Outcome
    new: Outcome
    pages: pd.DataFrame
    coverage: dict[str, Coverage]
    provenance: dict[str, Any]

    @property
    def gained_incidents(self) -> list[str]:
        """The ids of the incidents that only the new set caught."""
        return sorted(set(self.new.all_caught) - set(self.old.all_caught))

    @property
    def lost_incidents(self) -> list[str]:
        """The ids of the incidents that only the old set caught."""
        return sorted(set(self.old.all_caught) - set(self.new.all_caught))

    @property
    def receivers(self) -> pd.DataFrame:
        """Pages by receiver: ``receiver``, ``old``, ``new``, ``gained``, ``lost``, ``moved``."""
        rows = []
        for name in dict.fromkeys(self.pages["receiver"]):
            what = self.pages["what"][self.pages["receiver"] == name]
            gained, lost, moved, same = (int((what == one).sum()) for one in _WHATS)
            rows.append((name, same + moved + lost, same + moved + gained, gained, lost, moved))
        columns = ["receiver", "old", "new", "gained", "lost", "moved"]
        return pd.DataFrame(rows, columns=columns).sort_values("receiver", ignore_index=True)

    @property
    def changed_pages(self) -> pd.DataFrame:
        """The pages that are not the same, one row each, by time.

        Columns: ``what`` (moved, lost, gained), ``receiver``, ``group_labels``, ``old_at`` and
        ``new_at`` (NaT: there is none), ``rules``, ``false`` (of the new page, else the
        old one; None where no incident is labelled).
        """
        rows = []
        for one in self.pages[self.pages["what"] != SAME].itertuples():
            old = None if one.old < 0 else self.old.pages.loc[one.old]
            new = None if one.new < 0 else self.new.pages.loc[one.new]
            told = old if new is None else new
            false = bool(told["false"]) if self.new.is_labelled else None
            times = [pd.NaT if page is None else page["at"] for page in (old, new)]
            rows.append((one.what, one.receiver, one.group_labels, *times, told["rules"], false))
        columns = ["what", "receiver", "group_labels", "old_at", "new_at", "rules", "false"]
        return pd.DataFrame(rows, columns=columns)

    def to_json(self) -> dict[str, Any]:
        """Return the document that ``alertlab diff --json`` prints (docs/changing-a-rule.md)."""
        old, new = self.old, self.new
        false = {"old": old.false_pages_per_week, "new": new.false_pages_per_week}
        counts = self.pages["what"].value_counts()
        return {
            "rules": [self._rule_json(pair) for pair in self.rules],
            "receivers": self.receivers.to_dict("records"),
            "new_pages": int(counts.get(GAINED, 0)),
            "lost_pages": int(counts.get(LOST, 0)),
            "moved_pages": int(counts.get(MOVED, 0)),
            "pages_per_week": {"old": _json(old.pages_per_week), "new": _json(new.pages_per_week)},
            "false_pages_per_week": _json(new.false_pages_per_week),
            "old_false_pages_per_week": _json(old.false_pages_per_week),
            "added_false_pages_per_week": (
                false["new"].mid - false["old"].mid if old.is_labelled else None
            ),
            "incidents": {
                "gained": self.gained_incidents,
                "lost": self.lost_incidents,
                "caught": {"old": len(old.all_caught), "new": len(new.all_caught)},
                "owed": {"old": len(old.all_owed), "new": len(new.all_owed)},
            },
            "recall": {"old": _json(old.recall), "new": _json(new.recall)},
            "pages": [_page_json(row) for row in self.changed_pages.itertuples()],
            "coverage": {
                "weeks": round(new.span.weeks, 3),
                "missed": sum(one.missed for one in self.coverage.values()),
                "failed": sum(one.failed for one in self.coverage.values()),
            },
        }

    def _rule_json(self, pair: RulePair) -> dict[str, Any]:
        sides = {
            side: {key: _json(value) for key, value in outcome.of_rule(pair.name).items()}
            if pair.name in outcome.episodes
            else None
            for side, outcome in (("old", self.old), ("new", self.new))
        }
        changes = {key: {"old": a, "new": b} for key, (a, b) in pair.changes.items()}
        return {"rule": pair.name, "status": pair.status, "changes": changes} | sides


def diff_rules(
    old: Sequence[AlertRule],
    new: Sequence[AlertRule],
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    yardstick: Yardstick | None = None,
    moved_within_ms: int = MOVED_WITHIN_MS,
    slot_offset_ms: int = 0,
    track: Callable[[list], Iterable] = iter,
) -> RuleDiff:
    """Tell what a change of rules would have done to pages and incidents between two times.

    old, new : the whole sets, as loaded: alerts are grouped with and inhibited by one another
    yardstick : the incidents, and who is told; without one, one receiver and no incidents
    moved_within_ms : how far apart two pages of a group may be and still be the same, moved
    slot_offset_ms : see ``evaluate_rule``
    track : wraps the list of rules to show progress

    A rule that is the same in both sets is replayed once.  A day before the start is simulated,
    too, where the source reaches so far, so that open groups are known.
    """
    if not old and not new:
        raise BadInput("neither set of rules holds an alert; name files with alerting rules")
    yardstick = Yardstick() if yardstick is None else yardstick
    before_ms = min(start_ms, max(source.start_ms, start_ms - _BEFORE_MS))
    wanted = {behaviour(rule): rule for rule in (*new, *old)}  # the old one of two alike
    evaluated = evaluate_rules(
        track(list(wanted.values())), source, before_ms, end_ms,
        slot_offset_ms=start_ms - before_ms + slot_offset_ms,
    )  # fmt: skip
    episodes, coverage = {}, {}
    for key, one in zip(wanted, evaluated, strict=True):
        episodes[key] = find_episodes(one)
        coverage.setdefault(one.rule.name, one.coverage)
    span = Span(start_ms, end_ms)
    outcomes = [
        outcome_of(
            dict.fromkeys(rule.name for rule in rules),
            join_episodes(episodes[behaviour(rule)] for rule in rules),
            yardstick,
            span,
        )
        for rules in (old, new)
    ]
    return RuleDiff(
        rules=tuple(pair_rules(old, new)),
        old=outcomes[0],
        new=outcomes[1],
        pages=match_pages(*(one.pages for one in outcomes), moved_within_ms=moved_within_ms),
        coverage=coverage,
        provenance=source.provenance(),
    )


def _json(value: Any) -> Any:
    if isinstance(value, Interval):
        return {"low": value.low, "mid": value.mid, "high": value.high}
    return value


def _page_json(row: Any) -> dict[str, Any]:
    return {
        "what": row.what,
        "receiver": row.receiver,
        "group_labels": dict(row.group_labels),
        "old_at": _seconds(row.old_at),
        "new_at": _seconds(row.new_at),
        "rules": list(row.rules),
        "false": row.false,
    }


def _seconds(moment: pd.Timestamp) -> float | None:
    return None if pd.isna(moment) else moment.timestamp()
