"""Which distribution describes a histogram, and is it good enough to be asked?

A model is asked for what the buckets do not tell: beyond the last bound, between two bounds, and
what would be if the work took longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alertlab.latency.buckets import Histogram
from alertlab.latency.families import (
    GAMMA,
    LOG_LOGISTIC,
    LOGNORMAL,
    SHIFTED_LOGNORMAL,
    SHIFTED_WEIBULL,
    WEIBULL,
    Family,
)
from alertlab.latency.fitting import Fits, fit_many
from alertlab.latency.mixture import MIXTURE, Separation, separate
from alertlab.latency.model_sums import SumCheck, check_sum

FAMILIES: tuple[Family, ...] = (
    LOGNORMAL,
    WEIBULL,
    GAMMA,
    LOG_LOGISTIC,
    SHIFTED_LOGNORMAL,
    SHIFTED_WEIBULL,
    MIXTURE,
)

MAX_MISFIT = 5.0
"""A model with more G² per degree of freedom is refused."""

MAX_MEAN_ERROR_RATIO = 0.05
"""A model whose mean is further from the sum of latencies by their number is refused."""

FITTED, FEW_BUCKETS, UNSETTLED = "fitted", "too few buckets", "did not converge"

_COLUMNS = [
    "family",
    "status",
    "aic",
    "aic_above_best",
    "g2",
    "dof",
    "mean_seconds",
    "mean_error_ratio",
    "parameters",
]


@dataclass(frozen=True)
class Model:
    """One distribution of latency: a family and its parameters (``Family``)."""

    family: Family
    theta: np.ndarray

    @property
    def parameters(self) -> Mapping[str, float]:
        """Its parameters by their natural names."""
        natural = self.family.natural(self.theta[None])[0]
        return dict(zip(self.family.parameters, map(float, natural), strict=True))

    @property
    def mean_seconds(self) -> float:
        """The mean, infinite where there is none."""
        return float(self.family.mean(self.theta[None])[0])

    def quantile(self, q: float) -> float:
        """Return the quantile 0 < q < 1 [s]."""
        return float(self.family.quantile(q, self.theta[None])[0])

    def share_above(self, seconds: float) -> float:
        """Return the share of calls that take longer than a time above 0."""
        return float(self.family.shares(np.array([seconds]), self.theta[None]).above[0, 0])


@dataclass(frozen=True)
class ModelChoice:
    """All families fitted to a histogram, and what was chosen.

    table : one row per family, best first: ``family``, ``status`` (FITTED, FEW_BUCKETS or
        UNSETTLED), ``aic``, ``aic_above_best``, ``g2``, ``dof``, ``mean_seconds``,
        ``mean_error_ratio``, ``parameters`` by name; NaN and none where it was not fitted
    fits : by family's name, of this one histogram
    best : the model with the least AIC, None if none was fitted
    supported : whether the best model may be asked
    reason : why not, in a sentence; empty if it may
    """

    histogram: Histogram
    table: pd.DataFrame
    fits: Mapping[str, Fits]
    best: Model | None
    supported: bool
    reason: str
    separation: Separation
    sums: SumCheck
    notes: tuple[str, ...] = ()


def fit_models(histogram: Histogram, families: Sequence[Family] = FAMILIES) -> ModelChoice:
    """Fit every family and choose by AIC; a choice that may not be asked says why."""
    sums = check_sum(histogram)
    if impossible := _impossible(histogram):
        apart = Separation(False, impossible, np.inf)
        return ModelChoice(
            histogram, _table({}, histogram), {}, None, False, impossible, apart, sums
        )
    counts = histogram.counts[None]
    fits = {one.name: fit_many(histogram.upper_bounds, counts, one) for one in families}
    table = _table(fits, histogram)
    found = fits[table["family"].iloc[0]]
    best = Model(found.family, found.theta[0]) if found.converged[0] else None
    refusal = _refusal(table, sums)
    return ModelChoice(
        histogram,
        table,
        fits,
        best,
        refusal is None,
        refusal or "",
        _separation(histogram, fits, best),
        sums,
        tuple(_notes(histogram, table, sums)),
    )


def _impossible(histogram: Histogram) -> str | None:
    """Say why no model can be fitted at all, if so."""
    bounds = histogram.upper_bounds
    if not np.isposinf(bounds[-1]):
        return "The +Inf bucket is missing, and with it how many calls there were."
    if not ((bounds > 0) & np.isfinite(bounds)).any():
        return "No finite bound lies above 0."
    return None if histogram.count else "There are no observations."


def _table(fits: Mapping[str, Fits], histogram: Histogram) -> pd.DataFrame:
    rows = [_row(one, histogram) for one in fits.values()]
    table = pd.DataFrame(rows, columns=_COLUMNS).sort_values("aic", kind="stable")
    table["aic_above_best"] = table["aic"] - table["aic"].min()
    return table.reset_index(drop=True)


def _row(fit: Fits, histogram: Histogram) -> dict[str, object]:
    if not fit.converged[0]:
        status = FEW_BUCKETS if fit.dof[0] < 1 else UNSETTLED
        return {"family": fit.family.name, "status": status, "dof": fit.dof[0], "parameters": {}}
    model = Model(fit.family, fit.theta[0])
    measured = histogram.mean_seconds
    return {
        "family": fit.family.name,
        "status": FITTED,
        "aic": fit.aic[0],
        "g2": fit.g2[0],
        "dof": fit.dof[0],
        "mean_seconds": model.mean_seconds,
        "mean_error_ratio": model.mean_seconds / measured - 1 if measured else np.inf,
        "parameters": model.parameters,
    }


def _refusal(table: pd.DataFrame, sums: SumCheck) -> str | None:
    """Say why the best model may not be asked, if so."""
    best = table.iloc[0]
    if best["status"] != FITTED:
        few = (table["status"] == FEW_BUCKETS).all()
        return "Too few buckets hold observations." if few else "No model converged."
    if sums.consistent is False:
        return sums.reason
    misfit = best["g2"] / best["dof"]
    if misfit > MAX_MISFIT:
        return (
            f"The best model, {best['family']}, does not fit the counts: "
            f"G² is {misfit:.3g} per degree of freedom, more than {MAX_MISFIT:g}."
        )
    if abs(best["mean_error_ratio"]) > MAX_MEAN_ERROR_RATIO:
        return (
            f"The mean of the best model, {best['family']}, is off the measured one by "
            f"{best['mean_error_ratio']:+.1%}, more than {MAX_MEAN_ERROR_RATIO:.0%}."
        )
    return None


def _separation(histogram: Histogram, fits: Mapping[str, Fits], best: Model | None) -> Separation:
    mixture = fits.get(MIXTURE.name)
    theta = mixture.theta[0] if mixture is not None and mixture.converged[0] else None
    return separate(histogram, theta, wins=best is not None and best.family is MIXTURE)


def _notes(histogram: Histogram, table: pd.DataFrame, sums: SumCheck) -> Iterator[str]:
    if histogram.counts[histogram.upper_bounds <= 0].sum():
        yield "Observations at or below 0 were added to the first bucket above 0."
    for name in table.loc[table["status"] == UNSETTLED, "family"]:
        yield f"The fit of {name} did not converge and was left out."
    if sums.consistent is None:
        yield "The sum of latencies is unknown: no model's mean could be checked."
