"""Notifications by hand, and against a twin that steps through every second."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alertlab.notify import (
    AlertmanagerConfig,
    find_pages,
    load_alertmanager,
    simulate_notifications,
)
from alertlab.promql import matches_all
from alertlab.units import SECOND_MS, LabelSet, label_set

FOREVER = None
# group_wait 30, group_interval 300, repeat_interval 600 seconds
TIMING = "group_wait: 30s, group_interval: 5m, repeat_interval: 10m"


def config_of(folder: Path, route: str, *more: str, kind: str = "pagerduty") -> AlertmanagerConfig:
    """A configuration with receivers one to three of a kind that tells of resolves."""
    path = folder / "alertmanager.yml"
    path.write_text(
        f"route: {{{route}}}\n{chr(10).join(more)}\nreceivers:\n"
        + "".join(f"- name: {name}\n  {kind}_configs: [{{}}]\n" for name in ("one", "two", "three"))
        + "- name: both\n  pagerduty_configs: [{}]\n  slack_configs: [{}]\n- name: nobody\n"
    )
    return load_alertmanager(path)


def labels_of(text: str) -> LabelSet:
    """``A.x`` is the alert A of pod x."""
    name, _, pod = text.partition(".")
    return label_set({"alertname": name, "pod": pod})


def episodes_of(
    *runs: tuple[str, float, float | None], pending: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Episodes that fired at and resolved at a second; ``pending`` ones never fired."""
    rows = [(text, start, start, end) for text, start, end in runs]
    rows += [(text, 0, None, 5) for text in pending]
    frame = pd.DataFrame(
        [("rule", labels_of(text), *times) for text, *times in rows],
        columns=["rule", "labels", "active_at", "fired_at", "resolved_at"],
    )
    for column in ("active_at", "fired_at", "resolved_at"):
        frame[column] = pd.to_datetime(frame[column].astype("Float64"), unit="s", utc=True)
    return frame


def told(rows: pd.DataFrame) -> list[tuple]:
    """Return (second, reason, firing, resolved), the alerts as in ``episodes_of``."""

    def short(alerts: tuple[LabelSet, ...]) -> str:
        parts = [dict(one) for one in alerts]
        return " ".join(
            ".".join([p["alertname"], *([p["pod"]] if "pod" in p else [])]) for p in parts
        )

    return [
        (one.at.timestamp(), one.reason, short(one.firing), short(one.resolved))
        for one in rows.itertuples()
    ]


