"""What became of past forecasts: how far off, how often within their interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from alertlab.capacity.forecasting.records import Record
from alertlab.capacity.forecasting.series import MAX_GAP_RATIO, peak
from alertlab.errors import BadInput
from alertlab.units import WEEK_MS, Interval

LAST = 8  # forecasts that are judged
ALARM_COVERAGE_RATIO = 0.8
FEWEST_FOR_ALARM = 5  # one miss of fewer would be an alarm


@dataclass(frozen=True)
class Scored:
    """A forecast of a span's peak and what came.

    naive : the peak of the same span so many whole weeks before that it was known then
    """

    made_ms: int
    start_ms: int
    end_ms: int
    forecast: Interval
    actual: float
    naive: float

    @property
    def covered(self) -> bool:
        """Tell whether the actual peak lay within the interval."""
        return self.forecast.low <= self.actual <= self.forecast.high

    @property
    def error_ratio(self) -> float:
        """Return the forecast's signed error by the actual peak; NaN where that is 0."""
        return _ratio(self.forecast.mid - self.actual, self.actual)

    @property
    def naive_error_ratio(self) -> float:
        """Return the same of the naive forecast."""
        return _ratio(self.naive - self.actual, self.actual)


@dataclass(frozen=True)
class Scorecard:
    """The last forecasts that can be judged, oldest first."""

    rows: tuple[Scored, ...]

    @property
    def covered(self) -> int:
        """Return how many intervals held the actual peak."""
        return sum(row.covered for row in self.rows)

    @property
    def alarm(self) -> bool:
        """Tell whether too few did: less than 80 % of five or more."""
        n = len(self.rows)
        return n >= FEWEST_FOR_ALARM and self.covered < ALARM_COVERAGE_RATIO * n

    @property
    def bias_ratio(self) -> float:
        """Return the mean signed error; above 0 forecasts were too high.  NaN of nothing."""
        return _mean(row.error_ratio for row in self.rows)

    @property
    def mean_error_ratio(self) -> float:
        """Return the mean absolute error (MAPE)."""
        return _mean(abs(row.error_ratio) for row in self.rows)

    @property
    def naive_mean_error_ratio(self) -> float:
        """Return that of the naive forecasts of the same spans."""
        return _mean(abs(row.naive_error_ratio) for row in self.rows)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per forecast; times in UTC."""
        names = [one.name for one in fields(Scored) if one.name != "forecast"]
        table = pd.DataFrame(
            [
                {name: asdict(row)[name] for name in names}
                | row.forecast._asdict()
                | {
                    "error_ratio": row.error_ratio,
                    "covered": row.covered,
                    "naive_error_ratio": row.naive_error_ratio,
                }
                for row in self.rows
            ],
            columns=[
                *names, *Interval._fields, "error_ratio", "covered", "naive_error_ratio",
            ],
        )  # fmt: skip
        for name in ("made_ms", "start_ms", "end_ms"):
            table[name.removesuffix("_ms")] = pd.to_datetime(table.pop(name), unit="ms", utc=True)
        return table


def scorecard(
    records: Iterable[Record], times_ms: np.ndarray, actual: np.ndarray, *, last: int = LAST
) -> Scorecard:
    """How right were the last forecasts of a series?

    records : of one series
    times_ms, actual : int64 and float64, shape (n_times,), evenly spaced; NaN where unknown
    last : how many are judged

    Only spans that are over are judged, and of which at most a tenth is missing; so with the weeks
    that the naive forecast goes by.  BadInput for records of several series.
    """
    ordered = sorted(records, key=lambda one: (one.end_ms, one.made_ms))
    names = sorted({one.name for one in ordered})
    if len(names) > 1:
        raise BadInput(f"a scorecard is of one series, not of {', '.join(names)}")
    times, values = np.asarray(times_ms), np.asarray(actual, dtype=float)
    if times.shape != values.shape or len(times) < 2:
        raise BadInput(f"{times.size} times and {values.size} values do not belong together")
    rows = [_scored(one, times, values) for one in ordered]
    judged = [row for row in rows if not np.isnan([row.actual, row.naive]).any()]
    return Scorecard(tuple(judged[-last:]) if last else ())


def _scored(record: Record, times: np.ndarray, values: np.ndarray) -> Scored:
    made_ms, start_ms, end_ms = record.made_ms, record.start_ms, record.end_ms
    back_ms = -(-(end_ms - made_ms) // WEEK_MS) * WEEK_MS
    return Scored(
        made_ms, start_ms, end_ms,
        Interval(record.low, record.mid, record.high, record.confidence),
        actual=_peak(times, values, start_ms, end_ms),
        naive=_peak(times, values, start_ms - back_ms, end_ms - back_ms),
    )  # fmt: skip


def _peak(times: np.ndarray, values: np.ndarray, start_ms: int, end_ms: int) -> float:
    """Return the peak after the start up to the end; NaN where too many values are unknown."""
    inside = values[(times > start_ms) & (times <= end_ms)]
    known = inside[~np.isnan(inside)]
    owed = (end_ms - start_ms) / (times[1] - times[0])
    return peak(known) if len(known) >= (1 - MAX_GAP_RATIO) * owed else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _mean(ratios: Iterable[float]) -> float:
    known = [one for one in ratios if not np.isnan(one)]
    return float(np.mean(known)) if known else float("nan")
