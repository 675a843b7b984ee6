"""What requested CPU and memory cost in a month."""

from __future__ import annotations

from alertlab.capacity.advice import Advice
from alertlab.capacity.resources import Prices

_GIBI = 2**30


def cost_per_month(prices: Prices, replicas: float, cpu_cores: float, memory_bytes: float) -> float:
    """What do so many replicas cost in a month, each with these requests?  In the currency.

    What is requested is paid for, used or not: nobody else gets it.
    """
    each = cpu_cores * prices.per_core_month + memory_bytes / _GIBI * prices.per_gib_month
    return replicas * each


def costs_of(prices: Prices, advice: Advice) -> tuple[float, float]:
    """What do the requests cost in a month now, and as advised?  NaN where none is set."""
    cpu, memory, replicas = advice.cpu_request, advice.memory_request, advice.replicas
    return (
        cost_per_month(prices, replicas.now, cpu.now, memory.now),
        cost_per_month(prices, replicas.advised, cpu.advised, memory.advised),
    )
