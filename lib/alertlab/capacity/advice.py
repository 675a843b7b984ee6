"""What to order: replicas, requests and limits, each with the rule that it follows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alertlab.capacity.forecasting import peak
from alertlab.capacity.ladder import Rung
from alertlab.capacity.load import LoadHistory
from alertlab.capacity.resources import Allotment
from alertlab.capacity.resources.units import CORES, measures
from alertlab.units import WEEK_MS

MEMORY_MARGIN = 1.15
"""Above the highest working set; what robusta-dev/krr adds by default."""

CPU_BURST = 1.5
"""The CPU limit above the busiest span: throttling happens within 100 ms, spans are minutes."""

SURGE_REPLICAS = 1  # pods more than there should be, while a Deployment is rolled out
_CORE_STEP, _MEMORY_STEP = 0.1, 32 * 2**20
_EXACT = 1e-9  # what is a whole step but for rounding is one


@dataclass(frozen=True)
class Item:
    """One thing to order: what there is and what there should be; NaN where nothing is set."""

    name: str
    unit: str
    now: float
    advised: float
    rule: str


@dataclass(frozen=True)
class Advice:
    """What to order, by item; ``notes`` to heed first, and ``rejected`` options with reasons.

    growth_ratio : of the load, that it is meant for; 1.2 for 20 % more
    """

    replicas: Item
    cpu_request: Item
    cpu_limit: Item
    memory_request: Item
    memory_limit: Item
    growth_ratio: float
    notes: tuple[str, ...]
    rejected: tuple[str, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """Return all items, in the order of a manifest."""
        return (
            self.replicas, self.cpu_request, self.cpu_limit, self.memory_request, self.memory_limit,
        )  # fmt: skip


def planned_growth(rungs: Sequence[Rung]) -> float:
    """By how much may the load have grown when forecasts end?  1 if none says that it grows.

    The most of all resources that demand drives, at the upper ends of their intervals.
    """
    ratios = [
        float(one.peaks.high[-1]) / one.peak_ratio
        for one in rungs
        if one.peaks
        and not one.peaks.refusal
        and one.measured.resource.demand
        and one.peak_ratio > 0
    ]
    return max([1.0, *ratios])


def advise(
    rungs: Sequence[Rung],
    load: LoadHistory,
    now: Allotment,
    *,
    growth_ratio: float,
    lost_replicas: int = 1,
) -> Advice:
    """What should there be, for the load to grow by a ratio and some replicas to be gone?

    Replicas are for what pods share and no request gives (CPU and memory are advised for
    themselves).  Never less than there is: a quiet week is no reason to take away.
    """
    shared = [one for one in rungs if _is_for_replicas(one)]
    replicas = max([now.replicas, lost_replicas + 1, *(
        _needed(one, growth_ratio, lost_replicas, now.replicas) for one in shared
    )])  # fmt: skip
    busiest = np.fmax.reduce(load.cpu_cores, axis=0)
    last_week = busiest[load.ends_ms > load.ends_ms[-1] - WEEK_MS]
    more = growth_ratio * now.replicas / (replicas - lost_replicas)
    scaled = f"grown by {growth_ratio - 1:.0%}, {lost_replicas} of {replicas} pods gone"
    request = _up(peak(last_week) * more, _CORE_STEP)
    limit = max(_up(peak(last_week, 1.0) * more * CPU_BURST, _CORE_STEP), request)
    limit_rule = f"{CPU_BURST:g} times the busiest span of the last week; {scaled}"
    if _throttled(rungs) and now.cpu_limit_cores > limit:
        limit, limit_rule = now.cpu_limit_cores, "as it is: pods are throttled already"
    memory = _up(peak(load.memory_bytes.ravel(), 1.0) * MEMORY_MARGIN, _MEMORY_STEP)
    memory_rule = f"the highest working set and {MEMORY_MARGIN - 1:.0%}"
    return Advice(
        Item("replicas", "", now.replicas, replicas, f"every own threshold holds; {scaled}"),
        Item("CPU request", "cores", now.cpu_request_cores, request,
             f"the weekly peak of the busiest pod; {scaled}"),
        Item("CPU limit", "cores", now.cpu_limit_cores, limit, limit_rule),
        Item("memory request", "bytes", now.memory_request_bytes, memory, memory_rule),
        Item("memory limit", "bytes", now.memory_limit_bytes, memory,
             f"{memory_rule}, as the request: what is promised is there"),
        growth_ratio,
        tuple(_pool_notes(rungs, replicas)),
        tuple(_rejected(shared, growth_ratio, lost_replicas, now.replicas, replicas)),
    )  # fmt: skip


def _is_for_replicas(rung: Rung) -> bool:
    resource = rung.measured.resource
    return (
        resource.is_horizontal
        and resource.demand is not None
        and not measures(resource.unit)
        and math.isfinite(rung.peak_ratio)
    )


def _needed(rung: Rung, growth_ratio: float, lost: int, replicas: int) -> int:
    """Return the least number of replicas with which a threshold holds while some are gone."""
    needed = rung.peak_ratio * growth_ratio * replicas / rung.threshold_ratio
    return math.ceil(needed - _EXACT) + lost


def _throttled(rungs: Sequence[Rung]) -> bool:
    """Tell whether a resource of CPU shows that it hurts already."""
    return any(
        one.measured.resource.sign is not None
        and measures(one.measured.resource.unit) == CORES
        and one.measured.worst_sign > one.measured.resource.sign.bound
        for one in rungs
    )


def _up(amount: float, step: float) -> float:
    """Return the next full step; rounded, so that 3 steps of 0.1 are the 0.3 of a manifest."""
    if not math.isfinite(amount):
        return math.nan
    return round(math.ceil(amount / step - _EXACT) * step, 9)


def _pool_notes(rungs: Sequence[Rung], replicas: int) -> list[str]:
    """Say which shared resource so many pods could exhaust together while one more starts."""
    by_name = {one.name: one.measured for one in rungs}
    notes = []
    for one in rungs:
        drawn = by_name.get(one.measured.resource.draws_on)
        if drawn is None:
            continue
        each, there = (peak(of.limit[:, -24:].ravel(), 1.0) for of in (one.measured, drawn))
        most = (replicas + SURGE_REPLICAS) * each
        if most > there:
            notes.append(
                f"{replicas} pods and one that starts may take {most:.0f} {drawn.resource.unit} by "
                f"{one.name}, and {drawn.resource.name} allows {there:.0f}: raise that first."
            )
    return notes


def _rejected(
    shared: Sequence[Rung], growth_ratio: float, lost: int, now: int, replicas: int
) -> list[str]:
    """Say of fewer replicas which threshold they would not hold, or that none asks for less."""
    reasons = []
    for fewer in dict.fromkeys((now, replicas - 1)):
        if not shared or not lost < fewer < replicas:
            continue
        worst = max(shared, key=lambda one: one.peak_ratio / one.threshold_ratio)
        ratio = worst.peak_ratio * growth_ratio * now / (fewer - lost)
        holds = _needed(worst, growth_ratio, lost, now) <= fewer
        side = "within" if holds else "above"
        reasons.append(
            f"{fewer} replicas: {worst.name} would be at {ratio:.0%} with {lost} of them gone, "
            f"{side} its threshold of {worst.threshold_ratio:.0%}"
            f"{'; but a quiet week is no reason to take replicas away' if holds else ''}."
        )
    return reasons
