"""Which cuts of history prove a change: silent where it paged for nothing, loud in an incident."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from alertlab.change.cuts import Cut, Firing, cut_history, rehearse
from alertlab.change.inputs import NoUnitTest, check_readable, look_back_ms
from alertlab.incidents import epoch_ms, owed, starting_within
from alertlab.replay import fired
from alertlab.rules import AlertRule, RuleGroup
from alertlab.sources import Source
from alertlab.tuning.outcomes import detection_delays, until_ms
from alertlab.tuning.setting import Span
from alertlab.tuning.yardstick import Yardstick
from alertlab.units import SECOND_MS, format_time

_TRIES = 6  # cuts looked at for each kind of proof
_SLOTS_OFF = 3  # on the grid of a cut an alert may fire so much sooner or later than in history


@dataclass(frozen=True)
class Version:
    """A rule before or after the change: as loaded, the groups of its file, its episodes."""

    rule: AlertRule
    groups: Sequence[RuleGroup]
    episodes: pd.DataFrame


@dataclass(frozen=True)
class Proof:
    """One test: what must fire at which times of a cut.

    checks : time after the cut's start [ms] and the alerts that fire then
    tells : whether the old rule fails it
    semantics : the major versions of Prometheus that give these alerts
    """

    name: str
    cut: Cut
    checks: tuple[tuple[int, Firing], ...]
    tells: bool
    semantics: tuple[int, ...]


class _Moment(NamedTuple):
    """Something in history to be seen again [ms]: when its alert became active, when it was, and
    how far the cut is to go."""

    name: str
    active_ms: int
    at_ms: int
    end_ms: int


def find_proofs(
    old: Version, new: Version, source: Source, yardstick: Yardstick, span: Span
) -> list[Proof]:
    """Return tests that the new rule passes and the old one does not, on cuts of history.

    A false page of the old rule at which the new one is silent, and an incident that the new rule
    catches, one that the old rule missed if there is any; where neither tells the rules apart, an
    alert that the new rule keeps firing.  Raises NoUnitTest with the reason where there is none.
    """
    check_readable(new.rule)
    prover = _Prover(old, new, source)
    silent = prover.first(_false_pages(old, new, yardstick, span), prover.silence)
    loud = prover.first(_catches(old, new, yardstick, span), prover.firing)
    proofs = [one for one in (silent, loud) if one is not None]
    if not any(one.tells for one in proofs):
        kept = prover.first(_kept(old, new, span), prover.keeping)
        proofs += [kept] if kept is not None else []
    if not any(one.tells for one in proofs):
        raise NoUnitTest(prover.reason or "no cut of the history tells the old rule from the new")
    return proofs


class _Prover:
    """Cuts history and rehearses both rules on it, in both semantics, the source's own first."""

    def __init__(self, old: Version, new: Version, source: Source) -> None:
        self._old, self._new, self._source = old, new, source
        self._semantics = (source.semantics, 5 - source.semantics)
        self._interval_ms = new.rule.interval_ms
        self.reason = ""

    def first(
        self,
        moments: Iterable[_Moment],
        prove: Callable[[str, Cut, int], Proof | None],
    ) -> Proof | None:
        """Return the first proof among the shortest moments; one that tells, if there is any."""
        kept = None
        ordered = sorted(moments, key=lambda one: one.end_ms - one.active_ms)
        for moment in ordered[:_TRIES]:
            try:
                cut = self._cut(moment)
                found = prove(moment.name, cut, (moment.at_ms - cut.start_ms) // self._interval_ms)
            except NoUnitTest as error:
                self.reason = str(error)
                continue
            if found is not None and found.tells:
                return found
            kept = kept or found
        return kept

    def silence(self, name: str, cut: Cut, slot: int) -> Proof | None:
        """Prove that the new rule is silent in the whole cut; the old one fires up to ``slot``."""
        before, after = self._rehearsed(self._old, cut), self._rehearsed(self._new, cut)
        if before is None or after is None or any(map(any, after)):
            return None
        fires = [i for i, alerts in enumerate(zip(*before, strict=True)) if all(alerts)]
        near = [i for i in fires if abs(i - slot) <= _SLOTS_OFF]
        if not near:
            return None
        checks = [(i, ()) for i in dict.fromkeys((fires[0], len(after[0]) - 1))]
        return self._proof(name, cut, checks, before, portable=True)

    def firing(self, name: str, cut: Cut, slot: int) -> Proof | None:
        """Prove which alerts the new rule fires first, near ``slot``, and that none did before."""
        before, after = self._rehearsed(self._old, cut), self._rehearsed(self._new, cut)
        if before is None or after is None:
            return None
        own, other = after
        alike = [i for i, alerts in enumerate(own) if alerts and alerts == other[i]]
        at = next(iter(alike or [i for i, alerts in enumerate(own) if alerts]), None)
        if at is None or abs(at - slot) > _SLOTS_OFF:
            return None
        quiet = [i for i in range(at) if not own[i] and not other[i]]
        checks = [*((i, ()) for i in quiet[-1:]), (at, own[at])]
        return self._proof(name, cut, checks, before, portable=bool(alike))

    def keeping(self, name: str, cut: Cut, slot: int) -> Proof | None:
        """Prove that the new rule still fires near ``slot``, where the old one does not."""
        before, after = self._rehearsed(self._old, cut), self._rehearsed(self._new, cut)
        if before is None or after is None:
            return None
        for i, alerts in enumerate(after[0]):
            near = abs(i - slot) <= _SLOTS_OFF
            if near and alerts and alerts == after[1][i] and not before[0][i] and not before[1][i]:
                return self._proof(name, cut, [(i, alerts)], before, portable=True)
        return None

    def _proof(
        self,
        name: str,
        cut: Cut,
        checks: list[tuple[int, Firing]],
        before: tuple[list[Firing], list[Firing]],
        *,
        portable: bool,
    ) -> Proof:
        semantics = self._semantics if portable else self._semantics[:1]
        sides = before[: len(semantics)]
        tells = all(any(slots[i] != alerts for i, alerts in checks) for slots in sides)
        timed = tuple((i * self._interval_ms, alerts) for i, alerts in checks)
        return Proof(name, cut, timed, tells, tuple(sorted(semantics)))

    def _cut(self, moment: _Moment) -> Cut:
        """Return the cut that shows a moment, with all that its first evaluations look back to."""
        every_ms = self._interval_ms
        reach_ms = max(look_back_ms(one.rule) for one in (self._old, self._new))
        start_ms = moment.active_ms - (math.ceil(reach_ms / every_ms) + 1) * every_ms
        slots = (moment.end_ms - start_ms) // every_ms + _SLOTS_OFF
        return cut_history(self._new.rule, self._source, start_ms, start_ms + slots * every_ms)

    def _rehearsed(self, version: Version, cut: Cut) -> tuple[list[Firing], list[Firing]] | None:
        found = [rehearse(cut, version.groups, version.rule, one) for one in self._semantics]
        return None if None in found else tuple(found)


def _false_pages(old: Version, new: Version, yardstick: Yardstick, span: Span) -> Iterator[_Moment]:
    """Give the pages of the old rule that belong to no incident, where the new one is silent while
    the old one fires, and for another ``for``."""
    pages = yardstick.pages(old.episodes, span)
    times = epoch_ms(pages["at"])
    before, after = (_firing_times(one.episodes, span) for one in (old, new))
    what = "it paged for nothing" if yardstick.is_labelled else "it paged"
    for at in times[yardstick.incident_of(times) < 0].tolist():
        firing = before[(before["fired"] <= at) & (before["until"] > at)]
        if firing.empty:
            continue
        active_ms, until_ms = int(firing["active"].min()), int(firing["until"].max())
        end_ms = until_ms + new.rule.hold_duration_ms
        if not ((after["fired"] <= end_ms) & (after["until"] > active_ms)).any():
            yield _Moment(f"silent where {what}: {_moment_text(at)}", active_ms, until_ms, end_ms)


def _catches(old: Version, new: Version, yardstick: Yardstick, span: Span) -> list[_Moment]:
    """Return how the new rule detects incidents that it owes; those that the old one missed if
    there are any, else critical ones if there are any."""
    owes = starting_within(owed(yardstick.incidents, new.rule.name), span.start_ms, span.end_ms)
    windows = yardstick.windows_ms(owes)
    missed = np.isnan(detection_delays(fired(old.episodes), owes, windows))
    shot = _firing_times(new.episodes, span)
    found = []
    for (start, end), one, is_missed in zip(windows, owes.itertuples(), missed, strict=True):
        first = shot[(shot["fired"] >= start) & (shot["fired"] < end)].head(1)
        for active_ms, at_ms in zip(first["active"], first["fired"], strict=True):
            moment = _Moment(f"incident {one.id} is caught", int(active_ms), int(at_ms), int(at_ms))
            found.append((is_missed, one.severity == "critical", moment))
    best = max((one[:2] for one in found), default=None)
    return [moment for *rank, moment in found if tuple(rank) == best]


def _kept(old: Version, new: Version, span: Span) -> Iterator[_Moment]:
    """Give the alerts that the new rule goes on firing where the old one resolved them."""
    before, after = (_firing_times(one.episodes, span) for one in (old, new))
    for labels, active, fired_at, until in after.itertuples(index=False):
        ended = before[(before["labels"] == labels) & (before["until"] < until)]["until"]
        for at in ended[ended > fired_at].head(1).astype(int).tolist():
            yield _Moment(f"still firing at {_moment_text(at)}", int(active), at, at)


def _firing_times(episodes: pd.DataFrame, span: Span) -> pd.DataFrame:
    """Return ``labels``, ``active``, ``fired`` and ``until`` [ms] of what fired, by firing."""
    shot = fired(episodes)
    return pd.DataFrame(
        {
            "labels": shot["labels"],
            "active": epoch_ms(shot["active_at"]),
            "fired": epoch_ms(shot["fired_at"]),
            "until": until_ms(shot, span.end_ms),
        }
    ).sort_values("fired", kind="stable", ignore_index=True)


def _moment_text(at_ms: int) -> str:
    return format_time(at_ms // SECOND_MS * SECOND_MS)
