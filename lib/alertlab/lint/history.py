"""What a rule's threshold would have done in the history: never held, always held, in a bucket."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator

import numpy as np

from alertlab.errors import BadInput
from alertlab.lint.remarks import Remark, remark
from alertlab.lint.seen import Seen
from alertlab.lint.shapes import is_call, selectors_of, thresholds_of, unscaled
from alertlab.replay import EvaluatedRule, evaluate_rule
from alertlab.rules import AlertRule, Threshold
from alertlab.rules.parts import parts_of
from alertlab.units import DAY_MS, MINUTE_MS, format_duration

_LOG = logging.getLogger(__name__)
# Of less history nobody expects that everything has happened in it.
_LEAST_HISTORY_MS = DAY_MS
# A bucket may be so wide, as a share of the threshold in it, before its width is worth a remark.
_WIDE_RATIO = 0.25


def never_or_always(rule: AlertRule, seen: Seen) -> Iterator[Remark]:
    """A threshold that was never passed, or at every evaluation, in the source's history."""
    span_ms = seen.end_ms - seen.start_ms
    if span_ms < _LEAST_HISTORY_MS or not selectors_of(parts_of(rule.expr)):
        return
    try:
        evaluated = evaluate_rule(rule, seen.source, seen.start_ms, seen.end_ms)
    except BadInput as error:
        _LOG.warning("%s: not compared with the history: %s", rule.where, error)
        return
    if evaluated.data_ratio == 0 or not evaluated.reported.any():
        return  # silence without data says nothing; what is missing is said by other remarks
    share, span = evaluated.above_share(), format_duration(span_ms // MINUTE_MS * MINUTE_MS)
    threshold = evaluated.threshold
    if share == 1:
        yield remark(
            rule,
            "always-held",
            f"Its expression held at every one of {evaluated.coverage.evaluated} evaluations in "
            f"{span}: an alert that is always there tells nobody anything."
            f"{_extreme(evaluated, lowest=True)}",
            "Move the threshold to where ordinary days do not reach, or delete the rule; alertlab "
            "tune shows the choices.",
        )
    # 0 and 1 stand for states and for events that ought never to happen.
    elif share == 0 and threshold is not None and threshold.value not in (0, 1):
        yield remark(
            rule,
            "never-held",
            f"{threshold.op} {threshold.value:g} never held in {span}."
            f"{_extreme(evaluated, lowest=False)} That is no proof that the rule is useless: what "
            "it waits for may not have happened yet.",
            "Check that the threshold has the unit of what it is compared with, and that an "
            "incident would reach it.",
        )


def threshold_in_buckets(rule: AlertRule, seen: Seen) -> Iterator[Remark]:
    """A percentile is known to its bucket only, and never beyond the largest finite bound.

    promql/quantile.go, BucketQuantile: within a bucket it is interpolated, above the last finite
    bound it is that bound.
    """
    for threshold in thresholds_of(rule.expr):
        call, factor = unscaled(parts_of(threshold.compared))
        if not is_call(call, "histogram_quantile") or threshold.op in ("==", "!=") or factor <= 0:
            continue
        selectors = selectors_of(call.children[1])
        if len(selectors) != 1:
            continue
        bounds = sorted(map(float, seen.values_of(selectors[0].text, "le")))
        finite = [one for one in bounds if math.isfinite(one)]
        if finite:
            yield from _against_bounds(rule, threshold, threshold.value / factor, finite)


def _against_bounds(
    rule: AlertRule, threshold: Threshold, limit: float, bounds: list[float]
) -> Iterator[Remark]:
    above = [one for one in bounds if one >= limit]
    highest = bounds[-1]
    if not above or (threshold.op == ">" and limit == highest):
        if threshold.rising:
            yield remark(
                rule,
                "threshold-beyond-buckets",
                f"The histogram's largest finite bound is {highest:g}, and histogram_quantile() "
                f"never returns more: {threshold.op} {limit:g} can never hold.",
                f"Take a threshold below {highest:g}, or add buckets beyond {limit:g}.",
            )
        return
    upper = above[0]
    lower = max((one for one in bounds if one < upper), default=0.0)
    if not lower < limit < upper or upper - lower <= _WIDE_RATIO * limit:
        return
    yield remark(
        rule,
        "threshold-inside-bucket",
        f"{limit:g} lies inside the bucket from {lower:g} to {upper:g}: where in it the calls lie "
        "is not known but interpolated, so that the same latency passes the threshold or not by "
        "the number of calls in the bucket.",
        f"Take {lower:g} or {upper:g} as the threshold, or add a bucket at {limit:g}.",
    )


def _extreme(evaluated: EvaluatedRule, *, lowest: bool) -> str:
    """Say how near the values came: the one nearest to the threshold's other side."""
    threshold = evaluated.threshold
    if threshold is None or not threshold.is_plain:
        return ""
    values = evaluated.frame.values[:, evaluated.reported]
    values = values[evaluated.frame.present[:, evaluated.reported] & ~np.isnan(values)]
    if not len(values):
        return ""
    if threshold.rising == lowest:
        return f" Its lowest value was {values.min():.4g}."
    return f" Its highest value was {values.max():.4g}."
