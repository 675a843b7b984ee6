"""What was used of each resource, hour after hour, and the refusals where numbers mean nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_resources import measured_of, resource_of

from alertlab.capacity.resources import (
    DISK,
    Reading,
    ResourceFile,
    Sign,
    Workload,
    measure,
    read_allotment,
)
from alertlab.errors import BadInput
from alertlab.units import HOUR_MS, WEEK_MS

WEEK = 168
WORKLOAD = Workload("auth", "production", "app", "replicas")


@pytest.fixture
def hourly(memory_source, series_of):
    """A function that makes a source of hourly series, from hour 1 on."""

    def make(**values: list[float] | dict[str, list[float]]):
        series = []
        for name, given in values.items():
            rows = given if isinstance(given, dict) else {"": given}
            for labels, row in rows.items():
                words = " ".join("_" if np.isnan(one) else f"{one:g}" for one in row)
                text = f"{name}{{{labels}}}" if labels else name
                series.append(series_of(text, words, HOUR_MS, HOUR_MS))
        return memory_source(series)

    return make


def _file(**changed) -> ResourceFile:
    return ResourceFile(WORKLOAD, (resource_of(**{"demand": Reading("logins", "/s"), **changed}),))


def _measured(source, n_hours: int = WEEK, **changed):
    (found,) = measure(_file(**changed), source, HOUR_MS, n_hours * HOUR_MS)
    return found


def test_pods_are_measured_against_their_own_limits(hourly):
    """Use and limit meet by pod; the hottest pod of each hour counts, whichever it is."""
    source = hourly(
        used={'pod="a"': [1.0] * WEEK, 'pod="b"': [3.0] * WEEK},
        limit={'pod="b"': [6.0] * WEEK, 'pod="a"': [4.0] * 100 + [1.25] * 68},
        replicas=[2.0] * WEEK, logins=list(np.arange(WEEK)), waits=[0.5] * 167 + [7.0],
    )  # fmt: skip
    found = _measured(source, sign=Sign("waits", "waits", "s", 1.0))
    assert found.pods == ("a", "b")
    np.testing.assert_array_equal(found.times_ms, HOUR_MS * np.arange(1, WEEK + 1))
    np.testing.assert_allclose(found.use_ratio, [0.5] * 100 + [0.8] * 68)
    np.testing.assert_array_equal(found.replicas, 2.0)
    np.testing.assert_array_equal(found.demand, np.arange(WEEK))
    assert found.peak_ratio == pytest.approx(0.8)
    assert found.worst_sign == 7.0
    assert found.refusal == ""
    assert found.queries == {
        "use": "used", "limit": "limit", "replicas": "replicas", "demand": "logins",
        "sign": "waits",
    }  # fmt: skip


def test_a_limit_without_pods_is_that_of_each(hourly):
    """One number may hold for all pods, and one row may be all there is."""
    source = hourly(used={'pod="a"': [1.0] * WEEK, 'pod="b"': [3.0] * WEEK}, limit=[4.0] * WEEK)
    assert _measured(source).peak_ratio == 0.75
    alone = _measured(hourly(used=[2.0] * WEEK, limit=[4.0] * WEEK))
    assert (alone.pods, alone.peak_ratio) == (("",), 0.5)
    assert np.isnan(alone.demand).all() and np.isnan(alone.worst_sign)


def test_the_peak_is_that_of_the_last_week():
    """One odd hour does not make a peak, but of a disk; and what was before does not count."""
    use = np.full((1, 2 * WEEK), 0.2)
    use[0, :WEEK], use[0, -20:], use[0, -1] = 0.9, 0.4, 0.7
    assert measured_of(use).peak_ratio == 0.4
    disk = measured_of(use, resource=resource_of(kind=DISK))
    assert disk.peak_ratio == 0.7


def test_each_query_is_asked_once(hourly):
    """Two resources that share a query cost one; the progress bar hears of each."""
    source = hourly(used=[1.0] * WEEK, limit=[4.0] * WEEK, more=[8.0] * WEEK)
    one = resource_of("one", demand=None)
    other = resource_of("other", demand=None, limit=Reading("more", "workers"))
    told: list[str] = []

    def track(queries):
        told.extend(queries)
        return told

    found = measure(ResourceFile(WORKLOAD, (one, other)), source, HOUR_MS, WEEK_MS, track=track)
    assert told == ["used", "limit", "replicas", "more"]
    assert [each.peak_ratio for each in found] == [0.25, 0.125]


def test_less_than_a_week_and_two_series_of_a_pod_are_refused(hourly):
    """A weekly peak needs a week; of two series of one pod nobody knows which is meant."""
    source = hourly(used=[1.0] * WEEK, limit=[4.0] * WEEK)
    with pytest.raises(BadInput, match="no whole week"):
        _measured(source, WEEK - 1)
    twice = hourly(
        used={'pod="a", job="x"': [1.0] * WEEK, 'pod="a", job="y"': [1.0] * WEEK},
        limit=[4.0] * WEEK,
    )
    with pytest.raises(BadInput, match=r"hash workers: use: used returns several .* the pod a;"):
        _measured(twice)


NOTHING = np.full((1, WEEK), np.nan)
SOME = np.linspace(0.1, 0.6, WEEK)[None]


@pytest.mark.parametrize(
    ("use", "limit", "told"),
    [
        (NOTHING, 1.0, "its query of use finds nothing"),
        (SOME, np.nan, "no limit is set"),
        (SOME, 0.0, "its limit is 0, so there is nothing to use"),
        (0 * SOME, 1.0, "every value is 0: the counter never moved"),
        (1_000 * SOME, 1.0, "times its limit as a rule: the units of use (workers)"),
        (SOME / 1_000, 1.0, "of its limit as a rule: the units of use (workers)"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(use, limit, told):
    """Nothing found, no limit, a counter that never moved, cores beside millicores."""
    assert told in measured_of(use, limit).refusal
    assert measured_of(SOME).refusal == ""


def test_use_and_limit_of_different_pods_never_meet(hourly):
    """A limit of another pod is no limit of this one."""
    source = hourly(used={'pod="a"': [1.0] * WEEK}, limit={'pod="b"': [1.0] * WEEK})
    assert "no limit is set" in _measured(source).refusal


def test_gaps_of_the_last_week_are_refused_above_a_tenth():
    """Ten per cent may be missing, and what was missing before does not count."""
    use = np.tile(SOME, 2)
    use[0, :WEEK] = np.nan
    use[0, -16:] = np.nan
    assert measured_of(use).refusal == ""
    use[0, -17:] = np.nan
    assert measured_of(use).refusal.startswith("10% of the last week is missing")


@pytest.mark.parametrize(
    ("unit", "label", "told"),
    [
        ("millicores", "core", "limit: the series are in cores by their label unit"),
        ("MiB", "byte", "limit: the series are in bytes by their label unit"),
        ("cores", "core", ""),
    ],
)
def test_units_of_series_are_held_against_the_file(hourly, unit, label, told):
    """What kube-state-metrics says of a limit must be what the file says."""
    source = hourly(used=[1.0, 2.0] * 84, limit={f'unit="{label}"': [4.0] * WEEK})
    found = _measured(source, unit=unit)
    assert found.refusal.startswith(told) and bool(found.refusal) == bool(told)


def test_what_pods_are_given_is_read(hourly):
    """Replicas, requests and limits of the container; the most where pods differ, NaN if unset."""
    labels = 'namespace="production", container="app", resource'
    source = hourly(
        replicas=[3.0] * 4,
        kube_pod_container_resource_requests={
            f'{labels}="cpu", pod="a"': [2.0] * 4, f'{labels}="cpu", pod="b"': [4.0] * 4,
            f'{labels}="memory"': [512.0] * 4,
            'namespace="other", container="app", resource="cpu"': [9.0] * 4,
        },
        kube_pod_container_resource_limits={f'{labels}="memory"': [1024.0] * 4},
    )  # fmt: skip
    found = read_allotment(WORKLOAD, source, 4 * HOUR_MS)
    assert (found.replicas, found.cpu_request_cores) == (3, 4.0)
    assert (found.memory_request_bytes, found.memory_limit_bytes) == (512.0, 1024.0)
    assert np.isnan(found.cpu_limit_cores)
    with pytest.raises(BadInput, match="finds none at the end of the data: nobody"):
        read_allotment(replace(WORKLOAD, replicas="nobody"), source, 4 * HOUR_MS)
