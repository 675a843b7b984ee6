"""The same functions once more: one step, one window, one sample at a time.

Written from the definitions without regard for speed, as the judge of the vectorised ones.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from alertlab.frame import Series, is_stale

Sample = tuple[int, np.float64]


def instant(series: Series, ref: int, lookback_ms: int, semantics: int) -> float | None:
    """Newest sample up to ``ref``, if fresh and no stale marker."""
    newest = None
    for t, v, stale in zip(series.times, series.values, is_stale(series.values), strict=True):
        if t <= ref:
            newest = t, v, stale
    if newest is None or newest[2]:
        return None
    age = ref - newest[0]
    fresh = age <= lookback_ms if semantics == 2 else age < lookback_ms
    return newest[1] if fresh else None


def window(series: Series, ref: int, range_ms: int, semantics: int) -> list[Sample]:
    """Samples of one window without stale markers."""
    found = []
    for t, v, stale in zip(series.times, series.values, is_stale(series.values), strict=True):
        late_enough = t >= ref - range_ms if semantics == 2 else t > ref - range_ms
        if late_enough and t <= ref and not stale:
            found.append((int(t), v))
    return found


def compensated(x: float, total: float, lost: float, semantics: int) -> tuple[float, float]:
    new = total + x
    if abs(total) >= abs(x):
        lost += (total - new) + x
    else:
        lost += (x - new) + total
    if semantics == 3 and math.isinf(new):
        lost = np.float64(0)
    return new, lost


def extrapolated(
    samples: Sequence[Sample], ref: int, range_ms: int, semantics: int, counter: bool, rate: bool
) -> float | None:
    if len(samples) < 2:
        return None
    difference = samples[-1][1] - samples[0][1]
    if counter:
        for (_, before), (_, after) in itertools.pairwise(samples):
            if after < before:
                difference += before
    start = np.float64((samples[0][0] - (ref - range_ms)) / 1000)
    end = np.float64((ref - samples[-1][0]) / 1000)
    between = np.float64((samples[-1][0] - samples[0][0]) / 1000)
    average = between / (len(samples) - 1)
    threshold = average * 1.1
    if semantics == 3 and start >= threshold:
        start = average / 2
    if counter and difference > 0 and samples[0][1] >= 0:
        zero = between * (samples[0][1] / difference)
        if zero < start:
            start = zero
    if semantics == 2:
        total = between
        total += start if start < threshold else average / 2
        total += end if end < threshold else average / 2
    else:
        total = between + start
        total += average / 2 if end >= threshold else end
    factor = total / between
    if rate:
        factor /= range_ms // 1000 + (range_ms % 1000) * 1e6 / 1e9
    return difference * factor


def sum_over(values: Sequence[float], semantics: int) -> float:
    total = lost = np.float64(0)
    for v in values:
        total, lost = compensated(v, total, lost, semantics)
    return total if math.isinf(total) else total + lost


def avg_over(values: Sequence[float], semantics: int) -> float:
    return _mean_2(values) if semantics == 2 else _mean_3(values)


def _mean_2(values: Sequence[float]) -> float:
    mean = lost = np.float64(0)
    for count, v in enumerate(values, start=1):
        if math.isinf(mean) and ((math.isinf(v) and (v > 0) == (mean > 0)) or math.isfinite(v)):
            continue
        mean, lost = compensated(v / count - mean / count, mean, lost, 2)
    return mean if math.isinf(mean) else mean + lost


def _mean_3(values: Sequence[float]) -> float:
    total, lost = values[0], np.float64(0)
    incremental = False
    for count, v in enumerate(values[1:], start=2):
        if not incremental:
            new, new_lost = compensated(v, total, lost, 3)
            if not math.isinf(new):
                total, lost = new, new_lost
                continue
            incremental = True
            total, lost = total / (count - 1), lost / (count - 1)
        part = np.float64(count - 1) / count
        total, lost = compensated(v / count, part * total, part * lost, 3)
    return total + lost if incremental else total / len(values) + lost / len(values)


def stdvar_over(values: Sequence[float], semantics: int) -> float:
    mean = mean_lost = squares = squares_lost = np.float64(0)
    for count, v in enumerate(values, start=1):
        delta = v - (mean + mean_lost)
        mean, mean_lost = compensated(delta / count, mean, mean_lost, semantics)
        part = delta * (v - (mean + mean_lost))
        squares, squares_lost = compensated(part, squares, squares_lost, semantics)
    return (squares + squares_lost) / len(values)


def extreme(values: Sequence[float], better: Callable[[float, float], bool]) -> float:
    best = values[0]
    for v in values[1:]:
        if better(v, best) or math.isnan(best):
            best = v
    return best


def quantile(q: float, values: Sequence[float], semantics: int) -> float:
    if math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return -math.inf if q < 0 else math.inf
    ordered = sorted(values, key=lambda v: (not math.isnan(v), 0 if math.isnan(v) else v))
    rank = q * (len(ordered) - 1)
    low = max(0, math.floor(rank))
    high = min(len(ordered) - 1, low + 1)
    weight = rank - math.floor(rank)
    if semantics == 3 and weight == 0:
        return ordered[low]
    return ordered[low] * (1 - weight) + ordered[high] * weight


def line(samples: Sequence[Sample], zero: int, semantics: int) -> tuple[float, float] | None:
    """Slope and intercept by compensated sums."""
    if len(samples) < 2:
        return None
    first = samples[0][1]
    if all(v == first for _, v in samples):
        return (math.nan, math.nan) if math.isinf(first) else (np.float64(0), first)
    sums = [(np.float64(0), np.float64(0))] * 4
    for t, y in samples:
        x = np.float64((t - zero) / 1000)
        parts = (x, y, x * y, x * x)
        sums = [compensated(p, *s, semantics) for p, s in zip(parts, sums, strict=True)]
    x, y, xy, xx = (total + lost for total, lost in sums)
    n = len(samples)
    slope = (xy - x * y / n) / (xx - x * x / n)
    return slope, y / n - slope * x / n


def over_window(
    name: str, series: Series, step: int, range_ms: int, semantics: int
) -> float | None:
    """Value of a range function (PromQL text without the range) at one step."""
    samples = window(series, step, range_ms, semantics)
    values = [v for _, v in samples]
    if not samples:
        return None
    match name:
        case "rate" | "increase" | "delta":
            return extrapolated(samples, step, range_ms, semantics, name != "delta", name == "rate")
        case "irate" | "idelta":
            if len(samples) < 2:
                return None
            (t1, v1), (t2, v2) = samples[-2:]
            if name == "idelta":
                return v2 - v1
            return (v2 if v2 < v1 else v2 - v1) / ((t2 - t1) / 1000)
        case "changes":
            pairs = itertools.pairwise(values)
            return sum(a != b and not (math.isnan(a) and math.isnan(b)) for a, b in pairs)
        case "resets":
            return sum(b < a for a, b in itertools.pairwise(values))
        case "deriv":
            found = line(samples, samples[0][0], semantics)
            return found and found[0]
        case "predict_linear":
            found = line(samples, step, semantics)
            return found and found[0] * 90.0 + found[1]
        case "sum_over_time":
            return sum_over(values, semantics)
        case "avg_over_time":
            return avg_over(values, semantics)
        case "stdvar_over_time":
            return stdvar_over(values, semantics)
        case "stddev_over_time":
            return np.sqrt(stdvar_over(values, semantics))
        case "min_over_time":
            return extreme(values, lambda a, b: a < b)
        case "max_over_time":
            return extreme(values, lambda a, b: a > b)
        case "count_over_time":
            return len(values)
        case "last_over_time":
            return values[-1]
        case "present_over_time":
            return 1
        case "quantile_over_time":
            return quantile(0.3, values, semantics)
    raise ValueError(name)


FUNCTIONS = {
    name: f"{name}(x[{{range}}])"
    for name in (
        "rate", "increase", "delta", "irate", "idelta", "changes", "resets", "deriv",
        "sum_over_time", "avg_over_time", "stdvar_over_time", "stddev_over_time",
        "min_over_time", "max_over_time", "count_over_time", "last_over_time",
        "present_over_time",
    )
}  # fmt: skip
FUNCTIONS["predict_linear"] = "predict_linear(x[{range}], 90)"
FUNCTIONS["quantile_over_time"] = "quantile_over_time(0.3, x[{range}])"
