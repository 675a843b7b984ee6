"""What a session computes: against the same from scratch, and what can be counted by hand."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from session_history import DAYS, START_MS, evaluated_rule

from alertlab.errors import BadInput
from alertlab.incidents import HARMLESS, Margins, load_incidents, no_incidents
from alertlab.session.replays import MOST_ALERTS_A_DAY, bearable, stops
from alertlab.tuning import Evaluations, Setting, Yardstick, group_levels, score_setting
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS

NOON = START_MS + DAY_MS + 12 * HOUR_MS


def from_scratch(session, setting: Setting):
    """Score a setting without anything remembered."""
    evaluations = Evaluations(
        session.rule, session.source, session.start_ms, session.end_ms,
        slot_offset_ms=0, comparison=0,
    )  # fmt: skip
    return score_setting(evaluations(setting), setting, session.yardstick, session.span)


def test_as_written(session) -> None:
    """Twelve blips of three minutes outlive a ``for`` of two; both incidents are met."""
    effect = session.effect
    assert session.setting == Setting(5.0, 2 * MINUTE_MS, 0, None)
    assert len(effect.firing_ms) == 3 * DAYS + 2
    assert effect.firing_ms[0].tolist() == [START_MS + 62 * MINUTE_MS, START_MS + 63 * MINUTE_MS]
    assert (effect.score.caught, effect.score.missed) == (("first", "second"), ())
    assert effect.score.false_pages == (effect.incident < 0).sum() == 3 * DAYS
    assert session.trial.point(session.setting) == (pytest.approx(12 / (DAYS / 7)), 2)


@pytest.mark.parametrize("name", ["TooMany", "OnAverage", "Exactly", "Limited"])
def test_effects_are_those_from_scratch(open_session, name: str) -> None:
    """Every knob, back and forth: nothing that is remembered belongs to another setting."""
    session = open_session(name)
    offered = session.settings_offered
    for knob, values in (*offered.items(), *offered.items()):
        for value in (values[0], values[-1], values[len(values) // 2]):
            session.turn(knob, value)
            assert session.effect.score == from_scratch(session, session.setting)
            assert session.effect.setting == session.setting


def test_every_knob_matters(open_session) -> None:
    """Turning one changes what follows, and turning it back leads back."""
    session = open_session("OnAverage")
    for knob, value in (
        ("threshold", 19.0), ("hold_duration_ms", 5 * MINUTE_MS),
        ("keep_firing_for_ms", 30 * MINUTE_MS), ("window_ms", 20 * MINUTE_MS),
    ):  # fmt: skip
        before = session.effect.firing_ms
        session.turn(knob, value)
        assert not np.array_equal(before, session.effect.firing_ms), knob
        session.setting = session.trial.current
        assert np.array_equal(before, session.effect.firing_ms)


def test_curve_counts_each_threshold(session) -> None:
    """Blips of 8 and incidents of 20: what lies between them catches both for nothing."""
    curve = session.trial.curve(session.setting).set_index("threshold")
    assert {5.0} < set(curve.index)
    for threshold, row in curve.iterrows():
        if threshold < 1.5:  # ordinary days lie above
            continue
        false = 12 if threshold < 8 else 0
        assert row["false_rises_per_week"] * DAYS / 7 == pytest.approx(false)
        assert row["detected"] == (2 if threshold < 20 else 0)
        assert row["owed"] == 2


def test_curve_follows_the_durations(session) -> None:
    """A ``for`` of three minutes outlasts all blips."""
    assert session.trial.point(session.setting)[0] > 0
    session.turn("hold_duration_ms", 3 * MINUTE_MS)
    assert session.trial.point(session.setting) == (0.0, 2)


def test_points_beside_the_curve(open_session) -> None:
    """A threshold that another window offers is counted like the others."""
    session = open_session("OnAverage")
    session.turn("window_ms", 20 * MINUTE_MS)
    session.trial.curve(session.setting)
    session.turn("threshold", 1.2345)
    counts = session.trial.point(session.setting)
    alone = type(session.trial)(session.trial.replays, session.yardstick)
    assert alone.point(session.setting) == counts
    session.turn("threshold", 19.87)
    assert session.trial.point(session.setting) != counts


def test_a_rule_without_levels_has_a_curve_of_one(open_session) -> None:
    """By == every threshold is an evaluation of its own."""
    session = open_session("Exactly")
    assert session.trial.replays.why
    assert {8.0, 20.0} < set(session.settings_offered["threshold"])
    assert list(session.trial.curve(session.setting)["threshold"]) == [8.0]
    session.turn("threshold", 20.0)
    assert list(session.trial.curve(session.setting)["detected"]) == [2]
    assert session.trial.replays(session.setting).line.max() == 20


def test_a_rule_that_never_fires_has_data(open_session) -> None:
    """Its silence says something: there was something to compare all the time."""
    session = open_session("Impossible")
    assert session.problem == "" and session.effect.score.pages == 0


def test_thresholds_offered(session) -> None:
    """Human ones that differ, increasing, the present one among them; none that always fires."""
    offered = session.settings_offered["threshold"]
    assert offered == sorted(set(offered)) and 5.0 in offered
    for one in offered:
        session.turn("threshold", one)
        session.turn("hold_duration_ms", 0)
        assert session.effect.score.firing_ratio <= 0.5
        assert len(session.effect.firing_ms) <= MOST_ALERTS_A_DAY * DAYS
    assert min(offered) > 1


def test_stops_of_a_slider() -> None:
    """Numbers of two digits if there are a dozen, else all; few enough to step over."""
    fine = np.arange(100, 400) / 100
    assert stops(fine, 2.345).tolist() == sorted([*np.arange(10, 40) / 10, 2.345])
    assert stops(fine[:20], 1.05).tolist() == fine[:20].tolist()
    many = np.arange(10_000.0, 10_999.0)
    assert 100 < len(stops(many, 10_001.0)) <= 201
    assert 10_001.0 in stops(many, 10_001.0)


def test_no_noise_between_offered_thresholds() -> None:
    """A threshold is offered only if all quieter ones can be borne, too."""
    minutes = np.arange(1440)
    values = np.where(minutes < 600, np.where(minutes % 2, 6.0, 3.0), 1.0)
    values[700:710] = 30
    whole = evaluated_rule(values[None], np.ones((1, 1440), bool))
    [level] = group_levels(whole, [(0, 0)])
    # Always firing, firing once for ten hours, 300 times, once: the second is worse than the last.
    offered = bearable(whole, level, np.array([0.5, 2.0, 5.0, 10.0]))
    assert offered.tolist() == [False, False, False, True]
    calm = evaluated_rule(np.where(values == 6, 3.0, values)[None], np.ones((1, 1440), bool))
    [level] = group_levels(calm, [(0, 0)])
    offered = bearable(calm, level, np.array([0.5, 2.0, 5.0, 10.0]))
    assert offered.tolist() == [False, True, True, True]


def test_downward_rules_offer_the_quiet_side(open_session) -> None:
    """For ``<`` the small thresholds are the quiet ones."""
    offered = open_session("Limited").settings_offered["threshold"]
    assert max(offered) == 2.0 and min(offered) < 1


def test_windows_offered(open_session) -> None:
    """Those of a rule with one; a rule without any has none to choose."""
    assert open_session().settings_offered["window_ms"] == [None]
    windows = open_session("OnAverage").settings_offered["window_ms"]
    assert 5 * MINUTE_MS in windows and len(windows) > 5
    assert min(windows) == 2 * MINUTE_MS  # two evaluations


@pytest.mark.parametrize(
    ("name", "said"),
    [("Always", "has no numeric threshold"), ("Missing", "finds no data in this time")],
)
def test_rules_that_cannot_be_tuned(open_session, name: str, said: str) -> None:
    """A sentence instead of a trial, and the next rule is fine."""
    session = open_session(name)
    assert session.trial is None and name in session.problem and said in session.problem
    session.choose_rule(0)
    assert session.problem == "" and session.rule.name == "TooMany"
    assert session.effect.score.pages


def test_no_rules(open_session) -> None:
    """A file without alerts is refused."""
    session = open_session()
    with pytest.raises(BadInput, match="no rule to tune"):
        type(session)(
            [], session.source, 0, 1, yardstick=session.yardstick, incidents_file="", out="o"
        )


def test_mark_an_incident(session) -> None:
    """What was a false page is one in an incident of this rule, in the file and in the score."""
    before = session.effect.score
    made = session.mark(
        "2024-10-04 10:00", "2024-10-04T01:10:00Z", severity="critical", note='it\'s "one"'
    )  # Seoul's clocks show nine hours more
    saved = load_incidents(session.incidents_file).set_index("id").loc[made]
    assert saved["start"].timestamp() * 1000 == START_MS + HOUR_MS
    assert saved["end"].timestamp() * 1000 == START_MS + HOUR_MS + 10 * MINUTE_MS
    assert (saved["severity"], saved["should_alert"]) == ("critical", ("TooMany",))
    assert saved["note"] == 'it\'s "one"'
    after = session.effect.score
    assert after.false_pages == before.false_pages - 1
    assert set(after.caught) == {*before.caught, made}
    assert session.trial.point(session.setting)[1] == 3
    assert "# Kept by hand." in session.incidents_file.read_text()


def test_mark_as_harmless(session) -> None:
    """A page right behind an incident stops counting as true."""
    session.yardstick = replace(session.yardstick, margins=Margins(0, 7 * HOUR_MS))
    session.choose_rule(0)
    before = session.effect.score
    session.mark("2024-10-05 19:00:30", "2024-10-05 19:30", severity=HARMLESS)
    session.mark("2024-10-06 01:00", "2024-10-06 04:00", severity=HARMLESS)
    after = session.effect.score
    assert after.false_pages == before.false_pages
    assert (load_incidents(session.incidents_file)["severity"] == HARMLESS).sum() == 2
    blip = START_MS + DAY_MS + 60 * MINUTE_MS
    session.mark("2024-10-05 10:00", "2024-10-05 10:10", severity="warning")
    assert session.effect.score.false_pages == before.false_pages - 2
    assert blip in range(START_MS, session.end_ms)


def test_a_rule_marked_on_stays_marked_for_the_next(open_session) -> None:
    """The next rule on the table is measured by what was marked."""
    session = open_session("OnAverage")
    session.mark("2024-10-04 10:00", "2024-10-04 10:10", severity=HARMLESS)
    session.choose_rule(0)
    assert len(session.trial.yardstick.incidents) == 4


@pytest.mark.parametrize("text", ["", "noon", "2024-13-01", "99999999999999"])
def test_times_that_are_none(session, text: str) -> None:
    """Said in a sentence; the file stays as it was."""
    before = session.incidents_file.read_bytes()
    with pytest.raises(BadInput, match="not a time in Asia/Seoul"):
        session.mark(text, "2024-10-04 10:10", severity=HARMLESS)
    assert session.incidents_file.read_bytes() == before


def test_without_an_incidents_file(open_session) -> None:
    """Nothing can be marked, which is said."""
    with pytest.raises(BadInput, match="no incidents file is named"):
        open_session(incidents_file="").mark("2024-10-04 10:00", "2024-10-04 11:00", severity="x")


def test_without_incidents(open_session) -> None:
    """Pages are counted; what is false nobody can tell."""
    score = open_session(yardstick=Yardstick(no_incidents())).effect.score
    assert score.pages == 14 and score.false_pages is None


def test_neighbours(open_session) -> None:
    """One step of each slider, until all are known; windows only once they are replayed."""
    session = open_session("OnAverage")
    session.effect, session.trial.curve(session.setting)
    offered = session.settings_offered["threshold"]
    at = offered.index(5.0)
    near = [replace(session.setting, threshold=offered[i]) for i in (at + 1, at - 1)]
    assert session.unknown_neighbours(["threshold"]) == near
    for setting in near:
        session.trial.effect(setting)
    assert session.unknown_neighbours(["threshold"]) == []
    assert session.unknown_neighbours(["window_ms"]) == []
    session.trial.replays(replace(session.setting, window_ms=10 * MINUTE_MS))
    assert session.unknown_neighbours(["window_ms"]) == [
        replace(session.setting, window_ms=10 * MINUTE_MS)
    ]


def test_windows_are_replayed_ahead(open_session) -> None:
    """In the background, all of them; another rule on the table ends it."""
    session = open_session("OnAverage")
    session.prepare()
    windows = [
        replace(session.setting, window_ms=one) for one in session.settings_offered["window_ms"]
    ]
    until = time.monotonic() + 60
    while not all(map(session.trial.replays.is_made, windows)):
        assert time.monotonic() < until
        time.sleep(0.02)
    for setting in windows:
        assert session.trial.effect(setting).score == from_scratch(session, setting)
