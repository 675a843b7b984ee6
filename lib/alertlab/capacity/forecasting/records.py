"""Forecasts as they were made, written down once, so that weeks later they can be judged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from alertlab.errors import BadInput
from alertlab.files import locked, replacing
from alertlab.slo import week_label
from alertlab.units import DAY_MS, WEEK_MS, parse_time

_MONDAY_MS = 4 * DAY_MS  # 1970-01-05, the first Monday after the epoch
_DAMAGE = (ValueError, KeyError, TypeError, OverflowError, RecursionError, BadInput)


@dataclass(frozen=True)
class Record:
    """What was forecast as the peak of a series within a span; times in RFC 3339.

    made : the last time that the forecast knew
    start, end : the span, its start excluded
    low, mid, high : of the span's highest value, at ``confidence``
    """

    name: str
    made: str
    start: str
    end: str
    low: float
    mid: float
    high: float
    confidence: float
    model: str

    @property
    def key(self) -> tuple[str, str, str]:
        """By what a record is told from all others: series, the week it was made in and for."""
        return self.name, _week(self.start), _week(self.made)

    @property
    def made_ms(self) -> int:
        """Return when it was made."""
        return parse_time(self.made)

    @property
    def start_ms(self) -> int:
        """Return the start of the span, which is no part of it."""
        return parse_time(self.start)

    @property
    def end_ms(self) -> int:
        """Return the end of the span, which is its last time."""
        return parse_time(self.end)


def load_records(path: str | Path) -> tuple[Record, ...]:
    """Return the records of a file, one JSON object a line; none if there is no file.

    BadInput names the line that is not as it was written.
    """
    file = Path(path)
    if not file.exists():
        return ()
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the forecasts in {file} cannot be read ({error})") from None
    records: dict[tuple[str, str, str], Record] = {}
    for number, line in enumerate(lines, start=1):
        try:
            record = _checked(Record(**json.loads(line)))
            if record.key in records:
                raise ValueError("its week stands twice")
        except _DAMAGE as error:
            raise BadInput(
                f"line {number} of the forecasts in {file} is damaged ({error}); take the file "
                "from your backup or version control"
            ) from None
        records[record.key] = record
    return _sorted(records.values())


def save_records(path: str | Path, records: Iterable[Record]) -> tuple[Record, ...]:
    """Add records to a file and return all of it, by series, week and week made.

    What stands there already stays: a forecast that is made again in the same week is not another
    one.  The file is written whole or not at all.
    """
    file = Path(path)
    if not file.parent.is_dir():
        raise BadInput(f"there is no folder {file.parent} for the forecasts; make it first")
    with locked(file.parent):
        kept = {one.key: one for one in load_records(file)}
        for one in records:
            kept.setdefault(_checked(one).key, one)
        found = _sorted(kept.values())
        text = "".join(f"{json.dumps(asdict(one), sort_keys=True)}\n" for one in found)
        with replacing(file) as fresh:
            fresh.write_text(text, "utf-8")
    return found


def _sorted(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(sorted(records, key=lambda one: (one.name, one.start_ms, one.made_ms)))


def _week(time: str) -> str:
    """Return the ISO week that goes on at a time; a span starts behind its first moment."""
    return week_label((parse_time(time) - _MONDAY_MS) // WEEK_MS * WEEK_MS + _MONDAY_MS)


def _checked(record: Record) -> Record:
    """Return a record as it was made; BadInput for anything else."""
    texts = (record.name, record.made, record.start, record.end, record.model)
    if not all(isinstance(one, str) for one in texts):
        raise BadInput("a forecast has no text where one belongs")
    numbers = (record.low, record.mid, record.high, record.confidence)
    if not all(_is_amount(one) for one in numbers):
        raise BadInput(f"the forecast of {record.name} has no number where one belongs")
    if not (record.low <= record.mid <= record.high and 0 < record.confidence < 1):
        raise BadInput(f"the forecast of {record.name} has an interval that is none")
    if not record.made_ms <= record.start_ms < record.end_ms:
        raise BadInput(
            f"the forecast of {record.name} is made after its span starts, or that is empty"
        )
    return record


def _is_amount(found: object) -> bool:
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return is_number and math.isfinite(found) and found >= 0
