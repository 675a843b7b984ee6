"""The expectations over time: rhythm, events and their shapes."""

from __future__ import annotations

import numpy as np
import pytest

from auth_service.scenario.events import Effects, join_shares, strength
from auth_service.scenario.model import Event
from auth_service.scenario.traffic import expected_requests, local_hour_and_weekday, rhythm

QUIET = {"incidents": [], "look_alikes": []}
CALM = {"drift": {"sigma": 0.0, "correlation": "1h"}}


def changed_rhythm(scenario, **changes):
    """Return a scenario's rhythm as YAML would hold it, with some keys replaced."""
    return scenario.rhythm.model_dump() | {"utc_offset": "9h"} | CALM | changes


def test_rhythm_follows_the_local_clock(scenario_of, tiny):
    """Traffic is the stated share of the peak at each local full hour."""
    scenario = scenario_of(rhythm=changed_rhythm(tiny))
    level = rhythm(scenario)
    hour, weekday = local_hour_and_weekday(scenario)
    assert hour[0] == 9.0 and weekday[0] == 0  # 2026-03-02 00:00 UTC is Monday 09:00 at UTC+9
    for local_hour in (3, 9, 20):
        step = np.flatnonzero(hour == local_hour)[0]
        expected = scenario.rhythm.hours[local_hour] * scenario.rhythm.weekdays[weekday[step]]
        assert level[step] == pytest.approx(expected)


def test_weekends_are_quieter(scenario_of, tiny):
    """The mean over a Saturday is the stated part of a Monday's."""
    level = rhythm(scenario_of(days=7, rhythm=changed_rhythm(tiny, utc_offset="0s")))
    by_day = level.reshape(7, -1).mean(axis=1)
    assert by_day[5] / by_day[0] == pytest.approx(0.80)


def test_drift_is_slow_and_as_wide_as_stated(scenario_of, tiny):
    """The logarithm of the drift has the stated deviation; a second draw is close by."""
    drift = {"sigma": 0.3, "correlation": "30m"}
    calm = rhythm(scenario_of(days=20, rhythm=changed_rhythm(tiny)))
    swung = rhythm(scenario_of(days=20, rhythm=changed_rhythm(tiny, drift=drift)))
    logarithm = np.log(swung / calm)
    assert np.std(logarithm) == pytest.approx(0.3, rel=0.1)
    assert np.std(np.diff(logarithm)) < 0.1


SHAPES = [  # id, changes, strength at minutes 60 .. 67 (the event starts at 62, lasts 3 minutes)
    ("block", {}, [0, 0, 1, 1, 1, 0, 0, 0]),
    ("rise", {"rise": "3m"}, [0, 0, 1 / 3, 2 / 3, 1, 0, 0, 0]),
    ("fall", {"fall": "1m"}, [0, 0, 1, 1, 1, 1, np.exp(-1), np.exp(-2)]),
]


@pytest.mark.parametrize(
    ("changes", "expected"), [case[1:] for case in SHAPES], ids=[case[0] for case in SHAPES]
)
def test_shape_of_an_event(tiny, changes, expected):
    """An event rises, lasts and falls as it says."""
    content = {
        "id": "x",
        "start": "2026-03-02T01:02:00Z",
        "length": "3m",
        "note": "",
        "effects": [{"effect": "unreachable", "pods": 1}],
    }
    event = Event.model_validate(content | changes)
    assert strength(event, tiny)[60:68] == pytest.approx(expected)


def test_unsteady_events_swing(tiny):
    """An unsteady event has no constant height; it is still zero outside."""
    event = tiny.incidents[0].model_copy(update={"unsteady": 0.5})
    level = strength(event, tiny)
    steady = strength(tiny.incidents[0], tiny)
    assert np.array_equal(level > 0, steady > 0)
    assert np.std(np.log(level[level > 0])) > 0.1


def test_repeated_look_alike(scenario_of, content_of):
    """A recurring look-alike happens the stated number of times at the stated distance."""
    once = content_of()["look_alikes"][0]
    scenario = scenario_of(look_alikes=[once | {"every": "2h", "times": 3}])
    active = np.flatnonzero(strength(scenario.look_alikes[0], scenario))
    assert active.tolist() == [600, 720, 840]


def login_rates(scenario):
    """Return the expected logins/s by outcome."""
    return expected_requests(scenario, Effects(scenario))["Login"]


def test_requests_add_to_the_regular_ones(scenario_of, tiny):
    """Stuffing adds its 30 unknown users/s and changes nothing else."""
    with_event, without = login_rates(tiny), login_rates(scenario_of(**QUIET))
    added = with_event["unknown_user"] - without["unknown_user"]
    assert added[720:780] == pytest.approx(np.full(60, 30.0))
    assert added[:720].max() == added[780:].max() == 0
    assert np.array_equal(with_event["ok"], without["ok"])


def test_failing_moves_requests_to_another_outcome(scenario_of, content_of):
    """A failing share keeps the total and takes it from all other outcomes alike."""
    effect = {"effect": "failing", "method": "Login", "outcome": "internal", "share": 0.4}
    event = content_of()["incidents"][0] | {"effects": [effect]}
    failing = login_rates(scenario_of(incidents=[event], look_alikes=[]))
    regular = login_rates(scenario_of(**QUIET))
    assert sum(failing.values()) == pytest.approx(sum(regular.values()))
    assert failing["ok"][740] == pytest.approx(0.6 * regular["ok"][740])
    assert failing["internal"][740] > 0.4 * regular["ok"][740]


def test_traffic_multiplies_the_named_methods_only(scenario_of, content_of):
    """A factor of three triples the named method and leaves the others."""
    effect = {"effect": "traffic", "methods": ["Login"], "factor": 3}
    event = content_of()["incidents"][0] | {"effects": [effect]}
    scenario, quiet = scenario_of(incidents=[event]), scenario_of(**QUIET)
    more = expected_requests(scenario, Effects(scenario))
    usual = expected_requests(quiet, Effects(quiet))
    assert more["Login"]["ok"][740] == pytest.approx(3 * usual["Login"]["ok"][740])
    assert np.array_equal(more["ValidateToken"]["ok"], usual["ValidateToken"]["ok"])


def test_only_occurring_outcomes_are_listed(scenario_of):
    """An outcome with no share and no event makes no series."""
    scenario = scenario_of(**QUIET)
    listed = expected_requests(scenario, Effects(scenario))
    assert "unknown_key" not in listed["ValidateToken"]
    assert "internal" in listed["Login"]


def test_join_shares():
    """Independent shares join as 1 - product of what they spare; values are weighted."""
    shares = [(np.array([0.5, 0.0, 2.0]), 100.0), (np.array([0.5, 0.0, 0.0]), 300.0)]
    joined, value = join_shares(3, shares)
    assert joined.tolist() == [0.75, 0.0, 1.0]
    assert value.tolist() == [200.0, 0.0, 100.0]


def test_waiting_reaches_only_the_first_pods(scenario_of, content_of):
    """A slow spell of one pod leaves the second one alone; another method too."""
    pause = {"effect": "slow", "methods": ["Login"], "share": 0.5, "wait": "2s", "pods": 1}
    event = content_of()["incidents"][0] | {"effects": [pause]}
    effects = Effects(scenario_of(incidents=[event], look_alikes=[]))
    share, wait_ms = effects.waiting("Login", 0)
    assert (share[740], wait_ms[740], share[700]) == (0.5, 2000.0, 0.0)
    assert not effects.waiting("Login", 1)[0].any()
    assert not effects.waiting("ValidateToken", 0)[0].any()
