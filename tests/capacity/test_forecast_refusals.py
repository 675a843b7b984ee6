"""Series that bear no forecast, each with its sentence and no number."""

from __future__ import annotations

import numpy as np
import pytest
from made_series import grown, hours

from alertlab.capacity.forecasting import Forecast, crossing, forecast
from alertlab.errors import BadInput
from alertlab.units import DAY_MS, HOUR_MS


def refused(values: np.ndarray, days: float = 14, **options) -> str:
    """Return the refusal of an hourly series; a forecast that is refused has no number."""
    said: Forecast = forecast(
        hours(-(-len(values) // 24))[: len(values)], values,
        horizon_ms=round(days * DAY_MS), n_paths=50, **options,
    )  # fmt: skip
    if said.refusal:
        assert np.isnan([said.mid, said.low, said.high]).all()
        assert said.paths.shape == (0, len(said.times_ms))
        assert said.model == ""
        answer = crossing(said, 1.0, said.made_ms)
        assert np.isnan(
            [answer.median_days, answer.earliest_days, answer.share_crossing_ratio]
        ).all()
        with pytest.raises(BadInput, match="no forecast of logins"):
            said.record("logins", said.made_ms, said.made_ms + DAY_MS)
    else:
        assert np.isfinite([said.mid, said.low, said.high]).all()
    return said.refusal


def test_too_short() -> None:
    """29 days are not enough, 30 are; what was before the first value is no history."""
    values = grown(60, 0)
    assert "29 days of history" in refused(values[: 24 * 30 - 1])
    assert refused(values[: 24 * 30]) == ""
    assert "20 days of history" in refused(np.r_[np.full(40 * 24, np.nan), values[: 24 * 20]], 7)
    old = np.arange(60 * 24) < 24 * 35
    assert "25 days of history" in refused(values, 7, excluded=old)


def test_fewer_than_two_full_weeks() -> None:
    """Before the last week every hour of the week was seen twice, or models are not judged."""
    values, odd = grown(30, 0), np.zeros(30 * 24, bool)
    odd[2 * 24 : 9 * 24] = True
    assert "two full ones" not in refused(values, excluded=odd)
    odd[9 * 24 : 12 * 24] = True
    assert "two full ones" in refused(values, excluded=odd)


def test_the_last_weeks_are_excluded() -> None:
    """There is no week to judge a model by."""
    values = grown(60, 0)
    assert "no week to judge by" in refused(values, excluded=np.arange(60 * 24) >= 24 * 16)
    assert "no week to judge by" not in refused(values, excluded=np.arange(60 * 24) >= 24 * 40)


def test_gaps() -> None:
    """More than a tenth missing is too much; what is excluded is no gap."""
    values = grown(40, 0)
    holes = np.random.default_rng(0).permutation(len(values))[: len(values) // 10]
    holes = holes[holes > 0]
    values[holes] = np.nan
    assert refused(values) == ""
    more = np.where(np.arange(len(values)) % 50 == 1, np.nan, values)
    assert "is missing" in refused(more)
    assert "is missing" not in refused(values, excluded=np.isnan(more))


def test_horizon_longer_than_half_the_history() -> None:
    """40 days bear 20 and no hour more."""
    assert refused(grown(40, 0), 20) == ""
    assert "half of the 40 days" in refused(grown(40, 0), 20 + 1 / 24)


def test_nothing_moves() -> None:
    """No values, a counter that never moved, a constant."""
    assert "nothing is known" in refused(np.full(40 * 24, np.nan))
    assert "never moved" in refused(np.zeros(40 * 24))
    assert "every value is 8:" in refused(np.full(40 * 24, 8.0))


def test_constant_after_all_else_is_excluded() -> None:
    """What is excluded counts in no respect: what is left is constant."""
    values = np.full(40 * 24, 8.0)
    values[500:520] = 90.0
    assert "constant" in refused(values, excluded=values > 8)


def test_no_better_than_the_week_before() -> None:
    """Weeks that repeat are told best by the week before, and need no forecast."""
    assert "no model was better than the week before" in refused(np.tile(grown(7, 0), 8))


@pytest.mark.parametrize(("factor", "verb"), [(1.4, "rose"), (0.65, "fell")])
def test_level_shift_in_the_last_week(factor: float, verb: str) -> None:
    """A step of the level without a known deploy is found, with its direction and about its size.

    Ten days ago it is no longer one of the last week.
    """
    values = grown(56, 0)
    values[-4 * 24 :] *= factor
    said = refused(values)
    assert f"the level {verb} by" in said
    assert "about 2026-02-25T23:00:00Z" in said
    earlier = grown(56, 0)
    earlier[-10 * 24 :] *= factor
    assert "the level" not in refused(earlier)


def test_a_deploy_makes_a_smaller_step_a_shift() -> None:
    """The same step of 15 % is noise on any day, and a shift after a deploy.

    Not after one long ago, nor after one within the last day, of which no whole day is known.
    """
    values, times = grown(56, 3), hours(56)
    values[-4 * 24 :] *= 1.15
    deploy = int(times[-4 * 24]) - HOUR_MS
    assert refused(values) == ""
    said = refused(values, level_shifts_ms=[deploy - 30 * DAY_MS, deploy])
    assert "after the deploy of 2026-02-25T23:00:00Z" in said
    assert refused(values, level_shifts_ms=[deploy - 20 * DAY_MS]) == ""
    assert refused(values, level_shifts_ms=[int(times[-6]), int(times[-1]) + DAY_MS]) == ""


def test_deploys_that_did_nothing_refuse_nothing() -> None:
    """A deploy four days ago in 12 series without a shift."""
    shifts = [
        one
        for one in range(12)
        if "the level" in refused(grown(35, one), level_shifts_ms=[int(hours(35)[-4 * 24 - 1])])
    ]
    assert len(shifts) <= 1
