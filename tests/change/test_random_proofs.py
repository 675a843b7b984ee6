"""Random histories of scraped counters: whatever test is written, both promtools say the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
from histories import write_rules

from alertlab.change.cuts import groups_for
from alertlab.change.inputs import NoUnitTest
from alertlab.change.proofs import Version, find_proofs
from alertlab.change.unit_test import unit_test_text
from alertlab.frame import STALE_NAN, Series
from alertlab.incidents import Margins
from alertlab.incidents.table import incident_table
from alertlab.replay import evaluate_rule, find_episodes
from alertlab.rule_tests import run_test_file
from alertlab.rules import AlertRule, load_groups, load_rules
from alertlab.tuning import Span, Yardstick
from alertlab.units import HOUR_MS, MINUTE_MS, label_set

HISTORIES = 10
END_MS = 6 * HOUR_MS
TEXT = """\
groups:
- name: g
  interval: 1m
  rules:
  - alert: Busy
    expr: sum by (job) (rate(calls_total[{window}m])) > {threshold}
    for: {hold}m
    keep_firing_for: {keep}m
    annotations: {{now: '{{{{ $labels.job }}}} {{{{ printf "%.1f" $value }}}}'}}
"""


def pods(rng: np.random.Generator) -> list[Series]:
    """Return counters of two jobs: scrapes off the grid, late, missed; restarts; pods that end."""
    found = []
    for k in range(4):
        step_ms = 15_000
        times = step_ms * np.arange(END_MS // step_ms) + int(rng.integers(0, step_ms))
        times += rng.integers(-3, 4, len(times))
        busy = np.repeat(rng.random(len(times) // 40 + 1) < 0.15, 40)[: len(times)]
        counts = np.cumsum(rng.poisson(np.where(busy, 40, 4)))
        restart = int(rng.integers(0, len(times)))
        values = np.where(np.arange(len(times)) < restart, counts, counts - counts[restart])
        kept = (rng.random(len(times)) > 0.02) & (np.arange(len(times)) < rng.integers(400, 1440))
        times, values = times[kept], values[kept].astype(float)
        values[-1] = STALE_NAN
        labels = {"__name__": "calls_total", "job": f"j{k % 2}", "pod": f"p{k}"}
        found.append(Series(label_set(labels), times, values))
    return found


def rule_of(path: Path) -> AlertRule:
    (rule,) = load_rules(path)
    return rule


def version_of(path: Path, source) -> Version:
    """Return a rule's version with the episodes that the history gives."""
    rule = rule_of(path)
    episodes = find_episodes(evaluate_rule(rule, source, 0, END_MS))
    return Version(rule, groups_for(load_groups(path), rule), episodes)


def some_incidents(rng: np.random.Generator, episodes: pd.DataFrame) -> pd.DataFrame:
    """Call every third alert an incident."""
    rows = []
    for i, at in enumerate(episodes["fired_at"].dropna()):
        if rng.random() < 0.33:
            start = round(at.timestamp() * 1000)
            rows.append((f"i{i}", start, start + 5 * MINUTE_MS, "", None, ""))
    return incident_table(rows)


def test_random_histories(tmp_path: Path, told_source, promtool: str, promtool3: str) -> None:
    """The test passes with the new rule and fails with the old one, in the semantics it names."""
    rng = np.random.default_rng(11)
    written = {2: [], 3: []}
    kinds = set()
    for number in range(HISTORIES):
        folder = tmp_path / str(number)
        (folder / "old").mkdir(parents=True)
        source = told_source(pods(rng))
        numbers = [
            {
                "window": int(rng.integers(1, 6)),
                "threshold": float(rng.integers(1, 30)) / 4,
                "hold": int(rng.integers(0, 4)),
                "keep": int(rng.integers(0, 3)) * 3,
            }
            for _ in range(2)
        ]
        new_path = write_rules(folder, TEXT.format(**numbers[0]), "r.yml")
        old_path = write_rules(folder / "old", TEXT.format(**numbers[1]), "r.yml")
        new, old = version_of(new_path, source), version_of(old_path, source)
        yardstick = Yardstick(incidents=some_incidents(rng, new.episodes), margins=Margins())
        try:
            proofs = find_proofs(old, new, source, yardstick, Span(0, END_MS))
        except NoUnitTest:
            kinds.add("none")
            continue
        kinds.update(one.name.split()[0] for one in proofs)
        text = unit_test_text(
            new.rule, proofs, rule_file="r.yml", test_file="t.test.yml", origin="a test"
        )
        for place in (folder, folder / "old"):
            (place / "t.test.yml").write_text(text, encoding="utf-8")
        for semantics in set.intersection(*(set(one.semantics) for one in proofs)):
            assert run_test_file(folder / "t.test.yml", semantics=semantics).verdict == "success"
            written[semantics].append(folder)
    assert {"silent", "incident"} <= kinds, kinds
    assert min(map(len, written.values())) >= 3, written
    for semantics, program in ((2, promtool), (3, promtool3)):
        for folder in written[semantics]:
            assert judged(program, folder) == (0, "SUCCESS"), folder
            assert judged(program, folder / "old") == (1, "FAILED"), folder


def judged(promtool: str, folder: Path) -> tuple[int, str]:
    """Return promtool's exit code and verdict."""
    run = subprocess.run(
        [promtool, "test", "rules", "t.test.yml"], cwd=folder, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return run.returncode, "FAILED" if "FAILED" in run.stdout + run.stderr else "SUCCESS"
