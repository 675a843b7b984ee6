"""Cells of foreign tables read as numbers and times, whole columns at once."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from alertlab.errors import BadInput
from alertlab.units import HOUR_MS, SECOND_MS

MISSING = pa.array(["", "NA", "N/A", "n/a", "null", "NULL", "None", "-"], pa.string())
"""Cells that say that there is no value; ``NaN`` is a value."""

# A calendar time that says how far it is from UTC; dates alone end in -dd too.
_HAS_OFFSET = r":\d\d.*(?:[zZ]|[+-]\d\d(?::?\d\d)?)$"
_NO_SECONDS = 1e11  # beyond the year 5000: somebody wrote milliseconds


class BadCell(ValueError):
    """A cell that cannot be read: its index in the column, and why."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


def texts_of(column: pd.Series) -> pa.Array:
    """Return a column of texts without the white space round them."""
    return pc.utf8_trim_whitespace(pa.array(column, pa.string()))


def read_numbers(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return (float64 values, bool present) of trimmed texts.  Raises BadCell."""
    missing = pc.is_in(texts, value_set=MISSING)
    numbers = pc.if_else(missing, None, texts)
    try:
        values = numbers.cast(pa.float64())
    except pa.ArrowInvalid:
        at = _first_that_fails(numbers)
        raise BadCell(at, f"{numbers[at].as_py()!r} is not a number") from None
    present = ~missing.to_numpy(zero_copy_only=False)
    return values.fill_null(0.0).to_numpy(), present


def _first_that_fails(numbers: pa.Array) -> int:
    low, high = 0, len(numbers)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            numbers[low:middle].cast(pa.float64())
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return low


class TimeReader:
    """Reads a column of times, chunk by chunk.

    zone : name of the time zone (``Asia/Seoul``) of times that state none; empty: there are none
    """

    def __init__(self, zone: str = "") -> None:
        self.ambiguous = 0
        self._zone = _known_zone(zone) if zone else None
        self._latest: dict[int, tuple[int, bool]] = {}

    def read(self, texts: pa.Array, ids: np.ndarray) -> np.ndarray:
        """Return times [ms] of trimmed texts; ``ids`` tell the series of each.  Raises BadCell.

        Unix seconds, or calendar times as in RFC 3339 with ``T`` or a blank in the middle.
        """
        try:
            seconds = texts.cast(pa.float64()).to_numpy()
        except pa.ArrowInvalid:
            at = _first_that_fails(texts)
            if at:  # a column that began with seconds
                raise _no_time(texts, at) from None
            return self._calendar(texts, ids)
        wrong = ~(np.abs(seconds) < _NO_SECONDS)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise BadCell(at, f"{texts[at]} is not a time in unix seconds")
        return np.rint(seconds * SECOND_MS).astype(np.int64)

    def _calendar(self, texts: pa.Array, ids: np.ndarray) -> np.ndarray:
        moments = pd.to_datetime(
            pd.Series(texts.to_pandas()), format="ISO8601", utc=True, errors="coerce"
        )
        if moments.isna().any():
            raise _no_time(texts, int(moments.isna().to_numpy().argmax()))
        # What has no offset was read as if it were UTC: that is its wall clock.
        times = _as_ms(pd.DatetimeIndex(moments))
        naive = ~pc.match_substring_regex(texts, _HAS_OFFSET).to_numpy(zero_copy_only=False)
        if not naive.any():
            return times
        if self._zone is None:
            at = int(np.argmax(naive))
            raise BadCell(
                at,
                f"{texts[at].as_py()!r} has no time zone; name it with --timezone, such as UTC or "
                "Asia/Seoul",
            )
        where = np.flatnonzero(naive)
        try:
            times[where] = self._from_wall_clock(times[where], ids[where])
        except BadCell as bad:
            raise BadCell(int(where[bad.index]), str(bad)) from None
        return times

    def _from_wall_clock(self, wall_ms: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """Return UTC times [ms] of local ones, in file order; ``ids`` as above."""
        clock = pd.DatetimeIndex(wall_ms.astype("datetime64[ms]"))
        early, late = (
            clock.tz_localize(self._zone, ambiguous=summer, nonexistent="NaT")
            for summer in (np.ones(len(clock), bool), np.zeros(len(clock), bool))
        )
        if early.isna().any():
            at = int(early.isna().argmax())
            raise BadCell(
                at,
                f"{clock[at]} does not exist in {self._zone}, where clocks are set forward then; "
                "is it another --timezone?",
            )
        times, later = _as_ms(early), _as_ms(late)
        twice = np.flatnonzero(times != later)  # an hour a year, so a loop will do
        self.ambiguous += len(twice)
        for at in twice.tolist():
            if self._is_second_pass(int(ids[at]), int(wall_ms[at])):
                times[at] = later[at]
        return times

    def _is_second_pass(self, series: int, wall_ms: int) -> bool:
        """Tell whether an hour that comes twice has come once already: the clock stepped back."""
        before_ms, second = self._latest.get(series, (wall_ms - HOUR_MS, False))
        if abs(wall_ms - before_ms) > HOUR_MS:
            second = False
        second = second or wall_ms <= before_ms
        self._latest[series] = wall_ms, second
        return second


def _no_time(texts: pa.Array, at: int) -> BadCell:
    return BadCell(
        at,
        f"{texts[at].as_py()!r} is not a time; write RFC 3339 (2026-03-01T08:00:00Z), unix seconds "
        "or 2026-03-01 08:00:00",
    )


def _as_ms(moments: pd.DatetimeIndex) -> np.ndarray:
    return moments.tz_convert("UTC").as_unit("ms").asi8.copy()


def _known_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there, no such name, a folder of names
        raise BadInput(
            f"--timezone: {name!r} is not a time zone; write one like UTC or Asia/Seoul"
        ) from None
