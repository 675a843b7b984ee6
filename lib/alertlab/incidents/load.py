"""Reads incidents: our own YAML or CSV, or the export of a paging tool."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from alertlab.errors import BadInput, require_file
from alertlab.incidents.paging_tools import PAGING_TOOLS, Exported, PagingTool
from alertlab.incidents.table import INCIDENT_COLUMNS, incident_table
from alertlab.rules import read_yaml
from alertlab.units import parse_time

_LISTS = ("incidents", "data")  # the keys under which paging tools' APIs give their lists


def load_incidents(path: str | Path) -> pd.DataFrame:
    """Read incidents from YAML (a list of mappings), JSON or CSV, sorted by start.

    Columns: ``id``, ``start``, ``end`` (UTC), ``severity`` (HARMLESS: no incident at all),
    ``should_alert`` (tuple of rule names; None: every rule owes it), ``note``.  In CSV several
    rule names are separated by spaces or commas; an empty YAML list means that no rule owes it.
    The file may also be an export of PagerDuty or Opsgenie (``paging_tools``), told by its fields.
    Raises BadInput for a missing field, an end before its start, an id that stands twice, or
    fields by which no format can be told.
    """
    file = require_file(path, "the incidents file")
    exported = read_exported(file)
    tool = paging_tool_of(exported, file)
    rows = tool.rows(exported, file) if tool else _own_rows(exported.entries, file)
    incidents = incident_table(rows)
    doubled = incidents["id"][incidents["id"].duplicated()]
    if len(doubled):
        raise BadInput(f"{file}: the id {doubled.iloc[0]!r} stands twice; give each its own")
    return incidents


def read_exported(file: Path) -> Exported:
    """Return the entries of an incidents file of any format, each a mapping of its fields."""
    if file.suffix.lower() == ".csv":
        text = file.read_text(encoding="utf-8-sig", errors="replace")
        return Exported(list(csv.DictReader(StringIO(text), restkey="beyond the header")))
    document = _document(file)
    around = document if isinstance(document, dict) else {}
    entries = next((around[key] for key in _LISTS if key in around), document) or []
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise BadInput(f"{file}: incidents are a list of entries with id, start and end")
    return Exported(entries, around)


def paging_tool_of(exported: Exported, file: Path) -> PagingTool | None:
    """Tell whose export this is; None: our own format.  BadInput where the fields do not tell."""
    fields = {str(key) for one in exported.entries for key in one}
    is_own = bool(fields & {"start", "end"}) or not exported.entries
    tools = [tool for tool in PAGING_TOOLS if tool.wrote(fields)]
    if is_own + len(tools) == 1:
        return None if is_own else tools[0]
    fits = ["id, start and end of our own"] * is_own + [tool.told_by for tool in tools]
    wanted = "; ".join(["id, start and end of our own", *(one.told_by for one in PAGING_TOOLS)])
    raise BadInput(
        f"{file}: its fields are those of several formats ({'; '.join(fits)}); leave one" if fits
        else f"{file}: whose incidents these are cannot be told; looked for {wanted}"
    )  # fmt: skip


def _document(file: Path) -> Any:
    """Return what a JSON or YAML file holds, every number as its text."""
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    if text.lstrip()[:1] in ("{", "["):  # JSON of ten thousand pages takes YAML minutes
        try:
            return json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=_mapping)
        except ValueError:
            pass  # flow style YAML, or JSON that is broken: the YAML reader tells where
    return read_yaml(file)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _own_rows(entries: list[dict[str, Any]], file: Path) -> list[tuple]:
    return [_row(one, i, file) for i, one in enumerate(entries, start=1)]


def _row(entry: dict[str, Any], number: int, file: Path) -> tuple:
    where = f"{file}: incident {entry.get('id') or f'number {number}'}"
    for key in ("id", "start", "end"):
        if not str(entry.get(key) or "").strip():
            raise BadInput(f"{where}: {key} is missing")
    unknown = set(map(str, entry)) - set(INCIDENT_COLUMNS)
    if unknown:
        raise BadInput(f"{where}: unknown field {sorted(unknown)[0]!r}; there are: "
                       f"{', '.join(INCIDENT_COLUMNS)}")  # fmt: skip
    start, end = _time(entry["start"], where, "start"), _time(entry["end"], where, "end")
    if end <= start:
        raise BadInput(f"{where}: its end is not after its start")
    names = entry.get("should_alert")
    if isinstance(names, str):
        names = [one for one in re.split(r"[,\s]+", names) if one] or None
    return (
        str(entry["id"]),
        start,
        end,
        str(entry.get("severity") or ""),
        None if names is None else tuple(str(one) for one in names),
        str(entry.get("note") or ""),
    )


def _time(value: Any, where: str, key: str) -> int:
    try:
        return parse_time(str(value))
    except BadInput as error:
        raise BadInput(f"{where}: {key}: {error}") from None
