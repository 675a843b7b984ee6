"""Functions of one value at a time: arithmetic, rounding, clamping, calendar (functions.go)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alertlab.promql.context import Context
from alertlab.promql.values import Row, Vector, any_present, constant_vector

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_HALF_EXP = 21
"""Beyond, sinh and cosh are half of exp in float64."""
_LAST_SECOND = np.iinfo(np.int64).max


def round_to(values: np.ndarray, to_nearest: np.ndarray | float = 1.0) -> np.ndarray:
    """Round to a multiple of ``to_nearest``; ties go up, also below zero.

    promql/functions.go, funcRound.
    """
    inverse = 1.0 / to_nearest
    return np.floor(values * inverse + 0.5) / inverse


def sign(values: np.ndarray) -> np.ndarray:
    """1, -1, or the value itself where that is zero or NaN (promql/functions.go, funcSgn)."""
    return np.where(values > 0, 1.0, np.where(values < 0, -1.0, values))


def cosh(values: np.ndarray) -> np.ndarray:
    """Hyperbolic cosine; as Go's it overflows where exp does (math/sinh.go)."""
    size = np.abs(values)
    return np.where(size > _HALF_EXP, np.exp(size) / 2, np.cosh(values))


def sinh(values: np.ndarray) -> np.ndarray:
    """Hyperbolic sine; as Go's it overflows where exp does (math/sinh.go)."""
    size = np.abs(values)
    return np.where(size > _HALF_EXP, np.copysign(np.exp(size) / 2, values), np.sinh(values))


