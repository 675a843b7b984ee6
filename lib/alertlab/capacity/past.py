"""What earlier reports said: how right their forecasts were, and what has changed since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alertlab.capacity.forecasting import (
    Scorecard,
    backtest,
    load_records,
    save_records,
    scorecard,
)
from alertlab.capacity.journal import Change, changes, load_journal, report_entry, write_entry
from alertlab.capacity.ladder import Rung
from alertlab.capacity.verdict import Verdict
from alertlab.units import WEEK_MS

JOURNAL, FORECASTS = "capacity-journal.json", "capacity-forecasts.jsonl"


@dataclass(frozen=True)
class Past:
    """How earlier forecasts of the first resource did, and what changed since the last report.

    made_afterwards : nothing could be judged, so the forecasts are those that would have been
    """

    card: Scorecard
    made_afterwards: bool
    changes: tuple[Change, ...]


def read_past(
    folder: str | Path,
    rungs: Sequence[Rung],
    verdict: Verdict,
    at_ms: int,
    *,
    excluded: np.ndarray | None = None,
) -> Past:
    """What became of what earlier reports said?  Nothing is written.

    folder : where reports are kept; empty if none are
    at_ms : the end of this report's data, which does not compare with itself
    excluded : hours that are not judged, as ``build_ladder`` takes them

    BadInput for a damaged file.
    """
    entry = report_entry(at_ms, rungs, verdict)
    before = load_journal(Path(folder) / JOURNAL).before(entry.at) if folder else None
    moved = tuple(changes(before, entry)) if before else ()
    records = load_records(Path(folder) / FORECASTS) if folder else ()
    first = rungs[0]
    times_ms, actual = first.measured.times_ms, first.measured.use_ratio
    if excluded is not None:
        actual = np.where(excluded, np.nan, actual)
    card = scorecard([one for one in records if one.name == first.name], times_ms, actual)
    if card.rows:
        return Past(card, False, moved)
    made = backtest(first.name, times_ms, first.measured.use_ratio, excluded=excluded)
    return Past(scorecard(made, times_ms, actual), True, moved)


def keep_report(
    folder: str | Path, rungs: Sequence[Rung], verdict: Verdict, at_ms: int
) -> tuple[Path, Path]:
    """Write down what this report says, for the next ones; return the files.

    Of each resource the forecast of the next week's peak.  The same report may be kept again.
    """
    journal, forecasts = Path(folder) / JOURNAL, Path(folder) / FORECASTS
    write_entry(journal, report_entry(at_ms, rungs, verdict))
    save_records(
        forecasts,
        [
            one.forecast.record(one.name, one.forecast.made_ms, one.forecast.made_ms + WEEK_MS)
            for one in rungs
            if one.forecast and not one.forecast.refusal
        ],
    )
    return journal, forecasts
