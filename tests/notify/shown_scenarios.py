"""Scenarios that each show one fact about Alertmanager, with what is told worked out by hand.

``SHOWN`` has scenarios and, from a release on, what is told: second, reason, firing / resolved
alerts, by webhook where nothing else is said.  Groups are flushed at halves of a second unless an
old alert creates one.  A rule that runs every second sends an alert again after two.
"""

from __future__ import annotations

import re
from typing import Any

from live_scenarios import Run, Scenario

_TOLD = re.compile(r"(\S+) (?:(slack) )?(first|new alerts|resolved|repeat)([^/]*)(?:/(.*))?")


def told_by(version: str, told: dict[str, str]) -> list[tuple]:
    """Return (second, integration, reason, firing, resolved), sorted, of a release."""
    since = max(one for one in told if one <= version)
    found = [_TOLD.fullmatch(line.strip()) for line in told[since].strip().splitlines()]
    return sorted(
        (float(one[1]), one[2] or "webhook", one[3], one[4].strip(), (one[5] or "").strip())
        for one in found
    )


def _route(receiver: str = "hook", **more: Any) -> dict[str, Any]:
    timers = {"group_wait": "500ms", "group_interval": "4s", "repeat_interval": "2m"}
    return {"receiver": receiver, "group_by": [], **timers, **more}


def run(alert: str, fired: int, resolved: int | None = None, **more: Any) -> Run:
    """A run that fires when it becomes active."""
    return Run(alert, fired, fired, resolved, **more)


