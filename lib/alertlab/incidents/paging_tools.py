"""Incidents from what a paging tool exports: PagerDuty's incidents, Opsgenie's alerts.

Such an entry shows that someone was paged, not that something was wrong, and its start is when
the tool was told.  It has no rule names, so that every rule owes it; see docs/incidents.md.

Fields of PagerDuty: its REST API (developer.pagerduty.com, List incidents: ``created_at``,
``resolved_at`` or null, ``urgency`` high or low, ``incident_number``, ``title``, ``service``), and
the CSV of its incident reports (``created_on``, ``resolved_on``, ``seconds_to_resolve``,
``description``, ``service_name``).  Of Opsgenie: its Alert API (docs.opsgenie.com/docs/alert-api:
``createdAt``, ``status``, ``priority`` P1 to P5, ``tinyId``, ``message``, and ``report.closeTime``
in ms after ``createdAt``); a CSV has the same names.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from alertlab.errors import BadInput
from alertlab.units import SECOND_MS, parse_time

_LOG = logging.getLogger(__name__)
_SEVERITIES = {
    "high": "critical", "low": "warning",
    "P1": "critical", "P2": "critical", "P3": "warning", "P4": "info", "P5": "info",
}  # fmt: skip
_MORE_PAGES = ("more", "paging")  # PagerDuty: true; Opsgenie: holds the next page's address


class Exported(NamedTuple):
    """The entries of an incidents file, and what stands around them in its JSON."""

    entries: list[dict[str, Any]]
    around: Mapping[str, Any] = {}


class Page(NamedTuple):
    """One entry as the table has it; ``end_ms`` is None while it is open."""

    id: str
    start_ms: int
    end_ms: int | None
    severity: str
    note: str


@dataclass(frozen=True)
class PagingTool:
    """A tool whose export is told by its fields.

    ``starts``: fields of which one must be there, and ``others``: of which one more must.
    """

    name: str
    starts: frozenset[str]
    others: frozenset[str]
    page: Callable[[_Entry], Page]

    @property
    def told_by(self) -> str:
        """What its export is recognised by, in words."""
        either = " or ".join(sorted(self.starts))
        return f"{either} with {' or '.join(sorted(self.others))} of {self.name}"

    def wrote(self, fields: set[str]) -> bool:
        """Tell whether entries with these fields are its export."""
        return bool(fields & self.starts) and bool(fields & self.others)

    def rows(self, exported: Exported, file: Path) -> list[tuple]:
        """Return the rows of an incidents table; what is left out is counted in a warning.

        Open entries have no end, and ones closed in the moment of their start have no length.
        """
        numbered = enumerate(exported.entries, start=1)
        pages = [self.page(_Entry(one, number, file)) for number, one in numbered]
        ended = [one for one in pages if one.end_ms is not None]
        lasting = [one for one in ended if one.end_ms > one.start_ms]
        self._warn(file, len(pages) - len(ended), "have no end yet")
        self._warn(file, len(ended) - len(lasting), "ended when they started")
        if any(self._has_more(exported.around.get(key)) for key in _MORE_PAGES):
            _LOG.warning("%s: %s has more than these; fetch the other pages too", file, self.name)
        return [(p.id, p.start_ms, p.end_ms, p.severity, None, p.note) for p in lasting]

    def _warn(self, file: Path, count: int, why: str) -> None:
        if count:
            _LOG.warning("%s: %d incidents of %s %s and are left out", file, count, self.name, why)

    @staticmethod
    def _has_more(value: Any) -> bool:
        return "next" in value if isinstance(value, Mapping) else bool(value)


@dataclass(frozen=True)
class _Entry:
    """One entry, asked for its fields by name; an empty field is missing."""

    fields: Mapping[str, Any]
    number: int
    file: Path
    id_fields: tuple[str, ...] = field(default=("incident_number", "tinyId", "id"))

    def text(self, *names: str) -> str:
        """Return the first of the fields that is there, as text; empty if none is."""
        found = (self.fields.get(name) for name in names)
        return next((str(one).strip() for one in found if one not in (None, "")), "")

    def inner(self, name: str, key: str) -> str:
        """Return what a field's object holds under a key; in CSV it is the field ``name.key``."""
        around = self.fields.get(name)
        found = around.get(key) if isinstance(around, Mapping) else self.fields.get(f"{name}.{key}")
        return "" if found is None else str(found).strip()

    @property
    def id(self) -> str:
        found = self.text(*self.id_fields)
        if not found:
            raise BadInput(f"{self.where}: none of {', '.join(self.id_fields)} is there")
        return found

    @property
    def where(self) -> str:
        return f"{self.file}: incident {self.text(*self.id_fields) or f'number {self.number}'}"

    def start_ms(self, *names: str) -> int:
        """Return the time of a field that must be there."""
        found = self.time_ms(*names)
        if found is None:
            raise BadInput(f"{self.where}: {' or '.join(names)} is missing")
        return found

    def time_ms(self, *names: str) -> int | None:
        """Return the time of the first field that is there; None if none is."""
        found = self.text(*names)
        try:
            return parse_time(found) if found else None
        except BadInput as error:
            raise BadInput(f"{self.where}: {' or '.join(names)}: {error}") from None

    def after_ms(self, start_ms: int, length: str, unit_ms: int, name: str) -> int | None:
        """Return the end of what began at ``start_ms`` and has this length; None without one."""
        try:
            return start_ms + round(float(length) * unit_ms) if length else None
        except (ValueError, OverflowError):
            raise BadInput(f"{self.where}: {name}: {length!r} is not a number") from None

    def page(self, start_ms: int, end_ms: int | None, urgency: str, *notes: str) -> Page:
        """Return the entry as a page; an end before its start is refused."""
        if end_ms is not None and end_ms < start_ms:
            raise BadInput(f"{self.where}: its end is before its start")
        note = " / ".join(one for one in notes if one)
        return Page(self.id, start_ms, end_ms, _SEVERITIES.get(urgency, ""), note)


def _pagerduty_page(entry: _Entry) -> Page:
    start_ms = entry.start_ms("created_at", "created_on")
    end_ms = entry.time_ms("resolved_at", "resolved_on")
    if end_ms is None:
        seconds = entry.text("seconds_to_resolve")
        end_ms = entry.after_ms(start_ms, seconds, SECOND_MS, "seconds_to_resolve")
    service = entry.text("service_name") or entry.inner("service", "summary")
    title = entry.text("title", "description")
    return entry.page(start_ms, end_ms, entry.text("urgency").lower(), title, service)


def _opsgenie_page(entry: _Entry) -> Page:
    start_ms = entry.start_ms("createdAt")
    is_closed = entry.text("status").lower() == "closed"
    took_ms = entry.inner("report", "closeTime") if is_closed else ""
    end_ms = entry.after_ms(start_ms, took_ms, 1, "report.closeTime")
    return entry.page(start_ms, end_ms, entry.text("priority").upper(), entry.text("message"))


PAGING_TOOLS = (
    PagingTool(
        "PagerDuty",
        frozenset({"created_at", "created_on"}),
        frozenset({"incident_number", "urgency"}),
        _pagerduty_page,
    ),
    PagingTool(
        "Opsgenie", frozenset({"createdAt"}), frozenset({"tinyId", "priority"}), _opsgenie_page
    ),
)
"""The paging tools whose exports are read."""
