"""Every function and aggregation that is evaluated, by its PromQL name.

A function takes the context and its evaluated arguments: vectors, scalars (one value per step),
strings or range vectors.  To add one, write it beside its kind and enter it here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from alertlab.promql import histogram, instant_functions, label_functions, range_functions, rates
from alertlab.promql.aggregation import AGGREGATIONS
from alertlab.promql.context import Context
from alertlab.promql.instant_functions import calendar, elementwise
from alertlab.promql.values import Row, Vector
from alertlab.promql.windows import RangeVector, Window

__all__ = ["AGGREGATIONS", "FUNCTIONS", "ONLY_IN", "SELECTOR_FUNCTIONS"]


def over_windows(
    function: Callable[..., Row], *, keeps_name: bool = False
) -> Callable[..., Vector]:
    """Make a function of a window's samples one of range vectors; scalars may come before.

    promql/engine.go, evaluator.eval.
    """

    def evaluate(context: Context, *arguments: RangeVector | np.ndarray) -> Vector:
        windows = next(one for one in arguments if isinstance(one, RangeVector))
        scalars = [one for one in arguments if not isinstance(one, RangeVector)]

        def row(window: Window, values: np.ndarray) -> Row:
            return function(window, values, *(one[window.part] for one in scalars))

        vector = windows.mapped(row)
        if keeps_name:
            return vector
        # From 3.16 series that differed by name only may take turns, before that never.
        return context.nameless(vector, disjoint_allowed=context.semantics >= 3)

    return evaluate


_RANGE = {
    name: over_windows(function)
    for name, function in {
        "avg_over_time": range_functions.avg_over_time,
        "changes": rates.changes,
        "count_over_time": range_functions.count_over_time,
        "delta": rates.delta,
        "deriv": range_functions.deriv,
        "double_exponential_smoothing": range_functions.double_exponential_smoothing,
        "holt_winters": range_functions.double_exponential_smoothing,
        "idelta": rates.idelta,
        "increase": rates.increase,
        "irate": rates.irate,
        "mad_over_time": range_functions.mad_over_time,
        "max_over_time": range_functions.max_over_time,
        "min_over_time": range_functions.min_over_time,
        "predict_linear": range_functions.predict_linear,
        "present_over_time": range_functions.present_over_time,
        "quantile_over_time": range_functions.quantile_over_time,
        "rate": rates.rate,
        "resets": rates.resets,
        "stddev_over_time": range_functions.stddev_over_time,
        "stdvar_over_time": range_functions.stdvar_over_time,
        "sum_over_time": range_functions.sum_over_time,
        "ts_of_first_over_time": range_functions.ts_of_first_over_time,
        "ts_of_last_over_time": range_functions.ts_of_last_over_time,
    }.items()
}
_ELEMENTWISE = {
    name: elementwise(function)
    for name, function in {
        "abs": np.abs,
        "acos": np.arccos,
        "acosh": np.arccosh,
        "asin": np.arcsin,
        "asinh": np.arcsinh,
        "atan": np.arctan,
        "atanh": np.arctanh,
        "ceil": np.ceil,
        "clamp_max": instant_functions.smaller_of,
        "clamp_min": instant_functions.larger_of,
        "cos": np.cos,
        "cosh": instant_functions.cosh,
        "exp": np.exp,
        "floor": np.floor,
        "ln": np.log,
        "log10": np.log10,
        "log2": np.log2,
        "round": instant_functions.round_to,
        "sgn": instant_functions.sign,
        "sin": np.sin,
        "sinh": instant_functions.sinh,
        "sqrt": np.sqrt,
        "tan": np.tan,
        "tanh": np.tanh,
    }.items()
}
_CALENDAR = {
    name: calendar(getattr(instant_functions, name))
    for name in (
        "day_of_month",
        "day_of_week",
        "day_of_year",
        "days_in_month",
        "hour",
        "minute",
        "month",
        "year",
    )
}
SELECTOR_FUNCTIONS = ("absent", "absent_over_time", "timestamp")
"""Functions that look at how their argument is written; the engine itself evaluates them."""

FUNCTIONS: dict[str, Callable[..., Vector | np.ndarray]] = {
    **_RANGE,
    **_ELEMENTWISE,
    **_CALENDAR,
    "absent": instant_functions.absent,
    "absent_over_time": instant_functions.absent,
    "clamp": instant_functions.clamp,
    "deg": instant_functions.multiplied_by(180, np.pi),
    "first_over_time": over_windows(range_functions.first_over_time, keeps_name=True),
    "histogram_fraction": histogram.histogram_fraction,
    "histogram_quantile": histogram.histogram_quantile,
    "label_join": label_functions.label_join,
    "label_replace": label_functions.label_replace,
    "last_over_time": over_windows(range_functions.last_over_time, keeps_name=True),
    "pi": instant_functions.pi,
    "rad": instant_functions.multiplied_by(np.pi, 180),
    "scalar": instant_functions.scalar,
    "sort": partial(instant_functions.in_order, descending=False),
    "sort_desc": partial(instant_functions.in_order, descending=True),
    "time": instant_functions.time,
    "timestamp": instant_functions.step_timestamps,
    "vector": instant_functions.vector,
}

ONLY_IN = {
    "holt_winters": 2,
    "double_exponential_smoothing": 3,
    "first_over_time": 3,
    "mad_over_time": 3,
    "ts_of_first_over_time": 3,
    "ts_of_last_over_time": 3,
}
"""Functions that only one of the two semantics knows."""
