"""Scenarios for a real Alertmanager, many of which run side by side in one server.

A scenario is kept apart by its label: a route of its own, inhibition and silences of its own.
Alerts are sent at whole seconds after a common beginning, flushes mostly fall on halves, and
silences and minutes begin and end between both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import pandas as pd

from alertlab.notify.relabel import Relabel
from alertlab.notify.sending import Post, Sending
from alertlab.notify.silences import Silence
from alertlab.promql import Matcher
from alertlab.units import SECOND_MS, LabelSet, label_set

SECONDS = 64  # the length of a run
EDGE_MS = 400  # after a second silences begin and end
ONE_POD = Relabel("labeldrop", regex="pod")  # alerts of several pods become one
MINUTES = ("this_minute", "next_minute", "minute_after")


@dataclass(frozen=True)
class Run:
    """An episode of the alert ``A.x``: the alert A of pod x; times in seconds."""

    alert: str
    active: int
    fired: int | None
    resolved: int | None
    interval: int = 1
    gaps: tuple[tuple[int, int], ...] = ()
    dropped: bool = False


@dataclass(frozen=True, eq=False)
class Scenario:
    """Alerts and what is configured for them.

    route : the settings of its route, as in YAML, without its matcher
    inhibit : (sources, targets, equal) by alert name, sides as regular expressions
    silences : (alert name, start, end)
    """

    name: str
    route: dict[str, Any]
    runs: tuple[Run, ...]
    inhibit: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    silences: tuple[tuple[str, int, int], ...] = ()
    resend_delay: int = 1
    alert_relabel: tuple[Relabel, ...] = ()

    @property
    def label(self) -> str:
        """The value of its label."""
        return re.sub("[^a-z0-9]+", "-", self.name)

    def sending(self) -> Sending:
        """Return how its Prometheus sends: its external label is the scenario."""
        own = (("scenario", self.label),)
        return Sending(self.resend_delay * SECOND_MS, own, self.alert_relabel)

    @cache  # noqa: B019 (there are some hundred scenarios)
    def episodes(self, begin_ms: int) -> pd.DataFrame:
        """Return its runs as episodes."""
        frame = pd.DataFrame(
            [
                (
                    f"{run.alert} every {run.interval}s", _labels(run.alert), run.active, run.fired,
                    run.resolved, run.interval * SECOND_MS, run.dropped,
                    tuple(tuple(begin_ms + SECOND_MS * at for at in gap) for gap in run.gaps),
                )
                for run in self.runs
            ],
            columns=[
                "rule", "labels", "active_at", "fired_at", "resolved_at", "interval_ms", "dropped",
                "gaps",
            ],
        )  # fmt: skip
        for column in ("active_at", "fired_at", "resolved_at"):
            at = frame[column].astype("Int64") * SECOND_MS + begin_ms
            frame[column] = pd.to_datetime(at, unit="ms", utc=True)
        return frame

    def silenced(self, begin_ms: int) -> list[Silence]:
        """Return its silences."""
        return [
            Silence(
                (Matcher("scenario", "=", self.label), Matcher("alertname", "=", alert)),
                begin_ms + start * SECOND_MS + EDGE_MS,
                begin_ms + end * SECOND_MS + EDGE_MS,
            )
            for alert, start, end in self.silences
        ]


@dataclass(frozen=True)
class Late(Sending):
    """A Prometheus whose sends come up to ``late_ms`` late: which ones differs with the trial.

    In the first two trials all are late alike, then those whose second has a certain bit, then each
    by chance.
    """

    sent: Mapping[LabelSet, list[Post]] = field(default_factory=dict)
    begin_ms: int = 0
    late_ms: int = 0
    trial: int = 0

    def posts(self, episodes: pd.DataFrame, end_ms: int) -> dict[LabelSet, list[Post]]:
        """Return single posts, each at the time at which it arrives."""
        chance, bits = Random(self.trial), SECONDS.bit_length() - 1

        def delay_ms(at_ms: int) -> int:
            if self.trial < 2:
                return (self.late_ms, self.late_ms // 20)[self.trial]
            if self.trial < 2 + bits:
                second = (at_ms - self.begin_ms) // SECOND_MS
                return self.late_ms * (second >> (self.trial - 2) & 1)
            return chance.choice([0, 0, self.late_ms // 2, self.late_ms])

        def late(one: Post) -> Post:
            at = one.sends[0] + delay_ms(one.sends[0])
            return one._replace(sends=range(at, at + 1))

        return {
            labels: sorted(map(late, posts), key=lambda one: one.sends[0])
            for labels, posts in self.sent.items()
        }


def configuration(
    scenarios: Sequence[Scenario], at: int, receivers: list[dict[str, Any]], template: str
) -> dict[str, Any]:
    """Return the configuration of a server for all scenarios; ``at`` (unix seconds) is now."""
    now = datetime.fromtimestamp(at, UTC)
    minutes = [now + timedelta(minutes=i) for i in range(len(MINUTES))]
    return {
        "route": {
            "receiver": "nobody",
            "routes": [
                {"matchers": [f'scenario="{one.label}"'], **one.route} for one in scenarios
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": [f'scenario="{one.label}"', f'alertname=~"{sources}"'],
                "target_matchers": [f'scenario="{one.label}"', f'alertname=~"{targets}"'],
                "equal": list(equal),
            }
            for one in scenarios
            for sources, targets, equal in one.inhibit
        ],
        "time_intervals": [
            {"name": name, "time_intervals": [{"times": [_times(minute)]}]}
            for name, minute in zip(MINUTES, minutes, strict=True)
        ],
        "receivers": receivers,
        "templates": [template],
    }  # fmt: skip


def _times(minute: datetime) -> dict[str, str]:
    following = minute + timedelta(minutes=1)
    ends = "24:00" if following.day != minute.day else f"{following:%H:%M}"
    return {"start_time": f"{minute:%H:%M}", "end_time": ends}


def canary(wait_ms: int) -> Scenario:
    """Return a scenario that is told of every second, ``wait_ms`` after it."""
    timers = {"group_wait": f"{wait_ms}ms", "group_interval": "1s", "repeat_interval": "1ms"}
    return Scenario(f"canary {wait_ms}", {"receiver": "hook", **timers}, (Run("A.x", 0, 0, None),))


def random_scenario(number: int, seed: int) -> Scenario:
    """Return a scenario by chance."""
    chance = Random(f"{seed} {number}")
    alerts = chance.sample(["A.x", "A.y", "S.x", "T.x", "T.y"], chance.randint(1, 4))
    runs = tuple(run for alert in alerts for run in _random_runs(alert, chance))
    rules = [("S", "T", ("pod",)), ("S", "T|A", ()), ("A|S", "A|T", ("pod",)), ("T", "A", ())]
    silences = [
        (chance.choice("AST"), start, start + chance.choice([3, 8, 20]))
        for start in chance.sample(range(1, 50), chance.choice([0, 0, 1, 2]))
    ]
    return Scenario(
        name=f"random-{number}",
        route=_random_route(chance, depth=0),
        runs=runs,
        inhibit=tuple(chance.sample(rules, chance.choice([0, 0, 1, 2]))),
        silences=tuple(silences),
        resend_delay=chance.choice([1, 2]),
        alert_relabel=chance.choice([(), (), (), (ONE_POD,)]),
    )


def _random_runs(alert: str, chance: Random) -> list[Run]:
    """Return the runs of one alert: short and long ones, close by and far from each other."""
    interval = chance.choice([1, 1, 2, 3])
    runs: list[Run] = []
    at = chance.randint(0, 12)
    while at < SECONDS - 8:
        at += -at % interval
        hold = interval * chance.choice([0, 0, 0, 1])
        length = interval * chance.choice([1, 2, 3, 4, 8, 12, 20])
        pending = hold > 0 and chance.random() < 0.3
        end = at + hold + length
        runs.append(
            Run(
                alert, at, None if pending else at + hold, end if end < SECONDS else None,
                interval, dropped=chance.random() < 0.1,
            )
        )  # fmt: skip
        at = end + chance.choice([1, 2, 3, 6, 9, 15])
    return [replace(run, gaps=_random_gaps(runs, chance)) for run in runs]


def _random_gaps(runs: list[Run], chance: Random) -> tuple[tuple[int, int], ...]:
    busy = {at for run in runs for at in (run.active, run.fired, run.resolved)}
    gaps = [(at, at + chance.choice([2, 4, 9, 14])) for at in chance.sample(range(SECONDS), 3)]
    return tuple((start, end) for start, end in gaps if not busy & set(range(start, end)))


def _random_route(chance: Random, depth: int) -> dict[str, Any]:
    interval = chance.choice([2, 3, 4, 6])
    repeat_ms = interval * chance.choice([1000, 1500, 2000, 3000, 3500, 20000])
    route: dict[str, Any] = {
        "receiver": chance.choice(RECEIVER_NAMES),
        "group_by": chance.choice([[], ["alertname"], ["pod"], ["..."]]),
        "group_wait": chance.choice(["0s", *["500ms"] * 5, *["1500ms", "2500ms", "4500ms"] * 2]),
        "group_interval": f"{interval}s",
        "repeat_interval": f"{repeat_ms}ms",
    }
    if depth and chance.random() < 0.5:
        route["matchers"] = [chance.choice(['alertname="A"', 'alertname=~"S|T"', 'pod="x"'])]
    if depth:
        route["continue"] = chance.random() < 0.6
        if chance.random() < 0.3:
            del route["group_by"]
    if chance.random() < 0.3:
        kind = chance.choice(["mute_time_intervals", "active_time_intervals"])
        route[kind] = chance.sample(MINUTES, chance.choice([1, 2]))
    if depth < 2:
        count = chance.choice([0, 0, 1, 2, 3]) if depth == 0 else chance.choice([0, 0, 0, 2])
        route["routes"] = [_random_route(chance, depth + 1) for _ in range(count)]
    return route


RECEIVER_NAMES = ("hook", "hush", "pager", "pair", "chat", "mail", "post", "nobody")


def receivers_at(http: str, mail: str) -> list[dict[str, Any]]:
    """Return receivers of all kinds, telling of resolves or not, that send to these addresses."""

    def slack(**more: Any) -> dict[str, Any]:
        told = {"channel": "alerts", "text": '{{ template "told" . }}'}
        return {"slack_configs": [{"api_url": f"{http}/slack", **told, **more}]}

    def pagerduty(**more: Any) -> dict[str, Any]:
        told = {"routing_key": "key", "description": '{{ template "told" . }}'}
        return {"pagerduty_configs": [{"url": f"{http}/pagerduty", **told, **more}]}

    def webhook(**more: Any) -> dict[str, Any]:
        return {"webhook_configs": [{"url": f"{http}/webhook", **more}]}

    def post(**more: Any) -> dict[str, Any]:
        letter = {
            "to": "to@example.org", "from": "from@example.org", "smarthost": mail,
            "require_tls": False, "hello": "localhost",
            "headers": {"Subject": '{{ template "told" . }}'}, "html": "", "text": "see above",
        }  # fmt: skip
        return {"email_configs": [letter | more]}

    return [
        {"name": "hook", **webhook()},
        {"name": "hush", **webhook(send_resolved=False)},
        {"name": "pager", **pagerduty()},
        {"name": "pair", **webhook(), **slack()},
        {"name": "chat", **slack(send_resolved=True)},
        {"name": "mail", **post()},
        {"name": "post", **post(send_resolved=True)},
        {"name": "nobody"},
    ]  # fmt: skip


def _labels(alert: str) -> LabelSet:
    name, _, pod = alert.partition(".")
    return label_set({"alertname": name, "pod": pod})
