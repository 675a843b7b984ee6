"""A real Prometheus evaluates rule groups live; what it recorded is what the replay says.

Its samples are written ahead of the clock by remote write, so that no evaluation can come before
the sample that it ought to see.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from prometheus_server import fill
from ruamel.yaml import YAML

from alertlab.frame import STALE_NAN, Series, is_stale
from alertlab.replay import RECORDED, evaluate_rule, find_episodes
from alertlab.replay.limits import forgetting
from alertlab.replay.queries import query_slots
from alertlab.replay.recording_rules import RecordedSource, recorded_series
from alertlab.replay.slots import find_slots
from alertlab.rules import AlertRule, RecordingRule, load_rules
from alertlab.sources import PrometheusSource, Source
from alertlab.units import NAME, SECOND_MS, LabelSet, label_set
from auth_service.stack import run_prometheus

SECONDS = 80
LEAD_SECONDS = 8  # a server writes nothing at its first two evaluations
ASLEEP_AFTER_SECONDS, ASLEEP_SECONDS = 45, 7
CONDITIONS = (
    "x > 5",
    "x <= 2",
    "6 < x",
    "sum(x) > 14",
    "max_over_time(x[4s]) > 7",
    "avg_over_time(x[6s:2s]) < 4",
    "x > 3 unless y > 5",
    "x > 3 and on (n) y < 4",
    'absent(x{n="0"} > 3) and on () sum(x) > 0',
    "x == 4",
    "half{OWN} > 3",
    "halves{OWN} > 8",
)
FAILING = (
    "x * on () group_left () (y > 5) > 10",  # two elements of y on one side are an error
    'label_replace(x > 6, "n", "same", "", "")',
)
DURATIONS = ("0s", "2s", "0s", "3s", "5s")
KEPT = ("0s", "0s", "3s", "0s", "4s", "1s", "0s")
LABELS = (
    {"severity": "page"},
    {"n": "same"},  # two at once make the evaluation fail
    {"pod": "p-{{ $labels.n }}"},
    {"level": "{{ if gt $value 6.0 }}high{{ else }}low{{ end }}"},
)
GROUPS = (("1s", 0, "0s"), ("2s", 0, "0s"), ("3s", 3, "0s"), ("1s", 2, "2s"))
Written = Counter[tuple[LabelSet, int, str]]
"""Samples: labels with the name, time [ms] and value; as text, in which NaN equals itself."""


def script(start_ms: int, rng: np.random.Generator) -> list[Series]:
    """Four series of each of two metrics, a sample a second: levels, gaps and stale markers."""
    levels = [*map(float, range(10)), None, STALE_NAN, np.nan]
    weights = [0.09] * 10 + [0.04, 0.04, 0.02]
    found = []
    for name in ("x", "y"):
        for n in range(4):
            values: list[float | None] = []
            while len(values) < SECONDS + 20:
                level = rng.choice(levels, p=weights)
                values += [level] * int(rng.integers(1, 9))
            kept = [i for i, value in enumerate(values) if value is not None]
            found.append(
                Series(
                    label_set({NAME: name, "n": str(n)}),
                    start_ms + SECOND_MS * np.array(kept, np.int64),
                    np.array([values[i] for i in kept], np.float64),
                )
            )
    return found


def rule_groups(semantics: int) -> dict:
    """Groups of several intervals, offsets and limits, each with all conditions."""
    durations, kept, labels = cycle(DURATIONS), cycle(KEPT), cycle(LABELS)
    groups = []
    for interval, limit, offset in GROUPS:
        name = f"every-{interval}-{limit}-{offset}"
        by = {"labels": {"by": name}}
        total = f'sum by (n) (sum_over_time(half{{by="{name}"}}[5s]))'
        rules: list[dict] = [
            {"record": "half", "expr": "x / 2"} | by,
            {"record": "halves", "expr": total} | by,
        ]
        rules += [
            {
                "alert": f"A{number}-{name}",
                "expr": expr.replace("OWN", f'by="{name}"'),
                "for": next(durations),
                "keep_firing_for": next(kept),
                "labels": next(labels),
            }
            for number, expr in enumerate((*CONDITIONS, *FAILING))
        ]
        group = {"name": name, "interval": interval, "limit": limit, "rules": rules}
        groups.append(group | ({"query_offset": offset} if semantics >= 3 else {}))
    return {"groups": groups}


class Watched(NamedTuple):
    """A server that evaluates the rules over the script, and the span that is compared."""

    url: str
    semantics: int
    script: list[Series]
    rules: list[AlertRule]
    start_ms: int
    end_ms: int


@contextmanager
def watching(program: str, semantics: int, folder: Path) -> Iterator[Watched]:
    """Run a server that holds the script's samples before their time has come."""
    rules_file = folder / "rules.yml"
    YAML(typ="safe").dump(rule_groups(semantics), rules_file)
    config = {"global": {"evaluation_interval": "1s"}, "rule_files": [str(rules_file)]}
    flags = ("--web.enable-remote-write-receiver",)
    with run_prometheus(folder, config, *flags, program=program) as url:
        start_ms = (int(time.time()) + LEAD_SECONDS) * SECOND_MS
        samples = script(start_ms, np.random.default_rng(semantics))
        fill(url, samples)
        assert time.time() * SECOND_MS < start_ms, "the samples came too late"
        end_ms = start_ms + SECONDS * SECOND_MS
        yield Watched(url, semantics, samples, load_rules(rules_file), start_ms, end_ms)


