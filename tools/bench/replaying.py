"""Replaying a rule, and the firing level that makes one pass serve every threshold."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from measure import best_seconds, print_table

from alertlab import load_rules, open_source, replay_rules, simulate_notifications
from alertlab.frame import Series
from alertlab.notify import load_alertmanager
from alertlab.replay import firing_level
from alertlab.sources import RecordingWriter
from alertlab.units import DAY_MS, MINUTE_MS, SECOND_MS

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT / "data" / "recordings" / "auth-28d"
RULES = ROOT / "auth_service" / "monitoring" / "rules"
INTERVAL_MS = 15 * SECOND_MS
STEPS_PER_DAY = DAY_MS // INTERVAL_MS
METRIC = "auth_login_failure_total"
DAYS, SERIES = 7, 8  # more would take promtool minutes
LIVE_SERIES = 18  # that the first rule of this repository reads at a time
ALERTMANAGER = Path(__file__).parents[2] / "auth_service" / "monitoring" / "alertmanager.yml"
EPISODES, EPISODE_DAYS = 1000, 28


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


def bench_all_rules() -> None:
    """Replay all rules of this repository over 28 days against promtool's test of a single one."""
    promtool = shutil.which("promtool")
    if promtool is None:
        print("promtool is not installed: no peer to compare the replay with")
        return
    source = open_source(str(RECORDING))
    days = (source.end_ms - source.start_ms) // DAY_MS
    rules = load_rules(sorted(RULES.glob("*.yml")), evaluation_interval_ms=INTERVAL_MS)
    ours = best_seconds(
        lambda: replay_rules(rules, open_source(str(RECORDING)), source.start_ms, source.end_ms),
        repeats=1,
    )
    with tempfile.TemporaryDirectory() as name:
        _write_promtool_case(Path(name), days=days, series=LIVE_SERIES)
        command = [promtool, "test", "rules", "test.yml"]
        peer = best_seconds(
            lambda: subprocess.run(command, cwd=name, check=True, capture_output=True), repeats=1
        )
    print_table(
        f"{days} days at 15s",
        ["", "here: all rules", f"promtool test rules: one rule, {LIVE_SERIES} series", "ratio"],
        [[f"{len(rules)} rules", f"{ours:.1f} s", f"{peer:.1f} s", f"**{peer / ours:.1f} x**"]],
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
        _write_promtool_case(folder, days=DAYS, series=SERIES)

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


def bench_pages() -> None:
    """Simulate Alertmanager with the service's configuration over the episodes of 28 days."""
    config, episodes = load_alertmanager(ALERTMANAGER), _episodes()
    end_ms = EPISODE_DAYS * DAY_MS
    seconds = best_seconds(lambda: simulate_notifications(episodes, config, end_ms=end_ms))
    told = simulate_notifications(episodes, config, end_ms=end_ms)
    print_table(
        f"Pages of {EPISODES} episodes in {EPISODE_DAYS} days",
        ["", "seconds", "notifications"],
        [["simulated Alertmanager", f"{seconds:.2f} s", f"{len(told)}"]],
    )


def _episodes() -> pd.DataFrame:
    """Return episodes of 20 alerts of 8 pods, minutes to hours long, and a Watchdog's."""
    chance = np.random.default_rng(1)
    rows = [("Watchdog", (("alertname", "Watchdog"), ("severity", "none")), 0, None)]
    for number in range(EPISODES - 1):
        name, pod = f"Alert{number % 20}", str(number % 8)
        severity = "critical" if number % 20 < 5 else "warning"
        labels = (("alertname", name), ("pod", pod), ("severity", severity))
        # The 40 alerts fire once in 26 hours, so that their episodes do not overlap.
        start = number // 40 * 26 * 60 + int(chance.integers(0, 12 * 60))
        rows.append((name, labels, start, start + 1 + int(chance.lognormal(2.5, 1.2))))
    frame = pd.DataFrame(rows, columns=["rule", "labels", "fired_at", "resolved_at"])
    for column in ("fired_at", "resolved_at"):
        at = frame[column].astype("Int64") * MINUTE_MS
        frame[column] = pd.to_datetime(at, unit="ms", utc=True)
    return frame.assign(active_at=frame["fired_at"])


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


def _write_promtool_case(folder: Path, *, days: int, series: int) -> None:
    last = days * STEPS_PER_DAY - 1
    values = {f'{METRIC}{{pod="{k}"}}': f"0+{k}x{last}" for k in range(series)}
    inputs = "".join(
        f"      - {{series: '{selector}', values: '{text}'}}\n" for selector, text in values.items()
    )
    (folder / "rules.yml").write_text(
        "groups:\n  - name: bench\n    rules:\n      - alert: Bench\n"
        f"        expr: rate({METRIC}[5m]) > 5\n        for: 2m\n"
    )
    (folder / "test.yml").write_text(
        "rule_files: [rules.yml]\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n"
        f"    input_series:\n{inputs}"
        "    alert_rule_test:\n"
        f"      - {{eval_time: {days}d, alertname: Bench, exp_alerts: []}}\n"
    )
