"""Adds one incident to a file of incidents and leaves every other byte of it as it was."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import SequenceNode

from alertlab.errors import BadInput
from alertlab.files import locked, replacing
from alertlab.incidents.load import load_incidents, paging_tool_of, read_exported
from alertlab.incidents.table import INCIDENT_COLUMNS, incident_table, no_incidents
from alertlab.units import SECOND_MS, format_time

# JSON leaves these as they are; in YAML they break a line or may not stand at all.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def save_incident(
    path: str | Path,
    *,
    start_ms: int,
    end_ms: int,
    severity: str,
    should_alert: Sequence[str] | None = None,
    note: str = "",
) -> str:
    """Add an incident (or a HARMLESS stretch) to a YAML or CSV file; return the id it was given.

    A file that is missing or empty becomes one; comments, order and quoting of what stands there
    are kept.  The result is read back before it takes the file's place under its permissions, and
    writers wait for one another.
    Raises BadInput for an end that is not after its start, a file that cannot be written, and
    one to which nothing can be added: a paging tool's export, or a CSV without the column.
    """
    if end_ms <= start_ms:
        raise BadInput(f"{path}: the new incident's end is not after its start")
    file = Path(path).resolve()
    names = None if should_alert is None else tuple(should_alert)
    try:
        with locked(file.parent):
            before = _incidents_of(file)
            new = (_free_id(before, start_ms), start_ms, end_ms, severity, names, note)
            _replace(file, _with_incident(file, new), before, new)
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror or error}") from None
    return new[0]


def _incidents_of(file: Path) -> pd.DataFrame:
    if not file.exists():
        return no_incidents()
    incidents = load_incidents(file)
    if not os.access(file, os.W_OK):
        raise BadInput(f"{file} cannot be written: you may only read it")
    tool = paging_tool_of(read_exported(file), file)
    if tool is not None:
        raise BadInput(
            f"{file}: this is an export of {tool.name}, to which nothing is added; "
            "keep your own incidents in a YAML file"
        )
    return incidents


def _free_id(incidents: pd.DataFrame, start_ms: int) -> str:
    """Return an id that tells the start, such as ``2026-03-04-0510``, and is not taken."""
    base = datetime.fromtimestamp(start_ms // SECOND_MS, UTC).strftime("%Y-%m-%d-%H%M")
    taken, found, count = set(incidents["id"]), base, 1
    while found in taken:
        count += 1
        found = f"{base}-{count}"
    return found


def _with_incident(file: Path, new: tuple) -> str:
    """Return the file's text with the incident in it."""
    try:
        text = file.read_bytes().decode("utf-8") if file.exists() else ""
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not UTF-8; save it as such to add to it") from None
    fields = _fields(new)
    if file.suffix.lower() == ".csv":
        return _with_csv_row(text, fields, file)
    return _with_yaml_entry(text, fields, file)


def _fields(new: tuple) -> dict[str, object]:
    """Return what is written of an incident; what is empty or owed by every rule is left out."""
    id_, start_ms, end_ms, severity, names, note = new
    texts = (id_, format_time(start_ms), format_time(end_ms), severity)
    fields = dict(zip(INCIDENT_COLUMNS, texts, strict=False))
    fields |= {"should_alert": None if names is None else list(names), "note": note}
    return {key: value for key, value in fields.items() if value not in (None, "")}


def _with_csv_row(text: str, fields: dict[str, object], file: Path) -> str:
    header = next(csv.reader(io.StringIO(text.removeprefix("\ufeff"))), None)
    names = fields.get("should_alert")
    if names is not None:
        if not names or any(re.search(r"[\s,]", one) for one in names):
            raise BadInput(
                f"{file}: CSV has no way to say that no rule or a rule with a space or comma in "
                "its name owes an incident; keep your incidents in a YAML file"
            )
        fields = fields | {"should_alert": " ".join(names)}
    missing = [name for name in fields if name not in (header or INCIDENT_COLUMNS)]
    if missing:
        raise BadInput(f"{file}: its header has no column {missing[0]}; add it to every row")
    newline, rows = _newline(text), io.StringIO()
    writer = csv.DictWriter(rows, header or INCIDENT_COLUMNS, lineterminator=newline)
    if header is None:
        writer.writeheader()
    writer.writerow(fields)
    return _ended(text, newline) + rows.getvalue()


def _with_yaml_entry(text: str, fields: dict[str, object], file: Path) -> str:
    try:
        root = YAML().compose(text.removeprefix("\ufeff"))
    except YAMLError:  # what load_incidents takes for a list by its own means, as JSON with tabs
        raise _impossible(file) from None
    is_list = isinstance(root, SequenceNode)
    if is_list and root.flow_style:
        return _with_flow_entry(text, root, fields)
    newline = _newline(text)
    indent = " " * (root.start_mark.column if is_list else 0)
    lines = [f"{key}: {_quoted(value)}" for key, value in fields.items()]
    entry = "".join(f"{indent}{'  ' if i else '- '}{line}{newline}" for i, line in enumerate(lines))
    return _ended(text, newline) + entry


def _with_flow_entry(text: str, root: SequenceNode, fields: dict[str, object]) -> str:
    """Put an entry behind the last of a list in brackets, on a line of its own if that has one."""
    entry = ", ".join(f'"{key}": {_quoted(value)}' for key, value in fields.items())
    skipped = len(text) - len(text.removeprefix("\ufeff"))  # marks do not count it
    if not root.value:
        at, between = root.start_mark.index + 1, ""
    else:
        last = root.value[-1]
        at, is_same_line = last.end_mark.index, last.start_mark.line == root.start_mark.line
        between = ", " if is_same_line else f",{_newline(text)}{' ' * last.start_mark.column}"
    at += skipped
    return f"{text[:at]}{between}{{{entry}}}{text[at:]}"


def _quoted(value: object) -> str:
    """Return a text or a list of texts as both JSON and YAML read it."""
    written = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _replace(file: Path, text: str, before: pd.DataFrame, new: tuple) -> None:
    """Put ``text`` in the file's place if it reads as what was there and the new incident."""
    with replacing(file) as fresh:
        fresh.write_bytes(text.encode("utf-8"))
        rows = [tuple(row) for row in before.itertuples(index=False)]
        added = [tuple(row) for row in incident_table([new]).itertuples(index=False)]
        if not _reads_as(fresh, rows + added):
            raise _impossible(file)


def _reads_as(file: Path, rows: list[tuple]) -> bool:
    try:
        found = [tuple(row) for row in load_incidents(file).itertuples(index=False)]
    except BadInput:
        return False
    return sorted(found, key=str) == sorted(rows, key=str)


def _impossible(file: Path) -> BadInput:
    return BadInput(f"{file}: the way it is written, nothing can be added to it; do so by hand")


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _ended(text: str, newline: str) -> str:
    """Return a text that ends with its last line."""
    return text if not text or text.endswith("\n") else text + newline
