"""Load tests in steps: the closed loop, what it measures, and the command."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from alertlab.errors import ServerError
from auth_service.cli import run_command
from auth_service.loadgen.closed_loop import LoadStep, measure_steps, read_metrics, step_of
from auth_service.loadgen.step_report import (
    draw_steps,
    expected_wait_seconds,
    fit_steps,
    steps_table,
    verdict,
)
from auth_service.loadgen.steps import CONCURRENCIES, parse_steps, run_steps

HASH, WAIT = "auth_hash_seconds", "auth_hash_wait_seconds"
CPU = "process_cpu_seconds_total"
BEFORE = {f"{HASH}_sum": 1.0, f"{HASH}_count": 10.0, f"{WAIT}_sum": 2.0, f"{WAIT}_count": 10.0}
BEFORE |= {CPU: 5.0, "auth_hash_workers": 2.0}
AFTER = {f"{HASH}_sum": 4.0, f"{HASH}_count": 40.0, f"{WAIT}_sum": 8.0, f"{WAIT}_count": 50.0}
AFTER |= {CPU: 8.5, "auth_hash_workers": 2.0}


def made(concurrency: int, logins_per_second: float, **changes: float) -> LoadStep:
    """Return a step of 10 s whose latency agrees with Little's law."""
    mean = concurrency / logins_per_second
    step = LoadStep(
        concurrency, 10.0, round(10 * logins_per_second), logins_per_second, mean, mean,
        1.2 * mean, 1.5 * mean, 0.02 * logins_per_second, 0.02, 0.001, 1.25,
    )  # fmt: skip
    return dataclasses.replace(step, **changes)


def by_the_law(sigma: float, kappa: float, lam: float = 40.0) -> list[LoadStep]:
    return [made(n, lam * n / (1 + sigma * (n - 1) + kappa * n * (n - 1))) for n in CONCURRENCIES]


def test_a_step_is_what_its_answers_and_counters_say():
    """Each figure by hand: 4 answers in 2 s, 30 hashes of 3 s in sum, 40 waits of 6 s."""
    step = step_of(3, 2.0, [0.1, 0.2, 0.3, 0.8], BEFORE, AFTER)
    assert (step.concurrency, step.seconds, step.logins, step.logins_per_second) == (3, 2.0, 4, 2)
    assert step.mean_seconds == pytest.approx(0.35)
    assert step.p50_seconds == pytest.approx(0.25)
    assert step.p95_seconds == pytest.approx(0.725)
    assert step.p99_seconds == pytest.approx(0.785)
    assert step.busy_workers == pytest.approx(1.5)
    assert step.hash_seconds == pytest.approx(0.1)
    assert step.wait_seconds == pytest.approx(0.15)
    assert step.cpu_cores == pytest.approx(1.75)
    assert step.in_flight == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("latencies", "after"), [([], AFTER), ([0.1], BEFORE | {f"{WAIT}_count": 11.0})]
)
def test_a_step_without_answers_or_hashes_is_refused(latencies, after):
    """A sentence with the concurrency, instead of a division by zero."""
    with pytest.raises(ServerError, match=r"no login was answered .* at concurrency 3"):
        step_of(3, 2.0, latencies, BEFORE, after)


def drive_a_fake(concurrencies, *, step_seconds=0.3, warm_up_seconds=0.1, workers=2):
    """Drive a service that hashes for 10 ms with so many workers; return steps and what was seen.

    The counters take no part: each scrape is one second of hashing and ten hashes later.
    """
    seen = {"most": 0, "now": 0, "scrapes": [], "done": []}
    counters = dict.fromkeys(BEFORE, 0.0)

    async def drive():
        free = asyncio.Semaphore(workers)

        async def log_in():
            seen["now"] += 1
            seen["most"] = max(seen["most"], seen["now"])
            async with free:
                await asyncio.sleep(0.01)
            seen["now"] -= 1

        def scrape():
            seen["scrapes"].append(time.perf_counter())
            for name in counters:
                counters[name] += 10.0 if name.endswith("_count") else 1.0
            return dict(counters)

        return await measure_steps(
            concurrencies,
            log_in,
            scrape,
            step_seconds=step_seconds,
            warm_up_seconds=warm_up_seconds,
            done=seen["done"].append,
        )

    began = time.perf_counter()
    steps = asyncio.run(drive())
    seen["first"] = seen["scrapes"][0] - began
    return steps, seen


