"""What requests cost in a month, now and as advised."""

from __future__ import annotations

import math

import pytest

from alertlab.capacity.advice import Advice, Item
from alertlab.capacity.cost import cost_per_month, costs_of
from alertlab.capacity.resources import Prices

PRICES = Prices("USD", 25.0, 4.0)
GIBI = 2.0**30


def _advice(cpu_now: float = 2.0) -> Advice:
    """Return 3 replicas of 2 cores and 1 GiB that become 4 of 1 core and 2 GiB."""
    unused = Item("limit", "", 99.0, 99.0, "")
    return Advice(
        Item("replicas", "", 3, 4, ""),
        Item("CPU request", "cores", cpu_now, 1.0, ""),
        unused,
        Item("memory request", "bytes", GIBI, 2 * GIBI, ""),
        unused,
        1.0, (), (),
    )  # fmt: skip


def test_what_is_requested_is_paid_for():
    """Replicas times cores and GiB at their prices; limits cost nothing."""
    assert cost_per_month(PRICES, 3, 2.0, 1.5 * GIBI) == pytest.approx(3 * (50 + 6))
    assert costs_of(PRICES, _advice()) == pytest.approx((3 * (50 + 4), 4 * (25 + 8)))


def test_each_price_counts():
    """Dearer cores and dearer memory each change the bill."""
    assert costs_of(Prices("USD", 50.0, 4.0), _advice()) == pytest.approx((312, 232))
    assert costs_of(Prices("USD", 25.0, 8.0), _advice()) == pytest.approx((174, 164))


def test_what_is_not_requested_has_no_price():
    """Without a request now nobody knows what it costs now; the advice has its price."""
    now, advised = costs_of(PRICES, _advice(cpu_now=math.nan))
    assert math.isnan(now)
    assert advised == pytest.approx(132)