SHOWN: list[tuple[Scenario, dict[str, str]]] = [
    (
        # Sent again at 8, 10, …, 30.  Where the group is gone it comes back for a moment.
        Scenario(
            "a resolve that was muted is told by a later send of it",
            _route(), (run("A.x", 1, 6),), silences=(("A", 3, 29),),
        ),
        {"0.25": "1.5 first A.x\n29.5 resolved / A.x", "0.32": "1.5 first A.x\n30 resolved / A.x"},
    ),
    (
        # Written at 1.5 it expires at 5.5, and is removed within 20 seconds.
        Scenario(
            "not if the log has forgotten it",
            _route(repeat_interval="2s"), (run("A.x", 1, 6),), silences=(("A", 3, 29),),
        ),
        {"0.25": "1.5 first A.x"},
    ),
    (
        Scenario(
            "an alert that is no longer muted is not told again",
            _route(), (run("A.x", 1),), silences=(("A", 2, 12),),
        ),
        {"0.25": "1.5 first A.x"},
    ),
    (
        Scenario(
            "while one is muted the others resolve: then it is first again",
            _route(), (run("A.x", 1), run("B.x", 1, 4)), silences=(("A", 2, 12),),
        ),
        {"0.25": "1.5 first A.x B.x\n5.5 resolved / B.x\n13.5 first A.x / B.x"},
    ),
    (
        Scenario(
            "without send_resolved an alert that fires again is not told",
            _route("pair"), (run("A.x", 1), run("B.x", 1, 4), run("B.x", 9)),
        ),
        {
            "0.25": "1.5 first A.x B.x\n1.5 slack first A.x B.x\n"
            "5.5 resolved A.x / B.x\n9.5 new alerts A.x B.x"
        },
    ),
    (
        Scenario(
            "without send_resolved the end of all is not told, but known",
            _route("hush"), (run("A.x", 1, 4), run("A.x", 8, 20)),
        ),
        {"0.25": "1.5 first A.x\n9.5 first A.x", "0.32": "1.5 first A.x\n8.5 first A.x"},
    ),
    (
        Scenario(
            "siblings with the same matchers share what was told",
            _route(routes=[{"continue": True}, {"group_wait": "2500ms"}]), (run("A.x", 1),),
        ),
        {"0.25": "1.5 first A.x"},
    ),
    (
        # One groups A with A.x; what the other tells of A alone makes A.x new to the first.
        Scenario(
            "siblings that group by other labels make each other's alerts new",
            _route(routes=[
                {"continue": True, "group_by": ["alertname", "scenario"]},
                {"group_by": ["..."], "group_wait": "2500ms", "repeat_interval": "4s"},
            ]),
            (run("A", 1, 12), run("A.x", 1, 12)),
        ),
        {
            "0.25": "1.5 first A A.x\n3.5 first A.x\n7.5 repeat A\n9.5 new alerts A A.x\n"
            "11.5 repeat A.x\n13.5 resolved / A A.x\n15.5 resolved / A.x"
        },
    ),
    (
        Scenario(
            "siblings that are flushed at the same time both tell",
            _route(routes=[{"continue": True}, {}]), (run("A.x", 1), run("B.x", 3)),
        ),
        {"0.25": "1.5 first A.x\n1.5 first A.x\n5.5 new alerts A.x B.x\n5.5 new alerts A.x B.x"},
    ),
    (
        Scenario(
            "an emptied group lives on until it is tidied up, up to 0.31",
            _route(), (run("A.x", 1, 4), run("A.x", 7)),
        ),
        {
            "0.25": "1.5 first A.x\n5.5 resolved / A.x\n9.5 first A.x",
            "0.32": "1.5 first A.x\n5.5 resolved / A.x\n7.5 first A.x",
        },
    ),
    (
        Scenario("a repeat is a tick late", _route(repeat_interval="8s"), (run("A.x", 1),)),
        {
            "0.25": "1.5 first A.x\n13.5 repeat A.x\n25.5 repeat A.x\n37.5 repeat A.x\n"
            "49.5 repeat A.x\n61.5 repeat A.x"
        },
    ),
    (
        Scenario(
            "an alert that was never told resolves", _route(), (run("A.x", 1), run("B.x", 2, 4)),
        ),
        {"0.25": "1.5 first A.x\n5.5 resolved A.x / B.x"},
    ),
    (
        # The rule of A sends at 6, 9, 12, …; at 8.5 A has left the group, at 10.5 it is back.
        Scenario(
            "a resolve is told twice",
            _route(group_interval="2s"),
            (run("A.x", 0, 6, interval=3), run("B.x", 0), run("C.x", 8)), resend_delay=2,
        ),
        {
            "0.25": "0.5 first A.x B.x\n6.5 resolved B.x / A.x\n8.5 new alerts B.x C.x\n"
            "10.5 resolved B.x C.x / A.x"
        },
    ),
    (
        # Sent at 3 for the last time, with an end at 7; from 20 on it is old, so told at once.
        Scenario(
            "an alert that is not sent times out", _route(), (run("A.x", 1, gaps=((5, 20),)),),
        ),
        {
            "0.25": "1.5 first A.x\n9.5 resolved / A.x\n21.5 first A.x",
            "0.32": "1.5 first A.x\n9.5 resolved / A.x\n20 first A.x",
        },
    ),
    (
        # Timed out at 5.  At 42 it is old, in a group that B has created and that waits until 44.5.
        Scenario(
            "an old alert hurries a waiting group, up to 0.29",
            _route(group_wait="4500ms"), (run("A.x", 1, gaps=((2, 42),)), run("B.x", 40)),
        ),
        {"0.25": "42 first A.x B.x", "0.30": "44.5 first A.x B.x"},
    ),
    (
        Scenario(
            "a target is told at the first tick after its source",
            _route(group_by=["alertname"]), (run("S.x", 1, 3), run("T.x", 1)),
            inhibit=(("S", "T", ("pod",)),),
        ),
        {"0.25": "1.5 first S.x\n5.5 resolved / S.x\n5.5 first T.x"},
    ),
    (
        Scenario(
            "a silenced source inhibits as well",
            _route(group_by=["alertname"]), (run("S.x", 1), run("T.x", 1, 20)),
            inhibit=(("S", "T", ("pod",)),), silences=(("S", 0, 90),),
        ),
        {"0.25": ""},
    ),
    (
        Scenario(
            "alerts on both sides do not inhibit each other",
            _route(group_by=["pod"]), (run("S.x", 1), run("T.y", 1)),
            inhibit=(("S|T", "S|T", ()),),
        ),
        {"0.25": "1.5 first S.x\n1.5 first T.y"},
    ),
    (
        # S is sent at 2, 10, 18, 26, A at 4, 12, 20: after its resolve at 24 none is indexed.
        Scenario(
            "one of two sources inhibits until the other is sent, from 0.30 to 0.34.0",
            _route("nobody", routes=[
                {"matchers": ['alertname="T"'], "receiver": "hook", "group_interval": "2s"},
            ]),
            (run("S.x", 2, interval=4), run("A.x", 4, 24, interval=4), run("T.x", 3)),
            inhibit=(("S|A", "T", ()),), resend_delay=7,
        ),
        {"0.25": "", "0.30": "25.5 first T.x", "0.34.1": ""},
    ),
    (
        # A limit empties the rule's memory at 4; what was sent at 3 holds until 7.
        Scenario(
            "an alert that was dropped and fires again is the same",
            _route(), (run("A.x", 1, 4, dropped=True), run("A.x", 5, 8)),
        ),
        {"0.25": "1.5 first A.x\n9.5 resolved / A.x"},
    ),
]  # fmt: skip