def test_the_loop_is_closed():
    """There are as many callers as said, never more, and throughput stops at the workers."""
    (one, two, four), seen = drive_a_fake([1, 2, 4])
    assert seen["most"] == 4
    assert two.logins_per_second > 1.5 * one.logins_per_second
    assert four.logins_per_second == pytest.approx(two.logins_per_second, rel=0.2)
    assert four.mean_seconds > 1.6 * two.mean_seconds
    for step in (one, two, four):
        assert step.in_flight == pytest.approx(step.concurrency, rel=0.15)
    assert seen["done"] == pytest.approx([0.4, 0.4, 0.4])


def test_the_warm_up_does_not_count():
    """The first scrape comes behind it, and only answers between the scrapes are counted."""
    (short,), seen = drive_a_fake([1], step_seconds=0.2, warm_up_seconds=0.5)
    assert seen["first"] >= 0.5
    assert short.seconds == pytest.approx(0.2, rel=0.3)
    assert short.logins <= 0.2 * 1.3 / 0.01
    (long,), _ = drive_a_fake([1], step_seconds=0.4, warm_up_seconds=0.0)
    assert long.seconds >= 0.4


def test_a_failed_login_ends_the_run_with_its_sentence():
    """No group of exceptions reaches the command."""

    async def log_in():
        raise ServerError("Login failed: INTERNAL")

    with pytest.raises(ServerError, match="Login failed: INTERNAL"):
        asyncio.run(
            measure_steps(
                [2], log_in, lambda: BEFORE, step_seconds=9, warm_up_seconds=9, done=print
            )
        )


def test_the_verdict_finds_a_peak_that_is_there_and_no_other():
    """Steps made by the law give its peak back; without coherency there is none."""
    steps = by_the_law(0.05, 0.01)
    said = verdict(fit_steps(steps), steps)
    peak = np.sqrt(0.95 / 0.01)
    top = 40 * peak / (1 + 0.05 * (peak - 1) + 0.01 * peak * (peak - 1))
    assert f"peak {top:.1f} +- 0.0 logins/s at concurrency {peak:.1f} +- 0.0" in said
    assert f"{steps[5].logins_per_second:.1f} logins/s at 8\n" in said
    steps = by_the_law(0.05, 0.0)
    said = verdict(fit_steps(steps), steps)
    assert said.startswith("no peak within the observed range; contention alone would allow 800.0")


def test_the_expected_wait_is_that_of_the_queue():
    """M/M/1 by its closed form, shorter with more workers, infinite where they are full."""
    step = made(1, 40.0)
    assert expected_wait_seconds(step, 1) == pytest.approx(0.02 * 0.8 / 0.2)
    assert expected_wait_seconds(step, 2) < 0.01
    assert expected_wait_seconds(made(1, 50.0), 1) == np.inf


def test_the_table_is_aligned_and_has_each_figure():
    """One line for each step under the headers, all equally long, times in milliseconds."""
    lines = steps_table([made(1, 40.0), made(16, 1234.5)], 2).splitlines()
    assert len(lines) == 3 and len(set(map(len, lines))) == 1
    cells = " ".join(lines[1].split())
    assert cells == "1 40.0 25.0 30.0 37.5 0.80 of 2 20.0 1.0 3.8 1.00 1.25"
    assert "inf" in lines[2]


def test_the_picture_is_a_small_png(tmp_path):
    """It is written where it was asked for, and fits into the documentation."""
    steps = by_the_law(0.05, 0.01)
    draw_steps(steps, fit_steps(steps), 2, tmp_path / "steps.png")
    content = (tmp_path / "steps.png").read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) < 80_000


