"""What to order: the rule of each item, and that more load never asks for less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads import load_of
from made_resources import measured_of, resource_of, rung_of

from alertlab.capacity.advice import advise, planned_growth
from alertlab.capacity.forecasting import Forecast
from alertlab.capacity.resources import FIXED, Allotment, Sign

NOW = Allotment(3, 2.0, 4.0, 512 * 2.0**20, 768 * 2.0**20)
HOURS = 24 * 14
MEBI = 2**20


def _load(cpu: float = 1.0, memory: float = 400.0 * MEBI, spike: float = 0.0):
    """Return two pods; the second is the busier, and has one span of a spike."""
    cores = np.full((2, HOURS), cpu / 2)
    cores[1] = cpu
    cores[1, : HOURS // 2] = 2 * cpu  # before the last week, which alone counts
    cores[1, -5] += spike
    kept = np.full((2, HOURS), memory / 2)
    kept[0, 3] = memory  # before the last week
    return load_of(2, HOURS, {"Login": np.ones(HOURS)}, cpu_cores=cores, memory_bytes=kept)


def _advise(*rungs, load=None, now=NOW, growth_ratio=1.0, lost_replicas=1):
    return advise(
        rungs, load or _load(), now, growth_ratio=growth_ratio, lost_replicas=lost_replicas
    )


def _holds(peaks, thresholds, growth, n, lost) -> bool:
    return all(
        peak * growth * NOW.replicas <= threshold * (n - lost) * (1 + 1e-6)
        for peak, threshold in zip(peaks, thresholds, strict=True)
    )


RATIOS = st.lists(st.tuples(st.floats(0.01, 1.5), st.floats(0.5, 0.95)), min_size=1, max_size=3)


@settings(max_examples=100, deadline=None)
@given(ratios=RATIOS, growth=st.floats(1, 3), lost=st.integers(0, 3))
def test_replicas_are_the_least_that_hold(ratios, growth, lost):
    """Counted up one by one from what there is, as a naive reader of the rule would."""
    rungs = [
        rung_of(peak, name=f"r{at}", threshold_ratio=threshold)
        for at, (peak, threshold) in enumerate(ratios)
    ]
    n = max(NOW.replicas, lost + 1)
    while not _holds(*zip(*ratios, strict=True), growth, n, lost):
        n += 1
    assert _advise(*rungs, growth_ratio=growth, lost_replicas=lost).replicas.advised == n


@settings(max_examples=100, deadline=None)
@given(
    peak=st.floats(0.01, 1.5), growth=st.floats(1, 3), lost=st.integers(0, 2),
    cpu=st.floats(0.05, 8), more=st.floats(1, 2),
)  # fmt: skip
def test_more_load_more_growth_and_more_losses_never_ask_for_less(peak, growth, lost, cpu, more):
    """Replicas are monotone; the pods that are left hold the CPU of all, whatever their number."""

    def found(peak=peak, growth=growth, lost=lost, cpu=cpu):
        advice = _advise(rung_of(peak), load=_load(cpu), growth_ratio=growth, lost_replicas=lost)
        left = advice.replicas.advised - lost
        needed = cpu * growth * NOW.replicas
        assert advice.cpu_request.advised * left >= needed * (1 - 1e-6)
        assert (advice.cpu_request.advised - 0.1) * left < needed * (1 + 1e-6)  # and no step more
        assert advice.cpu_limit.advised >= advice.cpu_request.advised
        return advice

    base = found()
    assert found(peak=peak * more).replicas.advised >= base.replicas.advised
    assert found(growth=growth * more).replicas.advised >= base.replicas.advised
    assert found(lost=lost + 1).replicas.advised > base.replicas.advised or (
        base.replicas.advised == NOW.replicas
    )
    assert found(cpu=cpu * more).cpu_request.advised >= base.cpu_request.advised


def test_only_what_pods_share_and_demand_drives_asks_for_replicas():
    """CPU and memory are advised for themselves, a server has no replicas of ours, NaN is none."""
    calm = [
        rung_of(2.0, name="CPU", unit="cores"),
        rung_of(2.0, name="server", kind=FIXED),
        rung_of(2.0, name="nothing drives it", demand=None),
        rung_of(np.nan, name="unknown"),
    ]
    assert _advise(*calm).replicas.advised == 3
    assert _advise(*calm, rung_of(1.0)).replicas.advised == 5
    assert _advise(lost_replicas=4).replicas.advised == 5


def test_requests_and_limits_follow_their_rules():
    """Peak of the busiest pod's last week, its busiest span, and the highest working set ever."""
    load = _load(cpu=1.01, memory=400 * MEBI, spike=3.0)
    calm = _advise(load=load, lost_replicas=0)
    assert calm.cpu_request.advised == 1.1  # 1.01 upwards; the spike is no weekly peak
    assert calm.cpu_limit.advised == 6.1  # 4.01 and half as much
    assert calm.memory_request.advised == calm.memory_limit.advised == 480 * MEBI  # of 460
    lost = _advise(load=load)
    assert lost.cpu_request.advised == 1.6  # 1.515: two pods do what three did
    assert lost.memory_request.advised == 480 * MEBI  # memory does not go over
    assert _advise(load=load, growth_ratio=2.0).cpu_request.advised == 3.1
    assert [one.now for one in lost.items] == [3, 2.0, 4.0, 512 * MEBI, 768 * MEBI]
    assert lost.cpu_request.rule == (
        "the weekly peak of the busiest pod; grown by 0%, 1 of 3 pods gone"
    )
    assert lost.memory_limit.rule.startswith("the highest working set and 15%")


