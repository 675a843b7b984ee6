"""What was used of each resource, hour after hour, and why that may not be said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alertlab.capacity.forecasting import PEAK_QUANTILE, peak
from alertlab.capacity.resources.resource import DISK, Resource, ResourceFile
from alertlab.capacity.resources.units import label_disagreement
from alertlab.errors import BadInput
from alertlab.frame import Frame
from alertlab.sources import Source
from alertlab.units import HOUR_MS, WEEK_MS

MAX_GAP_RATIO = 0.1
_HOURS_OF_WEEK = WEEK_MS // HOUR_MS
_STRANGEST_RATIO = 20.0  # of the limit: what a thousand times 2 % would be
_SMALLEST_RATIO = 0.001  # of the limit: what a thousandth of all of it would be


@dataclass(frozen=True)
class Measured:
    """A resource over time; float64, NaN where the source knew nothing.

    times_ms : int64, shape (n_times,); hourly, the end of each hour
    pods : whose the rows are; one empty name where the queries do not tell pods apart
    use, limit : in the resource's unit, shape (n_pods, n_times)
    replicas, demand, sign : shape (n_times,)
    mismatch : in what the units of the series disagree with those of the file; empty if in nothing
    queries : what was asked, by what it is for
    """

    resource: Resource
    times_ms: np.ndarray
    pods: tuple[str, ...]
    use: np.ndarray
    limit: np.ndarray
    replicas: np.ndarray
    demand: np.ndarray
    sign: np.ndarray
    mismatch: str
    queries: dict[str, str]

    @cached_property
    def use_ratio(self) -> np.ndarray:
        """Return use by limit of the hottest pod of each hour, shape (n_times,): it ends first."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.where(self.limit > 0, self.use / self.limit, np.nan)
        return np.fmax.reduce(ratios, axis=0)

    @property
    def last_week(self) -> slice:
        """Return the hours of the last week."""
        return slice(max(len(self.times_ms) - _HOURS_OF_WEEK, 0), None)

    @property
    def peak_ratio(self) -> float:
        """Return the peak of the last week's use by limit."""
        return peak(self.use_ratio[self.last_week], self.peak_quantile)

    @property
    def peak_quantile(self) -> float:
        """Return which quantile of a week's hours its peak is: of a disk, the highest."""
        return 1.0 if self.resource.kind == DISK else PEAK_QUANTILE

    @property
    def worst_sign(self) -> float:
        """Return the sign's highest value of the last week; NaN if nothing is known."""
        return peak(self.sign[self.last_week], 1.0)

    @cached_property
    def refusal(self) -> str:
        """Why do these numbers mean nothing?  Empty if they mean what they say."""
        return self.mismatch or _refusal(self)


