"""Replaying a rule, and the firing level that makes one pass serve every threshold."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from measure import best_seconds, print_table

from alertlab import load_rules, open_source, replay_rules
from alertlab.frame import Series
from alertlab.replay import firing_level
from alertlab.sources import RecordingWriter
from alertlab.units import DAY_MS, MINUTE_MS, SECOND_MS

INTERVAL_MS = 15 * SECOND_MS
STEPS_PER_DAY = DAY_MS // INTERVAL_MS
METRIC = "auth_login_failure_total"
DAYS, SERIES = 7, 8  # more would take promtool minutes


def bench_firing_level() -> None:
    """Firing level of 20 series over 28 days against one NumPy pass over the same array."""
    values = np.random.default_rng(1).random((20, 28 * DAY_MS // INTERVAL_MS))
    one_pass = best_seconds(lambda: np.minimum(values, 0.5))
    rows = []
    for keep_ms in (0, 5 * MINUTE_MS):
        level = best_seconds(
            lambda keep_ms=keep_ms: firing_level(
                values,
                interval_ms=INTERVAL_MS,
                hold_duration_ms=2 * MINUTE_MS,
                keep_firing_for_ms=keep_ms,
            )
        )
        keep = f"for 2m, keep_firing_for {keep_ms // MINUTE_MS}m"
        rows.append([keep, f"{level:.3f} s", f"{one_pass:.3f} s", f"{level / one_pass:.1f} x"])
    print_table(
        "Firing level of 20 series over 28 days at 15s",
        ["", "here", "one pass of numpy.minimum", "as long"],
        rows,
    )


def bench_replay() -> None:
    """Replay one rule over a week of series against promtool's rule test of the same samples."""
    promtool = shutil.which("promtool")
    if promtool is None:
        print("promtool is not installed: no peer to compare the replay with")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_recording(folder / "recording")
        _write_promtool_case(folder)

        def replay() -> None:
            source = open_source(str(folder / "recording"))
            rules = load_rules(folder / "rules.yml", evaluation_interval_ms=INTERVAL_MS)
            replay_rules(rules, source, source.start_ms, source.end_ms)

        ours = best_seconds(replay)
        command = [promtool, "test", "rules", "test.yml"]
        peer = best_seconds(
            lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True)
        )
    print_table(
        f"Replay of one rule: {DAYS} days at 15s, {SERIES} series",
        ["", "here, from disk", "promtool test rules", "ratio"],
        [["", f"{ours:.3f} s", f"{peer:.2f} s", f"**{peer / ours:.0f} x**"]],
    )


def _write_recording(folder: Path) -> None:
    steps = np.arange(STEPS_PER_DAY, dtype=np.int64)
    with RecordingWriter(
        folder, origin="a benchmark", scrape_interval_ms=INTERVAL_MS, synthetic=True
    ) as writer:
        for day in range(DAYS):
            at = steps + day * STEPS_PER_DAY
            writer.add_day(
                [
                    Series(
                        (("__name__", METRIC), ("pod", str(k))),
                        at * INTERVAL_MS,
                        k * at.astype(float),
                    )
                    for k in range(SERIES)
                ]
            )


def _write_promtool_case(folder: Path) -> None:
    last = DAYS * STEPS_PER_DAY - 1
    values = {f'{METRIC}{{pod="{k}"}}': f"0+{k}x{last}" for k in range(SERIES)}
    inputs = "".join(
        f"      - {{series: '{series}', values: '{text}'}}\n" for series, text in values.items()
    )
    (folder / "rules.yml").write_text(
        "groups:\n  - name: bench\n    rules:\n      - alert: Bench\n"
        f"        expr: rate({METRIC}[5m]) > 5\n        for: 2m\n"
    )
    (folder / "test.yml").write_text(
        "rule_files: [rules.yml]\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n"
        f"    input_series:\n{inputs}"
        "    alert_rule_test:\n"
        f"      - {{eval_time: {DAYS}d, alertname: Bench, exp_alerts: []}}\n"
    )