def test_a_whole_step_stays_and_what_is_unknown_is_none():
    """0.3 cores are 0.3, as a manifest says; without CPU and memory nothing is advised of them."""
    assert _advise(load=_load(cpu=0.3), lost_replicas=0).cpu_request.advised == 0.3
    unknown = _advise(load=load_of(2, HOURS, {"Login": np.ones(HOURS)}))
    assert all(np.isnan(one.advised) for one in unknown.items[1:])


def test_pools_that_would_exhaust_the_server_are_noted():
    """Replicas and one that starts in a roll-out may open all their connections at once."""
    pool = rung_of(0.5, name="pool", limit=20.0, unit="connections", draws_on="server")

    def notes(most: float) -> tuple[str, ...]:
        server = rung_of(0.5, name="server", limit=most, unit="connections", kind=FIXED)
        return _advise(pool, server).notes

    assert notes(80.0) == ()
    assert notes(79.0) == (
        "3 pods and one that starts may take 80 connections by pool, and server allows 79: "
        "raise that first.",
    )


def test_fewer_replicas_are_rejected_with_the_reason():
    """What there is and one less than advised: by how much they break the worst threshold."""
    advice = _advise(rung_of(1.0), rung_of(0.4, name="pool"))
    assert advice.rejected == (
        "3 replicas: hash workers would be at 150% with 1 of them gone, above its threshold "
        "of 80%.",
        "4 replicas: hash workers would be at 100% with 1 of them gone, above its threshold "
        "of 80%.",
    )
    (quiet,) = _advise(rung_of(0.1)).rejected
    assert quiet.endswith(
        "at 30% with 1 of them gone, within its threshold of 80%; but a quiet week is no reason "
        "to take replicas away."
    )
    assert _advise().rejected == ()


def test_growth_is_what_forecasts_hold_at_most():
    """The upper end of the farthest peak by the last one; refused ones and disks do not count."""

    def grown(high: float, refusal: str = "", **changed):
        ends = np.array([1.0, high])
        said = Forecast(
            np.arange(2), ends, ends, ends, 0.9, np.empty((0, 2)), "", {}, refusal, made_ms=0
        )
        return replace(rung_of(0.5, **changed), peaks=said)

    assert planned_growth([grown(0.6), grown(0.7), rung_of(0.5)]) == pytest.approx(1.4)
    assert planned_growth([grown(0.9, "short"), grown(0.9, demand=None), grown(0.4)]) == 1.0
    assert planned_growth([]) == 1.0


def test_the_shared_limit_is_that_of_the_last_day():
    """A pool that was larger last month is not what pods may take today."""
    before = np.full((1, 48), 20.0)
    before[0, :20] = 50.0
    pool = resource_of("pool", unit="connections", draws_on="server")
    rung = replace(rung_of(0.5), measured=measured_of(np.full((1, 48), 5.0), before, resource=pool))
    server = rung_of(0.5, name="server", limit=100.0, unit="connections", kind=FIXED)
    assert _advise(rung, server).notes == ()


def test_a_limit_that_throttles_is_not_lowered():
    """Where throttled periods pass their bound the CPU limit stays; within it, it may shrink."""
    roomy = replace(NOW, cpu_limit_cores=9.0)

    def throttled(ratio: float):
        sign = Sign("throttled periods", "throttled", "ratio", 0.25)
        of = resource_of("CPU limit", unit="cores", sign=sign)
        use = measured_of(np.full((1, 48), 0.2), resource=of, sign=np.full(48, ratio))
        return replace(rung_of(0.2), measured=use)

    assert _advise(throttled(0.3), now=roomy).cpu_limit.advised == 9.0
    assert _advise(throttled(0.2), now=roomy).cpu_limit.advised < 9.0
    assert _advise(throttled(0.3), now=replace(NOW, cpu_limit_cores=0.1)).cpu_limit.advised > 0.1
