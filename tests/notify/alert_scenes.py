"""Random route trees, episodes, silences and releases; all times are multiples of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from alertlab.notify.config import AlertmanagerConfig, InhibitRule, Integration, Route
from alertlab.notify.profiles import profile_of
from alertlab.notify.relabel import Relabel
from alertlab.notify.sending import Sending
from alertlab.notify.silences import Silence
from alertlab.notify.upkeep import Upkeep
from alertlab.promql import Matcher
from alertlab.units import MINUTE_MS, label_set

STEP = MINUTE_MS // 2  # few enough steps that ties are frequent
STEPS = 130  # longer than resolved alerts and sources are kept
NAMES = ["A", "S", "T"]
VERSIONS = ["0.25", "0.30", "0.31", "0.32", "0.34.2"]
RECEIVERS = {
    "both": (Integration("pagerduty", 0, True), Integration("slack", 0, False)),
    "quiet": (Integration("email", 0, False),),
    "loud": (Integration("webhook", 0, True),),
    "nobody": (),
}


@dataclass(frozen=True)
class Recurring:
    """A time interval: the first ``length`` of every ``period`` minutes."""

    period: int
    length: int

    def contains(self, at_ms: np.ndarray) -> np.ndarray:
        """Tell for each time whether it lies in the interval."""
        return at_ms // MINUTE_MS % self.period < self.length

    def change_times(self, start_ms: int, end_ms: int) -> np.ndarray:
        """Return the times after ``start_ms``, up to ``end_ms``, at which that changes."""
        first = (start_ms // MINUTE_MS + 1) * MINUTE_MS
        at_ms = np.arange(first, end_ms + 1, MINUTE_MS, dtype=np.int64)
        return at_ms[self.contains(at_ms) != self.contains(at_ms - 1)]


INTERVALS: Mapping[str, Recurring] = {"often": Recurring(7, 3), "late": Recurring(1000, 40)}


def steps(low: int, high: int) -> st.SearchStrategy[int]:
    """Whole steps in ms."""
    return st.integers(low, high).map(lambda count: count * STEP)


def matchers() -> st.SearchStrategy[tuple[Matcher, ...]]:
    """None, or one on the name or the pod of an alert."""
    return st.sampled_from(
        [
            (),
            (Matcher("alertname", "=", "A"),),
            (Matcher("alertname", "=~", "S|T"),),
            (Matcher("alertname", "!=", "T"),),
            (Matcher("pod", "=", "x"),),
            (Matcher("pod", "=", ""),),
        ]
    )


@st.composite
def routes(draw: st.DrawFn, above: str = "", place: str = "", depth: int = 0) -> Route:
    """A node and what is below it; two siblings often have the same matchers and receiver."""
    own = draw(matchers()) if depth else ()
    key = f"{above}/{own}"
    names = st.lists(st.sampled_from(list(INTERVALS)), max_size=2).map(tuple)
    timed = draw(st.integers(0, 3)) == 0
    by = st.sampled_from([frozenset(), frozenset({"alertname"}), frozenset({"pod"}), None])
    count = draw(st.integers(0, 3 - depth)) if depth < 2 else 0
    children = [draw(routes(key, f"{place}{i}/", depth + 1)) for i in range(count)]
    if children and draw(st.booleans()):
        children.insert(0, draw(siblings(children[0])))
    return Route(
        id=f"{place}{key}",
        key=key,
        receiver=draw(st.sampled_from(list(RECEIVERS))),
        matchers=own,
        continues=draw(st.booleans()),
        group_by=draw(by),
        group_wait_ms=draw(st.one_of(steps(0, 4), steps(0, 60))),
        group_interval_ms=draw(st.one_of(steps(1, 4), steps(1, 12))),
        repeat_interval_ms=draw(st.one_of(steps(1, 12), steps(1, 60))),
        mute_intervals=draw(names) if timed else (),
        active_intervals=draw(names) if timed else (),
        children=tuple(children),
    )


@st.composite
def siblings(draw: st.DrawFn, of: Route) -> Route:
    """Another route with the same matchers and receiver, and times of its own."""
    other = draw(routes())
    return replace(
        other, id=f"sibling of {of.id}", key=of.key, matchers=of.matchers, receiver=of.receiver,
        continues=True, children=(),
    )  # fmt: skip


@st.composite
def inhibit_rules(draw: st.DrawFn) -> InhibitRule:
    """A rule whose sides often overlap."""
    sides = st.sampled_from(["S", "S|T", "T|A", "A|S", ".*"])
    return InhibitRule(
        (Matcher("alertname", "=~", draw(sides)),),
        (Matcher("alertname", "=~", draw(sides)),),
        draw(st.sampled_from([(), ("pod",)])),
    )


configs = st.builds(
    AlertmanagerConfig,
    route=routes(),
    receivers=st.just(RECEIVERS),
    inhibit_rules=st.lists(inhibit_rules(), max_size=2).map(tuple),
    time_intervals=st.just(INTERVALS),
    resolve_timeout_ms=st.just(5 * MINUTE_MS),
    profile=st.sampled_from(VERSIONS).map(profile_of),
)


@st.composite
def episode_frames(draw: st.DrawFn, *, crowded: bool = False) -> pd.DataFrame:
    """Runs of some alerts of rules that have intervals, gaps and limits of their own.

    crowded : the rules give one or two alerts only, so that one alert has several senders
    """
    rows = []
    for number in range(draw(st.integers(1, 5))):
        interval = draw(st.integers(1, 4))
        slots = range(draw(st.integers(0, interval - 1)), STEPS, interval)
        edges = sorted(draw(st.sets(st.integers(0, len(slots) - 1), max_size=9)))
        busy = {slots[edge] for edge in edges}
        gaps = []
        for start, length in draw(st.lists(st.tuples(st.integers(0, STEPS), st.integers(1, 40)))):
            if not busy & set(range(start, start + length)):
                gaps.append((start * STEP, (start + length) * STEP))
        labels = {"alertname": draw(st.sampled_from(NAMES[: 2 if crowded else 3]))}
        if not crowded:
            labels["pod"] = draw(st.sampled_from(["", "x", "y"]))
            labels["rule"] = str(number) if draw(st.integers(0, 3)) else ""
        for active, fired, resolved in zip(
            edges[::3], edges[1::3], [*edges[2::3], None], strict=False
        ):
            at_once, pending = draw(st.booleans()), draw(st.integers(0, 5)) == 0
            rows.append(
                (
                    f"rule {number}", label_set(labels), slots[active],
                    None if pending else slots[active if at_once else fired],
                    None if resolved is None else slots[resolved],
                    interval * STEP, tuple(gaps), draw(st.integers(0, 5)) == 0,
                )
            )  # fmt: skip
    frame = pd.DataFrame(rows, columns=[
        "rule", "labels", "active_at", "fired_at", "resolved_at", "interval_ms", "gaps", "dropped",
    ])  # fmt: skip
    for column in ("active_at", "fired_at", "resolved_at"):
        at = frame[column].astype("Int64") * STEP
        frame[column] = pd.to_datetime(at, unit="ms", utc=True)
    return frame


silences = st.builds(
    lambda own, start, length: Silence(own, start, start + length),
    matchers().filter(bool), steps(0, STEPS), steps(0, 40),
)  # fmt: skip
upkeeps = st.builds(
    Upkeep,
    started_ms=steps(-5, 0),
    groups_interval_ms=steps(1, 8),
    log_interval_ms=steps(1, 20),
    log_retention_ms=steps(5, 100),
    alerts_interval_ms=st.one_of(steps(1, 10), steps(1, 60)),
)
sendings = st.builds(
    Sending,
    resend_delay_ms=st.one_of(steps(0, 4), steps(0, 12)),
    external_labels=st.sampled_from([(), (("pod", "x"),)]),
    alert_relabel=st.sampled_from(
        [
            (),
            (Relabel("labeldrop", regex="pod|rule"),),
            (Relabel("drop", ("alertname",), regex="A"),),
            (Relabel("replace", ("pod",), target_label="alertname", regex="(x)", replacement="S"),),
        ]
    ),
)