CASES = {
    "one alert, repeats a tick late, resolve": (
        [("A", 0, 2000)],
        # ticks 30, 330, 630 (600 s after the first: too early by the sending), 930, …
        [(30, "first", "A", ""), (930, "repeat", "A", ""), (1830, "repeat", "A", ""),
         (2130, "resolved", "", "A")],
    ),
    "a second alert joins at the next tick": (
        [("A", 0, 700), ("B", 40, 700)],
        [(30, "first", "A", ""), (330, "new alerts", "A B", ""), (930, "resolved", "", "A B")],
    ),
    "within group_wait they are one page": (
        [("A", 0, 100), ("B", 29, 100)],
        [(30, "first", "A B", ""), (330, "resolved", "", "A B")],
    ),
    "one of two resolves": (
        [("A", 0, 300), ("B", 0, 1000)],
        [(30, "first", "A B", ""), (330, "resolved", "B", "A"), (1230, "resolved", "", "B")],
    ),
    "fires and resolves within group_wait": ([("A", 0, 29)], []),
    "still firing at the first flush": (
        [("A", 0, 31)], [(30, "first", "A", ""), (330, "resolved", "", "A")]
    ),
    "resolved exactly at the first flush": ([("A", 0, 30)], []),
    "fires, resolves, fires in one interval": (
        [("A", 0, 100), ("A", 200, FOREVER)],
        [(30, "first", "A", ""), (930, "repeat", "A", ""), (1830, "repeat", "A", "")],
    ),
    "an emptied group waits group_wait again": (
        [("A", 0, 100), ("A", 400, 500)],
        [(30, "first", "A", ""), (330, "resolved", "", "A"),
         (430, "first", "A", ""), (730, "resolved", "", "A")],
    ),
    "between two ticks while another fires": (
        [("A", 0, FOREVER), ("B", 40, 50)],
        # B was never announced, yet its resolve is
        [(30, "first", "A", ""), (330, "resolved", "A", "B"), (1230, "repeat", "A", ""),
         (2130, "repeat", "A", "")],
    ),
    "never fired": ([], []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_one_group_by_hand(tmp_path: Path, name: str) -> None:
    """Reasons, sets and seconds of one group on one receiver that tells of resolves."""
    runs, expected = CASES[name]
    config = config_of(tmp_path, f"receiver: one, {TIMING}")
    episodes = episodes_of(*runs, pending=("P",))
    assert told(simulate_notifications(episodes, config, end_ms=2_200_000)) == expected


def test_without_send_resolved(tmp_path: Path) -> None:
    """The resolve is logged, not sent; one that resolves while others fire is remembered firing."""
    config = config_of(tmp_path, f"receiver: one, {TIMING}", kind="slack")
    everything = episodes_of(("A", 0, 100), ("A", 400, 500))
    assert told(simulate_notifications(everything, config, end_ms=1_000_000)) == [
        (30, "first", "A", ""), (430, "first", "A", ""),
    ]  # fmt: skip
    # B resolves and fires again while A fires: silent, because the log still has B.
    again = episodes_of(("A", 0, 700), ("B", 0, 200), ("B", 400, 700))
    assert told(simulate_notifications(again, config, end_ms=1_500_000)) == [
        (30, "first", "A B", "")
    ]


def test_repeats_of_an_interval_that_is_no_multiple(tmp_path: Path) -> None:
    """The repeat goes out at the first tick after it is due."""
    config = config_of(
        tmp_path, "receiver: one, group_wait: 30s, group_interval: 5m, repeat_interval: 7m"
    )
    rows = simulate_notifications(episodes_of(("A", 0, FOREVER)), config, end_ms=2_000_000)
    assert [(at, why) for at, why, *_ in told(rows)] == [
        (30, "first"), (630, "repeat"), (1230, "repeat"), (1830, "repeat"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "seconds"),
    [
        ("group_wait: 0s", [0, 600]),
        ("group_wait: 10s", [10, 610]),
        ("group_interval: 4m", [30, 750]),
        ("repeat_interval: 20m", [30]),
    ],
)
def test_each_timer_changes_the_answer(tmp_path: Path, setting: str, seconds: list[int]) -> None:
    """group_wait, group_interval and repeat_interval each move the notifications."""
    timing = "group_wait: 30s, group_interval: 5m, repeat_interval: 8m"
    key = setting.split(":")[0]
    kept = [one for one in timing.split(", ") if not one.startswith(key)]
    config = config_of(tmp_path, ", ".join(["receiver: one", *kept, setting]))
    rows = simulate_notifications(episodes_of(("A", 0, FOREVER)), config, end_ms=1_000_000)
    assert [at for at, *_ in told(rows)] == seconds


def test_groups_by_labels_and_their_order(tmp_path: Path) -> None:
    """Each value of the group's labels has a life of its own; rows are sorted by time."""
    config = config_of(tmp_path, f"receiver: one, group_by: [alertname], {TIMING}")
    runs = episodes_of(("B.x", 0, FOREVER), ("A.x", 10, FOREVER), ("A.y", 20, FOREVER))
    rows = simulate_notifications(runs, config, end_ms=100_000)
    assert told(rows) == [(30, "first", "B.x", ""), (40, "first", "A.x A.y", "")]
    assert rows["group_labels"].tolist() == [(("alertname", "B"),), (("alertname", "A"),)]
    assert rows["integration"].tolist() == ["pagerduty", "pagerduty"]


def test_two_receivers_by_continue(tmp_path: Path) -> None:
    """Each route groups and waits by itself; nobody is told through a receiver without ways."""
    config = config_of(
        tmp_path,
        f"receiver: one, {TIMING}, routes: [{{receiver: two, continue: true, group_wait: 5s}},"
        " {receiver: three, continue: true}, {receiver: nobody}]",
    )
    rows = simulate_notifications(episodes_of(("A", 0, 100)), config, end_ms=400_000)
    assert list(zip([at for at, *_ in told(rows)], rows["receiver"], strict=True)) == [
        (5, "two"), (30, "three"), (305, "two"), (330, "three"),
    ]  # fmt: skip


def test_pages_are_first_and_new_alerts_of_the_receivers(tmp_path: Path) -> None:
    """Repeats and resolves wake nobody; a receiver with two integrations is woken once."""
    config = config_of(
        tmp_path,
        f"receiver: both, {TIMING}, "
        "routes: [{receiver: one, continue: true}, {receiver: both}]",
    )
    rows = simulate_notifications(
        episodes_of(("A", 0, FOREVER), ("B", 50, FOREVER)), config, end_ms=2_000_000
    )
    assert len(rows[rows["receiver"] == "both"]) == 2 * 3
    pages = find_pages(rows, ["both"])
    assert [(one[0], one[1]) for one in told(pages)] == [(30, "first"), (330, "new alerts")]
    assert len(find_pages(rows, ["both", "one"])) == 4
    assert find_pages(rows, []).empty
    assert find_pages(rows[:0], ["one"]).empty


INHIBIT = (
    "inhibit_rules: [{source_match: {alertname: S}, target_match: {alertname: T}, equal: [pod]}]"
)
MUTING = {
    "muted from the start": ([("S.x", 0, 2000), ("T.x", 0, 900)], []),
    "another pod is not muted": ([("S.y", 0, 2000), ("T.x", 0, 200)],
                                 [(30, "first", "T.x", ""), (330, "resolved", "", "T.x")]),
    "late source: told, then silent, then remembered": (
        [("T.x", 0, 1700), ("S.x", 100, 800)],
        # muted at 330 and 630, heard again at 930: still in the log, so only a repeat
        [(30, "first", "T.x", ""), (930, "repeat", "T.x", ""), (1830, "resolved", "", "T.x")]),
    "the source ends before the flush": ([("S.x", 0, 20), ("T.x", 0, 200)],
                                         [(30, "first", "T.x", ""), (330, "resolved", "", "T.x")]),
    "unmuted later: first a tick late": (
        [("S.x", 0, 100), ("T.x", 0, 500)],
        [(330, "first", "T.x", ""), (630, "resolved", "", "T.x")]),
    "resolved while muted: never told": ([("T.x", 0, 200), ("S.x", 100, 400)],
                                         [(30, "first", "T.x", "")]),
    "fires again after that: silent until the repeat": (
        [("T.x", 0, 200), ("S.x", 100, 400), ("T.x", 500, 1500)],
        # a new group at 500, ticks 530, 830, …; the log of 30 s still says firing
        [(30, "first", "T.x", ""), (830, "repeat", "T.x", ""), (1730, "resolved", "", "T.x")]),
    "one of two muted, the other resolves": (
        [("T.x", 0, 2000), ("T.y", 0, 300), ("S.x", 100, 700)],
        [(30, "first", "T.x T.y", ""), (330, "resolved", "", "T.y"), (930, "first", "T.x", ""),
         (1830, "repeat", "T.x", ""), (2130, "resolved", "", "T.x")]),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTING)
def test_inhibition_by_hand(tmp_path: Path, name: str) -> None:
    """Muted alerts leave before deduplication; a flush of muted alerts only changes nothing."""
    runs, expected = MUTING[name]
    route = "receiver: one, routes: [{match: {alertname: S}, receiver: nobody}, {receiver: one}]"
    config = config_of(tmp_path, f"{route}, {TIMING}", INHIBIT)
    assert told(simulate_notifications(episodes_of(*runs), config, end_ms=2_200_000)) == expected


def test_an_alert_on_both_sides_is_not_muted_by_its_like(tmp_path: Path) -> None:
    """Otherwise two such alerts would mute each other for ever."""
    sides = "source_match_re: {alertname: 'S|B'}, target_match_re: {alertname: 'T|B'}"
    rule = f"inhibit_rules: [{{{sides}}}]"
    config = config_of(tmp_path, f"receiver: one, group_by: ['...'], {TIMING}", rule)

    def heard(*names: str) -> list[str]:
        rows = simulate_notifications(
            episodes_of(*((name, 0, 100) for name in names)), config, end_ms=100_000
        )
        return [firing for _, _, firing, _ in told(rows)]

    assert heard("B.x", "B.y") == ["B.x", "B.y"]
    assert heard("B.x", "S") == ["S"]
    assert heard("B.x", "T") == ["B.x"]
    assert heard("T") == ["T"]


def test_times_with_a_fraction_are_exact(tmp_path: Path) -> None:
    """Slots have milliseconds on a real server: an end on a tick is on the tick."""
    config = config_of(tmp_path, f"receiver: one, {TIMING}")
    for fraction in range(0, 1000, 37):
        start = 1_772_352_000 + fraction / 1000
        episodes = episodes_of(("A", start, round(start + 30, 3)))
        assert simulate_notifications(episodes, config, end_ms=2 * 10**12).empty, fraction


def test_the_end_of_time_is_included(tmp_path: Path) -> None:
    """A flush at the end counts, one after it does not."""
    config = config_of(tmp_path, f"receiver: one, {TIMING}")
    for end_ms, count in ((29_999, 0), (30_000, 1)):
        rows = simulate_notifications(episodes_of(("A", 0, FOREVER)), config, end_ms=end_ms)
        assert len(rows) == count
        assert str(rows["at"].dtype).startswith("datetime64")


# The twin: one second at a time, every tick flushed, nothing skipped.


@dataclass
class Twin:
    """One group of one route."""

    store: dict = field(default_factory=dict)
    due: int | None = None
    log: dict = field(default_factory=dict)


def step_every_second(
    alerts: list[tuple[LabelSet, int, int]], config: AlertmanagerConfig, end: int
) -> list[tuple]:
    """Notifications (second, receiver, kind, reason, firing, resolved), unsorted."""
    rows, groups = [], {}
    for now in range(end + 1):
        for labels, start, stop in alerts:
            if start != now:
                continue
            for route in config.route.match(labels):
                twin = groups.setdefault((route.key, route.group_labels(labels)), (route, Twin()))[
                    1
                ]
                if twin.due is None:
                    twin.due = now + route.group_wait_ms // SECOND_MS
                twin.store[labels] = stop
        firing_now = [labels for labels, start, stop in alerts if start <= now < stop]
        for route, twin in groups.values():
            if twin.due != now:
                continue
            heard = {k: v for k, v in twin.store.items() if not _muted(k, firing_now, config)}
            firing = {k for k, stop in heard.items() if stop > now}
            resolved = set(heard) - firing
            for one in config.receivers[route.receiver] if heard else ():
                entry = twin.log.get(one)
                reason = _reason(entry, firing, resolved, one.send_resolved, now, route)
                if reason:
                    twin.log[one] = (firing, resolved, now)
                    if firing or one.send_resolved:
                        shown = resolved if one.send_resolved else set()
                        rows.append((now, route.receiver, one.kind, reason, firing, shown))
            twin.store = {k: stop for k, stop in twin.store.items() if stop > now}
            twin.due = now + route.group_interval_ms // SECOND_MS if twin.store else None
    return rows


def _reason(entry, firing, resolved, send_resolved, now, route) -> str | None:
    if entry is None:
        return "first" if firing else None
    was_firing, was_resolved, at = entry
    if firing - was_firing:
        return "new alerts" if was_firing else "first"
    if not firing:
        return "resolved" if was_firing else None
    if send_resolved and resolved - was_resolved:
        return "resolved"
    # The log is written a moment after the flush, so an interval later is not yet older.
    return "repeat" if now - at > route.repeat_interval_ms // SECOND_MS else None


def _muted(labels: LabelSet, firing: list[LabelSet], config: AlertmanagerConfig) -> bool:
    for rule in config.inhibit_rules:
        if matches_all(rule.targets, labels):
            for source in firing:
                both = matches_all(rule.sources, labels) and matches_all(rule.targets, source)
                equal = all(dict(labels).get(n, "") == dict(source).get(n, "") for n in rule.equal)
                if matches_all(rule.sources, source) and equal and not both:
                    return True
    return False


@st.composite
def scenes(draw: st.DrawFn) -> tuple[str, list[str], list[tuple[str, int, int]]]:
    """A route tree with timers of some seconds, inhibition, and runs of six alerts."""

    def seconds(low: int, high: int) -> str:
        return f"{draw(st.integers(low, high))}s"

    def timers() -> str:
        return (
            f"group_wait: {seconds(0, 4)}, group_interval: {seconds(1, 6)}, "
            f"repeat_interval: {seconds(1, 20)}"
        )

    by = draw(st.sampled_from(["[]", "[alertname]", "['...']"]))
    route = (
        f"receiver: both, group_by: {by}, {timers()}, routes: [{{match: {{alertname: S}}, "
        f"receiver: one, continue: true, {timers()}}}, {{receiver: both}}]"
    )
    equal = draw(st.sampled_from(["[]", "[pod]"]))
    source = draw(st.sampled_from(["S", "S|T", "none"]))
    inhibit = (
        f"inhibit_rules: [{{source_match_re: {{alertname: '{source}'}}, "
        f"target_match_re: {{alertname: 'T|A'}}, equal: {equal}}}]"
    )
    runs = []
    for name in ("S.x", "T.x", "T.y", "A.x"):
        edges = sorted(draw(st.sets(st.integers(0, 80), max_size=8)))
        runs += [(name, start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=False)]
    return route, [inhibit], runs


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(scenes())
def test_skipping_idle_ticks_changes_nothing(tmp_path: Path, scene: tuple) -> None:
    """The discrete-event simulation tells exactly what stepping every second tells."""
    route, more, runs = scene
    config = config_of(tmp_path, route, *more)
    rows = simulate_notifications(episodes_of(*runs), config, end_ms=120_000)
    found = [
        (round(one.at.timestamp()), one.receiver, one.integration, one.reason,
         set(one.firing), set(one.resolved))
        for one in rows.itertuples()
    ]  # fmt: skip
    alerts = [(labels_of(text), start, stop) for text, start, stop in runs]
    expected = step_every_second(alerts, config, 120)

    def order(row: tuple) -> tuple:
        return (*row[:4], sorted(row[4]), sorted(row[5]))

    assert sorted(found, key=order) == sorted(expected, key=order)
