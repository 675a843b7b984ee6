"""Many scenarios, played to real Alertmanagers at once, and what the simulation says of them."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from live_alertmanager import Live, alertmanager
from live_scenarios import (
    EDGE_MS,
    SECONDS,
    Late,
    Scenario,
    canary,
    configuration,
    random_scenario,
    receivers_at,
)
from local_receivers import TEMPLATE, Told, receiving
from shown_scenarios import SHOWN

from alertlab.notify import AlertmanagerConfig, load_alertmanager, simulate_notifications
from alertlab.notify.sending import Post, Sending
from alertlab.notify.upkeep import Upkeep
from alertlab.promql import Matcher
from alertlab.units import SECOND_MS, format_labels

SEED = int(os.environ.get("ALERTLAB_RANDOM_SEED", "1"))
RANDOM = [random_scenario(number, SEED) for number in range(150)]
CANARIES = {wait_ms: canary(wait_ms) for wait_ms in (0, 250, 500, 750)}
SCENARIOS = [scenario for scenario, _ in SHOWN] + RANDOM + list(CANARIES.values())
# A scenario counts if what is told does not depend on whether a send is late by this or less, and
# Alertmanager started this much earlier or later.
LATE_MS = 300
TRIALS = 20  # simulations with delays
TOLERANCE_MS = 700  # of a notification's time: a busy machine may deliver a mail half a second late


@dataclass
class Judged:
    """What one release was given and what it told."""

    config: AlertmanagerConfig
    live: Live
    begin_ms: int
    told: list[Told]
    delays: list[float] = field(default_factory=list)  # of sends, seconds

    @property
    def end(self) -> float:
        """Until when what is told is compared: no notification is late from before to after it."""
        return self.begin_ms / SECOND_MS + SECONDS - 0.52

    def upkeep(self, earlier_ms: int) -> Upkeep:
        """Return when it tidies up, had it started so much earlier."""
        known = self.live.upkeep
        return replace(known, started_ms=known.started_ms - earlier_ms)

    def simulate(self, scenario: Scenario, sending: Sending, earlier_ms: int = 0) -> list[Told]:
        """Return what the simulation says that a scenario's receivers are told."""
        rows = simulate_notifications(
            scenario.episodes(self.begin_ms),
            self._part(scenario),
            end_ms=self.begin_ms + SECONDS * SECOND_MS,
            sending=sending,
            silences=scenario.silenced(self.begin_ms),
            upkeep=self.upkeep(earlier_ms),
        )
        return [
            Told(
                one.at.timestamp(), one.receiver, one.integration, one.group_labels, one.reason,
                frozenset(one.firing), frozenset(one.resolved),
            )
            for one in rows.itertuples()
            if one.at.timestamp() < self.end
        ]  # fmt: skip

    def _part(self, scenario: Scenario) -> AlertmanagerConfig:
        """Return the configuration without what concerns other scenarios only."""
        own = Matcher("scenario", "=", scenario.label)
        root = self.config.route
        return replace(
            self.config,
            route=replace(root, children=(root.children[SCENARIOS.index(scenario)],)),
            inhibit_rules=tuple(one for one in self.config.inhibit_rules if own in one.sources),
        )

    @cached_property
    def decided(self) -> dict[str, list[Told]]:
        """What is expected of each scenario that real time decides, whatever delays there are."""
        found = {}
        for scenario in SCENARIOS:
            expected = self.simulate(scenario, scenario.sending())
            if not any(_unmatched(expected, told) for told in self._delayed(scenario)):
                found[scenario.label] = expected
        return found

    def _delayed(self, scenario: Scenario) -> Iterator[list[Told]]:
        end_ms = self.begin_ms + SECONDS * SECOND_MS
        posts = scenario.sending().posts(scenario.episodes(self.begin_ms), end_ms)
        sent = {
            labels: [one for post in some for one in post.singles()]
            for labels, some in posts.items()
        }
        for trial in range(TRIALS):
            late = Late(sent=sent, begin_ms=self.begin_ms, late_ms=LATE_MS, trial=trial)
            yield self.simulate(scenario, late, earlier_ms=(trial % 3 - 1) * LATE_MS)

    @cached_property
    def found(self) -> dict[str, list[Told]]:
        """What came in, by scenario."""
        found: dict[str, list[Told]] = defaultdict(list)
        for one in self.told:
            if one.at < self.end:
                found[dict(next(iter(one.firing | one.resolved)))["scenario"]].append(one)
        return found

    def late_seconds(self) -> float:
        """Return how late the latest send and the latest notification of a canary were together."""
        begin, late = self.begin_ms / SECOND_MS, 0.0
        for wait_ms, scenario in CANARIES.items():
            told = [one.at for one in self.found[scenario.label]]
            for second in range(SECONDS - 1):
                at = begin + second + wait_ms / SECOND_MS
                late = max(late, min((abs(one - at) for one in told), default=math.inf))
        return late + max(self.delays)

    def disagreements(self, scenarios: Sequence[Scenario]) -> list[str]:
        """Return what is not the same, of the scenarios that are decided."""
        return [
            f"{scenario.name}: {problem} {_written(told, self.begin_ms)}"
            for scenario in scenarios
            if scenario.label in self.decided
            for problem, told in _unmatched(
                self.decided[scenario.label], self.found[scenario.label]
            )
        ]


