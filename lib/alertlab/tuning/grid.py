"""Which settings a tuning session considers: numbers that people would write."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from alertlab.rules import Threshold
from alertlab.units import MINUTE_MS

WINDOWS_MS = tuple(n * MINUTE_MS for n in (1, 2, 5, 10, 15, 30, 60))
HOLD_DURATIONS_MS = tuple(n * MINUTE_MS for n in (0, 1, 2, 3, 5, 10, 15, 20, 30))
KEEP_FIRING_FOR_MS = tuple(n * MINUTE_MS for n in (0, 5, 15, 30))
_DIGITS = 3  # significant ones of a threshold
_MOST_DIGITS = 5  # where values lie close together
_DECADES = 3  # below the largest value; smaller ones are noise around zero, not thresholds
_ROUND = (100, 50, 25, 20, 10, 5, 2, 1)  # a number of three digits is as round as its divisor
_NEIGHBOURS = 7  # on either side: where each is an evaluation of its own, all would take too long


def human_thresholds(levels: np.ndarray, threshold: Threshold) -> np.ndarray:
    """Return the numbers that people would write, one for each thing that thresholds can do.

    levels : finite or not, on the threshold's own scale; between two neighbouring ones all
        thresholds do the same, so the roundest number there stands for them

    Increasing; the threshold as it stands is always among them.
    """
    found = np.unique(levels[np.isfinite(levels)])
    numbers, rank = _numbers(found, threshold.value)
    between = _above(found, numbers, threshold)
    inside = (between > 0) & (between < len(found))
    numbers, rank, between = numbers[inside], rank[inside], between[inside]
    middle = (found[between - 1] + found[between]) / 2 if len(found) else numbers
    order = np.lexsort([np.abs(numbers - middle), rank, between])
    _, first = np.unique(between[order], return_index=True)
    return np.unique([*numbers[order[first]], threshold.value])


def edges_of(
    thresholds: np.ndarray, levels: np.ndarray, threshold: Threshold
) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels between which thresholds do what each of these does.

    First the one on the side on which more fires, then the other; infinite where there is none.
    """
    found = np.unique(levels[np.isfinite(levels)])
    at = _above(found, thresholds, threshold)
    bounded = np.concatenate([[-np.inf], found, [np.inf]])
    low, high = bounded[at], bounded[at + 1]
    return (low, high) if threshold.rising else (high, low)


def roundest(one: float, other: float) -> float:
    """Return the number with the fewest digits between two, the nearest to their middle."""
    low, high = min(one, other), max(one, other)
    if low <= 0 <= high:
        return 0.0
    top = math.floor(math.log10(max(abs(low), abs(high))))
    for exponent in range(top, top - _MOST_DIGITS * 2, -1):
        for factor in (5, 2, 1):
            step = Decimal(factor).scaleb(exponent)
            middle = (Decimal(low) + Decimal(high)) / 2
            nearest = float((middle / step).to_integral_value() * step)
            if low <= nearest <= high:
                return nearest
    return (low + high) / 2


def few_thresholds(values: np.ndarray, threshold: Threshold) -> np.ndarray:
    """Return the nearest numbers on either side of a threshold, and the threshold; increasing.

    values : what is compared with it

    Round numbers; for ``==`` and ``!=`` numbers that occur, as no others do anything.
    """
    current, finite = threshold.value, np.unique(values[np.isfinite(values)])
    if threshold.op in ("==", "!="):
        offered = [float(f"{value:.12g}") for value in finite]  # as an edit will have it
    elif not len(finite):
        offered = []
    else:
        numbers, rank = _numbers(finite, current)
        one_digit = (rank == 0) & (numbers >= finite[0]) & (numbers <= finite[-1])
        offered = numbers[one_digit]
    offered = np.unique([*offered, current])
    at = int(np.searchsorted(offered, current))
    return offered[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS + 1]


def _above(levels: np.ndarray, thresholds: np.ndarray, threshold: Threshold) -> np.ndarray:
    """Return how many of the sorted levels lie below each threshold, as its operator has it."""
    # A value equal to the threshold does not alert under > and <.
    side = "right" if threshold.strict == threshold.rising else "left"
    return np.searchsorted(levels, thresholds, side=side)


def _numbers(values: np.ndarray, current: float) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers of few digits that span finite values, and how little round each is.

    Where values lie close together far from zero, such as 99.2 to 99.9, the digits are those of
    their spread.
    """
    if not len(values):
        return np.empty(0), np.empty(0, int)
    largest = max(np.abs(values).max(), abs(current))
    if largest == 0:
        return np.zeros(1), np.zeros(1, int)
    top = int(np.floor(np.log10(largest)))
    numbers, rank = [np.zeros(1)], [np.zeros(1, int)]
    for decade in range(top - _DECADES, top + 1):
        whole = np.arange(10 ** (_DIGITS - 1), 10**_DIGITS)
        numbers.append(_scaled(whole, decade - _DIGITS + 1))
        rank.append(_roundness(whole))
    spread = values[-1] - values[0]
    if 0 < spread < largest / 10:
        exponent = max(int(np.floor(np.log10(spread))) - _DIGITS, top - _MOST_DIGITS) + 1
        ends = np.round(values[[0, -1]] / 10.0**exponent)
        whole = np.arange(int(ends[0]), int(ends[1]) + 1)
        numbers.append(_scaled(whole, exponent))
        rank.append(_roundness(whole))
    found, ranks = np.concatenate(numbers), np.concatenate(rank)
    if values[0] < 0:
        found, ranks = np.concatenate([-found, found]), np.concatenate([ranks, ranks])
    order = np.lexsort([ranks, found])  # of a number that is there twice, the rounder
    distinct, first = np.unique(found[order], return_index=True)
    return distinct, ranks[order][first]


def _scaled(whole: np.ndarray, exponent: int) -> np.ndarray:
    """Return whole numbers times a power of ten, each the float that its decimal text means."""
    return np.array([float(f"{one}e{exponent}") for one in whole.tolist()])


def _roundness(whole: np.ndarray) -> np.ndarray:
    """Return the place in _ROUND of the first number that divides each."""
    return np.argmax(whole[:, None] % np.array(_ROUND) == 0, axis=1)
