"""How long a login takes under load: its own work, and its wait for a hash worker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alertlab.capacity.forecasting import peak
from alertlab.capacity.hash_queue import HashQueue
from alertlab.capacity.load import LoadHistory
from alertlab.capacity.queueing import Queue, most_arrivals
from alertlab.latency import BucketHistory, block_interval, estimate_quantiles
from alertlab.units import HOUR_MS, WEEK_MS, Interval

_QUIET_RATIO = 0.3  # of the workers: with fewer busy, hardly a login waits


@dataclass(frozen=True)
class LoginPath:
    """What a login's latency is made of.

    threshold_seconds, quantile : the promise: this quantile takes at most so long
    unloaded_seconds : a quantile of logins that did not wait, its ends at bounds of buckets; that
        quantile leaves half of the promise's tail to the wait
    wait_factor : measured waits as a multiple of the model's
    logins_per_hash : share of the hashes that logins ask for, at the load's mean
    refusal : why nothing is to be said of it; empty if something is
    """

    workers: int
    service_seconds: float
    service_cv2: float
    wait_factor: Interval
    unloaded_seconds: Interval
    logins_per_hash: float
    threshold_seconds: float
    quantile: float
    refusal: str = ""

    def most_logins(self, pods: int) -> Interval:
        """How many logins/s keep the promise on so many pods?

        The wait and the work are added at half the tail each, which is safe whatever they have to
        do with each other.  Each end takes all doubts at their worse, or better, end.
        """
        worst, middle, best = (
            self._most(pods, factor, unloaded)
            for factor, unloaded in (
                (self.wait_factor.high, self.unloaded_seconds.high),
                (self.wait_factor.mid, self.unloaded_seconds.mid),
                (self.wait_factor.low, self.unloaded_seconds.low),
            )
        )
        return Interval(worst, middle, best, self.wait_factor.confidence)

    def _most(self, pods: int, factor: float, unloaded_seconds: float) -> float:
        hashes = most_arrivals(
            self.service_seconds, self.workers, self.threshold_seconds, self.quantile,
            service_quantile_seconds=unloaded_seconds, arrival_cv2=self._arrival_cv2(factor),
            service_cv2=self.service_cv2,
        )  # fmt: skip
        return float(hashes) * pods * self.logins_per_hash

    def at(self, logins_per_second: float, pods: int) -> LoginsAt:
        """What becomes of so many logins/s on so many pods?"""
        queue = Queue(
            logins_per_second / self.logins_per_hash / pods, self.service_seconds, self.workers,
            self._arrival_cv2(self.wait_factor.mid), self.service_cv2,
        )  # fmt: skip
        if queue.use_ratio >= 1:
            return LoginsAt(pods, float(queue.use_ratio), 1.0, np.inf)
        waits = float(queue.wait_seconds(_half_tail(self.quantile)))
        return LoginsAt(
            pods, float(queue.use_ratio), float(queue.waiting_probability),
            self.unloaded_seconds.mid + waits,
        )  # fmt: skip

    def _arrival_cv2(self, factor: float) -> float:
        """Return how bursty arrivals are for waits that are a multiple of the model's.

        Allen and Cunneen's mean wait goes with the sum of both variations.
        """
        return factor * (1 + self.service_cv2) - self.service_cv2


@dataclass(frozen=True)
class LoginsAt:
    """Logins under a load on so many pods: use of the workers, share that waits, the quantile."""

    pods: int
    use_ratio: float
    waiting_ratio: float
    quantile_seconds: float


def login_path(
    load: LoadHistory,
    queue: HashQueue,
    logins: BucketHistory,
    *,
    threshold_seconds: float,
    quantile: float = 0.99,
    method: str = "Login",
) -> LoginPath:
    """What is a login's latency made of, as the history shows it?

    logins : latencies by method over the same time, in spans of any length
    Refused where the queue is, or where no span is quiet enough to see a login without a wait.
    BadInput for a method that is not there.
    """
    group = logins.index(method)
    quiet = _quiet_spans(load, logins)
    bounds, blocks = logins.blocks([group], quiet)
    confidence = queue.wait_factor.confidence
    unloaded, refusal = Interval(np.nan, np.nan, np.nan, confidence), queue.refusal
    if len(blocks):
        half = _half_tail(quantile)
        low, high = block_interval(bounds, blocks, half, confidence)
        middle = float(estimate_quantiles(logins.histogram([group], quiet), np.array([half]))[0])
        unloaded = Interval(low, middle, high, confidence)
    else:
        refusal = refusal or (
            f"In no span were fewer than {_QUIET_RATIO:.0%} of the hash workers busy, so what a "
            f"{method} takes without a wait was never seen."
        )
    hashes = np.nansum(load.hashes_per_second)
    return LoginPath(
        queue.workers, queue.service_seconds, queue.service_cv2, queue.wait_factor, unloaded,
        float(np.nansum(load.method(method)) / hashes) if hashes else np.nan,
        threshold_seconds, quantile, refusal,
    )  # fmt: skip


def when_pods_go(
    path: LoginPath, load: LoadHistory, replicas: int, *, method: str = "Login"
) -> list[LoginsAt]:
    """What becomes of the last week's peak of logins with all pods, and with up to two fewer?

    Nothing is said if the path is refused.
    """
    if path.refusal:
        return []
    per_hour = max(HOUR_MS // load.step_ms, 1)
    spans = np.nansum(load.method(method), axis=0)[-WEEK_MS // load.step_ms :]
    hours = spans[len(spans) % per_hour :].reshape(-1, per_hour).mean(axis=1)
    return [path.at(peak(hours), pods) for pods in range(replicas, max(replicas - 3, 0), -1)]


def _half_tail(quantile: float) -> float:
    return 1 - (1 - quantile) / 2


def _quiet_spans(load: LoadHistory, logins: BucketHistory) -> np.ndarray:
    """Tell for each span of the latencies whether few of the workers were busy all the time."""
    busiest = np.fmax.reduce(load.hash_use_ratio, axis=0)
    place = np.searchsorted(logins.ends_ms, load.ends_ms, "left")
    inside = (place < len(logins.ends_ms)) & np.isfinite(busiest)
    inside &= load.ends_ms > logins.ends_ms[0] - logins.step_ms
    highest = np.full(len(logins.ends_ms), -np.inf)
    np.maximum.at(highest, place[inside], busiest[inside])
    return (highest >= 0) & (highest < _QUIET_RATIO)
