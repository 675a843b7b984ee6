"""Tuning the guide's login-failure rule: seconds per candidate here and with what people have.

A candidate is a setting of the rule with all that it would have done over the recording.  Peers
tell of one threshold at a time; here one pass tells of all.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import requests
from measure import best_seconds, print_table
from peers import as_blocks, serving

from alertlab import find_rule, load_incidents, load_rules, open_source, tune_rule
from alertlab.frame import Series, is_stale
from alertlab.replay import evaluate_rule, find_episodes
from alertlab.rules import AlertRule, RuleChange, changed_expr
from alertlab.sources import PrometheusSource, Recording, RecordingWriter
from alertlab.tuning import (
    HOLD_DURATIONS_MS,
    KEEP_FIRING_FOR_MS,
    WINDOWS_MS,
    Evaluations,
    Yardstick,
)
from alertlab.tuning.setting import Span
from alertlab.tuning.sweep import Truth, count_thresholds, group_levels
from alertlab.units import DAY_MS, MINUTE_MS, SECOND_MS, format_labels, format_time

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT / "data" / "recordings" / "auth-28d"
INCIDENTS = ROOT / "data" / "incidents" / "auth-28d.yaml"
RULES = ROOT / "auth_service" / "monitoring" / "rules"
RULE, METRIC = "HighLoginFailureRate", "auth_login_failure_total"
INTERVAL_MS, HOLD_MS = 15 * SECOND_MS, 2 * MINUTE_MS
THRESHOLDS = (0.7, 1.0, 2.0, 5.0)  # at which answers are compared; the last one is the rule's own
_PATIENCE_SECONDS = 30
_APART_RATIO = 0.01  # how far vmalert's answers may be from those of the others
Answers = Mapping[float, int]
"""By threshold: at how many pairs of alert and evaluation it fires."""


def bench_tuning() -> None:
    """Seconds per candidate of 28 days at 15 s, after a look at whether the answers agree."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recording = _on_the_grid(folder / "recording")
        rule, days = _rule(), (recording.end_ms - recording.start_ms) / DAY_MS
        ours, one_by_one = _one_by_one(rule, recording)
        assert all(ours.values()), "a threshold that never fires compares nothing"
        found = {
            "here: `tune_rule`": _tuned(rule, recording),
            "here: counts of every threshold that matters": _swept(rule, recording),
            "here: replayed one by one": one_by_one,
            "Prometheus range queries": _by_range_queries(recording, folder, ours),
            "promtool test rules": _by_promtool(recording, folder, ours),
            "vmalert -replay": _by_vmalert(recording, folder, ours),
        }
    tuned = found["here: `tune_rule`"].per_candidate_seconds
    print_table(
        f"Tuning {RULE} over {days:.0f} days at 15s",
        ["", "seconds", "candidates", "ms per candidate", "as long as `tune_rule`"],
        [
            [
                name,
                f"{one.seconds:.1f} s",
                f"{one.candidates:,}",
                _short(one.per_candidate_seconds * SECOND_MS),
                f"{_short(one.per_candidate_seconds / tuned)} x",
            ]
            for name, one in found.items()
            if one is not None
        ],
    )


class Tried(NamedTuple):
    """How long it took to learn what so many candidates would have done."""

    seconds: float
    candidates: int

    @property
    def per_candidate_seconds(self) -> float:
        return self.seconds / self.candidates


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _rule() -> AlertRule:
    files = sorted(RULES.glob("*.yml"))
    return find_rule(load_rules(files, evaluation_interval_ms=INTERVAL_MS), RULE)


def _with_threshold(rule: AlertRule, threshold: float) -> AlertRule:
    return replace(rule, expr=changed_expr(rule.expr, RuleChange(threshold=threshold)))