def larger_of(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the larger value as Go's math.Max: +Inf even beside NaN, 0 rather than -0.

    promql/functions.go, funcClampMin.
    """
    larger = np.maximum(left, right)
    larger = np.where(np.isposinf(left) | np.isposinf(right), np.inf, larger)
    return np.where((left == 0) & (right == 0), left + right, larger)


def smaller_of(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the smaller value as Go's math.Min (promql/functions.go, funcClampMax)."""
    return -larger_of(-left, -right)


def clamp(context: Context, vector: Vector, lowest: np.ndarray, highest: np.ndarray) -> Vector:
    """Limit values to ``lowest..highest``; nothing at steps where these are out of order.

    promql/functions.go, funcClamp.
    """
    possible = ~(highest < lowest)

    def row(values: np.ndarray, present: np.ndarray) -> Row:
        return Row(larger_of(lowest, smaller_of(highest, values)), present & possible)

    return context.nameless(vector.mapped(row))


def multiplied_by(numerator: float, denominator: float) -> Callable[[Context, Vector], Vector]:
    """Make the function that multiplies by a ratio; before 3.16 its product might overflow."""

    def evaluate(context: Context, vector: Vector) -> Vector:
        def row(values: np.ndarray, present: np.ndarray) -> Row:
            if context.semantics >= 3:
                return Row(values * (numerator / denominator), present)
            return Row(values * numerator / denominator, present)

        return context.nameless(vector.mapped(row))

    return evaluate


def scalar(context: Context, vector: Vector) -> np.ndarray:
    """Return the only element's value at each step, NaN where there is not exactly one.

    promql/functions.go, funcScalar.
    """
    count = np.zeros(len(context.times), dtype=np.int64)
    value = np.full(len(context.times), np.nan)
    for row in vector.rows:
        value = np.where(row.present, row.values, value)
        count += row.present
    return np.where(count == 1, value, np.nan)


def vector(context: Context, value: np.ndarray) -> Vector:
    """Return a scalar as a vector without labels (promql/functions.go, funcVector)."""
    return constant_vector(value)


def time(context: Context) -> np.ndarray:
    """Return the steps' times [s] (promql/functions.go, funcTime)."""
    return context.times / 1000


def pi(context: Context) -> np.ndarray:
    """Return pi at every step (promql/functions.go, funcPi)."""
    return np.full(len(context.times), np.pi)


def step_timestamps(context: Context, vector: Vector) -> Vector:
    """Evaluate ``timestamp`` of anything but a selector: the step's own time [s].

    promql/functions.go, funcTimestamp.
    """
    seconds = context.times / 1000
    return context.nameless(vector.mapped(lambda values, present: Row(seconds, present)))


def absent(context: Context, vector: Vector, labels: tuple[tuple[str, str], ...]) -> Vector:
    """Return 1 under ``labels`` at the steps where the vector is empty.

    promql/functions.go, funcAbsent.
    """
    missing = ~any_present(vector, len(context.times))
    return Vector((labels,), [Row(np.ones(len(context.times)), missing)])


def in_order(context: Context, vector: Vector, *, descending: bool) -> Vector:
    """Sort the series of a one-step vector by value, NaN last; longer ranges stay as they are.

    promql/functions.go, funcSort.
    """
    if len(context.times) != 1:
        return vector
    held = vector.held()
    keys = [row.values[0] * (-1 if descending else 1) for row in held.rows]
    return held.picked(sorted(range(len(keys)), key=lambda i: (np.isnan(keys[i]), keys[i])))


def elementwise(function: Callable[..., np.ndarray]) -> Callable[..., Vector]:
    """Make a function of values (and scalars) one of vectors that lose their names.

    promql/functions.go, simpleFloatFunc.
    """

    def evaluate(context: Context, vector: Vector, *scalars: np.ndarray) -> Vector:
        return context.nameless(
            vector.mapped(lambda values, present: Row(function(values, *scalars), present))
        )

    return evaluate


def calendar(function: Callable[[np.ndarray], np.ndarray]) -> Callable[..., Vector]:
    """Make a function of whole UTC seconds one of vectors; without argument, of the step.

    promql/functions.go, dateWrapper.
    """
    changed = elementwise(_of_whole_seconds(function))

    def evaluate(context: Context, vector: Vector | None = None) -> Vector:
        # An empty vector is an argument too.
        return changed(context, constant_vector(time(context)) if vector is None else vector)

    return evaluate


def _of_whole_seconds(function: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    def evaluate(values: np.ndarray) -> np.ndarray:
        # NaN and what is beyond int64 become its smallest value in Go (amd64), which wraps round
        # to one second after the largest.
        inside = np.abs(values) < 2.0**63
        whole = np.trunc(np.where(inside, values, 0.0)).astype(np.int64)
        return function(np.where(inside, whole, _LAST_SECOND)).astype(float)

    return evaluate


def _days(seconds: np.ndarray) -> np.ndarray:
    return np.floor_divide(seconds, _DAY).astype("datetime64[D]")


def minute(seconds: np.ndarray) -> np.ndarray:
    """Minute of the hour (promql/functions.go, funcMinute)."""
    return seconds % _HOUR // _MINUTE


def hour(seconds: np.ndarray) -> np.ndarray:
    """Hour of the day (promql/functions.go, funcHour)."""
    return seconds % _DAY // _HOUR


def day_of_week(seconds: np.ndarray) -> np.ndarray:
    """Sunday is 0; 1970 began on a Thursday (promql/functions.go, funcDayOfWeek)."""
    return (np.floor_divide(seconds, _DAY) + 4) % 7


def day_of_month(seconds: np.ndarray) -> np.ndarray:
    """Day of the month, from 1 (promql/functions.go, funcDayOfMonth)."""
    days = _days(seconds)
    return (days - days.astype("datetime64[M]")).astype(np.int64) + 1


def day_of_year(seconds: np.ndarray) -> np.ndarray:
    """Day of the year, from 1 (promql/functions.go, funcDayOfYear)."""
    days = _days(seconds)
    return (days - days.astype("datetime64[Y]")).astype(np.int64) + 1


def days_in_month(seconds: np.ndarray) -> np.ndarray:
    """Number of days in the month (promql/functions.go, funcDaysInMonth)."""
    months = _days(seconds).astype("datetime64[M]")
    length = (months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")
    return length.astype(np.int64)


def month(seconds: np.ndarray) -> np.ndarray:
    """Month of the year, from 1 (promql/functions.go, funcMonth)."""
    return _days(seconds).astype("datetime64[M]").astype(np.int64) % 12 + 1


def year(seconds: np.ndarray) -> np.ndarray:
    """Year (promql/functions.go, funcYear)."""
    return _days(seconds).astype("datetime64[Y]").astype(np.int64) + 1970
