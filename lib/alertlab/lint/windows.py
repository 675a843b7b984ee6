"""Ranges too short for what is scraped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alertlab.lint.remarks import Remark, remark
from alertlab.lint.shapes import Selector, parts_under, range_ms, selectors_of
from alertlab.rules import AlertRule, RecordingRule
from alertlab.rules.parts import parts_of
from alertlab.units import format_duration

# These compare samples with each other; the *_over_time functions make do with one.
_NEED_TWO = (
    "rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear", "changes", "resets",
    "double_exponential_smoothing", "holt_winters",
)  # fmt: skip

IntervalOf = Callable[[Selector], int | None]
"""How often a selector's series get a sample [ms], None if unknown."""


def range_too_short(rule: AlertRule | RecordingRule, interval_of: IntervalOf) -> Iterator[Remark]:
    """Ranges that do not always hold the samples that their function needs."""
    for part in parts_under(parts_of(rule.expr)):
        ranges = [one for one in part.children if one.kind == "MatrixSelector"]
        if part.kind != "Call" or not ranges:
            continue
        needed = 2 if part.tree.func.name in _NEED_TWO else 1
        (selector,), window_ms = selectors_of(ranges[0]), range_ms(ranges[0])
        interval_ms = interval_of(selector)
        if interval_ms is None or window_ms >= needed * interval_ms:
            continue
        window, interval = format_duration(window_ms), format_duration(interval_ms)
        few = "fewer than two samples, and" if needed == 2 else "no sample at all, and then"
        yield remark(
            rule,
            "range-too-short",
            f"[{window}] of {selector.text}, which gets a sample every {interval}, often holds "
            f"{few} {part.tree.func.name}() has no result: the alert comes and goes with the "
            "scrapes.",
            f"Take a range of four samples, [{format_duration(4 * interval_ms)}], or at least "
            f"[{format_duration(2 * interval_ms)}].",
        )
        return
