"""What a rule group's evaluations have left behind: samples, gaps between them, counters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from alertlab.frame import Series, is_stale
from alertlab.promql import Matcher, selector_text
from alertlab.rules import AlertRule, RecordingRule
from alertlab.sources import Source
from alertlab.templates import has_template
from alertlab.units import NAME, SECOND_MS

Gap = tuple[int, int]
"""Two slots [ms] with evaluations, between which there were none."""

_MISSED = "prometheus_rule_group_iterations_missed_total"
_FAILED = "prometheus_rule_evaluation_failures_total"
_LAST = "prometheus_rule_group_last_evaluation_timestamp_seconds"
_RECENT_SLOTS = 20


@dataclass(frozen=True)
class Growth:
    """Between two evaluations [ms] a server's counter for the group grew by ``count``."""

    after_ms: int
    until_ms: int
    count: int


@dataclass(frozen=True)
class Evidence:
    """Traces of a group's evaluations.

    times, own_times : int64 [ms], sorted: slots at which any rule of the group, and at which the
        rule itself has written samples
    own_gaps, group_gaps : where something was active before and after, but not written between:
        of the rule itself, and of any rule of the group
    missed, failed : what Prometheus' own counters tell; empty where it has no such counter
    rules : how many rules the group has
    """

    times: np.ndarray
    own_times: np.ndarray
    own_gaps: tuple[Gap, ...]
    group_gaps: tuple[Gap, ...]
    missed: tuple[Growth, ...]
    failed: tuple[Growth, ...]
    rules: int


def gather_evidence(
    rule: AlertRule | RecordingRule,
    recorded: Sequence[RecordingRule],
    source: Source,
    start_ms: int,
    end_ms: int,
) -> Evidence:
    """Return what the source holds of a rule's evaluations between two times [ms].

    ``recorded`` are the recording rules loaded with it; those of its own group tell of it.
    """
    siblings = tuple(one for one in recorded if (one.file, one.group) == (rule.file, rule.group))
    group = _Group(
        rule.file, rule.group, rule.interval_ms, rule.query_offset_ms, rule.group_alerts, siblings
    )
    traces = _gather(group, source, start_ms, end_ms)
    own = [one for one in traces.series if _is_of(one, rule)]
    return Evidence(
        times=traces.times,
        own_times=_times(own),
        own_gaps=_gaps(own, rule.interval_ms),
        group_gaps=traces.gaps,
        missed=traces.missed,
        failed=traces.failed,
        rules=len(rule.group_alerts) + len(siblings),
    )


class _Group(NamedTuple):
    """A rule group, its alerts by name."""

    file: Path
    name: str
    interval_ms: int
    query_offset_ms: int
    alerts: tuple[str, ...]
    recorded: tuple[RecordingRule, ...]


class _Traces(NamedTuple):
    """What a group has written, at its slots, and what that says of all its rules."""

    series: list[Series]
    times: np.ndarray
    gaps: tuple[Gap, ...]
    missed: tuple[Growth, ...]
    failed: tuple[Growth, ...]


@lru_cache(maxsize=32)
def _gather(group: _Group, source: Source, start_ms: int, end_ms: int) -> _Traces:
    """Ask a source about a group, once for all its rules."""
    span = (start_ms - group.query_offset_ms, end_ms - group.query_offset_ms)
    found: list[Series] = []
    if group.alerts:
        found += _alerts(group, source, *span)
    for rule in group.recorded:
        found += _one_recorded(rule, source, *span)
    series = [Series(one.labels, one.times + group.query_offset_ms, one.values) for one in found]
    growth = [_growth(counter, group, source, start_ms, end_ms) for counter in (_MISSED, _FAILED)]
    return _Traces(series, _times(series), _gaps(series, group.interval_ms), *growth)


def _alerts(group: _Group, source: Source, start_ms: int, end_ms: int) -> list[Series]:
    """Return what the group has written of its alerts.

    ``ALERTS_FOR_STATE`` tells by its values where it went on, so that a server is asked for the
    ends of ``ALERTS`` only where that stands alone.
    """
    names = "|".join(map(re.escape, group.alerts))
    by = [Matcher(NAME, "=~", "ALERTS|ALERTS_FOR_STATE"), Matcher("alertname", "=~", names)]
    found = source.series(selector_text(by), start_ms, end_ms, stale_markers=False)
    if any(_label(one, NAME) == "ALERTS_FOR_STATE" for one in found) or not found:
        return found
    return source.series(selector_text(by), start_ms, end_ms)


