"""The labelled series of the Numenta Anomaly Benchmark, imported by ``alertlab import csv``.

Numenta Inc., https://github.com/numenta/NAB, MIT licence; none of it is part of this repository.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from alertlab import open_source
from alertlab.incidents import INCIDENT_COLUMNS, starting_within
from alertlab.rules import AlertRule
from alertlab.sources import Source
from alertlab.tuning import Span

TUNED_RATIO = 0.6
"""The first part of each series, on which rules are tuned: of all multiples of 5 % the one that
leaves most series a whole window on either side, 12 of 24."""

OTHER_RATIOS = (0.5, 0.7)  # to see what hangs on it

METRIC = "observed"
ZONE = "UTC"  # the files do not say which; only distances in time matter
_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Case:
    """One series with its windows: where it is tuned, where it is scored."""

    name: str
    source: Source
    interval_ms: int
    tuned_on: Span
    scored_on: Span
    windows: pd.DataFrame

    def rule(self, op: str, threshold: float) -> AlertRule:
        """Return the rule ``metric > threshold`` (or ``<``) at the series' own interval."""
        return AlertRule(
            name="Unusual",
            expr=f"{METRIC} {op} {threshold!r}",
            group="truth",
            file=Path("rules.yml"),
            line=1,
            interval_ms=self.interval_ms,
        )

    def split_at(self, ratio: float) -> Case:
        """Return the series with another share of it to tune on."""
        start_ms, end_ms = self.tuned_on.start_ms, self.scored_on.end_ms
        # A whole number of intervals, so that both parts are evaluated at the times of samples.
        cut_ms = start_ms + int(ratio * (end_ms - start_ms) / self.interval_ms) * self.interval_ms
        return replace(self, tuned_on=Span(start_ms, cut_ms), scored_on=Span(cut_ms, end_ms))

    def seen_values(self) -> np.ndarray:
        """Return all samples of the part that rules are tuned on."""
        [series] = self.source.series(METRIC, self.tuned_on.start_ms, self.tuned_on.end_ms - 1)
        return series.values

    def starting_in(self, span: Span) -> pd.DataFrame:
        """Return the windows that a rule owes an alert in a part: those that start there."""
        return starting_within(self.windows, span.start_ms, span.end_ms)


def oracle_folder() -> Path | None:
    """Return where third-party data lies, None where it is not at hand."""
    folder = Path(os.environ.get("ALERTLAB_ORACLES") or _ROOT.parent / "shared" / "oracles")
    return folder if folder.is_dir() else None


def read_cases(oracles: Path, out: Path) -> Iterator[Case]:
    """Import every series of the benchmark; recordings go to the folder ``out``."""
    benchmark = oracles / "incidents" / "NAB"
    labels = json.loads((benchmark / "labels" / "combined_windows.json").read_text())
    for file in sorted(benchmark.glob("data/*/*.csv")):
        yield read_case(file, labels[f"{file.parent.name}/{file.name}"], out / file.stem)


def read_case(file: Path, windows: list[list[str]], out: Path) -> Case:
    """Import one series to the recording ``out`` and split it."""
    import_csv_file(file, out, "--metric", METRIC, "--timezone", ZONE)
    source = open_source(str(out))
    interval_ms = source.meta["scrape_interval_ms"]
    whole = Span(source.start_ms, source.end_ms + interval_ms)
    case = Case(file.stem, source, interval_ms, whole, whole, _incidents(windows))
    return case.split_at(TUNED_RATIO)


def import_csv_file(file: Path, out: Path, *options: str) -> None:
    """Run ``alertlab import csv`` as a user would.  Raises RuntimeError with what it says."""
    command = [sys.executable, "-m", "alertlab", "import", "csv", file, "--out", out, *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)


def _incidents(windows: list[list[str]]) -> pd.DataFrame:
    rows = [(f"window-{i}", *pair, "", None, "") for i, pair in enumerate(windows, 1)]
    frame = pd.DataFrame(rows, columns=INCIDENT_COLUMNS).astype({"should_alert": object})
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column]).dt.tz_localize(ZONE).dt.as_unit("ms")
    return frame
