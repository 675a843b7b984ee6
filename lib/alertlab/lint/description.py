"""Where a rule's text says other numbers than its expression and its ``for``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from alertlab.lint.remarks import Remark, remark
from alertlab.lint.shapes import (
    COUNTING,
    has_call,
    is_aggregation,
    is_call,
    parts_under,
    ranges_of,
    selectors_of,
    thresholds_of,
    unscaled,
)
from alertlab.rules import AlertRule
from alertlab.rules.claims import BYTES, PERCENT, SECONDS, Claim, find_claims
from alertlab.rules.parts import Part, constant_value, parts_of
from alertlab.units import MINUTE_MS, SECOND_MS, format_duration, parse_duration

_NUMBER_IN_WORDS = re.compile(r"\d+(?:\.\d+)?")
_DURATION_IN_WORDS = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_SECONDS_METRIC = re.compile(r"(?<!timestamp)_seconds(?:_bucket)?$")
_TIME_SCALES = (1.0, 1e3, 1e6, 1e9, 1 / 60, 1 / 3600, 1 / 86400)
_ROUNDED = 0.01  # 0.17 stands for 1/6


def text_disagrees(rule: AlertRule) -> Iterable[Remark]:
    """Numbers that the text gives as limits or durations, and that nothing in the rule is.

    Conversions (%, ms, GB, a minute's rate, more than 5 for >= 6) are tried; a number that may
    be meant otherwise is taken for right.
    """
    whole, facts = parts_of(rule.expr), _Facts(rule)
    wrong = [
        claim for claim in find_claims(rule.annotations) if claim.is_limit and not facts.hold(claim)
    ]
    if not wrong:
        return
    said = " and ".join(dict.fromkeys(f"“{claim.phrase}”" for claim in wrong))
    yield remark(
        rule,
        "text-disagrees",
        f"The text says {said}, but the rule {_settings(rule, whole)}: people are told something "
        "else than what is watched.",
        "Write into the text what the expression and for say, or change the rule to what the text "
        "says.",
    )


class _Facts:
    """The numbers and durations of a rule, and what unit its comparison has."""

    def __init__(self, rule: AlertRule) -> None:
        whole, thresholds = parts_of(rule.expr), thresholds_of(rule.expr)
        self.limits = [abs(one.value) for one in thresholds]
        words = " ".join(
            f"{matcher.name} {matcher.value}"
            for selector in selectors_of(whole)
            for matcher in selector.matchers
        )
        constants = [constant_value(part) for part in parts_under(whole) if part.is_constant]
        in_words = [float(one) for one in _NUMBER_IN_WORDS.findall(words)]
        self.numbers = [abs(one) for one in [*constants, *in_words] if math.isfinite(one)]
        hold_ms, ranges_ms = rule.hold_duration_ms, ranges_of(whole)
        spans_ms = [hold_ms, rule.keep_firing_for_ms, *ranges_ms]
        spans_ms += [hold_ms + one for one in ranges_ms]  # since when, when the alert comes
        spans_ms += map(parse_duration, _known_durations(f"{rule.expr} {words}"))
        self.spans_seconds = [one / SECOND_MS for one in spans_ms if one]
        # What a metric counts may have limits of its own: any (> 0) request of more than 1 s.
        self.of_events = bool(self.limits) and not any(self.limits)
        compared = [parts_of(one.compared) for one in thresholds]
        # With one scale only: a number in arithmetic, or several metrics, may hide another.
        self.in_seconds = len(compared) == 1 and _is_in_seconds(compared[0])
        self.is_ratio = len(compared) == 1 and _is_ratio(compared[0])

    def hold(self, claim: Claim) -> bool:
        """Tell whether the claim may be true of the rule."""
        value = claim.value
        if self.of_events and (claim.unit in (BYTES, PERCENT) or self._is_short(claim)):
            return True
        if claim.unit == SECONDS:
            scales = (1.0,) if self.in_seconds else _TIME_SCALES
            wanted = [value * scale for scale in scales]
            return _meet([value], self.spans_seconds) or _meet(wanted, self.numbers)
        if not self.limits:
            return True  # what is compared is no number of the rule
        if claim.unit == BYTES:
            return _meet(_in_bytes(value), self.numbers)
        if claim.unit == PERCENT and self.is_ratio:
            return _meet([value / 100, 1 - value / 100], self.numbers)
        if claim.unit == PERCENT:
            shares = [value, 100 - value, value / 100, 1 - value / 100]
            of_a_second_in_ms = [value * 10]
            return _meet(shares, self.numbers) or _meet(of_a_second_in_ms, self.limits)
        one_off = value == int(value) and any(abs(value - one) == 1 for one in self.numbers)
        return one_off or _meet(self._counts(value), self.numbers)  # > 4 is "5 or more"

    def _is_short(self, claim: Claim) -> bool:
        """Tell whether a duration is too short for a ``for`` or a window."""
        return claim.unit == SECONDS and claim.value < MINUTE_MS / SECOND_MS

    def _counts(self, value: float) -> list[float]:
        """Return the numbers by which an expression may say a plain count."""
        rates = [value / 60, value / 3600, value * 60, *(value / one for one in self.spans_seconds)]
        return [value, value / 100, value / 1e3, value * 1e3, *rates]


def _meet(wanted: Iterable[float], there: Iterable[float]) -> bool:
    """Tell whether any number that is wanted is there, up to rounding."""
    return any(math.isclose(one, other, rel_tol=_ROUNDED) for one in wanted for other in there)


def _known_durations(text: str) -> list[str]:
    """Return the durations in a text as they can be parsed; others are no durations."""
    ordered = re.compile(r"(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?")
    return [one for one in _DURATION_IN_WORDS.findall(text) if ordered.fullmatch(one)]


def _in_bytes(value: float) -> list[float]:
    """Return an amount of data, read with 1024 or with 1000 to a kilo, in each larger unit."""
    read = [value / 1.024**power for power in range(5)]
    return [one / base**k for one in read for base in (1000, 1024) for k in range(5)]


def _is_in_seconds(compared: Part) -> bool:
    """Tell whether what is compared is an amount of seconds and nothing else."""
    bare = compared.bare
    if is_call(bare, "histogram_quantile"):
        bare = bare.children[1]
    elif has_call(bare, *COUNTING, "changes", "deriv"):
        return False
    selectors = selectors_of(bare)
    return (
        bare.kind in ("AggregateExpr", "Call", "VectorSelector")
        and not is_aggregation(bare, "count", "count_values", "group", "quantile")
        and not any(part.is_constant for part in parts_under(bare))
        and bool(selectors)
        and all(_SECONDS_METRIC.search(one.metric) for one in selectors)
    )


def _is_ratio(compared: Part) -> bool:
    """Tell whether what is compared is a share of 1: counts by counts, without a factor."""
    bare, factor = unscaled(compared)
    return (
        factor == 1
        and bare.kind == "BinaryExpr"
        and bare.op == "/"
        and not any(part.is_constant for part in parts_under(bare))
        and all(has_call(side, *COUNTING) for side in bare.children)
    )


def _settings(rule: AlertRule, whole: Part) -> str:
    """Say a rule's limits, ``for`` and windows as a clause."""
    limits = [f"{one.op} {one.value:g}" for one in thresholds_of(rule.expr)]
    windows = [f"[{format_duration(one)}]" for one in dict.fromkeys(ranges_of(whole))]
    hold = f"for {format_duration(rule.hold_duration_ms)}" if rule.hold_duration_ms else "no for"
    return f"has {', '.join([*limits, *windows, hold])}"
