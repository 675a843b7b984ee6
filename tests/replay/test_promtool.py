"""promtool judges the rule state machine: random series and rules, every evaluation compared."""

from __future__ import annotations

import subprocess
from io import StringIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from alertlab.replay import replay_rules
from alertlab.rules import load_rules
from alertlab.units import MINUTE_MS, format_duration

STEPS = 24
SAMPLE = st.sampled_from(["_", "stale", "NaN", *map(str, range(8))])
DURATION = st.integers(0, 5).map(lambda n: n * 30_000)  # also between two evaluations
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
    "absent({x})",
)


@st.composite
def cases(draw: st.DrawFn) -> dict:
    """One rule with two series of its own."""
    return {
        "expr": draw(st.sampled_from(EXPRESSIONS)),
        "threshold": draw(st.integers(0, 7)),
        "hold": draw(DURATION),
        "keep": draw(DURATION),
        "values": [
            " ".join(draw(st.lists(SAMPLE, min_size=STEPS, max_size=STEPS))) for _ in range(2)
        ],
    }


@pytest.mark.server
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(batch=st.lists(cases(), min_size=10, max_size=10))
def test_replay_agrees_with_promtool(
    promtool, memory_source, series_of, tmp_path_factory, batch
) -> None:
    """promtool finds each alert firing at exactly the evaluations that the replay says."""
    folder = tmp_path_factory.mktemp("promtool")
    rules_file = folder / "rules.yml"
    rules_file.write_text(_dump({"groups": [{"name": "g", "rules": _rules(batch)}]}))
    inputs = [
        (f'm{i}{{job="j",n="{k}"}}', values)
        for i, case in enumerate(batch)
        for k, values in enumerate(case["values"])
    ]
    series = [series_of(name, values) for name, values in inputs]
    source = memory_source([one for one in series if len(one.times)], semantics=2)
    rules = load_rules(rules_file, evaluation_interval_ms=MINUTE_MS)
    episodes = replay_rules(rules, source, 0, (STEPS - 1) * MINUTE_MS)
    test_file = folder / "test.yml"
    test_file.write_text(_dump(_unit_test(inputs, rules, episodes)))
    run = subprocess.run(
        [promtool, "test", "rules", test_file.name],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def _rules(batch: list[dict]) -> list[dict]:
    return [
        {
            "alert": f"A{i}",
            "expr": case["expr"].format(x=f"m{i}", t=case["threshold"]),
            "for": format_duration(case["hold"]),
            "keep_firing_for": format_duration(case["keep"]),
            "labels": {"severity": "page"},
        }
        for i, case in enumerate(batch)
    ]


def _unit_test(inputs: list, rules: list, episodes) -> dict:
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


def _dump(document: dict) -> str:
    text = StringIO()
    YAML(typ="safe").dump(document, text)
    return text.getvalue()
