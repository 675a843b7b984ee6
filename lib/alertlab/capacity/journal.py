"""The journal: what each report on capacity said, so that the next one can say what changed.

One JSON file, one entry for each time a report was made of (the end of its data), in order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alertlab.capacity.ladder import Rung
from alertlab.capacity.verdict import Verdict
from alertlab.errors import BadInput
from alertlab.files import locked, replacing
from alertlab.units import format_time, parse_time

FORMAT_VERSION = 1


@dataclass(frozen=True)
class ResourceState:
    """What a report said of one resource; None where it did not know.

    peak_use_ratio : of the limit, at the peak of the last week
    days : until the own threshold; median and earliest; None also where it is not in sight
    """

    resource: str
    peak_use_ratio: float | None
    headroom_ratio: float | None
    days_median: float | None
    days_earliest: float | None


@dataclass(frozen=True)
class Entry:
    """One report: the end of its data, its binding constraint, and all resources by name."""

    at: str
    binding: str
    states: tuple[ResourceState, ...]
    most_logins_per_second: float | None = None

    def state(self, resource: str) -> ResourceState | None:
        """Return what was said of a resource, if it was there."""
        return next((one for one in self.states if one.resource == resource), None)


def report_entry(at_ms: int, rungs: Sequence[Rung], verdict: Verdict) -> Entry:
    """Return what a report on data up to a time says; ``rungs`` the first to bind first."""
    most = verdict.logins_per_second
    states = tuple(
        ResourceState(
            one.name,
            _known(one.peak_ratio),
            _known(one.headroom_ratio),
            _known(one.median_days),
            _known(one.earliest_days),
        )
        for one in rungs
    )
    binding = rungs[0].name if rungs and math.isfinite(rungs[0].slack_days) else ""
    return Entry(format_time(at_ms), binding, states, most.mid if most else None)


def _known(number: float) -> float | None:
    return number if math.isfinite(number) else None


@dataclass(frozen=True)
class Journal:
    """Entries in order of time."""

    entries: tuple[Entry, ...] = ()

    def before(self, at: str) -> Entry | None:
        """Return the last entry before a time; a report does not compare with itself."""
        earlier = [one for one in self.entries if parse_time(one.at) < parse_time(at)]
        return earlier[-1] if earlier else None


@dataclass(frozen=True)
class Change:
    """What became of a resource since the last report; None where one of them did not know."""

    resource: str
    before: ResourceState | None
    now: ResourceState | None
    headroom_change_ratio: float | None
    days_change: float | None


def changes(before: Entry, now: Entry) -> list[Change]:
    """Say for each resource of either report how it changed, those of now first."""
    names = dict.fromkeys(one.resource for entry in (now, before) for one in entry.states)
    return [_change(name, before.state(name), now.state(name)) for name in names]


def _change(name: str, before: ResourceState | None, now: ResourceState | None) -> Change:
    def difference(field: str) -> float | None:
        old, new = (getattr(one, field, None) for one in (before, now))
        return None if old is None or new is None else new - old

    return Change(name, before, now, difference("headroom_ratio"), difference("days_median"))


def load_journal(path: str | Path) -> Journal:
    """Read a journal; a file that is not there holds nothing.  BadInput for a damaged one."""
    file = Path(path)
    if not file.exists():
        return Journal()
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["version"] != FORMAT_VERSION:
            raise ValueError(f"its version is {content['version']!r}, not {FORMAT_VERSION}")
        return Journal(tuple(_entry(one) for one in content["reports"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, BadInput) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else f"is damaged: {error}"
        raise BadInput(
            f"the journal {file} {what}; restore it, or move it away to begin a new one"
        ) from None


def _entry(content: Mapping[str, Any]) -> Entry:
    parse_time(content["at"])
    states = tuple(ResourceState(**one) for one in content["states"])
    return Entry(**{**content, "states": states})


def write_entry(path: str | Path, entry: Entry) -> Journal:
    """Add an entry, in the place of one for the same time; return the whole journal.

    The same report writes the same bytes again.  Two writers take turns.
    """
    file = Path(path)
    if not file.parent.is_dir():
        raise BadInput(
            f"there is no folder {file.parent} for the journal; make it, or name another"
        )
    with locked(file.parent):
        others = [one for one in load_journal(file).entries if one.at != entry.at]
        entries = tuple(sorted([*others, entry], key=lambda one: parse_time(one.at)))
        document = {"version": FORMAT_VERSION, "reports": [asdict(one) for one in entries]}
        text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
        with replacing(file) as fresh:
            fresh.write_text(text + "\n", encoding="utf-8")
    return Journal(entries)
