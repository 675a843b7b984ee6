"""Weekly peaks of each method and their growth."""

from __future__ import annotations

import numpy as np
import pytest
from loads import load_of
from made_series import grown

from alertlab.capacity import find_drivers


def test_growth_of_each_method_is_found() -> None:
    """Peaks of all pods together; 3 % a week within a narrow interval, and none where none is."""
    n = 24 * 70
    rising = grown(70, 1, weekly_growth=0.03, day_noise=0.01, hour_noise=0.01)
    steady = grown(70, 2, weekly_growth=0.0, day_noise=0.01, hour_noise=0.01)
    load = load_of(2, n, {"Login": rising[None] * [[0.3], [0.7]], "Verify": steady[None] / 2})
    login, verify = find_drivers(load)
    assert (login.method, verify.method) == ("Login", "Verify")
    assert len(login.peaks_per_second) == 10
    assert login.peaks_per_second[-1] == np.sort(rising[-168:])[159]
    assert login.growth_per_week.mid == pytest.approx(np.expm1(0.03), abs=0.003)
    assert login.growth_per_week.low < np.expm1(0.03) < login.growth_per_week.high
    assert verify.growth_per_week.low < 0 < verify.growth_per_week.high
    wide = find_drivers(load, confidence=0.99)[0].growth_per_week
    assert wide.low < login.growth_per_week.low


def test_too_little_is_no_growth() -> None:
    """Three weeks are no trend; a week that is mostly unknown has no peak."""
    rate = np.ones((1, 24 * 21))
    assert find_drivers(load_of(1, 24 * 21, {"Login": rate}))[0].growth_per_week is None
    rate = np.ones((1, 24 * 35))
    rate[:, 24 * 7 : 24 * 12] = np.nan
    (driver,) = find_drivers(load_of(1, 24 * 35, {"Login": rate}))
    assert np.isnan(driver.peaks_per_second).tolist() == [False, True, False, False, False]
    assert driver.growth_per_week.mid == pytest.approx(0)
