"""promtool judges the rule state machine: random series and rules, every evaluation compared."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab.replay import replay_rules
from alertlab.rules import AlertRule, load_rules
from alertlab.units import MINUTE_MS, format_duration

CASES = int(os.environ.get("ALERTLAB_RANDOM_RULES", "1500"))
BATCH = 200
SEED = os.environ.get("ALERTLAB_RANDOM_SEED", "rules")
STEPS = 24
SAMPLES = ["_", "stale", "NaN", *map(str, range(8))]
EXPRESSIONS = (
    "{x} > {t}",
    "{x} >= {t}",
    "{x} < {t}",
    "{t} <= {x}",
    "sum by (job) ({x}) > {t}",
    "max_over_time({x}[3m]) > {t}",
    "rate({x}[4m]) * 60 > {t}",
    "increase({x}[5m]) > {t}",
    "avg_over_time({x}[2m]) < {t}",
    "{x} == {t}",
    "{x} > {t} unless {x} > 6",
    "{x} > {t} and on (job) count({x} < 5) by (job) > 1",
    "{x} < 2 or {x} > {t}",
    "({x} > {t}) * 2",
    "absent({x})",
    "{x}:half > {t} / 2",
    "sum by (job) ({x}:half) > {t}",
    "count_over_time({x}:half[4m]) < {t}",
    "{x}:last <= {t}",
)
LABELS = (
    {},
    {"severity": "page"},
    {"pod": "p{{ $labels.n }}"},
    {"n": "{{ $labels.n }}{{ $labels.nope }}", "job": ""},
    {"level": "{{ if gt $value 4.0 }}high{{ end }}"},
    {"v": "{{ $value }}"},
    {"others": '{{ with query "count(m0 > 3)" }}{{ . | first | value }}{{ end }}'},
)
RECORDED = {
    "half": ("{x} / 2", {}),
    "last": ("last_over_time({x}[2m])", {"by": "rule"}),
}


def case(random: random.Random, number: int) -> dict:
    """One rule with two series of its own; durations also lie between two evaluations."""
    return {
        "expr": random.choice(EXPRESSIONS).format(x=f"m{number}", t=random.randrange(8)),
        "hold": random.randrange(6) * 30_000,
        "keep": random.randrange(6) * 30_000,
        "labels": random.choice(LABELS),
        "values": [" ".join(random.choices(SAMPLES, k=STEPS)) for _ in range(2)],
    }


@pytest.mark.server
@pytest.mark.parametrize(
    ("program", "semantics", "cases"),
    [("promtool", 2, CASES), ("promtool3", 3, CASES // 2)],
    ids=["2.42", "3"],
)
def test_replay_agrees_with_promtool(
    request: pytest.FixtureRequest,
    memory_source,
    series_of,
    tmp_path,
    program: str,
    semantics: int,
    cases: int,
) -> None:
    """promtool finds each alert firing at exactly the evaluations that the replay says."""
    promtool = request.getfixturevalue(program)
    fired = 0
    for number in range(0, cases, BATCH):
        batch = [case(random.Random(f"{SEED} {number + i}"), i) for i in range(BATCH)]
        folder = tmp_path / str(number)
        folder.mkdir()
        _dump({"groups": [{"name": "g", "rules": _rules(batch)}]}, folder / "rules.yml")
        inputs = [
            (f'm{i}{{job="j",n="{k}"}}', values)
            for i, one in enumerate(batch)
            for k, values in enumerate(one["values"])
        ]
        series = [series_of(name, values) for name, values in inputs]
        source = memory_source([one for one in series if len(one.times)], semantics=semantics)
        rules = load_rules(folder / "rules.yml", evaluation_interval_ms=MINUTE_MS)
        episodes = replay_rules(rules, source, 0, (STEPS - 1) * MINUTE_MS)
        _dump(_unit_test(inputs, rules, episodes), folder / "test.yml")
        run = subprocess.run(
            [promtool, "test", "rules", "test.yml"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, (run.stdout + run.stderr)[:4000]
        fired += int(episodes["fired_at"].notna().sum())
    assert fired > cases / 2


def _rules(batch: Sequence[dict]) -> list[dict]:
    rules: list[dict] = []
    for i, one in enumerate(batch):
        rules += [
            {"record": f"m{i}:{name}", "expr": expr.format(x=f"m{i}"), "labels": labels}
            for name, (expr, labels) in RECORDED.items()
            if f"m{i}:{name}" in one["expr"]
        ]
        rules.append(
            {
                "alert": f"A{i}",
                "expr": one["expr"],
                "for": format_duration(one["hold"]),
                "keep_firing_for": format_duration(one["keep"]),
                "labels": one["labels"],
            }
        )
    return rules


def _unit_test(inputs: list, rules: list[AlertRule], episodes: pd.DataFrame) -> dict:
    checks = []
    for rule in rules:
        own = episodes[(episodes["rule"] == rule.name) & episodes["fired_at"].notna()]
        for step in range(STEPS):
            at = np.datetime64(step * MINUTE_MS, "ms")
            now = own[
                (own["fired_at"].dt.tz_localize(None) <= at)
                & ~(own["resolved_at"].dt.tz_localize(None) <= at)
            ]
            expected = [
                {"exp_labels": {k: v for k, v in labels if k != "alertname"}}
                for labels in now["labels"]
            ]
            checks.append({"eval_time": f"{step}m", "alertname": rule.name, "exp_alerts": expected})
    return {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in inputs],
                "alert_rule_test": checks,
            }
        ],
    }


def _dump(document: dict, path: Path) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
