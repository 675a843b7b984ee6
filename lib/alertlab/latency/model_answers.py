"""What a model that fits is asked: far quantiles, odd thresholds, and what if the work were slower.

Whatever a model says is kept within what the counts say for certain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alertlab.errors import BadInput, known_name
from alertlab.latency.models import Model, ModelChoice
from alertlab.latency.probit import holding_bucket, share_below
from alertlab.units import Interval

ALL, SLOW = "all", "slow"
"""Which calls ``slower`` slows: all of them, or the slow component's."""


@dataclass(frozen=True)
class Modelled:
    """A number that the counts alone do not tell.

    value : what the model says, within the bracket; NaN where it may not be asked
    low, high : the bracket: what the counts allow, whatever the shape
    notes : that the bracket cut the model's answer, or why there is none
    """

    value: float
    low: float
    high: float
    notes: tuple[str, ...] = ()


def model_quantile(choice: ModelChoice, q: float) -> Modelled:
    """Which latency do ``q`` of the calls not exceed [s], beyond the last bound too?

    BadInput unless 0 < q < 1.
    """
    histogram = choice.histogram
    _require_inside(q)
    if not histogram.count:
        return Modelled(np.nan, np.nan, np.nan, (choice.reason,))
    bucket = int(holding_bucket(histogram, np.array([q]))[0])
    low, high = float(histogram.lower_bounds[bucket]), float(histogram.upper_bounds[bucket])
    if reason := _silence(choice, low):
        return Modelled(np.nan, low, high, (reason,))
    return _within(choice.best.quantile(q), low, high, " s")


def process_quantile(choice: ModelChoice, q: float, confidence: float = 0.95) -> Interval | None:
    """Between what does the quantile of the process lie [s]?  None of a model not supported.

    For independent observations of a stable process, by the delta method; not cut to the bracket,
    which is about these observations.  What breaks it: ``Fits.quantile_interval``.
    """
    _require_inside(q)
    if not choice.supported:
        return None
    fit = choice.fits[choice.best.family.name]
    (low,), (high,) = fit.quantile_interval(q, confidence)
    return Interval(float(low), choice.best.quantile(q), float(high), confidence)


def slow_share(choice: ModelChoice, threshold_seconds: float) -> Modelled:
    """Which share of the calls took longer than a threshold that need not be a bound?

    BadInput unless the threshold is above 0.
    """
    _require_time(threshold_seconds)
    below = share_below(choice.histogram, threshold_seconds)
    if below is None:
        return Modelled(np.nan, np.nan, np.nan, (choice.reason,))
    low, high = 1 - below.high, 1 - below.low
    if low == high:
        return Modelled(low, low, high)
    if reason := _silence(choice, threshold_seconds):
        return Modelled(np.nan, low, high, (reason,))
    return _within(choice.best.share_above(threshold_seconds), low, high, "")


@dataclass(frozen=True)
class WhatIf:
    """A model as it is and as it would be; both speak for themselves, without brackets."""

    before: Model
    after: Model
    notes: tuple[str, ...]


def slower(choice: ModelChoice, factor: float, component: str = ALL) -> WhatIf:
    """What if every call, or those of the slow component, took ``factor`` times as long?

    component : ALL, or SLOW where the separation holds, such as the calls that hash a password
    BadInput for a factor that is none, or where the model cannot tell.
    """
    _require_time(factor, "a factor")
    known_name(component, (ALL, SLOW), "component")
    if not choice.supported:
        raise BadInput(f"no model tells what slower calls would do: {choice.reason}")
    moved = choice.best.family.times
    if component == SLOW:
        _require_slow(choice)
        moved = np.array([name.startswith("slow_median") for name in choice.best.parameters])
    after = Model(choice.best.family, choice.best.theta + moved * np.log(factor))
    note = (
        "Queueing is not in it: slower calls hold their workers longer, and the others wait for "
        "them, so expect more than this under load."
    )
    return WhatIf(choice.best, after, (note,))


def _require_slow(choice: ModelChoice) -> None:
    apart = choice.separation
    if not apart.separated:
        raise BadInput(f"there is no slow component to slow down: {apart.reason}")
    if np.isnan(apart.slow.sigma):
        raise BadInput(
            f"the slow component lies inside the bucket from {apart.slow.low:g} to "
            f"{apart.slow.high:g} s, so its latency is not known; add a bound within"
        )


def _silence(choice: ModelChoice, seconds: float) -> str | None:
    """Say why the model is not asked about latencies from so many seconds on, if so."""
    if not choice.supported:
        return choice.reason
    last = choice.histogram.upper_bounds[-2]
    if seconds >= last and choice.sums.consistent is None:
        return "Beyond the last bound a model needs the sum of latencies as a witness."
    return None


def _within(value: float, low: float, high: float, unit: str) -> Modelled:
    kept = min(max(value, low), high)
    if kept == value:
        return Modelled(kept, low, high)
    said = f"The model says {value:.4g}{unit}, outside what the counts allow."
    return Modelled(kept, low, high, (said,))


def _require_inside(q: float) -> None:
    if not 0 < q < 1:
        raise BadInput(f"a model has quantiles between 0 and 1, not {q:g}")


def _require_time(number: float, what: str = "a threshold") -> None:
    if not 0 < number < np.inf:
        raise BadInput(f"{what} is a number above 0, not {number:g}")