def test_metrics_of_something_else_are_refused(tmp_path):
    """What is missing is named; a page that is not there is told with its address."""
    page = tmp_path / "metrics"
    page.write_text("".join(f"{name} {value}\n" for name, value in BEFORE.items() if name != CPU))
    with pytest.raises(ServerError, match=f"lacks {CPU}"):
        read_metrics(page.as_uri())
    with pytest.raises(ServerError, match="no metrics of the service at"):
        read_metrics((tmp_path / "none").as_uri())


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "the following arguments are required: --out"),
        (["--out", "x", "--concurrency", "1,2,3"], "give 4 different numbers or more"),
        (["--out", "x", "--concurrency", "1,2,2,3,4"], "each once"),
        (["--out", "x", "--concurrency", "0,1,2,3"], "not a list of whole numbers from 1"),
        (["--out", "x", "--concurrency", "1,two"], "not a list of whole numbers from 1"),
        (["--out", "x", "--step-seconds", "0"], "--step-seconds: 0 is too short"),
        (["--out", "x", "--warm-up-seconds=-1"], "-1 is not a number from 0 up"),
        (["--out", "x", "--target", "y:1"], "--target and --metrics-url belong together"),
        (["--out", "/no/such/x"], "/no/such/x cannot be written"),
        (["--out", "x", "--picture", "/no/such/y"], "/no/such/y cannot be written"),
        (
            ["--out", "x", "--target=y:1", "--metrics-url=z", "--", "--workers=1"],
            "of no use with --target",
        ),
    ],
)
def test_bad_flags_of_the_steps_exit_2_with_a_sentence(monkeypatch, capsys, flags, said):
    """One line on stderr, nothing on stdout, before anything is driven."""
    monkeypatch.setattr(sys, "argv", ["steps", *flags])
    assert run_command("auth_service.loadgen.steps", run_steps) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == "" and said in line


def test_every_flag_of_the_steps_is_read():
    """The defaults, and each one changed."""
    plain = parse_steps(["--out", "x"])
    assert (plain.concurrency, plain.step_seconds) == (CONCURRENCIES, 15.0)
    changed = parse_steps(
        [
            *("--out", "x", "--concurrency", "1,2,4,9", "--step-seconds=2"),
            *("--warm-up-seconds=1", "--", "--hash-workers", "3"),
        ]
    )
    assert changed.concurrency == (1, 2, 4, 9)
    assert (changed.step_seconds, changed.warm_up_seconds) == (2.0, 1.0)
    assert changed.service_flags == ["--hash-workers", "3"]


COMMAND = [sys.executable, "-m", "auth_service.loadgen.steps"]
HASHING = ["--argon2-time-cost=1", "--argon2-memory-kib=2048", "--argon2-parallelism=1"]


@pytest.mark.server
def test_a_real_service_is_driven_to_saturation(tmp_path):
    """One worker: busy all the time, waits grow with the callers, Little's law holds."""
    out, picture = tmp_path / "steps.json", tmp_path / "steps.png"
    flags = ["--out", out, "--picture", picture, "--concurrency=1,2,4,6"]
    flags += ["--step-seconds=0.4", "--warm-up-seconds=0.1", "--", "--hash-workers=1", *HASHING]
    done = subprocess.run(
        [*COMMAND, *map(str, flags)], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "Closed loop" in done.stdout and "logins/s" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    document = json.loads(out.read_text())
    assert (document["loop"], document["settings"]["hash_workers"]) == ("closed", 1)
    steps = [LoadStep(**one) for one in document["steps"]]
    assert [one.concurrency for one in steps] == [1, 2, 4, 6]
    waits = [one.wait_seconds for one in steps]
    assert waits[0] < waits[2] < waits[3]
    for one in steps:
        assert one.busy_workers <= 1.1 and one.cpu_cores > 0
        assert one.in_flight == pytest.approx(one.concurrency, rel=0.25)


@pytest.mark.server
def test_an_interrupted_run_leaves_no_file_and_no_service(tmp_path, start_process):
    """SIGINT in a step exits 130 without a traceback; the service it drove is left running."""
    service = start_process()
    out = tmp_path / "steps.json"
    flags = ["--out", str(out), "--target", service.target, "--metrics-url", service.metrics_url]
    with subprocess.Popen([*COMMAND, *flags], stderr=subprocess.PIPE) as driving:
        while read_metrics(service.metrics_url)["auth_login_requests_total"] < 5:
            assert driving.poll() is None, driving.stderr.read()
            time.sleep(0.05)
        driving.send_signal(signal.SIGINT)
        _, err = driving.communicate(timeout=30)
    assert driving.returncode == 130
    assert b"Traceback" not in err
    assert not list(tmp_path.glob("*steps.json*"))
    assert service.popen.poll() is None
