"""Which number is the knob: what each alone would save, Alertmanager's among them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from alertlab.incidents import epoch_ms
from alertlab.notify import REPEAT, AlertmanagerConfig, Route
from alertlab.replay import EvaluatedRule, find_episodes
from alertlab.tuning.candidates import rows_of
from alertlab.tuning.recommend import Constraints, best_of, feasible, well_within
from alertlab.tuning.score import Score
from alertlab.tuning.setting import KNOBS, Setting, Span
from alertlab.tuning.yardstick import Yardstick
from alertlab.units import HOUR_MS, format_duration

KNOB_COLUMNS = ["knob", "now", "then", "saved", "caught", "returned", "repeats_saved"]
_NAMES = {
    "threshold": "threshold",
    "window_ms": "window",
    "hold_duration_ms": "for",
    "keep_firing_for_ms": "keep_firing_for",
}
_REPEAT_INTERVALS_MS = tuple(hours * HOUR_MS for hours in (12, 24))


@dataclass(frozen=True)
class _Told:
    """What paging receivers were told of a rule: false (or, unlabelled, all) pages and repeats."""

    noise: int
    repeats: int


def turn_each(
    candidates: pd.DataFrame,
    constraints: Constraints,
    now: Score,
    best: Score | None,
    score: Callable[[Setting], Score],
) -> pd.DataFrame:
    """What does each number of a rule save if it alone is turned, within the constraints?

    candidates : the swept table
    best : the recommended setting, if there is one
    score : scores a setting through Alertmanager

    One row per number that another value helps to hold them, or that the best setting turns
    (KNOB_COLUMNS): ``knob``, its value ``now`` and ``then`` as text; ``saved`` false pages (all
    pages where no incident is labelled) and ``caught`` incidents if it alone is turned, missing
    where none of its values holds the constraints; ``returned``: false pages that the best setting
    would have more if this number were left as it is, missing where it is; ``repeats_saved`` is
    missing.
    """
    possible = candidates[feasible(candidates, constraints)]
    rows = []
    for knob in KNOBS:
        alone = _alone(possible, now.setting, knob)
        turned = best is not None and knob in best.setting.turned(now.setting)
        if alone is None and not turned:
            continue
        saved = caught = returned = math.nan
        then = best.setting if alone is None else alone
        if alone is not None:
            saved, caught = now.noise - score(alone).noise, len(score(alone).caught)
        if turned:
            left = replace(best.setting, **{knob: getattr(now.setting, knob)})
            returned = score(left).noise - best.noise
        values = (_text(one, knob) for one in (now.setting, then))
        rows.append((_NAMES[knob], *values, saved, caught, returned, math.nan))
    return _table(rows)


def _alone(possible: pd.DataFrame, now: Setting, knob: str) -> Setting | None:
    """Return the best of the settings that differ from now by one number, None if there is none."""
    others = [one for one in KNOBS if one != knob]
    rows = possible[rows_of(possible, now, others)]
    for best in best_of(rows, now, most=1):
        setting = well_within(rows, best, now) if knob == "threshold" else best
        if setting != now:
            return setting
    return None


def turn_routes(
    evaluated: EvaluatedRule, setting: Setting, yardstick: Yardstick, span: Span
) -> pd.DataFrame:
    """What do the routes' ``group_by`` and ``repeat_interval`` save, each turned alone?

    evaluated : as for ``Setting.apply``

    One row per setting of a route that saves anything (KNOB_COLUMNS); ``repeats_saved`` are
    notifications that only say again what was said.  Incidents are caught as before, as the rule
    fires as before; ``caught`` and ``returned`` are missing.
    """
    episodes = find_episodes(setting.apply(evaluated))
    now = _told(episodes, yardstick, span)
    rows = []
    for route in _routes(episodes, yardstick):
        for knob, before, after, changes in _changes(route):
            config = with_route(yardstick.config, route.id, **changes)
            then = _told(episodes, replace(yardstick, config=config), span)
            where = f"{knob} of {route.key}"
            saved = (now.noise - then.noise, math.nan, math.nan, now.repeats - then.repeats)
            rows.append((where, before, after, *saved))
    table = _table(rows)
    return table[(table["saved"] > 0) | (table["repeats_saved"] > 0)].reset_index(drop=True)


def with_route(config: AlertmanagerConfig, route_id: str, **changes: object) -> AlertmanagerConfig:
    """Return a configuration in which one route, and no other, has other settings."""

    def changed(route: Route) -> Route:
        children = tuple(map(changed, route.children))
        own = changes if route.id == route_id else {}
        return replace(route, children=children, **own)

    return replace(config, route=changed(config.route))


def _changes(route: Route) -> Iterator[tuple[str, str, str, dict[str, object]]]:
    """Give other settings of a route: the knob, its values as text, and the fields to replace."""
    before = "[...]" if route.group_by is None else _labels(route.group_by)
    fewer = (
        [frozenset({"alertname"})]
        if route.group_by is None
        else [route.group_by - {label} for label in sorted(route.group_by)]
    )
    for labels in fewer:
        yield "group_by", before, _labels(labels), {"group_by": labels}
    for interval_ms in _REPEAT_INTERVALS_MS:
        if interval_ms > route.repeat_interval_ms:
            yield (
                "repeat_interval", format_duration(route.repeat_interval_ms),
                format_duration(interval_ms), {"repeat_interval_ms": interval_ms},
            )  # fmt: skip


def _routes(episodes: pd.DataFrame, yardstick: Yardstick) -> Sequence[Route]:
    """Return the routes to paging receivers that a rule's alerts take."""
    waking = set(yardstick.waking)
    found: dict[str, Route] = {}
    for labels in set(episodes["labels"]):
        received = yardstick.sending.received(labels)
        for route in yardstick.config.route.match(received) if received is not None else ():
            if route.receiver in waking:
                found[route.id] = route
    return list(found.values())


def _told(episodes: pd.DataFrame, yardstick: Yardstick, span: Span) -> _Told:
    pages = yardstick.pages(episodes, span)
    noise = len(pages)
    if yardstick.is_labelled:
        noise = int((yardstick.incident_of(epoch_ms(pages["at"])) < 0).sum())
    sent = yardstick.notifications(episodes, span)
    repeats = sent[(sent["reason"] == REPEAT) & sent["receiver"].isin(yardstick.waking)]
    return _Told(noise, len(repeats))


def _text(setting: Setting, knob: str) -> str:
    value = getattr(setting, knob)
    if value is None:
        return "as written"
    return f"{value:g}" if knob == "threshold" else format_duration(value)


def _labels(names: frozenset[str]) -> str:
    return f"[{', '.join(sorted(names))}]"


def _table(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=KNOB_COLUMNS)
