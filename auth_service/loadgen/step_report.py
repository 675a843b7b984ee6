"""What a load test in steps says: a table, the fitted law, and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from alertlab.capacity.queueing import Queue
from alertlab.capacity.usl import NO_PEAK, UslFit, fit_usl
from alertlab.report import style
from auth_service.loadgen.closed_loop import LoadStep

_NORMAL_95 = 1.96
_PICTURE_DPI = 100
_HEADERS = (
    "concurrency", "logins/s", "p50 ms", "p95 ms", "p99 ms", "busy workers", "hash ms", "wait ms",
    "M/M/c wait ms", "in flight (X R)", "CPU cores",
)  # fmt: skip


def fit_steps(steps: Sequence[LoadStep]) -> UslFit:
    """Fit the Universal Scalability Law to the steps' throughput.  Raises BadInput."""
    return fit_usl([one.concurrency for one in steps], [one.logins_per_second for one in steps])


def expected_wait_seconds(step: LoadStep, hash_workers: int) -> float:
    """How long would a hash wait if logins came at this rate of their own accord (M/M/c)?

    Infinite where the workers are asked for all their time: only a closed loop can stay there.
    """
    return float(Queue(step.logins_per_second, step.hash_seconds, hash_workers).mean_wait_seconds)


def steps_table(steps: Sequence[LoadStep], hash_workers: int) -> str:
    """Return the steps as an aligned table, one line each."""
    rows = [
        (
            f"{one.concurrency}", f"{one.logins_per_second:.1f}", f"{1e3 * one.p50_seconds:.1f}",
            f"{1e3 * one.p95_seconds:.1f}", f"{1e3 * one.p99_seconds:.1f}",
            f"{one.busy_workers:.2f} of {hash_workers}", f"{1e3 * one.hash_seconds:.1f}",
            f"{1e3 * one.wait_seconds:.1f}",
            f"{1e3 * expected_wait_seconds(one, hash_workers):.1f}",
            f"{one.in_flight:.2f}", f"{one.cpu_cores:.2f}",
        )
        for one in steps
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(_HEADERS, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in (_HEADERS, *rows)
    )


def verdict(fit: UslFit, steps: Sequence[LoadStep]) -> str:
    """Say where throughput ends, or that the steps do not tell; intervals are of 95 %."""
    best = max(steps, key=lambda one: one.logins_per_second)
    highest = f"highest measured: {best.logins_per_second:.1f} logins/s at {best.concurrency}"
    law = (
        f"contention {fit.sigma:.4f} +- {_NORMAL_95 * fit.sigma_se:.4f}, coherency "
        f"{fit.kappa:.5f} +- {_NORMAL_95 * fit.kappa_se:.5f}, one caller {fit.lam:.1f} +- "
        f"{_NORMAL_95 * fit.lam_se:.1f} logins/s"
    )
    if NO_PEAK in fit.notes:
        words = f"{NO_PEAK}; contention alone would allow {fit.limit_throughput:.1f} logins/s"
        others = [note for note in fit.notes if note != NO_PEAK]
    else:
        words = (
            f"peak {fit.peak_throughput:.1f} +- {_NORMAL_95 * fit.peak_throughput_se:.1f} logins/s "
            f"at concurrency {fit.peak_concurrency:.1f} +- "
            f"{_NORMAL_95 * fit.peak_concurrency_se:.1f}"
        )
        others = list(fit.notes)
    return "\n".join([f"{words}; {highest}", law, *others])


def draw_steps(steps: Sequence[LoadStep], fit: UslFit, hash_workers: int, picture: Path) -> None:
    """Write a PNG: throughput with the fitted law above, latency and waits below."""
    figure, (above, below) = style.figure(5.6, rows=2, sharex=True)
    concurrency = np.array([one.concurrency for one in steps])
    rates = [one.logins_per_second for one in steps]
    line = np.linspace(1, concurrency.max(), 200)
    above.plot(line, fit.throughput(line), label="fitted law")
    above.plot(concurrency, rates, style.MARKERS[0], color=style.INK, label="measured")
    above.set(ylabel="logins/s", title=f"Logins in a closed loop, {hash_workers} hash workers")
    lines = (
        ("p99 of a login", "p99_seconds"),
        ("p50 of a login", "p50_seconds"),
        ("mean wait for a hash worker", "wait_seconds"),
    )
    for (label, name), marker in zip(lines, style.MARKERS, strict=False):
        values_ms = [1e3 * getattr(one, name) for one in steps]
        below.plot(concurrency, values_ms, marker=marker, label=label)
    below.set(ylabel="milliseconds", xlabel="concurrency (callers)")
    for axes, place in ((above, "lower right"), (below, "upper left")):
        axes.set_ylim(bottom=0)
        axes.legend(loc=place)
    figure.savefig(picture, format="png", dpi=_PICTURE_DPI)
    plt.close(figure)
