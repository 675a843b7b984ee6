"""The ledger: what each objective's weeks counted, written down once.

A week is an ISO week in UTC; a sample on Monday at 00:00:00 still tells about the week before.
Weeks that are over stay as they were written, whatever a source says later.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.files import locked, replacing
from alertlab.slo.budget import budget_left
from alertlab.slo.counts import EVALUATED, RAW, Counts, Samples
from alertlab.slo.objectives import Objective
from alertlab.slo.reading import read_counts
from alertlab.sources import Source
from alertlab.units import DAY_MS, SECOND_MS, WEEK_MS, format_time, parse_time

FORMAT_VERSION = 1

_MONDAY_MS = 4 * DAY_MS  # 1970-01-05, the first Monday after the epoch
_COVERAGE_DIGITS = 6
_ROUNDING_RATIO = 1e-9  # sums of fractions are not exact

# A number that no float holds is an OverflowError, brackets in brackets are a RecursionError.
_DAMAGE = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, BadInput)


@dataclass(frozen=True)
class LedgerRow:
    """One week of one objective, in events.

    good : surely good; ``good_at_most`` is more where a threshold lies between two bucket bounds
    coverage : the ratio of the week that has samples
    complete : nothing more can come, so the row stays as it is
    definition : what was counted against what target (Objective.definition)
    """

    week: str
    start: str
    end: str
    objective: str
    policy: str
    definition: str
    target: float
    total: float
    good: float
    good_at_most: float
    bad: float
    excluded: float
    coverage: float
    complete: bool
    counting: str
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """By what a row is told from all others, and in which order rows stand."""
        return self.start, self.objective, self.definition

    @property
    def counted(self) -> tuple[float, float, float, float]:
        """What was counted, to compare with another count of the same."""
        return self.total, self.good, self.good_at_most, self.excluded


@dataclass(frozen=True)
class Ledger:
    """Rows by week, objective and definition; ``notes`` tell what an update met (not stored)."""

    rows: tuple[LedgerRow, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, *objectives: Objective) -> Ledger:
        """Return the rows of some objectives as they are defined now."""
        theirs = {(one.name, one.definition) for one in objectives}
        rows = tuple(one for one in self.rows if (one.objective, one.definition) in theirs)
        return Ledger(rows, self.notes)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per week and objective, with ``budget_left_ratio``; times in UTC."""
        names = [one.name for one in fields(LedgerRow)]
        table = pd.DataFrame([asdict(one) for one in self.rows], columns=names)
        for column in ("start", "end"):
            table[column] = pd.to_datetime(table[column], utc=True)
        return _with_budget(table)

    def monthly(self) -> pd.DataFrame:
        """Return sums per month; a week belongs to the month of its Thursday."""
        return self._summed("month", lambda day: f"{day:%Y-%m}", 1)

    def quarterly(self) -> pd.DataFrame:
        """Return sums per quarter; a week belongs to the quarter of its Thursday."""
        return self._summed("quarter", lambda day: f"{day:%Y}-Q{(day.month + 2) // 3}", 3)

    def _summed(self, period: str, label: Callable[[date], str], months: int) -> pd.DataFrame:
        """Add rows up; other definitions and targets never mix.

        ``coverage`` and ``weeks_missing`` count the weeks that are not in the ledger.
        """
        thursdays = [_thursday(parse_time(one.start)) for one in self.rows]
        table = pd.DataFrame([asdict(one) for one in self.rows], columns=_SUM_COLUMNS)
        table.insert(0, period, [label(day) for day in thursdays])
        table["of_weeks"] = [_weeks_around(day, months) for day in thursdays]
        keys = [period, "objective", "policy", "definition", "target"]
        groups = table.groupby(keys, sort=True)
        found = groups[["total", "good", "good_at_most", "bad", "excluded", "coverage"]].sum()
        of_weeks = groups["of_weeks"].first()
        found["coverage"] /= of_weeks
        found["weeks"] = groups.size()
        found["weeks_missing"] = of_weeks - found["weeks"]
        found["complete"] = groups["complete"].all() & (found["weeks_missing"] == 0)
        return _with_budget(found.reset_index())


_SUM_COLUMNS = [
    "objective", "policy", "definition", "target", "total", "good", "good_at_most", "bad",
    "excluded", "coverage", "complete",
]  # fmt: skip


