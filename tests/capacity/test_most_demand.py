"""The most demand that a resource bears, learned from how its use follows the demand."""

from __future__ import annotations

import numpy as np
import pytest
from made_resources import measured_of, resource_of

from alertlab.capacity.resources import FIXED, most_demand
from alertlab.errors import BadInput

HOURS = 24 * 21


def _demand(seed: int = 1) -> np.ndarray:
    return 60 * np.random.default_rng(seed).gamma(4, 0.25, HOURS)


def _measured(noise: float = 0.0, seed: int = 2, **changed):
    """Return a pod that takes its part of the logins: 0.1 idle and 0.01 per login/s of its own."""
    demand = changed.pop("demand", _demand())
    replicas = changed.pop("replicas", np.full(HOURS, 3.0))
    use = 0.1 + 0.01 * demand / 3 + np.random.default_rng(seed).normal(0, noise, HOURS)
    return measured_of(use[None], demand=demand, replicas=replicas, resource=resource_of(**changed))


def test_the_line_is_found_again():
    """To 80 % of the limit a pod bears 70 logins/s; three of them 210, and two of them 140."""
    assert most_demand(_measured(), lost_replicas=0).mid == pytest.approx(210)
    found = most_demand(_measured())
    assert found == pytest.approx((140, 140, 140, 0.95))
    assert most_demand(_measured(), lost_replicas=2).mid == pytest.approx(70)
    assert most_demand(_measured(), lost_replicas=3).mid == 0
    assert most_demand(_measured(threshold_ratio=0.5)).mid == pytest.approx(80)
    assert most_demand(_measured(threshold_ratio=0.05)).mid == 0


def test_what_all_share_does_not_mind_lost_replicas():
    """A server's connections are used by all the demand, whoever sends it."""
    assert most_demand(_measured(kind=FIXED)).mid == pytest.approx(210)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Of 60 noisy histories about 95 % of the intervals hold it; more confidence is wider."""
    held = 0
    for seed in range(60):
        found = most_demand(_measured(0.02, seed, demand=_demand(seed)))
        held += found.low <= 140 <= found.high
    assert 52 <= held <= 60
    wider = most_demand(_measured(0.02), confidence=0.99)
    found = most_demand(_measured(0.02))
    assert wider.low < found.low < found.mid < found.high < wider.high


def test_hours_of_other_replicas_and_unknown_ones_count_as_they_were():
    """More pods share the demand; where nobody knows how many, the hour teaches nothing."""
    replicas = np.full(HOURS, 3.0)
    replicas[-30:] = np.nan
    assert most_demand(_measured(replicas=replicas)).mid == pytest.approx(140)
    with pytest.raises(BadInput, match="known together on 0 days"):
        most_demand(_measured(replicas=np.full(HOURS, np.nan)))
    demand = _demand()
    pods = np.repeat([3.0, 6.0], HOURS // 2)
    scaled = measured_of((0.1 + 0.01 * demand / pods)[None], demand=demand, replicas=pods)
    assert most_demand(scaled).mid == pytest.approx(350)


def test_use_that_does_not_follow_is_refused():
    """Noise, a constant, and a use that falls with the demand say nothing of the most."""
    random = np.random.default_rng(3).uniform(0.1, 0.5, (1, HOURS))
    for use in (random, np.full((1, HOURS), 0.3), 0.9 - 0.001 * _demand()[None]):
        with pytest.raises(BadInput, match="hash workers does not follow the demand"):
            most_demand(measured_of(use, demand=_demand()))


def test_too_few_days_no_demand_and_refused_numbers_are_refused():
    """Six days are too few; without a demand or a limit there is nothing to say."""
    demand = _demand()
    demand[6 * 24 :] = np.nan
    with pytest.raises(BadInput, match="known together on 6 days; it takes 7"):
        most_demand(measured_of(0.01 * _demand()[None], demand=demand))
    with pytest.raises(BadInput, match="nothing is named that drives hash workers"):
        most_demand(measured_of(
            0.01 * _demand()[None], resource=resource_of(demand=None)
        ))  # fmt: skip
    with pytest.raises(BadInput, match="no limit is set"):
        most_demand(measured_of(0.01 * _demand()[None], np.nan, demand=_demand()))
