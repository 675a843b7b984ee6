"""Notifications by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from alertlab.notify import (
    AlertmanagerConfig,
    find_pages,
    load_alertmanager,
    simulate_notifications,
)
from alertlab.units import LabelSet, label_set

FOREVER = None
# group_wait 30, group_interval 300, repeat_interval 600 seconds
TIMING = "group_wait: 30s, group_interval: 5m, repeat_interval: 10m"

WAYS = {
    "pagerduty": "pagerduty_configs: [{routing_key: key}]",
    "slack": "slack_configs: [{api_url: 'http://localhost/', channel: alerts}]",
}


def config_of(
    folder: Path, route: str, *more: str, kind: str = "pagerduty", version: str = "0.34.2"
) -> AlertmanagerConfig:
    """A configuration with receivers one to three of a kind that tells of resolves."""
    path = folder / "alertmanager.yml"
    path.write_text(
        f"route: {{{route}}}\n{chr(10).join(more)}\nreceivers:\n"
        + "".join(f"- name: {name}\n  {WAYS[kind]}\n" for name in ("one", "two", "three"))
        + f"- name: both\n  {WAYS['slack']}\n  {WAYS['pagerduty']}\n- name: nobody\n"
    )
    return load_alertmanager(path, version=version)


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
        # Prometheus sends A's resolve again for 15 minutes, so the last one has it, too
        [(30, "first", "A B", ""), (330, "resolved", "B", "A"), (1230, "resolved", "", "A B")],
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


def test_at_one_time_the_order_is_that_of_the_configuration(tmp_path: Path) -> None:
    """Receivers, and the integrations of one, stand as the configuration has them."""
    routes = "".join(f"{{receiver: {name}, continue: true}}, " for name in ("both", "two", "one"))
    config = config_of(tmp_path, f"receiver: one, {TIMING}, routes: [{routes}]")
    rows = simulate_notifications(episodes_of(("A", 0, FOREVER)), config, end_ms=100_000)
    assert list(zip(rows["receiver"], rows["integration"], strict=True)) == [
        ("one", "pagerduty"), ("two", "pagerduty"),
        *(("both", one.kind) for one in config.receivers["both"]),
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
    "resolved while muted: told by the next send of the resolve": (
        # sent again at 320, 440, …: a group of its own at 440, old enough for a flush at once
        [("T.x", 0, 200), ("S.x", 100, 400)],
        [(30, "first", "T.x", ""), (440, "resolved", "", "T.x")]),
    "resolved while muted for 15 minutes: never told": (
        # at 1040 it is sent for the last time
        [("T.x", 0, 200), ("S.x", 100, 1041)], [(30, "first", "T.x", "")]),
    "fires again after that: silent until the repeat": (
        [("T.x", 0, 200), ("S.x", 100, 400), ("T.x", 430, 1500)],
        # a new group at 430, ticks 460, 760, …; the log of 30 s still says firing
        [(30, "first", "T.x", ""), (760, "repeat", "T.x", ""), (1660, "resolved", "", "T.x")]),
    "one of two muted, the other resolves": (
        [("T.x", 0, 2000), ("T.y", 0, 300), ("S.x", 100, 700)],
        [(30, "first", "T.x T.y", ""), (330, "resolved", "", "T.y"), (930, "first", "T.x", "T.y"),
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
