"""A compact rule says of its alerts what the evaluated rule says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from session_history import evaluated_rule

from alertlab.replay import find_episodes
from alertlab.session.compact import compact
from alertlab.tuning import Setting, group_levels
from alertlab.units import MINUTE_MS

SERIES, EVALUATIONS = 3, 24
DURATIONS = st.sampled_from([0, MINUTE_MS, 3 * MINUTE_MS, 10 * MINUTE_MS])


@given(
    values=arrays(float, (SERIES, EVALUATIONS), elements=st.integers(0, 9).map(float)),
    present=arrays(bool, (SERIES, EVALUATIONS)),
    missed=arrays(bool, EVALUATIONS),
    op=st.sampled_from([">", ">=", "<", "<="]),
    hold=DURATIONS,
    keep=DURATIONS,
    threshold=st.integers(-1, 10),
)
def test_alerts_are_the_same(values, present, missed, op, hold, keep, threshold) -> None:
    """Episodes and levels of random tables, with pods that come and go and evaluations missed."""
    missed[:3] = False
    times = MINUTE_MS * np.flatnonzero(~missed)
    whole = evaluated_rule(values[:, ~missed], present[:, ~missed], op, times)
    setting = Setting(float(threshold), hold, keep, None)
    small = compact(whole)
    episodes = [find_episodes(setting.apply(one)) for one in (whole, small)]
    assert episodes[0].equals(episodes[1])
    pair = [(hold, keep)]
    np.testing.assert_array_equal(group_levels(small, pair), group_levels(whole, pair))


def test_it_is_small() -> None:
    """Only the evaluations at which an alert is there are kept, and those who never alert too."""
    present = np.zeros((2, 10), bool)
    present[0, 3:6] = present[1, 9] = True
    small = compact(evaluated_rule(np.full((2, 10), 4.0), present))
    assert small.frame.values.size == 0
    assert [(part, len(signed)) for _, part, signed, _ in small.levels([(0, 0)])] == [
        (slice(3, 6), 3),
        (slice(9, 10), 1),
    ]
    assert list(small.alerts(0, 0)) == []
    with pytest.raises(ValueError, match="all evaluations"):
        list(small.levels([(0, 0)], slice(2, None)))


def test_levels_are_remembered() -> None:
    """What a slider asks for again is not computed again."""
    small = compact(evaluated_rule(np.ones((1, 5)), np.ones((1, 5), bool)))
    [first], [again] = (list(small.levels([(MINUTE_MS, 0)])) for _ in range(2))
    assert first is again


def test_rules_that_need_their_frame_keep_it() -> None:
    """What a limit makes a rule forget, and where two results are one alert, depends on T."""
    whole = evaluated_rule(np.ones((1, 5)), np.ones((1, 5), bool))
    limited = replace(whole, rule=replace(whole.rule, limit=1))
    assert compact(limited) is limited
    rivalled = replace(whole, rival=np.zeros(5))
    assert compact(rivalled) is rivalled
