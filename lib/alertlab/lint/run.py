"""Lint one rule by itself, or rules against a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from alertlab.lint.description import text_disagrees
from alertlab.lint.existence import unknown_series
from alertlab.lint.expressions import CHECKS
from alertlab.lint.history import never_or_always, threshold_in_buckets
from alertlab.lint.remarks import Remark
from alertlab.lint.seen import Seen
from alertlab.lint.shapes import Selector
from alertlab.lint.windows import range_too_short
from alertlab.rules import AlertRule, RecordingRule
from alertlab.sources import Source


def lint_rule(rule: AlertRule) -> list[Remark]:
    """Return what is suspicious in a rule by itself; an empty list is no proof that it is right."""
    return [one for check in (*CHECKS, text_disagrees) for one in check(rule)]


def lint_rules(
    rules: Iterable[AlertRule],
    source: Source | None = None,
    start_ms: int | None = None,
    end_ms: int | None = None,
    *,
    scrape_interval_ms: int | None = None,
    track: Callable[[list], Iterable] = iter,
) -> list[Remark]:
    """Return what is suspicious in rules and in the recording rules loaded with them, by place.

    source, start_ms, end_ms : the history to hold them against, the source's whole if no times
        are given; without a source what needs one is left out (``FROM_THE_SOURCE``)
    scrape_interval_ms : how often series get a sample; None: as the source shows, else ranges
        are not judged (``FROM_THE_INTERVAL``)
    track : wraps the list of rules to show progress, for instance ``tqdm``
    """
    alerts = list(rules)
    recording = list(dict.fromkeys(one for rule in alerts for one in rule.recorded))
    recorded = frozenset(one.name for one in recording)
    seen = None if source is None else _seen(source, start_ms, end_ms)

    def interval_of(selector: Selector) -> int | None:
        if selector.metric in recorded:
            return None  # a group's matter, not the scrapes'
        if scrape_interval_ms is not None:
            return scrape_interval_ms
        # Of a metric's series, whatever is selected of them: one question for all rules.
        return None if seen is None else seen.interval_ms(selector.metric or selector.text)

    found: list[Remark] = []
    for rule in track(_by_place([*alerts, *recording])):
        if isinstance(rule, AlertRule):
            found += lint_rule(rule)
        found += range_too_short(rule, interval_of)
        if seen is not None:
            found += unknown_series(rule, recorded, seen)
        if seen is not None and isinstance(rule, AlertRule):
            found += threshold_in_buckets(rule, seen)
            found += never_or_always(rule, seen)
    return found


def _seen(source: Source, start_ms: int | None, end_ms: int | None) -> Seen:
    first_ms = source.start_ms if start_ms is None else start_ms
    return Seen(source, first_ms, source.end_ms if end_ms is None else end_ms)


def _by_place(rules: list[AlertRule | RecordingRule]) -> list[AlertRule | RecordingRule]:
    """Sort rules as they stand in their files, the files in the order in which they come."""
    files = {one.file: number for number, one in reversed(list(enumerate(rules)))}
    return sorted(rules, key=lambda one: (files[one.file], one.line, one.index))
