"""Password hashes are computed by a bounded number of threads, one line before them all."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from auth_service.metrics import AuthMetrics

T = TypeVar("T")


class HashWorkers:
    """Threads that compute hashes for callers who wait in line, first come, first served.

    Argon2 releases the interpreter's lock, so hashes run side by side on the machine's cores.
    """

    def __init__(self, count: int, metrics: AuthMetrics) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="hash")
        self._metrics = metrics
        metrics.hash_workers.set(count)

    def compute(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns, or raise what it raises, once a worker has done it."""
        asked_at = time.perf_counter()

        # All is counted before the caller goes on, so that an answered call is a counted hash.
        def measured() -> T:
            self._metrics.hash_queue_length.dec()
            self._metrics.hash_wait_seconds.observe(time.perf_counter() - asked_at)
            with (
                self._metrics.hash_workers_busy.track_inprogress(),
                self._metrics.hash_seconds.time(),
            ):
                return work()

        self._metrics.hash_queue_length.inc()
        return self._threads.submit(measured).result()

    def close(self) -> None:
        """Finish the hashes that were asked for; none may be asked for any more."""
        self._threads.shutdown()