def _one_recorded(rule: RecordingRule, source: Source, start_ms: int, end_ms: int) -> list[Series]:
    """Return one series that a recording rule has written: others would tell the same.

    Its stale markers tell where it ended from where it was not written.
    """
    by = [Matcher(key, "=", text) for key, text in ((NAME, rule.name), *rule.labels)]
    recent_ms = end_ms - _RECENT_SLOTS * rule.interval_ms
    for since_ms in (max(recent_ms, start_ms), start_ms):
        found = source.series(selector_text(by), since_ms, end_ms, stale_markers=False)
        if found:
            exactly = [Matcher(key, "=", text) for key, text in found[0].labels]
            return source.series(selector_text(exactly), start_ms, end_ms)
    return []


def _is_of(series: Series, rule: AlertRule | RecordingRule) -> bool:
    """Tell whether a rule has written a series; others may have the same alert's name."""
    labels = dict(series.labels)
    if isinstance(rule, RecordingRule):
        fixed = {NAME: rule.name, **dict(rule.labels)}
    else:
        texts = ((key, text) for key, text in rule.labels if not has_template(text))
        fixed = {**dict(texts), "alertname": rule.name}
    return all(labels.get(key, "") == text for key, text in fixed.items())


def _growth(
    counter: str, group: _Group, source: Source, start_ms: int, end_ms: int
) -> tuple[Growth, ...]:
    """Return when a counter of the group grew, between evaluations as far as known."""
    counted, last = (
        _of_group(metric, group, source, start_ms, end_ms) for metric in (counter, _LAST)
    )
    if counted is None:
        return ()
    steps = np.diff(counted.values)
    edges = counted.times if last is None else _as_of(last, counted.times) * SECOND_MS
    return tuple(
        Growth(int(edges[i]), int(edges[i + 1]), round(float(steps[i])))
        for i in np.flatnonzero(steps > 0)
    )


def _of_group(
    metric: str, group: _Group, source: Source, start_ms: int, end_ms: int
) -> Series | None:
    """Return a metric of the group, None if there is none or several might be meant."""
    named = Matcher("rule_group", "=~", f"(.*;)?{re.escape(group.name)}")
    selector = selector_text([Matcher(NAME, "=", metric), named])
    found = source.series(selector, start_ms, end_ms, stale_markers=False)
    for chosen in ([one for one in found if _file_name(one) == group.file.name], found):
        if len(chosen) == 1:
            return _without_stale(chosen[0])
    return None


def _file_name(series: Series) -> str:
    return PurePath(_label(series, "rule_group").rpartition(";")[0]).name


def _label(series: Series, name: str) -> str:
    return dict(series.labels).get(name, "")


def _without_stale(series: Series) -> Series:
    kept = ~is_stale(series.values)
    return Series(series.labels, series.times[kept], series.values[kept])


def _as_of(series: Series, times: np.ndarray) -> np.ndarray:
    """Return a series' last value at each of the times; its first one before."""
    return series.values[np.maximum(np.searchsorted(series.times, times, side="right") - 1, 0)]


def _times(series: Iterable[Series]) -> np.ndarray:
    written = [_without_stale(one).times for one in series]
    return np.unique(np.concatenate([np.empty(0, np.int64), *written]))


def _gaps(series: Sequence[Series], interval_ms: int) -> tuple[Gap, ...]:
    """Return where series were not written although they went on.

    ``ALERTS_FOR_STATE`` says so by its value, the time since which the alert is active; ``ALERTS``
    is asked only where there is none.  Other series get a stale marker where they end, at that
    evaluation or, after gaps, at the next one; a marker beside the slots was put there by a
    source that had to guess, and says nothing.
    """
    found: set[Gap] = set()
    names = [_label(one, NAME) for one in series]
    for one, name in zip(series, names, strict=True):
        if name == "ALERTS" and "ALERTS_FOR_STATE" in names:
            continue
        stale, steps = is_stale(one.values), np.diff(one.times)
        if name == "ALERTS_FOR_STATE":
            goes_on = one.values[1:] == one.values[:-1]
        elif stale.any():  # else its source may not keep the markers
            goes_on = ~stale[1:] & ~stale[:-1]
        else:
            continue
        ends_late = stale[1:] & ~stale[:-1] & (steps % interval_ms == 0)
        apart = np.flatnonzero((goes_on | ends_late) & (steps > interval_ms))
        found.update((int(one.times[i]), int(one.times[i + 1])) for i in apart)
    return tuple(sorted(found))