def _unmatched(expected: list[Told], found: list[Told]) -> list[tuple[str, Told]]:
    """Match notifications one to one within the tolerance; return what is left of both."""
    left = sorted(found, key=lambda one: one.at)
    missing = []
    for one in sorted(expected, key=lambda one: one.at):
        match = next((other for other in left if _same(one, other)), None)
        if match is None:
            missing.append(("missing", one))
        else:
            left.remove(match)
    return missing + [("not expected", one) for one in left]


def _same(one: Told, other: Told) -> bool:
    told = other.reason is None or one.reason == other.reason
    near = abs(one.at - other.at) * SECOND_MS <= TOLERANCE_MS
    return told and near and one[1:4] == other[1:4] and one[5:7] == other[5:7]


def _written(told: Told, begin_ms: int) -> str:
    firing, resolved = (sorted(map(format_labels, some)) for some in (told.firing, told.resolved))
    at = told.at - begin_ms / SECOND_MS
    return f"{at:.2f} {told.receiver} {told.integration} {told.reason} {firing} / {resolved}"


def play(programs: dict[str, str], folder: Path) -> dict[str, Judged]:
    """Start the programs, play all scenarios to them at the same time, and stop them."""
    with ExitStack() as stack:
        running = {}
        for name, program in programs.items():
            http, mail, told = stack.enter_context(receiving())
            version = _version(program)
            template, file = folder / f"{name}.tmpl", folder / f"{name}.yml"
            reason = "{{ .NotificationReason }}" if version >= "0.32" else ""
            template.write_text(TEMPLATE.replace("REASON", reason))
            receivers = receivers_at(http, mail)
            document = configuration(SCENARIOS, int(time.time()), receivers, str(template))
            file.write_text(json.dumps(document))
            running[name] = stack.enter_context(alertmanager(program, file)), file, version, told
        configs = {
            name: load_alertmanager(file, version=version)
            for name, (_, file, version, _) in running.items()
        }
        posts = _posts()
        begin_ms = (int(time.time()) + 5) * SECOND_MS - EDGE_MS  # so that minutes begin there, too
        judged = {
            name: Judged(configs[name], live, begin_ms, told)
            for name, (live, _, _, told) in running.items()
        }
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda one: _send(one, posts), judged.values()))
    return judged


def _send(judged: Judged, posts: dict[int, list[Post]]) -> None:
    begin_ms = judged.begin_ms
    judged.live.silence([one for scenario in SCENARIOS for one in scenario.silenced(begin_ms)])
    judged.delays += judged.live.play(posts, begin_ms, begin_ms + SECONDS * SECOND_MS)


def _posts() -> dict[int, list[Post]]:
    """Return the single sends of all scenarios by their times after the beginning, ms."""
    posts: dict[int, list[Post]] = defaultdict(list)
    for scenario in SCENARIOS:
        sent = scenario.sending().posts(scenario.episodes(0), SECONDS * SECOND_MS - 1)
        for one in (single for some in sent.values() for post in some for single in post.singles()):
            posts[one.sends[0]].append(one)
    return posts


def _version(program: str) -> str:
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    return re.search(r"version (\d+\.\d+\.\d+)", said.stdout + said.stderr)[1]
