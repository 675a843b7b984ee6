"""The ladder: order, days, headroom, and what cannot be said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_resources import measured_of, resource_of
from made_series import grown

from alertlab.capacity import build_ladder, predict_linear
from alertlab.capacity.resources import DISK, FIXED
from alertlab.errors import BadInput
from alertlab.units import DAY_MS

DAYS = 70
HORIZON = 35 * DAY_MS


def use(height: float, **other: float) -> np.ndarray:
    """Return hourly use that grows by 3 % a week and whose last weekly peak is so many percent."""
    given = {"day_noise": 0.01, "hour_noise": 0.01, **other}
    values = grown(DAYS, 1, **given)
    last = np.sort(values[-168:])[159]
    return values / last * height / 100


def ladder(*series: np.ndarray, **options):
    """Return the ladder of resources named a, b, c ..."""
    made = [
        measured_of(one, resource=resource_of("abcdef"[at])) if isinstance(one, np.ndarray) else one
        for at, one in enumerate(series)
    ]
    return build_ladder(made, horizon_ms=HORIZON, **options)


def test_days_are_those_of_the_growth() -> None:
    """A weekly peak at 0.9 of what two of three pods may use is there after ln(1/0.9)/ln(1.03)."""
    (rung,) = ladder(use(0.9 * 80 * 2 / 3))
    weeks = math.log(1 / 0.9) / 0.03
    assert rung.median_days == pytest.approx(7 * weeks, abs=5)
    assert rung.earliest_days < rung.median_days < rung.crossing.latest_days
    assert rung.peak_ratio == pytest.approx(0.9 * 0.8 * 2 / 3)
    assert rung.lost_peak_ratio == pytest.approx(0.9 * 0.8)
    assert rung.headroom_ratio == pytest.approx(0.1)
    assert rung.limit_ratio == pytest.approx(0.8 * 2 / 3)
    assert rung.slack_days == rung.median_days - 14
    assert rung.refusal == ""


def test_the_least_slack_binds() -> None:
    """Less headroom comes first, but a long lead time comes before it; what is refused is last."""
    late = measured_of(use(47.0), resource=resource_of("late", lead_time_ms=60 * DAY_MS))
    silent = measured_of(np.full(DAYS * 24, np.nan), resource=resource_of("silent"))
    rungs = ladder(use(20.0), use(48.0), use(30.0), late, silent)
    assert [one.name for one in rungs] == ["late", "b", "c", "a", "silent"]
    assert "finds nothing" in rungs[-1].refusal
    assert math.isnan(rungs[-1].slack_days)
    assert math.isinf(rungs[-2].median_days)


def test_what_is_passed_is_passed_now() -> None:
    """A peak above the threshold has no days left, whatever a forecast says."""
    short = measured_of(use(60.0)[-24 * 14 :])
    (rung,) = build_ladder([short], horizon_ms=HORIZON)
    assert rung.forecast.refusal
    assert (rung.median_days, rung.earliest_days, rung.refusal) == (0, 0, "")
    assert rung.slack_days == -14
    assert rung.headroom_ratio < 0


def test_lost_replicas_count_where_others_take_over() -> None:
    """Shared load goes to the pods that are left; memory and what all share does not."""
    (all_there,), (one_gone,), (two_gone,) = (
        ladder(use(20.0), lost_replicas=lost) for lost in (0, 1, 2)
    )
    assert all_there.lost_peak_ratio == pytest.approx(0.2)
    assert one_gone.lost_peak_ratio == pytest.approx(0.3)
    assert two_gone.lost_peak_ratio == pytest.approx(0.6)
    for other in (resource_of(demand=None), resource_of(kind=FIXED)):
        (rung,) = ladder(measured_of(use(20.0), resource=other))
        assert rung.lost_peak_ratio == pytest.approx(0.2)
    with pytest.raises(BadInput, match="with 3 of 3 replicas gone none would be left"):
        ladder(use(20.0), lost_replicas=3)


def test_a_straight_line_through_the_last_week() -> None:
    """As predict_linear says over seven days: a disk that fills by 1 % a day."""
    hour = np.arange(DAYS * 24)
    rng = np.random.default_rng(1)
    filled = (10 + hour / 24 + 0.05 * rng.normal(size=len(hour))) / 100
    disk = measured_of(filled, resource=resource_of("disk", kind=DISK, demand=None))
    (rung,) = ladder(disk)
    last = disk.times_ms > disk.times_ms[-1] - 7 * DAY_MS
    ahead = predict_linear(
        disk.times_ms[last], disk.use_ratio[last], round(rung.line_days * DAY_MS)
    )
    assert ahead == pytest.approx(0.8, rel=1e-3)
    assert rung.line_days == pytest.approx(0.8 * 100 - 80 + 0, abs=2)
    (falling,) = ladder(
        measured_of(filled[::-1], resource=resource_of("disk", kind=DISK, demand=None))
    )
    assert math.isinf(falling.line_days)


def test_excluded_hours_and_horizon_change_the_answer() -> None:
    """A day of ten times the use, excluded, moves no date; a short horizon sees none."""
    series = use(0.9 * 80 * 2 / 3)
    odd = np.zeros(len(series), bool)
    odd[-24 * 20 : -24 * 19] = True
    wild = np.where(odd, 10 * series, series)
    (plain,), (excluded,), (fooled,) = (
        ladder(series), ladder(wild, excluded=odd), ladder(wild),
    )  # fmt: skip
    assert excluded.median_days == pytest.approx(plain.median_days, abs=3)
    assert not np.array_equal(fooled.forecast.mid, excluded.forecast.mid)
    (short,) = build_ladder([measured_of(series)], horizon_ms=7 * DAY_MS)
    assert math.isinf(short.median_days)
    assert short.forecast.horizon_days == 7
    (long,) = build_ladder([measured_of(series)], horizon_ms=1_000 * DAY_MS)
    assert long.forecast.horizon_days == 34.5


def test_a_deploy_that_moved_the_level_is_told() -> None:
    """A level that jumped after a deploy refuses the date, and the sentence names it."""
    series = use(20.0)
    series[-24 * 4 :] *= 1.5
    deploy_ms = int(measured_of(series).times_ms[-24 * 4])
    (rung,) = ladder(series, level_shifts_ms=[deploy_ms])
    assert "the level rose" in rung.refusal
