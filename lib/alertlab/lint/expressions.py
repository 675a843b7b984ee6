"""What in an expression makes noise, as far as the rule alone tells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from alertlab.lint.remarks import Remark, remark
from alertlab.lint.shapes import (
    COUNTING,
    KIND_OF_WORK,
    Selector,
    has_call,
    is_aggregation,
    is_call,
    parts_under,
    ranges_of,
    selectors_of,
    thresholds_of,
    unscaled,
)
from alertlab.promql.binary import COMPARISONS
from alertlab.rules import AlertRule, Threshold
from alertlab.rules.level import MIRRORED
from alertlab.rules.parts import Part, constant_value, parts_of
from alertlab.rules.reading import rate_read_as_count
from alertlab.rules.rewriting import grouping_of
from alertlab.rules.windows import window_ms_of
from alertlab.units import DAY_MS, MINUTE_MS, SECOND_MS, format_duration, parse_duration

# A window of several evaluations lets one odd sample pass; a shorter one does not.
_STEADY_WINDOW_MS = 5 * MINUTE_MS
# In so long a window there is enough traffic, or it is the user's matter.
_LONG_WINDOW_MS = DAY_MS
# A for of so many windows needs trouble in call after call; one bad call cannot fill it.
_OUTLASTING = 2
# These grow with time, or run into thousands at any time: a share of them needs no floor.
_ALWAYS_MANY = re.compile(
    r"_(?:seconds|bytes|octets|bits|joules)(?:_total|_sum)?$|cpu|_ticks?_|_periods_|packets|pkts"
    r"|_iterations_|_evaluations_",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"_sum$|_seconds(?:_total)?$|_time|_bytes|latency", re.IGNORECASE)
# What moves so slowly, or so rarely, that one sample is as good as many.
_SLOW = re.compile(
    r"expir|_days|_age|ttl|timestamp|not_after|validity|_until|uptime|restart|quota|_limits?(?:_|$)"
    r"|capacity|filesystem|disk|pool|battery|charge|_info$|speed|cardinality|licen[cs]e",
    re.IGNORECASE,
)
# A recorded series says its window last (Prometheus' naming: level:metric:operations).
_RECORDED_WINDOW = re.compile(r":[a-z_]*?(\d+[smhdw])$")
_UP = re.compile(r"(?:^|_)up$|^probe_success$")
_SETTLED_CALLS = (
    "absent", "absent_over_time", "changes", "resets", "deriv", "predict_linear", "time",
    "timestamp", "hour", "minute", "day_of_week", "day_of_month", "holt_winters",
    "double_exponential_smoothing",
)  # fmt: skip


def rate_as_count(rule: AlertRule) -> Iterator[Remark]:
    """A rate is per second: ``rate(x[5m]) > 5`` is 1,500 in five minutes, not five."""
    threshold = rate_read_as_count(rule)
    if threshold is None:
        return
    window_ms = window_ms_of(threshold.lhs)
    count, window = threshold.value * window_ms / SECOND_MS, format_duration(window_ms)
    yield remark(
        rule,
        "rate-read-as-count",
        f"The text speaks of {threshold.value:g} in {window}, but rate() is per second: "
        f"{threshold.op} {threshold.value:g} means {count:,.0f} in {window}.",
        f"For {threshold.value:g} in {window} write increase() instead of rate(), or say in the "
        "text that it is per second.",
    )


def not_aggregated(rule: AlertRule) -> Iterator[Remark]:
    """Without an aggregation every pod and every reason is compared, and alerts, by itself."""
    if any("$labels" in text or ".Labels" in text for text in rule.annotations.values()):
        return  # the text names the series: that each alerts by itself is meant
    for threshold in thresholds_of(rule.expr):
        if not threshold.is_plain or (threshold.rising and threshold.value <= 0):
            continue
        if is_call(parts_of(threshold.lhs).bare, *COUNTING, "delta"):
            yield remark(
                rule,
                "not-aggregated",
                "The expression is not aggregated: each series (pod, reason, …) is compared by "
                "itself, so the same trouble spread over more pods stays on the quiet side of the "
                "threshold, and each series alerts for itself.",
                "Put sum() around it, or sum by (…) with the labels that one alert is about; if "
                "every series is meant, name it in the text by $labels.",
            )


def mixed_percentile(rule: AlertRule) -> Iterator[Remark]:
    """A percentile over everything moves with the mix of slow and fast work, not only its speed."""
    for call in _quantiles(rule):
        buckets = call.children[1].bare
        if not is_aggregation(buckets, "sum") or grouping_of(buckets) != ("by", ["le"]):
            continue
        if any(_tells_the_work(one) for one in selectors_of(buckets)):
            continue
        yield remark(
            rule,
            "mixed-percentile",
            "One percentile over everything that the histogram counts (all methods, all pods) "
            "moves with the mix of slow and fast calls as much as with their latency, most of "
            "all when there are few calls.",
            "Group the buckets by method, too: sum by (le, method) (…), or select one method.",
        )
        return


def averaged_percentile(rule: AlertRule) -> Iterator[Remark]:
    """The mean of percentiles is no percentile of anything."""
    for part in parts_under(parts_of(rule.expr)):
        if not is_aggregation(part, "avg", "sum"):
            continue
        inner = unscaled(part.children[-1])[0]
        is_quantile = is_call(inner, "histogram_quantile") or (
            inner.kind == "VectorSelector"
            and any(
                one.name == "quantile" and one.op == "="
                for selector in selectors_of(inner)
                for one in selector.matchers
            )
        )
        if is_quantile:
            yield remark(
                rule,
                "averaged-percentile",
                f"{part.op}() of percentiles is a percentile of nothing: a pod with ten calls "
                "weighs as much as one with a million.",
                "Sum the buckets first and take the percentile of the sum: histogram_quantile(q, "
                "sum by (le, …) (rate(…_bucket[…]))); of a summary's quantiles take max().",
            )
            return


def ratio_without_floor(rule: AlertRule) -> Iterator[Remark]:
    """One failure of one call is 100 %: a ratio of rates needs some traffic to mean anything."""
    whole = parts_of(rule.expr)
    for part, above in whole.walk():
        if part.kind != "BinaryExpr" or part.op not in COMPARISONS:
            continue
        for compared, op, limit in _limits(part):
            ratio = unscaled(compared)[0]
            if not _is_traffic_ratio(ratio) or (op in (">", ">=") and limit <= 0):
                continue
            if rule.hold_duration_ms >= _OUTLASTING * max(ranges_of(ratio)):
                continue
            floors = [one for one in _guards(above) if has_call(one, *COUNTING)]
            if any(_is_floor(one) for one in floors):
                continue
            guard = (
                "The guard only keeps the divisor above 0"
                if floors
                else "Nothing keeps it from being computed over hardly any traffic"
            )
            decides = "its value" if _is_mean(ratio) else "0 % or 100 %"
            yield remark(
                rule,
                "ratio-without-floor",
                f"The ratio has no traffic floor. {guard}: of one call in the window, that call "
                f"alone makes {decides}, at night most of all.",
                f"Ask for some traffic, too: … and {ratio.children[1].text} > 0.1, with what an "
                "ordinary hour has at least.",
            )
            return


def missing_for(rule: AlertRule) -> Iterator[Remark]:
    """Without ``for`` one odd sample is an alert, unless the expression itself looks back."""
    if rule.hold_duration_ms:
        return
    whole = parts_of(rule.expr)
    if has_call(whole, *_SETTLED_CALLS) or not selectors_of(whole):
        return
    if any(_SLOW.search(one.metric) for one in selectors_of(whole)):
        return
    recorded = (_RECORDED_WINDOW.search(one.metric) for one in selectors_of(whole))
    looks_back = [*ranges_of(whole), *(parse_duration(one[1]) for one in recorded if one)]
    if max(looks_back, default=0) >= _STEADY_WINDOW_MS:
        return
    if not any(_jitters(one) for one in thresholds_of(rule.expr)):
        return
    yield remark(
        rule,
        "missing-for",
        "There is no for: one odd evaluation (a lost scrape, a restart, a short peak) is an alert "
        "at once, and a value that swings round the threshold is a new one each time.",
        "Add for: with as long as the trouble may last before somebody must act, such as for: 2m.",
    )


CHECKS: tuple[Callable[[AlertRule], Iterable[Remark]], ...] = (
    rate_as_count,
    not_aggregated,
    mixed_percentile,
    averaged_percentile,
    ratio_without_floor,
    missing_for,
)


def _quantiles(rule: AlertRule) -> list[Part]:
    """Return the calls of histogram_quantile in what a rule compares with numbers."""
    return [
        part
        for threshold in thresholds_of(rule.expr)
        for part in parts_under(parts_of(threshold.compared))
        if is_call(part, "histogram_quantile")
    ]


def _tells_the_work(selector: Selector) -> bool:
    return any(one.op == "=" and KIND_OF_WORK.search(one.name) for one in selector.matchers)


def _limits(comparison: Part) -> Iterator[tuple[Part, str, float]]:
    """Give what a comparison compares with a number, by which operator, and the number."""
    (left, right), op = comparison.children, comparison.op
    for compared, other, turned in ((left, right, op), (right, left, MIRRORED[op])):
        if other.is_constant and not compared.is_constant:
            yield compared, turned, constant_value(other)


def _is_traffic_ratio(part: Part) -> bool:
    """Tell whether a part divides a count of events by a count of events."""
    if part.kind != "BinaryExpr" or part.op != "/":
        return False
    traffic = part.children[1]
    if not all(_counts_events(side) for side in part.children):
        return False
    if max(ranges_of(traffic), default=0) >= _LONG_WINDOW_MS:
        return False
    return not any(_ALWAYS_MANY.search(one.metric) for one in selectors_of(traffic))


def _counts_events(part: Part) -> bool:
    """Tell whether a part is made of rates, and not a count of series that have one."""
    return has_call(part, *COUNTING) and not _counts_series(part)


def _counts_series(part: Part) -> bool:
    return any(is_aggregation(one, "count", "group") for one in parts_under(part))


def _is_mean(ratio: Part) -> bool:
    """Tell whether a ratio is an amount per event rather than a share of the events."""
    return any(_AMOUNT.search(one.metric) for one in selectors_of(ratio.children[0]))


def _guards(above: tuple[tuple[Part, int], ...]) -> Iterator[Part]:
    """Give what must hold beside a comparison: the other sides of ``and``."""
    for part, index in above:
        if part.kind == "BinaryExpr" and part.op == "and":
            yield part.children[1 - index]


def _is_floor(guard: Part) -> bool:
    """Tell whether a guard asks for more traffic than any at all."""
    return any(
        limit > 0 and op in (">", ">=") and not _is_traffic_ratio(unscaled(compared)[0])
        for part in parts_under(guard)
        if part.kind == "BinaryExpr" and part.op in COMPARISONS
        for compared, op, limit in _limits(part)
    )


def _jitters(threshold: Threshold) -> bool:
    """Tell whether a single sample may pass a threshold by chance.

    A state (``== 3``) does not, unless it is that of a scrape (``up == 0``); neither does an
    event that is counted over a window (> 0): a ``for`` would hide it.
    """
    compared = parts_of(threshold.compared)
    if threshold.op in ("==", "!="):
        is_down = threshold.op == "==" and threshold.value == 0 and not _counts_series(compared)
        return is_down and any(_UP.search(one.metric) for one in selectors_of(compared))
    return threshold.value not in (0, 1)
