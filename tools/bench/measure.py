"""How things are measured: the shortest of several runs, peak memory in a process of its own."""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def best_seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the shortest of several runs."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def extra_bytes(work: Callable[..., object], prepared: Callable[..., object], *args: Any) -> int:
    """Return by how much ``work(prepared(*args))`` raises the peak memory of a fresh process."""
    return _apart(_extra_of, work, prepared, args)


def peak_bytes(work: Callable[..., object], *args: Any) -> int:
    """Return the peak memory of a fresh process that calls ``work(*args)``."""
    return _apart(_peak_of, work, args)


def _apart(function: Callable[..., int], *args: Any) -> int:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, args)


def _extra_of(work: Callable[..., object], prepared: Callable[..., object], args: Sequence) -> int:
    start = prepared(*args)
    before = _peak_so_far()
    result = work(start)
    extra = _peak_so_far() - before
    del result  # held until here: its memory counts
    return extra


def _peak_of(work: Callable[..., object], args: Sequence) -> int:
    result = work(*args)
    peak = _peak_so_far()
    del result
    return peak


def _peak_so_far() -> int:
    # Not getrusage: its peak goes back to before the exec, to the process that started this one.
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024


def memory_bandwidth() -> float:
    """Return the bytes per second that one core reads and writes when it copies an array."""
    source = np.ones(16_000_000)
    target = np.empty_like(source)
    return 2 * source.nbytes / best_seconds(lambda: np.copyto(target, source), 5)


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table with aligned columns, the first one to the left."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        return (
            "| " + " | ".join([first[0].ljust(first[1]), *(c.rjust(w) for c, w in others)]) + " |"
        )

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    print(f"\n### {title}\n", line(head), "| " + " | ".join(rule) + " |", sep="\n")
    print(*map(line, rows), sep="\n", flush=True)