def measure(
    file: ResourceFile,
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    track: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> list[Measured]:
    """What was used of each resource of a file, at every full hour from start to end?

    track : told of each query, for a progress bar

    A query may return one series, or one per pod (label ``pod``); a limit without pods is that of
    each one.  BadInput for less than a week, in which there is no weekly peak, and for a query
    that returns several series of one pod.
    """
    first_ms = -(-start_ms // HOUR_MS) * HOUR_MS
    if first_ms + WEEK_MS - HOUR_MS > end_ms:
        raise BadInput("from start to end there is no whole week; a weekly peak needs one")
    asked = {one.name: _queries(one, file.workload.replicas) for one in file.resources}
    texts = list(dict.fromkeys(text for queries in asked.values() for text in queries.values()))
    frames = {text: source.range_query(text, first_ms, end_ms, HOUR_MS) for text in track(texts)}
    return [
        _measured(
            one, asked[one.name], {what: frames[text] for what, text in asked[one.name].items()}
        )
        for one in file.resources
    ]


def _queries(resource: Resource, replicas: str) -> dict[str, str]:
    queries = {"use": resource.use.query, "limit": resource.limit.query, "replicas": replicas}
    if resource.demand:
        queries["demand"] = resource.demand.query
    if resource.sign:
        queries["sign"] = resource.sign.query
    return queries


def _measured(resource: Resource, queries: dict[str, str], frames: dict[str, Frame]) -> Measured:
    by_pod = {
        what: _by_pod(frames[what], f"{resource.name}: {what}: {queries[what]}")
        for what in ("use", "limit")
    }
    nothing = np.full(len(frames["use"].times), np.nan)
    pods = tuple(sorted(by_pod["use"]))
    limits = by_pod["limit"]
    alone = {
        what: nothing
        if what not in frames
        else _only(_by_pod(frames[what], f"{resource.name}: {what}: {queries[what]}"), nothing)
        for what in ("replicas", "demand", "sign")
    }
    return Measured(
        resource,
        frames["use"].times,
        pods,
        np.array([by_pod["use"][pod] for pod in pods]).reshape(len(pods), -1)
        if pods
        else nothing[None],
        np.array([limits.get(pod, limits.get("", nothing)) for pod in pods])
        if pods
        else nothing[None],
        **alone,
        mismatch=_mismatch(resource, frames),
        queries=queries,
    )


def _mismatch(resource: Resource, frames: dict[str, Frame]) -> str:
    """Say that a series' label ``unit`` contradicts the file; empty if none does."""
    for what, unit in (("use", resource.use.unit), ("limit", resource.limit.unit)):
        for labels in frames[what].labels:
            found = label_disagreement(unit, dict(labels).get("unit", ""))
            if found:
                return f"{what}: {found}"
    return ""


def _by_pod(frame: Frame, where: str) -> dict[str, np.ndarray]:
    """Return a row of values for each pod, NaN where absent; BadInput if a pod has several."""
    rows: dict[str, np.ndarray] = {}
    for labels, values, present in zip(frame.labels, frame.values, frame.present, strict=True):
        pod = dict(labels).get("pod", "")
        if pod in rows:
            raise BadInput(
                f"resource {where} returns several series of "
                f"{f'the pod {pod}' if pod else 'no pod'}; let it return one by pod, or one in all"
            )
        rows[pod] = np.where(present, values, np.nan)
    return rows


def _only(rows: dict[str, np.ndarray], nothing: np.ndarray) -> np.ndarray:
    """Return the highest of all rows; NaN where there is none."""
    return np.fmax.reduce(list(rows.values()), axis=0) if rows else nothing


def _refusal(measured: Measured) -> str:
    use, limit = measured.use, measured.limit
    if np.isnan(use).all():
        return "its query of use finds nothing"
    if np.isnan(limit).all():
        return "its query of the limit finds nothing: no limit is set, or nobody exports it"
    if not (limit[~np.isnan(limit)] > 0).any():
        return "its limit is 0, so there is nothing to use"
    known = measured.use_ratio[~np.isnan(measured.use_ratio)]
    if not len(known):
        return "use and limit are never known of the same pod at the same time"
    gaps = float(np.isnan(measured.use_ratio[measured.last_week]).mean())
    if gaps > MAX_GAP_RATIO:
        return (
            f"{gaps:.0%} of the last week is missing; a weekly peak needs gaps of at most "
            f"{MAX_GAP_RATIO:.0%}"
        )
    if not known.any():
        return "every value is 0: the counter never moved"
    return _strange(measured, float(np.median(known)))


def _strange(measured: Measured, usual_ratio: float) -> str:
    """Say that use and limit differ so much that their units cannot be the same."""
    use, limit = measured.resource.use.unit, measured.resource.limit.unit
    if usual_ratio > _STRANGEST_RATIO:
        return (
            f"its use is {usual_ratio:,.0f} times its limit as a rule: the units of use ({use}) "
            f"and limit ({limit}) cannot both be right, as cores and millicores"
        )
    if usual_ratio < _SMALLEST_RATIO and measured.peak_ratio < _SMALLEST_RATIO:
        return (
            f"its use is {usual_ratio:.1g} of its limit as a rule: the units of use ({use}) and "
            f"limit ({limit}) cannot both be right, as millicores and cores"
        )
    return ""
