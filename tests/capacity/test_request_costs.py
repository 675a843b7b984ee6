"""What a request costs, learned from use and traffic."""

from __future__ import annotations

import numpy as np
import pytest
from loads import load_of

from alertlab.capacity.costs import request_costs
from alertlab.errors import BadInput

HOURS = 24 * 21


def _traffic(seed: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        name: scale * random.gamma(4, 0.25, (2, HOURS))
        for name, scale in (("Login", 10), ("ValidateToken", 60))
    }


def test_costs_are_found_again():
    """What was put in comes out, within its interval, and without noise to the digit."""
    traffic = _traffic()
    used = 0.05 + 0.08 * traffic["Login"] + 0.001 * traffic["ValidateToken"]
    exact = request_costs(load_of(2, HOURS, traffic), used)
    assert exact.per_request["Login"].mid == pytest.approx(0.08)
    assert exact.per_request["ValidateToken"].mid == pytest.approx(0.001)
    assert exact.idle.mid == pytest.approx(0.05)
    assert exact.explained_ratio == pytest.approx(1)
    assert exact.n_days == 21
    assert exact.of({"Login": 100.0, "ValidateToken": 0.0}, pods=3) == pytest.approx(8.15)
    noisy = used + np.random.default_rng(2).normal(0, 0.05, used.shape)
    found = request_costs(load_of(2, HOURS, traffic), noisy)
    assert found.per_request["Login"].low < 0.08 < found.per_request["Login"].high
    assert 0.9 < found.explained_ratio < 1
    wider = request_costs(load_of(2, HOURS, traffic), noisy, confidence=0.99)
    assert wider.per_request["Login"].low < found.per_request["Login"].low


def test_the_interval_holds_as_often_as_it_says():
    """Of 60 histories whose days differ, about 95 % of the intervals hold the truth."""
    held = 0
    for seed in range(60):
        traffic = _traffic(seed)
        random = np.random.default_rng([seed, 7])
        days = np.repeat(random.normal(0, 0.1, (2, HOURS // 24)), 24, axis=1)
        used = 0.2 + days + 0.08 * traffic["Login"]
        cost = request_costs(load_of(2, HOURS, traffic), used).per_request["Login"]
        held += cost.low <= 0.08 <= cost.high
    assert 52 <= held <= 60


def test_a_cost_is_never_negative_and_unknown_spans_do_not_count():
    """A method that frees nothing costs nothing; NaN is no use of zero."""
    traffic = _traffic()
    used = 0.3 - 0.001 * traffic["ValidateToken"] + 0.08 * traffic["Login"]
    assert request_costs(load_of(2, HOURS, traffic), used).per_request["ValidateToken"].mid == 0
    used = 0.05 + 0.08 * traffic["Login"]
    used[:, 40:90] = np.nan
    found = request_costs(load_of(2, HOURS, traffic), used)
    assert found.per_request["Login"].mid == pytest.approx(0.08)


def test_methods_that_move_together_share_their_cost():
    """Two columns that are one have a sum, and no costs of their own; nothing breaks."""
    one = _traffic()["Login"]
    load = load_of(2, HOURS, {"Login": one, "CreateUser": 0.1 * one})
    found = request_costs(load, 0.08 * one)
    together = found.per_request["Login"].mid + 0.1 * found.per_request["CreateUser"].mid
    assert together == pytest.approx(0.08)
    silent = request_costs(load_of(2, HOURS, {"Login": one, "CreateUser": 0 * one}), 0.08 * one)
    assert silent.per_request["CreateUser"].mid == 0


def test_a_week_is_the_least():
    """Six days are refused with what there is."""
    with pytest.raises(BadInput, match="7 days; there are 6"):
        request_costs(load_of(1, 144, {"Login": np.ones((1, 144))}), np.full((1, 144), 0.5))
