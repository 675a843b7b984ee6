"""What stands behind the service: signals read from a source, and spells beyond their bounds."""

from __future__ import annotations

import numpy as np
import pytest

from alertlab.capacity.dependencies import Line, Watched, known_ratio, spells, watch
from alertlab.capacity.signals import SIGNALS, Signal
from alertlab.errors import BadInput
from alertlab.promql import parse
from alertlab.units import HOUR_MS, MINUTE_MS

BOUNDED = Signal("PostgreSQL", "share", "ratio", "x", bound=0.8)


def _watched(signal: Signal, *lines: list[float]) -> Watched:
    times = MINUTE_MS * np.arange(1, len(lines[0]) + 1)
    return Watched(
        signal,
        "x",
        times,
        MINUTE_MS,
        tuple(Line(f"line {i}", np.array(v)) for i, v in enumerate(lines)),
    )


def test_spells_are_runs_beyond_the_bound():
    """Each run has its times and its worst value; what is unknown ends it; the bound is within."""
    found = spells(_watched(BOUNDED, [0.5, 0.81, 0.9, np.nan, 0.85, 0.8], [0.9, 0, 0, 0, 0, 0]))
    assert [(one.line, one.start_ms, one.end_ms, one.worst) for one in found] == [
        ("line 1", 0, MINUTE_MS, 0.9),
        ("line 0", MINUTE_MS, 3 * MINUTE_MS, 0.9),
        ("line 0", 4 * MINUTE_MS, 5 * MINUTE_MS, 0.85),
    ]
    assert found[1].worst_ms == 3 * MINUTE_MS


def test_a_bound_may_be_a_floor_and_none_finds_nothing():
    """Below a floor is beyond it; a signal without a bound is only shown."""
    floor = Signal("PostgreSQL", "up", "", "x", bound=0.5, below=True)
    assert [(one.start_ms, one.worst) for one in spells(_watched(floor, [1, 0, 1]))] == [
        (MINUTE_MS, 0.0)
    ]
    assert spells(_watched(Signal("Kafka", "in", "", "x"), [9e9])) == []


def test_known_ratio_counts_steps_with_any_line():
    """Nothing known is nothing, not a zero that would look healthy."""
    assert known_ratio(_watched(BOUNDED, [1, np.nan, np.nan], [np.nan, 1, np.nan])) == 2 / 3
    assert known_ratio(Watched(BOUNDED, "x", np.arange(3), 1, ())) == 0


def _gauges(series_of):
    labels = 'namespace="production", pod="auth-1", container="auth-service"'
    return [
        series_of(
            f'kube_pod_container_resource_limits{{{labels}, resource="memory"}}',
            " ".join(["100"] * 60),
        ),
        series_of(
            f"container_memory_working_set_bytes{{{labels}}}", " ".join(["50"] * 30 + ["95"] * 30)
        ),
        series_of(
            'container_memory_working_set_bytes{namespace="production", pod="auth-1"}',
            " ".join(["99"] * 60),
        ),
        series_of(
            'kafka_consumergroup_lag{consumergroup="a", partition="0"}', " ".join(["60"] * 60)
        ),
        series_of(
            'kafka_consumergroup_current_offset{consumergroup="a"}',
            " ".join(str(60 * at) for at in range(60)),
        ),
    ]


def test_signals_are_read_with_names_and_windows(memory_source, series_of):
    """Memory is that of the container, lag a time; the namespace and the pods choose."""
    source = memory_source(_gauges(series_of))
    read = {
        one.signal.name: one
        for one in watch(
            source,
            MINUTE_MS,
            HOUR_MS,
            namespace="production",
            pods="auth-.*",
            step_ms=5 * MINUTE_MS,
        )
    }
    memory = read["memory, of the limit"]
    assert memory.lines[0].values.max() == pytest.approx(0.95)
    assert [one.worst for one in spells(memory)] == [pytest.approx(0.95)]
    lag = read["lag, in time at the present rate"]
    assert lag.lines[0].name == "a"
    np.testing.assert_allclose(lag.lines[0].values[1:], 60)
    assert "[5m]" in lag.query
    assert read["mean query time"].lines == ()
    for other in ({"namespace": "test"}, {"pods": "web-.*"}):
        scope = {"namespace": "production", "pods": "auth-.*"} | other
        (found,) = watch(source, 0, HOUR_MS, **scope, signals=[memory.signal])
        assert found.lines == ()


def test_every_signal_is_promql_whatever_the_names_hold():
    """Quotes in a name stay in the name."""

    class Asked:
        def range_query(self, expr: str, *_):
            parse(expr)
            raise LookupError(expr)

    for signal in SIGNALS:
        with pytest.raises(LookupError):
            watch(Asked(), 0, 1, namespace='a"b\\', pods="x\n.*", signals=[signal])
    with pytest.raises(BadInput, match="from start to end"):
        watch(Asked(), 2, 1, namespace="a", pods="b")