def count_weeks(
    objectives: Iterable[Objective],
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    track: Callable[[list[int]], Iterable[int]] = iter,
) -> Ledger:
    """Count the weeks that a span reaches into, each from its Monday; nothing is written.

    ``track`` wraps the list of weeks to show progress.
    """
    objectives = list(objectives)
    if start_ms >= end_ms:
        raise BadInput("a ledger needs a start before its end")
    rows: list[LedgerRow] = []
    for week in track(list(range(_monday(start_ms), min(end_ms, source.end_ms), WEEK_MS))):
        samples = Samples(source, week, min(week + WEEK_MS, end_ms))
        rows += [row for one in objectives if (row := _row(one, samples)) is not None]
    notes = _unseen(objectives, rows, start_ms, end_ms)
    return Ledger(tuple(sorted(rows, key=lambda row: row.key)), tuple(notes))


def update_ledger(
    path: str | Path,
    objectives: Iterable[Objective],
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    track: Callable[[list[int]], Iterable[int]] = iter,
) -> Ledger:
    """Count weeks as ``count_weeks`` does and write them down; return the whole ledger.

    A row that is complete stays; if the source now counts otherwise, a note says so.  One that is
    not is replaced, unless the source now covers less of its week.
    """
    file = _no_folder(path)
    if not file.parent.is_dir():
        raise BadInput(f"cannot write the ledger {file}: there is no folder {file.parent}")
    counted = count_weeks(objectives, source, start_ms, end_ms, track=track)
    with locked(file.parent):
        known = {row.key: row for row in (load_ledger(file).rows if file.exists() else ())}
        notes = list(counted.notes)
        for row in counted.rows:
            known[row.key], note = _kept(known.get(row.key), row)
            notes += note
        rows = tuple(known[key] for key in sorted(known))
        text = _text(rows)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            with replacing(file) as fresh:
                fresh.write_text(text, encoding="utf-8")
    return Ledger(rows, tuple(notes))


def load_ledger(path: str | Path) -> Ledger:
    """Read a ledger; BadInput names a file that is missing or not as it was written."""
    file = _no_folder(path)
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["format"] != FORMAT_VERSION:
            raise ValueError(f"format {document['format']}, not {FORMAT_VERSION}")
        if not isinstance(document["rows"], list):
            raise ValueError("its rows are no list")
        rows = tuple(_checked(one) for one in document["rows"])
        if len({row.key for row in rows}) < len(rows):
            raise ValueError("a week stands twice")
    except FileNotFoundError:
        raise BadInput(f"there is no ledger {file}; update_ledger writes one") from None
    except _DAMAGE as error:
        raise BadInput(
            f"the ledger {file} is damaged ({error}); take it from your backup or version control. "
            "Without it, weeks are lost that the source no longer has"
        ) from None
    return Ledger(rows)


def week_label(start_ms: int) -> str:
    """Return the ISO week that begins at a Monday: ``2026-W10``."""
    year, week, _ = datetime.fromtimestamp(start_ms / SECOND_MS, UTC).isocalendar()
    return f"{year}-W{week:02d}"


def _monday(time_ms: int) -> int:
    return (time_ms - _MONDAY_MS) // WEEK_MS * WEEK_MS + _MONDAY_MS


def _thursday(monday_ms: int) -> date:
    return datetime.fromtimestamp((monday_ms + 3 * DAY_MS) / SECOND_MS, UTC).date()


def _weeks_around(day: date, months: int) -> int:
    """Return how many Thursdays the month or quarter of a day has."""
    month = np.datetime64(day, "M")
    first = month - (day.month - 1) % months
    return int(np.busday_count(first, first + months, weekmask="Thu"))


def _row(objective: Objective, samples: Samples) -> LedgerRow | None:
    """Return a week's row, None where the source has nothing of it."""
    counts: Counts = read_counts(objective, samples)
    start_ms, end_ms = samples.start_ms, samples.start_ms + WEEK_MS
    week = counts.within(np.array([start_ms, end_ms]))
    if np.isnan(week.total[0]):
        return None
    if week.good[0] < 0:
        raise BadInput(
            f"objective {objective.name}: in {week_label(start_ms)} there are more bad events "
            f"({week.bad[0]:g}) than events ({week.total[0]:g}); its queries contradict each other"
        )
    numbers = {
        name: _plain(float(values[0]))
        for name, values in (
            ("total", week.total),
            ("good", week.good),
            ("good_at_most", week.good_at_most),
            ("bad", week.bad),
            ("excluded", week.excluded),
        )
    }
    return LedgerRow(
        week=week_label(start_ms),
        start=format_time(start_ms),
        end=format_time(end_ms),
        objective=objective.name,
        policy=objective.policy,
        definition=objective.definition,
        target=objective.target_ratio,
        coverage=_plain(round(float(week.coverage[0]), _COVERAGE_DIGITS)),
        complete=counts.settled_ms >= end_ms,
        counting=counts.counting,
        notes=counts.notes,
        **numbers,
    )


