"""Labelled incidents: the ground truth that pages are scored against."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alertlab.errors import BadInput, require_file
from alertlab.rules import read_yaml
from alertlab.units import MINUTE_MS, parse_time

INCIDENT_COLUMNS = ["id", "start", "end", "severity", "should_alert", "note"]


@dataclass(frozen=True)
class Margins:
    """How far outside an incident a page still belongs to it.

    ``before_ms``: an alert that leads the labelled start; ``after_ms``: one that trails its end.
    """

    before_ms: int = 5 * MINUTE_MS
    after_ms: int = 10 * MINUTE_MS


def no_incidents() -> pd.DataFrame:
    """Return an empty table of incidents."""
    return _frame([])


def load_incidents(path: str | Path) -> pd.DataFrame:
    """Read incidents from YAML (a list of mappings) or CSV, sorted by start.

    Columns: ``id``, ``start``, ``end`` (UTC), ``severity``, ``should_alert`` (tuple of rule names;
    None: every rule owes it), ``note``.  In CSV several rule names are separated by spaces
    or commas; an empty YAML list means that no rule owes it.
    Raises BadInput for a missing field, an end before its start, or an id that stands twice.
    """
    file = require_file(path, "the incidents file")
    if file.suffix.lower() == ".csv":
        text = file.read_text(encoding="utf-8-sig", errors="replace")
        entries = list(csv.DictReader(StringIO(text), restkey="beyond the header"))
    else:
        entries = read_yaml(file) or []
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise BadInput(f"{file}: incidents are a list of entries with id, start and end")
    frame = _frame([_row(one, i, file) for i, one in enumerate(entries, start=1)])
    doubled = frame["id"][frame["id"].duplicated()]
    if len(doubled):
        raise BadInput(f"{file}: the id {doubled.iloc[0]!r} stands twice; give each its own")
    return frame.sort_values("start", ignore_index=True)


def owed(incidents: pd.DataFrame, rule_name: str) -> pd.DataFrame:
    """Return the incidents that a rule ought to alert on."""
    owes = [names is None or rule_name in names for names in incidents["should_alert"]]
    return incidents[np.array(owes, bool)].reset_index(drop=True)


def starting_within(incidents: pd.DataFrame, start_ms: int, end_ms: int) -> pd.DataFrame:
    """Return the incidents that start in ``[start, end)``; ones that only reach in count not."""
    starts = epoch_ms(incidents["start"])
    return incidents[(starts >= start_ms) & (starts < end_ms)].reset_index(drop=True)


def bounds_ms(incidents: pd.DataFrame, margins: Margins) -> np.ndarray:
    """Return [start - before, end + after) of each incident in ms, shape (n, 2)."""
    edges = np.stack([epoch_ms(incidents["start"]), epoch_ms(incidents["end"])], axis=1)
    return edges + np.array([-margins.before_ms, margins.after_ms])


def match_times(times_ms: np.ndarray, incidents: pd.DataFrame, margins: Margins) -> np.ndarray:
    """Tell which incident each time falls into: the index of the earliest, -1 for none."""
    times = np.asarray(times_ms, np.int64)
    found = np.full(times.shape, -1)
    for i, (start, end) in reversed(list(enumerate(bounds_ms(incidents, margins)))):
        found[(times >= start) & (times < end)] = i
    return found


def epoch_ms(times: pd.Series) -> np.ndarray:
    """Return UTC timestamps as int64 ms since the epoch; there must be no NaT."""
    return times.dt.as_unit("ms").astype("int64").to_numpy()


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


def _frame(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=INCIDENT_COLUMNS).astype({"should_alert": object})
    frame["should_alert"] = pd.Series([row[4] for row in rows], dtype=object)
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column].astype("int64"), unit="ms", utc=True)
    return frame
