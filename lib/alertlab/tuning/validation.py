"""Does a choice hold on weeks that it was not made on?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from alertlab.tuning.candidates import Candidates, doing_as
from alertlab.tuning.recommend import Constraints, shortlist
from alertlab.tuning.setting import Setting, Span
from alertlab.units import WEEK_MS

_FEWEST_SPANS, _MOST_SPANS = 2, 8


@dataclass(frozen=True)
class Round:
    """A setting chosen on one stretch, counted there and on the stretch behind it.

    ``false_rises_now`` and ``detected_now`` are what the rule as it stands did on the latter.
    """

    setting: Setting
    chosen_on: Span
    scored_on: Span
    false_rises_seen: int
    false_rises_unseen: int
    false_rises_now: int
    detected_unseen: int
    detected_now: int
    owed_unseen: int


@dataclass(frozen=True)
class Validation:
    """Choices made on all that lay before, each scored on the stretch that follows.

    Rates are false alarms of the group per week.
    """

    rounds: tuple[Round, ...]

    @property
    def false_rises_seen(self) -> float:
        """What the choices promised, on what they were made on."""
        return _rate((one.false_rises_seen, one.chosen_on) for one in self.rounds)

    @property
    def false_rises_unseen(self) -> float:
        """What they did on what they had not seen."""
        return _rate((one.false_rises_unseen, one.scored_on) for one in self.rounds)

    @property
    def false_rises_now(self) -> float:
        """What the rule as it stands did there."""
        return _rate((one.false_rises_now, one.scored_on) for one in self.rounds)

    @property
    def optimism(self) -> float:
        """False alarms a week that came unpromised."""
        return self.false_rises_unseen - self.false_rises_seen

    @property
    def detected_unseen(self) -> int:
        """Incidents caught on what the choices had not seen."""
        return sum(one.detected_unseen for one in self.rounds)

    @property
    def detected_now(self) -> int:
        """Incidents that the rule as it stands caught there."""
        return sum(one.detected_now for one in self.rounds)

    @property
    def owed_unseen(self) -> int:
        """Incidents that there were."""
        return sum(one.owed_unseen for one in self.rounds)

    @property
    def fails(self) -> bool:
        """Whether on unseen weeks choosing did no better than leaving the rule as it stands."""
        return (
            self.false_rises_unseen >= self.false_rises_now
            and self.detected_unseen <= self.detected_now
        )

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON types."""
        names = (
            "false_rises_seen", "false_rises_unseen", "false_rises_now", "optimism",
            "detected_unseen", "detected_now", "owed_unseen",
        )  # fmt: skip
        return {"rounds": len(self.rounds)} | {name: getattr(self, name) for name in names}


def split(span: Span, interval_ms: int) -> tuple[Span, ...]:
    """Return a span in stretches of about a week, at least two, at whole evaluations."""
    count = min(max(round(span.weeks), _FEWEST_SPANS), _MOST_SPANS)
    slots = (span.end_ms - span.start_ms) // interval_ms
    edges = [span.start_ms + k * slots // count * interval_ms for k in range(count)]
    edges.append(span.end_ms)
    return tuple(Span(*pair) for pair in pairwise(edges))


def validate(
    candidates: Candidates, constraints: Constraints, current: Setting
) -> Validation | None:
    """Choose on the first stretches of a sweep, look at the next; None if there is no choice.

    A choice needs at least one owed incident among what it is made on.
    """
    spans = candidates.spans
    rounds = []
    for k in range(1, len(spans)):
        seen = candidates.table(slice(0, k))
        chosen = shortlist(seen, constraints, current, most=1) if seen["owed"].iloc[0] else []
        for setting in chosen:
            then = candidates.table(slice(k, k + 1))
            promised, kept, now = (
                table[doing_as(table, one)].iloc[0]
                for table, one in ((seen, setting), (then, setting), (then, current))
            )
            rounds.append(
                Round(
                    setting=setting,
                    chosen_on=Span(spans[0].start_ms, spans[k].start_ms),
                    scored_on=spans[k],
                    false_rises_seen=int(promised["false_rises"]),
                    false_rises_unseen=int(kept["false_rises"]),
                    false_rises_now=int(now["false_rises"]),
                    detected_unseen=int(kept["detected"]),
                    detected_now=int(now["detected"]),
                    owed_unseen=int(kept["owed"]),
                )
            )
    return Validation(tuple(rounds)) if rounds else None


def _rate(counted: Iterable[tuple[int, Span]]) -> float:
    counts, spans = zip(*counted, strict=True)
    return sum(counts) / (sum(one.end_ms - one.start_ms for one in spans) / WEEK_MS)