def _plain(number: float) -> float:
    """Return whole numbers as int, so that they are written without a point."""
    return int(number) if number.is_integer() else number


def _kept(old: LedgerRow | None, new: LedgerRow) -> tuple[LedgerRow, list[str]]:
    """Return which of two rows of one week stays, and what there is to say of it."""
    if old is None or not (old.complete or new.coverage < old.coverage):
        return new, []
    if new.coverage < old.coverage or new.counted == old.counted:
        return old, []
    return old, [
        f"{old.week} {old.objective}: the source now counts {new.good:g} good of {new.total:g}, "
        f"the ledger has {old.good:g} of {old.total:g} and keeps it"
    ]


def _unseen(
    objectives: Sequence[Objective], counted: Sequence[LedgerRow], start_ms: int, end_ms: int
) -> list[str]:
    seen = {row.objective for row in counted}
    span = f"between {format_time(start_ms)} and {format_time(end_ms)}"
    return [
        f"{one.name}: the source has no samples {span}; check the metric's name and labels"
        for one in objectives
        if one.name not in seen
    ]


def _text(rows: Sequence[LedgerRow]) -> str:
    """Return the file's text: sorted keys, a row a line, the same bytes for the same rows."""
    lines = ",\n".join(f" {json.dumps(asdict(row), sort_keys=True)}" for row in rows)
    return f'{{"format": {FORMAT_VERSION}, "rows": [\n{lines}\n]}}\n'


def _no_folder(path: str | Path) -> Path:
    file = Path(path)
    if file.is_dir():
        raise BadInput(f"the ledger {file} is a folder; give the path of a file")
    return file


def _checked(entry: dict[str, Any]) -> LedgerRow:
    """Return a row as it was written; one of _DAMAGE for anything else."""
    row = LedgerRow(**{**entry, "notes": tuple(entry["notes"])})
    where = f"{row.week} {row.objective}"
    texts = (row.week, row.start, row.end, row.objective, row.policy, row.definition, *row.notes)
    if not isinstance(entry["notes"], list) or not all(isinstance(one, str) for one in texts):
        raise ValueError(f"{where} has no text where one belongs")
    numbers = (*row.counted, row.bad, row.coverage, row.target)
    if not all(_is_amount(one) for one in numbers):
        raise ValueError(f"{where} has no number where one belongs")
    if not (row.coverage <= 1 and 0 < row.target < 1):
        raise ValueError(f"{where}: a coverage or a target is no share")
    rounding = _ROUNDING_RATIO * row.total
    if abs(row.good + row.bad - row.total) > rounding:
        raise ValueError(f"{where}: good and bad do not add up")
    if not row.good - rounding <= row.good_at_most <= row.total + rounding:
        raise ValueError(f"{where}: good_at_most lies not between good and total")
    if row.counting not in (RAW, EVALUATED) or not isinstance(row.complete, bool):
        raise ValueError(f"{where} is not as it was written")
    monday_ms = _monday(parse_time(row.start))
    if (row.week, row.start) != (week_label(monday_ms), format_time(monday_ms)):
        raise ValueError(f"{row.week} does not start at {row.start}")
    if row.end != format_time(monday_ms + WEEK_MS):
        raise ValueError(f"{row.week} does not end at {row.end}")
    return row


def _is_amount(found: Any) -> bool:
    """Tell whether a value of the file is a finite number that is not negative."""
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return is_number and math.isfinite(found) and found >= 0


def _with_budget(table: pd.DataFrame) -> pd.DataFrame:
    """Add the share of the budget that is left, at least and at most."""
    allowed = 1 - table["target"].to_numpy(float)
    total = table["total"].to_numpy(float)
    sure, possible = (table[name].to_numpy(float) for name in ("good", "good_at_most"))
    return table.assign(
        budget_left_ratio=budget_left(total, total - sure, allowed),
        budget_left_at_most=budget_left(total, total - possible, allowed),
    )