@pytest.fixture(scope="module")
def watched(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[dict[int, Watched]]:
    """Every Prometheus at hand, side by side; each is asleep for a while and misses slots."""
    with ExitStack() as stack:
        servers = {}
        for semantics in (2, 3):
            try:
                program = request.getfixturevalue(f"prometheus{semantics}_bin")
            except pytest.skip.Exception:
                continue
            folder = tmp_path_factory.mktemp(f"prometheus{semantics}")
            servers[semantics] = stack.enter_context(watching(program, semantics, folder))
            folders = str(folder.parent)
        begun = max(one.start_ms for one in servers.values()) / SECOND_MS
        sleep_until(begun + ASLEEP_AFTER_SECONDS)
        subprocess.run(["pkill", "-STOP", "-f", f"{folders}.*prometheus.yml"], check=True)
        time.sleep(ASLEEP_SECONDS)
        subprocess.run(["pkill", "-CONT", "-f", f"{folders}.*prometheus.yml"], check=True)
        sleep_until(begun + SECONDS + 3)
        yield servers


def sleep_until(at_seconds: float) -> None:
    """Sleep until a time on the clock."""
    time.sleep(max(0, at_seconds - time.time()))


@pytest.fixture(params=["server", "samples"])
def source(request: pytest.FixtureRequest, watched, semantics: int, memory_source) -> Source:
    """The server itself, or the script's samples with what the server has recorded."""
    here = watched[semantics]
    server = PrometheusSource(here.url)
    if request.param == "server":
        return server
    begin_ms = here.start_ms - LEAD_SECONDS * SECOND_MS
    recorded = server.series('{alertname!=""}', begin_ms, here.end_ms)
    recorded += server.series('{__name__=~"half|halves"}', begin_ms, here.end_ms)
    return memory_source([*here.script, *recorded], start_ms=here.start_ms, semantics=semantics)


@pytest.fixture(params=[2, 3], ids=["2.42", "3"])
def semantics(request: pytest.FixtureRequest, watched) -> int:
    """Which Prometheus; the second one is not everywhere."""
    if request.param not in watched:
        pytest.skip("Prometheus 3 is not at hand: make judges builds it where Go is installed")
    return request.param


def recorded_of(rule: AlertRule | RecordingRule, here: Watched) -> Written:
    """Return what the server wrote for a rule."""
    by_name = f'{{__name__=~"ALERTS|ALERTS_FOR_STATE", alertname="{rule.name}"}}'
    if isinstance(rule, RecordingRule):
        by_name = f'{{__name__="{rule.name}", by="{rule.group}"}}'
    span = (here.start_ms - rule.query_offset_ms, here.end_ms - rule.query_offset_ms)
    return samples_of(PrometheusSource(here.url).series(by_name, *span))


def samples_of(series: Iterable[Series]) -> Written:
    """Return samples without stale markers: the API has none."""
    return Counter(
        (one.labels, at, repr(value))
        for one in series
        for at, value, stale in zip(
            one.times.tolist(), one.values.tolist(), is_stale(one.values), strict=True
        )
        if not stale
    )


def replayed_of(rule: AlertRule, source: Source, here: Watched) -> tuple[Written, int]:
    """Return what the replay says that the rule wrote, and how many slots it missed."""
    evaluated = evaluate_rule(rule, source, here.start_ms, here.end_ms)
    assert evaluated.coverage.slots_from == RECORDED
    times = evaluated.frame.times[~evaluated.failed & evaluated.reported]
    times = times[~np.isin(times, evaluated.frame.times[forgetting(evaluated)])]
    written: Written = Counter()
    for one in find_episodes(evaluated).itertuples():
        active, fired, resolved = (
            np.inf if pd.isna(at) else round(at.timestamp() * SECOND_MS)
            for at in (one.active_at, one.fired_at, one.resolved_at)
        )
        for at in times[(times >= active) & (times < resolved)].tolist():
            state = "firing" if at >= fired else "pending"
            # Prometheus keeps what a template left empty, but no test can see an empty label.
            labels = dict(one.labels)
            stamp = at - rule.query_offset_ms
            alerts = label_set({**labels, NAME: "ALERTS", "alertstate": state})
            for_state = label_set({**labels, NAME: "ALERTS_FOR_STATE"})
            written[alerts, stamp, repr(1.0)] += 1
            written[for_state, stamp, repr(float(active // SECOND_MS))] += 1
    return written, evaluated.coverage.missed


@pytest.mark.alone
@pytest.mark.server
def test_alerts_are_those_that_prometheus_recorded(watched, semantics: int, source) -> None:
    """Pending, firing and since when, at every slot, of every rule."""
    here = watched[semantics]
    compared = missed = 0
    for rule in here.rules:
        found, gaps = replayed_of(rule, source, here)
        assert found == recorded_of(rule, here), rule
        compared += sum(found.values())
        missed += gaps
    assert compared > 4_000
    assert missed > len(here.rules)


@pytest.mark.alone
@pytest.mark.server
def test_recorded_series_are_those_that_prometheus_recorded(
    watched, semantics: int, source
) -> None:
    """What one rule records, and another records of it, to the bit."""
    here = watched[semantics]
    recorded, compared = here.rules[0].recorded, 0
    data = RecordedSource(source, recorded, stated_ms=0, end_ms=here.end_ms)
    for rule in recorded:
        slots = find_slots(rule, recorded, source, here.start_ms, here.end_ms, stated_ms=0)
        frame, _ = query_slots(data, rule.expr, slots, query_offset_ms=rule.query_offset_ms)
        found = samples_of(recorded_series(rule, frame))
        assert found == recorded_of(rule, here), rule
        compared += sum(found.values())
    assert compared > 400


class Marking(PrometheusSource):
    """Finds out all stale markers, whoever asks."""

    def series(
        self, selector: str, start_ms: int, end_ms: int, *, stale_markers: bool = True
    ) -> list[Series]:
        """Return raw samples with their markers."""
        return super().series(selector, start_ms, end_ms)


@pytest.mark.alone
@pytest.mark.server
def test_a_server_is_not_asked_for_markers_that_tell_nothing(watched, semantics: int) -> None:
    """Fewer requests, the same evaluations and episodes as with all markers found out."""
    here = watched[semantics]
    polite, marking = PrometheusSource(here.url), Marking(here.url)
    for rule in here.rules:
        mine, theirs = (
            evaluate_rule(rule, one, here.start_ms, here.end_ms) for one in (polite, marking)
        )
        assert mine.coverage == theirs.coverage, rule
        pd.testing.assert_frame_equal(find_episodes(mine), find_episodes(theirs))
    asked, otherwise = (one.provenance()["queries"] for one in (polite, marking))
    assert len(asked) < len(otherwise)
    assert not any("ALERTS" in one["expr"] and one["steps"] > 1 for one in asked)
    assert any("ALERTS" in one["expr"] and one["steps"] > 1 for one in otherwise)