def _on_the_grid(folder: Path) -> Recording:
    """Write the metric's samples at multiples of the interval, as promtool's notation has them.

    Several of one series in an interval become its first one.  Prometheus 2.42 is what the peers
    are or come nearest to.
    """
    source = open_source(str(RECORDING))
    start_ms = source.start_ms // DAY_MS * DAY_MS
    found = []
    for one in source.series(METRIC, source.start_ms, source.end_ms):
        kept = ~is_stale(one.values)
        times, first = np.unique(one.times[kept] // INTERVAL_MS * INTERVAL_MS, return_index=True)
        found.append(Series(one.labels, times, one.values[kept][first]))
    with RecordingWriter(
        folder, origin="a benchmark", scrape_interval_ms=INTERVAL_MS, synthetic=True
    ) as writer:
        for day in range(start_ms, source.end_ms, DAY_MS):
            cut = [(one, *np.searchsorted(one.times, [day, day + DAY_MS])) for one in found]
            writer.add_day(
                [Series(one.labels, one.times[a:b], one.values[a:b]) for one, a, b in cut if b > a]
            )
    return Recording.open(folder, semantics=2)


def _one_by_one(rule: AlertRule, recording: Recording) -> tuple[Answers, Tried]:
    """Replay the rule with each threshold; the answers that all others are compared with."""
    found: dict[float, int] = {}

    def replay() -> None:
        source = Recording.open(recording.path, semantics=2)
        found.update({one: _firing_here(rule, source, one) for one in THRESHOLDS})

    seconds = best_seconds(replay, repeats=2)
    return found, Tried(seconds, len(found))


def _firing_here(rule: AlertRule, recording: Recording, threshold: float) -> int:
    evaluated = evaluate_rule(
        _with_threshold(rule, threshold), recording, recording.start_ms, recording.end_ms
    )
    after = int(evaluated.frame.times[-1]) + INTERVAL_MS
    shot = find_episodes(evaluated).dropna(subset="fired_at")
    last = shot["resolved_at"].fillna(pd.Timestamp(after, unit="ms", tz="UTC"))
    lasted = (last - shot["fired_at"]).dt.total_seconds().sum()
    return round(lasted * SECOND_MS / INTERVAL_MS)


def _tuned(rule: AlertRule, recording: Recording) -> Tried:
    """Tune as a user does, pages and validation included, from disk."""
    yardstick = Yardstick(incidents=load_incidents(INCIDENTS))
    tried = []

    def tune() -> None:
        source = Recording.open(recording.path, semantics=2)
        found = tune_rule(rule, source, source.start_ms, source.end_ms, yardstick=yardstick)
        tried.append(len(found.candidates))

    return Tried(best_seconds(tune, repeats=2), tried[0])


def _swept(rule: AlertRule, recording: Recording) -> Tried:
    """Count what each threshold that does anything else does, in every window and duration.

    There are more than a million.
    """
    yardstick = Yardstick(incidents=load_incidents(INCIDENTS))
    durations = list(product(HOLD_DURATIONS_MS, KEEP_FIRING_FOR_MS))
    tried = []

    def sweep() -> None:
        source = Recording.open(recording.path, semantics=2)
        span = Span(source.start_ms, source.end_ms)
        evaluations = Evaluations(
            rule, source, span.start_ms, span.end_ms, slot_offset_ms=0, comparison=0
        )
        count = 0
        for window_ms in WINDOWS_MS:
            for evaluated, _ in evaluations.of_window(window_ms):
                truth = Truth.lay(evaluated, yardstick)
                for level in group_levels(evaluated, durations):
                    every = np.unique(level[np.isfinite(level)])
                    count_thresholds(evaluated, level, every, truth, [span])
                    count += len(every)
        tried.append(count)

    return Tried(best_seconds(sweep, repeats=2), tried[0])


def _by_range_queries(recording: Recording, folder: Path, ours: Answers) -> Tried | None:
    """Ask a server for ``lhs > T`` in chunks of what it allows, and apply ``for``."""
    program = shutil.which("prometheus")
    if program is None:
        print("prometheus is not installed: no loop of range queries")
        return None
    found: dict[float, int] = {}
    with serving(as_blocks(recording, folder), program) as url:

        def ask() -> None:
            source = PrometheusSource(url)
            for threshold in ours:
                expr = f"rate({METRIC}[5m]) > {threshold}"
                span = recording.start_ms, recording.end_ms
                present = source.range_query(expr, *span, INTERVAL_MS).present
                steps = np.arange(present.shape[1])
                absent = np.maximum.accumulate(np.where(present, -1, steps), axis=1)
                active = steps - absent - 1  # evaluations since it became so
                found[threshold] = int((present & (active >= HOLD_MS // INTERVAL_MS)).sum())

        seconds = best_seconds(ask, repeats=1)
    assert found == dict(ours), ("range queries", found, ours)
    return Tried(seconds, len(ours))


def _by_promtool(recording: Recording, folder: Path, ours: Answers) -> Tried | None:
    """Run promtool's test of the same samples, at the two outermost thresholds: it is slow."""
    promtool = shutil.which("promtool")
    if promtool is None:
        print("promtool is not installed: no rule tests")
        return None
    steps = (recording.end_ms - recording.start_ms) // INTERVAL_MS
    inputs = "".join(
        f"      - {{series: '{format_labels(one.labels)}', values: '{text}'}}\n"
        for one, text in _notations(recording)
    )
    fired = f'sum(count_over_time(ALERTS{{alertstate="firing"}}[{steps * 15 + 1}s]))'
    commands = []
    for threshold in (min(ours), max(ours)):
        place = folder / f"promtool-{threshold}"
        place.mkdir()
        _write_rules(place / "rules.yml", [threshold])
        (place / "test.yml").write_text(
            "rule_files: [rules.yml]\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n"
            f"    input_series:\n{inputs}    promql_expr_test:\n"
            f"      - expr: {fired}\n        eval_time: {steps * 15}s\n"
            f"        exp_samples: [{{labels: '{{}}', value: {ours[threshold]}}}]\n"
        )
        commands.append((place, [promtool, "test", "rules", "test.yml"]))
    seconds = best_seconds(lambda: [_run(*one) for one in commands], repeats=1)
    return Tried(seconds, len(commands))


def _notations(recording: Recording) -> Iterator[tuple[Series, str]]:
    """Give each series with its values as promtool writes them, from the recording's start."""
    for one in recording.series(METRIC, recording.start_ms, recording.end_ms):
        steps = (one.times - recording.start_ms) // INTERVAL_MS
        words = []
        for before, step, value in zip([-1, *steps[:-1]], steps, one.values, strict=True):
            skipped = step - before - 1
            words += [f"_x{skipped}"] * int(skipped > 0) + [f"{value:.17g}"]
        yield one, " ".join(words)


def _by_vmalert(recording: Recording, folder: Path, ours: Answers) -> Tried | None:
    """Replay all thresholds as rules of one file, against a VictoriaMetrics with the samples."""
    programs = shutil.which("victoria-metrics"), shutil.which("vmalert")
    if None in programs:
        print("vmalert is not installed (Debian: apt-get install victoria-metrics): left out")
        return None
    _write_rules(folder / "rules.yml", list(ours))
    with _victoria_metrics(folder, programs[0]) as url:
        lines = (
            json.dumps(
                {
                    "metric": dict(one.labels),
                    "values": one.values.tolist(),
                    "timestamps": one.times.tolist(),
                }
            )
            for one in recording.series(METRIC, recording.start_ms, recording.end_ms)
        )
        requests.post(f"{url}/api/v1/import", "\n".join(lines), timeout=60).raise_for_status()
        requests.get(f"{url}/internal/force_flush", timeout=60).raise_for_status()
        command = [
            programs[1], f"-rule={folder / 'rules.yml'}", f"-datasource.url={url}",
            f"-remoteWrite.url={url}", f"-replay.timeFrom={format_time(recording.start_ms)}",
            f"-replay.timeTo={format_time(recording.end_ms)}", "-replay.rulesDelay=0s",
            "-replay.maxDatapointsPerQuery=11000", "-datasource.queryStep=15s",
            "-replay.disableProgressBar", "-httpListenAddr=127.0.0.1:0",
        ]  # fmt: skip
        seconds = best_seconds(lambda: _run(folder, command), repeats=1)
        requests.get(f"{url}/internal/force_flush", timeout=60).raise_for_status()
        form = {
            "query": 'sum by (alertname) (count_over_time(ALERTS{alertstate="firing"}[40d]))',
            "time": recording.end_ms / SECOND_MS,
        }
        answer = requests.post(f"{url}/api/v1/query", form, timeout=60).json()
    found = {one["metric"]["alertname"]: int(one["value"][1]) for one in answer["data"]["result"]}
    theirs = [f"{one:g}: {found.get(_name(one), 0)} for {count}" for one, count in ours.items()]
    print(f"vmalert's firing evaluations for those of all others: {'; '.join(theirs)}")
    # Its rate reads the sample before the window, too, and extrapolates nothing.
    apart = [abs(found.get(_name(one), 0) / count - 1) for one, count in ours.items()]
    assert max(apart) < _APART_RATIO, theirs
    return Tried(seconds, len(ours))


@contextmanager
def _victoria_metrics(folder: Path, program: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        program, f"-storageDataPath={folder / 'victoria'}", f"-httpListenAddr={address}",
        "-retentionPeriod=100y",
    ]  # fmt: skip
    with (
        (folder / "victoria.log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as server,
    ):
        try:
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while not _answers(address):
                assert server.poll() is None and time.monotonic() < deadline, "did not start"
                time.sleep(0.05)
            yield f"http://{address}"
        finally:
            server.terminate()


def _answers(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/health", timeout=5).ok
    except requests.ConnectionError:
        return False


def _write_rules(file: Path, thresholds: Sequence[float]) -> None:
    rules = "".join(
        f"      - alert: {_name(one)}\n        expr: rate({METRIC}[5m]) > {one}\n        for: 2m\n"
        for one in thresholds
    )
    file.write_text(f"groups:\n  - name: bench\n    interval: 15s\n    rules:\n{rules}")


def _name(threshold: float) -> str:
    return f"Above{threshold:g}".replace(".", "_")


def _run(folder: Path, command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


if __name__ == "__main__":
    bench_tuning()
