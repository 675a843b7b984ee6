"""The discrete-event simulation tells exactly what a twin tells that steps through all of time."""

from __future__ import annotations

import pytest
from alert_scenes import (
    STEP,
    STEPS,
    configs,
    episode_frames,
    inhibit_rules,
    sendings,
    silences,
    upkeeps,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_alertmanager import Twin, rules_of, step_through

from alertlab.notify import simulate_notifications
from alertlab.notify.config import AlertmanagerConfig, InhibitRule
from alertlab.notify.ingest import merge_posts
from alertlab.notify.inhibition import Inhibition
from alertlab.notify.profiles import profile_of
from alertlab.notify.sending import Sending
from alertlab.notify.silences import Silence
from alertlab.notify.upkeep import Upkeep

END_MS = STEPS * STEP
many = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
crowds = pytest.mark.parametrize("crowded", [False, True], ids=["apart", "crowded"])


@crowds
@many
@given(data=st.data(), sending=sendings)
def test_what_prometheus_sends(data: st.DataObject, sending: Sending, crowded: bool) -> None:
    """Each send, its time, start and end are those of a rule that is evaluated at each slot."""
    episodes = data.draw(episode_frames(crowded=crowded))
    found = {
        labels: [
            (one.sends[0], one.start, one.end, one.firing)
            for post in posts
            for one in post.singles()
        ]
        for labels, posts in sending.posts(episodes, END_MS).items()
    }
    expected: dict = {}
    rules = rules_of(episodes, sending)
    for now in range(0, END_MS + 1, STEP):
        for rule in rules:
            if sent := rule.evaluate(now):
                expected.setdefault(rule.labels, []).append((now, *sent, sent[1] > now))
    assert found == expected


@crowds
@many
@given(data=st.data(), sending=sendings, upkeep=upkeeps)
def test_what_alertmanager_keeps(
    data: st.DataObject, sending: Sending, upkeep: Upkeep, crowded: bool
) -> None:
    """After each send the kept alert has the start and the end that the twin keeps."""
    episodes, config = data.draw(episode_frames(crowded=crowded)), data.draw(configs)
    found = sorted(
        (one.sends[0], one.labels, one.start, one.end)
        for posts in sending.posts(episodes, END_MS).values()
        for post in merge_posts(posts, upkeep)
        for one in post.singles()
    )
    twin, rules, expected = Twin(config, (), upkeep), rules_of(episodes, sending), []
    for now in range(0, END_MS + 1, STEP):
        twin.tidy(now)
        for rule in rules:
            if sent := rule.evaluate(now):
                twin.put(rule.labels, *sent, now)
                kept = twin.alerts[rule.labels]
                expected.append((now, kept.labels, kept.start, kept.end))
    assert found == sorted(expected)


@crowds
@pytest.mark.parametrize("version", ["0.25", "0.34.0"])
@many
@given(
    data=st.data(),
    sending=sendings,
    rules=st.lists(inhibit_rules(), min_size=1, max_size=2),
    upkeep=upkeeps,
)
def test_who_is_inhibited_when(
    data: st.DataObject,
    sending: Sending,
    rules: list[InhibitRule],
    upkeep: Upkeep,
    crowded: bool,
    version: str,
) -> None:
    """At each step each alert is inhibited if it is in the twin, by all sources or by one index."""
    episodes, profile = data.draw(episode_frames(crowded=crowded)), profile_of(version)
    posts = sending.posts(episodes, END_MS)
    received = {labels: merge_posts(some, upkeep) for labels, some in posts.items()}
    inhibition = Inhibition(rules, received, upkeep, one_source=profile.one_inhibition_source)
    spans = {labels: inhibition.spans(labels) for labels in received}
    config = AlertmanagerConfig(data.draw(configs).route, {}, tuple(rules), profile=profile)
    twin, senders = Twin(config, (), upkeep), rules_of(episodes, sending)
    for now in range(0, END_MS + 1, STEP):
        twin.tidy(now)
        for sender in senders:
            if sent := sender.evaluate(now):
                twin.put(sender.labels, *sent, now)
        for labels, some in spans.items():
            assert any(one.holds(now) for one in some) == twin.inhibited(labels, now), now


@crowds
@settings(many, max_examples=250)
@given(
    data=st.data(),
    config=configs,
    sending=sendings,
    silenced=st.lists(silences, max_size=2),
    upkeep=upkeeps,
)
def test_skipping_idle_time_changes_nothing(
    data: st.DataObject,
    config: AlertmanagerConfig,
    sending: Sending,
    silenced: list[Silence],
    upkeep: Upkeep,
    crowded: bool,
) -> None:
    """Every notification, its time, reason and alerts are those of the twin."""
    episodes = data.draw(episode_frames(crowded=crowded))
    circumstances = {"sending": sending, "silences": silenced, "upkeep": upkeep}
    rows = simulate_notifications(episodes, config, end_ms=END_MS, **circumstances)
    found = [
        (round(one.at.timestamp() * 1000), one.receiver, one.integration, one.group_labels,
         one.reason, one.firing, one.resolved)
        for one in rows.itertuples()
    ]  # fmt: skip
    told = step_through(episodes, config, end_ms=END_MS, step_ms=STEP, **circumstances)
    expected = [(*row[:5], tuple(sorted(row[5])), tuple(sorted(row[6]))) for row in told]
    assert sorted(found) == sorted(expected)
