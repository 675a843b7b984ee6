"""What the stages hand to each other: evaluated frames and raw series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alertlab.units import LabelSet, format_labels

STALE_BITS = np.uint64(0x7FF0000000000002)
"""Bit pattern of Prometheus' stale marker (model/value/value.go, StaleNaN)."""
STALE_NAN = STALE_BITS.view(np.float64)


def is_stale(values: np.ndarray) -> np.ndarray:
    """Tell for each float64 whether it is a stale marker; an ordinary NaN is not."""
    return np.ascontiguousarray(values).view(np.uint64) == STALE_BITS


@dataclass(frozen=True)
class Series:
    """Raw samples of one series: ``times`` [ms] strictly increasing, stale markers kept."""

    labels: LabelSet
    times: np.ndarray
    values: np.ndarray


def counted(series: Series) -> float:
    """Count a counter's events between its first and last sample, resets taken into account.

    No extrapolation: what ``increase()`` would say if it knew nothing of the window's edges.
    """
    values = series.values[~np.isnan(series.values)]
    steps = np.diff(values)
    return float(np.where(steps < 0, values[1:], steps).sum())


_COLUMNS = 16_384  # times that are brought into order at once


@dataclass(frozen=True)
class Frame:
    """Values of several series on one grid of times.

    times : int64 [ms since the epoch, UTC], shape (n_times,), strictly increasing
    values : float64, shape (n_series, n_times); undefined where not present
    present : bool, same shape; a NaN sample is present, an absent one is not
    labels : one label set per series

    Raises ValueError at construction if the parts do not fit together.
    """

    times: np.ndarray
    values: np.ndarray
    present: np.ndarray
    labels: tuple[LabelSet, ...]

    def __post_init__(self) -> None:
        shape = (len(self.labels), len(self.times))
        if self.times.dtype != np.int64 or self.times.ndim != 1:
            raise ValueError(f"times must be one row of int64, not {self.times.dtype}")
        if np.any(np.diff(self.times) <= 0):
            raise ValueError("times must be strictly increasing")
        if self.values.dtype != np.float64 or self.values.shape != shape:
            raise ValueError(f"values must be float64 of shape {shape}, not {self.values.shape}")
        if self.present.dtype != np.bool_ or self.present.shape != shape:
            raise ValueError(f"present must be bool of shape {shape}, not {self.present.shape}")

    @classmethod
    def empty(cls, times: np.ndarray) -> Frame:
        """Return a frame of no series on the given times."""
        nothing = np.empty((0, len(times)))
        return cls(times, nothing, nothing.astype(bool), ())

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame: UTC DatetimeIndex, one column per series, NaN where absent."""
        return pd.DataFrame(
            np.where(self.present, self.values, np.nan).T,
            index=pd.to_datetime(self.times, unit="ms", utc=True),
            columns=_unique_names(self.labels),
        )


class FrameBuilder:
    """Collects the rows of a frame, in any order and piece by piece.

    The arrays grow in place: nothing as large as the result is ever held twice.
    """

    def __init__(self, times: np.ndarray) -> None:
        self._times = times
        self._rows: dict[LabelSet, int] = {}
        self._values = np.zeros((0, len(times)))
        self._present = np.zeros((0, len(times)), dtype=bool)

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, labels: LabelSet) -> tuple[np.ndarray, np.ndarray]:
        """Return values and presence of a series to write to, before asking for the next one."""
        at = self._rows.setdefault(labels, len(self._rows))
        if at == len(self._values):
            self._resize(at + at // 4 + 1)
        return self._values[at], self._present[at]

    def frame(self) -> Frame:
        """Return all rows, sorted by labels; the builder is used up."""
        self._resize(len(self._rows))
        labels = sorted(self._rows)
        order = [self._rows[one] for one in labels]
        if order != sorted(order):
            for start in range(0, len(self._times), _COLUMNS):
                columns = slice(start, start + _COLUMNS)
                self._values[:, columns] = self._values[order, columns]
                self._present[:, columns] = self._present[order, columns]
        return Frame(self._times, self._values, self._present, tuple(labels))

    def _resize(self, rows: int) -> None:
        for array in (self._values, self._present):
            array.resize((rows, len(self._times)), refcheck=False)


def _unique_names(labels: Sequence[LabelSet]) -> pd.Index:
    return pd.Index([format_labels(one) for one in labels], name="series")
